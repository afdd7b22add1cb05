"""The first site has what its report says, hangs together, and a wrong site is refused at its line."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from contract import yamlfile
from contract.profile import FIRMWARE_CONFIGS
from contract.site import Device, Site, load_site
from contract.sitefolder import shipped_site
from protocols.jt808 import model as jt808
from protocols.modbus import model as modbus
from protocols.mqtt import model as mqtt

SITE = load_site(shipped_site("lizhou"))
GOOD = {
    "site.yaml": """\
id: small
name: {zh: 小, en: Small}
group: "510802"
latitude: 32.4
longitude: 105.8
gateways: [{id: g, compound: c}]
buses:
  - {id: b, gateway: g, protocol: modbus}
  - {id: m, gateway: g, protocol: mqtt}
""",
    "things.yaml": """\
compounds:
  - {id: c, name: {zh: 院, en: Yard}, buildings: [{id: h, name: {zh: 楼, en: House}, floors: 3, area: 900}]}
units:
  - {id: u, name: {zh: 局, en: Bureau}, compound: c, headcount: 30, area: 900}
devices:
  - {id: d1, name: {zh: 表, en: Meter}, profile: electricity/chint-dtsu666, bus: b, unit_id: 1, building: h}
  - {id: d2, name: {zh: 表, en: Meter}, profile: water/kaifeng-xintai, bus: b, unit_id: 2}
meters:
  - {id: e, name: {zh: 表, en: Meter}, energy: electricity, device: d1, point: energy_import, main: true, units: [u]}
""",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def of_class(name: str) -> list[Device]:
    return [d for d in SITE.devices if d.model.device_class == name]


def test_the_site_has_its_compounds_and_32_units() -> None:
    """Three compounds in district 510802 house 32 units with 2400 people on 70 000 m2, as much as their buildings have."""
    assert (SITE.id, SITE.group, SITE.latitude, SITE.longitude) == ("lizhou", "510802", 32.43, 105.84)
    assert [c.name.zh for c in SITE.compounds] == ["一办公区", "二办公区", "万缘行政中心"]
    assert len(SITE.units) == 32
    assert sum(u.headcount for u in SITE.units) == 2400
    for compound in SITE.compounds:
        assert sum(u.area for u in SITE.units if u.compound == compound.id) == sum(b.area for b in compound.buildings)
        assert all(6 <= b.floors <= 12 for b in compound.buildings)
    assert sum(u.area for u in SITE.units) == 70_000


def test_the_site_has_its_devices() -> None:
    """Devices by class are as many as the site's report and plan say."""
    assert Counter(d.model.device_class for d in SITE.devices) == {
        "electricity": 29,
        "water": 6,
        "gas": 2,
        "hvac": 11,
        "fresh_air": 2,
        "meeting_room": 6,
        "elevator": 6,
        "vehicle": 105,
    }
    assert [g.id for g in SITE.gateways] == ["gw-c1", "gw-c2", "gw-c3", "gw-vehicles"]
    assert Counter(d.model.protocol for d in of_class("electricity")) == {"modbus": 28, "mqtt": 1}


def test_every_device_belongs_to_one_gateway() -> None:
    """The gateways share all devices out, and the cars all stand on their own one."""
    shares = {g.id: {d.id for d in SITE.gateway_devices(g.id)} for g in SITE.gateways}
    assert sum(map(len, shares.values())) == len(SITE.devices) == len(set().union(*shares.values()))
    assert shares["gw-vehicles"] == {d.id for d in of_class("vehicle")}


def test_the_11_switches_share_one_line() -> None:
    """The switches are unit ids 1 to 11 on one RTU line behind a serial server, polled every 5 s, each with a named zone."""
    bus = SITE.bus_by_id["c3-hvac"]
    assert isinstance(bus, modbus.Bus)
    assert (bus.protocol, bus.framing, bus.gateway) == ("modbus", "rtu_over_tcp", "gw-c3")
    assert [d.unit_id for d in SITE.devices if isinstance(d, modbus.Device) and d.bus == bus.id] == list(range(1, 12))
    assert {(d.profile, d.poll_interval) for d in of_class("hvac")} == {("hvac/beca-bac-002aln", 5)}
    assert [z.device for z in SITE.zones] == [d.id for d in of_class("hvac")]
    assert len({z.name.zh for z in SITE.zones}) == 11


def test_elevators_run_odd_and_even() -> None:
    """Each of three groups has an odd and an even car that together serve every floor, in three windows on workdays."""
    floors = {b.id: b.floors for c in SITE.compounds for b in c.buildings}
    assert len(SITE.elevator_groups) == 3
    for group in SITE.elevator_groups:
        odd, even = group.cars
        assert (odd.parity, even.parity) == ("odd", "even")
        every = range(1, floors[group.building] + 1)
        assert odd.served == [f for f in every if f % 2]
        assert even.served == [f for f in every if not f % 2]
        spans = [(w.days, w.start, w.end) for w in group.windows]
        assert spans == [("workdays", "07:30", "09:00"), ("workdays", "11:30", "12:30"), ("workdays", "17:30", "18:30")]
        lines = {SITE.device_by_id[car.device].bus for car in group.cars}
        assert len(lines) == 1
    assert {d.poll_interval for d in of_class("elevator")} == {2, 5}


def test_the_fleet_is_the_one_of_the_report() -> None:
    """69 emergency-support cars (24 sedans, 42 off-road, 3 minibuses), 12 township and 24 law-enforcement cars; 81 call in directly."""
    cars = of_class("vehicle")
    kinds = Counter(d.vehicle.kind for d in cars if d.vehicle)
    assert kinds == {"sedan": 24, "off_road": 42, "minibus": 3, "township": 12, "law_enforcement": 24}
    assert Counter(d.model.protocol for d in cars) == {"jt808": 81, "mqtt": 24}
    listener = SITE.bus_by_id["jt808"]
    assert isinstance(listener, jt808.Bus)
    assert listener.port == 6808
    assert {d.poll_interval for d in cars} == {10}


def test_phones_and_plates_are_synthetic_and_single() -> None:
    """A phone has the 12 or 20 digits of its edition and starts with no real prefix; phones, plates and topics are single."""
    cars = [(d, d.vehicle) for d in of_class("vehicle") if d.vehicle and isinstance(d, jt808.Device | mqtt.Device)]
    assert len(cars) == len(of_class("vehicle"))
    assert Counter(len(d.phone) for d, _ in cars) == {12: 35, 20: 70}
    for device, vehicle in cars:
        assert len(device.phone) == {2013: 12, 2019: 20}[vehicle.protocol_year]
        assert device.phone.lstrip("0").startswith("10")
        assert vehicle.plate.startswith("川H")
        if isinstance(device, mqtt.Device):
            assert device.topic.split("/") == ["jt808", device.id, device.phone, "up"]
    assert len({d.phone for d, _ in cars}) == len({v.plate for _, v in cars}) == 105
    assert Counter(v.protocol_year for d, v in cars if d.bus == "jt808") == {2013: 27, 2019: 54}


def test_every_meter_device_is_one_meter() -> None:
    """Each electricity, water and gas device is one meter of the ledger, with a counter and in its compound."""
    metered = {d.id: d for name in ("electricity", "water", "gas") for d in of_class(name)}
    fed = [m for m in SITE.meters if m.device]
    assert sorted(m.device or "" for m in fed) == sorted(metered)
    for meter in fed:
        device = metered[meter.device or ""]
        assert meter.point == ("energy_import" if meter.energy == "electricity" else "volume")
        assert meter.energy == {"electricity": "electricity", "water": "water", "gas": "natural_gas"}[device.model.device_class]
        assert meter.compound == device.compound
        assert 15 <= device.poll_interval <= 60


def test_main_meters_count_each_compound_once() -> None:
    """Exactly the meters without a parent are main; each serves all units of its compound, a sub-meter some of its parent's."""
    by_id = {m.id: m for m in SITE.meters}
    for meter in SITE.meters:
        assert meter.main == (meter.parent is None)
        everyone = {u.id for u in SITE.units if u.compound == meter.compound}
        assert meter.units
        assert set(meter.units) <= everyone
        if meter.parent:
            above = by_id[meter.parent]
            assert (above.energy, above.compound) == (meter.energy, meter.compound)
            assert set(meter.units) <= set(above.units)
        elif not meter.vehicle_fuel:
            assert set(meter.units) == everyone
    assert Counter(m.energy for m in SITE.meters if m.main) == {"electricity": 4, "water": 3, "natural_gas": 2, "petrol": 3, "diesel": 3}


def test_sub_items_cover_the_four_kinds() -> None:
    """Every electricity sub-meter has a sub-item code, and lighting, air conditioning, power and special use all occur."""
    subs = [m for m in SITE.meters if m.energy == "electricity" and m.parent]
    assert {m.item[:3] for m in subs} == {"01A", "01B", "01C", "01D"}
    assert {"01A10", "01B20", "01C10", "01D10", "01D60"} <= {m.item for m in subs}


def test_fuel_is_fed_by_hand_for_the_units_that_burn_it() -> None:
    """A compound's petrol and diesel meters have no device and name exactly the units whose cars burn that fuel."""
    for meter in (m for m in SITE.meters if m.vehicle_fuel):
        cars = [d.vehicle for d in of_class("vehicle") if d.vehicle and d.compound == meter.compound and d.vehicle.fuel == meter.energy]
        assert (meter.device, meter.main) == (None, True)
        assert set(meter.units) == {v.unit for v in cars}


def test_a_rollover_comes_from_the_site_or_the_profile() -> None:
    """Behind transformers the counter ends at ct times its registers' end; a gas meter's end is its profile's; a float has none."""
    meters = {m.id: m for m in SITE.meters}
    for meter in SITE.meters:
        device = SITE.device_by_id.get(meter.device or "")
        if device and device.profile == "electricity/acrel-adl400":
            assert device.ct > 1
            assert SITE.rollover(meter) == pytest.approx(42949672.96 * device.ct * device.pt, rel=1e-12)
    assert SITE.rollover(meters["c1-g-canteen"]) == 4294967.296
    assert SITE.rollover(meters["c1-w-main"]) is None
    assert SITE.rollover(meters["c1-f-petrol"]) is None


def test_a_good_small_site_loads(tmp_path: Path) -> None:
    """The files that the next test spoils are right as they stand."""
    site = load_site(write(tmp_path, GOOD))
    assert isinstance(site, Site)
    assert [d.id for d in site.gateway_devices("g")] == ["d1", "d2"]


@pytest.mark.parametrize(
    ("file", "before", "after", "fault"),
    [
        ("site.yaml", "id: b, gateway: g", "id: b, gateway: x", ":8: buses.0.gateway: expected the id of a gateway, got 'x'"),
        ("site.yaml", "compound: c", "compound: x", ":6: gateways.0.compound: expected the id of a compound, got 'x'"),
        ("site.yaml", "protocol: mqtt", "protocol: mqqt", ":9: buses.1.protocol: Input should be 'jt808', 'modbus' or 'mqtt', got 'mqqt'"),
        (
            "site.yaml",
            "protocol: mqtt",
            "protocol: [mqtt]",
            ":9: buses.1.protocol: Input should be 'jt808', 'modbus' or 'mqtt', got ['mqtt']",
        ),
        ("site.yaml", "id: m, gateway: g, protocol: mqtt", "id: m, gateway: g", ":9: buses.1.protocol: Field required"),
        ("site.yaml", "latitude: 32.4", "latitude: north", ":4: latitude: Input should be a valid number"),
        ("site.yaml", "longitude: 105.8", "elevation: 500", ":5: elevation: Extra inputs are not permitted, got 500"),
        (
            "things.yaml",
            "compound: c, headcount: 30",
            "compound: c, headcount: 0",
            ":4: units.0.headcount: Input should be greater than or",
        ),
        ("things.yaml", "bus: b, unit_id: 2", "bus: x, unit_id: 2", ":7: devices.1.bus: expected the id of a bus, got 'x'"),
        ("things.yaml", "building: h", "building: x", ":6: devices.0.building: expected the id of a building, got 'x'"),
        ("things.yaml", "id: d2", "id: d1", ":7: devices.1.id: stands twice; expected an id that no other device has, got 'd1'"),
        ("things.yaml", "unit_id: 2", "unit_id: 1", ":7: devices.1.unit_id: expected a unit_id that no other device of b has; d1 has 1"),
        ("things.yaml", "bus: b, unit_id: 2", "bus: b", ":7: devices.1.unit_id: expected a unit_id, since b speaks modbus, got None"),
        ("things.yaml", "bus: b, unit_id: 2", "bus: m", ":7: devices.1.bus: expected a bus of modbus; this one speaks mqtt, got 'm'"),
        ("things.yaml", "water/kaifeng-xintai", "water/none", ":7: devices.1.profile: expected a profile that loads"),
        ("things.yaml", "point: energy_import", "point: volume", ":9: meters.0.point: expected a point of d1, got 'volume'"),
        ("things.yaml", "units: [u]", "units: [u, v]", ":9: meters.0.units.1: expected the id of a unit, got 'v'"),
        ("things.yaml", "units: [u]", "parent: x", ":9: meters.0.parent: expected the id of a meter, got 'x'"),
        ("things.yaml", "energy: electricity", "energy: power", ":9: meters.0.energy: Input should be 'electricity', 'water'"),
        ("things.yaml", "units: [u]", "parent: e", ":9: meters.0.parent: expected a tree; this meter stands above itself, got 'e'"),
        (
            "things.yaml",
            "units: [u]}",
            "units: [u]}\n  - {id: f, name: {zh: 表, en: Meter}, energy: water, parent: e}",
            ":10: meters.1.parent: expected a meter of water; that one counts electricity, got 'e'",
        ),
        (
            "things.yaml",
            "units: [u]}",
            "units: [u]}\n  - {id: f, name: {zh: 表, en: Meter}, energy: electricity, main: true, parent: e}",
            ":10: meters.1.main: expected false: it is counted in e already, which is main, got True",
        ),
        (
            "things.yaml",
            "units: [u]}",
            "units: [u]}\n  - {id: f, name: {zh: 表, en: Meter}, energy: electricity, device: d1, point: energy_import}",
            ":10: meters.1.point: expected a counter that no other meter has; e counts it, got 'energy_import'",
        ),
        ("things.yaml", "point: energy_import", "point: power", ":9: meters.0.point: expected a counter, got 'power'"),
        ("things.yaml", "units:\n", "id: twice\nunits:\n", ":3: id: stands in site.yaml too"),
    ],
)
def test_a_fault_in_a_site_names_file_line_and_field(tmp_path: Path, file: str, before: str, after: str, fault: str) -> None:
    """A wrong site is refused with the one file of several that is wrong, the line, the field and what was expected."""
    assert GOOD[file].count(before) == 1
    with pytest.raises(yamlfile.ConfigError) as caught:
        load_site(write(tmp_path, GOOD | {file: GOOD[file].replace(before, after)}))
    assert f"{tmp_path}/{file}{fault}" in str(caught.value)


def test_a_serial_line_has_no_unit_0(tmp_path: Path) -> None:
    """Unit id 0 is a broadcast there: nobody answers, and an answer of anybody would be taken."""
    serial = GOOD["site.yaml"].replace("protocol: modbus", "protocol: modbus, framing: rtu_over_tcp")
    things = GOOD["things.yaml"].replace("unit_id: 2", "unit_id: 0")
    second = load_site(write(tmp_path, GOOD | {"things.yaml": things})).devices[1]
    assert isinstance(second, modbus.Device)
    assert second.unit_id == 0
    with pytest.raises(yamlfile.ConfigError, match=r"things.yaml:7: devices.1.unit_id: expected 1 to 247"):
        load_site(write(tmp_path, {"site.yaml": serial, "things.yaml": things}))


def test_a_net_counter_is_no_main_meter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is fed in would be taken off what was used; as a sub-meter it may stand."""
    shipped = FIRMWARE_CONFIGS / "profiles" / "electricity" / "chint-dtsu666.yaml"
    own = tmp_path / "profiles" / "electricity" / "net.yaml"
    own.parent.mkdir(parents=True)
    text = shipped.read_text(encoding="utf-8")
    own.write_text(re.sub(r"(energy_import: \{)", r"\1counter: net, ", text, count=1), encoding="utf-8")
    monkeypatch.setenv("JIEYUE_PROFILES", str(own.parents[1]))
    things = GOOD["things.yaml"].replace("electricity/chint-dtsu666", "electricity/net")
    sub = write(tmp_path / "sub", GOOD | {"things.yaml": things.replace("main: true", "main: false")})
    assert load_site(sub).meters[0].main is False
    with pytest.raises(yamlfile.ConfigError, match=r"meters.0.point: expected a counter that only rises"):
        load_site(write(tmp_path / "main", GOOD | {"things.yaml": things}))


@pytest.mark.parametrize(("folder", "fault"), [("nowhere", "no such folder"), (".", r"no \*\.yaml in it")])
def test_a_folder_without_a_site_is_refused(tmp_path: Path, folder: str, fault: str) -> None:
    """A wrong path is told as such, not as a site that lacks everything."""
    with pytest.raises(yamlfile.ConfigError, match=fault):
        load_site(tmp_path / folder)


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ('cooling: {start: "02-30", end: "09-30"}', "operation.cooling.start: expected a day that a year has, as MM-DD, got '02-30'"),
        (
            'heating: {start: "09-30", end: "03-31"}',
            "operation.heating: expected no day of the cooling season (05-01 to 09-30), got '09-30",
        ),
        (
            'cooling: {start: "10-15", end: "04-30"}',
            "operation.cooling: expected no day of the heating season (11-01 to 03-31), got '10-15",
        ),
        ('work: {start: "18:00", end: "08:30"}', "operation.work.end: expected a time after start (18:00); hours do not run over midnight"),
        (
            'plant: {start: "07:00", end: "07:00"}',
            "operation.plant.end: expected a time after start (07:00); hours do not run over midnight",
        ),
    ],
)
def test_hours_and_seasons_that_never_are_are_refused(operation: str, said: str, tmp_path: Path) -> None:
    """No day would be judged by them, or a day by both seasons; each is named with its line."""
    write(tmp_path, GOOD | {"operation.yaml": f"operation:\n  {operation}\n"})
    with pytest.raises(yamlfile.ConfigError) as refused:
        load_site(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / 'operation.yaml'}:2: {said}"), str(refused.value)


def test_a_site_may_be_open_all_day_and_heat_over_new_year(tmp_path: Path) -> None:
    """24:00 ends a day; a season includes both its days and may be a leap day."""
    text = 'operation:\n  plant: {start: "00:00", end: "24:00"}\n  heating: {start: "11-01", end: "02-29"}\n'
    operation = load_site(write(tmp_path, GOOD | {"operation.yaml": text})).operation
    assert operation.plant.end == "24:00"
    assert [day in operation.heating for day in ("10-31", "11-01", "01-01", "02-29", "03-01")] == [False, True, True, True, False]
    assert [day in operation.cooling for day in ("04-30", "05-01", "09-30", "10-01")] == [False, True, True, False]
