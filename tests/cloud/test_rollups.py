"""Figures of organisations: what districts used is added, what it is divided by is added, and nothing is a mean of quotients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.definitions import definitions
from cloud.indicators import figures, rollups
from cloud.indicators.model import Indicator
from cloud.indicators.rollups import rolled_up
from cloud.indicators.scopes import UnknownScopeError
from cloud.indicators.spans import Span
from cloud.indicators.targets import Side
from cloud.ledger.counters import Provenance
from cloud.ledger.periods import DAY_MS, HOUR_MS, month_start
from cloud.organisations import repository
from cloud.organisations.tree import Organisation
from cloud.platform.database import writing
from cloud.texts import in_words
from contract.clock import iso
from contract.coded import Message
from tests.cloud import tables
from tests.cloud.rolled import AS_OF, BEGIN, FIRST, NOW, SECOND, THIRD, THIS, District, counted, enter, organisation

COAL = Decimal("0.1229")
TREE = [
    organisation("p", "province"),
    organisation("c", "city", "p"),
    organisation("d1", "district", "c", FIRST),
    organisation("d2", "district", "c", SECOND),
]
TWO = [
    District(FIRST, meters={"electricity": counted(900_000, 1_000_000), "water": counted(5000, 6000)}),
    District(SECOND, (7, 3), (Decimal("250.5"), Decimal(250)), {"electricity": counted(40_000, 30_000), "water": counted(800, 700)}),
]


def of(engine: sa.Engine, name: str, within: str | None = None, now: int = NOW) -> dict[str, Indicator]:
    """The indicators of an organisation."""
    return {one.id: one for one in rollups.targets_of(engine, within, 2026, f"organisation:{name}", now).indicators}


def test_a_city_is_sums_divided_by_sums(engine: sa.Engine) -> None:
    """940 kWh of 110 people against 1030 kWh: neither the mean of both districts' figures nor weighted by anything else."""
    enter(engine, TWO, TREE)
    found = of(engine, "c")["energy_per_capita"]
    assert found.actual.value == float(Decimal(940) * COAL / 110)
    assert found.baseline.value == found.baseline_year.value == float(Decimal(1030) * COAL / 110)
    assert found.change == float((Decimal(940) * COAL / 110) / (Decimal(1030) * COAL / 110) - 1)
    assert (found.actual.end, found.status, found.reason) == (iso(AS_OF), "ahead", None)
    means = [figures.targets_of(engine, group, 2026, "district", NOW).indicators[0].actual.value for group in (FIRST, SECOND)]
    assert found.actual.value != pytest.approx(sum(value or 0 for value in means) / 2, rel=0.1)
    per_area, water = of(engine, "c")["energy_per_area"], of(engine, "c")["water_per_capita"]
    assert per_area.actual.value == float(Decimal(940) * COAL / Decimal("4500.5"))
    assert water.actual.value == float(Decimal("5.8") / 110)
    assert of(engine, "p") == of(engine, "c")


def test_what_a_figure_is_made_of_is_there_by_energy(engine: sa.Engine) -> None:
    """Amounts in the energy's unit and converted; of an energy that one district alone has, what that one used."""
    more = District(THIRD, meters={"electricity": counted(60_000, 70_000), "natural_gas": counted(2000, 0), "water": counted(1, 1)})
    enter(engine, [*TWO, more], [*TREE, organisation("d3", "district", "p", THIRD)])
    found = of(engine, "p")["energy_per_capita"]
    assert [(one.energy, one.unit, one.actual.value, one.baseline.value) for one in found.energies] == [
        ("electricity", "kWh", 1000.0, 1100.0), ("natural_gas", "m3", 2.0, 0.0),
    ]  # fmt: skip
    assert [one.actual.converted for one in found.energies] == [122.9, 2.66]
    assert found.actual.value == float((Decimal("122.9") + Decimal("2.66")) / 210)
    (water,) = of(engine, "p")["water_per_capita"].energies
    assert (water.energy, water.actual.value, water.actual.converted) == ("water", 5.801, 5.801)
    assert [one.energy for one in of(engine, "c")["energy_per_capita"].energies] == ["electricity"]


def test_an_organisation_that_is_one_district_has_its_figures(engine: sa.Engine) -> None:
    """Every field but the name of the scope, reasons too."""
    for districts in (TWO, [TWO[0], District(SECOND, meters={"electricity": counted(1, 1, until=AS_OF - 40 * DAY_MS)})]):
        enter(engine, districts, [*TREE[:3], TREE[3]._replace(parent=None)])
        for name, group in (("d1", FIRST), ("c", FIRST), ("d2", SECOND)):
            whole = figures.targets_of(engine, group, 2026, "district", NOW)
            assert rollups.targets_of(engine, None, 2026, f"organisation:{name}", NOW) == whole.model_copy(
                update={"scope": f"organisation:{name}"}
            )
    silent = of(engine, "d2")["energy_per_capita"]
    assert silent.reason == "electricity: nothing counted since 2026-04-10 00:00"


def test_a_district_that_was_not_entered_leaves_no_figure(engine: sa.Engine) -> None:
    """Neither side, nothing it is divided by, and the reason names the district by code and parameters, in both languages."""
    enter(engine, TWO[:1], TREE)
    for found in of(engine, "p").values():
        assert (found.actual.value, found.baseline.value, found.baseline_year.value, found.change) == (None, None, None, None)
        assert (found.status, found.energies) == ("no_figure", [])
        assert found.code == "reason.lacks"
        assert found.message == Message("reason.lacks", organisation="d2", why=Message("reason.not_entered", group=SECOND))
        assert found.reason == "d2 is missing: the district 510811 was not entered in this cloud"
    assert in_words(Message("reason.lacks", organisation="d2", why=Message("reason.not_entered", group=SECOND)), "zh") == (
        "缺 d2：区县 510811 尚未录入本平台"  # noqa: RUF001 (as Chinese is written)
    )
    assert rollups.denominators_of(engine, None, "organisation:p", THIS, AS_OF) == {"headcount": None, "area": None}
    assert of(engine, "d1")["energy_per_capita"].actual.value is not None


def test_a_district_without_a_figure_leaves_none_to_the_whole(engine: sa.Engine) -> None:
    """No water meter, no headcount, a year in which nobody counted: each leaves what it concerns without a figure, and is named."""
    second = District(SECOND, meters={"electricity": counted(1, 1)})
    enter(engine, [TWO[0], second], TREE)
    found = of(engine, "c")
    assert found["water_per_capita"].message == Message("reason.lacks", organisation="d2", why=Message("reason.no_meter"))
    assert found["energy_per_capita"].actual.value is not None
    with writing(engine).begin() as connection:
        denominator = tables.denominator.c
        gone = sa.delete(tables.denominator).where(denominator.grp == SECOND, denominator.unit == "u2", denominator.kind == "headcount")
        connection.execute(gone)
    found = of(engine, "c")
    assert found["energy_per_capita"].message == Message("reason.lacks", organisation="d2", why=Message("reason.no_headcount"))
    assert [one.actual.value for one in found["energy_per_capita"].energies] == [900.001]
    assert found["energy_per_area"].actual.value is not None
    assert rollups.denominators_of(engine, None, "organisation:c", THIS, AS_OF) == {"headcount": None, "area": 8000.0}


def test_an_indicator_of_an_office_s_own_is_rolled_up(engine: sa.Engine) -> None:
    """CO2 of all energies by a denominator that the sites state; where a district's site does not state it, the reason names both."""
    own = definitions()[1].model_copy(update={"sums": "kgCO2", "per": "green_area", "unit": "kgCO2/m2", "target_change": None})
    green: dict[str, object] = {"kind": "green_area", "valid_from": "2020-01-01", "approved_by": "site file"}
    stated = [green | {"grp": group, "unit": unit, "value": 300} for group in (FIRST, SECOND) for unit in ("u1", "u2")]
    enter(engine, TWO, TREE)
    with writing(engine).begin() as connection:
        connection.execute(sa.insert(tables.denominator), [*stated[:3], stated[3] | {"value": 100}])
        found = rolled_up(connection, None, "organisation:c", NOW).indicator(own, 2026, figures.factors_of(connection, 2026))
        assert (found.actual.value, found.status) == (float(Decimal(940) * Decimal("0.5306") / 1000), None)
        assert [one.actual.converted for one in found.energies] == [float(Decimal(940) * Decimal("0.5306"))]
        connection.execute(
            sa.delete(tables.denominator).where(tables.denominator.c.grp == FIRST, tables.denominator.c.kind == "green_area")
        )
        found = rolled_up(connection, None, "organisation:c", NOW).indicator(own, 2026, figures.factors_of(connection, 2026))
        why = Message("reason.no_denominator", kind=Message("denominator.green_area"))
        assert (found.actual.value, found.message) == (None, Message("reason.lacks", organisation="d1", why=why))
    assert rollups.denominators_of(engine, None, "organisation:c", THIS, AS_OF) == {"headcount": 110.0, "area": 4500.5, "green_area": None}


def test_both_sides_are_of_the_same_districts(engine: sa.Engine) -> None:
    """A district that was counted from this year on, or has its meters since then, leaves no baseline: nothing is compared."""
    late = District(SECOND, meters={"electricity": {(THIS, "measured"): 1, (AS_OF - HOUR_MS, "measured"): 0}})
    enter(engine, [TWO[0], late], TREE)
    found = of(engine, "c")["energy_per_capita"]
    assert found.actual.value == float(Decimal("900.001") * COAL / 200)
    assert (found.baseline.value, found.change, found.status) == (None, None, "no_baseline")
    assert found.message == Message("reason.baseline", why=Message("reason.nothing_known", meter=f"{SECOND}/electricity", month="2025-01"))
    with writing(engine).begin() as connection:
        connection.execute(sa.update(tables.meter).where(tables.meter.c.grp == SECOND).values(commissioned="2026-01-01"))
    found = of(engine, "c")["energy_per_capita"]
    nobody = Message("reason.lacks", organisation="d2", why=Message("reason.no_meter_then", year=2025))
    assert (found.baseline.value, found.message) == (None, Message("reason.baseline", why=nobody))
    assert figures.targets_of(engine, FIRST, 2026, "district", NOW).indicators[0].baseline.value is not None


def test_a_district_without_people_leaves_no_figure_to_the_whole(engine: sa.Engine) -> None:
    """Its headcount of last year is 0 on record, so nothing can be divided by it: its use is not divided by the others' people."""
    enter(engine, [TWO[0], District(SECOND, meters={"electricity": counted(1, 1)})], TREE)
    with writing(engine).begin() as connection:
        people = tables.denominator.c
        mine = (people.grp == SECOND, people.kind == "headcount")
        connection.execute(sa.update(tables.denominator).where(*mine).values(valid_from="2026-01-01"))
        before = {"grp": SECOND, "kind": "headcount", "valid_from": "2020-01-01", "value": 0, "approved_by": "site file"}
        connection.execute(sa.insert(tables.denominator), [before | {"unit": "u1"}, before | {"unit": "u2"}])
    found = of(engine, "c")["energy_per_capita"]
    why = Message("reason.lacks", organisation="d2", why=Message("reason.no_headcount"))
    assert (found.baseline.value, found.change, found.status) == (None, None, "no_baseline")
    assert found.message == Message("reason.baseline", why=why)
    assert found.actual.value is not None


def test_a_tree_of_many_organisations_goes_away(engine: sa.Engine) -> None:
    """More than a statement takes parameters, children before their parents."""
    many = [organisation("p", "province"), *(organisation(f"c{number}", "city", "p") for number in range(2500))]
    enter(engine, [], many)
    with writing(engine).begin() as connection:
        repository.enter_tree(connection, [])
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.organisation)).scalar_one() == 0


def test_all_districts_are_summed_over_the_span_that_they_have_in_common(engine: sa.Engine) -> None:
    """One that fell silent ends the span of all of them, on both sides, and is named with its meter."""
    silent = District(SECOND, meters={"electricity": counted(40_000, 30_000, until=AS_OF - 40 * DAY_MS)})
    loud = counted(900_000, 1_000_000) | {(AS_OF - DAY_MS, "measured"): 500_000}
    enter(engine, [District(FIRST, meters={"electricity": loud}), silent], TREE)
    found = of(engine, "c")["energy_per_capita"]
    assert found.actual.end == iso(AS_OF - 40 * DAY_MS)
    assert found.actual.value == float(Decimal(940) * COAL / 200)
    assert found.message == Message("reason.silent", meter=f"{SECOND}/electricity", since=iso(AS_OF - 40 * DAY_MS))


def test_institutions_of_a_district_are_summed(engine: sa.Engine) -> None:
    """An institution with a part of its own has what both have; a unit that the site does not have leaves no figure."""
    tree = [
        *TREE,
        organisation("bureau", "institution", "d1", FIRST, "u1"),
        organisation("school", "sub_institution", "bureau", FIRST, "u2"),
        organisation("gone", "institution", "d2", SECOND, "u9"),
    ]
    enter(engine, TWO, tree)
    assert of(engine, "bureau") == of(engine, "d1")
    share = figures.targets_of(engine, FIRST, 2026, "unit:u2", NOW).indicators
    assert list(of(engine, "school").values()) == share
    assert share[0].actual.value == float(Decimal(225) * COAL / 20)
    assert of(engine, "gone")["energy_per_capita"].message == Message("reason.no_unit", unit="u9", group=SECOND)
    assert of(engine, "c")["energy_per_capita"].actual.value is not None
    assert of(engine, "bureau", FIRST) == of(engine, "d1", FIRST)


@pytest.mark.parametrize(("name", "within"), [("x", None), ("", None), ("p", FIRST), ("c", FIRST), ("d2", FIRST), ("d1", THIRD)])
def test_an_organisation_that_is_not_there_is_told(engine: sa.Engine, name: str, within: str | None) -> None:
    """Within a district there is nothing but the district and what is below it."""
    enter(engine, TWO, TREE)
    with pytest.raises(UnknownScopeError, match=f"no organisation '{name}' in the tree"):
        of(engine, name, within)
    with pytest.raises(UnknownScopeError):
        rollups.denominators_of(engine, within, f"organisation:{name}", THIS, AS_OF)


def test_a_tree_without_districts_has_no_figures(engine: sa.Engine) -> None:
    """And says so."""
    enter(engine, [], TREE[:2])
    assert of(engine, "p")["energy_per_area"].message == Message("reason.nothing_below")


HOURS = st.integers(1, (AS_OF - BEGIN) // HOUR_MS - 2).map(lambda number: BEGIN + number * HOUR_MS)
AMOUNTS = st.dictionaries(st.tuples(HOURS, st.sampled_from([one.value for one in Provenance])), st.integers(0, 2**45), max_size=6)
GROUPS = [f"5108{number:02}" for number in range(5)]


@st.composite
def some_districts(draw: st.DrawFn) -> list[District]:
    """Up to five districts, in any order of entering, each with electricity and water and perhaps gas."""
    found = []
    for group in draw(st.lists(st.sampled_from(GROUPS), min_size=1, unique=True)):
        energies = ["electricity", "water", *(["natural_gas"] if draw(st.booleans()) else [])]
        ends = {(BEGIN, "measured"): 0, (AS_OF - HOUR_MS, "measured"): 0}
        heads = draw(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)))
        areas = draw(st.tuples(*[st.integers(1, 10**10).map(lambda parts: Decimal(parts) / 10_000)] * 2))
        found.append(District(group, heads, areas, {energy: ends | draw(AMOUNTS) for energy in energies}))
    return found


@st.composite
def trees(draw: st.DrawFn, groups: list[str]) -> list[Organisation]:
    """A tree over districts, in any order: each below a province, a city of one, a city by itself, or nothing."""
    above = [organisation("p", "province"), organisation("c1", "city", "p"), organisation("c2", "city")]
    parents = st.sampled_from(["p", "c1", "c2", None])
    return draw(st.permutations([*above, *(organisation(f"d{group}", "district", draw(parents), group) for group in groups)]))


@pytest.fixture
def embedded(open_registry: Callable[[str], sa.Engine]) -> sa.Engine:
    """A registry in SQLite, which is emptied in the time that PostgreSQL takes to begin."""
    return open_registry("sqlite")


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_roll_up_is_the_sum_of_its_districts(data: st.DataObject, embedded: sa.Engine) -> None:
    """To the last digit, in whatever order districts and tree were entered: amounts, denominators, quotients, shares and energies."""
    below = data.draw(some_districts())
    tree = data.draw(trees([one.group for one in below]))
    enter(embedded, below, tree)
    for name in ("p", "c1", "c2"):
        mine = [one for one in below if _is_below(tree, f"d{one.group}", name)]
        found = of(embedded, name)
        if not mine:
            assert {one.code for one in found.values()} == {"reason.nothing_below"}
            continue
        for start, end, side in ((THIS, AS_OF, "actual"), (BEGIN, month_start(2025, 5) + 19 * DAY_MS, "baseline")):
            _adds_up({of: getattr(one, side).value for of, one in found.items()}, mine, start, end)
            for of_indicator in found.values():
                parts = {one.energy: getattr(one, side).value for one in of_indicator.energies}
                sums = {energy: sum(one.used(energy, start, end) for one in mine) for energy in parts}
                assert {energy: value or 0.0 for energy, value in parts.items()} == {
                    energy: float(Decimal(amount) / 1000) for energy, amount in sums.items()
                }
        _parts_add_up(embedded, name, mine)


def _is_below(tree: list[Organisation], name: str, above: str) -> bool:
    parents = {one.id: one.parent for one in tree}
    here: str | None = name
    while here is not None and here != above:
        here = parents[here]
    return here == above


def _adds_up(values: Mapping[str, float | None], mine: list[District], start: int, end: int) -> None:
    """Each value is the sum of the rows that were written, divided by the sum of what they are divided by."""
    heads, areas = sum(sum(one.heads) for one in mine), sum((sum(one.areas) for one in mine), Decimal(0))
    power, gas, water = (
        Decimal(sum(one.used(energy, start, end) for one in mine)) / 1000 for energy in ("electricity", "natural_gas", "water")
    )
    coal = power * COAL + gas * Decimal("1.33")
    wanted = {"energy_per_capita": coal / heads, "energy_per_area": coal / areas, "water_per_capita": water / heads}
    assert values == {of: float(value) for of, value in wanted.items()}


def _parts_add_up(engine: sa.Engine, name: str, mine: list[District]) -> None:
    """Each energy and provenance of the whole, in base units, is the sum of what the districts have; so is what it is divided by."""
    with engine.connect() as connection:
        whole, *parts = (rolled_up(connection, None, f"organisation:{one}", NOW) for one in (name, *(f"d{one.group}" for one in mine)))
        for definition in definitions():
            for span in (Span(THIS, AS_OF), Span(BEGIN, THIS)):
                side, sides = whole.side(definition, span), [part.side(definition, span) for part in parts]
                assert _counted(side) == sum((_counted(one) for one in sides), Counter())
                assert side.denominator == sum((one.denominator or Decimal(0) for one in sides), Decimal(0))


def _counted(side: Side) -> Counter[tuple[str, Provenance]]:
    return Counter({(energy, provenance): amount for energy, by in side.used.items() for provenance, amount in by.items() if amount})
