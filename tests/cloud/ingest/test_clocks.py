"""Clocks that are wrong, from the payload to the ledger: one source is blamed, and its readings count at their true time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cloud.devices.queries.clocks import load_offsets, undecided
from cloud.ingest.batch import Batch
from cloud.ledger import book
from contract import sparkplug
from contract.clock import parse_time
from contract.reading import Quality, Row
from contract.topics import Topic
from simulators.foreign_node import metric as foreign
from simulators.foreign_node import nbirth, payload
from tests.cloud import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.cloud.ingest.conftest import Line

GROUP, NODE, BOX, NOW = "510802", "gw-1", "box", 1_790_000_000_000
MINUTE, HOUR = 60_000, 3_600_000
BEGIN = NOW // HOUR * HOUR
POINT = "energy_import"
Y2000 = parse_time("2000-01-01T00:00:00Z")


@pytest.fixture
def gateway(line: Line) -> Line:
    """Two meters behind a gateway of ours that has been born."""
    for meter in ("em", "other"):
        line.counter(meter, NODE, interval=60.0)
    line.restart()
    line.feed((Topic(GROUP, "NBIRTH", NODE), nbirth(at=BEGIN, outbox=BOX)), at=BEGIN)
    return line


def said(line: Line, true: int, value: float, *, off: int = 0, own: bool = False, waited: int = 0, device: str = "em") -> Batch:
    """A row of the counter, measured at a true time; the device's own clock, or else the gateway's, was off by so much.

    `waited`: for how long the row stood in the gateway's outbox.
    """
    gateway_off = 0 if own else off
    row = Row(device, true + off, {POINT: value}, taken=true if own else None)
    body = sparkplug.encode_rows([row])
    raw = sparkplug.data(body, sent_at=true + waited + gateway_off, seq=0, store_seq=1)
    return line.feed((Topic(GROUP, "DDATA", NODE, device), raw), at=true + waited)


def kinds(line: Line, kind: str = "clock_fault") -> set[str]:
    return {row["subject"] for row in line.rows(tables.event, kind=kind)}


def ledger(line: Line, meter: str = "em") -> dict[int, tuple[str, int]]:
    """Provenance and Wh by hour, settled."""
    book.settle(line.engine, line.telemetry, 10_000)
    return {row["hour"]: (row["provenance"], row["amount"]) for row in line.rows(tables.ledger_hour, meter=meter)}


def parts(line: Line) -> list[tuple[int, str, int]]:
    """Hours with provenance and Wh, settled."""
    ledger(line)
    return sorted((row["hour"], row["provenance"], row["amount"]) for row in line.rows(tables.ledger_hour, meter="em"))


def provisional(line: Line) -> dict[int, bool]:
    """Whether each hour may still be decided otherwise, settled."""
    ledger(line)
    return {row["hour"]: bool(row["provisional"]) for row in line.rows(tables.ledger_hour, meter="em")}


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("off", [-8 * HOUR, 8 * HOUR, -200_000])
def test_six_hours_of_a_wrong_clock_are_in_the_ledger_at_their_true_time(gateway: Line, off: int, own: bool) -> None:  # noqa: FBT001
    """Right for two hours, off for six, right again: 1 kWh a minute, every hour of it 60 kWh measured, and one source is blamed."""
    for n in range(10 * 60 + 1):
        wrong = 2 * 60 < n <= 8 * 60
        said(gateway, BEGIN + n * MINUTE, 100.0 + n, off=off if wrong else 0, own=own)
    found = ledger(gateway)
    assert {hour: part for hour, part in found.items() if BEGIN <= hour < BEGIN + 10 * HOUR} == {
        BEGIN + n * HOUR: ("measured", 60_000) for n in range(10)
    }
    assert kinds(gateway) == {"em" if own else NODE}
    assert {row["state"] for row in gateway.rows(tables.clock_offset)} == {"closed"}
    assert gateway.rows(tables.latest, device="em")[0]["at"] == BEGIN + 10 * HOUR


def test_a_gateway_that_does_not_know_the_time_yet_casts_no_doubt_on_what_it_dated_before(gateway: Line) -> None:
    """It stamps what it sends by the time since its start: its rows of before were judged 57 years behind, their hours 57 years to come."""
    uptime = 7_765_000
    for n in range(1, 31):
        at = BEGIN + n * MINUTE
        for number, row in enumerate((Row("em", at, {POINT: 100.0 + n}), Row("other", at, {POINT: 5.0 + n}, taken=at + 100))):
            raw = sparkplug.data(sparkplug.encode_rows([row]), sent_at=uptime + n, seq=0, store_seq=2 * n + number)
            batch = gateway.feed((Topic(GROUP, "DDATA", NODE, row.device), raw), at=BEGIN + 2 * HOUR + n)
            assert max(hour for _, hour in batch.touched) == BEGIN
    assert gateway.rows(tables.clock_offset) == []
    assert kinds(gateway) == set()
    assert {reading.quality for reading in gateway.telemetry.series(GROUP, "electricity", "em", POINT, BEGIN, BEGIN + HOUR)} == {
        Quality.GOOD
    }
    assert (GROUP, NODE) not in gateway.known.heard


def run_through(line: Line, cuts: Sequence[tuple[int, int]], *, later: int = 0, hours: int = 9) -> None:
    """Hours of 1 kWh a minute, settled by the hour; the meter's clock begins at 2000-01-01 after each cut (first and last minute).

    `later`: by how many ms the times that it shows after the second cut differ from those after the first.
    """
    for n in range(hours * 60 + 1):
        number, cut = next(((number, first) for number, (first, last) in enumerate(cuts) if first < n <= last), (0, None))
        off = 0 if cut is None else Y2000 + number * later - (BEGIN + cut * MINUTE)
        said(line, BEGIN + n * MINUTE, 100.0 + n, off=off, own=True)
        if n % 60 == 0:
            ledger(line)


def test_each_power_cut_keeps_its_own_judgement(gateway: Line) -> None:
    """A meter's clock begins at 2000-01-01 00:00 after each of two power cuts, an hour and a half apart: both stay on record.

    What it said in the first hour after the second cut has the times of the first one's first hour; the others count at their true time.
    """
    cuts = ((60, 300), (390, 450))
    run_through(gateway, cuts)
    rows = gateway.rows(tables.clock_offset)
    first = Y2000 + 5 * MINUTE
    assert [(row["state"], row["valid_from"], row["valid_to"] - Y2000, Y2000 - row["offset_from_ms"] - BEGIN) for row in rows] == [
        ("closed", first, (last - begun) * MINUTE, begun * MINUTE) for begun, last in cuts
    ]
    found = ledger(gateway)
    assert [found[BEGIN + n * HOUR] for n in (0, 3, 4, 5, 8)] == [("measured", 60_000)] * 5
    assert sum(amount for _, amount in found.values()) == 9 * 60_000


def rebuilt(line: Line) -> list[tuple[int, str, int]]:
    """The parts when all nine hours are counted anew."""
    for n in range(9):
        line.insert(tables.touched, grp=GROUP, meter="em", hour=BEGIN + n * HOUR, generation=1)
    return parts(line)


@pytest.mark.parametrize("later", [0, 20_000])
@pytest.mark.parametrize("cuts", [((60, 120), (210, 450)), ((60, 300), (390, 450)), ((60, 180), (240, 360))])
def test_times_that_a_clock_showed_twice_are_no_measurement(gateway: Line, cuts: Sequence[tuple[int, int]], later: int) -> None:
    """Whichever boot lasted longer, and whether its times are those of the other or lie between them: no hour gets what another used."""
    run_through(gateway, cuts, later=later)
    found = parts(gateway)
    assert {n: sum(amount for hour, _, amount in found if hour == BEGIN + n * HOUR) for n in range(9)} == dict.fromkeys(range(9), 60_000)
    assert rebuilt(gateway) == found


def test_what_a_clock_shows_again_is_counted_anew_at_once(gateway: Line) -> None:
    """The first boot was measured; when the second has shown its first hour again, that is a gap, as in a ledger that is rebuilt."""
    run_through(gateway, ((60, 180), (235, 360)), hours=5)
    found = parts(gateway)
    third = BEGIN + 2 * HOUR
    assert found[1:4] == [(BEGIN + HOUR, "distributed", 60_000), (third, "distributed", 6000), (third, "measured", 54_000)]
    assert rebuilt(gateway) == found
    said(gateway, BEGIN + 301 * MINUTE, 401.0, off=Y2000 - (BEGIN + 235 * MINUTE), own=True)
    assert {row["hour"] for row in gateway.rows(tables.touched)} == {Y2000 + HOUR, third, BEGIN + 5 * HOUR}


def test_a_judgement_that_is_made_again_takes_its_own_place(gateway: Line) -> None:
    """What a gateway sends again, half a second slower, is one power cut and not two."""
    for slower in (0, 500):
        for n in range(8):
            said(gateway, BEGIN + n * MINUTE + slower, 100.0 + n, off=Y2000 - BEGIN - slower if n else 0, own=True)
        said(gateway, BEGIN + 8 * MINUTE, 108.0, own=True)
        gateway.restart()
    assert len(gateway.rows(tables.clock_offset)) == 1


def test_a_device_s_clock_says_nothing_of_its_neighbour_s(gateway: Line) -> None:
    """One meter dates itself ten minutes behind; the other, behind the same gateway, stays good, and nobody else is told."""
    for n in range(8):
        said(gateway, BEGIN + n * MINUTE, 100.0 + n, off=-600_000, own=True)
        said(gateway, BEGIN + n * MINUTE, 100.0 + n, device="other")
    assert kinds(gateway) == {"em"}
    assert [row["at"] for row in gateway.rows(tables.latest, device="other")] == [BEGIN + 7 * MINUTE]


def test_one_wrong_gateway_is_one_fault_not_one_a_device(gateway: Line) -> None:
    """Both meters are dated by it: both are suspect, and only the gateway is named."""
    for n in range(10):
        said(gateway, BEGIN + n * MINUTE, 100.0 + n, off=-600_000, device=("em", "other")[n % 2])
    assert kinds(gateway) == {NODE}
    with gateway.engine.connect() as connection:
        found = load_offsets(connection, GROUP, ["em", "other"])
    assert {device: rows[0].offset_to for device, rows in found.items()} == {"em": -600_000, "other": -600_000}


def test_the_wait_in_our_own_outbox_is_no_lag(gateway: Line) -> None:
    """Rows that stood there for an hour, of a device that dates itself: good, and no clock is doubted."""
    for n in range(10):
        said(gateway, BEGIN + n * MINUTE, 100.0 + n, own=True, waited=HOUR)
    assert (kinds(gateway), gateway.rows(tables.clock_offset)) == (set(), [])
    assert gateway.rows(tables.latest, device="em")[0]["at"] == BEGIN + 9 * MINUTE


def test_what_a_broker_kept_is_good_at_its_own_time(gateway: Line) -> None:
    """Two hours of messages of a device handed over in two seconds: every hour measured, no event."""
    for n in range(121):
        at = BEGIN + n * MINUTE
        row = Row("em", at, {POINT: 100.0 + n}, late=True, taken=BEGIN + 2 * HOUR + n * 16)
        raw = sparkplug.data(sparkplug.encode_rows([row], historical=True), sent_at=BEGIN + 2 * HOUR + n * 16, seq=0, store_seq=n)
        gateway.feed((Topic(GROUP, "DDATA", NODE, "em"), raw), at=BEGIN + 2 * HOUR + n * 16)
    assert ledger(gateway) == {BEGIN + n * HOUR: ("measured", 60_000) for n in range(2)}
    assert (kinds(gateway), gateway.rows(tables.clock_offset)) == (set(), [])


def test_before_a_judgement_the_span_is_undecided_and_survives_a_restart(gateway: Line) -> None:
    """Three late readings: the ledger can call their hours provisional; after a day without another they are late."""
    for n in range(-60, 1):
        said(gateway, BEGIN - HOUR + n * MINUTE, 100.0 + n, own=True)
    for n in range(1, 4):
        said(gateway, BEGIN + n * MINUTE, 100.0 + n, off=-HOUR, own=True)
    gateway.restart()
    with gateway.engine.connect() as connection:
        assert undecided(connection, GROUP, ["em"]) == {"em": ((BEGIN - HOUR + MINUTE, BEGIN - HOUR + 3 * MINUTE),)}
    assert provisional(gateway) == {BEGIN - 2 * HOUR: False, BEGIN - HOUR: True}
    gateway.wait(BEGIN + 25 * HOUR)
    assert gateway.rows(tables.clock_offset) == []
    assert [row["hour"] for row in gateway.rows(tables.touched, meter="em")] == [BEGIN - HOUR]
    assert provisional(gateway) == {BEGIN - 2 * HOUR: False, BEGIN - HOUR: False}


def test_an_open_judgement_survives_a_restart(gateway: Line) -> None:
    """The next reading after a restart is suspect at once, and the row grows on."""
    for n in range(6):
        said(gateway, BEGIN + n * MINUTE, 100.0 + n, off=-HOUR, own=True)
    gateway.restart()
    said(gateway, BEGIN + 6 * MINUTE, 106.0, off=-HOUR, own=True)
    (row,) = gateway.rows(tables.clock_offset)
    assert (row["state"], row["valid_to"], len(json.loads(row["good"])["em"])) == ("open", BEGIN - HOUR + 6 * MINUTE, 4)


def test_a_clock_that_is_a_little_off_is_told(gateway: Line) -> None:
    """45 s, steadily: an event of its own kind names the gateway; its readings are good."""
    for n in range(6):
        said(gateway, BEGIN + n * MINUTE, 100.0 + n, off=-45_000)
    assert (kinds(gateway), kinds(gateway, "clock_drift")) == (set(), {NODE})
    assert gateway.rows(tables.latest, device="em")[0]["quality"] == 192


def test_a_time_that_is_not_believed_is_no_emergency_and_no_newest(gateway: Line) -> None:
    """A fix of 100 days ago with the alarm bit: kept as suspect at its own time, and nobody is called."""
    old = BEGIN - 100 * 24 * HOUR
    row = Row("em", old, {"alarms": 1.0, "speed": 82.0}, taken=BEGIN)
    gateway.feed(
        (Topic(GROUP, "DDATA", NODE, "em"), sparkplug.data(sparkplug.encode_rows([row]), sent_at=BEGIN, seq=0, store_seq=1)), at=BEGIN
    )
    assert (gateway.rows(tables.event, kind="vehicle_sos"), gateway.rows(tables.latest)) == ([], [])
    (kept,) = gateway.telemetry.series(GROUP, "electricity", "em", "speed", 0, 2 * NOW)
    assert (kept.at, kept.value, int(kept.quality)) == (old, 82.0, 64)


def test_a_foreign_node_s_clock_is_judged_by_what_it_stamps(line: Line) -> None:
    """Its payloads are ten minutes behind: the node is named once, not its devices; what it marks historical is never judged."""
    line.feed((Topic(GROUP, "NBIRTH", "f1"), nbirth(at=BEGIN)), at=BEGIN)
    line.feed((Topic(GROUP, "DBIRTH", "f1", "d1"), payload([foreign("a", 0.0)], at=BEGIN, seq=1)), at=BEGIN)
    for n in range(2, 10):
        at = BEGIN + n * MINUTE
        old = payload([foreign("a", float(n), at=at - HOUR, historical=True)], at=at, seq=n)
        line.feed((Topic(GROUP, "DDATA", "f1", "d1"), old), at=at)
    assert (kinds(line), line.rows(tables.clock_offset)) == (set(), [])
    for n in range(10, 18):
        at = BEGIN + n * MINUTE
        wrong = payload([foreign("a", float(n), at=at - 600_000)], at=at - 600_000, seq=n)
        line.feed((Topic(GROUP, "DDATA", "f1", "d1"), wrong), at=at)
    assert kinds(line) == {"f1"}
