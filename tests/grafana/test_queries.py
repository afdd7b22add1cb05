"""Every panel asks something that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloud.indicators.export import pace
from cloud.indicators.figures import targets_of
from cloud.ledger import book
from cloud.ledger.periods import DAY_MS, HOUR_MS, floor
from simulators.stack import panels
from tests.cloud.district import GROUP, key

if TYPE_CHECKING:
    from tests.grafana.conftest import Filled

pytestmark = pytest.mark.timeout(300)
"""The site's past is written once, by whichever test comes first."""
UIDS = sorted(panels.boards())
KEYS = ("change", "target_change", "gap", "allowance", "status")


@pytest.mark.parametrize("uid", UIDS)
def test_every_query_returns_rows(filled: Filled, uid: str) -> None:
    """A misspelt field or a measurement that nobody writes would answer without a row."""
    asked = list(panels.queries(uid, filled.now))
    empty = [f"{q.panel}, {q.letter}: {q.text}" for q in asked if not any(s.rows for s in panels.ask(filled.influxd, filled.database, q))]
    assert asked
    assert not empty


def panel(uid: str, title: str, letter: str = "A", *, at: int, **chosen: list[str]) -> panels.PanelQuery:
    return next(q for q in panels.queries(uid, at, chosen) if (q.panel, q.letter) == (title, letter))


@pytest.mark.parametrize("uid", ["jieyue-wall", "jieyue-energy", "jieyue-energy-en"])
def test_targets_on_panels_equal_the_interface(filled: Filled, uid: str) -> None:
    """Change, target, distance from the pace, allowance and status of each target are what `/api/v1/targets` is made of."""
    titles = {
        "zh": ("人均综合能耗", "单位建筑面积能耗", "人均水耗"),
        "en": ("Energy per person", "Energy per floor area", "Water per person"),
    }
    answer = targets_of(filled.engine, GROUP, 2026, "district", filled.now)
    for title, indicator in zip(titles["en" if uid.endswith("-en") else "zh"], answer.indicators, strict=True):
        (series,) = panels.ask(filled.influxd, filled.database, panel(uid, title, at=filled.now))
        expected = (indicator.change, indicator.target_change, pace(indicator).gap, indicator.allowance.value)
        assert series.tags == {"indicator": indicator.id}
        assert None not in expected
        assert tuple(series.rows[-1][name] for name in KEYS[:4]) == expected
        assert series.rows[-1]["status"] == {"no_figure": 0, "no_baseline": 1, "ahead": 2, "at_risk": 3}[indicator.status or ""]


def test_the_scope_variable_reaches_the_query(filled: Filled) -> None:
    """Another scope gives that scope's figures."""
    answer = targets_of(filled.engine, GROUP, 2026, "compound:c2", filled.now).indicators[1]
    asked = panel("jieyue-energy", "单位建筑面积能耗", at=filled.now, scope=["compound:c2"])
    (series,) = panels.ask(filled.influxd, filled.database, asked)
    assert series.rows[-1]["change"] == answer.change
    assert answer.change is not None


def test_day_bars_are_days_of_shanghai_and_equal_the_ledger(filled: Filled) -> None:
    """Each bar of each main meter is the day of `/api/v1/consumption`, and begins at midnight in Shanghai."""
    today = floor(filled.now, "day")
    bars = panels.ask(filled.influxd, filled.database, panel("jieyue-energy", "每日用电", at=filled.now))
    assert {s.tags["meter"] for s in bars} == {m.id for m in filled.site.meters if m.main and m.energy == "electricity"}
    for series in bars:
        days = book.consumption(filled.engine, key(series.tags["meter"]), today - 29 * DAY_MS, today + DAY_MS, "day")
        found = {row["time"]: row["value"] for row in series.rows}
        assert len(found) == 30
        assert found == pytest.approx({start: day["value"] for start, day in zip(sorted(found), days, strict=True)}, rel=1e-12)
        assert set(found) == set(range(today - 29 * DAY_MS, today + DAY_MS, DAY_MS))


def test_today_and_the_same_day_last_year_are_two_days(filled: Filled) -> None:
    """The load of today by hour and that of the same date a year before, up to the same hour, each as the ledger has it."""
    midnight, year_ago = floor(filled.now, "day"), floor(filled.now, "day") - 365 * DAY_MS
    for title, start in (("今日逐时用电", midnight), ("去年同日逐时用电", year_ago)):
        series = {s.tags["meter"]: s for s in panels.ask(filled.influxd, filled.database, panel("jieyue-wall", title, at=filled.now))}
        rows = series["c1-e-main"].rows
        hours = book.consumption(filled.engine, key("c1-e-main"), start, start + 15 * HOUR_MS, "hour")
        assert [row["time"] for row in rows] == [start + n * HOUR_MS for n in range(15)]
        assert [row["value"] for row in rows] == pytest.approx([hour["value"] for hour in hours], rel=1e-12)


def test_the_age_of_data_is_the_time_of_the_reading(filled: Filled) -> None:
    """A panel that shows an age asks one point, whose row has the time of measurement and not the begin of the range."""
    for title in ("网关数据时效", "总表实时功率"):
        for series in panels.ask(filled.influxd, filled.database, panel("jieyue-wall", title, at=filled.now)):
            assert series.rows[-1]["time"] == filled.now - 5 * 60_000


def test_a_misspelt_point_is_found(filled: Filled) -> None:
    """What the first test stands on: InfluxDB answers a wrong name without an error and without a row, a wrong query with one."""
    asked = panel("jieyue-wall", "总表实时功率", at=filled.now)
    assert panels.ask(filled.influxd, filled.database, asked)
    misspelt = asked.text.replace('last("power")', 'last("powr")')
    assert panels.ask(filled.influxd, filled.database, panels.PanelQuery(asked.board, asked.panel, "A", misspelt)) == []
    with pytest.raises(panels.PanelError, match="error parsing query"):
        panels.ask(filled.influxd, filled.database, panels.PanelQuery(asked.board, asked.panel, "A", asked.text + " total"))


def test_a_year_of_water_by_the_hour_is_a_year_of_days(filled: Filled) -> None:
    """Chosen by its dates, a year has a row a day and meter, each the mean hour of the day, and not one an hour."""
    since = filled.now - 365 * DAY_MS
    (asked,) = [q for q in panels.queries("jieyue-water", filled.now, since=since) if q.panel == "逐时用水"]
    found = panels.ask(filled.influxd, filled.database, asked)
    meters = {m.id for m in filled.site.meters if m.energy == "water"}
    assert {series.tags["meter"] for series in found} == meters
    assert sum(len(series.rows) for series in found) <= 366 * len(meters)
    meter = min(meters)
    day = since // DAY_MS * DAY_MS + 100 * DAY_MS
    (row,) = [row for series in found if series.tags["meter"] == meter for row in series.rows if row["time"] == day]
    hours = book.consumption(filled.engine, key(meter), day, day + DAY_MS, "hour")
    assert row["value"] == pytest.approx(sum(hour["value"] for hour in hours) / 24, rel=1e-12)


@pytest.mark.parametrize(("uid", "energy"), [("jieyue-water", "water"), ("jieyue-energy", "electricity")])
def test_all_meters_of_a_dashboard_are_those_of_its_energy(filled: Filled, uid: str, energy: str) -> None:
    """Who chooses all gets no meter of another energy, whose amounts are of another unit; neither as a curve nor within a sum."""
    of_energy = {m.id for m in filled.site.meters if m.energy == energy}
    asked = [q for q in panels.queries(uid, filled.now, {"meter": [".*"]}) if "${" not in q.text and '"meter" =~ /^(.*)$/' in q.text]
    found = [series for query in asked for series in panels.ask(filled.influxd, filled.database, query)]
    assert {series.tags["meter"] for series in found if "meter" in series.tags} == of_energy
    (days,) = [series for series in found if not series.tags]
    noon = days.rows[-2]["time"] + DAY_MS // 2
    day = floor(noon, "day")
    amounts = [book.consumption(filled.engine, key(meter), day, day + DAY_MS, "day")[0]["value"] for meter in sorted(of_energy)]
    assert days.rows[-2]["value"] == pytest.approx(sum(amounts), rel=1e-9)
