"""What only one backend can do wrong, and how a store is opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Barrier, Thread
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest

from cloud.telemetry.base import Aggregate, Breaker, Figures, FiguresError, Stored, StoreDown, Telemetry
from cloud.telemetry.influx import InfluxTelemetry
from cloud.telemetry.influx_address import InfluxAddress
from cloud.telemetry.influx_server import InfluxServer
from cloud.telemetry.open import open_telemetry
from cloud.telemetry.sqlite import MOST_READERS
from contract.reading import Quality, Reading
from tests.cloud.influx2 import Influx2

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


def test_a_dropped_database_is_no_refused_reading(open_store: Opener, influxd: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """A database that is gone stops loudly, for writing and for reading; the next call makes it again, and what waited is stored."""
    store = open_store(influxd.url("dropped"))
    calls: list[Callable[[], object]] = [lambda: store.write(row("d", T0, "p")), lambda: store.latest("g", "meter", "d")]
    for lost in calls:
        store.write(row("d", T0, "p"))
        influxd.post("/query", q="DROP DATABASE dropped")
        with pytest.raises(StoreDown, match="database not found"):
            lost()
        assert store.write(row("d", T0 + 1, "p")) == []
        assert store.count("g", "meter", "d", "p") == 1
    assert capsys.readouterr().out.count("the time-series database is not there") == 1  # and once a minute at most


class NoRoom(httpx.BaseTransport):
    """On the way to a real server: while there is no room, no database is made. Notes how long each request may take."""

    def __init__(self) -> None:
        self.way, self.full, self.patience = httpx.HTTPTransport(), True, list[float]()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as influxd 1.8 does on a full disk."""
        self.patience.append(request.extensions["timeout"]["read"])
        if self.full and b"CREATE" in request.read():
            return httpx.Response(500, text='{"error":"mkdir /var/lib/influxdb/data/late: no space left on device"}')
        return self.way.handle_request(request)

    def close(self) -> None:
        """Give back its connections."""
        self.way.close()


def test_a_database_is_asked_for_until_it_was_made(open_store: Opener, influxd: Server) -> None:
    """A disk that was full at the start has room later: no restart is needed; and the trial keeps to its 5 s throughout."""
    store, way = open_store(influxd.url("late")), NoRoom()
    assert isinstance(store, InfluxTelemetry)
    server = store._server
    server._http = httpx.Client(base_url=server.url, auth=server._http.auth, transport=way)
    for _ in range(2):
        with pytest.raises(StoreDown, match="no space left on device"):
            store.try_write(T0)
    way.full = False
    store.try_write(T0)
    assert set(way.patience) == {5.0}
    assert store.write(row("d", T0, "p")) == []


def test_who_may_not_make_the_database_uses_the_one_that_is_there(influxd: Server, open_store: Opener) -> None:
    """The operator made it and gave a user the rights on it alone."""
    influxd.post("/query", q="CREATE DATABASE given")
    influxd.post("/query", q="CREATE USER plain WITH PASSWORD 'plain-password'")
    influxd.post("/query", q="GRANT ALL ON given TO plain")
    address = urlsplit(influxd.url("given"))
    store = open_store(urlunsplit(address._replace(netloc=f"plain:plain-password@{address.hostname}:{address.port}")))
    assert store.write(row("d", T0, "p")) == []


def test_whoever_is_in_a_hurry_does_not_wait_for_another_who_prepares() -> None:
    """The trial's 5 s hold while a slow call has begun to ask what the server is."""
    server = InfluxServer(InfluxAddress("http://127.0.0.1:9", "x"), Breaker())
    with closing(server), server._lock, pytest.raises(StoreDown, match="does not answer"):
        server._prepare(httpx.Timeout(0.01))


@pytest.mark.parametrize(("version", "requests"), [("v2.7.12", 1), ("v3.4.0", 3)])
def test_samples_and_their_neighbours_are_one_request(open_store: Opener, influx2: Influx2, version: str, requests: int) -> None:
    """The ledger asks for a counter's samples all day; only 3.x, which takes one statement at a time, is asked three times."""
    influx2.version = version
    store = open_store(influx2.store("samples"))
    store.write([line for n in range(5) for line in row("d", T0 + n, "a", value=float(n))])
    influx2.asked.clear()
    assert store.counter_samples("g", "meter", "d", "a", T0 + 2, T0 + 3) == [(T0 + n, float(n)) for n in (1, 2, 3)]
    assert influx2.asked == [("GET", "/query")] * requests


def test_a_statement_that_fails_among_others_is_told(open_store: Opener, influxd: Server) -> None:
    """A database that vanished is named, whichever statement of a request met it."""
    store = open_store(influxd.url("vanishing"))
    store.write(row("d", T0, "a"))
    assert store.counter_samples("g", "meter", "d", "a", T0, T0 + 1) == [(T0, 1.5)]
    influxd.post("/query", q='DROP DATABASE "vanishing"')
    with pytest.raises(StoreDown, match="database not found: vanishing"):
        store.counter_samples("g", "meter", "d", "a", T0, T0 + 1)


def test_figures_are_replaced_field_by_field(open_store: Opener, influxd: Server) -> None:
    """Figures written again under the same tags and time replace their fields, and odd tags stay tags."""
    store = open_store(influxd.url("figures"))
    tags = {"unit": "财政局, 1=2", "empty": ""}
    store.write_figures("ledger_hour", [Figures(tags, {"consumption": 1, "measured": 0.5}, T0)])
    store.write_figures("ledger_hour", [Figures(tags, {"consumption": 2.0}, T0), Figures(tags, {"consumption": 3.0}, T0 + 1)])
    answer = store._server.query('SELECT * FROM "ledger_hour"')  # type: ignore[attr-defined]
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


def test_however_many_threads_read_few_files_are_open(open_store: Opener, tmp_path: Path) -> None:
    """Each new thread kept a connection for ever: bursts of requests took all descriptors of the process within minutes."""
    path = tmp_path / "t.sqlite"
    store = open_store(f"sqlite:///{path}")
    store.write(row("d", T0, "p"))
    together = Barrier(64)

    def read() -> None:
        together.wait()
        assert store.count("g", "meter", "d", "p") == 1

    for _ in range(3):
        threads = [Thread(target=read) for _ in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    held = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink() and str(link.readlink()).startswith(str(path))]
    assert 0 < len(held) <= 3 * (MOST_READERS + 1)
