"""The law of late answers, whatever a slave does that answers in order: a value is the answer to the request that was open."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.clock import Clock
from protocols.base import BusContext, DriverError
from protocols.modbus.codec import frames
from protocols.modbus.driver.connection import Connection
from protocols.modbus.driver.master import Modbus
from protocols.modbus.model import Bus
from tests.modbus_devices import device, profile

POINTS = {"lock": {"address": 0}, "fan": {"address": 100}, "mode": {"address": 200}, "valve": {"address": 201}}
PROFILE = profile(POINTS, **{"class": "hvac"})
"""Two blocks that look alike, and one that does not."""
DEVICES = [device(unit) for unit in (1, 2)]


class Unpunctual(Connection):
    """Slaves that answer in order, each when it likes, refuse, or forget; a register holds the number of the request it is read by.

    There is no time here: whoever waits for more has waited in vain.
    """

    def __init__(self, data: st.DataObject) -> None:
        super().__init__()
        self.data = data
        self.asked: list[tuple[int, int, int]] = []
        self.owed: dict[int, deque[bytes]] = {1: deque(), 2: deque()}

    def send(self, data: bytes) -> None:
        """A read: it is owed an answer, if it is not forgotten; some of what is owed is said now."""
        unit, function, address, count = data[0], data[1], int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:6], "big")
        number = len(self.asked)
        self.asked.append((unit, address, count))
        values = number.to_bytes(2, "big") * count if function in {3, 4} else bytes((count + 7) // 8)
        answers = {
            "answered": frames.rtu(unit, bytes([function, len(values)]) + values),
            "refused": frames.rtu(unit, bytes([function | 0x80, 4])),
            "forgotten": b"",
        }
        self.owed[unit].append(answers[self.data.draw(st.sampled_from(sorted(answers)))])
        self.say()

    def say(self) -> None:
        """Each slave says as much of what it owes as it likes, the oldest first."""
        for owed in self.owed.values():
            for _ in range(self.data.draw(st.integers(0, len(owed)))):
                self.received += owed.popleft()

    async def more(self, until: float) -> bool:  # noqa: ARG002 (there is no time)
        """Nothing comes."""
        return False

    def close(self) -> None:
        """A serial line hears on, whatever the driver does."""


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_a_value_is_the_answer_to_the_request_that_was_open(data: st.DataObject) -> None:
    """Two slaves, any mixture of punctual, late, refused and forgotten answers, polled again and again."""

    async def story() -> None:
        line = Unpunctual(data)

        async def opened(_bus: Bus, _within: float) -> Connection:
            return line

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("protocols.modbus.driver.wire.opened", opened)
            patch.setattr("contract.site.load_profile", lambda _: PROFILE)
            bus = Bus(id="bus", gateway="gw", protocol="modbus", framing="rtu", guard_ms=0)
            driver = Modbus(BusContext(bus, DEVICES, Clock(), _nothing_kept, lambda _: None))
            for _ in range(12):
                device = data.draw(st.sampled_from(DEVICES))
                before = len(line.asked)
                try:
                    row = await driver.read(device)
                except DriverError:
                    continue
                finally:
                    line.say()
                for point, number in row.values.items():
                    unit, address, count = line.asked[int(number)]
                    assert number >= before
                    assert unit == device.unit_id
                    assert address <= (PROFILE.points[point].address or 0) < address + count

    asyncio.run(story())


async def _nothing_kept(_rows: object) -> None:
    """Drivers that ask keep nothing themselves."""
