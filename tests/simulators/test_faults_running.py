"""Faults of a site that runs: `jieyue-sim faults` as a person uses it, read back through the product's own drivers."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.clock import Clock, parse_time
from contract.reading import Row
from contract.site import Site, load_site
from protocols.base import BusContext, DriverError, NoAnswerError
from protocols.jt808 import model as jt808
from protocols.jt808.driver.listener import Listener
from protocols.modbus import model as modbus
from protocols.modbus.driver.master import Modbus
from protocols.stage import Called
from simulators.__main__ import main
from simulators.site import simulate
from simulators.stack.broker import free_port
from tests import commands
from tests.models import one
from tests.simulators.conftest import journal

NIGHT = parse_time("2026-03-11T02:00:00+08:00")
NAME = {"zh": "试验", "en": "Trial"}
FIELDS: dict[str, Any] = {
    "id": "trial",
    "name": NAME,
    "group": "510802",
    "latitude": 32.43,
    "longitude": 105.84,
    "compounds": [{"id": "c", "name": NAME, "buildings": [{"id": "h", "name": NAME, "floors": 8, "area": 6000}]}],
    "units": [{"id": "u", "name": NAME, "compound": "c", "headcount": 50, "area": 900}],
    "gateways": [{"id": "gw"}],
    "buses": [{"id": "line", "gateway": "gw", "protocol": "modbus"}, {"id": "cars", "gateway": "gw", "protocol": "jt808"}],
    "devices": [
        {"id": "em", "name": NAME, "profile": "electricity/chint-dtsu666", "bus": "line", "unit_id": 1},
        {"id": "wm", "name": NAME, "profile": "water/kaifeng-xintai", "bus": "line", "unit_id": 2},
        {"id": "ac", "name": NAME, "profile": "hvac/beca-bac-002aln", "bus": "line", "unit_id": 3},
        {"id": "lift", "name": NAME, "profile": "elevator/jieyue-group-controller", "bus": "line", "unit_id": 4, "building": "h"},
        {
            "id": "car",
            "name": NAME,
            "profile": "vehicle/jtt808-terminal",
            "bus": "cars",
            "phone": "010000000001",
            "vehicle": {"plate": "川H00001", "kind": "sedan", "unit": "u"},
        },
    ],
    "elevator_groups": [
        {"id": "lifts", "building": "h", "cars": [{"device": "lift", "parity": "odd", "served": [1, 3, 5, 7]}], "windows": []}
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The site as files."""
    made = tmp_path / "site"
    made.mkdir()
    (made / "site.yaml").write_text(yaml.safe_dump(FIELDS, allow_unicode=True), encoding="utf-8")
    return made


class Gateway:
    """The site's devices as the product's drivers see them."""

    def __init__(self, site: Site, port: int, clock: Clock) -> None:
        self.site, self.clock = site, clock
        self.bus = one(modbus.Bus, site.buses[0]).model_copy(update={"port": port})
        self.driver = Modbus(
            BusContext(
                self.bus,
                [d for d in site.devices if isinstance(d, modbus.Device) and d.bus == "line"],
                clock,
                self._nothing,
                lambda _: None,
            )
        )

    async def _nothing(self, _rows: Sequence[Row]) -> None:
        """Nothing is kept."""

    async def read(self, device: str) -> Row:
        """Every point now."""
        return await self.driver.read(one(modbus.Device, self.site.device_by_id[device]))


@asynccontextmanager
async def running(folder: Path, data: Path, *, speed: float = 1.0, jt808: int | None = None) -> AsyncIterator[Gateway]:
    site, clock = load_site(folder), Clock(float(NIGHT), time.time(), speed)
    called = {"jt808": Called("127.0.0.1", jt808)} if jt808 else None
    async with simulate(site, data, clock, called=called):
        port = json.loads((data / "endpoints.json").read_text(encoding="utf-8"))["modbus"][0]["port"]
        gateway = Gateway(site, port, clock)
        try:
            yield gateway
        finally:
            await gateway.driver.close()


def faults(data: Path, *words: str) -> int:
    return main(["faults", "--data", str(data), *words])


async def test_a_silent_device_does_not_answer_and_its_neighbours_do(folder: Path, tmp_path: Path) -> None:
    """From the next request on, until it is cleared."""
    async with running(folder, tmp_path) as at:
        assert faults(tmp_path, "set", "em", "silent") == 0
        with pytest.raises(NoAnswerError, match="no answer in time"):
            await at.read("em")
        assert (await at.read("wm")).bad == {}
        assert faults(tmp_path, "clear", "em") == 0
        assert (await at.read("em")).bad == {}


async def test_a_slow_device_answers_late(folder: Path, tmp_path: Path) -> None:
    """Within the time-out the value comes all the same; beyond it there is no answer in time."""
    async with running(folder, tmp_path) as at:
        faults(tmp_path, "set", "wm", "slow", "0.1")
        started = time.monotonic()
        assert (await at.read("wm")).bad == {}
        assert time.monotonic() - started >= 0.1
        faults(tmp_path, "set", "wm", "slow", "3")
        with pytest.raises(NoAnswerError):
            await at.read("wm")


async def test_a_refusing_device_says_its_exception(folder: Path, tmp_path: Path) -> None:
    """The code that was asked for, and it stands in the journal."""
    async with running(folder, tmp_path) as at:
        faults(tmp_path, "set", "ac", "exception", "6")
        with pytest.raises(DriverError, match="Modbus exception 6: device busy"):
            await at.read("ac")
    last = json.loads((tmp_path / "journal.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert (last["device"], last["exception"]) == ("ac", 6)


async def test_counters_stand_restart_and_jump(folder: Path, tmp_path: Path) -> None:
    """Read over the wire: a stuck counter gives the same twice, a reset one begins at 0, a jump is seen at once."""
    async with running(folder, tmp_path, speed=3600.0) as at:
        faults(tmp_path, "set", "em", "stuck")
        first = (await at.read("em")).values["energy_import"]
        moved = (await at.read("em")).at
        async with asyncio.timeout(20):
            while (row := await at.read("em")).at < moved + 1_800_000:
                assert row.values["energy_import"] == first
        assert row.values["energy_import"] == first
        faults(tmp_path, "clear", "em", "stuck")
        async with asyncio.timeout(20):
            while (await at.read("em")).values["energy_import"] <= first:
                pass
        faults(tmp_path, "set", "em", "jump", "5000")
        jumped = (await at.read("em")).values["energy_import"]
        assert first + 5000 < jumped < first + 6000
        faults(tmp_path, "set", "em", "reset")
        assert (await at.read("em")).values["energy_import"] < 500


@pytest.mark.parametrize(
    ("device", "fault", "point", "wanted"),
    [
        ("wm", ["leak", "2"], "flow", lambda value, before: value - before == pytest.approx(2.0, abs=0.3)),
        ("ac", ["hot", "8"], "room_temperature", lambda value, before: value - before == pytest.approx(8.0, abs=0.3)),
        ("ac", ["cold", "8"], "room_temperature", lambda value, before: before - value == pytest.approx(8.0, abs=0.3)),
        ("ac", ["after_hours"], "on", lambda value, before: (before, value) == (0.0, 1.0)),
        ("em", ["after_hours", "40"], "power", lambda value, before: value - before == pytest.approx(40_000, rel=0.05)),
        ("lift", ["wrong_stop"], "last_stop", lambda value, _before: value == 2.0),
        ("lift", ["wrong_stop", "6"], "last_stop", lambda value, _before: value == 6.0),
    ],
)
async def test_a_fault_shows_on_the_wire_and_goes(
    device: str,
    fault: list[str],
    point: str,
    wanted: Callable[[float, float], bool],
    folder: Path,
    tmp_path: Path,
) -> None:
    """What the driver reads changes with the fault, and is as before without it."""
    async with running(folder, tmp_path) as at:
        before = (await at.read(device)).values[point]
        assert faults(tmp_path, "set", device, *fault) == 0
        assert wanted((await at.read(device)).values[point], before)
        assert faults(tmp_path, "clear", device, fault[0]) == 0
        after = (await at.read(device)).values[point]
        assert point == "last_stop" or after == pytest.approx(before, rel=0.05, abs=0.3)


class Platform:
    """The product's listener for vehicle terminals."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.changed = asyncio.Condition()

    async def commit(self, rows: Sequence[Row]) -> None:
        """As the gateway gives it to drivers."""
        async with self.changed:
            self.rows += rows
            self.changed.notify_all()

    async def next(self, wanted: Callable[[Row], bool]) -> Row:
        """The next row that is as wanted."""
        known = len(self.rows)
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(lambda: any(wanted(r) for r in self.rows[known:]))
        return next(r for r in self.rows[known:] if wanted(r))


async def test_a_car_with_faults_says_so_to_the_platform(folder: Path, tmp_path: Path) -> None:
    """Over JT/T 808: too fast, a call for help, a wrong clock, and silence."""
    port, platform = free_port(), Platform()
    async with running(folder, tmp_path, speed=50.0, jt808=port) as at:
        bus = jt808.Bus(id="cars", gateway="gw", protocol="jt808", host="127.0.0.1", port=port)
        devices = [one(jt808.Device, at.site.device_by_id["car"])]
        listener = Listener(BusContext(bus, devices, at.clock, platform.commit, lambda _: None, folder=tmp_path))
        task = asyncio.create_task(listener.run())
        try:
            sound = await platform.next(lambda _: True)
            assert (sound.values["alarms"], sound.values["speed"]) == (0.0, 0.0)
            faults(tmp_path, "set", "car", "overspeed", "142")
            assert (await platform.next(lambda r: r.values["speed"] == 142.0)).values["ignition"] == 1.0
            faults(tmp_path, "set", "car", "sos")
            assert (await platform.next(lambda r: r.values["alarms"] == 1.0)).values["speed"] == 142.0
            faults(tmp_path, "set", "car", "clock", "-600")
            late = await platform.next(lambda r: at.clock.now_ms() - r.at >= 600_000)
            assert at.clock.now_ms() - late.at < 700_000
            faults(tmp_path, "clear", "car")
            faults(tmp_path, "set", "car", "silent")
            since = at.clock.now_ms()
            faults(tmp_path, "clear", "car", "silent")
            back = await platform.next(lambda r: r.at > since)
            assert (back.values["speed"], back.values["alarms"]) == (0.0, 0.0)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_silent_car_measures_nothing(folder: Path, tmp_path: Path) -> None:
    """While it is silent no fix is taken, so nothing comes later as if it had been."""
    async with running(folder, tmp_path, speed=50.0, jt808=free_port()) as at:
        faults(tmp_path, "set", "car", "silent")
        since = at.clock.now_ms()
        async with asyncio.timeout(20):
            while at.clock.now_ms() < since + 60_000:
                await at.read("wm")
    assert all(said["at"] < since for said in journal(tmp_path))


async def started(folder: Path, data: Path) -> tuple[asyncio.subprocess.Process, int]:
    """`jieyue-sim site` as a process of its own, and the port of its bus."""
    command = [sys.executable, "-m", "simulators", "site", "--site", str(folder), "--data", str(data)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline()
    return process, json.loads((data / "endpoints.json").read_text(encoding="utf-8"))["modbus"][0]["port"]


async def stopped(process: asyncio.subprocess.Process) -> None:
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


async def command(data: Path, *words: str) -> str:
    """`jieyue-sim faults`; returns what it prints."""
    done = await asyncio.to_thread(commands.run, "simulators", "faults", "--data", str(data), *words)
    assert done.returncode == 0
    return done.stdout


async def test_a_fault_is_set_from_another_process_and_survives_a_restart(folder: Path, tmp_path: Path) -> None:
    """A second after the command at the latest the running site shows it; stopped and started again it still does, until cleared."""
    data, site = tmp_path / "data", load_site(folder)
    process, port = await started(folder, data)
    sound = (await Gateway(site, port, Clock()).read("ac")).values["room_temperature"]
    assert await command(data, "set", "ac", "hot", "11") == "ac: hot 11\n"
    set_at = time.monotonic()
    assert (await Gateway(site, port, Clock()).read("ac")).values["room_temperature"] == pytest.approx(sound + 11, abs=0.3)
    assert time.monotonic() - set_at < 1.0
    await stopped(process)
    process, port = await started(folder, data)
    assert (await Gateway(site, port, Clock()).read("ac")).values["room_temperature"] == pytest.approx(sound + 11, abs=0.3)
    assert (await command(data, "list")).splitlines()[:2][1].startswith("  ac: hot 11, since ")
    assert await command(data, "clear", "ac") == "ac: hot cleared\n"
    assert await command(data, "clear", "ac") == "ac: nothing to clear\n"
    assert (await Gateway(site, port, Clock()).read("ac")).values["room_temperature"] == pytest.approx(sound, abs=0.3)
    assert (await command(data, "list")).splitlines()[0] == "faults now: none"
    await stopped(process)


async def test_the_demos_folder_reaches_every_gateways_devices(folder: Path, tmp_path: Path) -> None:
    """Where each gateway's devices are played in a process of their own, one folder above them serves all."""
    async with running(folder, tmp_path / "simulators" / "gw") as at:
        assert faults(tmp_path, "set", "wm", "leak") == 0
        assert (await at.read("wm")).values["flow"] > 0.4
    assert (tmp_path / "simulators" / "gw" / "faults.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", "nobody", "hot"], "device: expected one of ac, car, em, lift, wm; got 'nobody'"),
        (["set", "ac", "haunted"], "fault: expected one of silent, slow, exception, stuck, reset, jump, leak, hot, cold, after_hours, "),
        (["set", "em", "hot"], "hot: expected a device of fresh_air, hvac, meeting_room; em is electricity"),
        (["set", "ac", "clock"], "clock: expected a device on jt808, mqtt; ac is on modbus"),
        (["set", "ac", "hot", "900"], "hot: expected a value from 0.1 to 40, got 900"),
        (["set", "ac", "hot", "warm"], "value: expected a number such as 1234.5, got 'warm'"),
        (["set", "ac", "hot", "1_0"], "value: expected a number such as 1234.5, got '1_0'"),
        (["set", "ac", "silent", "3"], "silent: expected no value, got 3"),
        (["set", "ac", "exception", "9"], "exception: expected one of 1, 2, 3, 4, 5, 6, 8, 10, 11, got 9"),
        (["set", "lift", "wrong_stop", "2.5"], "wrong_stop: expected one of 1, 2, 3, 4, "),
        (["clear", "ac", "haunted"], "fault: expected one of silent, "),
        (["clear", "nobody"], "device: expected one of "),
    ],
)
async def test_what_cannot_be_set_is_one_line(
    words: list[str], said: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unknown devices, faults and values are named with what was expected, and nothing is changed."""
    async with running(folder, tmp_path):
        assert faults(tmp_path, *words) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"jieyue-sim: {said}")
    assert error.count("\n") == 1
    assert not (tmp_path / "faults.jsonl").exists()


def test_a_folder_from_which_nothing_was_played_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong folder is told, and none is made."""
    assert faults(tmp_path / "none", "list") == 2
    assert "nothing was played from there; expected the --data of jieyue-sim site" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
