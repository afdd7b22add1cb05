from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.ledger import periods
from contract.clock import iso, parse_time

MOMENTS = st.integers(parse_time("2008-01-01"), parse_time("2060-01-01"))
EVERY: list[periods.Every] = ["hour", "day", "month", "quarter", "year"]


def at(text: str) -> int:
    return parse_time(text + "+08:00")


def test_a_day_begins_at_four_in_the_afternoon_utc() -> None:
    """A day of Shanghai begins at 16:00 of the day before in UTC."""
    assert iso(periods.midnight(date(2026, 3, 1))) == "2026-02-28T16:00:00.000Z"
    assert periods.local_date(parse_time("2026-02-28T15:59:59.999Z")) == date(2026, 2, 28)
    assert periods.local_date(parse_time("2026-02-28T16:00:00Z")) == date(2026, 3, 1)


@given(MOMENTS)
def test_the_fixed_offset_is_what_the_zone_database_says(moment: int) -> None:
    """The zone database agrees with UTC+8 for all years that are counted."""
    local = periods.local_time(moment)
    assert local.utcoffset() == local.astimezone(ZoneInfo("Asia/Shanghai")).utcoffset()
    assert local.date() == periods.local_date(moment)


def test_quarters_of_a_year() -> None:
    """A year has four quarters, cut in January, April, July and October."""
    begin, end = periods.year_bounds(2026)
    cuts = [periods.local_date(edge).isoformat() for edge in periods.edges(begin, end, "quarter")]
    assert cuts == ["2026-01-01", "2026-04-01", "2026-07-01", "2026-10-01", "2027-01-01"]


def test_a_month_by_its_name() -> None:
    """A month given as YYYY-MM ends where the next one begins, of the next year too; what is none is refused."""
    assert periods.month_bounds("2026-02") == (at("2026-02-01T00:00"), at("2026-03-01T00:00"))
    assert periods.month_bounds("2026-12") == (at("2026-12-01T00:00"), at("2027-01-01T00:00"))
    with pytest.raises(ValueError, match="month must be in"):
        periods.month_bounds("2026-14")


def test_a_span_inside_periods_is_covered_by_their_edges() -> None:
    """Edges reach from the begin of the first period touched to the end of the last."""
    grid = periods.edges(at("2026-01-31T13:30"), at("2026-03-01T00:01"), "month")
    assert [periods.local_date(edge).month for edge in grid] == [1, 2, 3, 4]
    assert periods.edges(5, 5, "day") == []
    assert periods.period_of(grid, at("2026-02-28T23:59")) == at("2026-02-01T00:00")
    assert periods.period_of(grid, at("2026-04-01T00:00")) is None


@given(MOMENTS, st.sampled_from(EVERY))
def test_every_moment_lies_in_one_period(moment: int, every: periods.Every) -> None:
    """A period's begin and the next one's hold the moment between them, and an edge is its own floor."""
    begin, end = periods.floor(moment, every), periods.following(moment, every)
    assert begin <= moment < end
    assert periods.floor(begin, every) == begin
    assert periods.floor(end - 1, every) == begin
    assert periods.edges(begin, end, every) == [begin, end]


@given(MOMENTS)
def test_years_are_quarters_are_months_are_days_are_hours(moment: int) -> None:
    """Every coarse edge is an edge of each finer grid."""
    for coarse, fine in zip(EVERY[1:], EVERY, strict=False):
        edge = periods.floor(moment, coarse)
        assert periods.floor(edge, fine) == edge


def test_the_last_complete_day_ends_at_midnight() -> None:
    """At midnight the day before is complete; a moment earlier it is not."""
    assert periods.last_complete_day_end(at("2026-03-02T00:00")) == at("2026-03-02T00:00")
    assert periods.last_complete_day_end(at("2026-03-02T00:00") - 1) == at("2026-03-01T00:00")


@pytest.mark.parametrize(
    ("end", "earlier"),
    [
        ("2026-03-15T00:00", "2025-03-15T00:00"),
        ("2024-02-28T00:00", "2023-02-28T00:00"),
        ("2024-02-29T00:00", "2023-03-01T00:00"),
        ("2024-02-29T13:00", "2023-03-01T00:00"),
        ("2024-03-01T00:00", "2023-03-01T00:00"),
        ("2025-03-01T00:00", "2024-03-01T00:00"),
        ("2025-02-28T23:00", "2024-02-28T23:00"),
    ],
)
def test_the_same_span_of_last_year(end: str, earlier: str) -> None:
    """Spans move by the calendar; 29 February has no partner and becomes 1 March."""
    assert periods.same_span_last_year(at(end[:4] + "-01-01T00:00"), at(end)) == (at(earlier[:4] + "-01-01T00:00"), at(earlier))


@given(MOMENTS, MOMENTS)
def test_last_year_keeps_the_order_of_moments(one: int, other: int) -> None:
    """A later moment never has an earlier partner."""
    first, second = sorted((one, other))
    assert periods.a_year_earlier(first) <= periods.a_year_earlier(second)


@pytest.mark.parametrize(("year", "month", "days"), [(2024, 2, 29), (2025, 2, 28), (2100, 2, 28), (2026, 12, 31)])
def test_days_of_a_month(year: int, month: int, days: int) -> None:
    """A month has as many days as the calendar says, and they end where the next month begins."""
    found = periods.days_of_month(year, month)
    assert len(found) == days
    assert found[0] == periods.month_start(year, month)
    assert found[-1] + periods.DAY_MS == periods.month_start(year, month + 1)
