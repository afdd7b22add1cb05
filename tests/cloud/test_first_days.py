"""The first day of an institution (`since`), added, corrected and taken out after the institution was entered."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from cloud.sites.entered import EntryRefused
from contract.site import Site
from tests.cloud import tables
from tests.cloud.entering import said, seed

UNIT = {"name": {"zh": "名", "en": "Name"}, "compound": "c", "headcount": 50, "area": 500}


def people(engine: sa.Engine, unit: str) -> dict[str, float]:
    row = tables.denominator.c
    with engine.connect() as connection:
        query = sa.select(row.valid_from, row.value).where(row.unit == unit, row.kind == "headcount")
        return {at: float(value) for at, value in connection.execute(query)}


@pytest.mark.parametrize(
    ("since", "told", "held"),
    [
        ("2026-03-01", ["0 -> 50 from 2026-03-01 until 2026-06-01"], {"2020-01-01": 0, "2026-03-01": 50}),
        ("2026-09-01", ["50 -> 0 from 2026-06-01 until 2026-09-01"], {"2020-01-01": 0, "2026-09-01": 50}),
        ("2020-01-01", ["0 -> 50 from 2020-01-01 until 2026-06-01"], {"2020-01-01": 50}),
        ("2026-06-01", [], {"2020-01-01": 0, "2026-06-01": 50}),
    ],
)
def test_a_first_day_that_is_corrected_is_told_and_holds(
    engine: sa.Engine, small: Callable[..., Site], since: str, told: list[str], held: dict[str, float]
) -> None:
    """The files' own day restates as their `changes` do; what holds today has no new row, and entered again nothing changes."""
    seed(engine, small())
    seed(engine, small(units={"u3": UNIT | {"since": "2026-06-01"}}), "2026-07-01")
    moved = small(units={"u3": UNIT | {"since": since}})
    changes = said(seed(engine, moved, "2026-11-28"))
    assert [line for line in changes if "headcount" in line] == [f"changed unit u3: headcount {text}" for text in told]
    assert people(engine, "u3") == held
    assert said(seed(engine, moved, "2026-11-29")) == []


def test_a_first_day_of_a_unit_that_was_always_there(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """Added later, it takes people and area off the time before, keeps what came since, and a number that changes holds from today."""
    seed(engine, small())
    seed(engine, small(units={"u1": {"headcount": 95}}), "2026-06-01")
    plan = said(seed(engine, small(units={"u1": {"headcount": 99, "since": "2026-03-01"}}), "2026-11-28"))
    assert plan == [
        "changed unit u1: headcount 80 -> 0 from 2020-01-01 until 2026-03-01",
        "changed unit u1: headcount 95 -> 99 from 2026-11-28",
        "changed unit u1: area 3000 -> 0 from 2020-01-01 until 2026-03-01",
    ]
    assert people(engine, "u1") == {"2020-01-01": 0, "2026-03-01": 80, "2026-06-01": 95, "2026-11-28": 99}


def test_a_first_day_that_is_taken_out_is_refused(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """Nobody can tell whether the day was wrong or is only no longer written; the line says what to write, and nothing changes."""
    seed(engine, small(units={"u3": UNIT | {"since": "2026-06-01"}}), "2026-07-01")
    expected = r"^units: u3: since: expected 2026-06-01, as it was entered, or another day \(2020-01-01 if it was always there\), got none$"
    with pytest.raises(EntryRefused, match=expected):
        seed(engine, small(units={"u3": UNIT}))
    assert people(engine, "u3") == {"2020-01-01": 0, "2026-06-01": 50}
    seed(engine, small(units={"u3": UNIT | {"since": "2020-01-01"}}))
    assert people(engine, "u3") == {"2020-01-01": 50}


@pytest.mark.parametrize(
    ("since", "held"),
    [
        (None, {"2020-01-01": 50, "2026-06-01": 0, "2026-11-28": 50}),
        ("2026-08-01", {"2020-01-01": 50, "2026-06-01": 0, "2026-08-01": 50}),
        ("2026-05-01", {"2020-01-01": 0, "2026-05-01": 50}),
    ],
)
def test_a_unit_that_comes_back_begins_on_its_day(
    engine: sa.Engine, small: Callable[..., Site], since: str | None, held: dict[str, float]
) -> None:
    """The time in which it was gone before that day stays; a day before it was gone says that it was not."""
    seed(engine, small(units={"u3": UNIT}))
    seed(engine, small(), "2026-06-01")
    back = small(units={"u3": UNIT | ({} if since is None else {"since": since})})
    seed(engine, back, "2026-11-28")
    assert people(engine, "u3") == held
    assert said(seed(engine, back, "2026-11-29")) == []


def test_a_first_day_behind_a_change_is_refused(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """A mistaken day lost the 100 for good; now nothing changes, the right day can be entered, and a change that never was first goes."""

    def unit(since: str, headcount: int = 120, **more: object) -> Site:
        return small(units={"u3": UNIT | {"since": since, "headcount": headcount} | more})

    seed(engine, small(units={"u3": UNIT | {"headcount": 100}}))
    seed(engine, small(units={"u3": UNIT | {"headcount": 120}}), "2026-06-01")
    seed(engine, unit("2026-03-01"))
    good = {"2020-01-01": 0, "2026-03-01": 100, "2026-06-01": 120}
    for late in ("2026-07-01", "2026-06-01"):
        with pytest.raises(EntryRefused) as caught:
            seed(engine, unit(late))
        expected = f"expected a day before 2026-06-01, when 100 became 120, got {late}"
        right = "if it stayed 100 then, first enter that with changes from 2026-06-01 on"
        assert str(caught.value) == f"units: u3: since: headcount: {expected}; {right}"
        assert people(engine, "u3") == good
    seed(engine, unit("2026-03-01"))
    assert people(engine, "u3") == good
    seed(engine, unit("2026-03-01", 100, changes=[{"since": "2026-06-01", "headcount": 100}]))
    seed(engine, unit("2026-07-01", 100))
    assert people(engine, "u3") == {"2020-01-01": 0, "2026-07-01": 100}


def test_a_change_that_the_file_states_anew_may_move_with_the_first_day(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """Both days were wrong by a month; the file says both right, so nothing is lost."""
    for since, change in (("2026-03-01", "2026-06-01"), ("2026-07-01", "2026-09-01")):
        changes = [{"since": change, "headcount": 60}]
        seed(engine, small(units={"u3": UNIT | {"since": since, "changes": changes}}))
        assert people(engine, "u3") == {"2020-01-01": 0, since: 50, change: 60}


def test_a_change_before_the_first_day_is_refused(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """The first number took its place on the first day, so the change had no effect today; a `since` before it lets it hold."""
    old = {"u1": {"since": "2015-01-01", "changes": [{"since": "2018-03-01", "headcount": 95}]}}
    seed(engine, small(units=old))
    assert people(engine, "u1") == {"2015-01-01": 80, "2018-03-01": 95}
    new = UNIT | {"changes": [{"since": "2026-06-01", "headcount": 60}]}
    expected = "^units: u3: changes: headcount: expected a day after 2026-11-28, the unit's first, got 2026-06-01; `since` at the unit"
    with pytest.raises(EntryRefused, match=expected):
        seed(engine, small(units=old | {"u3": new}))
    seed(engine, small(units=old | {"u3": UNIT}))
    with pytest.raises(EntryRefused, match=expected):
        seed(engine, small(units=old | {"u3": new}), "2026-11-29")
    assert people(engine, "u3") == {"2020-01-01": 0, "2026-11-28": 50}
    seed(engine, small(units=old | {"u3": new | {"since": "2026-02-01"}}))
    assert people(engine, "u3") == {"2020-01-01": 0, "2026-02-01": 50, "2026-06-01": 60}


@pytest.mark.parametrize(("headcount", "area"), [(1, 0.0001), (100_000_000, 1e9)])
def test_the_least_and_the_most_that_a_file_may_say_are_kept(
    engine: sa.Engine, small: Callable[..., Site], headcount: int, area: float
) -> None:
    """As they stand, on both databases: none of it is 0, which says that a unit is gone."""
    seed(engine, small(units={"u3": UNIT | {"headcount": headcount, "area": area}}))
    table = tables.denominator.c
    with engine.connect() as connection:
        found = connection.execute(sa.select(table.kind, table.value).where(table.unit == "u3"))
        assert {row.kind: row.value for row in found} == {"headcount": headcount, "area": area}
    assert said(seed(engine, small(units={"u3": UNIT | {"headcount": headcount, "area": area}}), "2026-11-29")) == []


def test_a_first_day_and_dated_changes_are_entered_together(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """A day before the first change, whatever was known of the unit until now."""
    seed(engine, small(units={"u3": UNIT | {"since": "2026-06-01"}}))
    changes = [{"since": "2026-05-01", "headcount": 60}]
    seed(engine, small(units={"u3": UNIT | {"since": "2026-03-01", "changes": changes}}))
    assert people(engine, "u3") == {"2020-01-01": 0, "2026-03-01": 50, "2026-05-01": 60}
