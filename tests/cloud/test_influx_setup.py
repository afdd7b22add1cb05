"""`jieyue-cloud influx setup` against a server that holds the documented contract of InfluxDB OSS 2.7's API and records what it was asked.

No 2.x server can be installed here; docs/operating.md says that none has been run.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

ADMIN = "admin-token-of-this-test"
ORG = "0000000000000001"


@dataclass
class Influx:
    """What the server holds; ids are 16 hexadecimal digits, as there."""

    url: str = ""
    buckets: list[dict[str, Any]] = field(default_factory=list)
    dbrps: list[dict[str, Any]] = field(default_factory=list)
    authorizations: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    given: int = 16

    def id(self) -> str:
        """A new one."""
        self.given += 1
        return f"{self.given:016x}"

    def changed(self) -> list[tuple[str, str]]:
        """Requests that were to change something."""
        return [(method, path) for method, path in self.asked if method != "GET"]


class Handler(BaseHTTPRequestHandler):
    """The routes that the command uses; any other is 404, and without the token all are 401."""

    held: ClassVar[Influx]

    def _answer(self, status: HTTPStatus, body: object = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _refuse(self, status: HTTPStatus, code: str, message: str) -> None:
        self._answer(status, {"code": code, "message": message})

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        self.held.asked.append((self.command, parts.path))
        if self.headers.get("Authorization") != f"Token {ADMIN}":
            self._refuse(HTTPStatus.UNAUTHORIZED, "unauthorized", "unauthorized access")
            return
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        name, *rest = parts.path.removeprefix("/api/v2/").split("/")
        routes: dict[tuple[str, str], Callable[..., None]] = {
            ("GET", "orgs"): self._orgs,
            ("GET", "buckets"): self._buckets,
            ("POST", "buckets"): self._make_bucket,
            ("PATCH", "buckets"): self._change_bucket,
            ("GET", "dbrps"): self._dbrps,
            ("POST", "dbrps"): self._map,
            ("GET", "authorizations"): self._authorizations,
            ("POST", "authorizations"): self._authorize,
            ("DELETE", "authorizations"): self._withdraw,
        }
        route = routes.get((self.command, name))
        if route is None:
            self._refuse(HTTPStatus.NOT_FOUND, "not found", f"path not found: {parts.path}")
            return
        route(query, body, *rest)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 (the names that http.server asks for)

    def _orgs(self, query: dict[str, str], _body: dict[str, Any]) -> None:
        if query.get("org") != "jieyue":
            self._refuse(HTTPStatus.NOT_FOUND, "not found", f'organization name "{query.get("org")}" not found')
            return
        self._answer(HTTPStatus.OK, {"orgs": [{"id": ORG, "name": "jieyue"}]})

    def _buckets(self, query: dict[str, str], _body: dict[str, Any]) -> None:
        assert query["orgID"] == ORG
        self._answer(HTTPStatus.OK, {"buckets": [b for b in self.held.buckets if b["name"] == query["name"]]})

    def _make_bucket(self, _query: dict[str, str], body: dict[str, Any]) -> None:
        assert body["orgID"] == ORG
        self.held.buckets.append({"id": self.held.id(), "type": "user", **body})
        self._answer(HTTPStatus.CREATED, self.held.buckets[-1])

    def _change_bucket(self, _query: dict[str, str], body: dict[str, Any], name: str) -> None:
        (found,) = [b for b in self.held.buckets if b["id"] == name]
        found.update(body)
        self._answer(HTTPStatus.OK, found)

    def _dbrps(self, query: dict[str, str], _body: dict[str, Any]) -> None:
        """Explicit mappings, and the virtual ones of buckets that have none ("Database and retention policy mapping")."""
        explicit = {m["bucketID"] for m in self.held.dbrps}
        virtual = [
            {
                "id": b["id"],
                "orgID": ORG,
                "bucketID": b["id"],
                "database": b["name"],
                "retention_policy": "autogen",
                "default": True,
                "virtual": True,
            }
            for b in self.held.buckets
            if b["id"] not in explicit
        ]
        found = [m for m in [*self.held.dbrps, *virtual] if m["database"] == query["db"] and m["orgID"] == query["orgID"]]
        self._answer(HTTPStatus.OK, {"content": found})

    def _map(self, _query: dict[str, str], body: dict[str, Any]) -> None:
        assert {"orgID", "bucketID", "database", "retention_policy"} <= set(body)
        self.held.dbrps.append({"id": self.held.id(), "virtual": False, **body})
        self._answer(HTTPStatus.CREATED, self.held.dbrps[-1])

    def _authorizations(self, query: dict[str, str], _body: dict[str, Any]) -> None:
        assert query["orgID"] == ORG
        self._answer(HTTPStatus.OK, {"authorizations": [{**a, "token": "redacted"} for a in self.held.authorizations]})

    def _authorize(self, _query: dict[str, str], body: dict[str, Any]) -> None:
        made = {"id": self.held.id(), "status": "active", **body}
        made["token"] = f"secret-{made['id']}"
        self.held.authorizations.append(made)
        self._answer(HTTPStatus.CREATED, made)

    def _withdraw(self, _query: dict[str, str], _body: dict[str, Any], name: str) -> None:
        self.held.authorizations[:] = [a for a in self.held.authorizations if a["id"] != name]
        self._answer(HTTPStatus.NO_CONTENT)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name in http.server)
        """The record is `asked`."""


@pytest.fixture
def influx() -> Iterator[Influx]:
    """An InfluxDB 2.7 with an organisation and nothing else."""
    held = Influx()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Held", (Handler,), {"held": held}))
    held.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield held
    server.shutdown()
    server.server_close()


def setup(url: str, folder: Path, *options: str, admin: str = ADMIN) -> subprocess.CompletedProcess[str]:
    (folder / "admin").write_text(admin + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "cloud", "influx", "setup", "--url", url, "--admin-token-file", str(folder / "admin")]
    command += ["--tokens", str(folder / "tokens"), *options]
    return subprocess.run(command, env=os.environ, capture_output=True, text=True, timeout=60, check=False)


def test_everything_is_made_once(influx: Influx, tmp_path: Path) -> None:
    """Bucket without expiry, its database, two tokens with no more rights than needed, in files of 0600; again: nothing changes."""
    done = setup(influx.url, tmp_path)
    tokens = tmp_path / "tokens"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "bucket jieyue: made",
        "database jieyue: made",
        f"token of cloud: made, in {tokens / 'cloud'}",
        f"token of grafana: made, in {tokens / 'grafana'}",
    ]
    (bucket,), (mapping,) = influx.buckets, influx.dbrps
    assert bucket["retentionRules"] == [{"type": "expire", "everySeconds": 0}]
    assert [mapping[k] for k in ("database", "bucketID", "retention_policy", "default")] == ["jieyue", bucket["id"], "autogen", True]
    rights = {
        a["description"]: [(p["action"], p["resource"]["type"], p["resource"]["id"]) for p in a["permissions"]]
        for a in influx.authorizations
    }
    assert rights == {
        "jieyue cloud jieyue": [("read", "buckets", bucket["id"]), ("write", "buckets", bucket["id"])],
        "jieyue grafana jieyue": [("read", "buckets", bucket["id"])],
    }
    written = {p.name: (p.read_text(encoding="utf-8").strip(), stat.S_IMODE(p.stat().st_mode)) for p in tokens.iterdir()}
    assert written == {n: (a["token"], 0o600) for n, a in zip(("cloud", "grafana"), influx.authorizations, strict=True)}

    before = influx.changed()
    again = setup(influx.url, tmp_path)
    assert again.stdout.splitlines() == [
        "bucket jieyue: there",
        "database jieyue: there",
        "token of cloud: there",
        "token of grafana: there",
    ]
    assert influx.changed() == before


def test_nothing_secret_is_printed(influx: Influx, tmp_path: Path) -> None:
    """Neither the administrator's token nor a new one is on stdout or stderr, whether it works or is refused."""
    for done in (setup(influx.url, tmp_path), setup(influx.url, tmp_path, admin="wrong-one")):
        said = done.stdout + done.stderr
        assert not any(secret in said for secret in (ADMIN, "wrong-one", *(a["token"] for a in influx.authorizations)))


def test_a_lost_token_file_withdraws_the_token_and_makes_another(influx: Influx, tmp_path: Path) -> None:
    """A server tells a token once; the old one must not stay valid, and the other user's is left alone."""
    setup(influx.url, tmp_path)
    old = {a["description"]: a["token"] for a in influx.authorizations}
    (tmp_path / "tokens" / "grafana").unlink()
    done = setup(influx.url, tmp_path)
    new = {a["description"]: a["token"] for a in influx.authorizations}
    assert done.stdout.splitlines()[2:] == ["token of cloud: there", f"token of grafana: made, in {tmp_path / 'tokens' / 'grafana'}"]
    assert new["jieyue cloud jieyue"] == old["jieyue cloud jieyue"]
    assert new["jieyue grafana jieyue"] != old["jieyue grafana jieyue"]
    assert (tmp_path / "tokens" / "grafana").read_text(encoding="utf-8").strip() == new["jieyue grafana jieyue"]


def test_a_bucket_that_forgets_is_told_not_to(influx: Influx, tmp_path: Path) -> None:
    """Its first start may have made it with a retention; counters must not expire."""
    influx.buckets.append(
        {"id": "00000000000000aa", "orgID": ORG, "name": "jieyue", "retentionRules": [{"type": "expire", "everySeconds": 3600}]}
    )
    assert setup(influx.url, tmp_path).stdout.splitlines()[0] == "bucket jieyue: no longer forgets"
    assert influx.buckets[0]["retentionRules"] == [{"type": "expire", "everySeconds": 0}]
    assert [m["bucketID"] for m in influx.dbrps] == ["00000000000000aa"]


def test_what_is_wrong_is_said_in_one_line(influx: Influx, tmp_path: Path) -> None:
    """A wrong token or organisation: exit code 2; no server: 1; nothing was made."""
    wrong = setup(influx.url, tmp_path, admin="wrong")
    assert (wrong.returncode, wrong.stderr) == (2, f"jieyue-cloud: {influx.url}: HTTP 401 unauthorized access\n")
    other = setup(influx.url, tmp_path, "--org", "nobody")
    assert (other.returncode, other.stderr) == (2, f'jieyue-cloud: {influx.url}: HTTP 404 organization name "nobody" not found\n')
    nowhere = setup("http://127.0.0.1:1", tmp_path)
    assert (nowhere.returncode, nowhere.stderr) == (1, "jieyue-cloud: http://127.0.0.1:1: [Errno 111] Connection refused\n")
    assert (influx.changed(), (tmp_path / "tokens").exists()) == ([], False)


def test_the_cloud_writes_with_its_token(influx: Influx, tmp_path: Path) -> None:
    """The address of the settings and the token's file make the header that 2.x wants."""
    setup(influx.url, tmp_path)
    environment = os.environ | {
        "JIEYUE_TELEMETRY": f"influx+{influx.url}/jieyue?auth=token",
        "JIEYUE_TELEMETRY_PASSWORD_FILE": str(tmp_path / "tokens" / "cloud"),
    }
    code = "from cloud.settings import load_settings as s; print(s().telemetry_url())"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True)
    token = influx.authorizations[0]["token"]
    assert done.stdout == f"influx+http://token:{token}@{influx.url.removeprefix('http://')}/jieyue?auth=token\n"
