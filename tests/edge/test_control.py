"""Commands: each ends in exactly one answer, and only what the device says afterwards is called done."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from contract.clock import Clock
from contract.operation import Text
from contract.reading import Row
from contract.sparkplug import MetricValue
from edge.control.commands import Control
from protocols.base import Line
from protocols.modbus.driver.master import Modbus
from protocols.modbus.model import Device
from tests.modbus_devices import profile

if TYPE_CHECKING:
    from tests.slave import Slave

NOW = 1_790_000_000_000
POINTS = {
    "setpoint": {"address": 3, "scale": 0.1, "unit": "degC", "writable": True, "limits": {"min": 16, "max": 30}},
    "mode": {"address": 4, "writable": True, "values": {0: "cool", 1: "heat"}},
    "room_temperature": {"address": 8, "scale": 0.1, "unit": "degC"},
}
PROFILE = profile(POINTS, **{"class": "hvac"})
DEVICE = Device(id="ac", name=Text(zh="空调", en="AC"), profile="test", bus="bus", unit_id=1)


class Desk:
    """A gateway's control over one slave that remembers what is written to it."""

    def __init__(self, slave: Slave) -> None:
        self.slave = slave
        self.rows: list[Row] = []
        self.full = False
        self.held = {3: 250, 4: 0, **dict.fromkeys(range(5, 9), 0)}
        self.keeps = True
        self.control: Control
        slave.script = self._answer

    def _answer(self, asked: Any) -> bytes:  # noqa: ANN401 (a request of the slave)
        if asked.function == 6 and self.keeps:
            self.held[asked.address] = asked.count
        if asked.function != 3:
            return self.slave.answer(asked)
        data = b"".join(self.held[asked.address + i].to_bytes(2, "big") for i in range(asked.count))
        return self.slave.frame(asked, bytes([3, len(data)]) + data)

    async def commit(self, rows: Sequence[Row]) -> None:
        """As the gateway gives it to drivers."""
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")
        self.rows += rows

    async def order(self, *, device: str = "ac", name: str = "c-1", expires: int = NOW + 60_000, **points: MetricValue) -> dict[str, Any]:
        """Send a command and return its answer; empty when there is none."""
        known = len(self.rows)
        await self.control.take(device, {"Command/Id": name, "Command/Expires": expires, **points})
        found = self.rows[known:]
        assert len(found) <= 1
        if not found:
            return {}
        answer: dict[str, Any] = json.loads(found[0].texts["Command/Result"])
        assert found[0].values == ({next(iter(points)): answer["read_back"]} if answer["read_back"] is not None else {})
        return answer

    @property
    def written(self) -> list[tuple[int, int]]:
        """(address, value) of each write that came to the slave."""
        return [(a.address, a.count) for a in self.slave.asked if a.function == 6]


@asynccontextmanager
async def desk(slave: Slave, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr("contract.site.load_profile", lambda _: PROFILE)
    monkeypatch.setattr(Clock, "now_ms", lambda _: NOW)
    made = Desk(slave)
    async with slave.bus() as bus:
        driver = Modbus(Line(bus, [DEVICE], Clock(), made.commit, lambda _: None))
        made.control = Control({"ac": driver}, {"ac": DEVICE}, Clock(), made.commit)
        try:
            yield made
        finally:
            await driver.close()


async def test_a_command_is_written_and_read_back(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """Done means that the device itself says the new value afterwards."""
    async with desk(make_slave("tcp"), monkeypatch) as at:
        assert await at.order(setpoint=26.0) == {"id": "c-1", "state": "done", "read_back": 26.0, "reason": ""}
        assert at.written == [(3, 260)]
        assert at.rows[0].at == NOW


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ({"setpoint": 31.0}, "31 is outside 16 to 30"),
        ({"setpoint": 15.9}, "15.9 is outside 16 to 30"),
        ({"mode": 2.0}, "2 is none of 0, 1"),
        ({"mode": 0.5}, "0.5 is none of 0, 1"),
        ({"room_temperature": 20.0}, "room_temperature cannot be written"),
        ({"nonsense": 1.0}, "nonsense cannot be written"),
    ],
)
async def test_what_may_not_be_written_is_refused(
    points: dict[str, Any], said: str, make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside of the limits, none of the enumeration, read only or unknown: refused with the reason, and the bus hears nothing."""
    async with desk(make_slave("tcp"), monkeypatch) as at:
        answer = await at.order(**points)
        assert (answer["state"], answer["reason"], answer["read_back"]) == ("refused", said, None)
        assert at.slave.asked == []


async def test_limits_themselves_and_every_name_of_an_enumeration_may_be_written(
    make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is refused begins beyond the limit, not at it."""
    async with desk(make_slave("tcp"), monkeypatch) as at:
        assert (await at.order(name="lowest", setpoint=16.0))["state"] == "done"
        assert (await at.order(name="highest", setpoint=30))["state"] == "done"
        assert (await at.order(name="heat", mode=1))["state"] == "done"
        assert at.written == [(3, 160), (3, 300), (4, 1)]


async def test_a_command_that_came_too_late_is_not_carried_out(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """Expired is what it says, from the very moment on."""
    async with desk(make_slave("tcp"), monkeypatch) as at:
        assert (await at.order(expires=NOW, setpoint=26.0))["state"] == "expired"
        assert at.slave.asked == []


async def test_an_id_that_came_before_is_carried_out_once(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that the broker delivers twice is written once and answered once."""
    async with desk(make_slave("tcp"), monkeypatch) as at:
        assert (await at.order(setpoint=26.0))["state"] == "done"
        assert await at.order(setpoint=27.0) == {}
        assert at.written == [(3, 260)]


async def test_a_device_that_keeps_another_value_has_failed(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the device says afterwards is shown, and is not called done."""
    async with desk(make_slave("tcp"), monkeypatch) as at:
        at.keeps = False
        answer = await at.order(setpoint=26.0)
        assert answer == {
            "id": "c-1",
            "state": "failed",
            "read_back": 25.0,
            "reason": "the device kept another value",
            "code": "command.other_value",
            "params": {},
        }


async def test_a_device_that_refuses_or_is_silent_has_failed(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """The device's own words are the reason; without any, that there was no answer."""
    async with desk(make_slave("tcp"), monkeypatch) as at:
        at.slave.script = lambda asked: at.slave.exception(asked, 6)
        answer = await at.order(setpoint=26.0)
        assert (answer["state"], answer["reason"], answer["read_back"]) == ("failed", "Modbus exception 6: device busy", None)
        at.slave.script = lambda _: b""
        answer = await at.order(name="c-2", setpoint=26.0)
        assert (answer["state"], answer["reason"]) == ("failed", "no answer in time")


async def test_a_device_that_speaks_by_itself_refuses(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """A device on a bus that cannot be asked is answered for; one that was never born under this gateway has no topic to answer on."""
    async with desk(make_slave("tcp"), monkeypatch) as at:
        at.control = Control({}, {"ac": DEVICE}, Clock(), at.commit)
        answer = await at.order(setpoint=26.0)
        assert (answer["state"], answer["reason"]) == ("refused", "ac takes no commands")
        assert await at.order(name="c-2", device="other", setpoint=26.0) == {}
        assert at.slave.asked == []


@pytest.mark.parametrize(
    "metrics",
    [
        {"Command/Expires": NOW + 1, "setpoint": 26.0},
        {"Command/Id": "c", "setpoint": 26.0},
        {"Command/Id": "c", "Command/Expires": NOW + 1},
        {"Command/Id": "c", "Command/Expires": NOW + 1, "setpoint": 26.0, "mode": 1},
        {"Command/Id": "c", "Command/Expires": NOW + 1, "setpoint": "26"},
        {"Command/Id": "c", "Command/Expires": NOW + 1, "setpoint": math.nan},
        {"Command/Id": "", "Command/Expires": NOW + 1, "setpoint": 26.0},
    ],
)
async def test_what_is_no_command_is_dropped(
    metrics: dict[str, MetricValue], make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without id, expiry or exactly one number there is nothing to do and nobody to answer."""
    async with desk(make_slave("tcp"), monkeypatch) as at:
        await at.control.take("ac", metrics)
        assert (at.rows, at.slave.asked) == ([], [])


async def test_a_full_disk_does_not_break_the_control(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that cannot be stored is lost, loudly, and the next command is carried out and answered."""
    async with desk(make_slave("tcp"), monkeypatch) as at:
        at.full = True
        assert await at.order(setpoint=26.0) == {}
        at.full = False
        assert (await at.order(name="c-2", setpoint=27.0))["state"] == "done"
        assert at.written == [(3, 260), (3, 270)]
