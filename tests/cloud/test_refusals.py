"""What a server refuses is found in few requests and takes no other reading with it: a real 1.x, and the stand-in for 2.x."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from uuid import uuid4

import pytest

from cloud.telemetry.base import Figures, FiguresError, Line, Polled, Refused, Stored, StoreDown
from cloud.telemetry.influx import InfluxTelemetry
from cloud.telemetry.open import open_telemetry
from cloud.texts import in_words
from contract.reading import Quality, Reading
from simulators.stack.influxd import Influxd
from tests.cloud.influx2 import Influx2

T0 = 1_767_225_600_000  # 2026-01-01T00:00Z
WEEK = 604_800_000
HOUR = 3_600_000
OLDEST = 4_102_444_800_000
"""Where the retention of a test begins: no reading of a real site is so late."""


@dataclass
class Server:
    """A database of its own, with the store that is opened on it.

    Attributes:
        store: Writes to it.
        integer: Makes a field of a measurement hold integers from a time on, in one shard.
        forgets: Makes the database refuse what is older than `OLDEST`.
        sent: How many write requests the store has made.
    """

    store: InfluxTelemetry
    integer: Callable[[str, str, int], object]
    forgets: Callable[[], object]
    sent: list[str]

    def write(self, *batch: Line) -> list[Refused]:
        """Write, and count the requests of this batch alone."""
        self.sent.clear()
        return self.store.write(batch)

    def count(self, point: str, device_class: str = "meter") -> int:
        """How many good readings of a point are stored."""
        found = self.store.series("g", device_class, "d", point, T0, 2 * OLDEST)
        return sum(reading.quality is Quality.GOOD for reading in found)


Made = tuple[str, Callable[[str, str, int], object], Callable[[], object]]
"""Address, `integer` and `forgets` of a server."""


def _real(influxd: Influxd, database: str) -> Made:
    influxd.post("/query", q=f'CREATE DATABASE "{database}"')

    def integer(measurement: str, field: str, at: int) -> object:
        escaped = field.replace(" ", r"\ ")
        return influxd.post("/write", f"{measurement},group=g,device=other {escaped}=1i {at}", db=database, precision="ms")

    def forgets() -> object:
        return influxd.post("/query", q=f'ALTER RETENTION POLICY autogen ON "{database}" DURATION 1h SHARD DURATION 1h')

    return influxd.url(database), integer, forgets


def _like_2(influx2: Influx2, database: str) -> Made:
    def forgets() -> None:
        influx2.oldest = OLDEST

    return influx2.store(database), lambda measurement, field, _at: influx2.integers.add((measurement, field)), forgets


@pytest.fixture(params=["1.x", "2.x"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Each kind of server in turn."""
    database = f"refused{uuid4().hex}"
    is_real = request.param == "1.x"
    url, integer, forgets = (
        _real(request.getfixturevalue("influxd"), database) if is_real else _like_2(request.getfixturevalue("influx2"), database)
    )
    with closing(open_telemetry(url)) as store:
        assert isinstance(store, InfluxTelemetry)
        sent: list[str] = []
        post = store._server.post

        def counted(text: str) -> str:
            sent.append(text)
            return post(text)

        monkeypatch.setattr(store._server, "post", counted)
        yield Server(store, integer, forgets, sent)


def polled(at: int, *points: str, device_class: str = "meter", device: str = "d") -> Polled:
    """Good readings of one poll."""
    return Polled("g", device_class, device, at, dict.fromkeys(points, 1.5))


def of(point: str, batch: tuple[Polled, ...], device_class: str = "meter") -> set[tuple[str, str, int]]:
    """(class, point, time) of a point in a batch."""
    return {(device_class, point, line.at) for line in batch if line.device_class == device_class and point in line.values}


def told(refused: list[Refused]) -> list[tuple[str, str, int]]:
    """(class, point, time) of each refused reading."""
    return sorted((line.device_class, line.reading.point, line.reading.at) for line, _ in refused)


def test_a_field_that_the_server_refuses_stands_alone(server: Server) -> None:
    """Of a batch with one field of a conflicting type, all other readings are stored, of its own line too."""
    server.integer("meter", "broken", T0)
    batch = [polled(T0 + n, "a", "b") for n in range(50)]
    batch[20] = polled(T0 + 20, "a", "b", "broken")
    refused = server.write(*batch)
    assert told(refused) == [("meter", "broken", T0 + 20)]
    said = 'input field "broken" on measurement "meter" is type float, already exists as type integer'
    assert said in in_words(refused[0].reason, "en")
    assert server.count("b") == 50


def test_a_whole_field_is_refused_in_a_few_requests(server: Server) -> None:
    """10 000 readings of which 5 000 conflict, each beside a good one of its line."""
    server.integer("meter", "broken", T0)
    batch = tuple(polled(T0 + n, "a", "broken") for n in range(5_000))
    assert told(server.write(*batch)) == sorted(of("broken", batch))
    assert server.count("a") == 5_000
    assert len(server.sent) <= 6


def test_many_fields_of_several_classes_are_refused_in_a_few_dozen_requests(server: Server) -> None:
    """Eight of forty fields, a name with a space and one of letters that JSON escapes among them."""
    points = [*(f"p{n}" for n in range(38)), "two words", "水<温>"]
    conflicts = {"p3", "p4", "p17", "p30", "p31", "p37", "two words", "水<温>"}
    for point in conflicts:
        server.integer("meter", point, T0)
    batch = tuple(polled(T0 + n, *points, device_class=kind) for n in range(100) for kind in ("meter", "water"))
    refused = server.write(*batch)
    assert told(refused) == sorted(key for point in conflicts for key in of(point, batch))
    assert server.count("p5") == server.count("p3", "water") == 100
    assert len(server.sent) <= 60


def test_qualities_are_told_apart_from_values(server: Server) -> None:
    """Where the field of a quality conflicts, readings that are not good are refused and good ones are stored."""
    server.integer("meter", "p__q", T0)
    good = [Stored("g", "meter", Reading("d", "p", 1.5, T0 + n)) for n in range(500)]
    doubtful = [Stored("g", "meter", Reading("d", "p", 1.5, T0 + n, Quality.SUSPECT)) for n in range(500, 1_000)]
    mixed = [line for pair in zip(good, doubtful, strict=True) for line in pair]
    assert told(server.write(*mixed)) == [("meter", "p", line.reading.at) for line in doubtful]
    assert server.count("p") == 500
    assert len(server.sent) <= 6


@pytest.mark.parametrize("server", ["1.x"], indirect=True)
def test_a_type_that_holds_in_some_weeks_only_is_found_by_the_week(server: Server) -> None:
    """A field has one type in a shard: of a year of hours those of four weeks are refused, and no other."""
    weeks = [(T0 // WEEK + n) * WEEK + 4 * 24 * HOUR for n in (3, 4, 20, 40)]  # Mondays
    for week in weeks:
        server.integer("meter", "p", week)
    batch = tuple(polled(T0 + n * HOUR, "p", "other") for n in range(364 * 24))
    refused = server.write(*batch)
    expected = [("meter", "p", line.at) for line in batch if any(week <= line.at < week + WEEK for week in weeks)]
    assert (told(refused), len(expected)) == (expected, 4 * 7 * 24)
    assert server.count("other") == len(batch)
    assert len(server.sent) <= 60


def test_what_is_older_than_retention_is_found_by_its_time(server: Server) -> None:
    """5 000 old readings among 5 000 new ones, of twenty points in turn."""
    server.write(polled(OLDEST + HOUR, "p0"))
    server.forgets()
    batch = tuple(polled(T0 + n if n % 2 else OLDEST + HOUR + n, *(f"p{k}" for k in range(20))) for n in range(500))
    refused = server.write(*batch)
    assert told(refused) == sorted(key for k in range(20) for key in of(f"p{k}", batch) if key[2] < OLDEST)
    assert "retention policy" in in_words(refused[0].reason, "en")
    assert server.count("p7") == 250
    assert len(server.sent) <= 30


def test_a_line_that_cannot_be_parsed_takes_no_other_with_it(influx2: Influx2) -> None:
    """2.x stores nothing of such a request: all good readings arrive in others."""
    with closing(open_telemetry(influx2.store("parsed"))) as store:
        refused = store.write([polled(T0 + n, "unparsable" if n in {7, 8, 29} else "p") for n in range(30)])
        assert told(refused) == [("meter", "unparsable", T0 + n) for n in (7, 8, 29)]
        assert "unable to parse" in in_words(refused[0].reason, "en")
        assert [key[3] - T0 for key in influx2.points] == [n for n in range(30) if n not in {7, 8, 29}]


def test_of_refused_figures_the_others_are_written(influx2: Influx2, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request stands for itself: what comes behind the one that is refused is stored, and the error says why."""
    monkeypatch.setattr("cloud.telemetry.influx._FIGURES_PER_REQUEST", 2)
    with closing(open_telemetry(influx2.store("figures"))) as store:
        rows = [Figures({"meter": "m"}, {"unparsable" if n == 1 else "value": 1.0}, T0 + n) for n in range(6)]
        with pytest.raises(FiguresError, match="ledger_hour: unable to parse"):
            store.write_figures("ledger_hour", rows)
        assert [key[3] - T0 for key in influx2.points] == [2, 3, 4, 5]


def test_a_server_that_cannot_store_refuses_no_reading(influx2: Influx2) -> None:
    """A database without its mapping (404), a token that may only read (403) and a server that is busy (503): the batch stays."""
    url = influx2.store("down")
    with closing(open_telemetry(url)) as store:
        influx2.authorizations[0]["permissions"].pop()
        with pytest.raises(StoreDown, match="HTTP 403"):
            store.write([polled(T0, "p")])
        influx2.down = True
        with pytest.raises(StoreDown, match="HTTP 503"):
            store.write([polled(T0, "p")])
    influx2.down = False
    with closing(open_telemetry(url.replace("/down", "/nowhere"))) as store, pytest.raises(StoreDown, match="no dbrp mapping found"):
        store.write([polled(T0, "p")])
    assert influx2.seen == {"Token t0ken-of-down"}


def test_a_server_that_cannot_delete_is_not_asked_to(influx2: Influx2) -> None:
    """InfluxDB 3.x has no DELETE: that figures stay is told, and is no store that is down, which would stop the ledger."""
    influx2.version = "3.1.0"
    with closing(open_telemetry(influx2.store("three"))) as store:
        assert store.forget_figures("ledger_hour", {"meter": "m"}, T0, T0 + 1) is False
    assert influx2.seen == set()
