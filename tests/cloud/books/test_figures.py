from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from cloud.indicators import export, figures
from cloud.indicators.model import Indicator
from cloud.indicators.scopes import UnknownScopeError
from cloud.ledger import book, entries
from cloud.ledger.periods import DAY_MS, HOUR_MS, month_start
from cloud.platform.database import writing
from contract.clock import iso, parse_time
from tests.cloud import tables
from tests.cloud.district import GROUP, key

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Begin, Books

NOW = parse_time("2026-05-20T13:00:00+08:00")
BEGIN = month_start(2025, 1)
AS_OF = parse_time("2026-05-20T00:00:00+08:00")
STEPS = {"power": 12.25, "lights": 3.5, "far": 7.125, "gas": 0.613, "water": 1.009}
"""What each meter counts in six hours of 2025; of 2026 a little less."""
SQUARE_METRES = {"a": Decimal("3000.5"), "b": Decimal(1000), "c": Decimal(2000)}
NEW_HEADCOUNT_FROM = date(2026, 2, 1)


def fill(books: Books) -> None:
    """Readings of six hours since 2025, fuel until March 2026, and a headcount that changes in February 2026."""
    for meter, step in STEPS.items():
        value, samples = 1000.0, {}
        for at in range(BEGIN, NOW, 6 * HOUR_MS):
            samples[at] = round(value, 3)
            value += step if at < month_start(2026, 1) else step * 0.96
        books.read(meter, samples)
    for number in range(15):
        entries.enter(books.engine, key("cars"), f"{2025 + number // 12}-{number % 12 + 1:02}", 100 + number, "wang", NOW)
    books.settle()
    row = {"grp": GROUP, "unit": "a", "kind": "headcount", "valid_from": NEW_HEADCOUNT_FROM.isoformat(), "value": 80, "approved_by": "wang"}
    with writing(books.engine).begin() as connection:
        connection.execute(sa.insert(tables.denominator), [row])


@pytest.fixture
def filled(books_begun: Callable[[Begin], Books]) -> Books:
    """Books that `fill` has filled."""
    return books_begun(fill)


def indicators(books: Books, scope: str = "district", year: int = 2026, now: int = NOW) -> dict[str, Indicator]:
    return {found.id: found for found in figures.targets_of(books.engine, GROUP, year, scope, now).indicators}


def used(books: Books, meter: str, start: int, end: int) -> float:
    return sum(period["value"] for period in book.consumption(books.engine, key(meter), start, end, "day"))


def coal(books: Books, meters: dict[str, str], start: int, end: int) -> float:
    """Standard coal of meters, by the factors of the interface."""
    by_energy = {row["energy"]: row["kgce_per_unit"] for row in figures.factor_rows(books.engine, date(2026, 1, 1))}
    return sum(used(books, meter, start, end) * by_energy[energy] for meter, energy in meters.items())


WITHOUT_FUEL = {"power": "electricity", "far": "electricity", "gas": "natural_gas"}
ALL = WITHOUT_FUEL | {"cars": "petrol"}


def test_the_district_is_consumption_times_factor_by_denominator(filled: Books) -> None:
    """All three targets equal plain Python over the interface's own figures; sub-meters do not count, fuel does."""
    found = indicators(filled)
    end = month_start(2026, 4)
    per_capita = found["energy_per_capita"]
    heads = figures.denominators_of(filled.engine, GROUP, "district", month_start(2026, 1), end)["headcount"]
    assert heads == pytest.approx(150 + 10 * 59 / 90, rel=1e-12)
    assert heads is not None
    assert (per_capita.actual.end, per_capita.baseline.grain) == (iso(end), "month")
    assert per_capita.actual.value == pytest.approx(coal(filled, ALL, month_start(2026, 1), end) / heads, rel=1e-9)
    assert per_capita.baseline.value == pytest.approx(coal(filled, ALL, BEGIN, month_start(2025, 4)) / 150, rel=1e-9)
    assert per_capita.baseline_year.value == pytest.approx(coal(filled, ALL, BEGIN, month_start(2026, 1)) / 150, rel=1e-9)
    area, per_area = 6000.5, found["energy_per_area"]
    assert per_area.actual.end == iso(AS_OF)
    assert per_area.actual.value == pytest.approx(coal(filled, WITHOUT_FUEL, month_start(2026, 1), AS_OF) / area, rel=1e-9)
    earlier = parse_time("2025-05-20T00:00:00+08:00")
    assert per_area.baseline.value == pytest.approx(coal(filled, WITHOUT_FUEL, BEGIN, earlier) / area, rel=1e-9)
    water = found["water_per_capita"]
    heads = figures.denominators_of(filled.engine, GROUP, "district", month_start(2026, 1), AS_OF)["headcount"]
    assert heads is not None
    assert water.actual.value == pytest.approx(used(filled, "water", month_start(2026, 1), AS_OF) / heads, rel=1e-9)
    assert water.change == pytest.approx(water.actual.value / (used(filled, "water", BEGIN, earlier) / 150) - 1, rel=1e-9)  # type: ignore[operator]
    assert sum(per_capita.provenance.values()) == pytest.approx(1.0)
    assert per_capita.provenance["manual"] > 0


def test_a_compound_has_its_own_meters_and_people(filled: Books) -> None:
    """The second compound has one meter and fifty people, and no fuel to wait for."""
    found = indicators(filled, "compound:c2")["energy_per_capita"]
    start = month_start(2026, 1)
    assert found.actual.end == iso(AS_OF)
    assert found.actual.value == pytest.approx(coal(filled, {"far": "electricity"}, start, AS_OF) / 50, rel=1e-9)
    assert indicators(filled, "compound:c2")["water_per_capita"].reason == "no main meter in this scope"


def test_units_share_a_meter_by_floor_area(filled: Books) -> None:
    """A unit has its part of common meters by area, and the parts of all units sum to the meters within a base unit."""
    start, end = month_start(2026, 1), AS_OF
    found = {unit: indicators(filled, f"unit:{unit}")["energy_per_area"].actual.value for unit in "abc"}
    shared = {"power": "electricity", "gas": "natural_gas"}
    of_a = coal(filled, shared, start, end) * 3000.5 / 4000.5
    assert found["a"] == pytest.approx(of_a / 3000.5, rel=1e-6)
    whole = sum((found[unit] or 0) * float(SQUARE_METRES[unit]) for unit in "abc")
    assert whole == pytest.approx(coal(filled, WITHOUT_FUEL, start, end), rel=1e-9)
    assert found["c"] == pytest.approx(coal(filled, {"far": "electricity"}, start, end) / 2000, rel=1e-9)


def test_a_unit_that_burns_no_fuel_does_not_wait_for_it(filled: Books) -> None:
    """Fuel counts for the unit whose cars burn it; the other unit of the compound is known by the day."""
    assert indicators(filled, "unit:a")["energy_per_capita"].actual.end == iso(month_start(2026, 4))
    assert indicators(filled, "unit:b")["energy_per_capita"].actual.end == iso(AS_OF)


def test_an_unknown_area_gives_no_share(filled: Books) -> None:
    """Where the area of one of the units that share a meter is unknown, no unit's part is made up."""
    with writing(filled.engine).begin() as connection:
        connection.execute(sa.delete(tables.denominator).where(tables.denominator.c.unit == "b", tables.denominator.c.kind == "area"))
    found = indicators(filled, "unit:a")["water_per_capita"]
    assert (found.actual.value, found.status) == (None, "no_figure")
    assert found.reason == "water: no area known of a unit that shares it"
    assert indicators(filled, "compound:c1")["water_per_capita"].actual.value is not None
    assert figures.denominators_of(filled.engine, GROUP, "compound:c1", BEGIN, AS_OF)["area"] is None


def test_sub_meters_are_never_counted(filled: Books) -> None:
    """More on a sub-meter changes no target."""
    before = indicators(filled)
    filled.read("lights", {NOW - 3 * DAY_MS: 900_000.0})
    filled.settle()
    assert indicators(filled) == before


@pytest.mark.parametrize("scope", ["", "compound:nothing", "unit:nothing", "unit:", "compound:", "planet", "district:a"])
def test_an_unknown_scope_is_told(books: Books, scope: str) -> None:
    """A scope that is not there is an error, not an empty answer."""
    with pytest.raises(UnknownScopeError, match="no scope"):
        figures.targets_of(books.engine, GROUP, 2026, scope, NOW)
    with pytest.raises(UnknownScopeError):
        figures.denominators_of(books.engine, GROUP, scope, BEGIN, NOW)


def test_an_empty_ledger_gives_reasons(books: Books) -> None:
    """Before the first reading all figures are null, and say why."""
    for found in indicators(books).values():
        assert found.actual.value is None
        assert "nothing known for 2026-01" in (found.reason or "")


def test_before_any_factor_figures_are_null(books: Books) -> None:
    """A year before the set's first day is answered, with the reason."""
    assert figures.factor_rows(books.engine, date(2005, 1, 1)) == []
    assert indicators(books, year=2005)["energy_per_capita"].actual.value is None


def test_the_national_set(books: Books) -> None:
    """One row an energy with the values of the standard; entering the set again changes nothing."""
    figures.seed_factors(books.engine)
    found = {row["energy"]: row for row in figures.factor_rows(books.engine, date(2026, 1, 1))}
    power = found["electricity"]
    assert (power["unit"], power["kgce_per_unit"], power["kgco2_per_unit"], power["valid_from"]) == ("kWh", 0.1229, 0.5306, "2008-10-01")
    assert found["petrol"]["kgce_per_unit"] == pytest.approx(0.73 * 1.4714, abs=1e-12)
    assert figures.factor_rows(books.engine, date(2026, 1, 1), "nothing") == []
    assert {row["energy"]: row["kgco2_per_unit"] for row in figures.factor_rows(books.engine, date(2015, 1, 1))}["electricity"] is None


CHONGQING: list[tuple[str, Decimal, str]] = [
    ("electricity", Decimal("63.81E8"), "78.41"),
    ("coal", Decimal("5.47E7"), "3.91"),
    ("natural_gas", Decimal("14482.41E4"), "19.26"),
    ("petrol", Decimal("7927.99E4"), "8.52"),
    ("diesel", Decimal("506.81E4"), "0.63"),
    ("other", Decimal("2E5"), "0.02"),
]
"""Quantities of 2015 in factor units (the last in kgce) and the published 10^4 tce: 13th five-year plan of Chongqing."""


def test_chongqing_2015(books: Books) -> None:
    """A whole municipality, entered month by month, comes out as published to two decimals, electricity within 0.02."""
    added: list[dict[str, Any]] = [
        {"id": f"cq-{energy}", "name": "{}", "grp": GROUP, "energy": energy, "main": True, "item": "", "compound": "c2"}
        | {"vehicle_fuel": energy in {"petrol", "diesel"}}
        for energy, _, _ in CHONGQING
    ]
    with writing(books.engine).begin() as connection:
        connection.execute(sa.delete(tables.meter_unit))
        connection.execute(sa.delete(tables.meter))
        connection.execute(sa.insert(tables.meter), added)
        connection.execute(sa.update(tables.denominator).values(valid_from="2010-01-01"))
    factors = {row["energy"]: row["kgce_per_unit"] for row in figures.factor_rows(books.engine, date(2015, 1, 1))}
    start, end, total = month_start(2015, 1), month_start(2016, 1), 0.0
    for energy, quantity, published in CHONGQING:
        months = [quantity / 12] * 11
        for number, amount in enumerate([*months, quantity - sum(months)], 1):
            entries.enter(books.engine, key(f"cq-{energy}"), f"2015-{number:02}", amount, "plan", NOW)
        year = book.consumption(books.engine, key(f"cq-{energy}"), start, end, "year")
        assert year[0]["value"] == pytest.approx(float(quantity), rel=1e-9)
        tons = year[0]["value"] * factors[energy] / 1e7
        total += tons
        assert tons == pytest.approx(float(published), abs=0.02 if energy == "electricity" else 0.005)
    assert total == pytest.approx(110.75, abs=0.005)
    found = indicators(books, "compound:c2", 2015)
    assert found["energy_per_capita"].actual.value == pytest.approx(total * 1e7 / 50, rel=1e-9)
    without_cars = total * 1e7 - sum(float(quantity) * factors[energy] for energy, quantity, _ in CHONGQING[3:5])
    assert found["energy_per_area"].actual.value == pytest.approx(without_cars / 2000, rel=1e-9)


def test_indicators_are_written_back(filled: Books) -> None:
    """What panels read is what the interface answers, for every scope, at the last complete day."""
    count = figures.publish(filled.engine, filled.telemetry, NOW)
    assert count == 3 * (1 + 2 + 3)
    for scope in ("district", "compound:c1", "unit:a"):
        for name, indicator in indicators(filled, scope).items():
            found = filled.figures("indicator", f'%"{name}"%"{scope}"%', AS_OF - DAY_MS)
            asked = indicator.model_dump()
            plain = {"change": indicator.change, "target_change": indicator.target_change} | indicator.provenance
            plain |= {field: asked[field]["value"] for field in ("actual", "baseline", "baseline_year", "allowance", "forecast")}
            plain |= {f"forecast_{field}": asked["forecast"][field] for field in ("low", "high", "change")}
            assert {field: found.get(field) for field in plain} == plain
            assert indicator.status is not None
            assert found["status"] == export.STATUS_NUMBERS[indicator.status]
    assert figures.publish(filled.engine, filled.telemetry, month_start(2026, 1) + HOUR_MS) == 0


def test_pace_and_the_year_s_limit_are_written_back(filled: Books) -> None:
    """2.5 % less than last year is expected by now; six-hour steps that fell by 4 % are ahead of that, and of the year's limit."""
    figures.publish(filled.engine, filled.telemetry, NOW)
    found = filled.figures("indicator", '%"water_per_capita"%"compound:c1"%', AS_OF - DAY_MS)
    water = indicators(filled, "compound:c1")["water_per_capita"]
    baseline, whole, actual = water.baseline.value, water.baseline_year.value, water.actual.value
    assert (baseline, whole, actual) != (None, None, None)
    assert found["expected"] == pytest.approx((baseline or 0) * 0.97, rel=1e-12)
    assert found["gap"] == pytest.approx((actual or 0) / found["expected"] - 1, rel=1e-9)
    assert found["target"] == pytest.approx((whole or 0) * 0.97, rel=1e-12)
    assert found["measured"] + found["distributed"] == pytest.approx(1.0)


def test_a_figure_that_cannot_be_given_has_no_field(books: Books) -> None:
    """An empty ledger writes why by number and nothing that a panel could take for a figure."""
    figures.publish(books.engine, books.telemetry, NOW)
    found = books.figures("indicator", '%"energy_per_area"%"district"%', AS_OF - DAY_MS)
    assert found == {"target_change": -0.02, "status": export.STATUS_NUMBERS["no_figure"]}


NEW_YEAR = month_start(2026, 1)
LAST_DAY = NEW_YEAR - DAY_MS


def last_row(books: Books, year: int = 2025, scope: str = "district", indicator: str = "water_per_capita") -> dict[str, float]:
    """What panels read of a year at its 31 December."""
    return books.figures("indicator", f'%"{indicator}"%"{scope}"%', month_start(year + 1, 1) - DAY_MS)


def test_the_last_row_of_a_year_is_written_when_the_year_is_over(filled: Books) -> None:
    """On 31 December the row of the 30th is the newest; on 1 January, of which no day is complete, that of the 31st is written."""
    at = NEW_YEAR - HOUR_MS
    assert figures.publish(filled.engine, filled.telemetry, at) == 3 * 6
    assert last_row(filled) == {}
    assert filled.figures("indicator", '%"water_per_capita"%"district"%', LAST_DAY - DAY_MS)["actual"] > 0
    at = NEW_YEAR + HOUR_MS
    assert figures.publish(filled.engine, filled.telemetry, at) == 0
    assert figures.publish_closed(filled.engine, filled.telemetry, at) == 3 * 6
    for scope in ("district", "compound:c2", "unit:b"):
        for name, indicator in indicators(filled, scope, 2025, at).items():
            assert last_row(filled, scope=scope, indicator=name).get("actual") == indicator.actual.value
    used_up = used(filled, "water", BEGIN, NEW_YEAR)
    assert last_row(filled)["actual"] == pytest.approx(used_up / 150, rel=1e-9)


def test_the_last_row_follows_its_ledger(filled: Books) -> None:
    """Fuel of December that is entered in January, and readings that come in May, are in the row the next time it is written."""
    figures.publish_closed(filled.engine, filled.telemetry, NEW_YEAR + HOUR_MS, 1)
    before = last_row(filled, indicator="energy_per_capita")["actual"]
    entries.enter(filled.engine, key("cars"), "2025-12", 900, "wang", NOW)
    figures.publish_closed(filled.engine, filled.telemetry, NOW, 1)
    after = last_row(filled, indicator="energy_per_capita")["actual"]
    assert after == indicators(filled, year=2025)["energy_per_capita"].actual.value
    petrol = next(row["kgce_per_unit"] for row in figures.factor_rows(filled.engine, date(2025, 1, 1)) if row["energy"] == "petrol")
    assert (after - before) * 150 == pytest.approx((900 - 111) * petrol, rel=1e-9)


def test_every_year_that_is_over_can_be_written(filled: Books) -> None:
    """Of all years since the first that the ledger knows, or of the last ones only; a closed one is met, missed or has a reason."""
    later = month_start(2028, 1) + HOUR_MS
    assert figures.publish_closed(filled.engine, filled.telemetry, later, 1) == 3 * 6
    assert (last_row(filled, 2025), last_row(filled, 2026)) == ({}, {})
    assert last_row(filled, 2027)["status"] == export.STATUS_NUMBERS["no_figure"]
    assert figures.publish_closed(filled.engine, filled.telemetry, later) == 3 * 3 * 6
    assert last_row(filled, 2025)["status"] == export.STATUS_NUMBERS["no_baseline"]
    assert last_row(filled, 2026)["status"] == export.STATUS_NUMBERS["no_figure"]


def test_a_ledger_without_anything_has_no_closed_year(books: Books) -> None:
    """Nothing is written of years of which nothing is known."""
    assert figures.publish_closed(books.engine, books.telemetry, NOW) == 0


def test_a_closed_year_is_met_on_the_panel(books: Books) -> None:
    """Two whole years of readings: on 31 December it is ahead, and from New Year on met, at the same figures."""
    value, samples = 0.0, {}
    for at in range(BEGIN, month_start(2027, 1) + DAY_MS, 6 * HOUR_MS):
        samples[at] = round(value, 3)
        value += 1.0 if at < NEW_YEAR else 0.9
    books.read("far", samples)
    books.settle()
    figures.publish(books.engine, books.telemetry, month_start(2027, 1) - HOUR_MS)
    ahead = books.figures("indicator", '%"energy_per_capita"%"compound:c2"%', month_start(2027, 1) - 2 * DAY_MS)
    assert ahead["status"] == export.STATUS_NUMBERS["ahead"]
    figures.publish_closed(books.engine, books.telemetry, month_start(2027, 1) + HOUR_MS, 1)
    met = last_row(books, 2026, "compound:c2", "energy_per_capita")
    assert met["status"] == export.STATUS_NUMBERS["met"]
    assert met["change"] == pytest.approx(-0.1, abs=1e-6)
    assert met["allowance"] == pytest.approx(365 * 4 * (0.975 - 0.9) * 0.1229, rel=1e-6)
