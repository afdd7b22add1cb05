"""Every shipped Modbus profile is served and read with a pymodbus client; the decoder is this test's own."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from pymodbus.client import AsyncModbusTcpClient

from contract import units
from contract.clock import Clock
from contract.point import POINTS, Kind
from contract.profile import load_profile, profile_names
from contract.register import RegisterType
from protocols.modbus.device.server import Answer, serve_bus
from protocols.modbus.model import Bus, Device, Point, Profile
from protocols.modbus.model.forms import Table
from simulators.alone import lone_device
from tests.models import each, one

CODE = {"uint16": "H", "int16": "h", "uint32": "I", "int32": "i", "uint64": "Q", "int64": "q", "float32": "f", "float64": "d", "bool": "H"}
FORMS = sorted(str(path.with_suffix("")) for path in (Path(__file__).parent / "forms").glob("*.yaml"))
NAMES = [name for name in profile_names() if load_profile(name).protocol == "modbus"] + FORMS
START = 1_780_000_000_000


def chosen(index: int, name: str, mapped: Point) -> float:
    """A value that the register can hold exactly or nearly, different for each point."""
    if mapped.values:
        names = sorted(mapped.values)
        return float(names[index % len(names)])
    if POINTS[name].kind is Kind.STATE:
        return float(index % 2)
    low, high = (mapped.limits.min, mapped.limits.max) if mapped.limits else POINTS[name].plausible
    step = float(mapped.scale * units.factor(mapped.unit, POINTS[name].unit))
    if mapped.scale_register:
        step *= 10  # the simulated device's numbers may be ten times as coarse
    wanted = min(max(low, 0.0) + step * (11 + 7 * index), high)
    widest = {16: 9999, 32: 99_999_999}.get(16 * mapped.type.registers, 10**12)
    if mapped.mask:
        widest = 1 << mapped.mask.bit_count()
    return min(wanted, step * (widest - 1))


class Shelf:
    """One chosen value for every point."""

    def __init__(self, profile: Profile) -> None:
        self.held: dict[str, float | None] = {n: chosen(i, n, m) for i, (n, m) in enumerate(profile.points.items())}

    def values(self, device_id: str, at_ms: int) -> dict[str, float | None]:
        """What is held."""
        assert (device_id, at_ms) == ("device", START)
        return self.held

    def write(self, device_id: str, point: str, value: float, at_ms: int) -> None:
        """Hold it."""
        assert (device_id, at_ms) == ("device", START)
        self.held[point] = value


def turned(data: bytes, order: str) -> bytes:
    """Bytes in the stated order, written out by hand."""
    if order == "DCBA":
        return data[::-1]
    if order == "CDAB":
        return b"".join(data[i - 2 : i] for i in range(len(data), 0, -2))
    if order == "BADC":
        return b"".join(data[i : i + 2][::-1] for i in range(0, len(data), 2))
    return data


def number(registers: Sequence[int], kind: RegisterType, order: str, mask: int | None = None) -> Decimal:
    """Registers as a raw number: type and mask."""
    data = turned(b"".join(word.to_bytes(2, "big") for word in registers), order)
    words = [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]
    if kind.value.startswith("bcd"):
        return Decimal("".join(f"{word:04x}" for word in words))
    if kind.value.startswith("mod10k"):
        return Decimal("".join(f"{word:04d}" for word in words))
    if kind.value.endswith("int48"):
        return Decimal(int.from_bytes(data, "big", signed=kind is RegisterType.INT48))
    found = struct.unpack(">" + CODE[kind.value], data)[0]
    return Decimal((found & mask) // (mask & -mask)) if mask else Decimal(found)


def decoded(registers: Sequence[int], mapped: Point, name: str) -> float:
    """Registers as a reading: whole and fraction, scale register, scale, unit."""
    start = mapped.span[0]

    def at(address: int, kind: RegisterType, mask: int | None = None) -> Decimal:
        return number(registers[address - start : address - start + kind.registers], kind, mapped.order, mask)

    raw = at(mapped.address or 0, mapped.type, mapped.mask)
    if mapped.fraction:
        raw += at(mapped.fraction.address, mapped.fraction.type) * mapped.fraction.scale
    if mapped.scale_register:
        held = at(mapped.scale_register.address, mapped.scale_register.type, mapped.scale_register.mask)
        raw *= held if mapped.scale_register.holds == "factor" else Decimal(10) ** held
    return float(raw * mapped.scale * units.factor(mapped.unit, POINTS[name].unit))


async def read(client: AsyncModbusTcpClient, mapped: Point, name: str) -> float:
    where, count = mapped.span[0], mapped.span[1] - mapped.span[0]
    if mapped.table is Table.COIL:
        return float((await client.read_coils(where, count=1, device_id=1)).bits[0])
    if mapped.table is Table.DISCRETE:
        return float((await client.read_discrete_inputs(where, count=1, device_id=1)).bits[0])
    if mapped.table is Table.INPUT:
        answer = await client.read_input_registers(where, count=count, device_id=1)
    else:
        answer = await client.read_holding_registers(where, count=count, device_id=1)
    assert not answer.isError(), name
    return decoded(answer.registers, mapped, name)


@pytest.mark.parametrize("name", NAMES)
async def test_each_register_reads_back_what_was_put_in(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Address, table, type, order, scale and mask of every point lead from the value to the wire and back."""
    monkeypatch.setattr(Clock, "now_ms", lambda _: START)
    profile, site = one(Profile, load_profile(name)), lone_device(name, port=0)
    shelf, journal = Shelf(profile), list[Answer]()
    async with serve_bus(one(Bus, site.buses[0]), each(Device, site.devices), shelf, Clock(), journal.append) as (host, port):
        client = AsyncModbusTcpClient(host, port=port, timeout=2, retries=0)
        assert await client.connect()
        try:
            got = {point: await read(client, mapped, point) for point, mapped in profile.points.items()}
        finally:
            client.close()
    assert got == pytest.approx({p: v for p, v in shelf.held.items() if v is not None}, rel=1e-6)
    assert len(journal) == len(profile.points)
    assert not any(a.exception for a in journal)


def test_there_are_profiles_to_walk() -> None:
    """An empty walk would prove nothing."""
    assert "electricity/chint-dtsu666" in NAMES
    assert len(FORMS) == 2
