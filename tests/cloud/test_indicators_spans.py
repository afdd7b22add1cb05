from dataclasses import replace
from datetime import date

import pytest

from cloud.indicators import spans
from cloud.indicators.spans import CountedMeter, Portion, Span
from cloud.ledger.periods import midnight, month_start
from cloud.texts import in_words
from contract.clock import parse_time
from contract.coded import Message

POWER = CountedMeter("power", "electricity", metered_from=month_start(2020, 1))


def at(text: str) -> int:
    return parse_time(text + "+08:00")


def fuel(*until: tuple[int, int]) -> CountedMeter:
    """A fuel meter with the months of each year entered up to one."""
    months = frozenset((year, month) for year, last in until for month in range(1, last + 1))
    return CountedMeter("cars", "petrol", vehicle_fuel=True, months=months)


def span(*text: str) -> Span:
    start, end = (midnight(date.fromisoformat(day)) for day in text)
    return Span(start, end)


def test_metered_years_are_compared_by_the_day() -> None:
    """With devices on both sides the span ends with the last complete day."""
    plan = spans.plan([POWER], 2026, at("2026-05-20T13:00"))
    assert (plan.actual, plan.baseline) == (span("2026-01-01", "2026-05-20"), span("2025-01-01", "2025-05-20"))
    assert plan.baseline_year == span("2025-01-01", "2026-01-01")
    assert (plan.grain, plan.closed) == ("day", False)
    assert (plan.actual_reason, plan.baseline_reason, plan.year_reason) == (None, None, None)


@pytest.mark.parametrize(
    ("now", "end", "earlier"),
    [
        ("2024-02-29T10:00", "2024-02-29", "2023-03-01"),
        ("2024-03-01T00:00", "2024-03-01", "2023-03-01"),
        ("2024-03-02T00:00", "2024-03-02", "2023-03-02"),
        ("2025-03-01T00:00", "2025-03-01", "2024-03-01"),
    ],
)
def test_leap_years(now: str, end: str, earlier: str) -> None:
    """29 February is on one side only, and the span of the other ends with February."""
    plan = spans.plan([POWER], int(now[:4]), at(now))
    assert plan.actual == span(f"{end[:4]}-01-01", end)
    assert plan.baseline == span(f"{earlier[:4]}-01-01", earlier)


@pytest.mark.parametrize(
    ("entered", "now", "end"),
    [
        (1, "2026-02-01T00:00", "2026-02-01"),
        (1, "2026-04-17T09:00", "2026-02-01"),
        (3, "2026-04-17T09:00", "2026-04-01"),
        (4, "2026-04-17T09:00", "2026-04-01"),
        (11, "2027-02-01T00:00", "2026-12-01"),
    ],
)
def test_fuel_ends_both_sides_with_its_last_month(entered: int, now: str, end: str) -> None:
    """A meter fed by hand holds both sides at its last complete month entered, metered energy included."""
    plan = spans.plan([POWER, fuel((2025, 12), (2026, entered))], 2026, at(now))
    assert plan.actual == span("2026-01-01", end)
    assert plan.baseline == span("2025-01-01", end.replace("2026", "2025"))
    assert (plan.grain, plan.closed) == ("month", False)


def test_a_hole_in_the_months_ends_the_span() -> None:
    """A month left out ends the span before it, since its fuel is unknown and not 0."""
    meter = fuel((2025, 12), (2026, 5))
    holed = replace(meter, months=meter.months - {(2026, 3)})
    assert spans.plan([POWER, holed], 2026, at("2026-07-01T00:00")).actual == span("2026-01-01", "2026-03-01")


@pytest.mark.parametrize(
    ("now", "meters", "reason"),
    [
        ("2026-01-20T00:00", [POWER, fuel((2025, 12))], "no complete month of 2026 yet, and a meter is fed by the month"),
        ("2026-03-20T00:00", [POWER, fuel((2025, 12))], "cars: nothing known for 2026-01"),
        ("2026-01-01T23:59", [POWER], "no complete day of 2026 yet"),
        ("2025-06-01T00:00", [POWER], "no complete day of 2026 yet"),
        ("2026-03-20T00:00", [], "no main meter in this scope"),
        ("2026-03-20T00:00", [replace(POWER, metered_from=at("2026-01-02T00:00"))], "power: nothing known for 2026-01"),
    ],
)
def test_before_the_first_month_there_is_no_figure(now: str, meters: list[CountedMeter], reason: str) -> None:
    """What cannot be summed from January on has no span, and the reason names what is missing."""
    plan = spans.plan(meters, 2026, at(now))
    assert plan.actual_reason is not None
    assert (plan.actual, plan.baseline, in_words(plan.actual_reason, "en")) == (None, None, reason)


def test_before_the_first_meter_is_there_nothing_is_known() -> None:
    """A scope whose only meter begins later, or ended earlier, had 0 of it; now it has no figure, and the reason names the year."""
    now, why, before = at("2026-05-20T13:00"), *(Message("reason.no_meter_then", year=year) for year in (2026, 2025))
    later = spans.plan([CountedMeter("power", "electricity", begins=at("2027-06-01T00:00"))], 2026, now)
    assert (later.actual, later.baseline, later.baseline_year) == (None, None, None)
    assert (later.actual_reason, later.baseline_reason, later.year_reason) == (why, why, before)
    gone = spans.plan([replace(POWER, metered_until=at("2025-12-31T20:00"), ends=at("2025-12-31T20:00"))], 2026, now)
    assert (gone.actual, gone.actual_reason, gone.baseline_year) == (None, why, span("2025-01-01", "2026-01-01"))
    first = at("2026-01-01T00:00")
    new = spans.plan([replace(POWER, metered_from=first, begins=first)], 2026, now)
    assert (new.actual, new.baseline, new.baseline_reason) == (span("2026-01-01", "2026-05-20"), None, before)
    beside = spans.plan([POWER, CountedMeter("more", "electricity", begins=at("2027-06-01T00:00"))], 2026, now)
    assert (beside.actual, beside.baseline) == (span("2026-01-01", "2026-05-20"), span("2025-01-01", "2025-05-20"))


def test_a_meter_installed_last_summer_has_no_baseline() -> None:
    """A last year known in part is no baseline, and this year is still given to its last day."""
    plan = spans.plan([replace(POWER, metered_from=at("2025-06-10T08:00"))], 2026, at("2026-05-20T13:00"))
    assert (plan.actual, plan.grain) == (span("2026-01-01", "2026-05-20"), "day")
    assert (plan.baseline, plan.baseline_year) == (None, None)
    assert plan.baseline_reason == plan.year_reason == Message("reason.nothing_known", meter="power", month="2025-01")


def test_a_last_year_of_bills_is_compared_by_the_month() -> None:
    """Where last year is known by months, a metered year is compared up to its last complete month."""
    new = CountedMeter("power", "electricity", metered_from=month_start(2026, 1), months=frozenset((2025, m) for m in range(1, 13)))
    plan = spans.plan([new], 2026, at("2026-05-20T13:00"))
    assert (plan.actual, plan.baseline, plan.grain) == (span("2026-01-01", "2026-05-01"), span("2025-01-01", "2025-05-01"), "month")
    early = spans.plan([new], 2026, at("2026-01-20T13:00"))
    assert (early.actual, early.baseline) == (span("2026-01-01", "2026-01-20"), None)
    assert early.baseline_reason == Message("reason.by_month_only", last=2025, year=2026)


def test_the_rest_of_last_year_may_still_be_missing() -> None:
    """A baseline of the same months is enough for a change; the whole year needs all twelve."""
    plan = spans.plan([POWER, fuel((2025, 6), (2026, 4))], 2026, at("2026-05-20T13:00"))
    assert plan.baseline == span("2025-01-01", "2025-05-01")
    assert (plan.baseline_year, plan.year_reason) == (None, Message("reason.nothing_known", meter="cars", month="2025-07"))
    known = spans.plan([POWER, fuel((2025, 3), (2026, 4))], 2026, at("2026-05-20T13:00"))
    assert known.baseline_reason == Message("reason.nothing_known", meter="cars", month="2025-04")


@pytest.mark.parametrize("meters", [[POWER], [POWER, fuel((2025, 12), (2026, 12))]])
def test_a_year_that_is_over_is_closed(meters: list[CountedMeter]) -> None:
    """After 31 December the span is the whole year, and stays so."""
    plan = spans.plan(meters, 2026, at("2027-08-01T00:00"))
    assert (plan.actual, plan.closed) == (span("2026-01-01", "2027-01-01"), True)
    assert plan.baseline == plan.baseline_year == span("2025-01-01", "2026-01-01")


def test_one_portion_has_the_spans_that_it_has_by_itself() -> None:
    """Also one whose only meter has told nothing since the day on which it was put there; beside another one it leaves no figure."""
    young = CountedMeter("young", "electricity", begins=at("2026-03-01T00:00"))
    now = at("2026-05-20T13:00")
    for meters in ([POWER], [young], [POWER, young], [POWER, fuel((2025, 12), (2026, 3))], []):
        assert spans.plan_of_all([Portion("d", meters)], 2026, now) == spans.plan(meters, 2026, now)
    both = spans.plan_of_all([Portion("d", [POWER]), Portion("e", [young])], 2026, now)
    this, last = (Message("reason.lacks", organisation="e", why=Message("reason.no_meter_then", year=year)) for year in (2026, 2025))
    assert (both.actual, both.baseline, both.actual_reason, both.baseline_reason) == (None, None, this, last)
    absent = Message("reason.not_entered", group="510811")
    assert spans.plan_of_all([Portion("e", [], absent)], 2026, now).actual_reason == absent
