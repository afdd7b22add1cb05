"""When the poller asks whom: a dead device costs the others one time-out, and nothing that was not read is stored as if it were."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest

from contract.clock import Clock
from contract.reading import Row
from edge.poller import DEAD_AFTER, LONGEST_PROBE, Poller, _Polled, probe_interval
from protocols.base import BusContext, DriverError, PollingDriver
from protocols.modbus.driver.master import Modbus
from protocols.modbus.model import Bus, Device
from tests.desk import Desk
from tests.modbus_devices import device, profile

if TYPE_CHECKING:
    from tests.slave import Asked, Slave

PROFILE = profile({"voltage_a": {"address": 0, "unit": "V"}, "voltage_b": {"address": 50, "unit": "V"}})


class Kept(Desk):
    """Remembers besides who died."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: list[tuple[str, bool]] = []

    async def on_alive(self, name: str, alive: bool) -> None:  # noqa: FBT001 (a callback of two arguments)
        """A device died or came back."""
        async with self.changed:
            self.alive.append((name, alive))
            self.changed.notify_all()

    def of(self, name: str) -> list[Row]:
        """The rows of a device."""
        return [row for row in self.rows if row.device == name]


@asynccontextmanager
async def polled(
    slave: Slave, kept: Kept, devices: list[Device], monkeypatch: pytest.MonkeyPatch, speed: float = 1.0
) -> AsyncIterator[None]:
    monkeypatch.setattr("contract.site.load_profile", lambda _: PROFILE)
    async with slave.bus() as bus:
        clock = Clock(time.time() * 1000, time.time(), speed)
        line = BusContext(bus, devices, clock, kept.commit, kept.counted.append)
        driver = Modbus(line)
        task = asyncio.create_task(Poller(line, driver, kept.on_alive).run())
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await driver.close()


async def test_a_dead_device_dies_once_and_comes_back_once(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """Three silent polls are a death, one answer a birth; until the death every point is bad with its reason, then nothing is said."""
    slave, kept = make_slave("tcp"), Kept()
    async with polled(slave, kept, [device(1, 0.5), device(2, 0.5)], monkeypatch, speed=5.0):
        await kept.until(lambda: bool(kept.of("d1")))
        slave.script = lambda asked: b"" if asked.unit == 1 else slave.answer(asked)
        await kept.until(lambda: ("d1", False) in kept.alive)
        probed = len([a for a in slave.asked if a.unit == 1])
        await kept.until(lambda: len([a for a in slave.asked if a.unit == 1]) >= probed + 2)
        slave.script = slave.answer
        await kept.until(lambda: bool(kept.of("d1")[-1].values))
        await kept.until(lambda: len(kept.alive) >= 2)
    assert kept.alive == [("d1", False), ("d1", True)]
    silent = [r for r in kept.of("d1") if not r.values]
    assert len(silent) == DEAD_AFTER - 1
    assert all(r.bad == {"voltage_a": "no answer in time", "voltage_b": "no answer in time"} for r in silent)
    assert all(r.values == {"voltage_a": 100.0, "voltage_b": 150.0} for r in kept.of("d1") if r.values)
    assert all(r.values == {"voltage_a": 200.0, "voltage_b": 250.0} for r in kept.of("d2"))


async def test_a_dead_device_costs_the_others_one_time_out(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two polls of its neighbour the dead one is asked once at most, and less and less often."""
    slave, kept = make_slave("tcp"), Kept()
    slave.script = lambda asked: b"" if asked.unit == 1 else slave.answer(asked)
    async with polled(slave, kept, [device(1, 0.2), device(2, 0.2)], monkeypatch):
        await kept.until(lambda: len([a for a in slave.asked if a.unit == 1]) >= DEAD_AFTER + 3)
    units = "".join(str(a.unit) for a in slave.asked)
    assert "11" not in units
    between = [len(polls) for polls in units.strip("2").split("1")[1:-1]]
    assert between[-1] > between[0] >= 1


def test_a_device_may_stay_dead_for_years() -> None:
    """The wait doubles up to its limit, always a whole number of intervals, and no number of failures breaks it."""
    assert [probe_interval(5.0, n) for n in range(8)] == [5, 5, 5, 10, 20, 40, 60, 60]
    assert probe_interval(7.0, 100) == 56.0
    assert probe_interval(LONGEST_PROBE * 3, 100) == LONGEST_PROBE * 3
    assert probe_interval(15.0, 10_000_000) == LONGEST_PROBE


def test_polls_stay_on_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a delay the next poll is at a time at which it would have been anyway; whole intervals that went by are left out."""
    now = [100.0]
    monkeypatch.setattr("edge.poller.time.monotonic", lambda: now[0])
    line: BusContext[Bus, Device] = BusContext(Bus(id="b", gateway="g", protocol="modbus"), [], Clock(), Kept().commit, lambda _: None)
    poller = Poller(line, Modbus(line), Kept().on_alive)
    polled = _Polled(device(1, 5.0))
    due = 100.0
    story = [(100.1, 105.0), (104.9, 110.0), (113.0, 115.0), (121.0, 120.0), (121.1, 125.0), (163.0, 160.0)]
    for finished, expected in story:
        now[0] = finished
        due = poller._next(due, polled)
        assert due == expected, finished


async def test_a_refused_commit_is_counted_and_the_poller_goes_on(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk loses that one poll, visibly; the next is stored."""
    slave, kept = make_slave("tcp"), Kept()
    kept.refusals = 2
    async with polled(slave, kept, [device(1, 0.2)], monkeypatch, speed=5.0):
        await kept.until(lambda: len(kept.rows) >= 2)
    assert kept.counted == ["the outbox refused a row: database or disk is full"] * 2
    assert [r.values for r in kept.of("d1")[:2]] == [{"voltage_a": 100.0, "voltage_b": 150.0}] * 2


@pytest.mark.parametrize("framing", ["rtu_over_tcp", "rtu"])
async def test_a_slave_that_is_always_late_stores_no_wrong_value(
    framing: str, make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Poll after poll, through the real poller: what is stored of a slave that answers the request before is right or bad."""
    slave, kept = make_slave(framing), Kept()
    late: list[bytes] = []

    def one_behind(asked: Asked) -> bytes:
        late.append(slave.answer(asked))
        return late.pop(0) if len(late) > 1 else b""

    async with polled(slave, kept, [device(1, 0.4), device(2, 0.4)], monkeypatch):
        await kept.until(lambda: len(kept.of("d1")) >= 1)
        slave.script = one_behind
        await kept.until(lambda: {("d1", False), ("d2", False)} <= set(kept.alive))
    for name, right in (("d1", {"voltage_a": 100.0, "voltage_b": 150.0}), ("d2", {"voltage_a": 200.0, "voltage_b": 250.0})):
        assert all(row.values.items() <= right.items() for row in kept.of(name))
        assert all({*row.values, *row.bad} == {"voltage_a", "voltage_b"} for row in kept.of(name))


class Read:
    """A driver whose device answers so many times, and then never again."""

    def __init__(self, answers: int = 1_000_000) -> None:
        self.answers, self.polls = answers, 0

    async def read(self, of: Device) -> Row:
        """The next answer."""
        await asyncio.sleep(0)
        self.polls += 1
        if self.polls > self.answers:
            raise DriverError("silence")
        return Row(of.id, self.polls, {"voltage_a": 1.0})


def polling(
    driver: Read, line: BusContext[Bus, Device], on_alive: Callable[[str, bool], Awaitable[None]] | None = None
) -> asyncio.Task[None]:
    """A poller of a driver that is none of Modbus."""
    return asyncio.create_task(Poller(line, cast("PollingDriver[Device]", driver), on_alive or Kept().on_alive).run())


def line_of(commit: Callable[[Sequence[Row]], Awaitable[None]], lost: Callable[[Row, str], Awaitable[None]]) -> BusContext[Bus, Device]:
    """A line with one device, polled a hundred times a second."""
    bus = Bus(id="bus", gateway="g", protocol="modbus", port=1)
    return BusContext(bus, [device(1, 0.01)], Clock(), commit, lambda _: None, lost=lost)


async def test_a_commit_that_fails_otherwise_ends_the_poller(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no refusal of the disk is a fault of the program: it is raised though the commits before and after it went well."""
    monkeypatch.setattr("contract.site.load_profile", lambda _: PROFILE)

    async def commit(rows: Sequence[Row]) -> None:
        await asyncio.sleep(0)
        if rows[0].at == 3:
            raise OverflowError("no such number")

    async def lost(_row: Row, _reason: str) -> None:
        """Not called."""

    running = polling(Read(), line_of(commit, lost))
    with pytest.raises(OverflowError, match="no such number"):
        await asyncio.wait_for(running, 10)


async def test_a_loss_that_cannot_be_told_ends_the_poller(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where telling of a refused row fails."""
    monkeypatch.setattr("contract.site.load_profile", lambda _: PROFILE)

    async def commit(_rows: Sequence[Row]) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async def lost(_row: Row, _reason: str) -> None:
        raise RuntimeError("nobody listens")

    with pytest.raises(RuntimeError, match="nobody listens"):
        await asyncio.wait_for(polling(Read(), line_of(commit, lost)), 10)


async def test_a_death_is_told_after_the_rows_that_were_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data after a death would call the device back to life, and rows of a dead device are not shown."""
    monkeypatch.setattr("contract.site.load_profile", lambda _: PROFILE)
    told: list[str] = []
    dead, driver = asyncio.Event(), Read(2)

    async def commit(_rows: Sequence[Row]) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async def lost(row: Row, _reason: str) -> None:
        while driver.polls < 5:  # noqa: ASYNC110 (the poll that says that it is dead)
            await asyncio.sleep(0)
        told.append("good" if row.values else "bad")

    async def on_alive(_name: str, alive: bool) -> None:  # noqa: FBT001 (a callback of two arguments)
        told.append("back" if alive else "dead")
        dead.set()

    running = polling(driver, line_of(commit, lost), on_alive)
    await asyncio.wait_for(dead.wait(), 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert told == ["good", "good", "bad", "bad", "dead"]
