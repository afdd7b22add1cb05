from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa

from cloud.indicators.figures import denominators_of, targets_of
from cloud.indicators.scopes import UnknownScopeError
from cloud.ledger import book
from cloud.ledger.periods import DAY_MS
from cloud.platform.database import writing
from cloud.reports.base import MissingError
from cloud.reports.period import Period
from cloud.reports.printed import MINUS, number, percent
from cloud.reports.targets.gather import gather
from cloud.reports.targets.ranking import falls, rises
from cloud.texts import in_words
from contract.clock import iso, parse_time
from contract.coded import Message
from tests.cloud import tables
from tests.cloud.district import GROUP, key

Q3 = Period(2026, quarter=3)


def test_a_period_has_its_bounds_in_shanghai() -> None:
    """Years, quarters and months begin at midnight in Shanghai, and are called so that files sort."""
    spans = {p.code(): (iso(p.start), iso(p.end)) for p in (Period(2026), Q3, Period(2026, month=12))}
    assert spans == {
        "2026": ("2025-12-31T16:00:00.000Z", "2026-12-31T16:00:00.000Z"),
        "2026-Q3": ("2026-06-30T16:00:00.000Z", "2026-09-30T16:00:00.000Z"),
        "2026-12": ("2026-11-30T16:00:00.000Z", "2026-12-31T16:00:00.000Z"),
    }
    assert [Period(2026, month=2).text(language) for language in ("zh", "en")] == ["2026年2月", "February 2026"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [((1999,), "year"), ((2026, 5), "quarter"), ((2026, None, 13), "month"), ((2026, 1, 1), "not both")],
)
def test_no_period_that_a_calendar_does_not_have(fields: tuple[int, ...], said: str) -> None:
    """Year 1999, quarter 5, month 13, and a quarter with a month are refused by name."""
    with pytest.raises(ValueError, match=said):
        Period(*fields)


def test_a_figure_is_rounded_once_and_half_up() -> None:
    """A float is the shortest decimal that names it; absent is a dash, never 0; minus is a minus sign."""
    assert [number(2.675, 2), number(Decimal("-1234.45"), 1), number(None, 1), number(0.04, 1)] == ["2.68", f"{MINUS}1,234.5", "—", "0.0"]
    assert [number(1.0, 1, signed=True), number(-0.04, 1, signed=True)] == ["+1.0", "0.0"]
    assert [percent(-0.02425, 2), percent(0.5, 1, signed=True), percent(None, 2)] == [f"{MINUS}2.43 %", "+50.0 %", "—"]


@pytest.mark.parametrize("period", [Period(2026), Q3], ids=["year", "quarter"])
def test_a_report_reads_the_ledger_once(engine: sa.Engine, now: int, period: Period) -> None:
    """Months of two years, the one that is not over a second time, and the days of a quarter: not a span for each figure.

    Only what is not measured throughout is asked a second time, by provenance.
    """
    asked: list[int] = []
    again: list[int] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: tuple[int, ...], *_more: object) -> None:
        if "sum(ledger_hour.amount) FILTER" in statement:
            again.append(statement.count("FROM ledger_hour"))
        elif "count(*) FILTER" in statement:
            length = len(parameters) // statement.count("FROM ledger_hour")  # of each span, its start and end last
            spans = [parameters[first + length - 2 : first + length] for first in range(0, len(parameters), length)]
            asked.extend((end - start) // DAY_MS for start, end in spans)

    sa.event.listen(engine, "before_cursor_execute", note)
    gather(engine, GROUP, period, "district", now)
    days_of_curves = 2 * 92 if period.quarter else 0
    assert 0 < sum(asked) <= 2 * 365 + 2 * 31 + days_of_curves
    assert 0 < sum(again) <= len(asked)


@pytest.mark.parametrize("scope", ["district", "compound:c1", "unit:b"])
def test_a_year_says_what_the_interface_says(engine: sa.Engine, now: int, scope: str) -> None:
    """Indicators are those of /targets, denominators those of /denominators, and the energies sum to indicator times headcount."""
    facts = gather(engine, GROUP, Period(2026), scope, now)
    assert facts.targets == targets_of(engine, GROUP, 2026, scope, now)
    capita = facts.targets.indicators[0]
    assert capita.actual.value is not None
    assert capita.actual.start is not None
    assert capita.actual.end is not None
    below = denominators_of(engine, GROUP, scope, parse_time(capita.actual.start), parse_time(capita.actual.end))
    assert facts.denominators[0].value.this == below["headcount"]
    assert facts.total.this == sum(row.coal.this or 0 for row in facts.energies)
    assert float((facts.total.this or 0) / (facts.denominators[0].value.this or 1)) == pytest.approx(capita.actual.value, rel=1e-15)
    assert facts.total.change == pytest.approx(Decimal(repr(capita.change)), rel=Decimal("1e-12"))
    assert sum(row.share or 0 for row in facts.energies) == pytest.approx(Decimal(1))


def test_amounts_are_those_of_consumption(engine: sa.Engine, now: int) -> None:
    """Each main meter, each month and each day have what /consumption says, to the last digit."""
    facts = gather(engine, GROUP, Q3, "compound:c2", now)
    (row,) = facts.energies
    (whole,) = book.consumption(engine, key("far"), Q3.start, Q3.end, "quarter")
    assert float(row.amount.this or 0) == whole["value"]
    months = [item["value"] for item in book.consumption(engine, key("far"), parse_time("2026-01-01T00:00:00+08:00"), Q3.end, "month")]
    days = [item["value"] for item in book.consumption(engine, key("far"), Q3.start, Q3.end, "day")]
    by_month = next(curve for curve in facts.months if curve.key == "energy.electricity")
    assert [float(pair.this) for pair in by_month.values if pair.this is not None] == months
    assert [float(pair.this or 0) for pair in facts.days[0].values] == days
    assert len(days) == 92


def test_a_quarter_is_of_its_time(engine: sa.Engine, now: int) -> None:
    """The report of a quarter that is over is the same whenever it is made: indicators to its last day, amounts of it alone."""
    facts = gather(engine, GROUP, Q3, "district", now)
    assert facts == gather(engine, GROUP, Q3, "district", now + 9 * DAY_MS)
    assert facts.targets == targets_of(engine, GROUP, 2026, "district", Q3.end)
    assert {iso(row.spans.this.end) for row in facts.energies if row.spans.this} == {"2026-09-30T16:00:00.000Z"}


def test_fuel_that_is_not_entered_leaves_no_total(engine: sa.Engine, now: int) -> None:
    """In October the cars' petrol is unknown: it has a reason, and neither a total nor a share stands in for it."""
    facts = gather(engine, GROUP, Period(2026, month=10), "district", now)
    rows = {row.energy: row for row in facts.energies}
    assert (rows["petrol"].amount.this, rows["petrol"].spans.reason) == (None, Message("reason.known_up_to", day="2026-09-30"))
    assert (rows["electricity"].amount.this, rows["electricity"].share) == (Decimal("1901.312"), None)
    assert facts.total.this is None
    assert {"total", "petrol"}.isdisjoint(facts.total_shares)


def test_the_month_that_runs_is_marked_and_what_is_unknown_is_absent(engine: sa.Engine, now: int) -> None:
    """October goes up to yesterday, November is not 0, and petrol ends with September."""
    facts = gather(engine, GROUP, Period(2026), "district", now)
    by_key = {curve.key: curve for curve in facts.months}
    assert {curve.partial for curve in facts.months} == {9}
    known = {key: [pair.this is not None for pair in curve.values].count(True) for key, curve in by_key.items()}
    assert (known["energy.electricity"], known["energy.petrol"], known["indicator.energy_per_capita"]) == (10, 9, 9)
    assert all(pair.last is not None for curve in facts.months for pair in curve.values)


def test_what_changed_most_is_ranked_by_coal(engine: sa.Engine, now: int) -> None:
    """The lifts rose, all others fell, gas most; water and what cannot be compared are in neither list."""
    facts = gather(engine, GROUP, Q3, "district", now)
    assert [row.id for row in rises(facts.meters)] == ["lift"]
    assert [row.id for row in falls(facts.meters)] == ["gas", "main", "far"]
    assert [row.id for row in falls(facts.units)] == ["a", "b", "c"]


def test_faults_are_those_of_the_period_and_the_scope(engine: sa.Engine, now: int) -> None:
    """A gap as one line of its hours, a reset with its figures, clock faults of a day as one; none of another time or place."""
    found = gather(engine, GROUP, Q3, "compound:c1", now).faults
    assert [(fault.kind, fault.subject, fault.count, fault.note and in_words(fault.note, "en")) for fault in found] == [
        ("clock_fault", "water", 2, "measured -3599 s off its receipt"),
        ("counter_reset", "main", 1, "from 900 to 3 Wh, 3 counted"),
        ("estimated", "gas", 1, None),
        ("estimated", "gas", 1, None),
        ("gap", "main", 48, None),
        ("rejected", "gas", 1, "field type conflict"),
    ]
    assert gather(engine, GROUP, Q3, "compound:c2", now).faults == []
    assert [fault.kind for fault in gather(engine, GROUP, Period(2026, month=2), "compound:c2", now).faults] == ["clock_fault"]


def test_a_silent_meter_is_a_fault_and_ends_the_span(engine: sa.Engine, now: int) -> None:
    """What a meter used since it fell silent is not counted as nothing: the amounts end before, with the reason."""
    silent = parse_time("2026-09-20T00:00:00+08:00")
    with writing(engine).begin() as connection:
        connection.execute(sa.delete(tables.ledger_hour).where(tables.ledger_hour.c.meter == "far", tables.ledger_hour.c.hour >= silent))
    facts = gather(engine, GROUP, Q3, "compound:c2", now)
    fault = next(fault for fault in facts.faults if fault.kind == "silent")
    assert (fault.subject, fault.start, fault.end, fault.count) == ("far", silent, Q3.end, 11 * 24)
    (row,) = facts.energies
    assert row.spans.this is not None
    assert (row.spans.this.end, row.spans.reason) == (silent, Message("reason.silent", meter="far", since="2026-09-19T16:00:00.000Z"))


@pytest.mark.parametrize(
    ("period", "scope", "said"),
    [
        (Period(2023), "district", "2023 of district: nothing is known; no readings and no entered amounts of cars, far, gas, main, water"),
        (Period(2026, quarter=4), "district", None),
        (Period(2026, month=11), "district", "2026-11: no day of it is over yet"),
        (Period(2027), "unit:a", "2027: no day of it is over yet"),
    ],
)
def test_a_period_without_data_is_no_report(engine: sa.Engine, now: int, period: Period, scope: str, said: str | None) -> None:
    """What is missing is named; a quarter that has begun can be reported."""
    if said is None:
        assert gather(engine, GROUP, period, scope, now).as_of == parse_time("2026-10-15T00:00:00+08:00")
        return
    with pytest.raises(MissingError) as error:
        gather(engine, GROUP, period, scope, now)
    assert str(error.value).startswith(said)


def test_an_unknown_scope_is_told(engine: sa.Engine, now: int) -> None:
    """A unit that the registry does not have is an error of who asked."""
    with pytest.raises(UnknownScopeError, match="unit:z"):
        gather(engine, GROUP, Q3, "unit:z", now)
