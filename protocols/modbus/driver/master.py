"""Modbus over TCP, RTU over TCP and serial RTU (MODBUS Application Protocol V1.1b3)."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from contract.reading import Row
from protocols.base import BusContext, DriverError, NoAnswerError, NoLineError, NotReadBackError
from protocols.modbus.codec.blocks import Block, halves, plan
from protocols.modbus.codec.frames import Shape, shape_of_read
from protocols.modbus.codec.numbers import encode
from protocols.modbus.codec.orders import hints
from protocols.modbus.driver.strangers import nobody_known, stranger
from protocols.modbus.driver.wire import RefusedError, Wire
from protocols.modbus.model import Bus, Device, Point
from protocols.modbus.model.device import LAST_SLAVE
from protocols.modbus.model.forms import Table

_FUNCTION = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}
_WRITE_ONE = 6
_ON = 0xFF00
_OF_A_BLOCK = {2, 3}
"""Exceptions that may be about one register of a block: illegal address, and illegal value where the count is meant."""

SHORTEST_WAIT = 0.3
"""Seconds; a sped-up clock must not call a busy machine a dead device."""
_PAST = 10.0
"""Time-outs after which a late answer is no longer believed to come, at least as many seconds as `_PAST_AT_LEAST`."""
_PAST_AT_LEAST = 5.0


class Turn:
    """A line that is ours from one moment to the next: whoever comes after may set it otherwise."""

    def __init__(self, lock: asyncio.Lock, wire: Wire) -> None:
        self._lock, self._wire = lock, wire

    async def __aenter__(self) -> None:
        await self._lock.acquire()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._wire.close()
        self._lock.release()


@dataclass(slots=True)
class _Found:
    """What one poll has of a device so far."""

    values: dict[str, float] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)
    answered_at: int = 0

    def take(self, good: Mapping[str, float], faulty: Mapping[str, str]) -> None:
        """What a block says; it counts more than that a larger block was refused."""
        for name in self.bad.keys() & good.keys():
            del self.bad[name]
        self.values.update(good)
        self.bad.update(faulty)


class Modbus:
    """One bus: one connection, one request in flight.

    On `tcp` a late answer is dropped by its transaction id. On `rtu_over_tcp` and `rtu` there is none, so what a slave still owes is
    remembered, and nothing is asked whose answer could be taken for it (`protocols.modbus.driver.stale_replies`).
    """

    called = ("unit", "unit ids")

    def __init__(self, line: BusContext[Bus, Device]) -> None:
        self._line = line
        self._plans: dict[str, tuple[Block, ...]] = {}
        self._whole: set[tuple[str, Table, int, int]] = set()
        """Blocks that are refused in parts as well."""
        longest = max((self._timeout(d) for d in line.devices), default=1.0)
        self._wire = Wire(line.bus, max(_PAST * longest, _PAST_AT_LEAST), 2 * longest, line.count)
        self._lock = asyncio.Lock() if line.turn is None else Turn(line.turn, self._wire)
        self._last: tuple[Device, Block] | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def read(self, device: Device) -> Row:
        """All points of a device, with the time of the last answer. A device that falls silent is not asked on: others wait.

        Raises:
            NoAnswerError: It said nothing at all.
            DriverError: No block could be read.
        """
        found = _Found()
        async with self._lock:
            try:
                asked = [part for block in self._blocks(device) for part in await self._take(device, block, found)]
            except NoAnswerError as error:
                if not found.answered_at:
                    raise
                rest = device.model.points.keys() - found.values.keys() - found.bad.keys()
                found.bad.update(dict.fromkeys(rest, str(error)))
            else:
                self._plans[device.id] = tuple(asked)
        if not found.answered_at:
            raise DriverError(next(iter(found.bad.values())))
        return Row(device.id, found.answered_at, found.values, found.bad)

    async def write(self, device: Device, point: str, value: float) -> float:
        """Write a point with the function its profile names, and read it back.

        Raises:
            DriverError: Refused, no answer, or a value that does not fit; the message says whether it was written.
        """
        mapped = device.model.points[point]
        async with self._lock:
            await self._put(device, point, mapped, value)
            block = next(b for b in self._blocks(device) if any(c.name == point for c in b.cells))
            try:
                good, faulty = block.decode(await self._ask(device, block.table, block.address, block.count))
            except DriverError as error:
                raise NotReadBackError(error) from error
        if point not in good:
            raise NotReadBackError(faulty[point])
        return good[point]

    def addresses(self) -> Sequence[int]:
        """Unit ids of a serial line; on TCP a site may have others."""
        return range(1, LAST_SLAVE + 1)

    def stranger(self, address: int | str, profile: str) -> Device:
        """A unit id that the site does not have, read as a model would be."""
        return stranger(self._line.bus, int(address), profile)

    def doubts(self, device: Device, row: Row) -> dict[str, str]:
        """Values that would make sense in another order of words."""
        return hints(device, row)

    async def answers(self, address: int | str, within: float) -> bool:
        """Whether anybody answers to a unit id: one register is asked for, and an exception is an answer too.

        Raises:
            NoLineError: The bus cannot be reached.
        """
        anybody = nobody_known(self._line.bus, int(address), within)
        async with self._lock:
            try:
                await self._ask(anybody, Table.HOLDING, 0, 1)
            except NoLineError:
                raise
            except NoAnswerError:
                return False
            except DriverError:
                return True
        return True

    async def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
            self._keeping = None
        self._wire.close()
        await asyncio.sleep(0)  # the transport closes in the loop's next turn

    def _timeout(self, device: Device) -> float:
        return max(self._line.clock.real_seconds(device.model.timeout), SHORTEST_WAIT)

    def _blocks(self, device: Device) -> tuple[Block, ...]:
        blocks = self._plans.get(device.id)
        if blocks is None:
            blocks = self._plans[device.id] = plan(device.model, device.ct, device.pt)
        return blocks

    async def _take(self, device: Device, block: Block, found: _Found) -> tuple[Block, ...]:
        """Read a block, in parts where the device refuses it as a whole; returns the blocks that are worth asking next time."""
        try:
            data = await self._ask(device, block.table, block.address, block.count)
        except NoAnswerError:
            raise
        except DriverError as error:
            found.bad.update(dict.fromkeys((cell.name for cell in block.cells), str(error)))
            parts = halves(block) if isinstance(error, RefusedError) and error.code in _OF_A_BLOCK else None
            if parts is None or (device.id, block.table, block.address, block.count) in self._whole:
                return (block,)
        else:
            found.answered_at = self._line.clock.now_ms()
            found.take(*block.decode(data))
            self._keep_alive(device, block)
            return (block,)
        before = found.answered_at, len(found.values)
        asked = [smaller for part in parts for smaller in await self._take(device, part, found)]
        if before == (found.answered_at, len(found.values)):
            self._whole.add((device.id, block.table, block.address, block.count))
            return (block,)
        return tuple(asked)

    async def _ask(self, device: Device, table: Table, address: int, count: int) -> bytes:
        """Registers (or bits) as the device answers them, exactly as many as were asked for.

        Raises:
            NoAnswerError: Nothing came.
            DriverError: An exception, or something that is no answer to this.
        """
        await self._settle(device, shape_of_read(_FUNCTION[table], count))
        return await self._fetch(device, _FUNCTION[table], address, count)

    async def _fetch(self, device: Device, function: int, address: int, count: int) -> bytes:
        pdu = struct.pack(">BHH", function, address, count)
        body = await self._wire.ask(device.unit_id or 0, shape_of_read(function, count), pdu, self._timeout(device))
        return body[1:]  # its first byte says how many follow

    async def _settle(self, device: Device, shape: Shape) -> None:
        """Before a request whose answer could be taken for a late one: ask for something that cannot.

        Raises:
            DriverError: The late answer is not past yet.
        """
        unit = device.unit_id or 0
        if self._wire.may_ask(unit, shape):
            return
        for function, address, count in self._others(device):
            if self._wire.may_ask(unit, shape_of_read(function, count)):
                try:
                    await self._fetch(device, function, address, count)
                except RefusedError:
                    if not self._wire.may_ask(unit, shape):
                        continue  # the exception may have been the late answer
                return
        raise NoAnswerError("not asked: the answer to an earlier request may still come")

    def _others(self, device: Device) -> Iterator[tuple[int, int, int]]:
        """Reads that do no harm and can be told apart: parts of what is read anyway, then one register or bit of each other table."""
        blocks = self._blocks(device)
        for block in blocks:
            yield from ((_FUNCTION[block.table], block.address, count) for count in range(block.count, 0, -1))
        used = {block.table for block in blocks}
        yield from ((_FUNCTION[table], blocks[0].address, 1) for table in Table if table not in used)

    async def _put(self, device: Device, point: str, mapped: Point, value: float) -> None:
        unit, address = device.unit_id or 0, mapped.address or 0
        function = 5 if mapped.table is Table.COIL else mapped.write_function
        try:
            registers = [_ON if value else 0] if mapped.table is Table.COIL else encode(value, mapped, point, device.ct, device.pt)
        except ValueError as error:
            raise DriverError(str(error)) from error
        if mapped.table is Table.COIL or function == _WRITE_ONE:
            pdu = struct.pack(">BHH", function, address, registers[0])
        else:
            pdu = struct.pack(f">BHHB{len(registers)}H", function, address, len(registers), 2 * len(registers), *registers)
        shape = Shape(function, address)
        await self._settle(device, shape)
        await self._wire.ask(unit, shape, pdu, self._timeout(device))

    def _keep_alive(self, device: Device, block: Block) -> None:
        self._last = (device, block)
        if self._line.bus.keep_alive is not None and self._keeping is None:
            self._keeping = asyncio.create_task(self._stay(self._line.bus.keep_alive), name="keep-alive")

    async def _stay(self, every: float) -> None:
        """Read a register of the device that was read last whenever the line has rested for so many seconds."""
        while True:
            await asyncio.sleep(max(self._wire.used + every - time.monotonic(), 0.01))
            async with self._lock:
                if self._last is None or time.monotonic() - self._wire.used < every:
                    continue
                device, block = self._last
                try:
                    await self._ask(device, block.table, block.address, 1)
                except DriverError:
                    continue  # counted by the wire; the next poll says it of the device
