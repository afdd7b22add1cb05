"""One command: checked, written, read back, and answered by a row that the outbox keeps until the cloud has it."""

from __future__ import annotations

import asyncio
import json
import math
import sqlite3
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from contract import sparkplug
from contract.clock import Clock
from contract.coded import Message
from contract.profile import PointMap
from contract.reading import Row
from contract.site import Device
from contract.sparkplug import MetricValue
from edge.control import reasons
from protocols.base import UNFORESEEN, Commit, DriverError, PollingDriver, WritingDriver

log = structlog.get_logger()
_REMEMBERED = 1000
_SHOWN = 200
"""Characters of an error that a reason shows."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended: done, refused, expired or failed; `read_back` is what the device says afterwards."""

    id: str
    state: str
    read_back: float | None = None
    reason: Message | None = None

    def dumps(self) -> str:
        """As `Command/Result` has it: `reason` in English, and beside it the code and the parameters where it has any."""
        told = {"id": self.id, "state": self.state, "read_back": self.read_back, "reason": self.text}
        return json.dumps(told if self.reason is None else told | self.reason.form())

    @property
    def text(self) -> str:
        """The reason in English; empty where there is none."""
        return "" if self.reason is None else reasons.text(self.reason)


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it came."""

    id: str
    point: str
    value: float
    expires: int


def parse(metrics: Mapping[str, MetricValue]) -> Command:
    """The order in a DCMD.

    Raises:
        ValueError: Something is missing or of another kind.
    """
    name, expires = metrics.get(sparkplug.COMMAND_ID), metrics.get(sparkplug.COMMAND_EXPIRES)
    points = {k: v for k, v in metrics.items() if not k.startswith(sparkplug.RESERVED)}
    if not isinstance(name, str) or not name or not isinstance(expires, int) or isinstance(expires, bool):
        raise ValueError("expected Command/Id and Command/Expires")
    if len(points) != 1:
        raise ValueError(f"expected one point, got {sorted(points)}")
    ((point, value),) = points.items()
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{point}: expected a number, got {value!r}")
    return Command(name, point, float(value), expires)


def objection(order: Command, mapped: PointMap | None, now: int) -> Result | None:
    """Why an order is not carried out; None when it may be."""
    if order.expires <= now:
        return Result(order.id, "expired", reason=Message("command.expired_on_arrival"))
    if mapped is None or not mapped.writable:
        return Result(order.id, "refused", reason=Message("command.point_not_writable", point=order.point))
    if mapped.limits is not None and not mapped.limits.min <= order.value <= mapped.limits.max:
        why = Message("command.outside", value=order.value, low=mapped.limits.min, high=mapped.limits.max)
        return Result(order.id, "refused", reason=why)
    if mapped.values is not None and order.value not in mapped.values:
        return Result(order.id, "refused", reason=Message("command.none_of", value=order.value, states=", ".join(map(str, mapped.values))))
    return None


class Control:
    """Carries out commands for the devices of one gateway; an id that came before is not carried out twice."""

    def __init__(self, drivers: Mapping[str, WritingDriver[Any]], devices: Mapping[str, Device], clock: Clock, commit: Commit) -> None:
        """`drivers` by device id; devices that cannot be written to are left out."""
        self._drivers, self._devices, self._clock, self._commit = drivers, devices, clock, commit
        self._seen: OrderedDict[str, None] = OrderedDict()
        lines: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._turns = {name: lines[id(driver)] if isinstance(driver, PollingDriver) else asyncio.Lock() for name, driver in drivers.items()}
        """By device: held while a command is carried out; one lock for all devices of a line that has one request in flight."""

    async def take(self, device: str, metrics: Mapping[str, MetricValue]) -> None:
        """Carry out a DCMD and commit its answer; for a device that was never born there is nobody to answer."""
        if device not in self._devices:
            log.warning("command dropped", device=device, reason="no such device")
            return
        try:
            order = parse(metrics)
        except ValueError as error:
            log.warning("command dropped", device=device, reason=str(error))
            return
        if order.id in self._seen:
            return
        self._seen[order.id] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        result = await self._carry_out(self._devices[device], order)
        log.info("command", device=device, point=order.point, value=order.value, state=result.state, reason=result.text)
        values = {order.point: result.read_back} if result.read_back is not None else {}
        answer = Row(device, self._clock.now_ms(), values, texts={sparkplug.COMMAND_RESULT: result.dumps()})
        try:
            await self._commit([answer])
        except sqlite3.Error as error:
            log.warning("the answer to a command is lost: the outbox refused it", device=device, id=order.id, reason=str(error))

    async def _carry_out(self, device: Device, order: Command) -> Result:
        driver = self._drivers.get(device.id)
        if driver is None:
            return Result(order.id, "refused", reason=Message("command.takes_none", device=device.id))
        async with self._turns[device.id]:
            # Asked now and not on arrival: each command ahead may have taken as long as its device is waited for.
            against = objection(order, device.model.points.get(order.point), self._clock.now_ms())
            return against or await _written(driver, device, order)


async def _written(driver: WritingDriver[Any], device: Device, order: Command) -> Result:
    """How a command ended that nothing speaks against."""
    try:
        read_back = await driver.write(device, order.point, order.value)
    except DriverError as error:
        return Result(order.id, "failed", reason=reasons.of_driver(error))
    except UNFORESEEN as error:
        log.exception("a driver failed", device=device.id, point=order.point, id=order.id)
        return Result(order.id, "failed", reason=Message("command.driver_failed", error=f"{error!r:.{_SHOWN}}"))
    if not math.isclose(read_back, order.value, abs_tol=1e-6):
        return Result(order.id, "failed", read_back, Message("command.other_value"))
    return Result(order.id, "done", read_back)
