from __future__ import annotations

import re
from pathlib import Path

import pytest

from cloud.alerts import ruleset
from cloud.alerts.observe import CONDITIONS, condition
from cloud.alerts.ruleset import SHIPPED, check_exemptions, load_rules
from contract.operation import Exemption
from contract.site import load_site
from contract.sitefolder import shipped_site
from contract.yamlfile import ConfigError

GOOD = """\
id: mine
severity: warning
condition: runs_outside_hours
classes: [hvac]
point: "on"
fire_after: 15min
basis: ours
title: {zh: 题, en: title}
detail: {zh: "{name}", en: "{name}"}
"""
_SPEEDING = "condition: speeding\nclasses: [vehicle]\npoint: speed\nunit: km/h"
_ALONE = "without format, conversion, attribute or index"
WRONG = {
    'point: "on"': [
        ("point: onn", 5, "point: no such point; expected a name of contract/point.py, got 'onn'"),
        ("point: setpoint", 5, "point: expected lights, on, screen, which runs_outside_hours looks at, got 'setpoint'"),
        ("point: lights", 5, "point: expected a point that a profile of class hvac has, got 'lights'"),
        ('point: "on"\nunit: degC', 6, "unit: expected 1: nothing converts the values, got 'degC'"),
        ('point: "on"\nunit: furlong', 6, "unit"),
    ],
    "classes: [hvac]": [
        ("classes: [boiler]", 4, "classes.0: no such device class; expected one of electricity, elevator, fresh_air, gas, gateway")
    ],
    "condition: runs_outside_hours": [
        ("condition: guess", 3, "condition: no such condition; expected one of "),
    ],
    'condition: runs_outside_hours\nclasses: [hvac]\npoint: "on"': [
        (f"{_SPEEDING}\ngiven: {{limit: fast, more: 0}}", 7, "given.limit: Input should be a valid number"),
        (f"{_SPEEDING}\ngiven: {{limit: 120}}", 7, "given.more: Field required"),
    ],
    "fire_after: 15min": [("fire_after: 15", 6, "fire_after: expected a duration such as 30s, 15min, 2h or 1d, got 15")],
    "severity: warning": [("severity: loud", 2, "severity: Input should be 'info', 'warning' or 'critical', got 'loud'")],
    "basis: ours": [("basis: ours\nunknown: 1", 8, "unknown: Extra inputs are not permitted")],
    "id: mine": [("id: other", 1, "id: expected 'mine', the name of the file, got 'other'")],
    'detail: {zh: "{name}", en: "{name}"}': [
        ('detail: {zh: "{name}", en: "{nam}"}', 9, "detail.en: no such word; expected one of limit, name, unit, value, got 'nam'"),
        ('detail: {zh: "{name", en: "{name}"}', 9, "detail.zh: expected words in braces"),
        *[
            (f'detail: {{zh: "{{name}}", en: "{field}"}}', 9, f"detail.en: expected words alone in braces, {_ALONE}, got '{field}'")
            for field in ("{value:.1f}", "{value:zz}", "{value:{limit}}", "{name!r}", "{name.upper}", "{name[0]}")
        ],
        ('detail: {zh: "{}", en: "{name}"}', 9, "detail.zh: no such word; expected one of limit, name, unit, value, got ''"),
    ],
}


def test_all_shipped_rules_load_and_say_where_they_come_from() -> None:
    """Each has a basis and texts in both languages that are not the same."""
    rules = load_rules()
    assert len(rules) == len(list(SHIPPED.glob("*.yaml"))) >= 18
    for rule in rules.values():
        assert len(rule.basis) > 20
        assert re.search("[一-鿿]", rule.title.zh + rule.detail.zh)
        assert not re.search("[一-鿿]", rule.title.en + rule.detail.en)


@pytest.mark.parametrize(("line", "instead", "number", "said"), [(line, *case) for line, cases in WRONG.items() for case in cases])
def test_a_wrong_rule_is_refused_with_its_line(line: str, instead: str, number: int, said: str, tmp_path: Path) -> None:
    """The fault names file, line, field and what was expected; nothing is loaded."""
    assert line in GOOD
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD.replace(line, instead), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_rules(tmp_path)
    assert str(refused.value).startswith(f"{file}:{number}: {said}"), str(refused.value)


NEVER = {
    "air_co2": [
        ("{above: 1000, tolerance: 50}", "{}", 7, "given: expected above, below or both"),
        ("{above: 1000, tolerance: 50}", "{above: 1000, below: 1000}", 7, "given.below: expected less than above (1000)"),
        ("tolerance: 50", "tolerance: -1", 7, "given.tolerance: Input should be greater than or equal to 0"),
        ("point: co2", "point: occupied", 5, "point: expected "),
    ],
    "after_hours": [
        ("classes: [hvac, fresh_air]", "classes: []", 4, "classes: expected at least one class of devices, since"),
        ('point: "on"\n', "", 1, "point: expected lights, on, screen, which runs_outside_hours looks at, got None"),
        ("fire_after: 15min", "fire_after: 99999999999999d", 6, "fire_after: expected a duration of at most 366d"),
        ("fire_after: 15min", "hysteresis: .inf", 6, "hysteresis: Input should be a finite number"),
    ],
    "clock_fault": [
        ("within: 10min", "within: 3d", 4, "given.within: expected more than 0s and at most 2d"),
        ("within: 10min", "within: 0s", 4, "given.within: expected more than 0s and at most 2d"),
        ("given:", "classes: [hvac]\ngiven:", 4, "classes: expected none, since recorded does not look at classes"),
        ("given:", "point: volume\ngiven:", 4, "point: expected none, since recorded looks at no point that a rule names, got 'volume'"),
    ],
    "hvac_room_temperature": [
        ("cooling: 26", "cooling: .nan", 8, "given.cooling: Input should be a finite number"),
        ("cooling: 26", "cooling: 299", 8, "given.cooling: Input should be less than or equal to 50"),
        ("classes: [hvac]", "classes: [hvac, water]", 4, "classes.1: expected a class with on, which season_limit judges by, got 'water'"),
        ("unit: degC\n", "", 1, "unit: expected degC: nothing converts the values, got '1'"),
    ],
    "meter_stuck": [
        (
            "[electricity, water, gas]",
            "[hvac]",
            4,
            "classes.0: expected a class with energy_import and power or flow and volume, which stuck judges by, got 'hvac'",
        ),
        ("hole: 15min", "hole: 0s", 5, "given.hole: Input should be greater than 0"),
    ],
    "night_water": [
        ("first: 1, last: 5", "first: 5, last: 1", 5, "given.last: expected an hour after first (5), got 1"),
        ("unit: m3", "unit: kWh", 4, "unit: expected m3: nothing converts the values, got 'kWh'"),
        ("unit: m3", "unit: L", 4, "unit: expected m3: nothing converts the values, got 'L'"),
    ],
    "target_missed": [("look_back: 31", "look_back: 0", 6, "given.look_back: expected 1 to 365: a target is missed only when")],
    "vehicle_speeding": [("point: speed", "point: course", 5, "point: expected speed, which speeding looks at, got 'course'")],
}


@pytest.mark.parametrize(("rule", "old", "instead", "number", "said"), [(rule, *case) for rule, cases in NEVER.items() for case in cases])
def test_a_rule_that_could_never_or_always_fire_is_refused(
    rule: str, old: str, instead: str, number: int, said: str, tmp_path: Path
) -> None:
    """One slip in a shipped rule is named by file, line, field and what the condition needs, not found in a year."""
    shipped = (SHIPPED / f"{rule}.yaml").read_text(encoding="utf-8")
    assert shipped.count(old) == 1
    file = tmp_path / f"{rule}.yaml"
    file.write_text(shipped.replace(old, instead), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_rules(tmp_path)
    assert str(refused.value).startswith(f"{file}:{number}: {said}"), str(refused.value)


def test_every_wrong_file_is_named_at_once(tmp_path: Path) -> None:
    """Who mends rules sees all that is wrong, not one file a try."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(GOOD.replace("id: mine", f"id: {name}").replace("[hvac]", "[boiler]"), encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_rules(tmp_path)
    assert [Path(line.split(":")[0]).name for line in str(refused.value).splitlines()] == ["one.yaml", "two.yaml"]


def test_no_rules_are_a_fault(tmp_path: Path) -> None:
    """An empty or missing folder does not mean that nothing is to be watched."""
    for folder, said in ((tmp_path, "no [*].yaml in it"), (tmp_path / "none", "no such folder")):
        with pytest.raises(ConfigError, match=said):
            load_rules(folder)


def test_a_condition_has_one_place() -> None:
    """A second function of the same name is refused when it is registered."""
    with pytest.raises(ValueError, match=r"'silent' is claimed by cloud[.]alerts[.]conditions[.]line and"):
        condition("silent")(CONDITIONS["silent"].observe)
    assert {rule.condition for rule in load_rules().values()} == set(CONDITIONS)


@pytest.mark.parametrize(
    ("rule", "subject", "said"),
    [("hvac", "c3-ac-01", "0.rule: expected the id of a rule, got 'hvac'"), ("after_hours", "c3-ac-1", "0.subjects")],
)
def test_an_exemption_that_excepts_nothing_is_refused(rule: str, subject: str, said: str) -> None:
    """A slip in the site's file is not found in a year."""
    site = load_site(shipped_site("lizhou"))
    exemption = Exemption(rule=rule, subjects=[subject], reason="archive")
    site = site.model_copy(update={"operation": site.operation.model_copy(update={"exemptions": [exemption]})})
    with pytest.raises(ConfigError, match=said):
        check_exemptions(site, load_rules())


def test_the_classes_are_those_of_the_profiles() -> None:
    """A rule may name every class that a device can have, and gateways."""
    assert set(ruleset._profiles()) >= {"hvac", "elevator", "electricity", "water", "gas", "vehicle", "fresh_air", "gateway"}
