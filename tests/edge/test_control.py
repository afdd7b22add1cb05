"""Commands: each ends in exactly one answer, and only what the device says afterwards is called done."""

from __future__ import annotations

import asyncio
import json
import math
import sqlite3
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from contract.clock import Clock
from contract.operation import Text
from contract.reading import Row
from contract.site import Device as SiteDevice
from contract.sparkplug import MetricValue
from edge.control.commands import Control
from protocols.base import BusContext
from protocols.modbus.driver.master import Modbus
from protocols.modbus.model import Device
from tests.modbus_devices import profile
from tests.waiting import until

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
        driver = Modbus(BusContext(bus, [DEVICE], Clock(), made.commit, lambda _: None))
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
        assert (answer["code"], answer["params"]) == ("command.device_refused", {"why": "Modbus exception 6: device busy"})
        at.slave.script = lambda _: b""
        answer = await at.order(name="c-2", setpoint=26.0)
        assert (answer["state"], answer["reason"], answer["code"]) == ("failed", "no answer in time", "command.no_answer")


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


class Odd:
    """A driver whose device does what its test says; it remembers which values it was told, in turn."""

    def __init__(self, result: float | Exception) -> None:
        self.result, self.told = result, list[float]()
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def write(self, _device: SiteDevice, _point: str, value: float) -> float:
        """Wait until it goes on."""
        self.told.append(value)
        await self.goes_on.wait()
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class OddLine(Odd):
    """The same behind a line that several devices share."""

    async def read(self, device: SiteDevice) -> Row:
        """Nothing is on it."""
        return Row(device.id, NOW, {})

    async def close(self) -> None:
        """Nothing to let go of."""


def over(driver: Odd, monkeypatch: pytest.MonkeyPatch) -> tuple[Control, list[Row]]:
    """A control over two devices of one driver, and what it commits."""
    monkeypatch.setattr("contract.site.load_profile", lambda _: PROFILE)
    monkeypatch.setattr(Clock, "now_ms", lambda _: NOW)
    rows: list[Row] = []

    async def commit(found: Sequence[Row]) -> None:
        rows.extend(found)

    devices = {name: DEVICE.model_copy(update={"id": name}) for name in ("ac", "other")}
    return Control(dict.fromkeys(devices, driver), devices, Clock(), commit), rows


def asked(name: str, value: float, expires: int = NOW + 60_000) -> dict[str, MetricValue]:
    return {"Command/Id": name, "Command/Expires": expires, "setpoint": value}


@pytest.mark.parametrize(
    "error",
    [
        OverflowError("int too large to convert to float"),
        KeyError("setpoint"),
        ValueError("could not convert string to float: '?'"),
        ConnectionResetError(104, "Connection reset by peer"),
        asyncio.IncompleteReadError(b"", 4),
        struct.error("unpack requires a buffer of 4 bytes"),
        RuntimeError("the handler is closed"),
        TypeError("'NoneType' object is not subscriptable"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_a_driver_raises_the_command_is_answered(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits until the expiry for a result that cannot come, and the reason says that the device may have been written to."""
    control, rows = over(Odd(error), monkeypatch)
    await control.take("ac", asked("c-1", 26.0))
    answer = json.loads(rows[0].texts["Command/Result"])
    assert (answer["state"], answer["read_back"], answer["code"]) == ("failed", None, "command.driver_failed")
    assert answer["reason"] == f"the driver failed ({error!r}); whether it was written is not known"


@pytest.mark.parametrize(
    ("kind", "second"), [(Odd, "ac"), (OddLine, "ac"), (OddLine, "other")], ids=["one device", "one device of a line", "one line"]
)
async def test_a_command_that_expires_while_another_is_carried_out_is_not_carried_out(
    kind: type[Odd], second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device ahead did not answer for longer than the second command was good for."""
    driver = kind(26.0)
    driver.goes_on.clear()
    control, rows = over(driver, monkeypatch)
    waiting = [
        asyncio.create_task(control.take("ac", asked("c-1", 26.0))),
        asyncio.create_task(control.take(second, asked("c-2", 27.0, NOW + 5000))),
    ]
    await until(lambda: driver.told == [26.0])
    monkeypatch.setattr(Clock, "now_ms", lambda _: NOW + 5000)
    driver.goes_on.set()
    await asyncio.gather(*waiting)
    states = {answer["id"]: answer["state"] for answer in (json.loads(row.texts["Command/Result"]) for row in rows)}
    assert (driver.told, states) == ([26.0], {"c-1": "done", "c-2": "expired"})


async def test_devices_that_share_no_line_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A car that does not answer is nothing to the others."""
    driver = Odd(26.0)
    driver.goes_on.clear()
    control, rows = over(driver, monkeypatch)
    waiting = [asyncio.create_task(control.take(name, asked(name, 26.0))) for name in ("ac", "other")]
    await until(lambda: driver.told == [26.0, 26.0])
    driver.goes_on.set()
    await asyncio.gather(*waiting)
    assert {row.device for row in rows} == {"ac", "other"}
