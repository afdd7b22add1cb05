"""A meter whose files name another device or point: what was counted until then stays, and the exchange is at the seam."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from cloud.ingest.batch import Batch
from cloud.ingest.commit import store
from cloud.ingest.node_cache import Known
from cloud.ledger.exchanges import Change, record_exchange
from cloud.ledger.keeping import Keep, thin
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.sites.entering import By, enter_site
from cloud.telemetry.base import Line, Polled
from contract.clock import parse_time
from contract.site import Site
from tests.cloud import tables
from tests.cloud.books.conftest import named, site_data
from tests.cloud.district import key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.cloud.books.conftest import Books

KWH, QUARTER = 1000, 15 * 60_000
BEGIN = parse_time("2026-03-02T00:00:00+08:00")
ENTERED = BEGIN + 5 * DAY_MS
END = ENTERED + DAY_MS
BEFORE, AFTER = 13_423.7, 90_000.0
LAST = BEFORE + 120
"""Of the old counter at the seam; both count 1 kWh an hour, so six days are 144 kWh."""


def site(device: str | None, point: str | None = "energy_import", **more: object) -> Site:
    """The small site with another device behind the far meter; the old one is gone from the files."""
    data: dict[str, Any] = site_data()
    new = {"id": "new", "name": named("new"), "profile": "electricity/chint-dtsu666", "bus": "bus", "unit_id": 9, "interval": 900}
    data["devices"] = [row for row in data["devices"] if row["id"] != "far" or device == "far"] + ([new] if device == "new" else [])
    for row in data["meters"]:
        row.update({"device": device, "point": point} | more if row["id"] == "far" else {})
    return Site.model_validate(data)


def enter(books: Books, device: str | None, at: int = ENTERED, point: str | None = "energy_import", **more: object) -> list[str]:
    """Enter the site with another device behind the meter, and say what the plan said."""
    return [str(one) for one in enter_site(books.engine, site(device, point, **more), By("wang", at, date(2026, 3, 7))).changes]


def shown(value: float, start: int, end: int) -> dict[int, float]:
    """A counter of 1 kWh an hour in [start, end), every quarter."""
    return {at: round(value + (at - start) / HOUR_MS, 2) for at in range(start, end, QUARTER)}


OLD, NEW = shown(BEFORE, BEGIN, ENTERED), shown(AFTER, ENTERED, END)


def read(books: Books, device: str, samples: Mapping[int, float], point: str = "energy_import") -> None:
    """Commit a device's readings; they touch the meters that ingest takes them for. The ledger counts them."""
    meters = Known(books.engine).meters["510802", device].get(point, [])
    lines: list[Line] = [Polled("510802", "electricity", device, at, {point: value}) for at, value in samples.items()]
    store(Batch(lines=lines, touched={(one, at // HOUR_MS * HOUR_MS) for one in meters for at in samples}), books.engine, books.telemetry)
    books.settle()


def record(books: Books, at: int = ENTERED, first: float = AFTER) -> None:
    record_exchange(books.engine, Change(key("far"), at, LAST, first, "new meter"), "wang", END + 60 * DAY_MS)
    books.settle()


def amounts(books: Books, start: int = BEGIN, end: int = END) -> dict[str, int]:
    """What was counted in a time, by provenance."""
    found: Counter[str] = Counter()
    for hour, provenance, amount in books.parts("far"):
        found[provenance] += amount if start <= hour < end else 0
    return {provenance: amount for provenance, amount in found.items() if amount}


def counted_anew(books: Books) -> Sequence[list[list[Any]]]:
    """What the ledger says after all hours were touched, and after it was empty."""
    hours = range(BEGIN, END, HOUR_MS)
    books.touch("far", hours)
    books.settle()
    touched = books.whole("far")
    books.empty()
    books.touch("far", hours)
    books.settle()
    return touched, books.whole("far")


def same_again(books: Books) -> bool:
    whole = books.whole("far")
    return all(again == whole for again in counted_anew(books))


def test_what_the_old_device_counted_stays_and_the_seam_is_asked_about(books: Books) -> None:
    """The first samples of the new device restate nothing; the quarter at the seam is the usual use, and a finding; counted anew, too."""
    read(books, "far", OLD)
    before = books.parts("far")
    plan = enter(books, "new")
    assert 'changed meter far: device "far" -> "new"' in plan
    assert any(line.startswith("recorded counter of meter far: electricity/far/energy_import until now") for line in plan)
    assert enter(books, "new", ENTERED + 1) == []
    books.settle()
    assert books.parts("far") == before
    for at, value in NEW.items():
        if at < ENTERED + 6 * HOUR_MS or at % HOUR_MS == 0:
            read(books, "new", {at: value})
    read(books, "new", NEW)
    assert books.parts("far")[:119] == before[:119]
    assert amounts(books, end=ENTERED) == {"measured": 119_750, "estimated": 250}
    assert amounts(books, ENTERED) == {"measured": 23_750}
    assert [(one.kind, one.start, one.end, one.counted) for one in books.findings()] == [("jump", ENTERED - QUARTER, ENTERED, 250)]
    assert same_again(books)


@pytest.mark.parametrize("order", ["before", "between", "after"])
@pytest.mark.parametrize("late", [-7 * HOUR_MS, 0, 7 * HOUR_MS])
def test_the_exchange_is_placed_at_the_seam(books: Books, order: str, late: int) -> None:
    """Recorded hours off, before the new device was entered, before it was read or after it: all is measured, nothing is asked."""
    read(books, "far", OLD)
    if order == "before":
        record(books, ENTERED + late)
    enter(books, "new")
    if order == "between":
        record(books, ENTERED + late)
    read(books, "new", NEW)
    if order == "after":
        record(books, ENTERED + late)
    assert amounts(books) == {"measured": 143_750}
    assert books.findings() == []
    assert books.rows(sa.select(tables.exchange.c.placed_at)) == [(ENTERED,)]
    assert same_again(books)


@pytest.mark.parametrize("away", [-30 * HOUR_MS, -20 * 60_000, 5 * HOUR_MS])
def test_a_gateway_reads_the_new_device_before_or_after_its_entry(books: Books, away: int) -> None:
    """The seam is behind the old device's last sample; what it told after the entry waits for the exchange, which counts it all."""
    at = ENTERED - away
    read(books, "far", OLD)
    if away < 0:
        enter(books, "new", at)
        read(books, "new", NEW)
    else:
        read(books, "new", {time: value for time, value in NEW.items() if time < at})
        enter(books, "new", at)
        read(books, "new", {time: value for time, value in NEW.items() if time >= at})
    assert [one.kind for one in books.findings()] == ["jump"]
    record(books)
    assert sum(amounts(books).values()) == 143_750
    assert books.findings() == []
    assert same_again(books)


def test_late_readings_of_both_devices_count_for_their_own_time(books: Books) -> None:
    """What the old device sends late fills its gap, though the new one is read already, and what the new one shows of then does not."""
    gap = range(ENTERED - 20 * HOUR_MS, ENTERED - 10 * HOUR_MS)
    read(books, "far", {at: value for at, value in OLD.items() if at not in gap})
    enter(books, "new")
    read(books, "new", {at: value for at, value in NEW.items() if at - ENTERED not in range(3 * HOUR_MS, 9 * HOUR_MS)})
    record(books)
    assert amounts(books)["distributed"] == 10_250 + 6_250
    read(books, "far", OLD)
    assert amounts(books, end=ENTERED) == {"measured": 120_000}
    read(books, "new", NEW | shown(50_000.0, BEGIN, ENTERED - DAY_MS))
    assert amounts(books) == {"measured": 143_750}
    assert same_again(books)


def test_a_device_that_was_only_named_otherwise_counts_on(books: Books) -> None:
    """The same counter under another id is no exchange: all is measured and nothing is asked."""
    read(books, "far", OLD)
    enter(books, "new")
    read(books, "new", shown(LAST, ENTERED, END))
    assert amounts(books) == {"measured": 143_750}
    assert books.findings() == []
    assert same_again(books)


@pytest.mark.parametrize(("first", "kind", "stake"), [(0.0, "reset", 250), (LAST + 40, "seam", 40_000), (LAST - 3_000, "fall", 2_999_750)])
def test_another_counter_is_asked_about_whatever_it_begins_at(books: Books, first: float, kind: str, stake: int) -> None:
    """At nothing, or by chance a little above or below the old one: the usual use stands in until the exchange is recorded."""
    read(books, "far", OLD)
    enter(books, "new")
    read(books, "new", shown(first, ENTERED, END))
    assert amounts(books) == {"measured": 143_500, "estimated": 250}
    assert [(one.kind, one.start, one.end, one.amount, one.counted) for one in books.findings() if one.state == "open"] == [
        (kind, ENTERED - QUARTER, ENTERED, stake, 250)
    ]
    assert same_again(books)
    record(books, first=first)
    assert amounts(books) == {"measured": 143_750}
    assert books.findings() == []
    assert same_again(books)


def test_a_change_that_is_taken_back_changes_nothing(books: Books) -> None:
    """A wrong device that told nothing, entered for five hours: the right one counts for that time as well."""
    read(books, "far", OLD)
    enter(books, "new", ENTERED - 8 * HOUR_MS)
    enter(books, "far", ENTERED - 3 * HOUR_MS)
    read(books, "far", shown(LAST, ENTERED, END))
    assert amounts(books) == {"measured": 143_750}
    assert books.findings() == []
    assert same_again(books)


def test_a_device_that_never_told_anything_has_no_time_of_its_own(books: Books) -> None:
    """A meter that named a wrong device for long is counted by the right one from its first sample, when these hours are touched."""
    enter(books, "new", END - HOUR_MS)
    read(books, "new", shown(BEFORE, BEGIN - 20 * DAY_MS, END))
    assert sum(amounts(books, BEGIN - 20 * DAY_MS).values()) == 26 * 24 * KWH - 250


@pytest.mark.parametrize(("device", "point"), [("far", "energy_export"), (None, None)])
def test_another_point_or_none_leaves_what_was_counted(books: Books, device: str | None, point: str | None) -> None:
    """A meter that counts by another point of its device from then on, or is fed by hand, keeps its hours when all are counted anew."""
    read(books, "far", OLD)
    before = books.parts("far")
    enter(books, device, point=point)
    read(books, "far", shown(LAST, ENTERED, END))
    assert books.parts("far") == before
    assert same_again(books)
    if point is not None:
        read(books, "far", NEW, point)
        assert amounts(books, end=ENTERED - HOUR_MS) == {"measured": 119_000}
        assert amounts(books, ENTERED) == {"measured": 23_750}
        assert same_again(books)


def test_the_old_hours_keep_what_was_stated_about_the_old_counter(books: Books) -> None:
    """A counter that turned at 10 000 turned there still when its successor turns elsewhere and its hours are counted anew."""
    enter(books, "far", BEGIN, modulus=10_000.0)
    read(books, "far", {at: round((value - BEFORE + 9_980) % 10_000, 2) for at, value in OLD.items()})
    assert amounts(books) == {"measured": 119_750}
    plan = enter(books, "new", modulus=1_000_000.0)
    assert not any("recounted" in line for line in plan)
    read(books, "new", NEW)
    assert amounts(books, end=ENTERED - HOUR_MS) == {"measured": 119_000}
    assert same_again(books)


@pytest.mark.parametrize("recorded", [False, True])
def test_counted_anew_after_thinning_both_devices_say_the_same(books: Books, *, recorded: bool) -> None:
    """A minute's samples of both devices are thinned to quarters after 90 days, less at the seam, and the hours are the same again."""
    start = ENTERED - 20 * DAY_MS
    minutes = range(start, ENTERED + 20 * DAY_MS, 60_000)
    values = {at: round(BEFORE + 0.02 * (at - start) / 60_000, 2) for at in minutes}
    read(books, "far", {at: value for at, value in values.items() if at < ENTERED})
    enter(books, "new")
    read(books, "new", {at: round(value + 5_000, 2) for at, value in values.items() if at >= ENTERED})
    if recorded:
        level = round(values[ENTERED], 2)
        record_exchange(books.engine, Change(key("far"), ENTERED, level, level + 5_000, "new meter"), "wang", END + 60 * DAY_MS)
        books.settle()
    before = books.whole("far")
    gone = thin(books.engine, books.telemetry, Keep(), ENTERED + 150 * DAY_MS).counters
    assert gone > 15_000
    books.touch("far", range(start, ENTERED + 20 * DAY_MS, HOUR_MS))
    books.settle()
    assert books.whole("far") == before
