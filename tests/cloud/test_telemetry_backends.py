"""What only one backend can do wrong, and how a store is opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Protocol
from urllib.parse import urlsplit

import pytest

from cloud.telemetry.base import Aggregate, Figures, FiguresError, Stored, StoreDown, Telemetry
from cloud.telemetry.open import open_telemetry
from contract.reading import Quality, Reading

T0 = 1_767_225_600_000  # 2026-01-01T00:00Z


Opener = Callable[[str], Telemetry]


class Server(Protocol):
    """The running influxd of `conftest.py`."""

    def url(self, database: str = ..., password: str = ...) -> str: ...  # noqa: D102

    def post(self, path: str, content: str = ..., **parameters: str) -> object: ...  # noqa: D102

    def kill(self) -> None: ...  # noqa: D102


def row(device: str, at: int, *points: str, value: float = 1.5) -> list[Stored]:
    return [Stored("g", "meter", Reading(device, point, value, at)) for point in points]


@pytest.fixture
def open_store() -> Iterator[Opener]:
    """Opens stores that are closed when the test is over, however it ends."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(closing(open_telemetry(url)))


def test_a_field_that_the_server_refuses_stands_alone(open_store: Opener, influxd: Server) -> None:
    """Of a batch with one field of a conflicting type, all other readings are stored, of its own line too."""
    store = open_store(influxd.url("conflict"))
    store.write(row("first", T0, "p"))
    influxd.post("/write", f"meter,group=g,device=d broken=1i {T0}", db="conflict", precision="ms")
    batch = [line for n in range(50) for line in row("d", T0 + n, "a", "b")]
    batch[41:41] = row("d", T0 + 20, "broken")
    refused = store.write(batch)
    assert [line for line, _ in refused] == [batch[41]]
    assert "conflict" in refused[0].reason
    assert store.count("g", "meter", "d", "a") == store.count("g", "meter", "d", "b") == 50


def test_a_time_that_retention_has_dropped_is_refused(open_store: Opener, influxd: Server) -> None:
    """Readings older than the database keeps them come back with the reason instead of blocking what is new."""
    store = open_store(influxd.url("short"))
    store.write(row("first", 4_102_444_800_000, "p"))
    influxd.post("/query", q='ALTER RETENTION POLICY autogen ON "short" DURATION 1h SHARD DURATION 1h')
    batch = [*row("d", T0 - 10_000_000_000, "p"), *row("d", 4_102_444_800_000, "p")]
    assert [line for line, _ in store.write(batch)] == batch[:1]
    assert store.latest("g", "meter", "d")["p"].at == 4_102_444_800_000


def test_a_line_goes_when_all_its_readings_may(open_store: Opener, influxd: Server) -> None:
    """InfluxDB cannot delete a field: a line with a point that stays, or with a doubtful reading of one, stays whole."""
    store = open_store(influxd.url("forgotten"))
    store.write([line for n in range(6) for line in row("d", T0 + n, "a", "b")])
    store.write([Stored("g", "meter", Reading("d", "c", 9.0, T0 + 2, Quality.SUSPECT))])
    assert store.forget("g", "meter", "d", {"a": range(T0, T0 + 6)}) == 0
    assert store.forget("g", "meter", "d", {"a": range(T0, T0 + 5), "b": range(T0, T0 + 6)}) == 8
    assert [reading.at for reading in store.series("g", "meter", "d", "a", T0, T0 + 9)] == [T0 + 2, T0 + 5]
    assert store.count("g", "meter", "d", "b") == 2
    assert store.doubtful_samples("g", "meter", "d", "c", T0, T0 + 9) == [(T0 + 2, 9.0)]


def test_a_killed_server_is_down_and_what_it_took_is_kept(open_store: Opener, mortal_influxd: Server) -> None:
    """Every call raises StoreDown once the server is dead, and the message holds no password."""
    store = open_store(mortal_influxd.url())
    assert store.write(row("d", T0, "p")) == []
    mortal_influxd.kill()
    calls = [
        lambda: store.write(row("d", T0 + 1, "p")),
        lambda: store.latest("g", "meter", "d"),
        lambda: store.forget("g", "meter", "d", {"p": [T0]}),
        lambda: store.series("g", "meter", "d", "p", T0, T0 + 1),
        lambda: store.windows("g", "meter", "d", "p", T0, T0 + 1, [T0, T0 + 1], Aggregate.MEAN),
        lambda: store.write_figures("ledger_hour", [Figures({}, {"x": 1.0}, T0)]),
        lambda: store.forget_figures("ledger_hour", {"meter": "m"}, T0, T0 + 1),
        store.ping,
    ]
    for call in calls:
        with pytest.raises(StoreDown) as caught:
            call()
        assert "p,w" not in str(caught.value)


def test_a_wrong_password_is_no_refused_reading(open_store: Opener, influxd: Server) -> None:
    """Without the right to enter, the batch stays with the caller and the message holds no password."""
    store = open_store(influxd.url("telemetry", "s3cret"))
    with pytest.raises(StoreDown, match="HTTP 401") as caught:
        store.write(row("d", T0, "p"))
    assert "s3cret" not in str(caught.value)


def test_a_dropped_database_is_no_refused_reading(open_store: Opener, influxd: Server) -> None:
    """A database that is gone stops loudly, for writing and for reading, and is not made again behind the operator's back."""
    store = open_store(influxd.url("dropped"))
    store.write(row("d", T0, "p"))
    influxd.post("/query", q="DROP DATABASE dropped")
    with pytest.raises(StoreDown, match="database not found"):
        store.write(row("d", T0, "p"))
    with pytest.raises(StoreDown, match="database not found"):
        store.latest("g", "meter", "d")


def test_figures_are_replaced_field_by_field(open_store: Opener, influxd: Server) -> None:
    """Figures written again under the same tags and time replace their fields, and odd tags stay tags."""
    store = open_store(influxd.url("figures"))
    tags = {"unit": "财政局, 1=2", "empty": ""}
    store.write_figures("ledger_hour", [Figures(tags, {"consumption": 1, "measured": 0.5}, T0)])
    store.write_figures("ledger_hour", [Figures(tags, {"consumption": 2.0}, T0), Figures(tags, {"consumption": 3.0}, T0 + 1)])
    answer = store._query('SELECT * FROM "ledger_hour"')  # type: ignore[attr-defined]
    assert answer == [
        {"time": T0, "unit": "财政局, 1=2", "consumption": 2, "measured": 0.5},
        {"time": T0 + 1, "unit": "财政局, 1=2", "consumption": 3},
    ]
    influxd.post("/write", f"broken,unit=u x=1i {T0}", db="figures", precision="ms")
    with pytest.raises(FiguresError, match="conflict"):
        store.write_figures("broken", [Figures({"unit": "u"}, {"x": 1.0}, T0)])


def test_figures_in_sqlite_are_replaced_field_by_field(open_store: Opener, tmp_path: Path) -> None:
    """Figures written again under the same tags and time replace their fields."""
    store = open_store(f"sqlite:///{tmp_path}/new/folder/x.sqlite")
    store.write_figures("ledger_hour", [Figures({"unit": "u", "empty": ""}, {"consumption": 1, "measured": 0.5}, T0)])
    store.write_figures("ledger_hour", [Figures({"unit": "u"}, {"consumption": 2.0}, T0)])
    found = store._read("SELECT tags, ts, field, value FROM figure ORDER BY field", ())  # type: ignore[attr-defined]
    assert found == [('{"unit": "u"}', T0, "consumption", 2.0), ('{"unit": "u"}', T0, "measured", 0.5)]


def test_sqlite_keeps_everything_over_a_restart(open_store: Opener, tmp_path: Path) -> None:
    """Readings, qualities and reasons are there when the file is opened again."""
    url = f"sqlite:///{tmp_path}/x.sqlite"
    store = open_store(url)
    store.write([*row("d", T0, "p"), Stored("g", "meter", Reading("d", "p", None, T0 + 1, Quality.BAD, "no answer"))])
    store.close()
    again = open_store(url)
    expected = [Reading("d", "p", 1.5, T0), Reading("d", "p", None, T0 + 1, Quality.BAD, "no answer")]
    assert again.series("g", "meter", "d", "p", T0, T0 + 9) == expected


@pytest.mark.parametrize("action", ["ABORT", "ROLLBACK"])
def test_sqlite_that_fails_midway_stores_nothing_and_recovers(open_store: Opener, tmp_path: Path, action: str) -> None:
    """A batch that cannot be finished is taken back as a whole, new series too, and the next try succeeds."""
    store = open_store(f"sqlite:///{tmp_path}/x.sqlite")
    with sqlite3.connect(tmp_path / "x.sqlite") as other:
        other.execute(f"CREATE TRIGGER full BEFORE INSERT ON reading WHEN new.ts = 2 BEGIN SELECT RAISE({action}, 'disk full'); END")
    batch = [line for at in (1, 2, 3) for line in row("d", at, "p")]
    with pytest.raises(StoreDown, match="disk full"):
        store.write(batch)
    assert store.count("g", "meter", "d", "p") == 0
    other.execute("DROP TRIGGER full")
    other.close()
    assert store.write(batch) == []
    assert store.count("g", "meter", "d", "p") == 3


def test_a_file_that_is_no_database_is_a_store_that_is_down(open_store: Opener, tmp_path: Path) -> None:
    """A broken file is reported with its path when the store is opened."""
    path = tmp_path / "x.sqlite"
    path.write_text("not a database, but long enough to be looked at as one" * 20, encoding="utf-8")
    with pytest.raises(StoreDown, match=r"x\.sqlite"):
        open_store(f"sqlite:///{path}")
    with pytest.raises(StoreDown):
        open_store(f"sqlite:///{path}/below/x.sqlite")


class _Recorder(BaseHTTPRequestHandler):
    """The documented contract of 2.x: a body with one bad line is refused whole."""

    stored: set[str]
    seen: list[tuple[str, str, str]]
    version = "v2.7.1"

    def do_GET(self) -> None:
        self._answer(204)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.seen.append((self.command, urlsplit(self.path).path, self.headers.get("Authorization", "")))
        if "unavailable" in body:
            self._answer(503)
        elif "poison" in body:
            self._answer(422, b'{"code":"unprocessable entity"}')
        else:
            self.stored.update(body.splitlines())
            self._answer(204)

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("X-Influxdb-Version", self.version)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Stay quiet."""


@pytest.fixture
def newer() -> Iterator[tuple[int, type[_Recorder]]]:
    """A server that answers like 2.x."""
    handler = type("Recorder", (_Recorder,), {"stored": set(), "seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port, handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_that_refuses_whole_bodies_still_gets_all_good_lines(open_store: Opener, newer: tuple[int, type[_Recorder]]) -> None:
    """Halving finds the refused readings, every other one arrives, and no database is made, with the token as documented."""
    port, recorder = newer
    store = open_store(f"influx+http://any:t0ken@127.0.0.1:{port}/bucket?auth=token")
    batch = [line for n in range(30) for line in row("d", T0 + n, "poison" if n in {7, 8, 29} else "p")]
    refused = store.write(batch)
    assert [line.reading.at - T0 for line, _ in refused] == [7, 8, 29]
    assert recorder.stored == {f"meter,device=d,group=g p=1.5 {T0 + n}" for n in range(30) if n not in {7, 8, 29}}
    assert set(recorder.seen) == {("POST", "/write", "Token t0ken")}
    with pytest.raises(StoreDown, match="HTTP 503"):
        store.write(row("d", T0, "unavailable"))


def test_a_server_that_cannot_delete_is_not_asked_to(open_store: Opener, newer: tuple[int, type[_Recorder]]) -> None:
    """InfluxDB 3.x has no DELETE: that figures stay is told, and is no store that is down, which would stop the ledger."""
    port, recorder = newer
    recorder.version = "3.1.0"
    store = open_store(f"influx+http://any:t0ken@127.0.0.1:{port}/bucket?auth=token")
    assert store.forget_figures("ledger_hour", {"meter": "m"}, T0, T0 + 1) is False
    assert recorder.seen == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite://",
        "sqlite:///",
        "postgresql://u:s3cret@host/db",
        "influx+http://u:s3cret@host",
        "influx+http://u:s3cret@:8086/db",
        "influx+http://u:s3cret/x@host:8086/db",
        "influx+http://u:s3cret@host:port/db",
        "influx+http://u:s3cret@host:8086/db?auth=s3cret",
        "influx+http://u:[s3cret@host/db",
    ],
)
def test_a_wrong_url_is_told_without_its_password(open_store: Opener, url: str) -> None:
    """A URL that cannot be understood is a ValueError that shows the right form and no secret."""
    with pytest.raises(ValueError, match="telemetry URL") as caught:
        open_store(url)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
