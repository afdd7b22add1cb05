"""Modbus over TCP, RTU over TCP and serial RTU (MODBUS Application Protocol V1.1b3)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.exceptions import ModbusIOException
from pymodbus.pdu import ModbusPDU

from contract.profile import PointMap, Table
from contract.reading import Row
from contract.site import Device
from edge.drivers.base import DriverError, Line, driver
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

SHORTEST_WAIT = 0.3
"""Seconds; a sped-up clock must not call a busy machine a dead device."""


@driver("modbus")
class Modbus:
    """One bus: one connection, one request in flight.

    On `rtu_over_tcp` and `rtu` an answer carries no transaction id, so a late one would be taken for the answer to the
    next request. After every fault there the connection is closed: a late answer then has nowhere to arrive, and on a
    serial line the guard time passes before the next request.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._bus = line.bus
        self._lock = asyncio.Lock()
        self._client: ModbusBaseClient | None = None
        self._plans: dict[str, tuple[Block, ...]] = {}
        self._timeout = max((d.model.timeout for d in line.devices), default=1.0)

    async def read(self, device: Device) -> Row:
        """All points of a device, with the time of the last answer.

        Raises:
            DriverError: No block could be read.
        """
        blocks = self._plans.get(device.id)
        if blocks is None:
            blocks = self._plans[device.id] = plan(device.model, device.ct, device.pt)
        values: dict[str, float] = {}
        bad: dict[str, str] = {}
        answered_at = 0
        async with self._lock:
            for block in blocks:
                try:
                    registers = await self._ask(device, block)
                    answered_at = self._line.clock.now_ms()
                    good, faulty = block.decode(registers)
                except (DriverError, ValueError) as error:
                    bad.update(dict.fromkeys((c.name for c in block.cells), str(error)))
                    if self._client is None and not answered_at:
                        raise DriverError(str(error)) from error
                    continue
                values.update(good)
                bad.update(faulty)
        if not answered_at:
            raise DriverError(next(iter(bad.values())))
        return Row(device.id, answered_at, values, bad)

    async def write(self, device: Device, point: str, value: float) -> float:
        """Write a point with the function its profile names, and read it back.

        Raises:
            DriverError: Refused, no answer, or a value that does not fit.
        """
        mapped = device.model.points[point]
        async with self._lock:
            await self._put(device, point, mapped, value)
            block = next(b for b in plan(device.model, device.ct, device.pt) if any(c.name == point for c in b.cells))
            good, faulty = block.decode(await self._ask(device, block))
        if point not in good:
            raise DriverError(faulty[point])
        return good[point]

    async def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _ask(self, device: Device, block: Block) -> list[int]:
        client = await self._connected()
        unit = device.unit_id or 0
        read = {
            Table.HOLDING: client.read_holding_registers,
            Table.INPUT: client.read_input_registers,
            Table.COIL: client.read_coils,
            Table.DISCRETE: client.read_discrete_inputs,
        }[block.table]
        answer = await self._send(read(block.address, count=block.count, device_id=unit))
        return [int(b) for b in answer.bits] if block.table in {Table.COIL, Table.DISCRETE} else list(answer.registers)

    async def _put(self, device: Device, point: str, mapped: PointMap, value: float) -> None:
        client = await self._connected()
        unit, address = device.unit_id or 0, mapped.address or 0
        if mapped.table is Table.COIL:
            await self._send(client.write_coil(address, bool(value), device_id=unit))
            return
        try:
            registers = encode(value, mapped, point, device.ct, device.pt)
        except ValueError as error:
            raise DriverError(str(error)) from error
        if mapped.write_function == 6:  # noqa: PLR2004 (function code 06, write single register)
            await self._send(client.write_register(address, registers[0], device_id=unit))
        else:
            await self._send(client.write_registers(address, registers, device_id=unit))

    async def _send(self, request: Awaitable[ModbusPDU]) -> ModbusPDU:
        try:
            answer = await request
        except (ModbusException, OSError, RuntimeError) as error:  # uvloop's RuntimeError: the other side has just closed
            reason = "no answer in time" if isinstance(error, ModbusIOException) else "no connection"
            await self._after_fault(reason)
            raise DriverError(reason) from error
        if answer.isError():
            code = getattr(answer, "exception_code", 0)
            raise DriverError(f"Modbus exception {code}: {EXCEPTIONS.get(code, 'unknown')}")
        if self._bus.framing != "tcp":
            await asyncio.sleep(self._bus.guard_ms / 1000.0)
        return answer

    async def _after_fault(self, reason: str) -> None:
        self._line.count(reason)
        await self.close()
        if self._bus.framing == "rtu":
            await asyncio.sleep(self._bus.guard_ms / 1000.0 + 3.5 * 11 / self._bus.baud)

    async def _connected(self) -> ModbusBaseClient:
        if self._client is not None and self._client.connected:
            return self._client
        self._client = self._new_client()
        if not await self._client.connect():
            await self.close()
            raise DriverError("no connection")
        return self._client

    def _new_client(self) -> ModbusBaseClient:
        bus = self._bus
        wait = max(self._line.clock.real_seconds(self._timeout), SHORTEST_WAIT)
        if bus.framing == "rtu":
            return AsyncModbusSerialClient(
                bus.serial_port, baudrate=bus.baud, parity=bus.parity, stopbits=bus.stop_bits, timeout=wait, retries=0, reconnect_delay=0
            )
        framer = FramerType.SOCKET if bus.framing == "tcp" else FramerType.RTU
        return AsyncModbusTcpClient(bus.host, port=bus.port, framer=framer, timeout=wait, retries=0, reconnect_delay=0)
