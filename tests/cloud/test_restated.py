"""What a plan says of the figures: a year and a half of one main meter and the fuel of two units."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from cloud.cli import site as command
from cloud.indicators.figures import seed_factors, targets_of
from cloud.platform.database import writing
from cloud.sites.entering import By, enter_site
from contract.clock import parse_time
from contract.site import Site
from tests.cloud import tables
from tests.cloud.district import GROUP

NOW = parse_time("2026-07-01T10:00:00+08:00")
TEXT = {"zh": "名", "en": "Name"}
NEW = {"name": TEXT, "compound": "c", "headcount": 100, "area": 4000}
HOUR, DAY = 3_600_000, 86_400_000


@pytest.fixture
def engine(open_registry: Callable[[str], sa.Engine], small: Callable[..., Site]) -> sa.Engine:
    """The small site since 2025: 240 kWh a day, and no fuel."""
    opened = open_registry("sqlite")
    seed_factors(opened)
    enter_site(opened, small(meters={"oil": None}), By("li", 0, date(2025, 1, 1)))
    first = parse_time("2025-01-01T00:00:00+08:00")
    hours = [first + n * HOUR for n in range((NOW - first) // HOUR)]
    rows = [{"grp": GROUP, "meter": "m1", "hour": hour, "provenance": "measured", "amount": 10_000} for hour in hours]
    with writing(opened).begin() as connection:
        connection.execute(sa.insert(tables.ledger_hour), rows)
    return opened


def moved(engine: sa.Engine, site: Site, day: str = "2026-07-01") -> list[tuple[int, str, str, float | None, float | None]]:
    looked = command._look(engine, site, By("wang", NOW, date.fromisoformat(day)))
    return [(m.year, m.scope, m.new.id, m.old.actual.value, m.new.actual.value) for m in looked.moved]


def per_head(engine: sa.Engine, year: int) -> float | None:
    return targets_of(engine, GROUP, year, "district", NOW).indicators[0].actual.value


def test_a_plan_restates_nothing_where_a_number_holds_from_today(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """A new headcount, a new unit and a unit that goes from today on move no figure of the past (H3, H4); a plan writes nothing."""
    before = per_head(engine, 2025)
    for changed in (
        small(units={"u1": {"headcount": 95}}, meters={"oil": None}),
        small(units={"u3": NEW}, meters={"oil": None}),
        small(units={"u2": None}, meters={"oil": None, "m1": {"units": ["u1"]}}),
    ):
        assert moved(engine, changed) == []
    with engine.connect() as connection:
        assert {tuple(row) for row in connection.execute(sa.select(tables.unit.c.id, tables.unit.c.retired_on))} == {
            ("u1", None),
            ("u2", None),
        }
    enter_site(engine, small(units={"u3": NEW}, meters={"oil": None}), By("wang", NOW, date(2026, 1, 5)))
    assert per_head(engine, 2025) == before == pytest.approx(float(Decimal("0.1229") * 240 * 365 / 100))


def test_a_plan_names_each_figure_that_moves_with_old_and_new(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """95 people since July 2025: the year 2025 and this one move, where the unit counts, and last year's by the days they hold."""
    changes: list[dict[str, Any]] = [{"since": "2025-07-01", "headcount": 130}]
    found = {(year, scope, name): (old, new) for year, scope, name, old, new in moved(
        engine, small(units={"u1": {"changes": changes}}, meters={"oil": None})
    )}  # fmt: skip
    scopes = {("district", "energy_per_capita"), ("compound:c", "energy_per_capita"), ("unit:u1", "energy_per_capita")}
    assert {key[1:] for key in found} == scopes
    used = float(Decimal("0.1229") * 240 * 365)
    old, new = found[2025, "district", "energy_per_capita"]
    assert old == pytest.approx(used / 100)
    assert new == pytest.approx(used / (100 + 50 * 184 / 365))


def test_a_plan_says_that_figures_follow_when_hours_are_counted_anew(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """A maximum that changes moves no figure before the ledger has counted; the plan says from which day it does, closed years too."""
    changed = small(meters={"oil": None, "m1": {"max_rate": 50}})
    looked = command._look(engine, changed, By("wang", NOW, date(2026, 7, 1)))
    assert list(command._told(changed, looked)) == [
        "changed meter m1: max_rate null -> 50.0",
        "recounted meter m1: most in an hour 165.6 kWh -> 50 kWh; its figures from 2025-01-01 on are counted anew",
        "figures restated: none at once; others when the meters are counted anew",
    ]
    with engine.connect() as connection:
        assert connection.execute(sa.select(tables.touched)).all() == []


def test_a_renamed_institution_and_meter_move_no_figure(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """With `was` (H2) the figures of the renamed unit are those it had, and the district's stay."""
    renamed = small(units={"u1": {"id": "n1", "was": "u1"}}, meters={"m1": {"id": "main", "was": "m1", "units": ["n1", "u2"]}, "oil": None})
    before = targets_of(engine, GROUP, 2025, "unit:u1", NOW).indicators[0].actual.value
    assert moved(engine, renamed) == []
    enter_site(engine, renamed, By("wang", NOW, date(2026, 7, 1)))
    assert targets_of(engine, GROUP, 2025, "unit:n1", NOW).indicators[0].actual.value == before


def test_a_main_meter_that_is_one_no_more_restates_the_years(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """What holds for all time moves every year, and the plan says that there is no figure any more, and why."""
    looked = command._look(engine, small(meters={"oil": None, "m1": {"main": False}}), By("wang", NOW, date(2026, 7, 1)))
    lines = [str(m) for m in looked.moved if (m.year, m.scope, m.new.id) == (2025, "district", "energy_per_area")]
    assert lines == [
        "2025 district energy_per_area: 2.69151 -> no figure kgce/m2, no_baseline -> no_figure (no main meter in this scope)",
    ]


def test_a_main_meter_that_goes_and_one_that_comes_blind_nobody(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """Without `was` the old one ends and the new one begins (H2): the figure goes on, waits while the new one is silent, and says so."""
    changed = small(meters={"oil": None, "m1": {"id": "main"}})
    enter_site(engine, changed, By("wang", NOW, date(2026, 7, 1)))
    later = NOW + 20 * DAY
    waiting = targets_of(engine, GROUP, 2026, "district", later).indicators[0]
    assert (waiting.actual.end, waiting.reason) == ("2026-06-30T16:00:00.000Z", "main: nothing counted since 2026-07-01 00:00")
    hours = range(NOW, later, HOUR)
    with writing(engine).begin() as connection:
        rows = [{"grp": GROUP, "meter": "main", "hour": hour, "provenance": "measured", "amount": 10_000} for hour in hours]
        connection.execute(sa.insert(tables.ledger_hour), rows)
    found = targets_of(engine, GROUP, 2026, "district", later).indicators[0]
    assert (found.actual.end, found.reason) == ("2026-07-20T16:00:00.000Z", None)
    assert found.actual.value == pytest.approx(0.1229 * 240 * 201 / 100)
    assert found.change == pytest.approx(0)


@pytest.mark.parametrize(
    ("stated", "of_2025", "of_2026"),
    [
        ({}, None, None),
        ({"commissioned": "2026-06-10"}, 240 * 365, 240 * 181 + 120 * 21),
        ({"commissioned": "2026-06-10", "taken_out": "2026-06-20"}, 240 * 365, 240 * 181 + 120 * 10),
    ],
)
def test_a_meter_counts_from_its_first_day_to_its_last(
    engine: sa.Engine, small: Callable[..., Site], stated: dict[str, str], of_2025: int | None, of_2026: int | None
) -> None:
    """Commissioned on 10 June at eleven, taken out ten days later (A13): the district has figures on both sides of its days."""
    second = {"name": TEXT, "energy": "electricity", "main": True, "compound": "c", "units": ["u1"]} | stated
    enter_site(engine, small(meters={"oil": None, "m2": second}), By("wang", NOW, date(2026, 7, 1)))
    begin = parse_time("2026-06-10T11:00:00+08:00")
    end = parse_time(f"{stated.get('taken_out', '2026-07-01')}T00:00:00+08:00")
    with writing(engine).begin() as connection:
        rows = [{"grp": GROUP, "meter": "m2", "hour": hour, "provenance": "measured", "amount": 5_000} for hour in range(begin, end, HOUR)]
        connection.execute(sa.insert(tables.ledger_hour), rows)
    for year, used in ((2025, of_2025), (2026, of_2026)):
        found = targets_of(engine, GROUP, year, "district", NOW).indicators[0].actual.value
        assert found == (None if used is None else pytest.approx(0.1229 * (used - (55 if year == 2026 else 0)) / 100))
