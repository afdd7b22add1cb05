"""When indicators are written back: at once after a start, across the turn of a year, and not before the ledger has caught up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
import structlog

from cloud.indicators.publishing import Publisher
from cloud.ledger.periods import DAY_MS, HOUR_MS, month_start
from cloud.platform.database import writing
from cloud.telemetry.base import Figures, FiguresError, StoreDown
from contract.clock import Clock
from tests.waiting import beside, until

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Begin, Books

NEW_YEAR = month_start(2026, 1)
DISTRICT = '%"energy_per_area"%"district"%'


def count(books: Books) -> None:
    """A counter of 2025 to some days into 2026."""
    books.read("far", {at: (at - month_start(2025, 1)) / HOUR_MS for at in range(month_start(2025, 1), NEW_YEAR + 3 * DAY_MS, DAY_MS)})
    books.settle()


@pytest.fixture
def counted(books_begun: Callable[[Begin], Books]) -> Books:
    """Books in which `count` has counted."""
    return books_begun(count)


@pytest.mark.timeout(120)
async def test_the_first_rows_come_at_once_after_a_start(counted: Books) -> None:
    """A restart leaves no panel without its newest row: they come though no second of the clock passes."""
    clock = Clock(origin_ms=NEW_YEAR + 2 * DAY_MS, real_origin=time.time(), speed=1e-6)
    async with beside(Publisher(counted.engine, counted.telemetry, clock, lambda: True).run()):
        await until(lambda: counted.figures("indicator", DISTRICT, NEW_YEAR + DAY_MS), 60)
        await until(lambda: counted.figures("indicator", DISTRICT, NEW_YEAR - DAY_MS), 60)


@pytest.mark.timeout(120)
async def test_a_year_ends_while_the_service_runs(counted: Books) -> None:
    """From ten minutes before New Year on: 30 December first, and after midnight 31 December, though 1 January is not over."""
    clock = Clock(origin_ms=NEW_YEAR - 600_000, real_origin=time.time(), speed=100.0)
    async with beside(Publisher(counted.engine, counted.telemetry, clock, lambda: True).run()):
        await until(lambda: counted.figures("indicator", DISTRICT, NEW_YEAR - 2 * DAY_MS), 60)
        assert clock.now_ms() >= NEW_YEAR or counted.figures("indicator", DISTRICT, NEW_YEAR - DAY_MS) == {}
        await until(lambda: counted.figures("indicator", DISTRICT, NEW_YEAR - DAY_MS), 60)
    assert counted.figures("indicator", DISTRICT, NEW_YEAR) == {}


def test_nothing_is_written_before_the_ledger_has_caught_up(counted: Books) -> None:
    """Figures of half a ledger would look like a saving."""
    publisher = Publisher(counted.engine, counted.telemetry, Clock(origin_ms=NEW_YEAR + 2 * DAY_MS, speed=0.0), lambda: False)
    assert publisher.once() is False
    assert counted.figures("indicator", DISTRICT, NEW_YEAR - DAY_MS) == {}


def test_no_year_is_closed_while_the_date_is_not_sure(counted: Books) -> None:
    """This year's rows are written, the last one of the year before is not; once the date is sure it is."""
    clock, sure = Clock(origin_ms=NEW_YEAR + 2 * DAY_MS, speed=0.0), [False]
    publisher = Publisher(counted.engine, counted.telemetry, clock, lambda: True, lambda: sure[0])
    assert publisher.once()
    assert counted.figures("indicator", DISTRICT, NEW_YEAR - DAY_MS) == {}
    assert counted.figures("indicator", DISTRICT, NEW_YEAR + DAY_MS) != {}
    sure[0] = True
    assert publisher.once()
    assert counted.figures("indicator", DISTRICT, NEW_YEAR - DAY_MS) != {}


def test_years_long_over_are_written_at_the_start_and_once_a_day(counted: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """In between only the last one is, which changes most."""
    really, written = counted.telemetry.write_figures, set[int]()

    def noted(measurement: str, rows: Iterable[Figures]) -> None:
        kept = list(rows)
        written.update(row.at for row in kept)
        really(measurement, kept)

    monkeypatch.setattr(counted.telemetry, "write_figures", noted)
    now = month_start(2028, 1) + HOUR_MS
    publisher = Publisher(counted.engine, counted.telemetry, Clock(origin_ms=0, speed=0.0), lambda: True)
    last_days = {year: month_start(year + 1, 1) - DAY_MS for year in (2025, 2026, 2027)}
    for at, years in ((now, {2025, 2026, 2027}), (now + HOUR_MS, {2027}), (now + DAY_MS, {2025, 2026, 2027})):
        publisher.clock = Clock(origin_ms=at, speed=0.0)
        written.clear()
        assert publisher.once()
        assert {year for year, day in last_days.items() if day in written} == years


def test_a_store_that_is_down_is_an_error_of_the_round(counted: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next round starts with all years again, since nobody knows what was written."""

    def down(*_arguments: object) -> None:
        raise StoreDown("away")

    publisher = Publisher(counted.engine, counted.telemetry, Clock(origin_ms=NEW_YEAR + 2 * DAY_MS, speed=0.0), lambda: True)
    with monkeypatch.context() as patched:
        patched.setattr(counted.telemetry, "write_figures", down)
        with pytest.raises(StoreDown, match="away"):
            publisher.once()
    assert publisher.once()
    assert counted.figures("indicator", DISTRICT, NEW_YEAR - DAY_MS) != {}


@pytest.mark.timeout(120)
async def test_indicators_that_are_refused_end_nothing(counted: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store refuses closed years, as a bucket that forgets does: the publisher says so in one line and goes on with its rounds."""
    clock = Clock(origin_ms=NEW_YEAR + 2 * DAY_MS, real_origin=time.time(), speed=50_000.0)
    rounds = 0

    def refused(*_arguments: object) -> None:
        nonlocal rounds
        rounds += 1
        raise FiguresError("indicator: partial write: points beyond retention policy dropped=1")

    monkeypatch.setattr(counted.telemetry, "write_figures", refused)
    with structlog.testing.capture_logs() as logs:
        async with beside(Publisher(counted.engine, counted.telemetry, clock, lambda: True).run()):
            await until(lambda: rounds >= 3, 60)
    assert {(log["event"], log["reason"]) for log in logs} == {
        ("indicators are refused", "indicator: partial write: points beyond retention policy dropped=1")
    }


@pytest.mark.timeout(120)
async def test_a_database_that_refuses_ends_nothing(counted: Books) -> None:
    """A table is away for a while, which PostgreSQL tells by another error than a server that is away: the rows come once it is back."""
    clock = Clock(origin_ms=NEW_YEAR + 2 * DAY_MS, real_origin=time.time(), speed=50_000.0)
    rename(counted, "ledger_hour", "away")
    with structlog.testing.capture_logs() as logs:
        async with beside(Publisher(counted.engine, counted.telemetry, clock, lambda: True).run()):
            await until(lambda: logs, 60)
            assert (logs[0]["event"], "ledger_hour" in logs[0]["reason"]) == ("indicators wait", True)
            rename(counted, "away", "ledger_hour")
            await until(lambda: counted.figures("indicator", DISTRICT, NEW_YEAR + DAY_MS), 60)


def rename(books: Books, before: str, after: str) -> None:
    with writing(books.engine).begin() as connection:
        connection.execute(sa.text(f"ALTER TABLE {before} RENAME TO {after}"))
