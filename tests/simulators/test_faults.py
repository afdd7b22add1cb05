"""What each fault changes, and what stays when it goes: the world stays a function of time, of writes and of the faults' file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.clock import parse_time
from contract.point import POINTS, Kind
from contract.site import Device, Site
from simulators.faults import CATALOGUE, Faults, idle_hours
from simulators.faulty import FaultyWorld
from simulators.world.site_world import SiteWorld

NIGHT = parse_time("2026-03-11T02:00:00+08:00")
NOON = parse_time("2026-03-11T12:00:00+08:00")
MINUTE, HOUR = 60_000, 3_600_000


class Disturbed:
    """The small site with a file of faults, beside the same site without."""

    def __init__(self, make_world: Callable[..., SiteWorld], folder: Path) -> None:
        self.sound = make_world()
        self.site: Site = self.sound.site
        self.faults = Faults(folder / "faults.jsonl")
        self.world = FaultyWorld(self.sound, self.site, self.faults)

    def points(self, device: str, at: int) -> dict[str, float]:
        """What a device shows."""
        return {p: v for p, v in self.world.values(device, at).items() if v is not None}

    def true(self, device: str, at: int) -> dict[str, float]:
        """What it would show without faults."""
        return {p: v for p, v in self.sound.values(device, at).items() if v is not None}


@pytest.fixture
def disturbed(make_world: Callable[..., SiteWorld], tmp_path: Path) -> Disturbed:
    """No fault yet."""
    return Disturbed(make_world, tmp_path)


def test_without_faults_nothing_is_changed(disturbed: Disturbed) -> None:
    """Every device shows what it would."""
    for device in disturbed.site.devices:
        assert disturbed.points(device.id, NOON) == disturbed.true(device.id, NOON)


@pytest.mark.parametrize(("device", "counter"), [("e0", "energy_import"), ("w0", "volume"), ("car0", "odometer"), ("odd", "stops")])
def test_a_stuck_counter_never_counts_what_went_by(device: str, counter: str, disturbed: Disturbed) -> None:
    """It stands from the moment on; when it runs again it goes on from where it stood, and gauges were never touched."""
    disturbed.faults.set(device, "stuck", 0.0, NOON)
    stood = disturbed.true(device, NOON)[counter]
    assert disturbed.points(device, NOON + 5 * HOUR)[counter] == pytest.approx(stood)
    gauges = [p for p in disturbed.true(device, NOON) if POINTS[p].kind is not Kind.COUNTER]
    at = NOON + HOUR
    assert [disturbed.points(device, at)[p] for p in gauges] == [disturbed.true(device, at)[p] for p in gauges]
    assert disturbed.faults.clear(device, "stuck", NOON + 5 * HOUR) == ["stuck"]
    after = disturbed.true(device, NOON + 9 * HOUR)[counter] - disturbed.true(device, NOON + 5 * HOUR)[counter]
    assert disturbed.points(device, NOON + 9 * HOUR)[counter] == pytest.approx(stood + after)


def test_a_reset_counter_starts_again_at_0(disturbed: Disturbed) -> None:
    """What it counted before is gone for good; a clear does not bring it back, since nothing of it is left to go."""
    disturbed.faults.set("e0", "reset", 0.0, NOON)
    assert disturbed.points("e0", NOON - 1)["energy_import"] == disturbed.true("e0", NOON - 1)["energy_import"]
    assert disturbed.points("e0", NOON)["energy_import"] == 0.0
    used = disturbed.true("e0", NOON + HOUR)["energy_import"] - disturbed.true("e0", NOON)["energy_import"]
    assert used > 0.1
    assert disturbed.points("e0", NOON + HOUR)["energy_import"] == pytest.approx(used)
    disturbed.faults.clear("e0", None, NOON + 1)
    assert disturbed.points("e0", NOON + HOUR)["energy_import"] == pytest.approx(used)


def test_a_jump_and_a_stuck_time_before_a_reset_add_up(disturbed: Disturbed) -> None:
    """Several faults of one counter are told in the order in which they came."""
    disturbed.faults.set("e0", "jump", 500.0, NOON)
    disturbed.faults.set("e0", "stuck", 0.0, NOON + HOUR)
    disturbed.faults.clear("e0", "stuck", NOON + 2 * HOUR)
    true = [disturbed.true("e0", NOON + n * HOUR)["energy_import"] for n in range(5)]
    shown = [disturbed.points("e0", NOON + n * HOUR)["energy_import"] for n in range(5)]
    assert [b - a for a, b in zip(true, shown, strict=True)] == pytest.approx([500, 500, *[500 - (true[2] - true[1])] * 3])
    disturbed.faults.set("e0", "reset", 0.0, NOON + 3 * HOUR)
    assert disturbed.points("e0", NOON + 4 * HOUR)["energy_import"] == pytest.approx(true[4] - true[3])


def test_a_jump_is_of_the_main_counter_only(disturbed: Disturbed) -> None:
    """The litres and kilometres of others stay, and the jump stays when the fault is cleared."""
    disturbed.faults.set("w0", "jump", 25.0, NOON)
    disturbed.faults.clear("w0", "jump", NOON + HOUR)
    at = NOON + 2 * HOUR
    assert disturbed.points("w0", at)["volume"] == pytest.approx(disturbed.true("w0", at)["volume"] + 25.0)
    assert disturbed.points("w0", at)["flow"] == disturbed.true("w0", at)["flow"]


def test_leaking_water_never_rests_at_night(disturbed: Disturbed) -> None:
    """Flow and counter agree; what has leaked stays counted when the leak is mended."""
    disturbed.faults.set("w0", "leak", 0.8, NIGHT - HOUR)
    assert disturbed.points("w0", NIGHT)["flow"] == pytest.approx(disturbed.true("w0", NIGHT)["flow"] + 0.8)
    used = disturbed.points("w0", NIGHT + HOUR)["volume"] - disturbed.points("w0", NIGHT)["volume"]
    assert used == pytest.approx(disturbed.true("w0", NIGHT + HOUR)["volume"] - disturbed.true("w0", NIGHT)["volume"] + 0.8)
    disturbed.faults.clear("w0", "leak", NIGHT + HOUR)
    at = NIGHT + 5 * HOUR
    assert disturbed.points("w0", at)["flow"] == disturbed.true("w0", at)["flow"]
    assert disturbed.points("w0", at)["volume"] == pytest.approx(disturbed.true("w0", at)["volume"] + 1.6)


@pytest.mark.parametrize(("fault", "sign"), [("hot", 1.0), ("cold", -1.0)])
def test_a_room_is_too_hot_or_too_cold(fault: str, sign: float, disturbed: Disturbed) -> None:
    """The room temperature is off by so many kelvins while the fault is there; the set-point is not."""
    disturbed.faults.set("z", fault, 7.5, NOON)
    assert disturbed.points("z", NOON)["room_temperature"] == disturbed.true("z", NOON)["room_temperature"] + sign * 7.5
    assert disturbed.points("z", NOON)["setpoint"] == disturbed.true("z", NOON)["setpoint"]
    disturbed.faults.clear("z", fault, NOON + HOUR)
    assert disturbed.points("z", NOON + HOUR) == disturbed.true("z", NOON + HOUR)


def test_plant_runs_after_hours(disturbed: Disturbed) -> None:
    """At night it is on, by day as it would be; a meter's power and counter agree on what that takes."""
    for device in ("z", "fa"):
        disturbed.faults.set(device, "after_hours", 20.0, NIGHT - HOUR)
        on = float(next(raw for raw, name in ((0xA5, "z"), (1, "fa")) if name == device))
        assert (disturbed.true(device, NIGHT)["on"] == on, disturbed.points(device, NIGHT)["on"]) == (False, on)
        assert disturbed.points(device, NOON)["on"] == disturbed.true(device, NOON)["on"]
    disturbed.faults.set("e2", "after_hours", 12.0, NIGHT)
    assert disturbed.points("e2", NIGHT)["power"] == pytest.approx(disturbed.true("e2", NIGHT)["power"] + 12_000)
    phases = sum(disturbed.points("e2", NIGHT)[f"power_{p}"] for p in "abc")
    assert phases == pytest.approx(disturbed.points("e2", NIGHT)["power"])
    assert disturbed.points("e2", NOON)["power"] == disturbed.true("e2", NOON)["power"]
    more = disturbed.points("e2", NOON)["energy_import"] - disturbed.true("e2", NOON)["energy_import"]
    assert more == pytest.approx(12.0 * 5)  # 02:00 to 07:00


def test_idle_hours_follow_the_calendar() -> None:
    """A working day is closed for 11 hours, a Sunday for 24, and a make-up day counts as a working day."""
    day = 24 * HOUR
    wednesday, sunday = (parse_time(f"2026-03-{d}T00:00:00+08:00") for d in ("11", "15"))
    assert [idle_hours(at, at + day) for at in (wednesday, sunday)] == [11.0, 24.0]
    assert idle_hours(wednesday + 12 * HOUR, wednesday + 13 * HOUR) == 0.0
    assert idle_hours(wednesday, wednesday + 7 * day) == 5 * 11 + 2 * 24


def test_a_car_stops_where_its_group_does_not_let_it(disturbed: Disturbed) -> None:
    """Each minute one stop more at a floor it does not serve, latched like every other; the sum over floors is the total."""
    disturbed.faults.set("odd", "wrong_stop", 0.0, NOON)
    at = NOON + 10 * MINUTE
    shown, true = disturbed.points("odd", at), disturbed.true("odd", at)
    assert shown["last_stop"] == shown["floor"] == 2.0
    assert shown["stops_02"] - true["stops_02"] == shown["stops"] - true["stops"] == 11
    assert sum(v for p, v in shown.items() if p.startswith("stops_")) == shown["stops"]
    disturbed.faults.set("even", "wrong_stop", 7.0, NOON)
    assert disturbed.points("even", at)["last_stop"] == 7.0
    disturbed.faults.clear("odd", None, at)
    later = NOON + HOUR
    assert disturbed.points("odd", later)["stops"] - disturbed.true("odd", later)["stops"] == 11


def test_a_car_drives_too_fast_and_calls_for_help(disturbed: Disturbed) -> None:
    """Speed with the engine on, and bit 0 of the alarms beside whatever else was there."""
    disturbed.faults.set("car0", "overspeed", 141.0, NIGHT)
    assert (disturbed.points("car0", NIGHT)["speed"], disturbed.points("car0", NIGHT)["ignition"]) == (141.0, 1.0)
    disturbed.faults.clear("car0", "overspeed", NIGHT + 1)
    assert disturbed.points("car0", NIGHT + 1) == disturbed.true("car0", NIGHT + 1)


def test_another_process_sees_the_same_world(disturbed: Disturbed, tmp_path: Path) -> None:
    """The file alone says what was wrong when: a restart changes no value, and a line that is still being written is left for later."""
    disturbed.faults.set("w0", "leak", 0.8, NIGHT)
    disturbed.faults.set("w0", "leak", 1.6, NIGHT + HOUR)
    again = FaultyWorld(disturbed.sound, disturbed.site, Faults(tmp_path / "faults.jsonl"))
    times = [NIGHT + n * HOUR // 2 for n in range(-1, 6)]
    assert [again.values("w0", at) for at in times] == [disturbed.world.values("w0", at) for at in times]
    volume = [disturbed.points("w0", NIGHT + n * HOUR)["volume"] - disturbed.true("w0", NIGHT + n * HOUR)["volume"] for n in range(3)]
    assert volume == pytest.approx([0.0, 0.8, 2.4])
    with (tmp_path / "faults.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"at": 1, "device": "w0"')
    assert again.values("w0", NIGHT) == disturbed.world.values("w0", NIGHT)


def test_a_damaged_file_names_its_line(tmp_path: Path) -> None:
    """What is no fault is refused with file and line."""
    path = tmp_path / "faults.jsonl"
    path.write_text(json.dumps({"at": 1, "device": "d", "fault": "hot", "value": 1}) + '\n{"at": 2}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"faults.jsonl:2: expected"):
        Faults(path).of("d")
    path.write_text(json.dumps({"at": 1, "device": "d", "fault": "haunted", "value": 1}) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"faults.jsonl:1: expected"):
        Faults(path).of("d")


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_fault_says_what_it_is_and_takes_its_own_default(name: str) -> None:
    """The catalogue explains each entry, and a fault that is set without a value is one that could be set with it."""
    fault = CATALOGUE[name]
    device_class = min(fault.classes or {"electricity"})
    protocol = min(fault.protocols or {"modbus"})
    assert len(fault.about) > 10
    value = fault.check("d", device_class, protocol, None)
    assert value == fault.default
    if value:
        assert fault.check("d", device_class, protocol, value) == value


def test_devices_of_the_small_site_are_of_every_class(disturbed: Disturbed) -> None:
    """The tests above would miss a class that no device has."""
    classes = {(d.model.device_class if isinstance(d, Device) else "") for d in disturbed.site.devices}
    assert classes >= {c for fault in CATALOGUE.values() for c in fault.classes}
