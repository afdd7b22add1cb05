"""InfluxDB 2 for tests: holds the contract of 2.7, as it is documented and as a 2.7.12 was seen to answer, and records requests.

No 2.x server can be installed here, so this is the one exception to real servers. What it holds: administration as in
"InfluxDB OSS API 2.7"; a missing bucket is 404; lists leave out what a token may not see; `/write` and `/query` find a bucket
by its database name, else 404 "no dbrp mapping found"; a partial write is 422 and stores the good lines, a line that cannot be
parsed (here: with a field `unparsable`) is 400 and stores none. Of InfluxQL it knows the few statements that the setup sends.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from operator import itemgetter
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

ADMIN = "admin-token-of-this-test"
ORG = "0000000000000001"
Answer = tuple[HTTPStatus, object]
_LINE = re.compile(r"(?P<measurement>\w+),(?P<tags>\S+) (?P<fields>(?:[^\s\\]|\\.)+) (?P<at>-?\d+)")
_OPERATOR = [{"action": action, "resource": {"type": "buckets", "id": ""}} for action in ("read", "write")]


class Refusal(Exception):  # noqa: N818 (what the server answers, no fault of the test)
    """An answer that is no success."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.answer: Answer = (status, {"code": code, "message": message})


@dataclass
class Influx2:
    """What the server holds; ids are 16 hexadecimal digits, as there.

    Attributes:
        deletes: Whether a DELETE is allowed to anybody.
        integers: (measurement, field) that hold integers, so that a float is a conflict.
        oldest: Lines before this time (ms) are beyond the bucket's retention.
        points: By (bucket, measurement, tags, time): the fields.
        asked: Method and path of each request.
        sees_organisation: Whether a token that is no administrator's sees the organisation.
        seen: The `Authorization` headers of `/write` and `/query`.
    """

    url: str = ""
    onboarded: bool = True
    sees_organisation: bool = False
    version: str = "v2.7.12"
    down: bool = False
    deletes: bool = True
    buckets: list[dict[str, Any]] = field(default_factory=list)
    dbrps: list[dict[str, Any]] = field(default_factory=list)
    authorizations: list[dict[str, Any]] = field(default_factory=list)
    integers: set[tuple[str, str]] = field(default_factory=set)
    oldest: int = -(2**63)
    points: dict[tuple[str, str, str, int], dict[str, float]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    given: int = 16

    def id(self) -> str:
        """A new one."""
        self.given += 1
        return f"{self.given:016x}"

    def changed(self) -> list[tuple[str, str]]:
        """Requests that were to change what an administrator sees."""
        return [(method, path) for method, path in self.asked if method != "GET" and path.startswith("/api/")]

    def add_bucket(self, name: str, **rule: int) -> str:
        """A bucket that is there before; its id."""
        rules = [{"type": "expire", "everySeconds": 0, "shardGroupDurationSeconds": 604800} | rule]
        self.buckets.append({"id": self.id(), "type": "user", "orgID": ORG, "name": name, "retentionRules": rules})
        return str(self.buckets[-1]["id"])

    def store(self, database: str) -> str:
        """A bucket of this name, and the address of it as a store, with a token that may read and write."""
        bucket, token = self.add_bucket(database), f"t0ken-of-{database}"
        permissions = [{"action": action, "resource": {"type": "buckets", "id": bucket}} for action in ("read", "write")]
        self.authorizations.append({"id": self.id(), "description": database, "token": token, "permissions": permissions})
        return f"influx+http://any:{token}@{self.url.removeprefix('http://')}/{database}?auth=token"

    def rights(self, header: str) -> list[dict[str, Any]]:
        """What the token of a header may do; a password of HTTP Basic is a token, too."""
        kind, _, token = header.partition(" ")
        if kind == "Basic":
            token = base64.b64decode(token).decode().partition(":")[2]
        held: dict[str, list[dict[str, Any]]] = {a["token"]: a["permissions"] for a in self.authorizations}
        if token == ADMIN and self.onboarded:
            return _OPERATOR
        if token not in held:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "unauthorized", "unauthorized access")
        return held[token]

    def bucket_of(self, database: str, rights: list[dict[str, Any]]) -> str:
        """The id of a database's bucket, as far as the token may see it."""
        visible = [m for m in self.mappings() if m["database"] == database and m["default"] and _may("read", m["bucketID"], rights)]
        if not visible:
            raise Refusal(HTTPStatus.NOT_FOUND, "not found", "no dbrp mapping found")
        return str(visible[0]["bucketID"])

    def mappings(self) -> list[dict[str, Any]]:
        """Explicit mappings, then the virtual ones of buckets that have none."""
        explicit = {m["bucketID"] for m in self.dbrps}
        virtual = [
            {"id": b["id"], "bucketID": b["id"], "database": b["name"], "retention_policy": "autogen", "default": True, "virtual": True}
            for b in self.buckets
            if b["id"] not in explicit
        ]
        return [m | {"orgID": ORG} for m in (*self.dbrps, *virtual)]

    def write(self, query: Mapping[str, str], text: str, rights: list[dict[str, Any]]) -> Answer:
        """`POST /write`."""
        bucket = self.bucket_of(query["db"], rights)
        if not _may("write", bucket, rights):
            raise Refusal(HTTPStatus.FORBIDDEN, "forbidden", "insufficient permissions for write")
        if wrong := next((line for line in text.splitlines() if " unparsable=" in line), ""):
            raise Refusal(HTTPStatus.BAD_REQUEST, "invalid", f"unable to parse '{wrong}': bad timestamp")
        reasons = [reason for line in text.splitlines() if (reason := self._store(bucket, line))]
        if reasons:
            told = f"failure writing points to database: partial write: {reasons[0]} dropped={len(reasons)}"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "unprocessable entity", told)
        return HTTPStatus.NO_CONTENT, None

    def _store(self, bucket: str, text: str) -> str:
        """Store a line; or why it is dropped."""
        line = _LINE.fullmatch(text)
        assert line, text
        measurement, at = line["measurement"], int(line["at"])
        fields = dict(part.replace("\\ ", " ").split("=") for part in line["fields"].split(","))
        if at < self.oldest:
            return "points beyond retention policy"
        for name in fields:
            if (measurement, name) in self.integers:
                where = f'input field "{name}" on measurement "{measurement}"'
                return f"field type conflict: {where} is type float, already exists as type integer"
        stored = self.points.setdefault((bucket, measurement, line["tags"], at), {})
        stored.update({name: float(value) for name, value in fields.items()})
        return ""

    def query(self, query: Mapping[str, str], statement: str, rights: list[dict[str, Any]]) -> Answer:
        """`/query`: SELECTs of columns by time, or a DELETE; 3.x takes one statement in a request."""
        bucket = self.bucket_of(query["db"], rights)
        statements = statement.split(";")
        if self.version.startswith("v3.") and len(statements) > 1:
            raise Refusal(HTTPStatus.BAD_REQUEST, "invalid", "must provide only one InfluxQl statement per query")
        series = [self._run(bucket, one, rights) for one in statements]
        return HTTPStatus.OK, {"results": [{"statement_id": n} | ({"series": found} if found else {}) for n, found in enumerate(series)]}

    def _run(self, bucket: str, statement: str, rights: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The series of one statement, if it has any."""
        measurement = re.search(r'FROM "(\w+)" WHERE ', statement)
        bounds = {sign: int(at) for sign, at in re.findall(r"time (>=|<) (-?\d+)ms", statement)}
        assert measurement, statement
        assert bounds, statement
        first, end = bounds.get(">=", -(2**63)), bounds.get("<", 2**63)
        within = [k for k in self.points if k[:2] == (bucket, measurement[1]) and first <= k[3] < end]
        if statement.startswith("DELETE"):
            if not self.deletes or not _may("write", bucket, rights):
                raise Refusal(HTTPStatus.FORBIDDEN, "forbidden", "insufficient permissions")
            for key in within:
                del self.points[key]
            within = []
        columns = re.findall(r'"(\w+)" AS (\w+)', statement)
        rows = [[key[3], *(self.points[key].get(name) for name, _ in columns)] for key in within]
        rows = sorted((row for row in rows if any(value is not None for value in row[1:])), key=itemgetter(0))
        rows = rows[:: -1 if "ORDER BY time DESC" in statement else 1][: 1 if "LIMIT 1" in statement else None]
        return [{"name": measurement[1], "columns": ["time", *(shown for _, shown in columns)], "values": rows}] if rows else []


def _may(action: str, bucket: str, rights: list[dict[str, Any]]) -> bool:
    return any(p["action"] == action and p["resource"]["id"] in {"", bucket} for p in rights)


class _Handler(BaseHTTPRequestHandler):
    """The routes that are used; any other is 404."""

    held: ClassVar[Influx2]

    def _serve(self) -> None:
        try:
            status, body = self._answer()
        except Refusal as refusal:
            status, body = refusal.answer
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("X-Influxdb-Version", self.held.version)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 (the names that http.server asks for)

    def _answer(self) -> Answer:
        parts = urlsplit(self.path)
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        header = self.headers.get("Authorization", "")
        self.held.asked.append((self.command, parts.path))
        if self.held.down:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "service unavailable")
        if parts.path == "/ping":
            return HTTPStatus.NO_CONTENT, None
        if parts.path == "/api/v2/setup":
            return HTTPStatus.OK, {"allowed": not self.held.onboarded}
        rights = self.held.rights(header)
        if parts.path in {"/write", "/query"}:
            self.held.seen.add(header)
        if parts.path == "/write":
            return self.held.write(query, text, rights)
        if parts.path == "/query":
            return self.held.query(query, query.get("q") or parse_qs(text)["q"][0], rights)
        kind, *rest = parts.path.removeprefix("/api/v2/").split("/")
        return self._administer(f"{self.command} {kind}", query, json.loads(text or "{}"), rights is _OPERATOR, *rest)

    def _administer(self, what: str, query: dict[str, str], body: dict[str, Any], may: bool, *rest: str) -> Answer:  # noqa: FBT001 (a right)
        held = self.held
        if not may and self.command != "GET":
            kind = what.partition(" ")[2]
            raise Refusal(HTTPStatus.UNAUTHORIZED, "unauthorized", f"write:orgs/{ORG}/{kind} is unauthorized")
        if what == "GET orgs":
            if query.get("org") != "jieyue":
                raise Refusal(HTTPStatus.NOT_FOUND, "not found", f'organization name "{query.get("org")}" not found')
            return HTTPStatus.OK, {"orgs": [{"id": ORG, "name": "jieyue"}] if may or held.sees_organisation else []}
        if what == "GET buckets":
            found = [b for b in held.buckets if may and b["name"] == query["name"]]
            if not found:
                raise Refusal(HTTPStatus.NOT_FOUND, "not found", f'bucket "{query["name"]}" not found')
            return HTTPStatus.OK, {"buckets": found}
        if what == "GET dbrps":
            return HTTPStatus.OK, {"content": [m for m in held.mappings() if m["database"] == query["db"]]}
        if what == "GET authorizations":
            return HTTPStatus.OK, {"authorizations": [{**a, "token": "redacted"} for a in held.authorizations]}
        return self._change(what, body, *rest)

    def _change(self, what: str, body: dict[str, Any], *rest: str) -> Answer:
        held = self.held
        if what in {"PATCH buckets", "PATCH dbrps"}:
            (found,) = [each for each in (*held.buckets, *held.dbrps) if each["id"] == rest[0]]
            found.update(body)
            return HTTPStatus.OK, found
        if what == "DELETE authorizations":
            held.authorizations[:] = [a for a in held.authorizations if a["id"] != rest[0]]
            return HTTPStatus.NO_CONTENT, None
        places = {"POST buckets": held.buckets, "POST dbrps": held.dbrps, "POST authorizations": held.authorizations}
        if what not in places:
            raise Refusal(HTTPStatus.NOT_FOUND, "not found", "path not found")
        made = {"id": held.id(), "type": "user", "status": "active", "virtual": False, **body}
        made["token"] = f"secret-{made['id']}"
        places[what].append(made)
        return HTTPStatus.CREATED, made

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name in http.server)
        """The record is `asked`."""


@contextmanager
def serving() -> Iterator[Influx2]:
    """A server with an organisation and nothing else."""
    held = Influx2()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Held", (_Handler,), {"held": held}))
    held.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield held
    server.shutdown()
    thread.join()
    server.server_close()
