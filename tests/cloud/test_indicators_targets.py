from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.definitions import definitions
from cloud.indicators import export, factors, spans, targets
from cloud.indicators.model import NOTHING, Indicator, Targets
from cloud.indicators.spans import CountedMeter, Span
from cloud.indicators.targets import Side, Sides
from cloud.ledger.counters import Provenance
from cloud.ledger.periods import DAY_MS, local_date, month_start
from cloud.texts import in_words
from contract.clock import parse_time
from contract.coded import Message
from contract.indicator import Definition

FACTORS = factors.factors_on(date(2026, 1, 1))
M, D, MANUAL = Provenance.MEASURED, Provenance.DISTRIBUTED, Provenance.MANUAL
LONG_AGO = month_start(2020, 1)
ENTERED = frozenset([(2025, m) for m in range(1, 13)] + [(2026, m) for m in range(1, 4)])
METERS = (
    CountedMeter("power", "electricity", metered_from=LONG_AGO),
    CountedMeter("gas", "natural_gas", metered_from=LONG_AGO),
    CountedMeter("water", "water", metered_from=LONG_AGO),
    CountedMeter("cars", "petrol", vehicle_fuel=True, months=ENTERED),
)
NOW = parse_time("2026-05-20T13:00:00+08:00")
# Base units a day of each meter in 2025 and 2026, and the provenance they have.
DAILY = {"power": (9_000_000, 8_700_000, M), "gas": (120_000, 118_000, D), "water": (50_000, 49_000, M), "cars": (30_000, 29_000, MANUAL)}
HEADCOUNT = {2025: Decimal(1_000), 2026: Decimal(1_010)}
AREA = Decimal(40_000)


def lookup(definition: Definition, meters: Sequence[CountedMeter], span: Span) -> Side:
    year = local_date(span.start).year
    used: dict[str, dict[Provenance, int]] = {}
    for meter in meters:
        last, this, provenance = DAILY[meter.id]
        used[meter.energy] = {provenance: (this if year == 2026 else last) * ((span.end - span.start) // DAY_MS)}
    return Side(used, HEADCOUNT[year] if definition.per == "headcount" else AREA)


def all_targets(now: int = NOW, meters: Sequence[CountedMeter] = METERS, year: int = 2026) -> dict[str, Indicator]:
    found = targets.targets(year, "district", now, meters=meters, lookup=lookup, factors=FACTORS)
    return {indicator.id: indicator for indicator in found.indicators}


def coal(power_wh: float, gas_dm3: float, petrol_ml: float) -> float:
    return power_wh / 1000 * 0.1229 + gas_dm3 / 1000 * 1.33 + petrol_ml / 1000 * 0.73 * 1.4714


def test_energy_per_capita_ends_with_the_last_fuel_month() -> None:
    """All three energies over January to March of both years, against a computation by hand."""
    found = all_targets()["energy_per_capita"]
    actual, baseline = coal(8.7e6, 118e3, 29e3) * 90 / 1010, coal(9e6, 120e3, 30e3) * 90 / 1000
    year = coal(9e6, 120e3, 30e3) * 365 / 1000
    assert (found.actual.start, found.actual.end) == ("2025-12-31T16:00:00.000Z", "2026-03-31T16:00:00.000Z")
    assert (found.baseline.start, found.baseline.end) == ("2024-12-31T16:00:00.000Z", "2025-03-31T16:00:00.000Z")
    assert found.baseline.grain == "month"
    assert found.actual.value == pytest.approx(actual, rel=1e-9)
    assert found.baseline.value == pytest.approx(baseline, rel=1e-9)
    assert found.baseline_year.value == pytest.approx(year, rel=1e-9)
    assert found.change == found.forecast.change == pytest.approx(actual / baseline - 1, rel=1e-9)
    assert found.allowance.value == pytest.approx(0.975 * year * 1010 - actual * 1010, rel=1e-9)
    assert (found.allowance.unit, found.unit, found.target_change) == ("kgce", "kgce/person", -0.025)
    assert (found.status, found.reason) == ("ahead", None)


def test_provenance_is_weighted_by_standard_coal() -> None:
    """The shares are those of the figure, so a litre of petrol weighs more than a kilowatt-hour."""
    shares = all_targets()["energy_per_capita"].provenance
    whole = coal(8.7e6, 118e3, 29e3)
    assert shares["measured"] == pytest.approx(coal(8.7e6, 0, 0) / whole, rel=1e-9)
    assert shares["distributed"] == pytest.approx(coal(0, 118e3, 0) / whole, rel=1e-9)
    assert shares["manual"] == pytest.approx(coal(0, 0, 29e3) / whole, rel=1e-9)
    assert shares["estimated"] == 0.0


def test_energy_per_area_leaves_car_fuel_out() -> None:
    """Without fuel the per-area figure follows the meters to yesterday."""
    found = all_targets()["energy_per_area"]
    assert (found.actual.end, found.baseline.end) == ("2026-05-19T16:00:00.000Z", "2025-05-19T16:00:00.000Z")
    assert found.baseline.grain == "day"
    assert found.actual.value == pytest.approx(coal(8.7e6, 118e3, 0) * 139 / 40_000, rel=1e-9)
    assert found.baseline_year.value == pytest.approx(coal(9e6, 120e3, 0) * 365 / 40_000, rel=1e-9)
    assert found.allowance.value == pytest.approx(0.98 * coal(9e6, 120e3, 0) * 365 - coal(8.7e6, 118e3, 0) * 139, rel=1e-9)


def test_water_is_cubic_metres_and_never_coal() -> None:
    """Water is divided by heads, in m3, and its 2.97 % less by head is short of 3 %."""
    found = all_targets()["water_per_capita"]
    assert found.actual.value == pytest.approx(49 * 139 / 1010, rel=1e-9)
    assert found.change == pytest.approx(49 / 1010 / (50 / 1000) - 1, rel=1e-9)
    assert found.status == "at_risk"
    assert found.allowance.value == pytest.approx(0.97 * 50 * 365 * 1.01 - 49 * 139, rel=1e-9)
    assert found.provenance["measured"] == 1.0


def test_before_the_first_fuel_month_per_capita_is_null() -> None:
    """A figure that must wait for fuel is null with its reason, and the others do not wait."""
    unfed = (*METERS[:3], CountedMeter("cars", "petrol", vehicle_fuel=True, months=frozenset((2025, m) for m in range(1, 13))))
    found = all_targets(meters=unfed)
    per_capita = found["energy_per_capita"]
    assert (per_capita.status, per_capita.reason) == ("no_figure", "cars: nothing known for 2026-01")
    assert per_capita.actual.value is per_capita.change is per_capita.allowance.value is per_capita.forecast.change is None
    assert per_capita.baseline_year.value == pytest.approx(coal(9e6, 120e3, 30e3) * 365 / 1000, rel=1e-9)
    assert found["energy_per_area"].status == "ahead"


def test_a_first_year_has_no_baseline() -> None:
    """The actual value stands alone where last year is unknown."""
    young = tuple(CountedMeter(m.id, m.energy, metered_from=month_start(2026, 1)) for m in METERS[:3])
    found = all_targets(meters=young)["water_per_capita"]
    assert (found.status, found.reason) == ("no_baseline", "baseline: water: nothing known for 2025-01")
    assert found.actual.value == pytest.approx(49 * 139 / 1010, rel=1e-9)
    assert found.baseline.value is found.change is found.allowance.value is None
    assert found.baseline.start is None


def test_a_closed_year_is_met_or_missed() -> None:
    """After 31 December the change of the whole year decides."""
    found = all_targets(now=parse_time("2027-01-01T00:00:00+08:00"), meters=METERS[:3])
    assert {name: one.status for name, one in found.items()} == {
        "energy_per_capita": "met",
        "energy_per_area": "met",
        "water_per_capita": "missed",
    }
    assert found["water_per_capita"].allowance.value == pytest.approx((0.97 * 50 * 1.01 - 49) * 365, rel=1e-9)


OVER = parse_time("2027-01-20T09:00:00+08:00")
UNFED_SINCE_DECEMBER = CountedMeter(
    "cars", "petrol", vehicle_fuel=True, months=frozenset((y, m) for y in (2025, 2026) for m in range(1, 13)) - {(2026, 12)}
)
SILENT = CountedMeter("water", "water", metered_from=LONG_AGO, metered_until=parse_time("2026-10-03T15:00:00+08:00"))


@pytest.mark.parametrize(
    ("meters", "name", "reason"),
    [
        ((*METERS[:3], UNFED_SINCE_DECEMBER), "energy_per_capita", "the year is over: cars: nothing known for 2026-12"),
        ((*METERS[:2], SILENT), "water_per_capita", "the year is over: water: nothing counted since 2026-10-03 15:00"),
    ],
    ids=["fuel not entered", "a silent meter"],
)
@pytest.mark.parametrize("now", ["2027-01-01T00:00:00+08:00", "2027-01-20T09:00:00+08:00", "2029-05-01T00:00:00+08:00"])
def test_a_year_that_is_over_is_never_ahead_or_at_risk(meters: Sequence[CountedMeter], name: str, reason: str, now: str) -> None:
    """Where its figures end early the year has none, and the reason says why; what was used until then is still told."""
    found = all_targets(now=parse_time(now), meters=meters)[name]
    assert (found.status, found.reason) == ("no_figure", reason)
    assert found.actual.value is not None
    assert found.change is not None
    assert found.actual.end is not None
    assert parse_time(found.actual.end) < month_start(2027, 1)
    others = {one.status for other, one in all_targets(now=parse_time(now), meters=meters).items() if other != name}
    assert others <= {"met", "missed"}


@given(
    until=st.integers(month_start(2025, 12), month_start(2027, 3)),
    entered=st.integers(0, 12),
    now=st.integers(month_start(2027, 1), month_start(2028, 2)),
)
def test_however_a_year_s_figures_end_it_is_closed_when_it_is_over(until: int, entered: int, now: int) -> None:
    """Met or missed only of the whole year; else no figure, with a reason."""
    fuel = frozenset([(2025, m) for m in range(1, 13)] + [(2026, m) for m in range(1, entered + 1)])
    meters = (CountedMeter("power", "electricity", metered_from=LONG_AGO, metered_until=until), METERS[1])
    for found in all_targets(now, (*meters, CountedMeter("cars", "petrol", vehicle_fuel=True, months=fuel))).values():
        whole = found.actual.end is not None and parse_time(found.actual.end) == month_start(2027, 1)
        assert found.status in ({"met", "missed"} if whole else {"no_figure"})
        assert whole or found.reason


@pytest.mark.parametrize(
    ("this", "last", "reason"),
    [
        ((9_400, 600), (11_000, 0), "estimated: 6.0 % of this year, 0.0 % of last year"),
        ((10_000, 0), (10_000, 1_000), "estimated: 0.0 % of this year, 9.1 % of last year"),
        ((9_500, 500), (11_000, 0), None),
        ((10_000, 0), (11_000, 0), None),
    ],
    ids=["this year", "last year", "exactly 5 %", "nothing"],
)
def test_met_says_when_much_of_it_is_estimated(this: tuple[int, int], last: tuple[int, int], reason: str | None) -> None:
    """More than 5 % of either side, in both languages; what may be estimated in silence stays silent."""
    plan = spans.plan([METERS[2]], 2026, OVER)
    actual, baseline = (Side({"water": {M: m, Provenance.ESTIMATED: e}}, Decimal(10)) for m, e in (this, last))
    found = targets.evaluate(definitions()[2], plan, Sides(actual, baseline, baseline), FACTORS)
    assert (found.status, found.reason) == ("met", reason)
    (row,) = export.rows(Targets(year=2026, scope="district", as_of="", indicators=[found]), 0, "")
    assert row.fields["status"] == export.STATUS_NUMBERS["met_noted" if reason else "met"]
    if found.message:
        assert in_words(found.message, "en") == reason
        assert "估算" in in_words(found.message, "zh")


def side(water: int, heads: str | None = "10") -> Side:
    return Side({"water": {M: water}}, None if heads is None else Decimal(heads))


def water_of(actual: Side, baseline: Side) -> Indicator:
    plan = spans.plan([METERS[2]], 2026, NOW)
    return targets.evaluate(definitions()[2], plan, Sides(actual, baseline, baseline), FACTORS)


@pytest.mark.parametrize(("used", "status"), [(97_000, "ahead"), (97_001, "at_risk"), (96_999, "ahead")])
def test_exactly_the_target_is_reached(used: int, status: str) -> None:
    """A fall of exactly 3 % is a fall of 3 %, with no float in between to miss it."""
    assert water_of(side(used), side(100_000)).status == status


def test_figures_that_cannot_be_say_why() -> None:
    """Without a denominator, a factor or a use last year there is a reason and no number."""
    assert water_of(side(5, None), side(5)).reason == "no headcount known for the span"
    assert water_of(side(5, "0"), side(5)).status == "no_figure"
    assert water_of(side(5), side(5, None)).reason == "baseline: no headcount known for the span"
    empty = water_of(side(5), side(0))
    assert (empty.status, empty.reason) == ("no_baseline", "baseline: nothing was used in the same span of last year")
    plan = spans.plan([METERS[0]], 2026, NOW)
    steam = Side({"steam": {M: 1}}, Decimal(1))
    found = targets.evaluate(definitions()[0], plan, Sides(steam, steam, steam), FACTORS)
    assert (found.status, found.reason) == ("no_figure", "no factor for steam")


def other(**changes: object) -> Definition:
    """An indicator that is not shipped."""
    return definitions()[2].model_copy(update=changes)


def test_co2_of_an_energy_without_a_factor_is_not_known() -> None:
    """Heat has a factor to standard coal and none to CO2: there is no figure of it, and nothing is left out in silence."""
    plan = spans.plan([METERS[0]], 2026, NOW)
    carbon = other(sums="kgCO2", per="area", unit="kgCO2/m2")
    power = Side({"electricity": {M: 2_000}}, Decimal(2))
    found = targets.evaluate(carbon, plan, Sides(power, power, power), FACTORS)
    assert (found.actual.value, found.allowance.unit) == (0.5306, "kgCO2")
    heated = Side({"electricity": {M: 2_000}, "heat": {M: 1}}, Decimal(2))
    found = targets.evaluate(carbon, plan, Sides(heated, power, power), FACTORS)
    assert (found.actual.value, found.status, found.reason) == (None, "no_figure", "no CO2 factor for heat")
    assert [(one.energy, one.actual, one.baseline.converted) for one in found.energies] == [("electricity", NOTHING, 1.0612)]


def test_a_denominator_of_the_site_s_own_is_named_where_it_lacks() -> None:
    """By a code of its own in the message, which the catalogue has from the indicator's file."""
    plan = spans.plan([METERS[2]], 2026, NOW)
    found = targets.evaluate(other(per="green_area"), plan, Sides(side(5, None), side(5), side(5)), FACTORS)
    assert (found.code, found.message) == (
        "reason.no_denominator",
        Message("reason.no_denominator", kind=Message("denominator.green_area")),
    )


def test_without_a_target_there_is_no_status_and_nothing_to_keep_to() -> None:
    """Values and change stay; a reason that explains a figure comes before the one that there is no target."""
    plan = spans.plan([METERS[2]], 2026, NOW)
    watched = other(target_change=None)
    found = targets.evaluate(watched, plan, Sides(side(90), side(100), side(300)), FACTORS)
    assert (found.target_change, found.status, found.allowance.value) == (None, None, None)
    assert found.actual.value == 0.009
    assert found.change == pytest.approx(-0.1)
    assert (found.reason, export.pace(found)) == ("no target is set for this indicator", export.Pace(None, None))
    (row,) = export.rows(Targets(year=2026, scope="district", as_of="", indicators=[found]), 0, "")
    assert not {"status", "target_change", "target", "expected", "gap", "allowance"} & row.fields.keys()
    lacking = targets.evaluate(watched, plan, Sides(side(90, None), side(100), side(300)), FACTORS)
    assert (lacking.status, lacking.reason) == (None, "no headcount known for the span")


AMOUNTS = st.fixed_dictionaries(
    {e: st.integers(1, 10**13) for e in ("electricity", "natural_gas", "coal", "diesel", "heat", "lpg", "other")}
)
PLAIN: Mapping[str, float] = {
    "electricity": 0.1229 / 1e3,
    "natural_gas": 1.33 / 1e3,
    "coal": 0.7143 / 1e3,
    "diesel": 0.85 * 1.4571 / 1e3,
    "heat": 0.03412 / 1e3,
    "lpg": 1.7143 / 1e3,
    "other": 1 / 1e6,
}


@given(AMOUNTS, AMOUNTS, AMOUNTS, st.integers(1, 10**7), st.integers(1, 10**7))
def test_the_arithmetic_holds_for_any_use(
    now: dict[str, int], then: dict[str, int], year: dict[str, int], heads: int, earlier: int
) -> None:
    """Values, change and allowance agree with plain floats to 1e-9 for any amounts and heads."""
    sides = Sides(*(Side({e: {M: a} for e, a in used.items()}, Decimal(n)) for used, n in ((now, heads), (then, earlier), (year, earlier))))
    found = targets.evaluate(definitions()[0], spans.plan([METERS[0]], 2026, NOW), sides, FACTORS)
    used, before, whole = (sum(amounts[e] * PLAIN[e] for e in PLAIN) for amounts in (now, then, year))
    assert found.actual.value == pytest.approx(used / heads, rel=1e-9)
    assert found.change is not None
    assert found.change + 1 == pytest.approx((used / heads) / (before / earlier), rel=1e-9)
    limit = 0.975 * whole / earlier * heads
    assert found.allowance.value == pytest.approx(limit - used, rel=1e-9, abs=1e-9 * (limit + used))


def test_the_answer_has_the_names_of_the_interface() -> None:
    """The names in the answer are the stable interface's, and nulls are kept."""
    answer = targets.targets(2026, "unit:a", NOW, meters=METERS, lookup=lookup, factors=FACTORS)
    data = answer.model_dump(mode="json")
    assert list(data) == ["year", "scope", "as_of", "indicators"]
    assert (data["year"], data["scope"], data["as_of"]) == (2026, "unit:a", "2026-05-19T16:00:00.000Z")
    first = data["indicators"][0]
    assert ",".join(first) == (
        "id,unit,target_change,baseline,baseline_year,actual,change,forecast,status,reason,code,params,"
        "allowance,provenance,provisional,findings,energies"
    )
    assert [list(first[name]) for name in ("baseline", "baseline_year", "actual", "forecast", "allowance", "provenance")] == [
        ["value", "start", "end", "grain"],
        ["value"],
        ["value", "start", "end"],
        ["value", "low", "high", "change"],
        ["value", "unit"],
        ["measured", "distributed", "estimated", "manual"],
    ]
    assert first["forecast"]["value"] is first["forecast"]["low"] is first["forecast"]["high"] is None
    assert Targets.model_validate(data) == answer
