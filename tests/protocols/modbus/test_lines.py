"""Lines as the field has them: deaf, echoing, noisy, behind gateways that answer for others, and devices that refuse a block."""

from __future__ import annotations

import asyncio
import errno
import itertools
import termios
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contract.clock import Clock
from contract.site import Site
from edge.app import Gateway
from edge.settings import Settings
from protocols.base import BusContext, DriverError, NoAnswerError
from protocols.modbus.codec import frames
from protocols.modbus.codec.frames import Frame
from protocols.modbus.driver.master import Modbus
from protocols.modbus.model import Bus
from tests import modbus_devices as devices
from tests.modbus_devices import device, nothing_kept, profile
from tests.sites import fields

if TYPE_CHECKING:
    from tests.slave import Asked, Slave

VOLTS = {"unit": "V"}
TWO = {"voltage_a": VOLTS | {"address": 0}, "voltage_b": VOLTS | {"address": 100}}
"""Two blocks of one register."""
FRAMINGS = pytest.mark.parametrize("framing", ["tcp", "rtu_over_tcp", "rtu"])
NO_ID = pytest.mark.parametrize("framing", ["rtu_over_tcp", "rtu"])


Driven = Callable[..., Any]


@pytest.fixture
def driven(monkeypatch: pytest.MonkeyPatch) -> Driven:
    """Drives a slave's line; the patch is the fixture's, for tests that patch nothing else."""
    return partial(devices.driven, monkeypatch)


@FRAMINGS
async def test_the_guard_holds_on_every_framing(framing: str, make_slave: type[Slave], driven: Driven) -> None:
    """A slave that is deaf for 50 ms after each answer is asked when it hears again."""
    slave, heard = make_slave(framing), list[float]()

    def script(asked: Asked) -> bytes:
        now = asyncio.get_running_loop().time()
        deaf = bool(heard) and now - heard[-1] < 0.05
        heard.append(now)
        return b"" if deaf else slave.answer(asked)

    slave.script = script
    async with driven(slave, profile(TWO), guard_ms=100) as driver:
        for _ in range(2):
            assert (await driver.read(device(1))).values == {"voltage_a": 100.0, "voltage_b": 103.0}
    assert len(heard) == 4
    assert all(later - earlier >= 0.1 for earlier, later in itertools.pairwise(heard))


def test_without_a_setting_the_silence_is_what_the_framing_needs() -> None:
    """3.5 characters on a serial line, never less than 1.75 ms; a network needs none, a serial server 5 ms."""
    bus = {"id": "b", "gateway": "g", "protocol": "modbus"}

    def silence(**more: object) -> float:
        return Bus.model_validate(bus | more).guard()

    assert silence(framing="rtu", baud=9600) == pytest.approx(3.5 * 10 / 9600)
    assert silence(framing="rtu", baud=2400, parity="E") == pytest.approx(3.5 * 11 / 2400)
    assert silence(framing="rtu", baud=115200) == 0.00175
    assert (silence(framing="rtu_over_tcp"), silence(framing="tcp"), silence(framing="tcp", guard_ms=7)) == (0.005, 0.0, 0.007)


@pytest.mark.parametrize("framing", ["tcp", "rtu_over_tcp"])
async def test_a_pause_after_connecting_lets_a_device_come_to_itself(framing: str, make_slave: type[Slave], driven: Driven) -> None:
    """What is said in the first 0.4 s of a connection is not heard; the first request is sent after them."""
    slave = make_slave(framing)
    slave.script = lambda asked: slave.answer(asked) if asyncio.get_running_loop().time() - slave.connected_at >= 0.4 else b""
    async with driven(slave, profile(TWO), pause_after_connect_ms=500) as driver:
        assert (await driver.read(device(1))).bad == {}


async def test_a_connection_that_rests_is_kept_alive(make_slave: type[Slave], driven: Driven) -> None:
    """One register is read whenever the line has rested that long, so that a device that hangs up does not; and not after the end."""
    slave, often = make_slave("tcp"), asyncio.Event()

    def script(asked: Asked) -> bytes:
        if len(slave.asked) >= 6:
            often.set()
        return slave.answer(asked)

    slave.script = script
    async with driven(slave, profile(TWO), keep_alive=0.05) as driver:
        await driver.read(device(1))
        async with asyncio.timeout(10):
            await often.wait()
        keeping = driver._keeping
        assert {(a.function, a.count) for a in slave.asked} == {(3, 1)}
        assert slave.connections == 1
    assert keeping.done()


async def test_a_device_that_hung_up_between_two_polls_is_connected_to_anew(make_slave: type[Slave], driven: Driven) -> None:
    """Its closing is seen before the next request, so that no poll is lost."""
    slave = make_slave("tcp")
    slave.hang_up = True
    async with driven(slave, profile({"voltage_a": TWO["voltage_a"]})) as driver:
        for _ in range(2):
            assert (await driver.read(device(1))).values == {"voltage_a": 100.0}
            await driver._wire._connection.more(time.monotonic() + (10 if slave.connections == 1 else 0))
    assert slave.connections == 2


def echoed(slave: Slave, asked: Asked) -> bytes:
    """The request as the line repeats it."""
    pdu = asked.function.to_bytes(1, "big") + asked.address.to_bytes(2, "big") + asked.count.to_bytes(2, "big")
    return slave.frame(asked, pdu)


@NO_ID
async def test_an_echo_of_the_request_is_not_its_answer(framing: str, make_slave: type[Slave], driven: Driven) -> None:
    """With `echo` the line's own repetition goes by: of a read, and of a write, whose answer looks just like it."""
    slave = make_slave(framing)
    points = {"lock": {"address": 7, "writable": True, "values": {26: "locked"}}} | TWO
    slave.script = lambda asked: echoed(slave, asked) + slave.answer(asked)
    async with driven(slave, profile(points), echo=True) as driver:
        assert (await driver.read(device(1))).values == {"lock": 107.0, "voltage_a": 100.0, "voltage_b": 103.0}
        slave.script = lambda asked: echoed(slave, asked) + (slave.exception(asked, 4) if asked.function == 6 else slave.answer(asked))
        with pytest.raises(DriverError, match=r"^Modbus exception 4"):
            await driver.write(device(1), "lock", 26)


@NO_ID
async def test_an_echo_that_does_not_come_is_said(framing: str, make_slave: type[Slave], driven: Driven) -> None:
    """An adapter that suppresses it after all."""
    slave = make_slave(framing)
    async with driven(slave, profile(TWO), echo=True) as driver:
        with pytest.raises(NoAnswerError, match="did not repeat the request, as echo: true says"):
            await driver.read(device(1))


@NO_ID
@pytest.mark.parametrize("noise", [b"\x00", b"\xff", b"\x00\xff\x00", b"\x01", b"\x01\x03", b"\x01\x03\xfa", b"\x01\x83"])
async def test_noise_before_an_answer_is_skipped(framing: str, noise: bytes, make_slave: type[Slave], driven: Driven) -> None:
    """A line that is switched on says something; even where it looks like the beginning of a long frame."""
    slave = make_slave(framing)
    slave.script = lambda asked: noise + slave.answer(asked)
    async with driven(slave, profile(TWO)) as driver:
        assert (await driver.read(device(1))).bad == {}
    assert len(slave.asked) == 2


@FRAMINGS
async def test_a_line_that_never_stops_talking_holds_nobody(framing: str, make_slave: type[Slave], driven: Driven) -> None:
    """Noise without an end, a little at each turn of the loop, is no answer in time; the device has no more time than a silent one."""
    slave, loop = make_slave(framing), asyncio.get_running_loop()
    talking = True

    def babble() -> None:
        if talking:
            slave.say(b"\x55\xaa\x55")
            loop.call_soon(babble)

    def script(_: Asked) -> bytes:
        loop.call_soon(babble)
        return b""

    slave.script = script
    async with asyncio.timeout(10), driven(slave, profile(TWO)) as driver:
        with pytest.raises(NoAnswerError, match="no answer in time"):
            await driver.read(device(1))
        talking = False
    assert len(slave.asked) == 1


@given(st.binary(max_size=40), st.binary(min_size=2, max_size=60), st.integers(1, 247), st.lists(st.integers(1, 110), max_size=8))
def test_a_frame_is_found_behind_any_noise_however_it_is_cut(noise: bytes, body: bytes, unit: int, cuts: list[int]) -> None:
    """Whatever comes before it and in whatever pieces: the frame that comes out is the one that was said."""
    assume(frames.take_rtu(bytearray(noise)) is None)
    said = frames.rtu(unit, bytes([3, 2 * (len(body) // 2)]) + body[: len(body) // 2 * 2])
    line, received, found = noise + said, bytearray(), None
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(line)], strict=True):
        received += line[start:end]
        found = found or frames.take_rtu(received, said[:3])
    assert found == Frame(unit, 3, said[2:-2], refused=False)


@given(st.binary(max_size=300))
def test_no_noise_breaks_the_search_for_frames(noise: bytes) -> None:
    """Any bytes: a frame with a good checksum, or none; never a fault."""
    for take in (frames.take_rtu, frames.take_tcp):
        received = bytearray(noise)
        found = take(received)
        assert found is None or len(received) < len(noise)


HOLES = {"voltage_a": VOLTS | {"address": 0}, "voltage_b": VOLTS | {"address": 2}, "voltage_c": VOLTS | {"address": 3}}


def lacking(slave: Slave, *registers: int) -> Callable[[Asked], bytes]:
    """A slave without these registers, which refuses any read that touches one."""

    def script(asked: Asked) -> bytes:
        touched = range(asked.address, asked.address + asked.count)
        return slave.exception(asked, 2) if any(r in touched for r in registers) else slave.answer(asked)

    return script


@FRAMINGS
async def test_a_merged_block_that_is_refused_is_split_and_remembered(framing: str, make_slave: type[Slave], driven: Driven) -> None:
    """A hole that may not be read through: each point comes with the first poll, and the next asks around the hole at once."""
    slave = make_slave(framing)
    slave.script = lacking(slave, 1)
    async with driven(slave, profile(HOLES)) as driver:
        for _ in range(2):
            row = await driver.read(device(1))
            assert (row.values, row.bad) == ({"voltage_a": 100.0, "voltage_b": 102.0, "voltage_c": 103.0}, {})
    assert [(a.address, a.count) for a in slave.asked] == [(0, 4), (0, 1), (2, 2), (0, 1), (2, 2)]


async def test_a_point_that_a_version_lacks_costs_only_itself(make_slave: type[Slave], driven: Driven) -> None:
    """Eight neighbours of which one is refused: seven are read, in few requests, and the eighth is bad with the reason."""
    names = [f"{quantity}_{phase}" for quantity in ("voltage", "current") for phase in "abc"] + ["frequency", "power_factor"]
    units = {"v": "V", "c": "A", "f": "Hz", "p": "1"}
    points = {name: {"address": n, "unit": units[name[0]], "scale": 0.001} for n, name in enumerate(names)}
    slave = make_slave("tcp")
    slave.script = lacking(slave, 5)
    async with driven(slave, profile(points)) as driver:
        await driver.read(device(1))
        slave.asked = []
        row = await driver.read(device(1))
    assert row.values.keys() == set(names) - {"current_c"}
    assert row.bad == {"current_c": "Modbus exception 2: illegal data address"}
    assert [(a.address, a.count) for a in slave.asked] == [(0, 4), (4, 1), (5, 1), (6, 2)]


async def test_a_device_that_refuses_every_part_is_asked_as_a_whole_again(make_slave: type[Slave], driven: Driven) -> None:
    """Splitting that brings nothing is tried once, so that a wrong device does not fill the line."""
    slave = make_slave("tcp")
    slave.script = lambda asked: slave.exception(asked, 2)
    async with driven(slave, profile(HOLES)) as driver:
        for _ in range(2):
            with pytest.raises(DriverError, match="exception 2"):
                await driver.read(device(1))
            asked, slave.asked = len(slave.asked), []
        assert asked == 1
        slave.script = slave.answer
        assert (await driver.read(device(1))).bad == {}


def absent(slave: Slave, code: int) -> Callable[[Asked], bytes]:
    """A gateway behind which unit 1 is missing."""
    return lambda asked: slave.exception(asked, code) if asked.unit == 1 else slave.answer(asked)


async def test_a_gateway_that_answers_for_an_absent_slave_is_its_silence(make_slave: type[Slave], driven: Driven) -> None:
    """Exception 0x0B, and 0x0A: the device is not asked for its other blocks, and its neighbour on the same gateway is read."""
    for code in (10, 11):
        slave = make_slave("tcp")
        slave.script = absent(slave, code)
        async with driven(slave, profile(TWO), (1, 2)) as driver:
            with pytest.raises(NoAnswerError, match=f"the gateway before it says that it does not answer: Modbus exception {code}"):
                await driver.read(device(1))
            assert len(slave.asked) == 1
            assert not await driver.answers(1, 0.3)
            assert (await driver.read(device(2))).bad == {}
        assert slave.connections == 1


@NO_ID
async def test_a_refusal_that_may_be_late_settles_nothing(framing: str, make_slave: type[Slave], driven: Driven) -> None:
    """An exception tells no length: the late refusal of one read is not taken for that of the next, whose answer is then awaited too."""
    points = {"voltage_a": VOLTS | {"address": 0}, "voltage_b": VOLTS | {"address": 100}, "voltage_c": VOLTS | {"address": 101}}
    slave, owed = make_slave(framing), list[bytes]()

    def script(asked: Asked) -> bytes:
        said = b"".join(owed)
        owed.clear()
        if len(slave.asked) == 1:
            owed.append(slave.exception(asked, 4))
            return b""
        if len(slave.asked) == 2:
            owed.append(slave.answer(asked))
            return said
        return said + slave.answer(asked)

    slave.script = script
    async with driven(slave, profile(points)) as driver:
        with pytest.raises(NoAnswerError):
            await driver.read(device(1))
        row = await driver.read(device(1))
    assert (row.values, row.bad) == ({"voltage_a": 100.0, "voltage_b": 103.0, "voltage_c": 104.0}, {})
    assert [(a.function, a.address, a.count) for a in slave.asked] == [(3, 0, 1), (3, 100, 2), (4, 0, 1), (3, 0, 1), (3, 100, 2)]


WRONG_ID: dict[str, Callable[[int], int]] = {
    "always 0": lambda _: 0,
    "always one more": lambda tid: (tid + 1) & 0xFFFF,
    "always the same": lambda _: 4711,
}


@pytest.mark.parametrize("how", WRONG_ID)
async def test_a_device_that_does_not_repeat_transaction_ids(how: str, make_slave: type[Slave], driven: Driven) -> None:
    """Refused with what came and the setting that helps; with the setting it is read, and a late answer still is no value."""
    slave = make_slave("tcp")
    slave.script = lambda asked: slave.answer(replace(asked, tid=WRONG_ID[how](asked.tid)))
    async with driven(slave, profile(TWO)) as driver:
        for _ in range(3):
            with pytest.raises(DriverError, match=r"it has transaction id \d+ where \d+ was asked; .* transaction_ids: ignored"):
                await driver.read(device(1))
    async with driven(slave, profile(TWO), transaction_ids="ignored") as driver:
        right = await driver.read(device(1))
        assert right.values == {"voltage_a": 100.0, "voltage_b": 103.0}
        plain, owed = slave.script, list[bytes]()

        def late(asked: Asked) -> bytes:
            owed.append(plain(asked))
            return owed[-2] if len(owed) > 1 else b""

        slave.script = late
        for _ in range(5):
            try:
                row = await driver.read(device(1))
            except DriverError:
                continue
            assert row.values.items() <= right.values.items()


async def test_a_device_that_answers_by_another_unit_id(make_slave: type[Slave], driven: Driven) -> None:
    """255 and 0 mean whoever is connected; any other id is checked, its reason says who answered, and a setting lets it pass."""
    slave = make_slave("tcp")
    slave.script = lambda asked: slave.answer(replace(asked, unit=0))
    one = profile({"voltage_a": VOLTS | {"address": 50}})
    async with driven(slave, one) as driver:
        assert (await driver.read(device(255))).values == {"voltage_a": 50.0}
        with pytest.raises(NoAnswerError, match="no answer in time; unit 0 answered where 5 was asked"):
            await driver.read(device(5))
    async with driven(slave, one, unit_ids="ignored") as driver:
        assert (await driver.read(device(5))).values == {"voltage_a": 50.0}


async def test_what_came_instead_of_the_answer_is_said(make_slave: type[Slave], driven: Driven) -> None:
    """Another function, another length: in words."""
    slave = make_slave("tcp")
    async with driven(slave, profile(HOLES)) as driver:
        slave.script = lambda asked: slave.answer(replace(asked, function=4))
        with pytest.raises(DriverError, match="fit the request: 4 registers by function 4 where 4 registers by function 3 was asked"):
            await driver.read(device(1))
        slave.script = lambda asked: slave.answer(replace(asked, count=2))
        with pytest.raises(DriverError, match="fit the request: 2 registers by function 3 where 4 registers by function 3 was asked"):
            await driver.read(device(1))


async def test_a_port_that_is_not_there_is_said(driven: Driven, make_slave: type[Slave]) -> None:
    """A missing serial port, a name that nobody knows, and a serial port that somebody else has."""
    slave = make_slave("rtu")
    async with driven(slave, profile(TWO), serial_port="/dev/ttyUSB99") as driver:
        with pytest.raises(NoAnswerError, match=r"^no connection to /dev/ttyUSB99: No such file or directory$"):
            await driver.read(device(1))
    async with driven(make_slave("tcp"), profile(TWO), host="no-such-host.invalid") as driver:
        with pytest.raises(NoAnswerError, match=r"^no connection to no-such-host.invalid:\d+: unknown host$"):
            await driver.read(device(1))
    async with slave.bus() as bus:
        first, second = (Modbus(BusContext(bus, [device(1)], Clock(), nothing_kept, lambda _: None)) for _ in range(2))
        await first.read(device(1))
        with pytest.raises(NoAnswerError, match="another program has it open"):
            await second.read(device(1))
        await first.close()
        await second.close()


async def test_a_serial_port_that_vanishes_is_read_again_when_it_is_back(
    make_slave: type[Slave], driven: Driven, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adapter pulled out in the middle, pulled out while it is opened, and put in again under the same name."""
    slave, port = make_slave("rtu"), tmp_path / "ttyUSB0"
    async with driven(make_slave("rtu"), profile(TWO), serial_port=str(port)) as driver:
        for _ in range(3):
            with slave.line() as name:
                port.symlink_to(name)
                assert (await driver.read(device(1))).bad == {}
                with monkeypatch.context() as pulled:
                    pulled.setattr(termios, "tcflush", _gone)
                    await driver.close()
                    with pytest.raises(NoAnswerError, match=r"ttyUSB0: Input/output error$"):
                        await driver.read(device(1))
                assert (await driver.read(device(1))).bad == {}
            with pytest.raises(NoAnswerError):
                await driver.read(device(1))
            port.unlink()
            with pytest.raises(NoAnswerError, match=r"ttyUSB0: No such file or directory$"):
                await driver.read(device(1))


def _gone(*_: object) -> None:
    raise termios.error(errno.EIO, "Input/output error")


async def test_with_a_connection_each_nobody_waits_for_a_silent_neighbour(
    make_slave: type[Slave], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that says nothing for 30 s has one request in flight; the other is polled meanwhile, by a connection of its own."""
    monkeypatch.setattr("contract.site.load_profile", lambda _: profile(TWO, timeout=30.0))
    slave, often = make_slave("tcp"), asyncio.Event()

    def script(asked: Asked) -> bytes:
        if len([a for a in slave.asked if a.unit == 2]) >= 10 and any(a.unit == 1 for a in slave.asked):
            often.set()
        return b"" if asked.unit == 1 else slave.answer(asked)

    slave.script = script
    async with slave.bus() as bus:
        shared = {"name": {"zh": "表", "en": "Meter"}, "profile": "test", "bus": "bus", "interval": 0.05}
        each = [{"id": f"d{unit}", "unit_id": unit} | shared for unit in (1, 2)]
        site = Site.model_validate(fields(buses=[bus.model_dump() | {"connections": "each"}], devices=each))
        settings = Settings.model_validate({"gateway": "gw", "site": "s", "data": tmp_path, "clock": "trusted", "broker": {"port": 1}})
        gateway = Gateway(settings, site, Clock())
        running = asyncio.create_task(gateway.run())
        async with asyncio.timeout(20):
            await often.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        gateway.outbox.close()
    assert slave.connections == 2
    assert [a.unit for a in slave.asked].count(1) == 1
