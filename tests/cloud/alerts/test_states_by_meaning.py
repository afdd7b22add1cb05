"""Rules judge a state by what its number means to the device's model, and a day by the site's own calendar."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cloud.alerts.observe import Observation
from cloud.alerts.ruleset import load_rules
from cloud.alerts.view import Newest, View
from cloud.devices.model import Device, Life
from contract.clock import parse_time
from contract.operation import Operation
from contract.profile import Profile
from contract.site import Site, load_site
from contract.sitefolder import shipped_site

MINUTE = 60_000
RULES = load_rules()
SITE = load_site(shipped_site("lizhou"))
ODD: dict[str, dict[int, str]] = {
    "on": {90: "off", 165: "on"},
    "mode": {4: "heat", 5: "cool", 6: "fan"},
    "ignition": {0: "on", 1: "off"},
}


def model(device_class: str, **names: dict[int, str]) -> Profile:
    """A model with states of these names, and whatever else rules look at."""
    points: dict[str, Any] = {point: {"values": values, "path": point} for point, values in names.items()}
    points |= {point: {"path": point, "unit": "degC"} for point in ("setpoint",) if device_class == "hvac"}
    fields = {"maker": "a", "model": "b", "class": device_class, "protocol": "mqtt", "sources": ["c"], "points": points}
    return Profile.model_validate(fields)


def seen(rule: str, device: Device, at: str, values: dict[str, float], site: Site = SITE) -> Observation:
    """What a shipped rule says of one device with these readings."""
    now = parse_time(f"{at}:00+08:00")
    newest = {device.id: {point: Newest(value, now - MINUTE) for point, value in values.items()}}
    view = View(now, site, {device.id: device}, {device.id: now - MINUTE}, newest, {device.gateway: True})
    of = RULES[rule]
    (found,) = of.known.observe(of, of.numbers, view, {})
    return found


def device(of: str, device_class: str, profile: Profile | None) -> Device:
    return Device(of, device_class, "gw", {"zh": of, "en": of}, Life(10 * MINUTE), profile)


SWITCH = device("ac", "hvac", model("hvac", on=ODD["on"], mode=ODD["mode"]))


@pytest.mark.parametrize(("raw", "excess"), [(165.0, 1.0), (90.0, -1.0), (1.0, None), (0.0, None)])
def test_plant_runs_after_hours_only_in_a_state_that_means_on(raw: float, excess: float | None) -> None:
    """Off as 90 is off; what nothing names is neither, so that nothing fires and nothing is resolved by it."""
    assert seen("after_hours", SWITCH, "2026-03-11T22:00", {"on": raw}).excess == excess


@pytest.mark.parametrize(("at", "excess"), [("2026-03-11T10:00", 1.0), ("2026-03-14T10:00", -1.0), ("2026-03-12T10:00", -1.0)])
def test_working_days_are_the_site_s(at: str, excess: float) -> None:
    """A Wednesday on which this site is closed is after hours at ten, a Saturday on which it works is not."""
    operation = Operation(free=[date(2026, 3, 11)], worked=[date(2026, 3, 14)])
    assert seen("after_hours", SWITCH, at, {"on": 165.0}, SITE.model_copy(update={"operation": operation})).excess == excess


@pytest.mark.parametrize(
    ("on", "mode", "excess"),
    [(165.0, 4.0, 3.0), (165.0, None, 3.0), (90.0, 4.0, None), (1.0, 4.0, None), (165.0, 6.0, None), (165.0, 1.0, None)],
    ids=["heats", "tells no mode", "off", "neither on nor off", "blows", "a mode without a name"],
)
def test_a_set_point_is_judged_where_the_plant_heats(on: float, mode: float | None, excess: float | None) -> None:
    """23 degC in the heating season is 3 K above the limit, if the switch is known to be on and not known to do anything else."""
    told = {"on": on, "setpoint": 23.0} | ({} if mode is None else {"mode": mode})
    assert seen("hvac_setpoint", SWITCH, "2026-03-11T10:00", told).excess == excess


@pytest.mark.parametrize(
    ("profile", "raw", "limit"),
    [(None, 1.0, 30.0), (None, 0.0, 1440.0), (None, 7.0, 1440.0), (model("vehicle", ignition=ODD["ignition"]), 1.0, 1440.0)],
    ids=["the standard's on", "the standard's off", "no meaning", "a maker's off"],
)
def test_a_terminal_may_be_silent_as_long_as_its_engine_allows(profile: Profile | None, raw: float, limit: float) -> None:
    """JT/T 808's bit means what it means; a model that names its states otherwise is believed."""
    assert seen("vehicle_silent", device("car", "vehicle", profile), "2026-03-11T10:00", {"ignition": raw}).limit == limit


@pytest.mark.parametrize(("raw", "normal"), [(3.0, True), (0.0, False), (8.0, False)], ids=["normal", "fire", "no name"])
def test_stops_count_only_in_a_mode_that_means_normal(raw: float, normal: bool) -> None:  # noqa: FBT001 (a case)
    """A controller that calls 0 fire and 3 normal."""
    group = SITE.elevator_groups[0]
    lift = device(group.cars[0].device, "elevator", model("elevator", mode={0: "fire", 3: "normal"}))
    found = seen("elevator_wrong_stop", lift, "2026-03-11T08:00", {"stops": 9.0, "stops_04": 3.0, "mode": raw})
    assert found.memory is not None
    assert found.memory["look"]["normal"] is normal


@pytest.mark.parametrize("names", [None, {0: "off", 1: "on"}, {0: "正常", 1: "超速"}, {1: "none"}], ids=str)
@pytest.mark.parametrize(("alarm", "excess"), [({"overspeed_alarm": 1.0}, 1.0), ({"overspeed_alarm": 0.0}, -52.0), ({}, -52.0)])
def test_a_terminal_that_says_too_fast_is_believed(alarm: dict[str, float], excess: float, names: dict[int, str] | None) -> None:
    """It may know the road's limit, which the rule does not; where it says nothing, the speed alone counts. Names are for people."""
    car = device("car", "vehicle", None if names is None else model("vehicle", overspeed_alarm=names))
    assert seen("vehicle_speeding", car, "2026-03-11T10:00", {"speed": 80.0} | alarm).excess == pytest.approx(excess)
