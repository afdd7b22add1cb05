from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from cloud.indicators.spans import Span
from cloud.indicators.sums import Sums
from cloud.ledger.counters import Provenance
from cloud.ledger.periods import DAY_MS, HOUR_MS, month_start
from cloud.ledger.queries.consumption import Total, totals
from cloud.platform.database import writing
from tests.cloud import tables
from tests.cloud.district import GROUP

JANUARY, FEBRUARY, MARCH = (month_start(2026, month) for month in (1, 2, 3))
YEAR = Span(JANUARY, month_start(2027, 1))


def hour(meter: str, at: int, amount: int, kind: Provenance = Provenance.MEASURED, *, provisional: bool = False) -> dict[str, object]:
    return {"grp": GROUP, "meter": meter, "hour": at, "provenance": kind.value, "amount": amount, "provisional": provisional}


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, open_registry: Callable[[str], sa.Engine]) -> sa.Engine:
    """Two meters with hours at both edges of months, one hour still provisional, one estimated."""
    found = open_registry(request.param)
    rows = [
        hour("a", JANUARY, 1),
        hour("a", FEBRUARY - HOUR_MS, 10),
        hour("a", FEBRUARY, 100),
        hour("a", FEBRUARY, 5, Provenance.ESTIMATED),
        hour("a", MARCH + DAY_MS, 1000, provisional=True),
        hour("b", FEBRUARY, 7),
    ]
    with writing(found).begin() as connection:
        connection.execute(tables.ledger_hour.insert(), rows)
    return found


@pytest.fixture
def queries(engine: sa.Engine) -> list[str]:
    """What the database was asked about the ledger."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if "FROM ledger_hour" in statement:
            asked.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    return asked


def test_sums_are_those_of_the_hours_whatever_the_span(engine: sa.Engine) -> None:
    """Spans that begin or end inside of a month, and one without hours; what is absent is absent, and provisional is told by meter."""
    with engine.connect() as connection:
        sums = Sums(connection, GROUP, ["a", "b", "c"], 0)
        assert sums.over(YEAR) == {
            "a": {Provenance.MEASURED: 1111, Provenance.ESTIMATED: 5},
            "b": {Provenance.MEASURED: 7},
        }
        assert sums.over(Span(JANUARY + HOUR_MS, FEBRUARY + HOUR_MS))["a"] == {Provenance.MEASURED: 110, Provenance.ESTIMATED: 5}
        assert sums.over(Span(FEBRUARY - HOUR_MS, FEBRUARY)) == {"a": {Provenance.MEASURED: 10}}
        assert sums.over(Span(MARCH, MARCH)) == {}
        assert (sums.provisional(YEAR), sums.provisional(Span(JANUARY, MARCH))) == (frozenset({"a"}), frozenset())


def test_an_hour_is_read_once(engine: sa.Engine, queries: list[str]) -> None:
    """A year, its months, and whether any of them is provisional take each month once, in one statement together.

    Two months of a meter are not measured throughout and decided: those are asked once more, by provenance.
    """
    with engine.connect() as connection:
        sums = Sums(connection, GROUP, ["a", "b"], 0)
        whole = sums.over(YEAR)
        months = [sums.over(Span(month_start(2026, n), month_start(2026, n + 1))) for n in range(1, 13)]
        assert sums.provisional(YEAR) == {"a"}
    assert sum(month.get("a", {}).get(Provenance.MEASURED, 0) for month in months) == whole["a"][Provenance.MEASURED]
    assert [query.count("FROM ledger_hour") for query in queries] == [12, 2]


def test_what_is_measured_throughout_is_one_sum(engine: sa.Engine, queries: list[str]) -> None:
    """Another meter's estimate beside it asks nothing more of it."""
    with engine.connect() as connection:
        assert totals(connection, GROUP, ["b"], [(FEBRUARY, MARCH)]) == [{"b": Total({Provenance.MEASURED: 7}, provisional=False)}]
        assert len(queries) == 1
        both = totals(connection, GROUP, ["a", "b"], [(FEBRUARY, MARCH)])
    assert both == [
        {
            "a": Total({Provenance.MEASURED: 100, Provenance.ESTIMATED: 5}, provisional=False),
            "b": Total({Provenance.MEASURED: 7}, provisional=False),
        }
    ]


def test_there_may_be_more_spans_than_go_into_a_statement(engine: sa.Engine) -> None:
    """SQLite takes 500 selects in one: a thousand hours are each what they are, the last as well as the first."""
    hours = [(at, at + HOUR_MS) for at in range(FEBRUARY - 999 * HOUR_MS, FEBRUARY + HOUR_MS, HOUR_MS)]
    with engine.connect() as connection:
        found = totals(connection, GROUP, ["a"], hours)
    assert {at: total["a"].amounts for (at, _), total in zip(hours, found, strict=True) if total} == {
        JANUARY: {Provenance.MEASURED: 1},
        FEBRUARY - HOUR_MS: {Provenance.MEASURED: 10},
        FEBRUARY: {Provenance.MEASURED: 100, Provenance.ESTIMATED: 5},
    }
