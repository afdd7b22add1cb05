"""Profiles: every shipped one loads, its arithmetic holds, and a wrong one is refused at its line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import schema, yamlfile
from contract.point import POINTS, Kind
from contract.profile import (
    DEVICE_CLASSES,
    FIRMWARE_CONFIGS,
    PointMap,
    Profile,
    engineering,
    load_profile,
    profile_names,
    profiles_root,
    raw,
)
from contract.register import RegisterType
from contract.units import Unit
from protocols.modbus import model as modbus

GOOD = """\
maker: M
model: X
class: hvac
protocol: modbus
sources: [a book]
points:
  setpoint: {address: 3, scale: 0.1, unit: degC, writable: true, limits: {min: 5, max: 35}}
  power: {address: 8, type: int32, unit: kW}
"""
INTEGERS = {RegisterType.UINT16: (0, 0xFFFF), RegisterType.INT16: (-0x8000, 0x7FFF), RegisterType.INT32: (-(2**31), 2**31 - 1)}
TENTH = PointMap(scale=Decimal("0.1"), unit=Unit.CELSIUS)


def registers(profile: Profile) -> modbus.Profile:
    assert isinstance(profile, modbus.Profile)
    return profile


def load(folder: Path, text: str) -> Profile:
    path = folder / "device.yaml"
    path.write_text(text, encoding="utf-8")
    return yamlfile.load(Profile, path)


@pytest.mark.parametrize("name", profile_names())
def test_every_shipped_profile_says_where_it_comes_from(name: str) -> None:
    """A shipped profile loads, stands in the folder of its class, and names sources: a text, or that it is ours."""
    profile = load_profile(name)
    assert name.split("/", maxsplit=1)[0] == profile.device_class
    assert profile.sources[0].startswith("Ours:") == profile.maker.startswith("Jieyue")


@pytest.mark.parametrize("name", profile_names())
def test_no_two_points_share_bits(name: str) -> None:
    """Each bit of each table belongs to at most one point, so a slip in an address cannot read a neighbour."""
    taken: dict[tuple[str, int], str] = {}
    for point, mapped in load_profile(name).points.items():
        if not isinstance(mapped, modbus.Point):
            continue
        bits = [b for b in range(16) if mapped.mask is None or mapped.mask >> b & 1]
        for register in range(mapped.type.registers if mapped.address is not None else 0):
            for bit in bits:
                place = (mapped.table.value, ((mapped.address or 0) + register) * 16 + bit)
                assert taken.setdefault(place, point) == point


@pytest.mark.parametrize("name", profile_names())
def test_an_integer_counter_rolls_over_where_its_register_ends(name: str) -> None:
    """The modulus of a 32-bit counter is 2**32 of its steps; only a ratio of the site may leave it open."""
    for point, mapped in load_profile(name).points.items():
        if POINTS[point].kind is Kind.COUNTER and mapped.type is RegisterType.UINT32:
            assert mapped.modulus == (None if mapped.ratio else float(2**32 * mapped.scale))


def test_the_shipped_profiles_are_those_of_the_first_site() -> None:
    """The list of shipped profiles is known, so that none is lost unseen."""
    assert profile_names() == [
        "electricity/acrel-adl400",
        "electricity/chint-dtsu666",
        "electricity/eastron-sdm630",
        "electricity/jieyue-mqtt-meter",
        "elevator/jieyue-group-controller",
        "fresh_air/jieyue-fresh-air",
        "gas/jieyue-gas-meter",
        "hvac/beca-bac-002aln",
        "meeting_room/jieyue-room-controller",
        "vehicle/emqx-jt808-gateway",
        "vehicle/jtt808-terminal",
        "water/kaifeng-xintai",
    ]


def test_the_air_conditioning_switch_matches_its_published_map() -> None:
    """BAC-002ALN: on 0, fan 1, mode 2, set-point 3 in tenths from 5 to 35, room 8; only on, fan and set-point can be written."""
    profile = registers(load_profile("hvac/beca-bac-002aln"))
    assert {n: profile.points[n].address for n in ("on", "fan", "mode", "setpoint", "room_temperature")} == {
        "on": 0, "fan": 1, "mode": 2, "setpoint": 3, "room_temperature": 8,
    }  # fmt: skip
    assert {n for n, m in profile.points.items() if m.writable} == {"on", "fan", "setpoint"}
    limits = profile.points["setpoint"].limits
    assert limits is not None
    assert (limits.min, limits.max, profile.interval) == (5, 35, 5)


@pytest.mark.parametrize(("register", "shown"), [(260, 26.0), (263, 26.3), (3, 0.3), (0, 0.0)])
def test_tenths_are_the_decimals_that_a_person_reads(register: int, shown: float) -> None:
    """260 in tenths is exactly 26.0 and 263 is 26.3, not 26.300000000000004."""
    assert engineering(register, TENTH, "setpoint") == shown
    assert raw(shown, TENTH, "setpoint") == register


def test_ratios_make_a_secondary_side_primary() -> None:
    """5 A and 0.4 kW behind 300/5 A and 10/0.1 kV transformers are 300 A and 2400 kW; an unratioed value stays."""
    current = PointMap(scale=Decimal("0.01"), unit=Unit.AMPERE, ratio="ct")
    power = PointMap(type=RegisterType.INT32, scale=Decimal("0.001"), unit=Unit.KILOWATT, ratio="ct_pt")
    assert engineering(500, current, "current_a", ct=60, pt=100) == 300.0
    assert engineering(400, power, "power", ct=60, pt=100) == 2_400_000.0
    assert engineering(2300, PointMap(scale=Decimal("0.1"), unit=Unit.VOLT), "voltage_a", ct=60, pt=100) == 230.0


@given(
    st.sampled_from(list(INTEGERS)).flatmap(lambda kind: st.tuples(st.just(kind), st.integers(*INTEGERS[kind]))),
    st.sampled_from(["0.001", "0.01", "0.1", "0.5", "1", "10", "0.0198"]),
    st.sampled_from([1.0, 15.0, 60.0, 300.0]),
)
def test_a_register_survives_the_way_to_a_reading_and_back(number: tuple[RegisterType, int], scale: str, ct: float) -> None:
    """Raw to engineering to raw is the same register value, for every integer type, scale and ratio."""
    mapped = PointMap(type=number[0], scale=Decimal(scale), unit=Unit.KILOWATT, ratio="ct")
    assert raw(engineering(number[1], mapped, "power", ct=ct), mapped, "power", ct=ct) == number[1]


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 6))
def test_a_reading_is_the_double_nearest_to_the_decimal(number: int, places: int) -> None:
    """A decimal scale gives the double that the printed decimal itself parses to."""
    scale = Decimal(1).scaleb(-places)
    mapped = PointMap(type=RegisterType.INT32, scale=scale, unit=Unit.WATT)
    assert engineering(number, mapped, "power") == float(number * scale)


def test_a_good_profile_loads(tmp_path: Path) -> None:
    """The text that the next test spoils is right as it stands."""
    assert registers(load(tmp_path, GOOD)).points["setpoint"].address == 3


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("  power:", "  horse_power:", ":8: points.horse_power: no such point; expected a name of contract/point.py, got 'horse_power'"),
        (
            "address: 8",
            "address: 0010",
            ':8: points.power.address: expected 10, or "0010" in quotes for a text; YAML reads 0010 as octal, 8',
        ),
        (
            "  power:",
            "  powr:",
            ":8: points.powr: no such point; expected a name of contract/point.py, got 'powr'; nearest are power, power_c, power_b",
        ),
        (
            "class: hvac",
            "class: electric",
            ":3: class: expected one of electricity, water, gas, heat, hvac, fresh_air, meeting_room, elevator, vehicle, got 'electric'",
        ),
        ("address: 8", "address: 3", ":8: points.power.address: expected a place that no other point has; setpoint stands there, got 3"),
        ("address: 8", "address: 2", ":8: points.power.address: expected a place that no other point has; setpoint stands there, got 2"),
        ("max: 35", "max: 4", ":7: points.setpoint.limits.max: expected a number of at least min (5), got 4.0"),
        ("  power:", "  on:", ':8: points.on: expected a name before the colon; YAML reads on as yes or no, write "on" in quotes'),
        ("max: 35", "max: .nan", ":7: points.setpoint.limits.max: Input should be a finite number, got nan"),
        ("unit: kW", "unit: bar", ":8: points.power.unit: Input should be '1', 'V'"),
        ("unit: kW", "unit: kWh", ":8: points.power.unit: expected W or a unit of the same quantity, got 'kWh'"),
        ("type: int32", "kind: counter", ":8: points.power.kind: expected gauge, got 'counter'"),
        ("address: 8, ", "", ":8: points.power.address: expected an address"),
        ("address: 8", "address: 70000", ":8: points.power.address: Input should be less than or equal to 65535, got 70000"),
        ("address: 8", "adress: 8", ":8: points.power.adress: Extra inputs are not permitted, got 8"),
        ("type: int32", "type: int31", ":8: points.power.type: Input should be 'uint16'"),
        ("scale: 0.1", "scale: 0", ":7: points.setpoint.scale: expected a number other than 0, got 0.0"),
        (", limits: {min: 5, max: 35}", "", ":7: points.setpoint.writable: expected limits or values"),
        ("address: 3", "table: input, address: 3", ":7: points.setpoint.table: expected holding or coil"),
        ("type: int32", "ratio: ct, modulus: 9", ":8: points.power.modulus: expected it at the site's meter"),
        ("type: int32", "type: bool", ":8: points.power.type: expected a number; one bit of a register is read with a mask, got 'bool'"),
        ("type: int32", "type: int32, mask: 3", ":8: points.power.mask: expected none, since it takes bits of one 16-bit register, got 3"),
        ("type: int32", "table: input, type: float32, mask: 3", ":8: points.power.mask: expected none"),
        ("type: int32", "table: coil, type: int32", ":8: points.power.type: expected bool, since the table holds bits, got 'int32'"),
        ("address: 3", "address: 3, mask: 3", ":7: points.setpoint.writable: expected a point without mask"),
        ("address: 3", "address: 3, write_function: 5", ":7: points.setpoint.write_function: expected 5 for a coil and 6 or 16"),
        ("address: 3", "address: 3, type: float32", ":7: points.setpoint.write_function: expected 16, since the point has more than one"),
        ("protocol: modbus", "protocol: mqtt", ":7: points.setpoint.path: expected a path into the JSON object"),
        ("sources: [a book]", "sources: []", ":5: sources: List should have at least 1 item"),
        ("model: X\n", "", ":1: model: Field required"),
        ("model: X", "maker: N", ":2: the key 'maker' stands twice"),
        ("model: X", "model: [X", ":3: expected ',' or ']'"),
    ],
)
def test_a_fault_in_a_profile_names_file_line_and_field(tmp_path: Path, before: str, after: str, fault: str) -> None:
    """A wrong profile is refused with its file, the line, the field and what was expected."""
    assert GOOD.count(before) == 1
    with pytest.raises(yamlfile.ConfigError) as caught:
        load(tmp_path, GOOD.replace(before, after))
    assert f"{tmp_path}/device.yaml{fault}" in str(caught.value)


def test_points_may_share_a_register_by_its_bits(tmp_path: Path) -> None:
    """One bit each, and the whole of it; the same bits twice are refused, and so is one path of a JSON object."""
    bits = GOOD + "  fault: {address: 9, mask: 1}\n  lock: {address: 9, mask: 2}\n"
    shared = bits.replace("type: int32", "type: int16").replace("address: 8", "address: 9")
    assert registers(load(tmp_path, shared)).points["lock"].mask == 2
    with pytest.raises(
        yamlfile.ConfigError, match=r":10: points.lock.address: expected a place that no other point has; fault stands there"
    ):
        load(tmp_path, bits.replace("mask: 2", "mask: 1"))
    paths = GOOD.replace("protocol: modbus", "protocol: mqtt").replace("address: 3", "path: a").replace("address: 8", "path: a")
    with pytest.raises(
        yamlfile.ConfigError, match=r":8: points.power.path: expected a place that no other point has; setpoint stands there"
    ):
        load(tmp_path, paths)


def test_every_class_of_devices_has_a_name() -> None:
    """The pages can say each class that a profile may have, in both languages, and each shipped profile has a known one."""
    texts = json.loads((FIRMWARE_CONFIGS.parent / "cloud" / "web" / "messages.json").read_text(encoding="utf-8"))
    assert all(set(texts[f"class.{name}"]) == {"zh", "en"} for name in DEVICE_CLASSES)
    assert {load_profile(name).device_class for name in profile_names()} <= set(DEVICE_CLASSES)


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("address: 8", "address: 65535", "8: points.power.address: expected at most 65534, since int32 takes 2 registers, got 65535"),
        (
            "address: 8, type: int32, unit: kW",
            "address: 65500, unit: kW, scale_register: {address: 65535, type: int32}",
            "8: points.power.scale_register: expected at most 65534, since int32 takes 2 registers, got 65535",
        ),
        ("points:", "serial: {speed: 1}\npoints:", "6: serial.speed: Extra inputs are not permitted, got 1"),
        ("points:", "device_class: hvac\npoints:", "6: device_class: Extra inputs are not permitted, got 'hvac'"),
        ("points:", "serial: {parity: X}\npoints:", "6: serial.parity: Input should be 'N', 'E' or 'O', got 'X'"),
        ("points:", "serial: {baud: fast}\npoints:", "6: serial.baud: Input should be a valid integer"),
        ("points:", "interval: 86401\npoints:", "6: interval: Input should be less than or equal to 86400, got 86401"),
        ("points:", "timeout: 3601\npoints:", "6: timeout: Input should be less than or equal to 3600, got 3601"),
        ("points:", "time: {path: t, format: epoch}\npoints:", "6: time: expected none, since only devices of mqtt send messages, got 't'"),
        ("scale: 0.1", 'scale: "\uff10.01"', "7: points.setpoint.scale: expected a number in ordinary digits"),
        (
            "unit: kW",
            'unit: kW, fraction: {address: 20, scale: "0.\uff11"}',
            "8: points.power.fraction.scale: expected a number in",
        ),
    ],
)
def test_what_no_device_can_be_is_refused_at_its_line(tmp_path: Path, before: str, after: str, fault: str) -> None:
    """It was accepted, and read something else or never; the neighbours of each bound are good."""
    with pytest.raises(yamlfile.ConfigError) as caught:
        load(tmp_path, GOOD.replace(before, after))
    assert str(caught.value).startswith(f"{tmp_path}/device.yaml:{fault}")
    assert "\n" not in str(caught.value)
    good = "interval: 86400\ntimeout: 3600\nserial: {parity: E}\npoints:"
    mended = GOOD.replace("address: 8", "address: 65534").replace("scale: 0.1", 'scale: "0.01"').replace("points:", good)
    profile = registers(load(tmp_path, mended))
    assert (profile.points["power"].span, profile.points["setpoint"].scale) == ((65534, 65536), Decimal("0.01"))
    assert (profile.interval, profile.timeout, profile.serial.parity, profile.serial.baud) == (86400, 3600, "E", None)


def test_all_faults_of_a_profile_are_told_at_once(tmp_path: Path) -> None:
    """Two faults give two lines, so a file is not mended one start at a time."""
    with pytest.raises(yamlfile.ConfigError) as caught:
        load(tmp_path, GOOD.replace("unit: kW", "unit: kWh").replace("scale: 0.1", "scale: 0"))
    assert [line.split(": ")[1] for line in str(caught.value).split("\n")] == ["points.setpoint.scale", "points.power.unit"]


@pytest.mark.parametrize("path", list(schema.SCHEMAS), ids=lambda p: p.name)
def test_the_committed_schema_is_the_generated_one(path: Path) -> None:
    """An editor checks YAML with the same model as the product: `python -m contract.schema` would change nothing."""
    assert path.read_text(encoding="utf-8") == schema.text(schema.SCHEMAS[path])


def test_a_site_brings_models_of_its_own(tmp_path: Path) -> None:
    """What JIEYUE_PROFILES names is looked at first, and listed; what it lacks is found among the shipped ones."""
    shipped = profiles_root() / "electricity" / "chint-dtsu666.yaml"
    for name, model in (("own", "OWN"), ("eastron-sdm630", "MENDED")):
        path = tmp_path / "electricity" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(shipped.read_text(encoding="utf-8").replace("model: DTSU666", f"model: {model}"), encoding="utf-8")
    names = ("electricity/own", "electricity/eastron-sdm630", "electricity/chint-dtsu666")
    code = f"from contract.profile import *; print(*(load_profile(n).model for n in {names}), '{names[0]}' in profile_names())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"JIEYUE_PROFILES": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "OWN MENDED DTSU666 True\n"
