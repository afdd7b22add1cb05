"""What a site's files can say but nothing can be: refused at its line, while what is only unusual stays valid."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.logs import Seldom
from contract.yamlfile import ConfigError
from tests.sites import load, whole

SITE = whole("""\
compounds:
  - {id: c, name: {zh: 院, en: Yard}, buildings: [{id: h, name: {zh: 楼, en: House}, floors: 5, area: 900}]}
  - {id: c2, name: {zh: 院, en: Yard}, buildings: []}
units: [{id: u, name: {zh: 局, en: Bureau}, compound: c, headcount: 5, area: 90}]
gateways: [{id: gw}]
buses:
  - {id: net, gateway: gw, protocol: modbus, host: 10.0.0.1}
  - {id: line, gateway: gw, protocol: modbus, framing: rtu, serial_port: /dev/ttyUSB0, baud: 9600, parity: N, stop_bits: 1}
devices:
  - {id: e, name: {zh: 表, en: Meter}, profile: electricity/chint-dtsu666, bus: net, unit_id: 1, compound: c, building: h}
  - {id: w, name: {zh: 表, en: Meter}, profile: water/kaifeng-xintai, bus: net, unit_id: 2}
  - {id: g, name: {zh: 表, en: Meter}, profile: gas/jieyue-gas-meter, bus: net, unit_id: 3}
  - {id: lift, name: {zh: 梯, en: Lift}, profile: elevator/jieyue-group-controller, bus: net, unit_id: 4}
meters:
  - {id: me, name: {zh: 表, en: Meter}, energy: electricity, device: e, point: energy_import, main: true}
  - {id: mw, name: {zh: 表, en: Meter}, energy: water, device: w, point: volume}
  - {id: mg, name: {zh: 表, en: Meter}, energy: natural_gas, device: g, point: volume}
elevator_groups: [{id: eg, building: h, cars: [{device: lift, parity: odd, served: [1, 3, 5]}], windows: []}]
""")
WATER = "energy: water, device: w"
HOST = "buses.0.host: expected a name or an address, without scheme, port and brackets"
MONTH = "2026-06-01"


def unit(fields: str) -> tuple[str, str]:
    return "headcount: 5, area: 90", fields


FAULTS = [
    *[
        (unit(f"headcount: {people}, area: {area}"), f"9: units.0.{said}")
        for people, area, said in (
            (10**40, 9, "headcount: Input should be less than or equal to 100000000"),
            (10**15, 9, "headcount: Input should be less than or equal to 100000000, got 1000000000000000"),
            (0, 9, "headcount: Input should be greater than or equal to 1, got 0"),
            (9, "1.0e+300", "area: Input should be less than or equal to 1000000000, got 1e+300"),
            (9, "1.0e+20", "area: Input should be less than or equal to 1000000000, got 1e+20"),
            (9, "1.0e-9", "area: Input should be greater than or equal to 0.0001, got 1e-09"),
        )
    ],
    *[
        (unit(f"headcount: 9, area: 9, {fields}"), f"9: units.0.{said}")
        for fields, said in (
            (f"changes: [{{since: {MONTH}, area: 1.0e-9}}]", "changes.0.area: Input should be greater than or equal to 0.0001"),
            (f"changes: [{{since: {MONTH}, headcount: {10**9}}}]", "changes.0.headcount: Input should be less than or equal to 100000000"),
            (
                "changes: [{since: 2018-03-01, headcount: 95}]",
                "changes.0.since: expected a day after 2020-01-01; `since` at the unit says an earlier first day, got '2018-03-01'",
            ),
            ("changes: [{since: 2020-01-01, headcount: 95}]", "changes.0.since: expected a day after 2020-01-01; `since` at"),
            (
                "since: 2015-01-01, changes: [{since: 2014-01-01, headcount: 95}]",
                "changes.0.since: expected a day after 2015-01-01, got '2014-01-01'",
            ),
            ("since: 0", "since: expected a day as YYYY-MM-DD, got 0"),
            ("since: 20260601", "since: expected a day as YYYY-MM-DD, got 20260601"),
            ("since: '0'", "since: expected a day as YYYY-MM-DD, got '0'"),
            ("since: 2026-13-01", "since: Input should be a valid date"),
            ("since: 2101-01-01", "since: expected a day from 1900 to 2100, got '2101-01-01'"),
            ("since: 1899-12-31", "since: expected a day from 1900 to 2100, got '1899-12-31'"),
            ("changes: [{since: 9999-01-01, headcount: 9}]", "changes.0.since: expected a day from 1900 to 2100, got '9999-01-01'"),
        )
    ],
    *[
        (("main: true", f"main: true, {field}: {day}"), f"20: meters.0.{field}: expected a day {said}")
        for field in ("commissioned", "taken_out")
        for day, said in ((0, "as YYYY-MM-DD, got 0"), ("9999-01-01", "from 1900 to 2100, got '9999-01-01'"))
    ],
    (("baud: 9600", "baud: 0"), "13: buses.1.baud: Input should be greater than 0, got 0"),
    (("baud: 9600", "baud: -9600"), "13: buses.1.baud: Input should be greater than 0, got -9600"),
    (("host: 10.0.0.1", "host: '10.0.0.1:502'"), f"12: {HOST}, got '10.0.0.1:502'"),
    (("host: 10.0.0.1", "host: 'tcp://10.0.0.1'"), f"12: {HOST}, got 'tcp://10.0.0.1'"),
    (("host: 10.0.0.1", "host: ''"), f"12: {HOST}, got ''"),
    (("host: 10.0.0.1", "host: '[::1]'"), f"12: {HOST}, got '[::1]'"),
    (("host: 10.0.0.1", "host: '10.0.0.1 '"), f"12: {HOST}, got '10.0.0.1 '"),
    (("host: 10.0.0.1", f"host: {'a' * 64}.local"), "12: buses.0.host: expected parts of 1 to 63 signs between the dots, 253 together"),
    (("host: 10.0.0.1", f"host: {'.'.join(['a' * 60] * 5)}"), "12: buses.0.host: expected parts of 1 to 63 signs between the dots"),
    (("host: 10.0.0.1", "host: '-'"), "12: buses.0.host: expected parts of 1 to 63 signs between the dots, 253 together, none with - at"),
    (("host: 10.0.0.1", "host: 256.1.1.1"), "12: buses.0.host: expected an IPv4 address of four numbers from 0 to 255, without zeros"),
    (("host: 10.0.0.1", "host: '10.1'"), "12: buses.0.host: expected an IPv4 address of four numbers from 0 to 255, without zeros"),
    (("host: 10.0.0.1", "host: \uff11\uff12\uff17.0.0.1"), "12: buses.0.host: expected a name or an address in ordinary signs"),
    (("host: 10.0.0.1", "host: 10.0.0.1, keep_alive: 0.0001"), "12: buses.0.keep_alive: Input should be greater than or equal to 0.001"),
    (("latitude: 32.4", "latitude: 200"), "4: latitude: Input should be less than or equal to 90, got 200"),
    (("longitude: 105.8", "longitude: -181"), "5: longitude: Input should be greater than or equal to -180, got -181"),
    (("unit_id: 1,", "unit_id: 1, interval: 0.000001,"), "15: devices.0.interval: Input should be greater than or equal to 0.001, got"),
    (("unit_id: 1,", "unit_id: 1, ct: 1.0e+30,"), "15: devices.0.ct: Input should be less than or equal to 1000000, got 1e+30"),
    (("unit_id: 1,", "unit_id: 1, pt: 1.0e-300,"), "15: devices.0.pt: Input should be greater than or equal to 0.000001, got 1e-300"),
    (("building: h}", "building: h, floor: 60}"), "15: devices.0.floor: expected at most 5, as many as h has, got 60"),
    (("compound: c, building: h}", "compound: c2, building: h}"), "15: devices.0.building: expected a house of c2; this one stands in c"),
    (("served: [1, 3, 5]", "served: [1, 7]"), "23: elevator_groups.0.cars.0.served: expected at most 5, as many as h has, got 7"),
    (("building: h, cars", "common_floors: [6], building: h, cars"), "23: elevator_groups.0.common_floors: expected at most 5"),
    ((WATER, "energy: water"), "21: meters.1.point: expected a device beside it; a meter that is fed by hand has neither, got 'volume'"),
    (
        (WATER, "energy: natural_gas, device: w"),
        "21: meters.1.energy: expected water or petrol or diesel, since w is of class water, got 'natural_gas'",
    ),
    (("energy: natural_gas", "energy: water"), "22: meters.2.energy: expected natural_gas, since g is of class gas, got 'water'"),
    (("energy: electricity", "energy: heat"), "20: meters.0.energy: expected electricity, since e is of class electricity, got 'heat'"),
    (
        ("device: e, point: energy_import", "device: lift, point: stops"),
        "20: meters.0.point: expected a counter in Wh or kWh or MWh, got 'stops'",
    ),
    (
        ("main: true", "main: true, commissioned: 2026-06-01, taken_out: 2026-06-01"),
        "20: meters.0.taken_out: expected a day after commissioned (2026-06-01), got '2026-06-01'",
    ),
    *[
        (("main: true", f"main: true, {field}: {value}"), f"20: meters.0.{field}: expected a {what} from {least} to {most}, which")
        for field, what, values, least, most in (
            ("modulus", "modulus", ("18446744073709551616", "0.0001"), "0.001", "9.22e+15"),
            ("max_rate", "rate", ("1.0e+30", "1.0e-9"), "0.001", "9.22e+15"),
            ("rated", "rating", ("5.0e+15", "0.0001"), "0.0005", "4.61e+15"),
        )
        for value in values
    ],
]  # fmt: skip


@pytest.mark.parametrize(("change", "fault"), FAULTS)
def test_what_cannot_be_is_refused_at_its_line(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    """One line with file, line, field and what was expected, where the wrong number or word was taken before."""
    load(tmp_path, SITE)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, SITE, change)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path}/site.yaml:{fault}")
    assert "\n" not in said


@pytest.mark.parametrize(
    "change",
    [
        ("host: 10.0.0.1", "host: '2001:db8::1'"),
        ("host: 10.0.0.1", "host: 'fe80::1%eth0'"),
        ("host: 10.0.0.1", "host: serial_server-1.intern.例子."),
        ("host: 10.0.0.1", f"host: {'a' * 63}.local"),
        ("host: 10.0.0.1", "host: '::1'"),
        ("baud: 9600", "baud: 300"),
        ("unit_id: 1,", "unit_id: 1, interval: 0.05, ct: 0.1, pt: 2200,"),
        ("latitude: 32.4", "latitude: -90"),
        ("building: h}", "building: h, floor: 5}"),
        ("building: h}", "building: h, floor: -1}"),
        ("compound: c, building: h}", "building: h}"),
        (WATER, "energy: diesel, device: w"),
        (WATER + ", point: volume", "energy: water"),
        ("main: true", "main: true, commissioned: 2026-06-01, taken_out: 2026-06-02"),
        ("main: true", "main: true, modulus: 42949672.96, max_rate: 0.5, rated: 0.01"),
    ],
)
def test_what_is_only_unusual_stays_valid(tmp_path: Path, change: tuple[str, str]) -> None:
    """IPv6, an old baud rate, a cellar, a fuel meter of class water, two days of counting."""
    assert len(load(tmp_path, SITE, change).meters) == 3


@pytest.mark.parametrize("name", ["meters.yml", "meters.YAML", "meters.json", ".meters.yml"])
def test_a_file_that_would_be_ignored_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """With its meters in it the site was entered without any."""
    begin = SITE.index("meters:")
    (tmp_path / name).write_text(SITE[begin : SITE.index("elevator_groups")], encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, SITE, (SITE[begin : SITE.index("elevator_groups")], ""))
    assert str(caught.value) == f"{tmp_path / name}: expected a name that ends with .yaml; no other file is read"


def test_what_lies_beside_a_site_may_stay(tmp_path: Path) -> None:
    """A schema for an editor, a picture, a note and a folder are no parts of a site."""
    for name in ("site.schema.json", "map.png", "README.md", "site.yaml~"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "old.yml").mkdir()
    assert len(load(tmp_path, SITE).meters) == 3


def test_a_modulus_of_a_profile_must_fit_the_ledger_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told at the meter that counts by it."""
    own = tmp_path / "profiles" / "water" / "endless.yaml"
    own.parent.mkdir(parents=True)
    points = "points: {volume: {address: 0, type: uint32, unit: m3, kind: counter, modulus: 1.0e+19}}"
    own.write_text(f"maker: m\nmodel: m\nclass: water\nprotocol: modbus\nsources: [s]\n{points}\n", encoding="utf-8")
    monkeypatch.setenv("JIEYUE_PROFILES", str(own.parents[1]))
    (tmp_path / "site").mkdir()
    with pytest.raises(ConfigError, match=r"site\.yaml:21: meters\.1\.point: expected a modulus from 0\.001 to 9\.22e\+15, which"):
        load(tmp_path / "site", SITE, ("water/kaifeng-xintai", "water/endless"))


def test_the_same_news_is_told_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, then not before its time; other news does not wait for it."""
    now = iter([5.0, 6.0, 64.0, 65.0])
    monkeypatch.setattr("contract.logs.time.monotonic", lambda: next(now))
    seldom = Seldom(60.0)
    assert [seldom.news(what) for what in ("a", "b", "a", "a")] == [True, True, False, True]
