"""Meters whose files name another device or point: what they were counted by until then stays on record.

Another series of the store says nothing about the hours that the one before it counted. So the ledger reads each for its own time.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from cloud.devices.model import RegisteredDevice
from cloud.ledger.periods import HOUR_MS
from cloud.ledger.repository.meters import keep_earlier_counter
from cloud.ledger.repository.waiting import touch
from cloud.ledger.stated import StatedMeter
from cloud.sites.changes import Change
from cloud.sites.register import Register


def replaced(connection: sa.Connection, kept: Register, files: Register, now: int) -> Iterator[Change]:
    """Keep the series of every counter for which a site's files name another, and touch the hour in which that was entered.

    Args:
        connection: In a transaction that writes.
        kept: As the register is before the site is entered.
        files: What the site's files state.
        now: When they are entered, ms since 1970 in UTC.
    """
    for new in files.meters.values():
        old = kept.meters.get(new.id)
        was, now_by = None if old is None else kept.device_of(old), files.device_of(new)
        if old is None or was is None or _series(old, was) == _series(new, now_by):
            continue
        keep_earlier_counter(connection, old, was.device_class, was.interval, now)
        touch(connection, [(new.key, now // HOUR_MS * HOUR_MS)])
        yield Change("recorded", "counter of meter", new.id, _told(_series(old, was), _series(new, now_by)))


def _series(meter: StatedMeter, device: RegisteredDevice | None) -> tuple[str, ...] | None:
    """The names of a meter's series in the store; None of one that is fed by hand."""
    return None if device is None else (device.device_class, device.id, meter.point or "")


def _told(before: tuple[str, ...] | None, after: tuple[str, ...] | None) -> str:
    old, new = ("by hand" if names is None else "/".join(names) for names in (before, after))
    return f"{old} until now, then {new}; its figures until now stay, and another counter is an exchange to record"
