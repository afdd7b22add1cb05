"""Schedules as a person reads them off a calendar: local times, and what holds from which one on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from contract.clock import SHANGHAI
from contract.operation import Operation
from contract.schedule import Schedule
from contract.scheduling import Source, wanted


def at(text: str) -> int:
    """A local time such as 2026-03-01T08:00 as ms since 1970 in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).timestamp()) * 1000


def switches(
    schedule: Schedule, operation: Operation, first: str, last: str, point: str = "on"
) -> Iterator[tuple[str, float | None, Source]]:
    """From one local time up to another: what holds from which minute on."""
    now, end = at(first), at(last)
    while now < end:
        said = wanted(schedule, operation, point, now)
        yield datetime.fromtimestamp(now / 1000, SHANGHAI).strftime("%m-%d %H:%M"), said.value, said.source
        now = end if said.until is None else said.until
