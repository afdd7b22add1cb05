"""Lines with two masters, serial settings that nobody follows, and devices used as what they are not: refused at their line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import yamlfile
from contract.site import Bus, load_site
from contract.sitefolder import shipped_site
from contract.wiring import shared, unlike_settings
from tests.sites import load, whole

SITE = whole("""\
compounds: [{id: c, name: {zh: 院, en: Yard}, buildings: [{id: h, name: {zh: 楼, en: House}, floors: 3, area: 90}]}]
units: []
gateways: [{id: gw}, {id: other}]
buses:
  - {id: one, gateway: gw, protocol: modbus, host: 127.0.0.1, port: 502}
  - {id: two, gateway: gw, protocol: modbus, host: 10.0.0.2, port: 502}
devices:
  - {id: em, name: {zh: 表, en: Meter}, profile: electricity/chint-dtsu666, bus: one, unit_id: 1}
  - {id: ac, name: {zh: 空调, en: Switch}, profile: hvac/beca-bac-002aln, bus: two, unit_id: 1}
  - {id: car, name: {zh: 梯, en: Car}, profile: elevator/jieyue-group-controller, bus: two, unit_id: 2}
zones: [{id: z, name: {zh: 区, en: Zone}, device: ac}]
elevator_groups: [{id: g, building: h, windows: [], cars: [{device: car, parity: all, served: [1, 2]}]}]
""")
SERIAL = "framing: rtu, serial_port: /dev/ttyUSB0"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ([("10.0.0.2", "127.0.0.1")], "11: buses.1.port: expected a port that no other bus of gw has; one is there, got 502"),
        ([("10.0.0.2", "localhost")], "11: buses.1.port: expected a port that no other bus of gw has; one is there"),
        ([("10.0.0.2", '"::1"')], "11: buses.1.port: expected a port that no other bus of gw has; one is there"),
        ([("10.0.0.2", "SERVER."), ("127.0.0.1", "server")], "11: buses.1.port: expected a port that no other bus of gw has; one is there"),
        ([("host: 10.0.0.2", "framing: rtu_over_tcp, host: 127.0.0.1")], "11: buses.1.port: expected a port that no other bus of gw has"),
        (
            [("host: 127.0.0.1, port: 502", SERIAL), ("host: 10.0.0.2, port: 502", SERIAL)],
            "11: buses.1.serial_port: expected a serial_port that no other bus of gw has; one is there, got '/dev/ttyUSB0'",
        ),
        (
            [("host: 127.0.0.1, port: 502", SERIAL), ("host: 10.0.0.2, port: 502", SERIAL.replace("/tty", "//./tty"))],
            "11: buses.1.serial_port: expected a serial_port that no other bus of gw has",
        ),
        ([("device: ac", "device: em")], "16: zones.0.device: expected a device of a room; its profile has none of on, setpoint, room_te"),
        ([("{device: car", "{device: em")], "17: elevator_groups.0.cars.0.device: expected an elevator; its profile has no point floor"),
        ([("device: ac}]", "device: ac}, {id: z, name: {zh: 区, en: Zone}, device: ac}]")], "16: zones.1.id: stands twice"),
        ([("profile: hvac/beca-bac-002aln", "profile: hvac/beca")], "JIEYUE_PROFILES names a folder with models of your own"),
        ([("bus: one, unit", "bus: onee, unit")], "13: devices.0.bus: expected the id of a bus, got 'onee'; nearest is one"),
    ],
)
def test_a_site_that_cannot_work_is_refused_at_its_line(tmp_path: Path, changes: list[tuple[str, str]], fault: str) -> None:
    """The same place by any of its names, and a zone, a lift or a name that is none."""
    load(tmp_path, SITE)
    with pytest.raises(yamlfile.ConfigError) as caught:
        load(tmp_path, SITE, *changes)
    assert fault in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/site.yaml:")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        [("10.0.0.2, port: 502", "127.0.0.1, port: 503")],
        [("two, gateway: gw", "two, gateway: other"), ("10.0.0.2", "127.0.0.1")],
        [("10.0.0.2", "127.0.0.2")],
    ],
)
def test_lines_that_are_two_are_two(tmp_path: Path, changes: list[tuple[str, str]]) -> None:
    """Another port, another machine's own address, another address of one machine."""
    assert list(shared(load(tmp_path, SITE, *changes).buses, str)) == []


def bus(number: int, **fields: object) -> Bus:
    return Bus.model_validate({"id": f"b{number}", "gateway": "g", "protocol": "modbus"} | fields)


def pairs(*buses: Bus) -> list[tuple[str, str]]:
    return [(a.id, b.id) for a, b in shared(buses, str)]


def test_a_broker_has_room_for_many_and_a_listener_has_not() -> None:
    """Two buses at one broker are two clients; two listeners on one port are one too many, also where one listens everywhere."""
    assert pairs(bus(1, protocol="mqtt", port=1883), bus(2, protocol="mqtt", port=1883)) == []
    assert pairs(bus(1, protocol="jt808", host="::", port=6808), bus(2, protocol="jt808", port=6808)) == [("b2", "b1")]
    assert pairs(bus(1, protocol="jt808", host="10.0.0.1", port=6808), bus(2, protocol="jt808", host="10.0.0.2", port=6808)) == []
    assert pairs(bus(1, protocol="jt808", port=0), bus(2, protocol="jt808", port=0)) == []
    assert pairs(bus(1, protocol="jt808", port=6808), bus(2, port=6808)) == []


def test_two_protocols_may_be_spoken_on_one_serial_port() -> None:
    """Where both drivers take turns; two buses of one protocol have one master, and a server in the network is nobody's to share."""
    one, two = (bus(n, framing="rtu", serial_port="/dev/ttyS1") for n in (1, 2))
    assert pairs(one, two) == [("b2", "b1")]
    assert pairs(one, two.model_copy(update={"protocol": "other"})) == []
    far, other = (bus(n, framing="rtu_over_tcp", port=4001) for n in (1, 2))
    assert pairs(far, other.model_copy(update={"protocol": "other"})) == [("b2", "b1")]


@given(st.lists(st.tuples(st.sampled_from(["localhost", "127.0.0.1", "::1", "a", "A", "10.0.0.1"]), st.integers(1, 2)), max_size=8))
def test_each_place_has_one_bus_that_is_not_told(ends: list[tuple[str, int]]) -> None:
    """However often a place is named, the first bus there stands and every later one is told, with the first as the reason."""
    names = {"localhost": "here", "127.0.0.1": "here", "::1": "here", "A": "a"}
    places = [(names.get(host, host), port) for host, port in ends]
    buses = [bus(i, host=host, port=port) for i, (host, port) in enumerate(ends)]
    expected = [(f"b{i}", f"b{places.index(place)}") for i, place in enumerate(places) if places.index(place) < i]
    assert pairs(*buses) == expected


OWN = """\
maker: Own
model: M
class: water
protocol: modbus
sources: [a book]
serial: {baud: 2400, parity: E, stop: 1}
points: {flow: {address: 0, unit: m3/h}}
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model that is asked at 2400 8E1."""
    (tmp_path / "profiles" / "water").mkdir(parents=True)
    (tmp_path / "profiles" / "water" / "own.yaml").write_text(OWN, encoding="utf-8")
    monkeypatch.setenv("JIEYUE_PROFILES", str(tmp_path / "profiles"))
    return tmp_path


def test_serial_settings_that_nobody_stated_are_the_profiles(own: Path) -> None:
    """A line that would be asked at 9600 8N1, though its device's profile says 2400 8E1, is refused; stated settings are a decision."""
    changes = [("host: 127.0.0.1, port: 502", SERIAL), ("electricity/chint-dtsu666", "water/own")]
    with pytest.raises(yamlfile.ConfigError) as caught:
        load(own, SITE, *changes)
    said = "as the profile of em says, or what the devices are set to; got none, which is"
    assert str(caught.value).splitlines() == [
        f"{own}/site.yaml:10: buses.0.baud: expected 2400, {said} 9600",
        f"{own}/site.yaml:10: buses.0.parity: expected E, {said} N",
    ]
    assert list(unlike_settings(load(own, SITE, (changes[0][0], f"{SERIAL}, baud: 2400, parity: E"), changes[1]))) == []
    other = load(own, SITE, (changes[0][0], f"{SERIAL}, baud: 9600, parity: N"), changes[1])
    assert [(u.field, u.asked, u.said, u.device.id) for u in unlike_settings(other)] == [
        ("baud", 9600, 2400, "em"),
        ("parity", "N", "E", "em"),
    ]


def test_a_fault_of_a_profile_is_said_once(own: Path) -> None:
    """Two devices of one wrong model: one line a fault, at the first device."""
    path = own / "profiles" / "water" / "own.yaml"
    path.write_text(OWN.replace("class: water", "class: watre").replace("flow:", "flw:"), encoding="utf-8")
    second = "  - {id: em2, name: {zh: 表, en: Meter}, profile: water/own, bus: one, unit_id: 2}\nzones"
    with pytest.raises(yamlfile.ConfigError) as caught:
        load(own, SITE, ("electricity/chint-dtsu666", "water/own"), ("zones", second))
    lines = str(caught.value).splitlines()
    assert len(lines) == 1
    assert (
        f"site.yaml:13: devices.0.profile: expected a profile that loads ({path}:3: class: expected one of electricity, water" in lines[0]
    )
    assert "got 'watre'; nearest is water" in lines[0]


def test_the_shipped_site_is_wired_right() -> None:
    """No shared line, and no serial line set otherwise than its devices."""
    site = load_site(shipped_site("lizhou"))
    assert list(shared(site.buses, str)) == []
    assert list(unlike_settings(site)) == []
