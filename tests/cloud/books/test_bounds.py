"""What a pass reads does not grow with the time in which a counter says nothing new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.telemetry.base import Stored
from contract.clock import parse_time
from contract.reading import Quality, Reading
from tests.cloud import tables

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
QUARTER = 15 * 60_000
START = parse_time("2026-03-01T00:00:00+08:00")
A_DAY = DAY_MS // QUARTER


class Read:
    """Counts what a pass asks of the store: samples of the counter, and hours of its power."""

    def __init__(self, books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
        self.samples = self.hours = self.looks = 0
        samples: Any = books.telemetry.counter_samples
        windows = books.telemetry.windows

        def counted_samples(*asked: str | int) -> Sequence[tuple[int, float]]:
            found: Sequence[tuple[int, float]] = samples(*asked)
            self.samples += len(found)
            self.looks += 1
            return found

        def counted_windows(*asked: Any) -> Sequence[tuple[int, float]]:  # noqa: ANN401 (passed on)
            self.hours += len(asked[6]) - 1
            return windows(*asked)

        monkeypatch.setattr(books.telemetry, "counter_samples", counted_samples)
        monkeypatch.setattr(books.telemetry, "windows", counted_windows)

    def by(self, books: Books) -> tuple[int, int]:
        """Samples and hours that settling reads."""
        self.samples = self.hours = self.looks = 0
        books.settle()
        return self.samples, self.hours


@pytest.fixture
def read(books: Books, monkeypatch: pytest.MonkeyPatch) -> Read:
    return Read(books, monkeypatch)


def counting(start: int, days: int, first: float) -> dict[int, float]:
    """A sound counter of 2 kWh an hour."""
    return {start + n * QUARTER: round(first + n / 2, 2) for n in range(days * A_DAY)}


def by_hours(samples: dict[int, float]) -> Iterator[dict[int, float]]:
    """The samples as a gateway delivers them, six hours at once."""
    coming = list(samples.items())
    for begin in range(0, len(coming), 24):
        yield dict(coming[begin : begin + 24])


def wild(start: int, days: int) -> dict[int, float]:
    """Values of which none follows from another, as of a counter that is read in the wrong order of words."""
    chance = Random(7)  # noqa: S311 (values, not secrets)
    return {start + n * QUARTER: round(chance.uniform(2000, 40_000_000), 2) for n in range(days * A_DAY)}


def test_an_hour_that_is_touched_costs_one_look(books: Books, read: Read) -> None:
    """What is known is not asked for again: one look for a meter that begins, and one more where the newest settled hour is too near."""
    for some in by_hours(counting(START, 2, 1000.0)):
        books.read("far", some)
        read.by(books)
        assert read.looks <= (1 if min(some) == START else 2)


@pytest.mark.parametrize("ends", ["counts on", "began anew", "not yet"])
def test_a_counter_that_never_agrees_again_costs_a_day(books: Books, read: Read, ends: str) -> None:
    """Twelve days of values that decide nothing are one question, a pass reads the last day of them, and the end decides for all."""
    sound = counting(START, 2, 1000.0)
    lost, back = START + 2 * DAY_MS, START + 14 * DAY_MS
    for some in by_hours(sound | wild(lost, 12)):
        books.read("far", some)
        most, _ = read.by(books)
    assert most <= 3 * A_DAY
    assert [kind for (kind,) in books.rows(sa.select(tables.judgement.c.kind))] == ["undecided"]
    (found,) = books.findings(back)
    assert (found.meter, found.kind, found.start, found.end) == ("far", "undecided", max(sound), back - QUARTER)
    after = {"counts on": counting(back, 2, 1672.0), "began anew": counting(back, 2, 0.5), "not yet": {}}[ends]
    for some in by_hours(after):
        books.read("far", some)
        books.settle()
    live = books.whole("far")
    used = {provenance for hour, provenance, amount in books.parts("far") if lost <= hour < back and amount}
    assert used == {"counts on": {"distributed"}, "began anew": {"estimated"}, "not yet": set()}[ends]
    books.empty()
    books.touch("far", (at // HOUR_MS * HOUR_MS for at in sound | wild(lost, 12) | after))
    books.settle()
    assert books.whole("far") == live


def draw(books: Books, start: int, end: int, watts: float) -> None:
    readings = [Reading("far", "power", watts, when, Quality.GOOD) for when in range(start, end, QUARTER)]
    assert books.telemetry.write([Stored(books.site.group, "electricity", reading) for reading in readings]) == []


def test_a_counter_at_rest_is_held_against_its_power_once_a_day(books: Books, read: Read) -> None:
    """A counter that truly stands for weeks is asked once a day; its power says so when it no longer rests, and then it is frozen."""
    rest, wake = START + DAY_MS, START + 15 * DAY_MS
    draw(books, START, rest, 2000.0)
    draw(books, rest, wake, 0.0)
    draw(books, wake, wake + 2 * DAY_MS, 2000.0)
    level = 1000.0 + A_DAY / 2
    samples = counting(START, 1, 1000.0) | dict.fromkeys(range(rest, wake + 2 * DAY_MS, QUARTER), level)
    asked: list[int] = []
    for some in by_hours(samples):
        books.read("far", some)
        read_samples, hours = read.by(books)
        if max(some) > rest + 3 * DAY_MS:
            asked.append(hours)
            assert read_samples <= 3 * A_DAY or max(some) > wake
    assert sum(1 for hours in asked if hours) <= len(asked) // 4 + 2
    (found,) = books.findings()
    assert (found.kind, found.start) == ("frozen", rest)
    assert found.amount == pytest.approx(48_000, rel=1e-3)
    live = books.whole("far")
    books.empty()
    books.touch("far", (at // HOUR_MS * HOUR_MS for at in samples))
    books.settle()
    assert books.whole("far") == live


def test_a_rest_that_goes_on_is_told_to_nobody(books: Books) -> None:
    """At rest for a week there is no question and no event, each hour counted nothing, and counting goes on from there."""
    rest, wake = START + DAY_MS, START + 8 * DAY_MS
    draw(books, START, rest, 2000.0)
    draw(books, rest, wake, 0.0)
    level = 1000.0 + A_DAY / 2
    for some in by_hours(counting(START, 1, 1000.0) | dict.fromkeys(range(rest, wake, QUARTER), level)):
        books.read("far", some)
        books.settle()
    assert [kind for (kind,) in books.rows(sa.select(tables.judgement.c.kind))] == ["resting"]
    assert books.rows(sa.select(tables.event)) == []
    draw(books, wake, wake + DAY_MS, 2000.0)
    for some in by_hours(counting(wake, 1, level)):
        books.read("far", some)
        books.settle()
    assert books.rows(sa.select(tables.judgement)) == []
    assert {amount for hour, _, amount in books.parts("far") if rest <= hour < wake} == {0}
    live = books.whole("far")
    books.touch("far", range(START, wake + DAY_MS, HOUR_MS))
    books.settle()
    assert books.whole("far") == live


def test_a_coarse_display_costs_no_walk_back(books: Books, read: Read) -> None:
    """A counter that shows whole kWh and stands for hours between them is read a day back at most, however long it has done so."""
    days = 12
    draw(books, START, START + days * DAY_MS, 300.0)
    samples = {START + n * QUARTER: float(1000 + int(n * 0.075)) for n in range(days * A_DAY)}
    for some in by_hours(samples):
        books.read("far", some)
        most, _ = read.by(books)
        assert most <= 7 * A_DAY
    live = books.whole("far")
    assert sum(amount for *_, amount in books.parts("far")) == pytest.approx(300 * 24 * days, abs=1000)
    books.empty()
    books.touch("far", (at // HOUR_MS * HOUR_MS for at in samples))
    books.settle()
    assert books.whole("far") == live


def test_a_rise_that_is_doubted_is_judged_again_once_a_day(books: Books, read: Read) -> None:
    """While the weeks behind a jump over a gap fill, one pass a day looks at it again, and not beyond the year before."""
    back = START + 8 * DAY_MS
    again: list[int] = []
    for some in by_hours(counting(START, 5, 16_500.0) | counting(back, 30, 30_000.0)):
        books.read("far", some)
        samples, hours = read.by(books)
        assert samples <= 16 * A_DAY
        if min(some) > back + DAY_MS:
            again.append(hours)
    assert [kind for (kind,) in books.rows(sa.select(tables.judgement.c.kind))] == ["jump"]
    assert sum(1 for hours in again if hours) <= 22
    assert max(again) <= (364 + 2 * 21 + 8) * 24
