"""Which hours are counted anew where a site's files state something else about a counter.

The ledger judges every sample by that, and it has no date of its own: a ledger that is built anew judges all hours by the newest.
So hours that were counted by other limits are touched, however old they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from cloud.devices.model import RegisteredDevice
from cloud.ledger.queries import hours
from cloud.ledger.repository.waiting import touch
from cloud.ledger.stated import Stated, StatedMeter, stated
from cloud.sites.changes import Change
from cloud.sites.register import Register
from contract.clock import SHANGHAI
from contract.point import POINTS


def recounted(connection: sa.Connection, kept: Register, files: Register) -> Iterator[Change]:
    """Touch the hours of every counter of which a site's files state something else than the register does.

    A meter of which nothing was counted yet is not told. One that got another device or point shows another series from now on; what
    was stated about the one before stays with it.

    Args:
        connection: In a transaction that writes.
        kept: As the register is before the site is entered.
        files: What the site's files state.
    """
    for new in files.meters.values():
        old, was, now = kept.meters.get(new.id), kept.device_of(new), files.device_of(new)
        if old is None or was is None or now is None or (old.device, old.point) != (new.device, new.point):
            continue
        before, after = _limits(old, was), _limits(new, now)
        first = None if before == after or was.device_class != now.device_class else _touch(connection, new)
        if first is not None:
            day = datetime.fromtimestamp(first / 1000, SHANGHAI).date().isoformat()
            told = ", ".join(_told(before, after, POINTS[new.point or ""].unit.value))
            yield Change("recounted", "meter", new.id, f"{told}; its figures from {day} on are counted anew")


def _limits(meter: StatedMeter, device: RegisteredDevice) -> Stated:
    return stated(meter._asdict(), device.interval)


def _touch(connection: sa.Connection, meter: StatedMeter) -> int | None:
    """Touch the hours that were counted of a meter or judged without a figure; the first of them, None if there is none."""
    counted = sorted(hours.counted(connection, meter.key))
    touch(connection, [(meter.key, hour) for hour in counted])
    return min(counted, default=None)


def _told(before: Stated, after: Stated, unit: str) -> Iterator[str]:
    """What changed, in words."""
    if (before.most, before.by_class) != (after.most, after.by_class):
        yield f"most in an hour {_most(before, unit)} -> {_most(after, unit)}"
    if before.modulus != after.modulus:
        yield f"rollover {_amount(before.modulus, unit)} -> {_amount(after.modulus, unit)}"
    if before.resolution != after.resolution:
        yield f"smallest step {_amount(before.resolution, unit)} -> {_amount(after.resolution, unit)}"
    if before.float32 != after.float32:
        yield "its steps grow with its value" if after.float32 else "its steps no longer grow with its value"
    if before.measured_gap != after.measured_gap:
        yield f"longest gap that is measured {before.measured_gap // 1000} s -> {after.measured_gap // 1000} s"


def _most(stated: Stated, unit: str) -> str:
    return _amount(stated.most, unit) + (" (its class)" if stated.by_class else "")


def _amount(value: float | None, unit: str) -> str:
    return "none" if value is None else f"{value:.10g} {unit}"
