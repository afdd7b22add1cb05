"""The simulated site as a program: endpoints, journal, and a command line that says what is wrong."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from pymodbus.client import AsyncModbusTcpClient

from contract.clock import Clock
from contract.operation import Text
from contract.reading import Row
from protocols.base import BusContext
from protocols.jt808.driver.listener import Listener
from protocols.jt808.model import Bus as Cars
from protocols.jt808.model import Device as Car
from protocols.modbus.device.server import Answer
from simulators.__main__ import main
from simulators.alone import lone_device
from simulators.journal import Journal
from simulators.site import simulate
from tests.waiting import beside

METER = "electricity/chint-dtsu666"


async def test_a_site_writes_where_its_devices_are_and_what_they_answered(tmp_path: Path) -> None:
    """endpoints.json leads any client to each device, and the journal holds what that client saw."""
    async with simulate(lone_device(METER, unit_id=5), tmp_path, Clock()):
        told = json.loads((tmp_path / "endpoints.json").read_text(encoding="utf-8"))["modbus"][0]
        assert (told["device"], told["framing"], told["unit"], told["profile"]) == ("device", "tcp", 5, METER)
        client = AsyncModbusTcpClient(told["host"], port=told["port"], retries=0)
        assert await client.connect()
        seen = (await client.read_holding_registers(0x101E, count=2, device_id=5)).registers
        client.close()
    row = json.loads((tmp_path / "journal.jsonl").read_text(encoding="utf-8"))
    assert (row["device"], row["address"], row["count"], row["values"]) == ("device", 0x101E, 2, seen)
    assert row["requested"] <= row["answered"]


def test_a_journal_flushed_by_answer_is_readable_at_once(tmp_path: Path) -> None:
    """With flush_each a line stands in the file before the next answer; a full file is kept once more."""
    answer = Answer("d", 3, 0, 1, (7,), 10, 11)
    with Journal(tmp_path / "j.jsonl", flush_each=True, limit=300) as journal:
        journal(answer)
        line = (tmp_path / "j.jsonl").read_text(encoding="utf-8")
        assert json.loads(line) == {
            "device": "d", "function": 3, "address": 0, "count": 1, "values": [7], "requested": 10, "answered": 11, "exception": 0,
        }  # fmt: skip
        for _ in range(3):
            journal(answer)
    kept = [(tmp_path / name).read_text(encoding="utf-8") for name in ("j.jsonl.1", "j.jsonl")]
    assert [text.count("\n") for text in kept] == [2, 2]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["device", "--profile", METER, "--port", "70000"], "expected a port"),
        (["device", "--profile", "electricity/none", "--port", "0"], "none.yaml: cannot be read"),
        (["device", "--profile", METER], "--port"),
        (["site", "--site", "/no/such", "--data", "x"], "no such folder"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_bad_input_is_one_line_and_code_2(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is wrong, one line names it and the program ends with 2."""
    try:
        code: object = main(argv)
    except SystemExit as end:
        code = end.code
    error = capsys.readouterr().err
    assert code == 2
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("argv", [["--help"], ["site", "--help"], ["device", "--help"]])
def test_each_command_explains_itself(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """--help prints the usage and ends with 0."""
    with pytest.raises(SystemExit, match="0"):
        main(argv)
    assert "usage: jieyue-sim" in capsys.readouterr().out


async def test_a_device_serves_until_it_is_told_to_stop() -> None:
    """The command prints its address, answers there, and SIGTERM ends it with 0."""
    program = [sys.executable, "-m", "simulators", "device", "--profile", METER, "--port", "0"]
    process = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    port = int(line.split("127.0.0.1:")[1].split(",")[0])
    client = AsyncModbusTcpClient("127.0.0.1", port=port, retries=0)
    assert await client.connect()
    assert not (await client.read_holding_registers(0x2012, count=2, device_id=1)).isError()
    client.close()
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


async def test_a_terminal_alone_calls_the_listener(tmp_path: Path) -> None:
    """The command says whom it calls; the gateway's listener hears its fixes, by the phone that was given."""
    car = Car(id="car", name=Text(zh="车", en="Car"), profile="vehicle/jtt808-terminal", bus="cars", phone="013900139000")
    heard, faults = asyncio.Event(), list[str]()

    async def commit(rows: Sequence[Row]) -> None:
        if any("speed" in row.values for row in rows):
            heard.set()

    bus = Cars.model_validate({"id": "cars", "gateway": "gw", "protocol": "jt808", "port": 0})
    listener = Listener(BusContext(bus, [car], Clock(), commit, faults.append, folder=tmp_path))
    async with beside(listener.run()):
        await asyncio.wait_for(listener.listening.wait(), 10)
        program = [sys.executable, "-m", "simulators", "device", "--profile", car.profile, "--jt808", f"127.0.0.1:{listener.port}"]
        process = await asyncio.create_subprocess_exec(*program, "--set", f"phone={car.phone}", stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        assert (await process.stdout.readline()).decode().endswith(f" calls 127.0.0.1:{listener.port}\n")
        await asyncio.wait_for(heard.wait(), 30)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
