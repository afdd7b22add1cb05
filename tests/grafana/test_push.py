"""`jieyue-cloud grafana push` against a server that holds the documented contract of Grafana's HTTP interface.

Grafana itself is not run here. What the server does is what Grafana's documentation says of folders ("Folder API") and
dashboards ("Dashboard API"): bearer token or 401, 404 for an unknown uid, 409 for a folder that is there, 412 for a dashboard
that is there unless `overwrite` says so, and a version that rises with each save.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from simulators.stack import panels
from tests import commands

TOKEN = "glsa_of_this_test"  # noqa: S105 (of a server that lives for a test)
Answer = tuple[HTTPStatus, dict[str, Any]]


@dataclass
class Grafana:
    """What the server holds, and what was asked of it."""

    url: str = ""
    broken: bool = False
    page: bool = False
    """A proxy stands before it that answers everything with its login page."""
    folders: dict[str, dict[str, Any]] = field(default_factory=dict)
    boards: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def changes(self) -> list[tuple[str, str]]:
        """Requests that were to change something, since the last time."""
        found = [(method, path) for method, path in self.asked if method != "GET"]
        self.asked.clear()
        return found

    def answer(self, method: str, path: str, body: dict[str, Any]) -> Answer:
        """One request, under the prefix /monitor."""
        self.asked.append((method, path))
        if self.broken:
            return HTTPStatus.INTERNAL_SERVER_ERROR, {"message": "database is locked"}
        kind, _, uid = path.removeprefix("/monitor/api/").partition("/")
        if kind == "folders":
            return self._folder(method, uid, body)
        if (method, path) == ("POST", "/monitor/api/dashboards/db"):
            return self._save(body)
        uid = uid.removeprefix("uid/")
        if (method, kind) == ("GET", "dashboards") and uid in self.boards:
            return HTTPStatus.OK, self.boards[uid]
        return HTTPStatus.NOT_FOUND, {"message": "Dashboard not found"}

    def _folder(self, method: str, uid: str, body: dict[str, Any]) -> Answer:
        if method == "POST":
            if body["uid"] in self.folders:
                return HTTPStatus.CONFLICT, {"message": "folder already exists"}
            self.folders[body["uid"]] = {"id": len(self.folders) + 1, **body}
            return HTTPStatus.OK, self.folders[body["uid"]]
        if uid not in self.folders:
            return HTTPStatus.NOT_FOUND, {"message": "folder not found", "status": "not-found"}
        return HTTPStatus.OK, self.folders[uid]

    def _save(self, body: dict[str, Any]) -> Answer:
        board = body["dashboard"]
        uid, there = board["uid"], self.boards.get(board["uid"])
        if body["folderUid"] not in self.folders:
            return HTTPStatus.BAD_REQUEST, {"message": "folder not found"}
        if there is not None and not body["overwrite"]:
            return HTTPStatus.PRECONDITION_FAILED, {"message": "The dashboard has been changed", "status": "version-mismatch"}
        version = there["dashboard"]["version"] + 1 if there else 1
        number = there["dashboard"]["id"] if there else len(self.boards) + 1
        self.boards[uid] = {"dashboard": board | {"id": number, "version": version}, "meta": {"folderUid": body["folderUid"]}}
        return HTTPStatus.OK, {"id": number, "uid": uid, "url": f"/d/{uid}", "status": "success", "version": version, "slug": uid}


def _handler(held: Grafana) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            status, content = HTTPStatus.UNAUTHORIZED, dict[str, Any](message="Invalid API key")
            if self.headers.get("Authorization") == f"Bearer {TOKEN}":
                status, content = held.answer(self.command, self.path, body)
            data = json.dumps(content).encode()
            if held.page:
                status, data = HTTPStatus.OK, b"<!doctype html><title>Log in</title>"
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if held.page else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _serve  # noqa: N815 (the names that http.server asks for)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its parameter there)
            """Say nothing: what was asked is kept."""

    return Handler


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    """The recording server, under a path prefix."""
    held = Grafana()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(held))
    held.url = f"http://127.0.0.1:{server.server_port}/monitor/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield held
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """A file with the right token, ended by a line break as an editor does."""
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n", encoding="utf-8")
    return path


def push(url: str, token: Path, *more: str) -> subprocess.CompletedProcess[str]:
    arguments = ["grafana", "push", "--url", url, "--token-file", str(token), *more]
    return commands.run("cloud", *arguments, environment=os.environ | {"JIEYUE_DATA": str(token.parent)})


def test_a_first_push_creates_folders_and_dashboards_as_generated(grafana: Grafana, token: Path) -> None:
    """Both folders and each dashboard, byte for byte what stands in the package, in the folder of its language."""
    done = push(grafana.url, token)
    shipped = panels.boards()
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == sorted(f"created {uid}" for uid in shipped)
    assert {uid: f["title"] for uid, f in grafana.folders.items()} == {"jieyue": "节约", "jieyue-en": "Jieyue"}
    for uid, board in shipped.items():
        kept = grafana.boards[uid]
        assert kept["dashboard"] | {"id": None} == board | {"version": 1}
        assert kept["meta"]["folderUid"] == ("jieyue-en" if uid.endswith("-en") else "jieyue")


def test_pushing_again_changes_nothing_and_mends_what_was_changed(grafana: Grafana, token: Path) -> None:
    """An equal dashboard makes no new version; one that somebody changed or moved is brought back."""
    push(grafana.url, token)
    grafana.changes()
    again = push(grafana.url, token)
    assert {line.split()[0] for line in again.stdout.splitlines()} == {"unchanged"}
    assert grafana.changes() == []
    grafana.boards["jieyue-wall"]["dashboard"]["panels"] = []
    grafana.boards["jieyue-water"]["meta"]["folderUid"] = ""
    mended = push(grafana.url, token).stdout.splitlines()
    assert [line for line in mended if not line.startswith("unchanged")] == ["updated jieyue-wall", "updated jieyue-water"]
    assert grafana.changes() == [("POST", "/monitor/api/dashboards/db")] * 2
    assert grafana.boards["jieyue-wall"]["dashboard"]["version"] == 2
    assert grafana.boards["jieyue-wall"]["dashboard"]["panels"] == panels.boards()["jieyue-wall"]["panels"]


def told(done: subprocess.CompletedProcess[str]) -> tuple[int, str]:
    assert (done.stdout, done.stderr.count("\n")) == ("", 1), done.stderr
    assert done.stderr.startswith("jieyue-cloud: ")
    assert TOKEN not in done.stderr
    return done.returncode, done.stderr


def test_what_grafana_refuses_is_one_line(grafana: Grafana, token: Path) -> None:
    """A wrong token, a broken server and none at all end with 1, and say what; nothing was changed."""
    wrong = token.with_name("wrong")
    wrong.write_text("another", encoding="utf-8")
    code, text = told(push(grafana.url, wrong))
    assert (code, "Unauthorized" in text, grafana.asked) == (1, True, [])
    grafana.broken = True
    code, text = told(push(grafana.url, token))
    assert (code, "database is locked" in text, grafana.changes()) == (1, True, [])
    grafana.broken, grafana.page = False, True
    code, text = told(push(grafana.url, token))
    assert (code, "is --url Grafana's address?" in text, grafana.changes()) == (1, True, [])
    code, text = told(push("http://127.0.0.1:9", token))
    assert (code, "http://127.0.0.1:9: cannot be reached" in text) == (1, True)


def test_bad_input_is_one_line(grafana: Grafana, token: Path, tmp_path: Path) -> None:
    """No URL, no token, no dashboards: exit code 2, and Grafana is not asked."""
    empty = tmp_path / "empty"
    empty.touch()
    assert told(push("ftp://here", token)) == (
        2,
        "jieyue-cloud: --url: expected http://HOST[:PORT][/PREFIX] or https://…, without user or query, got ftp://here\n",
    )
    for url in ("http://127.0.0.1:99999", "http://[::1"):
        code, text = told(push(url, token))
        assert (code, f"--url: expected http://HOST[:PORT][/PREFIX] or https://…, got '{url}'" in text) == (2, True)
    assert told(push(grafana.url, empty))[0] == 2
    assert "cannot be read" in told(push(grafana.url, tmp_path / "none"))[1]
    assert told(push(grafana.url, token, "--dashboards", str(tmp_path))) == (2, f"jieyue-cloud: {tmp_path}: no dashboards in zh/ or en/\n")
    assert grafana.asked == []
