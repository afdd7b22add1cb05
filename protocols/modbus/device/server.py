"""The devices of one bus as a real Modbus server: registers are computed from the world at each request."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.exceptions import NoSuchIdException
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from contract.clock import Clock
from protocols.modbus.device import encoding as reg
from protocols.modbus.model import Bus, Device, Point, Profile
from protocols.modbus.model.forms import Table
from protocols.stage import SILENT, Faults, World

_TABLE = {
    1: Table.COIL,
    2: Table.DISCRETE,
    3: Table.HOLDING,
    4: Table.INPUT,
    5: Table.COIL,
    6: Table.HOLDING,
    15: Table.COIL,
    16: Table.HOLDING,
}
_BITS = frozenset({Table.COIL, Table.DISCRETE})
_READS = frozenset({1, 2, 3, 4})
_LAST_ADDRESS = 0xFFFF
SLOW, EXCEPTION = "slow", "exception"
"""Faults that only devices which are asked by Modbus may have."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One request and what was answered.

    Attributes:
        device: Id of the device.
        function: Modbus function code.
        address: First register, or first bit.
        count: Registers; for bit tables whole groups of 16 bits.
        values: Registers or bits as answered or as written; empty with an exception.
        requested_ms: When the request was taken up, ms since 1970; the values are those of this time.
        answered_ms: When the answer was ready, ms since 1970.
        exception: Modbus exception code, 0 for none.
    """

    device: str
    function: int
    address: int
    count: int
    values: tuple[int, ...]
    requested_ms: int
    answered_ms: int
    exception: int = 0


Journal = Callable[[Answer], None]


class _Sound:
    """Nothing is wrong with any device."""

    def active(self, device: str, fault: str, at: int) -> float | None:
        """None of them."""
        del device, fault, at
        return None


@dataclass
class _Served:
    """One device on the line: turns requests into answers."""

    device: Device
    profile: Profile
    world: World
    clock: Clock
    journal: Journal
    faults: Faults
    by_table: dict[Table, list[tuple[str, Point, int]]] = field(init=False)

    def __post_init__(self) -> None:
        self.by_table = {table: [] for table in Table}
        for name, mapped in self.profile.points.items():
            if mapped.address is not None:
                self.by_table[mapped.table].append((name, mapped, mapped.address))

    async def act(
        self, function: int, start: int, address: int, count: int, current: list[int], written: list[int] | list[bool] | None
    ) -> ExcCodes | None:
        """Called by pymodbus before each answer; `current` are the registers of the table from `start` on."""
        if written is None and function not in _READS:
            return None  # pymodbus reads back for the echo of a write: the registers already hold it
        requested = self.clock.now_ms()
        if self.faults.active(self.device.id, SILENT, requested) is not None:
            raise NoSuchIdException(f"{self.device.id} is silent")
        if (late := self.faults.active(self.device.id, SLOW, requested)) is not None:
            await asyncio.sleep(self.clock.real_seconds(late))
        if (code := self.faults.active(self.device.id, EXCEPTION, requested)) is not None:
            self.journal(Answer(self.device.id, function, address, count, (), requested, self.clock.now_ms(), int(code)))
            return ExcCodes(int(code))
        if written is not None:
            values = [int(v) for v in written]
            fault = self._write(function, address, values, requested)
            count = len(values)
        else:
            fault, values = self._read(_TABLE[function], start, address, count, current, requested)
        answered = self.clock.now_ms()
        shown = () if fault else tuple(values)
        self.journal(Answer(self.device.id, function, address, count, shown, requested, answered, int(fault or 0)))
        return fault

    def _read(self, table: Table, start: int, address: int, count: int, current: list[int], at: int) -> tuple[ExcCodes | None, list[int]]:
        points = self.by_table[table]
        if not points:
            return ExcCodes.ILLEGAL_FUNCTION, []
        values = self.world.values(self.device.id, at)
        if table in _BITS:
            return self._read_bits(points, start, address, count, current, values)
        shown: dict[int, int] = {}
        for name, mapped, _ in points:
            first, end = mapped.span
            if end <= address or first >= address + count:
                continue
            encoded = reg.placed(values.get(name), mapped, name, self.device.ct, self.device.pt)
            if encoded is None:
                return ExcCodes.DEVICE_FAILURE, []
            for where, word in encoded.items():
                shown[where] = shown.get(where, 0) | word
        for where, word in shown.items():
            if 0 <= where - start < len(current):
                current[where - start] = word
        return None, current[address - start : address - start + count]

    @staticmethod
    def _read_bits(
        points: Sequence[tuple[str, Point, int]],
        start: int,
        address: int,
        count: int,
        current: list[int],
        values: dict[str, float | None],
    ) -> tuple[ExcCodes | None, list[int]]:
        """`start` and `count` count groups of 16 bits, as pymodbus stores them."""
        for name, _, first in points:
            value = values.get(name)
            if value is None:
                if address <= first < address + 16 * count:
                    return ExcCodes.DEVICE_FAILURE, []
                continue
            word, bit = divmod(first - 16 * start, 16)
            current[word] = current[word] & ~(1 << bit) | (int(value != 0) << bit)
        bits = [current[i] >> b & 1 for i in range(len(current)) for b in range(16)]
        offset = address - 16 * start
        return None, bits[offset : offset + 16 * count]

    def _write(self, function: int, address: int, values: list[int], at: int) -> ExcCodes | None:
        table = _TABLE.get(function, Table.HOLDING)
        written: list[tuple[str, float]] = []
        covered: set[int] = set()
        for name, mapped, first in self.by_table[table]:
            size = mapped.type.registers
            if first + size <= address or first >= address + len(values):
                continue
            if not mapped.writable or first < address or first + size > address + len(values):
                return ExcCodes.ILLEGAL_ADDRESS
            if mapped.write_function != function:
                return ExcCodes.ILLEGAL_FUNCTION
            part = values[first - address : first - address + size]
            value = float(part[0]) if table in _BITS else reg.from_registers(part, mapped, name, self.device.ct, self.device.pt)
            if not mapped.allows(value):
                return ExcCodes.ILLEGAL_VALUE
            written.append((name, value))
            covered.update(range(first, first + size))
        if covered != set(range(address, address + len(values))):
            return ExcCodes.ILLEGAL_ADDRESS
        for name, value in written:
            self.world.write(self.device.id, name, value, at)
        return None


def _blocks(profile: Profile, table: Table) -> list[SimData]:
    """The addresses that a device answers: its points, and holes that a profile allows to read through."""
    spans: list[tuple[int, int]] = []
    points = sorted(m.span for m in profile.points.values() if m.table is table and m.address is not None)
    for start, end in points:
        if spans and start - spans[-1][1] <= profile.max_hole:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    if table in _BITS:
        first, last = (spans[0][0] // 16 * 16, spans[-1][1]) if spans else (0, 1)
        return [SimData(first, values=[False] * (math.ceil((last - first) / 16) * 16), datatype=DataType.BITS)]
    if not spans:
        return [SimData(0, datatype=DataType.INVALID)]
    return [SimData(start, values=[0] * (end - start), datatype=DataType.REGISTERS) for start, end in spans]


async def _nobody(
    function: int, start: int, address: int, count: int, current: list[int], written: list[int] | list[bool] | None
) -> ExcCodes | None:
    """An id that no device has: a bus stays silent, and this exception is what makes the server so."""
    raise NoSuchIdException(f"{function} {start} {address} {count} {len(current)} {written is None}")


def _line(devices: Sequence[Device], world: World, clock: Clock, journal: Journal, faults: Faults) -> list[SimDevice]:
    # One value so many times: pymodbus packs each item of a list by itself, three times, which is a third of a second a line.
    whole = SimData(0, values=0, count=_LAST_ADDRESS + 1, datatype=DataType.REGISTERS)
    line = [SimDevice(0, simdata=[whole], action=_nobody)]
    for device in devices:
        served = _Served(device, device.model, world, clock, journal, faults)
        coils, discretes, holdings, inputs = (_blocks(served.profile, t) for t in (Table.COIL, Table.DISCRETE, Table.HOLDING, Table.INPUT))
        line.append(SimDevice(device.unit_id or 1, simdata=(coils, discretes, holdings, inputs), action=served.act))
    return line


@asynccontextmanager
async def serve_bus(
    bus: Bus, devices: Sequence[Device], world: World, clock: Clock, journal: Journal, faults: Faults | None = None
) -> AsyncIterator[tuple[str, int]]:
    """Serve the devices of a bus; gives (host, port), or (serial port, 0) for framing rtu.

    Port 0 takes a free one. Each answer goes to `journal` before it is sent.

    Raises:
        OSError: The port cannot be opened.
    """
    line = _line(devices, world, clock, journal, faults or _Sound())
    server: ModbusTcpServer | ModbusSerialServer
    if bus.framing == "rtu":
        server = ModbusSerialServer(
            line,
            framer=FramerType.RTU,
            port=bus.serial_port,
            baudrate=bus.baud,
            parity=bus.parity,
            stopbits=bus.stop_bits,
            ignore_missing_devices=True,
        )
    else:
        framer = FramerType.SOCKET if bus.framing == "tcp" else FramerType.RTU
        server = ModbusTcpServer(line, framer=framer, address=(bus.host, bus.port), ignore_missing_devices=True)
    try:
        await server.serve_forever(background=True)
    except RuntimeError as error:
        raise OSError(f"bus {bus.id}: cannot open {bus.serial_port or f'{bus.host}:{bus.port}'}") from error
    try:
        yield _address(bus, server)
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]


def _address(bus: Bus, server: ModbusTcpServer | ModbusSerialServer) -> tuple[str, int]:
    if bus.framing == "rtu":
        return bus.serial_port, 0
    # pymodbus keeps the listening asyncio.Server where a connection has its transport
    listener: object = server.transport
    if not isinstance(listener, asyncio.AbstractServer):
        raise TypeError(f"bus {bus.id}: pymodbus gave {type(listener).__name__} where a listening server was expected")
    host, port = listener.sockets[0].getsockname()[:2]  # type: ignore[attr-defined]
    return str(host), int(port)
