"""Seeing without waiting: what rules say of what is known now, and how a device stands."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cloud.alerts.looking import look
from cloud.alerts.observe import Memory
from cloud.alerts.ruleset import SHIPPED, load_rules
from cloud.alerts.view import Newest, load
from contract.clock import iso, parse_time
from tests import commands

if TYPE_CHECKING:
    from tests.cloud.alerts.conftest import House

MINUTE = 60_000
TUESDAY = parse_time("2026-07-21T10:00:00+08:00")
NO_MEMORY: dict[str, Memory] = {}


def ask(house: House, *arguments: str) -> list[str]:
    """What a command prints about the house at its time, line by line."""
    environment = os.environ | {"JIEYUE_DATABASE": str(house.engine.url), "JIEYUE_NOW": iso(house.now)}
    done = commands.run("cloud", *arguments, environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def stuffy(house: House) -> None:
    """Two machines in working hours, one of which somebody has switched off."""
    house.use("c3-fresh-1", "c3-fresh-2")
    house.now = TUESDAY
    house.world.write("c3-fresh-1", "on", 0.0, house.now - MINUTE)
    house.publish()


def test_a_new_rule_is_seen_to_fire_before_it_is_used(house: House, tmp_path: Path) -> None:
    """A rule of an own folder says at once who is beyond its limit and by what; no alert is raised, and nothing is kept."""
    stuffy(house)
    shutil.copy(SHIPPED / "air_co2.yaml", tmp_path / "air_co2.yaml")
    first, second = ask(house, "alerts", "look", "--rules", str(tmp_path))
    assert first.startswith("air_co2: c3-fresh-1 (")
    assert " is beyond: 1" in first
    assert first.endswith(" ppm, limit 1000 ppm; fires after 1800 s of it")
    assert second == "air_co2: 1 beyond, 1 not, 0 unknown"
    assert house.alerts() == []


def test_exempt_subjects_are_not_looked_at(house: House) -> None:
    """As in a round: what the site's files except is neither beyond nor counted."""
    stuffy(house)
    rules = {"air_co2": load_rules()["air_co2"]}
    (found,) = look(house.engine, house.site, rules, house.now)
    assert [one.subject for one, _ in found.beyond] == ["c3-fresh-1"]
    operation = house.site.operation.model_validate({"exemptions": [{"rule": "air_co2", "subjects": ["c3-fresh-1"], "reason": "tried"}]})
    (found,) = look(house.engine, house.site.model_copy(update={"operation": operation}), rules, house.now)
    assert (found.beyond, found.within, found.unknown) == ([], 1, 0)


@pytest.mark.parametrize(
    ("given", "excess", "limit"),
    [
        ("{above: 30}", -6.0, 30.0),
        ("{below: 26.5}", 2.5, 26.5),
        ("{above: 30, below: 20}", -4.0, 20.0),
        ("{above: 23.5, below: 20}", 0.5, 23.5),
        ("{above: 23.5, tolerance: 1}", -0.5, 23.5),
    ],
)
def test_a_value_is_held_against_the_limit_that_it_is_nearest_to(
    given: str, excess: float, limit: float, house: House, tmp_path: Path
) -> None:
    """Of two limits that one counts which is passed, or will be first; a device that said nothing is unknown."""
    house.use("c3-ac-01", "c3-ac-02")
    house.now = TUESDAY
    house.set("c3-ac-02", "silent")
    house.now += MINUTE
    house.publish()
    text = (SHIPPED / "air_co2.yaml").read_text(encoding="utf-8").replace("[meeting_room, fresh_air]", "[hvac]").replace("ppm\n", "degC\n")
    text = text.replace("point: co2", "point: room_temperature").replace("{above: 1000, tolerance: 50}", given)
    (tmp_path / "air_co2.yaml").write_text(text, encoding="utf-8")
    rule = load_rules(tmp_path)["air_co2"]
    seen = load(house.engine, house.site, house.now, rule.reads)
    told = {device: {point: Newest(24.0, one.at) for point, one in points.items()} for device, points in seen.newest.items()}
    view = replace(seen, newest=told)
    observed = {one.subject: one for one in rule.known.observe(rule, rule.numbers, view, NO_MEMORY)}
    assert (observed["c3-ac-01"].excess, observed["c3-ac-01"].value, observed["c3-ac-01"].limit) == (excess, 24.0, limit)
    assert observed["c3-ac-02"].excess is None


def test_why_a_device_is_offline_is_one_command(house: House) -> None:
    """From its id: since when, how its gateway stands, and the alert that says so; then what to do on the gateway."""
    house.use("c1-e-main", "c1-w-main")
    house.now = TUESDAY
    house.evaluator.rules = {name: load_rules()[name] for name in ("device_silent", "gateway_offline")}
    house.run(TUESDAY + 2 * MINUTE)
    assert ask(house, "device", "c1-e-main")[1].startswith("online: its newest good reading is of 2026-07-21T02:01:59.800Z, 0 s ago")
    house.set("c1-e-main", "silent")
    house.run(TUESDAY + 12 * MINUTE)
    about, stands, gateway, alert, last = ask(house, "device", "c1-e-main")
    assert about.endswith("): electricity, gateway gw-c1, bus c1-power")
    assert stands.startswith("offline: its newest good reading is of 2026-07-21T02:01:59.800Z, 600 s ago; it is offline after ")
    assert gateway == "gateway gw-c1: online since 2026-07-21T02:01:00.000Z"
    assert alert.startswith("alert device_silent of c1-e-main since ")
    assert last == "to ask it: jieyue-edge read --config FILE c1-e-main, on its gateway"


def test_a_device_that_is_not_known_is_one_line(house: House) -> None:
    """A slip in the id says where the ids are."""
    environment = os.environ | {"JIEYUE_DATABASE": str(house.engine.url)}
    done = commands.run("cloud", "device", "c1-e-mian", environment=environment)
    assert (done.returncode, done.stdout) == (2, "")
    said = "expected the id of a device of 510802, got 'c1-e-mian'; /api/v1/devices lists them"
    assert done.stderr == f"jieyue-cloud: {said}\n"
