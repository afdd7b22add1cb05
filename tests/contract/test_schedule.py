"""A schedule that could never run, or that two people would read differently, is refused at its line."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from contract.site import load_site
from contract.sitefolder import shipped_site
from contract.yamlfile import ConfigError
from tests.sites import load, whole

ROOT = Path(__file__).resolve().parents[2]
SITE = whole("""\
compounds: []
units: []
gateways: [{id: gw}]
buses: [{id: b, gateway: gw, protocol: modbus, port: 1}]
devices:
  - {id: ac, name: {zh: 空调, en: Switch}, profile: hvac/beca-bac-002aln, bus: b, unit_id: 1}
  - {id: ac2, name: {zh: 空调, en: Switch}, profile: hvac/beca-bac-002aln, bus: b, unit_id: 2}
  - {id: em, name: {zh: 表, en: Meter}, profile: electricity/chint-dtsu666, bus: b, unit_id: 3}
schedules:
  - id: one
    name: {zh: 一, en: One}
    devices: [ac]
    effective: {start: 2026-01-01}
    season: {start: "05-01", end: "09-30"}
    weekly:
      - days: workdays
        between:
          - {start: "08:00", end: "12:00", values: {"on": 1, setpoint: 26}}
          - {start: "13:00", end: "18:00", values: {"on": 1, setpoint: 27}}
      - {days: [sat, sun], between: [{start: "22:00", end: "02:00", values: {fan: 1}}]}
    exceptions:
      - {start: 2026-06-10, end: 2026-06-12, reason: inspection, spans: [{start: "09:00", end: "10:00", values: {"on": 1}}]}
      - {start: 2026-06-20, reason: repair}
    default: {"on": 0}
    lead: {start: 30, stop: 20}
  - {id: two, name: {zh: 二, en: Two}, devices: [ac2], default: {"on": 0}}
""")
_FIRST, _SECOND = (
    '{start: "08:00", end: "12:00", values: {"on": 1, setpoint: 26}}',
    '{start: "13:00", end: "18:00", values: {"on": 1, setpoint: 27}}',
)
_NIGHT = '{start: "22:00", end: "02:00", values: {fan: 1}}'
_REPAIR = "{start: 2026-06-20, reason: repair}"
_HOUR = '{start: "08:00", end: "09:00", values: {"on": 1}}'
_LATE, _EARLY = '{start: "23:00", end: "01:00", values: {fan: 1}}', '{start: "00:00", end: "02:00", values: {fan: 0}}'
_LATER, _EARLIER = '{start: "13:00", end: "18:00", values: {"on": 1}}', '{start: "08:00", end: "12:31", values: {"on": 0}}'
_WHOLE, _NEXT = '{start: "23:55", end: "23:55", values: {"on": 1}}', '{start: "00:20", end: "01:00", values: {"on": 0}}'
_TWO = 'devices: [ac2], default: {"on": 0}'


def test_a_whole_schedule_loads(tmp_path: Path) -> None:
    """What stands in the file is in the model; a single word for days is a list of one."""
    one, two = load(tmp_path, SITE).schedules
    assert [span.days for span in one.weekly] == [["workdays"], ["sat", "sun"]]
    assert one.weekly[1].between[0].minutes == (22 * 60, 26 * 60)
    assert (set(one.points), set(two.points)) == ({"on", "setpoint", "fan"}, {"on"})
    assert (one.policy, one.lead.start, one.lead.stop, one.exceptions[1].last.isoformat()) == ("until_next", 30, 20, "2026-06-20")


REFUSED = {
    "an unknown device": (
        "devices: [ac]",
        "devices: [acc]",
        "site.yaml:17: schedules.0.devices.0: expected the id of a device, got 'acc'; nearest",
    ),
    "a device twice": ("devices: [ac]", "devices: [ac, ac]", "site.yaml:17: schedules.0.devices.1: stands twice"),
    "an id twice": (
        "id: two",
        "id: one",
        "site.yaml:31: schedules.1.id: stands twice; expected an id that no other schedule has, got 'one'",
    ),
    "a word that is no day": (
        "days: workdays",
        "days: workday",
        "site.yaml:21: schedules.0.weekly.0.days.0: Input should be 'workdays', 'days_off'",
    ),
    "a time that no day has": (
        'start: "08:00"',
        'start: "8:00"',
        "site.yaml:23: schedules.0.weekly.0.between.0.start: String should match",
    ),
    "no value": (
        "values: {fan: 1}",
        "values: {}",
        "site.yaml:25: schedules.0.weekly.1.between.0.values: Dictionary should have at least 1 item",
    ),
    "a value that is yes": ("values: {fan: 1}", "values: {fan: yes}", "schedules.0.weekly.1.between.0.values: expected a number or a text"),
    "a point that the device has not": (
        "values: {fan: 1}",
        "values: {fans: 1}",
        "site.yaml:25: schedules.0.weekly.1.between.0.values.fans: expected a point of ac, got 'fans'; nearest",
    ),
    "a point that cannot be written": (
        "values: {fan: 1}",
        "values: {mode: 1}",
        "schedules.0.weekly.1.between.0.values.mode: expected a point that can be written; mode of ac cannot, got 1.0",
    ),
    "a value that is no state": (
        "values: {fan: 1}",
        "values: {fan: 4}",
        "values.fan: expected one of 0 (auto), 1 (high), 2 (medium), 3 (low) for fan of ac, got 4.0",
    ),
    "a value outside the limits": (
        "setpoint: 27",
        "setpoint: 36",
        "site.yaml:24: schedules.0.weekly.0.between.1.values.setpoint: expected 5 to 35 for setpoint of ac, got 36.0",
    ),
    "a device that cannot be written": (
        _TWO,
        "devices: [em], default: {power: 0}",
        "site.yaml:31: schedules.1.default.power: expected a point that can",
    ),
    "a policy that nobody knows": (
        _TWO,
        'devices: [ac2], default: {"on": 0}, policy: limit',
        "schedules.1.policy: Input should be 'until_next', 'limits' or 'enforce', got 'limit'",
    ),
    "two schedules on one point": (
        _TWO,
        'devices: [ac2, ac], default: {"on": 0}',
        "site.yaml:31: schedules.1.devices.1: expected a device whose on no other schedule has; one has it, on 2026-05-01",
    ),
    "two values at one time": (
        _SECOND,
        '{start: "11:59", end: "18:00", values: {"on": 0}}',
        "site.yaml:24: schedules.0.weekly.0.between.1.values.on: expected 1, as weekly.0.between.0 says for a time that both have, got 0.0",
    ),
    "two values at one time if one begins early": (
        _SECOND,
        '{start: "12:29", end: "18:00", values: {"on": 0}}',
        "schedules.0.weekly.0.between.1.values.on: expected 1, as weekly.0.between.0 says",
    ),
    "a night that runs into a day": (
        _NIGHT,
        '{start: "22:00", end: "08:01", values: {"on": 0}}',
        "site.yaml:25: schedules.0.weekly.1.between.0.values.on: expected 1, as weekly.0.between.0 says for a time that both have, got 0.0",
    ),
    "a make-up day": (
        _NIGHT,
        '{start: "17:00", end: "20:00", values: {setpoint: 26}}',
        "schedules.0.weekly.1.between.0.values.setpoint: expected 27, as weekly.0.between.1 says",
    ),
    "a late span that begins early": (
        _TWO,
        f"devices: [ac2], lead: {{start: 30}}, weekly: [{{days: mon, between: [{_LATER}, {_EARLIER}]}}]",
        "schedules.1.weekly.0.between.1.values.on: expected 1, as weekly.0.between.0 says for a time that both have, got 0.0",
    ),
    "a whole day that reaches what begins early two days later": (
        _TWO,
        f"devices: [ac2], lead: {{start: 30}}, weekly: [{{days: mon, between: [{_WHOLE}]}}, {{days: wed, between: [{_NEXT}]}}]",
        "schedules.1.weekly.1.between.0.values.on: expected 1, as weekly.0.between.0 says for a time that both have, got 0.0",
    ),
    "spans that follow each other, torn": (
        _SECOND,
        '{start: "12:00", end: "18:00", values: {fan: 1, "on": 1}}',
        "site.yaml:30: schedules.0.lead.stop: expected 0, since spans follow each other here",
    ),
    "a span that is shorter than what is cut off": (
        _NIGHT,
        '{start: "22:00", end: "22:20", values: {fan: 1}}',
        "site.yaml:25: schedules.0.weekly.1.between.0.end: expected a span longer than lead.stop (20 minutes), got '22:20'",
    ),
    "exceptions on one day": (
        _REPAIR,
        "{start: 2026-06-12, reason: repair}",
        "site.yaml:28: schedules.0.exceptions.1.start: expected days that no other exception has; exceptions.0 has some",
    ),
    "an exception before the schedule begins": (
        _REPAIR,
        "{start: 2025-06-20, reason: repair}",
        "schedules.0.exceptions.1.start: expected a day on which the schedule is effective and in season, got '2025-06-20'",
    ),
    "an exception out of season": (
        _REPAIR,
        "{start: 2026-10-20, reason: repair}",
        "schedules.0.exceptions.1.start: expected a day on which the schedule is effective and in season, got '2026-10-20'",
    ),
    "an exception that ends before it begins": (
        _REPAIR,
        "{start: 2026-06-20, end: 2026-06-19, reason: repair}",
        "schedules.0.exceptions.1.end: expected no day before start (2026-06-20), got '2026-06-19'",
    ),
    "an exception without a reason": (
        _REPAIR,
        "{start: 2026-06-20, reason: ''}",
        "schedules.0.exceptions.1.reason: String should have at least 1",
    ),
    "a period that ends before it begins": (
        "{start: 2026-01-01}",
        "{start: 2026-01-01, end: 2025-12-31}",
        "site.yaml:18: schedules.0.effective.end: expected no day before start (2026-01-01), got '2025-12-31'",
    ),
    "a season that no effective day has": (
        _TWO,
        'devices: [ac2], default: {"on": 0}, effective: {start: 2026-01-01, end: 2026-02-01}, season: {start: "03-01", end: "04-01"}',
        "site.yaml:31: schedules.1.season.start: expected a season that has a day on which the schedule is effective, got '03-01'",
    ),
    "a weekday that no effective day is": (
        _TWO,
        f"devices: [ac2], effective: {{start: 2026-10-05, end: 2026-10-06}}, weekly: [{{days: wed, between: [{_HOUR}]}}]",
        "schedules.1.weekly.0.days: expected a day that the schedule has beside its exceptions",
    ),
    "workdays in a week of holidays": (
        _TWO,
        f"devices: [ac2], effective: {{start: 2026-10-01, end: 2026-10-07}}, weekly: [{{days: workdays, between: [{_HOUR}]}}]",
        "schedules.1.weekly.0.days: expected a day that the schedule has beside its exceptions",
    ),
    "a schedule that says nothing": (
        _TWO,
        "devices: [ac2]",
        "site.yaml:31: schedules.1.default: expected a value here, in weekly or in exceptions",
    ),
    "a lead of half a day": (
        "lead: {start: 30",
        "lead: {start: 720",
        "site.yaml:30: schedules.0.lead.start: Input should be less than or equal to 240",
    ),
}


@pytest.mark.parametrize(("before", "after", "said"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_schedule_is_refused(before: str, after: str, said: str, tmp_path: Path) -> None:
    """One line says file, line, field and what was expected."""
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, SITE, (before, after))
    (line,) = str(refused.value).splitlines()
    assert said in line


def test_limits_need_a_set_point(tmp_path: Path) -> None:
    """A policy that limits set-points is refused where no device has one that can be written."""
    room = "  - {id: em, name: {zh: 表, en: Meter}, profile: electricity/chint-dtsu666, bus: b, unit_id: 3}"
    lift = "  - {id: em, name: {zh: 梯, en: Lift}, profile: elevator/jieyue-group-controller, bus: b, unit_id: 3}"
    with pytest.raises(ConfigError, match=r"schedules\.1\.policy: expected until_next or enforce, since no device of it has a setpoint"):
        load(tmp_path, SITE, (room, lift), (_TWO, "devices: [em], default: {parity: 0}, policy: limits"))


ACCEPTED = {
    "a schedule of another season": (_TWO, 'devices: [ac], season: {start: "10-01", end: "04-30"}, default: {"on": 0}'),
    "a schedule that ended before": (_TWO, 'devices: [ac], effective: {end: 2025-12-31}, default: {"on": 0}'),
    "the same value twice": (_SECOND, '{start: "11:00", end: "18:00", values: {setpoint: 26}}'),
    "spans that follow each other, of other points": (_SECOND, '{start: "12:00", end: "18:00", values: {fan: 1}}'),
    "a night up to the earliest beginning of a day": (_NIGHT, '{start: "22:00", end: "07:30", values: {"on": 0}}'),
    "days off beside workdays": ("days: [sat, sun]", "days: days_off"),
    "a booking of one day with two spans": (
        _REPAIR,
        f"{{start: 2026-06-20, reason: r, spans: [{_LATE}, {_EARLY}]}}",
    ),
}


@pytest.mark.parametrize(("before", "after"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_cannot_be_read_two_ways_is_taken(before: str, after: str, tmp_path: Path) -> None:
    """What is near to a fault and is none."""
    assert len(load(tmp_path, SITE, (before, after)).schedules) == 2


def test_the_example_of_the_documentation_loads(tmp_path: Path) -> None:
    """docs/control.md shows a schedule that the first site takes in the place of its own ones."""
    text = (ROOT / "docs" / "control.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    site = tmp_path / "site"
    shutil.copytree(shipped_site("lizhou"), site)
    (site / "schedules.yaml").write_text(example, encoding="utf-8")
    (schedule,) = load_site(site).schedules
    assert (schedule.id, set(schedule.points), schedule.exceptions[0].reason) == ("offices-cooling", {"on", "setpoint"}, "open day")
