from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from cloud.alerts.ruleset import load_rules
from cloud.api import events
from cloud.api.context import Context
from cloud.api.wall.changes import changes
from cloud.api.wall.plant import window
from cloud.api.wall.snapshot import Wall
from cloud.indicators.export import pace
from cloud.indicators.model import Actual, Allowance, Baseline, BaselineYear, Forecast, Indicator
from cloud.platform.database import writing
from contract.clock import Clock, parse_time
from contract.operation import Car, ElevatorGroup, Exemption, Operation, Window
from contract.reading import Quality
from contract.workdays import Workdays
from tests.cloud import tables
from tests.cloud.district import GROUP

if TYPE_CHECKING:
    from tests.cloud.api.conftest import Counted, Served

ODDLY_NUMBERED = """
maker: Example
model: oddly numbered
class: hvac
protocol: modbus
sources: [what people told of their switches]
points:
  "on": {address: 0, values: {90: "off", 165: "on"}}
  fault: {address: 1, values: {170: none, 1: fan}}
"""
HOUR = 3_600_000
MIDNIGHT = parse_time("2026-03-11T00:00:00+08:00")
A_YEAR_EARLIER = parse_time("2025-03-11T00:00:00+08:00")
AGO = "2026-03-11T01:59:"


@pytest.fixture
def own_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a site's own profiles."""
    folder = tmp_path / "profiles"
    folder.mkdir()
    monkeypatch.setenv("JIEYUE_PROFILES", str(folder))
    return folder


def write(context: Context, table: sa.Table, *rows: dict[str, Any]) -> None:
    with writing(context.engine).begin() as connection:
        connection.execute(table.insert(), rows)


def used(meter: str, hour: int, amount: int, provenance: str = "measured") -> dict[str, Any]:
    return {"grp": GROUP, "meter": meter, "hour": hour, "provenance": provenance, "amount": amount}


def newest(context: Context, device: str, point: str, value: float | None, age: float, **more: Any) -> None:  # noqa: ANN401 (columns)
    at = int(context.clock.now_ms() - age * 1000)
    row = {"grp": context.group, "device": device, "point": point, "value": value, "at": at, "received_at": at, "good_at": at}
    write(context, tables.latest, row | {"quality": int(Quality.GOOD), "reason": ""} | more)


def shown(context: Context) -> dict[str, Any]:
    return Wall(context).snapshot().model_dump()


def test_a_snapshot_costs_few_queries_and_the_next_ones_three(context: Context, counted: Counted) -> None:
    """Devices, newest readings and whether an alert changed are asked for each time, targets and curves once in half a minute."""
    wall = Wall(context, period=0.0)
    with counted(context.engine) as first:
        wall.snapshot()
    with counted(context.engine) as second:
        wall.snapshot()
    assert len(first) <= 27
    assert len(second) == 3


def test_many_who_look_cost_as_much_as_one(context: Context, counted: Counted) -> None:
    """A snapshot is made once for all who ask within its period."""
    wall = Wall(context)
    wall.snapshot()
    with counted(context.engine) as sent:
        assert wall.snapshot() is wall.snapshot()
    assert sent == []


async def test_the_wall_shows_what_targets_and_consumption_say(served: Served) -> None:
    """The same figures, to the last digit."""
    rows = [used("m1", MIDNIGHT + h * HOUR, 1000 + 100 * h) for h in range(10)] + [used("m1", MIDNIGHT + 10 * HOUR, 7)]
    rows += [used("m1", A_YEAR_EARLIER + h * HOUR, 1250) for h in range(24)]
    write(served.context, tables.ledger_hour, *rows)
    wall = (await served.get("/api/v1/wall")).json()
    assert wall["targets"] == (await served.get("/api/v1/targets")).json()
    today = {"meter": "m1", "start": "2026-03-10T16:00:00Z", "end": "2026-03-11T02:00:00Z"}
    hours = (await served.get("/api/v1/consumption", today | {"every": "hour"})).json()
    (day,) = (await served.get("/api/v1/consumption", today | {"every": "day"})).json()
    load = wall["load"]
    assert load["hours"] == [{"start": hour["start"], "value": hour["value"]} for hour in hours]
    assert (load["value"], load["unit"], load["until"]) == (day["value"], "kWh", "2026-03-11T02:00:00.000Z")
    assert (load["last_year"], load["change"], load["measured"]) == (12.5, pytest.approx(14.5 / 12.5 - 1), 1.0)
    assert len(load["last_year_hours"]) == 24
    assert load["hour_change"] == pytest.approx(1900 / 1250 - 1)


def test_an_hour_that_a_main_meter_lacks_is_absent_and_so_is_the_sum(context: Context) -> None:
    """The rest of a sum would look like less used."""
    write(
        context, tables.meter, {"id": "m2", "name": '{"zh": "", "en": ""}', "grp": context.group, "energy": "electricity", "main": True}
        | {"item": "", "vehicle_fuel": False, "device": None, "point": None, "parent": None, "compound": None, "modulus": None}
    )  # fmt: skip
    rows = [used(meter, MIDNIGHT + h * HOUR, 500) for meter in ("m1", "m2") for h in range(10) if (meter, h) != ("m2", 4)]
    write(context, tables.ledger_hour, *rows)
    load = shown(context)["load"]
    assert [hour["start"][11:13] for hour in load["hours"]] == ["16", "17", "18", "19", "21", "22", "23", "00", "01"]
    assert {hour["value"] for hour in load["hours"]} == {1.0}
    assert (load["value"], load["change"], load["measured"]) == (None, None, None)


def test_the_least_of_the_night_is_of_its_five_hours_only(context: Context) -> None:
    """After 05:00 people draw water; a night that is not wholly known has no least."""
    write(context, tables.ledger_hour, *(used("w1", MIDNIGHT + h * HOUR, amount) for h, amount in enumerate((80, 60, 40, 70, 90, 5))))
    write(context, tables.ledger_hour, *(used("w1", A_YEAR_EARLIER + h * HOUR, 50) for h in (0, 1, 3, 4)))
    water = shown(context)["water"]
    assert (water["night"], water["last_year_night"], water["unit"]) == (0.04, None, "m3")


def test_the_last_hour_is_compared_only_where_both_years_know_it(context: Context) -> None:
    """The hour that is not over is no hour to compare, and none takes the place of one that is missing."""
    write(context, tables.ledger_hour, *(used("m1", A_YEAR_EARLIER + hour * HOUR, 1000) for hour in range(24)))
    write(context, tables.ledger_hour, used("m1", MIDNIGHT + 8 * HOUR, 900), used("m1", MIDNIGHT + 10 * HOUR, 10))
    assert shown(context)["load"]["hour_change"] is None
    write(context, tables.ledger_hour, used("m1", MIDNIGHT + 9 * HOUR, 950))
    assert shown(context)["load"]["hour_change"] == pytest.approx(-0.05)


def test_the_load_now_is_the_sum_of_all_main_meters_or_nothing(context: Context) -> None:
    """A main meter whose power is bad leaves no sum, and says since when."""
    assert shown(context)["load"]["now"] == {"value": None, "since": "2026-03-11T01:59:14.000Z"}
    with writing(context.engine).begin() as connection:
        power = sa.and_(tables.latest.c.device == "e1", tables.latest.c.point == "power")
        connection.execute(tables.latest.update().where(power).values(value=4321.0, quality=int(Quality.GOOD), good_at=tables.latest.c.at))
    assert shown(context)["load"]["now"] == {"value": 4.321, "since": None}


def test_what_is_bad_old_or_never_read_is_never_shown_as_current(context: Context) -> None:
    """A zone's switch is asked every 5 s: 15 s count as current, more as old with its time; bad leaves nothing but the time."""
    newest(context, "ac", "room_temperature", 21.5, 15.001)
    newest(context, "ac", "on", None, 1, quality=int(Quality.BAD), good_at=context.clock.now_ms() - 9000)
    (zone,) = shown(context)["zones"]
    assert zone["setpoint"] == {"value": 26.0, "since": None}
    assert zone["room_temperature"] == {"value": 21.5, "since": f"{AGO}44.999Z"}
    assert zone["on"] == {"value": None, "since": f"{AGO}51.000Z"}
    assert (zone["fan"], zone["mode"], zone["fault"]) == (None, None, None)


def test_states_have_the_names_of_the_profile(context: Context) -> None:
    """A number that the profile names is shown by its name, and one that it does not name as a number."""
    newest(context, "ac", "mode", 1.0, 1)
    newest(context, "ac", "fan_actual", 9.0, 1)
    (zone,) = shown(context)["zones"]
    assert (zone["mode"], zone["fan"]) == ("heat", "9")


def test_a_state_is_what_its_number_means(context: Context, own_profiles: Path) -> None:
    """A switch whose maker calls 90 off is off with 90 and on with 165; with a number that the profile does not name it is neither."""
    own_profiles.joinpath("hvac").mkdir()
    own_profiles.joinpath("hvac/oddly-numbered.yaml").write_text(ODDLY_NUMBERED, encoding="utf-8")
    with writing(context.engine).begin() as connection:
        connection.execute(tables.device.update().where(tables.device.c.id == "ac").values(profile="hvac/oddly-numbered"))
    newest(context, "ac", "on", 90.0, 1)
    newest(context, "ac", "fault", 170.0, 1)
    (zone,) = shown(context)["zones"]
    assert (zone["on"]["value"], zone["running"], zone["fault"], zone["faulty"]) == (90.0, False, "none", False)
    for on, running, fault, faulty in ((165.0, True, 1.0, True), (0.0, None, 0.0, None), (1.0, None, 2.0, None)):
        with writing(context.engine).begin() as connection:
            for point, value in (("on", on), ("fault", fault)):
                same = sa.and_(tables.latest.c.device == "ac", tables.latest.c.point == point)
                connection.execute(tables.latest.update().where(same).values(value=value))
        (zone,) = shown(context)["zones"]
        assert (zone["running"], zone["faulty"]) == (running, faulty), (on, fault)


def test_a_car_whose_mode_has_no_name_is_neither_normal_nor_not(context: Context) -> None:
    """Fire is a mode that overrides, normal is none, and 9 is unknown; so it is with faults."""
    row = {"grp": context.group, "id": "lift", "class": "elevator", "name": '{"zh": "一号梯", "en": "Lift 1"}', "gateway": "gw-1"}
    write(context, tables.device, row | {"compound": "c1", "profile": "elevator/jieyue-group-controller", "interval": 2.0})
    newest(context, "lift", "mode", 1.0, 1)
    newest(context, "lift", "fault", 9.0, 1)
    (car,) = shown(context)["lifts"][0]["cars"]
    assert (car["mode"], car["special"], car["fault"], car["faulty"]) == ("fire", True, "9", None)


@pytest.mark.parametrize(
    ("at", "setpoint", "more", "beyond"),
    [
        ("2026-03-11T10:00", 20.5, {}, "info"),
        ("2026-03-11T10:00", 20.0, {}, None),
        ("2026-07-21T10:00", 25.5, {"mode": 0.0}, "info"),
        ("2026-07-21T10:00", 26.0, {"mode": 0.0}, None),
        ("2026-03-11T10:00", 26.0, {"on": 0.0}, None),
        ("2026-03-11T10:00", 26.0, {"on": 90.0}, None),
        ("2026-03-11T10:00", 26.0, {"mode": 2.0}, None),
        ("2026-03-11T10:00", 26.0, {"mode": 9.0}, None),
        ("2026-03-14T10:00", 26.0, {}, None),
    ],
    ids=["winter", "just so", "summer", "just so in summer", "off", "neither on nor off", "blows only", "no known mode", "Saturday"],
)
def test_a_set_point_beyond_its_limit_is_seen_at_once(
    at: str, setpoint: float, more: dict[str, float], beyond: str | None, context: Context
) -> None:
    """Judged as the rule of alerts judges it, before it lasted long enough to be one; what is exempt may be set as one likes."""
    now = parse_time(f"{at}:00+08:00")
    there = replace(context, clock=Clock(origin_ms=now, speed=0.0), rules=load_rules())
    with writing(context.engine).begin() as connection:
        connection.execute(tables.latest.delete().where(tables.latest.c.device == "ac"))
    for point, value in ({"on": 1.0, "mode": 1.0, "setpoint": setpoint} | more).items():
        newest(there, "ac", point, value, 1)
    (zone,) = shown(there)["zones"]
    assert zone["beyond"] == beyond
    exemption = Exemption(rule="hvac_setpoint", subjects=["ac"], reason="a process that needs it")
    operation = context.site.operation.model_copy(update={"exemptions": [exemption]})
    (zone,) = shown(replace(there, site=context.site.model_copy(update={"operation": operation})))["zones"]
    assert zone["beyond"] is None


def test_an_elevator_says_what_it_does_and_what_is_planned(context: Context) -> None:
    """Parity is read from the controller; the window comes from the site's file."""
    row = {"grp": context.group, "id": "lift", "class": "elevator", "name": '{"zh": "一号梯", "en": "Lift 1"}', "gateway": "gw-1"}
    write(context, tables.device, row | {"compound": "c1", "profile": "elevator/jieyue-group-controller", "interval": 2.0})
    for point, value in (("floor", 5.0), ("parity", 1.0), ("direction", 2.0), ("mode", 0.0), ("fault", 0.0)):
        newest(context, "lift", point, value, 1)
    (group,) = shown(context)["lifts"]
    assert (group["window"], group["until"], group["next"], group["floors"]) == (False, None, "17:30", 8)
    (car,) = group["cars"]
    assert car["floor"] == {"value": 5.0, "since": None}
    assert (car["parity"], car["planned"], car["direction"], car["mode"], car["fault"]) == ("odd", "odd", "down", "normal", "none")
    assert car["door"] is None


@pytest.mark.parametrize(
    ("at", "until", "following"),
    [
        ("2026-03-11T07:29:59+08:00", None, "07:30"),
        ("2026-03-11T07:30:00+08:00", "09:00", "17:30"),
        ("2026-03-11T08:59:59+08:00", "09:00", "17:30"),
        ("2026-03-11T09:00:00+08:00", None, "17:30"),
        ("2026-03-11T18:30:00+08:00", None, None),
        ("2026-03-14T08:00:00+08:00", None, None),
        ("2026-02-28T08:00:00+08:00", "09:00", "17:30"),
    ],
    ids=["before", "begins", "lasts", "over", "evening", "Saturday", "a Saturday that is worked"],
)
def test_a_window_holds_on_working_days_from_its_start_to_before_its_end(at: str, until: str | None, following: str | None) -> None:
    """The official calendar decides what a working day is."""
    windows = [Window(start="07:30", end="09:00"), Window(start="17:30", end="18:30")]
    group = ElevatorGroup(id="g", building="b", cars=[Car(device="x", parity="odd", served=[1])], windows=windows)
    assert window(group, Workdays(), parse_time(at)) == (until, following)


@pytest.mark.parametrize(
    ("at", "until"),
    [("2026-03-11T08:00", None), ("2026-03-14T08:00", "09:00"), ("2026-03-12T08:00", "09:00"), ("2027-01-01T08:00", None)],
    ids=["free here", "worked here", "as everywhere", "New Year"],
)
def test_windows_follow_the_calendar_of_the_site(at: str, until: str | None, context: Context) -> None:
    """A Wednesday on which this site is closed has no window, a Saturday on which it works has; all else is as the calendar says."""
    operation = Operation(free=[date(2026, 3, 11)], worked=[date(2026, 3, 14)])
    site = context.site.model_copy(update={"operation": operation})
    now = parse_time(f"{at}:00+08:00")
    (group,) = shown(replace(context, site=site, clock=Clock(origin_ms=now, speed=0.0)))["lifts"]
    assert (group["window"], group["until"]) == (until is not None, until)


@pytest.mark.parametrize(("at", "year"), [("2026-12-31T23:59:59", 2026), ("2027-01-01T00:00:00", 2027), ("2027-01-01T00:30:00", 2027)])
def test_the_wall_at_the_turn_of_the_year(at: str, year: int, context: Context) -> None:
    """Before the first hour of a year is over nothing of it is said, and nothing of the year before is taken for it."""
    midnight = parse_time("2026-12-31T00:00:00+08:00")
    write(context, tables.ledger_hour, *(used("m1", midnight + hour * HOUR, 1000) for hour in range(24)))
    wall = shown(replace(context, clock=Clock(origin_ms=parse_time(f"{at}+08:00"), speed=0.0)))
    load, targets = wall["load"], wall["targets"]
    assert targets["year"] == year
    if year == 2026:
        assert (load["value"], load["until"]) == (23.0, "2026-12-31T15:00:00.000Z")
        return
    assert (load["value"], load["hours"], load["change"], load["hour_change"]) == (None, [], None, None)
    assert load["until"] == "2026-12-31T16:00:00.000Z"
    assert {one["status"] for one in targets["indicators"]} == {"no_figure"}
    assert {one["actual"]["value"] for one in targets["indicators"]} == {None}


@pytest.mark.parametrize(
    ("speed", "ignition", "age", "state"),
    [(41.5, 1.0, 170, "moving"), (3.0, 1.0, 5, "idling"), (0.0, 0.0, 5, "parked"), (0.0, None, 5, "parked"), (41.5, 1.0, 181, "offline")],
)
def test_a_car_moves_idles_stands_or_is_silent(speed: float, ignition: float | None, age: float, state: str, context: Context) -> None:
    """Up to 3 km/h is standing; 180 s without a good reading is offline, with the time of the last one."""
    with writing(context.engine).begin() as connection:
        connection.execute(tables.latest.delete().where(tables.latest.c.device == "car"))
    newest(context, "car", "speed", speed, age)
    if ignition is not None:
        newest(context, "car", "ignition", ignition, age)
    (car,) = shown(context)["vehicles"]
    assert car["state"] == state
    assert car["at"] == ("2026-03-11T01:56:59.000Z" if state == "offline" else None)
    assert car["latitude"] is None


def test_the_freshness_of_all_is_that_of_the_newest_good_reading(context: Context) -> None:
    """Devices count as online by the interface's own rule, and the silent ones are named."""
    data = shown(context)["data"]
    assert data == {"at": "2026-03-11T01:59:45.000Z", "devices": 5, "online": 2, "silent": ["e1", "e2", "gw-1"]}


@pytest.mark.parametrize(
    ("baseline", "actual", "expected", "gap"),
    [(200.0, 190.0, 195.0, 190 / 195 - 1), (None, 190.0, None, None), (200.0, None, 195.0, None)],
)
def test_the_pace_is_the_baseline_with_the_targets_change(
    baseline: float | None, actual: float | None, expected: float | None, gap: float | None
) -> None:
    """What may have been used by now; without a baseline nothing is expected."""
    indicator = Indicator(
        id="energy_per_capita",
        unit="kgce/person",
        target_change=-0.025,
        baseline=Baseline(value=baseline, start=None, end=None, grain=None),
        baseline_year=BaselineYear(value=None),
        actual=Actual(value=actual, start=None, end=None),
        change=None,
        forecast=Forecast(value=None, low=None, high=None, change=None),
        status="no_figure",
        reason=None,
        allowance=Allowance(value=None, unit="kgce"),
        provenance={},
    )
    found = pace(indicator)
    assert found.expected == pytest.approx(expected)
    assert found.gap == pytest.approx(gap)


def test_only_what_differs_is_sent() -> None:
    """Of a list of things only those that differ; other things than before need a new snapshot."""
    before = {"now": 1, "data": {"a": 1}, "zones": [{"id": "a", "t": 1}, {"id": "b", "t": 1}]}
    after = before | {"now": 2, "zones": [{"id": "a", "t": 1}, {"id": "b", "t": 2}]}
    assert changes(before, after) == {"now": 2, "zones": [{"id": "b", "t": 2}]}
    assert changes(before, before) == {}
    assert changes(before, before | {"zones": [{"id": "a", "t": 1}]}) is None


async def test_the_stream_begins_with_a_snapshot_and_goes_on_with_changes(context: Context) -> None:
    """A set-point that changes is sent with its zone alone."""
    feed = events.Watching(Wall(context, period=0.0, slowly=0.0))
    feed.look()
    kind, first = _event(feed.whole())
    assert (kind, first["zones"][0]["setpoint"]["value"]) == ("snapshot", 26.0)
    assert _event(feed.look()) == ("change", {})
    with writing(context.engine).begin() as connection:
        connection.execute(tables.latest.update().where(tables.latest.c.device == "ac").values(value=25.0))
    kind, changed = _event(feed.look())
    assert (kind, list(changed)) == ("change", ["zones"])
    assert [zone["setpoint"]["value"] for zone in changed["zones"]] == [25.0]


def test_of_alerts_those_are_sent_that_are_new_or_another() -> None:
    """Beside them stands the order of all that are shown; one that is no longer shown needs no snapshot."""
    before = {"alerts": [{"id": "a", "n": 1}, {"id": "b", "n": 1}, {"id": "c", "n": 1}]}
    after = {"alerts": [{"id": "d", "n": 1}, {"id": "b", "n": 2}, {"id": "a", "n": 1}]}
    assert changes(before, after) == {"alerts": [{"id": "d", "n": 1}, {"id": "b", "n": 2}], "alert_order": ["d", "b", "a"]}


def _event(text: bytes) -> tuple[str, dict[str, Any]]:
    head, data, *rest = text.decode().split("\n")
    assert rest == ["", ""]
    found: dict[str, Any] = json.loads(data.removeprefix("data: "))
    return head.removeprefix("event: "), found
