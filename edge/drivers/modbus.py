"""Modbus over TCP, RTU over TCP and serial RTU (MODBUS Application Protocol V1.1b3)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU

from contract.profile import PointMap, Table
from contract.reading import Row
from contract.site import Device
from edge.drivers.base import DriverError, Line, NoAnswerError, NoLineError, driver
from edge.drivers.late import Late, Shape
from edge.drivers.registers import Block, encode, plan

EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target did not respond",
}
_FUNCTION = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}
_BITS = {1, 2}
_READS = {1, 2, 3, 4}
_EXCEPTION = 0x80

SHORTEST_WAIT = 0.3
"""Seconds; a sped-up clock must not call a busy machine a dead device."""
_SILENT_LINE = 3
"""Requests in a row without any answer after which a TCP connection is opened anew: what lies between may have forgotten it."""
_PAST = 10.0
"""Time-outs after which a late answer is no longer believed to come, at least as many seconds as `_PAST_AT_LEAST`."""
_PAST_AT_LEAST = 5.0

Request = Callable[[ModbusBaseClient], Awaitable[ModbusPDU]]


class _Framer(FramerSocket):
    """pymodbus raises into the event loop where a frame of TCP holds nonsense; here it is as good as no answer."""

    def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:  # noqa: N802 (pymodbus's name)
        try:
            return super().handleFrame(data, exp_devid, exp_tid)
        except ModbusException:
            return len(data), None


@driver("modbus")
class Modbus:
    """One bus: one connection, one request in flight.

    On `tcp` a late answer is dropped by its transaction id. On `rtu_over_tcp` and `rtu` there is none, so after every fault the
    connection is closed, on a serial line the guard time passes, and a slave that owes an answer is asked something else first
    (`edge.drivers.late`): a serial server, and a serial line, deliver a late answer to whoever listens then.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._bus = line.bus
        self._lock = asyncio.Lock()
        self._client: ModbusBaseClient | None = None
        self._plans: dict[str, tuple[Block, ...]] = {}
        longest = max((d.model.timeout for d in line.devices), default=1.0)
        self._longest = max(line.clock.real_seconds(longest), SHORTEST_WAIT)
        self._late = Late(max(_PAST * self._longest, _PAST_AT_LEAST))
        self._unanswered = 0

    async def read(self, device: Device) -> Row:
        """All points of a device, with the time of the last answer. A device that falls silent is not asked on: others wait.

        Raises:
            NoAnswerError: It said nothing at all.
            DriverError: No block could be read.
        """
        blocks = self._blocks(device)
        values: dict[str, float] = {}
        bad: dict[str, str] = {}
        answered_at = 0
        async with self._lock:
            for number, block in enumerate(blocks):
                try:
                    registers = await self._ask(device, block.table, block.address, block.count)
                except NoAnswerError as error:
                    if not answered_at:
                        raise
                    bad.update(_reasons(blocks[number:], error))
                    break
                except DriverError as error:
                    bad.update(_reasons([block], error))
                    continue
                answered_at = self._line.clock.now_ms()
                good, faulty = block.decode(registers)
                values.update(good)
                bad.update(faulty)
        if not answered_at:
            raise DriverError(next(iter(bad.values())))
        return Row(device.id, answered_at, values, bad)

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
                raise DriverError(f"written, but not read back: {error}") from error
        if point not in good:
            raise DriverError(f"written, but not read back: {faulty[point]}")
        return good[point]

    async def answers(self, device: Device) -> bool:
        """Whether anybody answers to a device's unit id: one register is asked for, and an exception is an answer too.

        Raises:
            NoLineError: The bus cannot be reached.
        """
        async with self._lock:
            try:
                await self._ask(device, Table.HOLDING, 0, 1)
            except NoLineError:
                raise
            except NoAnswerError:
                return False
            except DriverError:
                return True
        return True

    async def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _blocks(self, device: Device) -> tuple[Block, ...]:
        blocks = self._plans.get(device.id)
        if blocks is None:
            blocks = self._plans[device.id] = plan(device.model, device.ct, device.pt)
        return blocks

    async def _ask(self, device: Device, table: Table, address: int, count: int) -> list[int]:
        """Registers (or bits) as the device answers them, exactly as many as were asked for.

        Raises:
            NoAnswerError: Nothing came.
            DriverError: An exception, or something that is no answer to this.
        """
        await self._settle(device, _shape(table, count))
        return await self._fetch(device, table, address, count)

    async def _fetch(self, device: Device, table: Table, address: int, count: int) -> list[int]:
        def request(client: ModbusBaseClient) -> Awaitable[ModbusPDU]:
            read = {
                Table.HOLDING: client.read_holding_registers,
                Table.INPUT: client.read_input_registers,
                Table.COIL: client.read_coils,
                Table.DISCRETE: client.read_discrete_inputs,
            }[table]
            return read(address, count=count, device_id=device.unit_id or 0)

        answer = await self._send(device, _shape(table, count), request)
        return [int(b) for b in answer.bits] if table in {Table.COIL, Table.DISCRETE} else list(answer.registers)

    async def _settle(self, device: Device, shape: Shape) -> None:
        """Before a request whose answer could be taken for a late one: ask for something that cannot.

        Raises:
            DriverError: The late answer is not past yet.
        """
        unit = device.unit_id or 0
        if self._bus.framing == "tcp" or not self._late.may_come(unit, shape, time.monotonic()):
            return
        for block in self._blocks(device):
            for count in range(block.count, 0, -1):
                if not self._late.may_come(unit, _shape(block.table, count), time.monotonic()):
                    await self._fetch(device, block.table, block.address, count)
                    return
        raise NoAnswerError("not asked: the answer to an earlier request may still come")

    async def _put(self, device: Device, point: str, mapped: PointMap, value: float) -> None:
        unit, address = device.unit_id or 0, mapped.address or 0
        try:
            registers = [] if mapped.table is Table.COIL else encode(value, mapped, point, device.ct, device.pt)
        except ValueError as error:
            raise DriverError(str(error)) from error

        def request(client: ModbusBaseClient) -> Awaitable[ModbusPDU]:
            if mapped.table is Table.COIL:
                return client.write_coil(address, bool(value), device_id=unit)
            if mapped.write_function == 6:  # noqa: PLR2004 (function code 06, write single register)
                return client.write_register(address, registers[0], device_id=unit)
            return client.write_registers(address, registers, device_id=unit)

        shape = Shape(5 if mapped.table is Table.COIL else mapped.write_function, address)
        await self._settle(device, shape)
        await self._send(device, shape, request)

    async def _send(self, device: Device, shape: Shape, request: Request) -> ModbusPDU:
        """One request and the answer to it.

        Raises:
            NoAnswerError: Nothing came within the device's time-out.
            DriverError: An exception, or something that is no answer to this request.
        """
        client = await self._connected()
        unit = device.unit_id or 0
        try:
            async with asyncio.timeout(max(self._line.clock.real_seconds(device.model.timeout), SHORTEST_WAIT)):
                answer = await request(client)
        except (TimeoutError, ModbusException, OSError, RuntimeError) as error:  # uvloop's RuntimeError: the other side has just closed
            reason = "no answer in time" if client.connected else "the connection was lost"
            await self._after_fault(unit, shape, reason)
            raise NoAnswerError(reason) from error
        _heed_cancellation()
        if not self._answers(answer, shape):
            reason = "the answer does not fit the request"
            await self._after_fault(unit, shape, reason)
            raise DriverError(reason) if self._bus.framing == "tcp" else NoAnswerError(reason)  # out of step: not asked on
        self._unanswered = 0
        if self._bus.framing != "tcp":
            await asyncio.sleep(self._bus.guard_ms / 1000.0)
        if answer.isError():
            if self._late.owes(unit):  # it may be the late answer itself
                self._late.given_up(unit, shape, time.monotonic())
            code = getattr(answer, "exception_code", 0)
            raise DriverError(f"Modbus exception {code}: {EXCEPTIONS.get(code, 'unknown')}")
        self._late.settled(unit)
        return answer

    def _answers(self, answer: ModbusPDU, shape: Shape) -> bool:
        if self._bus.framing == "tcp" and not answer.transaction_id:  # pymodbus takes 0 for any
            return False
        if answer.isError():
            return answer.function_code & ~_EXCEPTION == shape.function
        return _shape_of(answer) == shape

    async def _after_fault(self, unit: int, shape: Shape, reason: str) -> None:
        self._line.count(reason)
        self._unanswered += 1
        if self._bus.framing == "tcp":
            if self._unanswered >= _SILENT_LINE:
                self._unanswered = 0
                await self.close()
            return
        self._late.given_up(unit, shape, time.monotonic())
        await self.close()
        if self._bus.framing == "rtu":
            await asyncio.sleep(self._bus.guard_ms / 1000.0 + 3.5 * 11 / self._bus.baud)

    async def _connected(self) -> ModbusBaseClient:
        if self._client is not None and self._client.connected:
            return self._client
        await self.close()
        self._client = self._new_client()
        connected = await self._client.connect()
        _heed_cancellation()
        if not connected:
            await self.close()
            self._line.count("no connection")
            raise NoLineError("no connection")
        return self._client

    def _new_client(self) -> ModbusBaseClient:
        bus = self._bus
        if bus.framing == "rtu":
            return AsyncModbusSerialClient(
                bus.serial_port,
                baudrate=bus.baud,
                parity=bus.parity,
                stopbits=bus.stop_bits,
                timeout=2 * self._longest,
                retries=0,
                reconnect_delay=0,
            )
        framer = FramerType.SOCKET if bus.framing == "tcp" else FramerType.RTU
        # our own time-out is the device's; pymodbus's only bounds the opening of the connection
        client = AsyncModbusTcpClient(bus.host, port=bus.port, framer=framer, timeout=2 * self._longest, retries=0, reconnect_delay=0)
        if framer is FramerType.SOCKET:
            client.ctx.framer = _Framer(DecodePDU(is_server=False))
        return client


def _heed_cancellation() -> None:
    """Before Python 3.12 `asyncio.wait_for`, which pymodbus waits with, forgets a cancellation that comes together with the result."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _shape(table: Table, count: int) -> Shape:
    """Of the answer to a read."""
    function = _FUNCTION[table]
    return Shape(function, (count + 7) // 8 if function in _BITS else count)


def _shape_of(answer: ModbusPDU) -> Shape:
    function = answer.function_code
    if function not in _READS:
        return Shape(function, answer.address)
    return Shape(function, len(answer.bits) // 8 if function in _BITS else len(answer.registers))


def _reasons(blocks: Sequence[Block], error: DriverError) -> dict[str, str]:
    return {cell.name: str(error) for block in blocks for cell in block.cells}
