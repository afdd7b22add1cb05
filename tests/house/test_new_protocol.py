"""A protocol is a folder: one that is added beside the product, with settings of its own, works in every program."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract import sparkplug
from edge.outbox.outbox import Outbox
from simulators.stack.broker import free_port
from tests.sites import fields
from tests.waiting import until

PROFILE = """\
maker: Trial
model: T1
class: hvac
protocol: trial
sources: [this test]
interval: 0.5
points:
  setpoint: {word: wanted, unit: degC, writable: true, limits: {min: 5, max: 35}}
  room_temperature: {word: warm, unit: degC}
  fault: {word: alarm, values: {0: none, 1: fault}}
"""
SITE_FILE, PROFILE_FILE = "site/site.yaml", "profiles/hvac/trial.yaml"
HELLO = "greeting: hello"
NAME = {"zh": "站", "en": "Station"}
SITE = fields(
    buses=[{"id": "b", "gateway": "gw", "protocol": "trial", "greeting": "hello"}],
    devices=[{"id": "s2", "name": NAME, "profile": "hvac/trial", "bus": "b", "station": 2}],
    zones=[{"id": "z", "name": NAME, "device": "s2"}],
)


class Place:
    """A folder with the protocol as it would be installed, a profile and a site."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(Path(__file__).with_name("trial_protocol"), folder / "installed" / "trial_protocol")
        about = folder / "installed" / "trial-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: trial\nVersion: 1.0\n", encoding="utf-8")
        (about / "entry_points.txt").write_text("[jieyue.protocols]\ntrial = trial_protocol\n", encoding="utf-8")
        self.write(PROFILE_FILE, PROFILE)
        self.write(SITE_FILE, yaml.safe_dump(SITE, sort_keys=False, allow_unicode=True))
        self.write("gw.yaml", yaml.safe_dump({"gateway": "gw", "site": "./site", "data": "./data", "clock": "trusted"}))
        self.environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, [str(folder / "installed"), os.environ.get("PYTHONPATH", "")])),
            "JIEYUE_PROFILES": str(folder / "profiles"),
        }

    def write(self, name: str, text: str) -> None:
        """A file of the folder."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text, encoding="utf-8")

    async def edge(self, *arguments: str) -> tuple[int | None, str, str]:
        """Exit code, output and errors of a command of the gateway."""
        command, *rest = arguments
        process = await self.start("edge", command, "--config", str(self.folder / "gw.yaml"), *rest)
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """A program that sees the protocol."""
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", *arguments, env=self.environment, stdout=pipe, stderr=pipe, cwd=self.folder
        )

    @asynccontextmanager
    async def played(self) -> AsyncIterator[None]:
        """The simulated station; the gateway's own file says where it is."""
        process = await self.start("simulators", "site", "--site", str(self.folder / "site"), "--data", str(self.folder / "played"))
        told = self.folder / "played" / "endpoints.json"
        try:
            await until(lambda: told.exists() or process.returncode is not None)
            (entry,) = json.loads(told.read_text(encoding="utf-8"))["trial"]
            settings = yaml.safe_load((self.folder / "gw.yaml").read_text(encoding="utf-8"))
            self.write("gw.yaml", yaml.safe_dump(settings | {"buses": {"b": {"port": entry["port"]}}}))
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            await process.communicate()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """The protocol beside the product, and a site that speaks it."""
    return Place(tmp_path)


async def test_a_protocol_that_cannot_be_loaded_stops_nobody_else(place: Place) -> None:
    """Half uninstalled, it is told in one line to whoever asks for it; a gateway with other buses does not mind."""
    (place.folder / "installed" / "trial_protocol" / "model.py").write_text("import no_such_library\n", encoding="utf-8")
    code, _, said = await place.edge("check")
    assert code == 2
    assert "buses.0: the protocol trial cannot be loaded: No module named 'no_such_library'" in said
    assert "Traceback" not in said
    place.write(SITE_FILE, yaml.safe_dump(fields(buses=[{"id": "b", "gateway": "gw", "protocol": "modbus", "port": 502}], devices=[])))
    assert await place.edge("check") == (0, "gw: 0 devices, 0 points, no fault found\n", "")


async def test_check_knows_its_fields(place: Place) -> None:
    """A site with its settings and a profile with its words are right as they stand."""
    assert await place.edge("check") == (0, "gw: 1 devices, 3 points, no fault found\n", "")


@pytest.mark.parametrize(
    ("file", "before", "after", "fault"),
    [
        (SITE_FILE, HELLO, "greeting: HELLO", "site/site.yaml:16: buses.0.greeting: String should match pattern"),
        (SITE_FILE, "  greeting: hello\n", "", "site/site.yaml:13: buses.0.greeting: Field required"),
        (SITE_FILE, HELLO, f"{HELLO}\n  baud: 2400", ""),
        (
            SITE_FILE,
            "greeting: hello",
            f"{HELLO}\n  echo: true",
            "buses.0.echo: expected none on trial: there is no",
        ),
        (
            SITE_FILE,
            "greeting: hello",
            f"{HELLO}\n  greetings: 1",
            "buses.0.greetings: Extra inputs are not permitted, got 1",
        ),
        (SITE_FILE, "station: 2", "station: 10", "devices.0.station: Input should be less than or equal to 9, got 10"),
        (SITE_FILE, "  station: 2\n", "", "devices.0.station: expected a station, since b speaks trial, got None"),
        (
            SITE_FILE,
            "protocol: trial",
            "protocol: mqtt",
            "buses.0.greeting: expected none on mqtt: there is no such thing",
        ),
        (PROFILE_FILE, "word: warm, ", "", "hvac/trial.yaml:9: points.room_temperature.word: Field required"),
        (
            PROFILE_FILE,
            "warm",
            "wanted",
            "trial.yaml:9: points.room_temperature.word: expected a place that no",
        ),
        (
            "gw.yaml",
            "gateway: gw",
            "gateway: gw\nbuses: {b: {port: 70000}}",
            "gw.yaml:4: buses.b.port: Input should be less than",
        ),
        (
            "gw.yaml",
            "gateway: gw",
            "gateway: gw\nbuses: {b: {portt: 7}}",
            "gw.yaml:4: buses.b.portt: Extra inputs are not permitted, got 7",
        ),
    ],
)
async def test_what_is_wrong_is_told_at_its_line(place: Place, file: str, before: str, after: str, fault: str) -> None:
    """With file, line, field and what was expected, as of every other protocol; a setting that was always passed over still is."""
    text = (place.folder / file).read_text(encoding="utf-8")
    assert text.count(before) == 1
    place.write(file, text.replace(before, after))
    code, _, err = await place.edge("check")
    assert (code, fault in err) == (2 if fault else 0, True), err


async def test_the_device_is_read_found_and_polled(place: Place) -> None:
    """One reading for a technician, what answers on the bus, and rows in the outbox: those that were asked for and those that came."""
    async with place.played():
        code, out, err = await place.edge("read", "s2")
        assert code == 0, err
        values = json.loads(out)["values"]
        assert values.keys() == {"setpoint", "room_temperature", "fault"}
        assert 5 <= values["setpoint"] <= 35
        code, out, err = await place.edge("scan", "--wait", "5")
        assert (code, err) == (0, "b: asking 3 stations, at most about 15 s for the silent ones\n")
        said = out.splitlines()
        assert said[0] == "b (trial)"
        assert said[1].startswith("  station 2: answers, configured as s2 (T1), 3 of 3 points good: ")
        assert said[2:] == ["  asked 3 stations: 1 of 1 configured devices answer, 0 others answer"]
        rows = await polled(place)
    assert {"setpoint", "room_temperature", "fault"} in rows
    assert {"fault"} in rows


async def polled(place: Place) -> list[set[str]]:
    """The points of each of the device's rows that a gateway keeps within its first seconds."""
    gateway = await place.start("edge", "run", "--config", str(place.folder / "gw.yaml"))
    try:
        await asyncio.sleep(4)
    finally:
        gateway.send_signal(signal.SIGTERM)
        _, err = await gateway.communicate()
    assert gateway.returncode == 0, err.decode()
    outbox = Outbox(place.folder / "data" / "outbox.db")
    try:
        kept = [row for row in outbox.pending(0, 1000) if row.device == "s2"]
        return [{m.name for m in sparkplug.decode(row.body).metrics if "/" not in m.name} for row in kept]
    finally:
        outbox.close()


async def test_its_device_is_served_alone(place: Place) -> None:
    """`jieyue-sim device` plays one of any installed protocol, with what the protocol says of a lone one or what a person says."""
    process = await place.start("simulators", "device", "--profile", "hvac/trial", "--port", "0", "--set", "station=3")
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        assert line.startswith("Trial T1 at 127.0.0.1:")
        port = int(line.rpartition(":")[2])
        site = yaml.safe_load((place.folder / SITE_FILE).read_text(encoding="utf-8"))
        place.write(SITE_FILE, yaml.safe_dump(site | {"devices": [site["devices"][0] | {"station": 3}]}, allow_unicode=True))
        settings = yaml.safe_load((place.folder / "gw.yaml").read_text(encoding="utf-8"))
        place.write("gw.yaml", yaml.safe_dump(settings | {"buses": {"b": {"port": port}}}))
        code, out, err = await place.edge("read", "s2")
        assert (code, err) == (0, "")
        assert json.loads(out)["values"].keys() == {"setpoint", "room_temperature", "fault"}
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert process.returncode == 0


async def test_buses_of_two_protocols_share_the_ports_from_a_first_one(place: Place) -> None:
    """With --listen each bus has a port of its own, whatever protocols they are of."""
    meter = {"id": "m", "name": NAME, "profile": "electricity/chint-dtsu666", "bus": "power", "unit_id": 1}
    site = SITE | {"buses": [{"id": "power", "gateway": "gw", "protocol": "modbus"}, *SITE["buses"]], "devices": [meter, *SITE["devices"]]}
    place.write(SITE_FILE, yaml.safe_dump(site, allow_unicode=True))
    first, data = free_port(), place.folder / "played"
    process = await place.start(
        "simulators", "site", "--site", str(place.folder / "site"), "--data", str(data), "--listen", f"127.0.0.1:{first}"
    )
    try:
        await until(lambda: (data / "endpoints.json").exists() or process.returncode is not None)
        told = json.loads((data / "endpoints.json").read_text(encoding="utf-8"))
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert [told[protocol][0]["port"] for protocol in ("modbus", "trial")] == [first, first + 1]


def test_an_editor_knows_its_fields(place: Place) -> None:
    """The JSON schemas are made of the models of all protocols that are found."""
    code = "from contract import schema; print(*map(schema.text, schema.SCHEMAS.values()))"
    done = subprocess.run([sys.executable, "-c", code], env=place.environment, capture_output=True, text=True, check=True, timeout=60)
    found: dict[str, Any] = {word: f'"{word}"' in done.stdout for word in ("greeting", "station", "word", "unit_id")}
    assert found == {"greeting": True, "station": True, "word": True, "unit_id": True}
