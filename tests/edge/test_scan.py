"""`jieyue-edge scan` as a technician runs it: a real bus with a device as configured, one that is not there, and one too many."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from contract.clock import Clock
from contract.operation import Text
from edge.cli.scan import by_port
from protocols.modbus.device.server import serve_bus
from protocols.modbus.model import Bus, Device
from simulators.alone import lone_device
from simulators.world.site_world import SiteWorld
from tests import commands
from tests.models import one
from tests.sites import fields

if TYPE_CHECKING:
    from tests.slave import Slave

HVAC, METER = "hvac/beca-bac-002aln", "electricity/chint-dtsu666"
NAME = {"zh": "试验", "en": "Trial"}


def test_buses_of_one_serial_port_are_scanned_one_after_the_other(tmp_path: Path) -> None:
    """Only one of them can have it open, by whatever name; the others go side by side."""
    (tmp_path / "link").symlink_to(tmp_path / "port")
    serial = {"gateway": "gw", "protocol": "modbus", "framing": "rtu"}
    ports = {"a": "port", "b": "link", "c": "other"}
    there = [Bus.model_validate({"id": name, **serial, "serial_port": str(tmp_path / port)}) for name, port in ports.items()]
    there += [Bus.model_validate({"id": name, "gateway": "gw", "protocol": "modbus", "port": 502}) for name in ("d", "e")]
    assert [[bus.id for bus in together] for together in by_port(there)] == [["a", "b"], ["c"], ["d"], ["e"]]


def placed(name: str, unit: int, profile: str) -> dict[str, Any]:
    return {"id": name, "name": NAME, "profile": profile, "bus": "line", "unit_id": unit}


def site(devices: list[dict[str, Any]]) -> dict[str, Any]:
    buses = [{"id": "line", "gateway": "gw", "protocol": "modbus"}, {"id": "pub", "gateway": "gw", "protocol": "mqtt"}]
    return fields(buses=buses, devices=devices)


@asynccontextmanager
async def line(framing: str, folder: Path, configured: list[dict[str, Any]]) -> AsyncIterator[Path]:
    """Units 3 (an AC switch) and 9 (a meter) on a bus, and a gateway's configuration for it."""
    lone = lone_device(HVAC, port=0, framing=framing)
    devices = [
        Device(id="three", name=Text(**NAME), profile=HVAC, bus="bus", unit_id=3),
        Device(id="nine", name=Text(**NAME), profile=METER, bus="bus", unit_id=9),
    ]
    world = SiteWorld(lone.model_copy(update={"devices": devices}), 1)
    (folder / "site").mkdir()
    (folder / "site" / "site.yaml").write_text(yaml.safe_dump(site(configured)), encoding="utf-8")
    async with serve_bus(one(Bus, lone.buses[0]), devices, world, Clock(), lambda _: None) as (_, port):
        settings = {"gateway": "gw", "site": "./site", "data": "data", "buses": {"line": {"port": port, "framing": framing}}}
        config = folder / "gw.yaml"
        config.write_text(yaml.safe_dump(settings), encoding="utf-8")
        yield config


async def scan(config: Path, *options: str) -> tuple[int | None, str, str]:
    done = await asyncio.to_thread(commands.run, "edge", "scan", "--config", str(config), "--wait", "0.3", *options)
    return done.returncode, done.stdout, done.stderr


AS_WIRED = [placed("hvac-03", 3, HVAC), placed("hvac-05", 5, HVAC)]


@pytest.mark.parametrize("framing", ["tcp", "rtu_over_tcp"])
async def test_a_scan_says_what_answers_what_is_silent_and_what_is_too_many(framing: str, tmp_path: Path) -> None:
    """Each configured device with its state, each stranger with what it looks like; a silent configured device is exit code 1."""
    async with line(framing, tmp_path, AS_WIRED) as config:
        code, out, err = await scan(config, "--units", "2-10")
    assert code == 1
    said = out.splitlines()
    assert said[0].startswith(f"line ({framing}, 127.0.0.1:")
    assert said[1].startswith("  unit 3: answers, configured as hvac-03 (BAC-002ALN), 8 of 8 points good: ")
    assert said[2] == "  unit 5: silent, but configured as hvac-05 (BAC-002ALN): no answer in time"
    assert said[3].startswith("  unit 9: answers, not in the site; looks like electricity/chint-dtsu666: energy_import ")
    assert said[4:] == [
        "  asked 9 unit ids: 1 of 2 configured devices answer, 1 others answer",
        "pub (mqtt)",
        "  cannot be scanned: devices on mqtt speak by themselves",
    ]
    assert err == "line: asking 9 unit ids, at most about 3 s for the silent ones\n"


async def test_a_program_reads_the_same(tmp_path: Path) -> None:
    """--json has one object a bus, --bus and --units choose, and a line that is as configured is exit code 0."""
    async with line("tcp", tmp_path, AS_WIRED) as config:
        code, out, _ = await scan(config, "--json", "--bus", "line", "--units", "3,9")
    assert code == 0
    (bus,) = json.loads(out)
    assert (bus["bus"], bus["protocol"], bus["asked"], bus["reason"]) == ("line", "modbus", 2, None)
    three, nine = bus["units"]
    assert (three["unit"], three["answers"], three["device"], three["profile"], three["bad"]) == (3, True, "hvac-03", HVAC, {})
    assert 5 <= three["values"]["setpoint"] <= 35
    assert (nine["unit"], nine["answers"], nine["device"], nine["looks_like"]) == (9, True, None, [METER])


async def test_a_device_of_another_model_is_told(tmp_path: Path) -> None:
    """Somebody answers at the configured unit, but cannot be what the site says."""
    async with line("tcp", tmp_path, [placed("meter", 3, METER)]) as config:
        code, out, _ = await scan(config, "--units", "3")
    assert code == 1
    assert "  unit 3: answers, configured as meter (DTSU666), but no point can be read: Modbus exception 2: illegal data address\n" in out


async def test_a_device_beyond_the_ids_of_a_serial_line_is_asked_too(make_slave: type[Slave], tmp_path: Path) -> None:
    """On TCP the site may have a device at 255, which means whoever is connected; without --units it is asked after all others."""
    slave = make_slave("tcp")
    slave.script = lambda asked: slave.exception(asked, 11)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "site.yaml").write_text(yaml.safe_dump(site([placed("far", 255, HVAC)])), encoding="utf-8")
    config = tmp_path / "gw.yaml"
    async with slave.bus() as bus:
        settings = {"gateway": "gw", "site": "./site", "data": "data", "buses": {"line": {"port": bus.port}}}
        config.write_text(yaml.safe_dump(settings), encoding="utf-8")
        _, out, err = await scan(config, "--bus", "line")
    assert "  unit 255: silent, but configured as far (BAC-002ALN): the gateway before it says that it does not answer: " in out
    assert err.startswith("line: asking 248 unit ids, ")
    assert [a.unit for a in slave.asked] == [*range(1, 248), 255, 255]


async def test_a_bus_that_cannot_be_reached_is_told_once(tmp_path: Path) -> None:
    """Without a listener the scan ends at once, with the reason and exit code 1."""
    async with line("tcp", tmp_path, AS_WIRED) as config:
        gone = config
    code, out, _ = await scan(gone, "--bus", "line")
    assert code == 1
    assert re.fullmatch(r"  no connection to 127\.0\.0\.1:\d+: refused, nothing listens there", "\n".join(out.splitlines()[1:]))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--bus", "x"], "jieyue-edge: --bus: expected one of line, pub, got 'x'\n"),
        (["--units", "0-4"], "jieyue-edge scan: argument --units: expected a unit id from 1 to 247, got '0'\n"),
        (["--units", "9-4"], "jieyue-edge scan: argument --units: expected units such as 1-40 or 1,3,7-9, got '9-4'\n"),
        (["--wait", "0"], "jieyue-edge scan: argument --wait: expected seconds from 0.01 to 60, got '0'\n"),
        (["--wait", "\uff11"], "jieyue-edge scan: argument --wait: expected a number such as 1234.5, got '\uff11'\n"),
    ],
)
async def test_wrong_options_are_one_line(options: list[str], said: str, tmp_path: Path) -> None:
    """What cannot be scanned is named before anything is asked."""
    async with line("tcp", tmp_path, AS_WIRED) as config:
        assert await scan(config, *options) == (2, "", said)
