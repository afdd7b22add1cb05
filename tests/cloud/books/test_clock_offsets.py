"""A clock that was off: what it said enters the ledger at its true time, and only that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from cloud.devices.clocks import JUDGED, ClockOffset, Offset, State, corrected
from cloud.devices.queries.clocks import load_offsets, undecided
from cloud.devices.repository import clocks
from cloud.ingest.batch import Batch
from cloud.ingest.commit import store
from cloud.ledger.clock_offsets import OffsetError, Recorded, record_offset
from cloud.ledger.periods import HOUR_MS
from cloud.platform.database import writing
from cloud.telemetry.base import Stored
from contract.clock import parse_time
from contract.reading import Quality, Reading
from tests.cloud import tables

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

QUARTER = 900_000
DAY = 24 * HOUR_MS
START = parse_time("2026-03-02T00:00:00+08:00")
AHEAD = 8 * HOUR_MS
NOW = START + 30 * DAY


def doubtful(books: Books, meter: str, samples: dict[int, float], quality: Quality = Quality.SUSPECT) -> None:
    """Store readings whose time nobody believed, as ingest does."""
    device = books.site.device_by_id[meter]
    lines = [
        Stored(books.site.group, device.model.device_class, Reading(meter, "energy_import", value, at, quality, "clock fault"))
        for at, value in samples.items()
    ]
    store(Batch(lines=list(lines)), books.engine, books.telemetry)


def day_off(books: Books, offset: int) -> dict[int, float]:
    """Three days of 1 kWh each quarter; on the second the clock was off by `offset` ms, and its readings are suspect."""
    samples = {at: 100.0 + index for index, at in enumerate(range(START, START + 3 * DAY + 1, QUARTER))}
    wrong = {at: value for at, value in samples.items() if START + DAY <= at < START + 2 * DAY}
    books.read("power", {at: value for at, value in samples.items() if at not in wrong})
    doubtful(books, "power", {at + offset: value for at, value in wrong.items()})
    books.settle()
    return samples


def hourly(books: Books, meter: str = "power") -> dict[int, tuple[str, int]]:
    """Provenance and Wh by hour."""
    return {hour: (provenance, amount) for hour, provenance, amount in books.parts(meter)}


@pytest.mark.parametrize("offset", [AHEAD, -AHEAD, 3 * HOUR_MS + 1234])
def test_a_day_of_a_clock_eight_hours_off_enters_at_its_true_time(books: Books, offset: int) -> None:
    """Before the record the day is a gap; after it each hour of it is measured, 4 kWh, and nothing else changes."""
    day_off(books, offset)
    gap = hourly(books)
    assert gap[START + DAY + 3 * HOUR_MS][0] == "distributed"
    known = Recorded("power", START + DAY + offset, START + 2 * DAY + offset, offset, offset)
    assert record_offset(books.engine, books.site.group, known, "operator", NOW) > 0
    books.settle()
    whole = hourly(books)
    assert whole == {START + n * HOUR_MS: ("measured", 4000) for n in range(72)}


def test_the_gateway_s_clock_dates_all_its_devices(books: Books) -> None:
    """Recorded for the gateway, the offset holds for the meter that it reads."""
    day_off(books, AHEAD)
    known = Recorded("gw", START + DAY + AHEAD, START + 2 * DAY + AHEAD, AHEAD, AHEAD)
    record_offset(books.engine, books.site.group, known, "operator", NOW)
    books.settle()
    assert {amount for _, amount in hourly(books).values()} == {4000}


def test_recorded_again_from_the_same_time_it_is_corrected(books: Books) -> None:
    """A wrong sign is put right by the right one, and the hours of the wrong one are clean again."""
    day_off(books, AHEAD)
    for seconds in (-AHEAD, AHEAD):
        known = Recorded("power", START + DAY + AHEAD, START + 2 * DAY + AHEAD, seconds, seconds)
        record_offset(books.engine, books.site.group, known, "operator", NOW)
        books.settle()
    assert hourly(books) == {START + n * HOUR_MS: ("measured", 4000) for n in range(72)}


def test_good_readings_keep_their_time_unless_the_record_says_all(books: Books) -> None:
    """The same span of good readings is moved only where somebody says so."""
    samples = {START + n * QUARTER: 100.0 + n for n in range(97)}
    books.read("power", samples)
    books.settle()
    before = hourly(books)
    known = Recorded("power", START, START + DAY + 1, HOUR_MS, HOUR_MS)
    record_offset(books.engine, books.site.group, known, "operator", NOW)
    books.settle()
    assert hourly(books) == before
    record_offset(books.engine, books.site.group, Recorded("power", START, START + DAY + 1, HOUR_MS, HOUR_MS, whole=True), "operator", NOW)
    books.settle()
    assert hourly(books) == {hour - HOUR_MS: part for hour, part in before.items()}


def test_single_good_readings_of_a_judged_clock_are_moved(books: Books) -> None:
    """The few that were taken as late before the clock was judged count where they belong; their neighbours stay."""
    books.read("power", {START + n * QUARTER: 100.0 + n for n in range(49)})
    late = {START + 12 * HOUR_MS + n * QUARTER - AHEAD + 1: 148.0 + n for n in range(1, 5)}
    books.read("power", late)
    offset = Offset(min(late), max(late), -AHEAD, -AHEAD)
    judged = ClockOffset(books.site.group, "power", offset, State.CLOSED, JUDGED, "", NOW, {"power": late})
    with writing(books.engine).begin() as connection:
        clocks.put(connection, [judged])
    books.settle()
    found = hourly(books)
    assert {found[START + n * HOUR_MS] for n in range(12)} == {("measured", 4000)}
    assert found[START + 12 * HOUR_MS] == ("measured", 4000)


def test_an_undecided_clock_moves_nothing_and_says_which_span(books: Books) -> None:
    """Nothing is known yet, so nothing is corrected; the ledger is told which span to call provisional."""
    row = ClockOffset(books.site.group, "gw", Offset(START, START + HOUR_MS, 0, 0), State.UNDECIDED, JUDGED, "", NOW)
    with writing(books.engine).begin() as connection:
        clocks.put(connection, [row])
    with books.engine.connect() as connection:
        assert load_offsets(connection, books.site.group, ["power"]) == {}
        assert undecided(connection, books.site.group, ["power"]) == {"power": ((START, START + HOUR_MS),)}


@pytest.mark.parametrize(
    ("known", "message"),
    [
        (Recorded("nobody", START, START + DAY, 1, 1), "source: expected a device or gateway of 510802, got 'nobody'"),
        (Recorded("power", START, START, 1, 1), "to: expected a time after"),
        (Recorded("power", START, START + 500 * DAY, 1, 1), "to: expected at most 400 days"),
        (Recorded("power", START, START + HOUR_MS, 0, 2 * HOUR_MS), "seconds: expected offsets that leave the order"),
        (Recorded("power", NOW, NOW + DAY, -AHEAD, -AHEAD), "seconds: expected true times until"),
    ],
)
def test_what_cannot_be_recorded_is_refused(books: Books, known: Recorded, message: str) -> None:
    """One line that begins with the field; nothing is kept."""
    with pytest.raises(OffsetError, match=f"^{message}"):
        record_offset(books.engine, books.site.group, known, "operator", NOW)
    assert books.rows(sa.select(tables.clock_offset.c.source)) == []


@given(
    start=st.integers(0, 2**41), length=st.integers(1, 400 * DAY), offset=st.integers(-DAY, DAY), drift=st.integers(-30_000, 30_000),
    part=st.floats(0, 1),
)  # fmt: skip
def test_between_its_ends_an_offset_is_linear(start: int, length: int, offset: int, drift: int, part: float) -> None:
    """At both ends it is what was recorded; between them it lies between, and times outside stay as they are."""
    row = Offset(start, start + length, offset, offset + drift)
    assert corrected(start, [row]) == start - offset
    assert corrected(row.end, [row]) == row.end - offset - drift
    at = start + int(length * part)
    assert min(offset, offset + drift) <= at - row.true_time(at) <= max(offset, offset + drift)
    assert corrected(start - 1, [row]) == start - 1
    assert corrected(row.end + 1, [row]) == row.end + 1
