"""Modbus devices of a test: a model, devices of it, and a driver at their line."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from contract.clock import Clock
from contract.operation import Text
from protocols.base import BusContext
from protocols.modbus.driver.master import Modbus
from protocols.modbus.model import Bus, Device, Profile

if TYPE_CHECKING:
    from tests.slave import Slave


def profile(points: Mapping[str, Any], **more: object) -> Profile:
    """A model with a short time-out."""
    fields = {"maker": "M", "model": "T", "class": "electricity", "protocol": "modbus", "sources": ["test"], "timeout": 0.3}
    return Profile.model_validate(fields | {"points": points} | more)


def device(unit: int, interval: float | None = None) -> Device:
    """A device whose id is d and its number."""
    return Device(id=f"d{unit}", name=Text(zh="表", en="Meter"), profile="test", bus="bus", unit_id=unit, interval=interval)


def packed(registers: Sequence[int]) -> bytes:
    """Registers as an answer holds them."""
    return struct.pack(f">{len(registers)}H", *registers)


async def nothing_kept(_rows: object) -> None:
    """Drivers that ask keep nothing themselves."""


@asynccontextmanager
async def driven(
    monkeypatch: pytest.MonkeyPatch, slave: Slave, model: Profile, units: tuple[int, ...] = (1,), **settings: object
) -> AsyncIterator[Modbus]:
    """A driver at the slave's line, with other settings of the bus, and devices of one model."""
    monkeypatch.setattr("contract.site.load_profile", lambda _: model)
    async with slave.bus() as bus:
        with_settings = Bus.model_validate(bus.model_dump() | settings)
        driver = Modbus(BusContext(with_settings, [device(unit) for unit in units], Clock(), nothing_kept, lambda _: None))
        try:
            yield driver
        finally:
            await driver.close()
