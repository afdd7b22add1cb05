"""The Modbus driver on real sockets: few requests, and no value that the device did not give as the answer to this request."""

from __future__ import annotations

import asyncio
import math
import os
import struct
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from contract.clock import Clock
from contract.profile import load_profile, profile_names
from edge.control.reasons import of_driver
from protocols.base import BusContext, DriverError, NoAnswerError, NotReadBackError
from protocols.modbus.codec.blocks import plan
from protocols.modbus.device.server import Answer, serve_bus
from protocols.modbus.driver.master import Modbus
from protocols.modbus.model import Bus, Device, Point, Profile
from simulators.alone import lone_device
from simulators.world.site_world import SiteWorld
from tests.modbus_devices import device, driven, nothing_kept, profile
from tests.models import one

if TYPE_CHECKING:
    from tests.slave import Asked, Slave

VOLTS: dict[str, Any] = {"unit": "V"}
THREE = {"voltage_a": VOLTS | {"address": 0}, "voltage_b": VOLTS | {"address": 100}, "voltage_c": VOLTS | {"address": 200}}
"""Three blocks of one register each: every answer looks like every other."""
WIDE = {
    "voltage_a": VOLTS | {"address": 0},
    "current_a": {"address": 1, "unit": "A"},
    "voltage_b": VOLTS | {"address": 100},
    "current_b": {"address": 101, "unit": "A"},
}
"""Two blocks of two registers each."""
FORMS = Path(__file__).parents[2] / "profiles" / "forms"
WALKED = [n for n in profile_names() if load_profile(n).protocol == "modbus"] + [str(p.with_suffix("")) for p in FORMS.glob("*.yaml")]
"""Every shipped profile, and those that have each form of a number."""
FRAMINGS = pytest.mark.parametrize("framing", ["tcp", "rtu_over_tcp", "rtu"])
NO_ID = pytest.mark.parametrize("framing", ["rtu_over_tcp", "rtu"])


def requests(slave: Slave) -> list[tuple[int, int, int]]:
    return [(a.function, a.address, a.count) for a in slave.asked]


async def test_points_are_read_with_the_fewest_requests(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """Neighbours, and points behind a hole that is not too wide, come with one request; the longest read is not exceeded."""
    addresses = {"voltage_a": 0, "voltage_b": 1, "voltage_c": 10, "current_a": 19, "current_b": 28, "current_c": 40}
    points = {name: {"address": a, "unit": name[0].replace("v", "V").replace("c", "A")} for name, a in addresses.items()}
    slave = make_slave("tcp")
    async with driven(monkeypatch, slave, profile(points, max_hole=8, max_registers=20)) as driver:
        row = await driver.read(device(1))
    assert requests(slave) == [(3, 0, 20), (3, 28, 1), (3, 40, 1)]
    assert row.values == {name: 100.0 + a for name, a in addresses.items()}


@pytest.mark.parametrize("name", WALKED)
def test_no_plan_of_a_shipped_profile_can_be_shorter(name: str) -> None:
    """The number of requests is the least that covers all points of each table within the profile's limits."""
    model = one(Profile, load_profile(name))
    blocks = plan(model)
    least = 0
    for table in {m.table for m in model.points.values()}:
        spans = sorted(m.span for m in model.points.values() if m.table is table)
        best = [0] + [10**6] * len(spans)
        for end in range(1, len(spans) + 1):
            for start in range(end):
                part = spans[start:end]
                length = max(s[1] for s in part) - part[0][0]
                holes = [b[0] - max(s[1] for s in part[: i + 1]) for i, b in enumerate(part[1:])]
                if len(part) == 1 or (length <= model.max_registers and max(holes) <= model.max_hole):
                    best[end] = min(best[end], best[start] + 1)
        least += best[-1]
    assert len(blocks) == least
    assert sorted(c.name for b in blocks for c in b.cells) == sorted(model.points)


@pytest.mark.parametrize("name", WALKED)
@pytest.mark.parametrize("framing", ["tcp", "rtu_over_tcp"])
async def test_the_driver_reads_of_each_profile_what_its_device_serves(name: str, framing: str) -> None:
    """Simulator and driver, each with its own arithmetic, agree on every point of every shipped profile."""
    site = lone_device(name, port=0, framing=framing)
    world, journal = SiteWorld(site, 1), list[Answer]()
    bus, placed = one(Bus, site.buses[0]), one(Device, site.devices[0])
    async with serve_bus(bus, [placed], world, Clock(), journal.append) as (host, port):
        there = bus.model_copy(update={"host": host, "port": port})
        driver = Modbus(BusContext(there, [placed], Clock(), nothing_kept, lambda _: None))
        row = await driver.read(placed)
        await driver.close()
    assert row.bad == {}
    held = world.values("device", journal[-1].requested_ms)
    assert row.values.keys() == held.keys()
    for point, value in held.items():
        mapped = placed.model.points[point]
        step = float(mapped.scale) * 1000.0 + abs(value or 0.0) * 1e-3  # the world goes on between two requests
        assert row.values[point] == pytest.approx(value, abs=step)
    assert len(journal) == len(plan(placed.model))


@FRAMINGS
async def test_an_exception_spoils_its_own_block_only(framing: str, make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """The points behind a refused request are bad with the exception's name; all others are good."""
    slave = make_slave(framing)
    slave.script = lambda asked: slave.exception(asked, 2) if asked.address == 100 else slave.answer(asked)
    async with driven(monkeypatch, slave, profile(THREE)) as driver:
        row = await driver.read(device(1))
    assert row.values == {"voltage_a": 100.0, "voltage_c": 106.0}
    assert row.bad == {"voltage_b": "Modbus exception 2: illegal data address"}


async def test_a_device_that_refuses_everything_is_an_error(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a single value there is no row, and the reason is the device's."""
    slave = make_slave("tcp")
    slave.script = lambda asked: slave.exception(asked, 4)
    async with driven(monkeypatch, slave, profile(THREE)) as driver:
        with pytest.raises(DriverError, match="Modbus exception 4: device failure"):
            await driver.read(device(1))
    assert len(slave.asked) == 3


async def test_what_is_no_value_is_bad_with_its_reason(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """A raw value that means "none", one outside of the plausible range and a float that is no number are never values."""
    points = {
        "room_temperature": {"address": 0, "type": "int16", "scale": 0.1, "unit": "degC", "invalid": [32767]},
        "setpoint": {"address": 1, "type": "int16", "scale": 0.1, "unit": "degC"},
        "power": {"address": 2, "type": "float32", "unit": "W"},
        "frequency": {"address": 4, "type": "float32", "unit": "Hz"},
        "voltage_a": {"address": 6, "scale": 0.1, "unit": "V"},
    }
    words = struct.pack(">hhffH", 32767, 900, math.nan, math.inf, 2304)
    slave = make_slave("tcp")
    slave.script = lambda asked: slave.frame(asked, bytes([3, len(words)]) + words)
    async with driven(monkeypatch, slave, profile(points)) as driver:
        row = await driver.read(device(1))
    assert row.values == {"voltage_a": 230.4}
    assert row.bad == {
        "room_temperature": "device says it has no value (32767)",
        "setpoint": "not plausible: 90",
        "power": "not a number",
        "frequency": "not a number",
    }


@FRAMINGS
@pytest.mark.parametrize("given", [2, 5, 6])
async def test_an_answer_of_another_length_is_none(
    framing: str, given: int, make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too few bytes, half a register more or too many give no value, and the next poll is right. Half a register ended the gateway."""
    slave = make_slave(framing)
    slave.script = lambda asked: slave.frame(asked, bytes([3, given]) + bytes(given))
    async with driven(monkeypatch, slave, profile(WIDE)) as driver:
        with pytest.raises(DriverError, match="does not fit"):
            await driver.read(device(1))
        slave.script = slave.answer
        assert (await driver.read(device(1))).values == {"voltage_a": 100, "current_a": 101, "voltage_b": 103, "current_b": 104}


GARBAGE: dict[str, Any] = {
    "another unit answers": lambda slave, asked: slave.answer(replace(asked, unit=asked.unit + 1)),
    "noise": lambda _slave, _asked: bytes(range(7, 200, 3)),
    "noise without an end": lambda _slave, _asked: bytes(3000),
    "a function that nobody has": lambda slave, asked: slave.frame(asked, b"\x55\x02\x00\x01"),
    "a count that lies": lambda slave, asked: (
        slave.frame(asked, b"\x03\xff\x00\x01") if slave.framing == "tcp" else b"\x01\x03\xff\x00\x01"
    ),
    "half an answer": lambda slave, asked: slave.answer(asked)[:-1],
    "a wrong checksum": lambda slave, asked: slave.answer(asked)[:-1] + b"\xaa" if slave.framing != "tcp" else b"\xff" * 9,
    "nothing": lambda _slave, _asked: b"",
}


@FRAMINGS
@pytest.mark.parametrize("what", GARBAGE)
async def test_nonsense_on_the_line_is_no_answer(
    framing: str, what: str, make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever comes instead of the answer: no value, a named reason, no traceback, and the next poll is right."""
    slave = make_slave(framing)
    slave.script = lambda asked: GARBAGE[what](slave, asked)
    async with driven(monkeypatch, slave, profile(WIDE)) as driver:
        with pytest.raises(DriverError, match=r"no answer in time|does not fit"):
            await driver.read(device(1))
        slave.script = slave.answer
        if framing == "tcp":
            await driver.close()  # bytes of half a frame would be the start of the next
        assert (await driver.read(device(1))).values == {"voltage_a": 100, "current_a": 101, "voltage_b": 103, "current_b": 104}
    assert not [r for r in caplog.records if r.exc_info]


@pytest.mark.parametrize("framing", ["tcp", "rtu_over_tcp"])
async def test_a_connection_cut_in_an_answer_is_opened_anew(framing: str, make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an answer and a closed connection give no value; the next poll finds its way by itself."""
    slave = make_slave(framing)
    slave.script, slave.hang_up = (lambda asked: slave.answer(asked)[:6]), True
    async with driven(monkeypatch, slave, profile(WIDE)) as driver:
        with pytest.raises(NoAnswerError, match="the connection was lost"):
            await driver.read(device(1))
        slave.script = slave.answer
        assert (await driver.read(device(1))).values == {"voltage_a": 100, "current_a": 101, "voltage_b": 103, "current_b": 104}
    assert slave.connections == 2


async def test_a_device_that_falls_silent_is_not_asked_on(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """The bus waits for one time-out, not for one a block; what was read before stays."""
    slave = make_slave("tcp")
    slave.script = lambda asked: slave.answer(asked) if asked.address == 0 else b""
    async with driven(monkeypatch, slave, profile(THREE)) as driver:
        row = await driver.read(device(1))
    assert row.values == {"voltage_a": 100.0}
    assert row.bad == {"voltage_b": "no answer in time", "voltage_c": "no answer in time"}
    assert len(slave.asked) == 2


class Slow:
    """Says each answer only when the next request comes, before it: always late, as a slave with a long queue is."""

    def __init__(self, slave: Slave) -> None:
        self.slave, self.owed = slave, list[bytes]()
        self.frozen = True

    def __call__(self, asked: Asked) -> bytes:
        """The answer to an older request, if there is one; once thawed, also the one to this."""
        self.owed.append(self.slave.answer(asked))
        if self.frozen and len(self.owed) == 1:
            return b""
        said, self.owed = (self.owed[:1], self.owed[1:]) if self.frozen else (self.owed, [])
        return said[0] if self.frozen else b"".join(said)


@NO_ID
@pytest.mark.parametrize("points", [THREE, WIDE], ids=["same", "wide"])
async def test_a_late_answer_is_never_taken_for_another(
    framing: str, points: dict[str, Any], make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often a slave answers one request too late, every value that is given is the one of its own register."""
    slave = make_slave(framing)
    slow = Slow(slave)
    async with driven(monkeypatch, slave, profile(points)) as driver:
        right = (await driver.read(device(1))).values
        slave.script = slow
        for _ in range(6):
            try:
                row = await driver.read(device(1))
            except DriverError:
                continue
            assert row.values.items() <= right.items()
        slave.script = slave.answer
        assert slow.owed


@NO_ID
async def test_a_slave_that_was_late_is_believed_again(framing: str, make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """After a late answer the slave is asked something that it cannot be mistaken for, and then as before."""
    slave = make_slave(framing)
    async with driven(monkeypatch, slave, profile(WIDE)) as driver:
        slave.script = lambda _: b""
        with pytest.raises(NoAnswerError):
            await driver.read(device(1))
        slave.script, slave.asked = slave.answer, []
        assert (await driver.read(device(1))).values == {"voltage_a": 100, "current_a": 101, "voltage_b": 103, "current_b": 104}
        assert requests(slave) == [(3, 0, 1), (3, 0, 2), (3, 100, 2)]
        slave.asked = []
        await driver.read(device(1))
        assert requests(slave) == [(3, 0, 2), (3, 100, 2)]


@NO_ID
async def test_where_all_answers_look_alike_another_function_is_asked(
    framing: str, make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slave with answers of one shape only is asked for a bit first: even its refusal shows that what it owed is past."""
    slave = make_slave(framing)
    async with driven(monkeypatch, slave, profile(THREE)) as driver:
        slave.script = lambda _: b""
        with pytest.raises(NoAnswerError, match="no answer in time"):
            await driver.read(device(1))
        slave.script = lambda asked: slave.answer(asked) if asked.function == 3 else slave.exception(asked, 1)
        slave.asked = []
        assert (await driver.read(device(1))).values == {"voltage_a": 100.0, "voltage_b": 103.0, "voltage_c": 106.0}
        assert requests(slave) == [(4, 0, 1), (3, 0, 1), (3, 100, 1), (3, 200, 1)]


@NO_ID
async def test_where_no_answer_can_be_told_apart_the_slave_is_left_alone(
    framing: str, make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slave that says nothing to other functions is not asked again until nothing can be late any more; its neighbours are."""
    slave = make_slave(framing)
    async with driven(monkeypatch, slave, profile(THREE), (1, 2)) as driver:
        slave.script = lambda asked: slave.answer(asked) if asked.unit == 2 else b""
        for _ in range(4):  # its own function and the three others
            with pytest.raises(NoAnswerError, match="no answer in time"):
                await driver.read(device(1))
        slave.script, slave.asked = slave.answer, []
        with pytest.raises(NoAnswerError, match="may still come"):
            await driver.read(device(1))
        assert slave.asked == []
        assert (await driver.read(device(2))).values["voltage_a"] == 200.0
        driver._wire._late._since[1] -= 6.0  # as if so many seconds had gone by
        assert (await driver.read(device(1))).values["voltage_a"] == 100.0


@NO_ID
async def test_what_comes_late_is_known_and_waited_for(framing: str, make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """The first late answer pays the debt while the neighbour is asked; the next one like it comes in time, and is a value."""
    slave = make_slave(framing)
    late = False

    def script(asked: Asked) -> bytes:
        if asked.unit == 1 and late:
            asyncio.get_running_loop().call_later(0.45, slave.say, slave.answer(asked))
            return b""
        return slave.answer(asked)

    slave.script = script
    async with driven(monkeypatch, slave, profile(WIDE), (1, 2)) as driver:
        late = True
        with pytest.raises(NoAnswerError, match="no answer in time"):
            await driver.read(device(1))
        slave.script = lambda asked: b"" if asked.unit == 2 else script(asked)
        with pytest.raises(NoAnswerError, match="unit 1 answered where 2 was asked"):
            await driver.read(device(2))
        slave.script, slave.asked = script, []
        assert (await driver.read(device(1))).values == {"voltage_a": 100, "current_a": 101, "voltage_b": 103, "current_b": 104}
        assert requests(slave) == [(3, 0, 2), (3, 100, 2)]


@NO_ID
async def test_the_first_late_answer_of_a_slave_that_answers_is_a_value(
    framing: str, make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one and a half time-outs it finds the line silent: nobody else was asked, and it is the answer to the one open request."""
    slave = make_slave(framing)
    async with driven(monkeypatch, slave, profile(THREE)) as driver:
        right = (await driver.read(device(1))).values

        def late(asked: Asked) -> bytes:
            asyncio.get_running_loop().call_later(0.45, slave.say, slave.answer(asked))
            return b""

        slave.script, slave.asked = late, []
        row = await driver.read(device(1))
    assert (row.values, row.bad) == (right, {})
    assert requests(slave) == [(3, 0, 1), (3, 100, 1), (3, 200, 1)]


async def test_on_tcp_a_late_answer_is_dropped_by_its_transaction_id(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection stays, the answer to the older request goes by, and the one to this request is taken."""
    slave = make_slave("tcp")
    slow = Slow(slave)
    async with driven(monkeypatch, slave, profile(THREE)) as driver:
        slave.script = slow
        with pytest.raises(NoAnswerError):
            await driver.read(device(1))
        slow.frozen = False
        assert (await driver.read(device(1))).values == {"voltage_a": 100.0, "voltage_b": 103.0, "voltage_c": 106.0}
    assert slave.connections == 1


async def test_on_tcp_an_answer_without_a_transaction_id_is_none(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """An id of 0 could belong to any request, so it belongs to none."""
    slave = make_slave("tcp")
    slave.script = lambda asked: slave.answer(replace(asked, tid=0))
    async with driven(monkeypatch, slave, profile(THREE)) as driver:
        with pytest.raises(DriverError, match="does not fit"):
            await driver.read(device(1))


async def test_a_tcp_line_that_stays_silent_is_opened_anew(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """After three requests without an answer the connection itself is doubted."""
    slave = make_slave("tcp")
    slave.script = lambda _: b""
    async with driven(monkeypatch, slave, profile(THREE)) as driver:
        for _ in range(4):
            with pytest.raises(NoAnswerError):
                await driver.read(device(1))
    assert slave.connections == 2


async def test_no_listener_is_a_named_reason(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """A bus that nobody serves is counted as a fault and gives no value."""
    monkeypatch.setattr("contract.site.load_profile", lambda _: profile(THREE))
    async with make_slave("tcp").bus() as bus:
        gone = bus
    counted: list[str] = []
    driver = Modbus(BusContext(gone, [device(1)], Clock(), nothing_kept, counted.append))
    reason = f"no connection to 127.0.0.1:{gone.port}: refused, nothing listens there"
    with pytest.raises(NoAnswerError, match=reason):
        await driver.read(device(1))
    assert counted == [reason]


@contextmanager
def null_modem() -> Iterator[tuple[str, str]]:
    """Two serial ports that are connected to each other."""
    loop = asyncio.get_running_loop()
    pairs = [os.openpty(), os.openpty()]
    for pair in pairs:
        for end in pair:
            tty.setraw(end)

    def carry(source: int, target: int) -> None:
        os.write(target, os.read(source, 1024))

    (left, _), (right, _) = pairs
    loop.add_reader(left, carry, left, right)
    loop.add_reader(right, carry, right, left)
    try:
        yield os.ttyname(pairs[0][1]), os.ttyname(pairs[1][1])
    finally:
        for near, far in pairs:
            loop.remove_reader(near)
            os.close(near)
            os.close(far)


async def test_a_serial_line_with_a_real_server_is_read() -> None:
    """Over a null modem the driver reads a pymodbus serial server with three unit ids, and an absent fourth is silent."""
    site = lone_device("gas/jieyue-gas-meter", port=0)
    devices = [one(Device, site.devices[0]).model_copy(update={"id": f"device-{unit}", "unit_id": unit}) for unit in (1, 2, 3, 4)]
    world = SiteWorld(site.model_copy(update={"devices": devices}), 1)
    clock = Clock(1_790_000_000_000, time.time(), 1e-9)  # the world stands still
    with null_modem() as (there, here):
        bus = one(Bus, site.buses[0]).model_copy(update={"framing": "rtu", "serial_port": there})
        async with serve_bus(bus, devices[:3], world, clock, lambda _: None):
            line = BusContext(bus.model_copy(update={"serial_port": here}), devices, Clock(), nothing_kept, lambda _: None)
            driver = Modbus(line)
            for placed in devices[:3]:
                row = await driver.read(placed)
                assert row.values["volume"] == pytest.approx(world.values(placed.id, clock.now_ms())["volume"], abs=0.001)
            with pytest.raises(NoAnswerError, match="no answer in time"):
                await driver.read(devices[3])
            assert (await driver.read(devices[0])).bad == {}
            await driver.close()


WRITES: dict[str, tuple[dict[str, Any], float, tuple[int, int, int]]] = {
    "one register": ({"address": 7, "scale": 0.1, "unit": "degC", "write_function": 6}, 26.5, (6, 7, 265)),
    "several registers": ({"address": 7, "type": "float32", "unit": "degC", "write_function": 16}, 21.5, (16, 7, 2)),
    "a coil": ({"table": "coil", "address": 7, "type": "bool", "unit": "1", "write_function": 5}, 1.0, (5, 7, 0xFF00)),
}


@FRAMINGS
@pytest.mark.parametrize("what", WRITES)
async def test_a_write_uses_the_function_of_the_profile_and_reads_back(
    framing: str, what: str, make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Functions 06, 16 and 05 go on the wire as the profile says; what is returned is what the device says afterwards."""
    mapped, value, wire = WRITES[what]
    point = "on" if wire[0] == 5 else "setpoint"
    more = {"writable": True, "values": {0: "off", 1: "on"}} if point == "on" else {"writable": True, "limits": {"min": 5, "max": 35}}
    held = {6: bytes([3, 2]) + struct.pack(">H", 265), 16: bytes([3, 4]) + struct.pack(">f", 21.5), 5: bytes([1, 1, 1])}[wire[0]]
    slave = make_slave(framing)
    slave.script = lambda asked: slave.frame(asked, held) if asked.function in {1, 3} else slave.answer(asked)
    async with driven(monkeypatch, slave, profile({point: mapped | more})) as driver:
        assert await driver.write(device(1), point, value) == value
    assert requests(slave)[0] == wire
    assert len(slave.asked) == 2


async def test_a_write_that_is_not_confirmed_says_how_far_it_came(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused write, one whose echo is another's, and one that cannot be read back are told apart."""
    model = profile({"setpoint": {"address": 7, "unit": "degC", "writable": True, "limits": {"min": 5, "max": 35}}})
    slave = make_slave("tcp")
    async with driven(monkeypatch, slave, model) as driver:
        slave.script = lambda asked: slave.exception(asked, 3)
        with pytest.raises(DriverError, match=r"^Modbus exception 3"):
            await driver.write(device(1), "setpoint", 20)
        slave.script = lambda asked: slave.answer(replace(asked, address=8))
        with pytest.raises(DriverError, match=r"^the answer does not fit"):
            await driver.write(device(1), "setpoint", 20)
        slave.script = lambda asked: slave.answer(asked) if asked.function == 6 else slave.exception(asked, 4)
        with pytest.raises(NotReadBackError, match=r"^written, but not read back: Modbus exception 4") as written:
            await driver.write(device(1), "setpoint", 20)
        assert of_driver(written.value).code == "command.not_read_back"


@NO_ID
async def test_a_late_refusal_of_a_write_refuses_no_other(framing: str, make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that comes only when the next point is written is the earlier write's; the slave is read first."""
    writable = {"unit": "degC", "writable": True, "limits": {"min": 5, "max": 35}, "write_function": 6}
    slave, owed = make_slave(framing), list[bytes]()
    held = {7: 20, 9: 20}

    def script(asked: Asked) -> bytes:
        if asked.function == 6 and asked.address == 7:
            owed.append(slave.exception(asked, 4))
            return b""
        late, owed[:] = b"".join(owed), []
        if asked.function == 6:
            held[asked.address] = asked.count
            return late + slave.answer(asked)
        words = [held.get(asked.address + i, 0) for i in range(asked.count)]
        return late + slave.frame(asked, struct.pack(f">BB{len(words)}H", asked.function, 2 * len(words), *words))

    slave.script = script
    model = profile({"setpoint": {"address": 7} | writable, "supply_temperature": {"address": 9} | writable})
    async with driven(monkeypatch, slave, model) as driver:
        with pytest.raises(NoAnswerError, match="no answer in time"):
            await driver.write(device(1), "setpoint", 25)
        assert await driver.write(device(1), "supply_temperature", 30) == 30
    assert [(function, address) for function, address, _ in requests(slave)] == [(6, 7), (3, 7), (6, 9), (3, 7)]


async def test_a_value_that_does_not_fit_the_register_is_not_sent(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written is refused before anything is on the wire."""
    mapped = Point.model_validate({"address": 7, "scale": 0.0001, "unit": "degC", "writable": True, "limits": {"min": 0, "max": 50}})
    slave = make_slave("tcp")
    async with driven(monkeypatch, slave, profile({"setpoint": mapped.model_dump()})) as driver:
        with pytest.raises(DriverError, match="does not fit uint16"):
            await driver.write(device(1), "setpoint", 20)
    assert slave.asked == []
