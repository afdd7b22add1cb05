"""What ingest and the ledger recorded of a group, and readings that the store refused."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.devices.tables import device, event, rejected_reading
from contract.coded import Message, read


class Noted(NamedTuple):
    """Something that ingest or the ledger recorded; `at` is when it was noted, as far as that is known, `detail` a message as JSON."""

    kind: str
    subject: str
    at: int
    detail: str


class Event(NamedTuple):
    """Something that happened to a subject at a time (ms), by its own clock or by receipt; `detail` is a message as JSON."""

    kind: str
    subject: str
    at: int
    detail: str


class Refusal(NamedTuple):
    """Readings of a device that the store refused for one reason: times of the first and the last (ms), and how many."""

    device: str
    reason: Message
    first: int
    last: int
    number: int


class OnRecord(NamedTuple):
    """How many readings of a device are on record as refused, and the node that speaks for it."""

    group: str
    device: str
    node: str
    number: int


class Rejected(NamedTuple):
    """Readings of a device that the store refused: how many, when the last came, and why."""

    number: int
    at: int
    reason: Message


def noted(connection: sa.Connection, group: str, since: int) -> list[Noted]:
    """What was recorded after a moment (ms), in the order of when it happened."""
    column = event.c
    query: sa.Select[Any] = sa.select(column.kind, column.subject, sa.func.coalesce(column.noted_at, column.at), column.detail)
    recent = sa.or_(column.noted_at > since, sa.and_(column.noted_at.is_(None), column.at > since))
    return [Noted._make(row) for row in connection.execute(query.where(column.grp == group, recent).order_by(column.at)).all()]


def rejected(connection: sa.Connection, group: str, since: int) -> dict[str, Rejected]:
    """Readings that were refused after a moment (ms), by device; of several reasons any."""
    column = rejected_reading.c
    query = sa.select(column.device, sa.func.count(), sa.func.max(column.received_at), sa.func.max(column.reason))
    recent = query.where(column.grp == group, column.received_at > since).group_by(column.device)
    return {device: Rejected(count, at, read(reason)) for device, count, at, reason in connection.execute(recent)}


def within(connection: sa.Connection, group: str, subjects: Collection[str], start: int, end: int) -> Sequence[Event]:
    """The events of some subjects of a group from `start` and before `end` (ms), by kind, subject and time."""
    column = event.c
    of = sa.and_(column.grp == group, column.subject.in_(list(subjects)), column.at >= start, column.at < end)
    query = sa.select(column.kind, column.subject, column.at, column.detail).where(of)
    return [Event._make(row) for row in connection.execute(query.order_by(column.kind, column.subject, column.at))]


def rejected_within(connection: sa.Connection, group: str, devices: Collection[str], start: int, end: int) -> list[Refusal]:
    """Readings of some devices of a group, of a time from `start` and before `end` (ms), that the store refused, by device and reason."""
    column = rejected_reading.c
    of = sa.and_(column.grp == group, column.device.in_(list(devices)), column.at >= start, column.at < end)
    columns = (column.device, column.reason, sa.func.min(column.at), sa.func.max(column.at), sa.func.count())
    found = connection.execute(sa.select(*columns).where(of).group_by(column.device, column.reason))
    return [Refusal(device, read(reason), first, last, number) for device, reason, first, last, number in found]


def on_record(connection: sa.Connection, since: int) -> list[OnRecord]:
    """How many readings are on record that were refused after a moment (ms), by device, of all groups; of known devices only."""
    column = rejected_reading.c
    own = sa.and_(device.c.grp == column.grp, device.c.id == column.device)
    query = sa.select(column.grp, column.device, device.c.gateway, sa.func.count()).join_from(rejected_reading, device, own)
    recent = query.where(column.received_at > since).group_by(column.grp, column.device, device.c.gateway)
    return [OnRecord._make(row) for row in connection.execute(recent)]


def detail_of(connection: sa.Connection, kind: str, group: str, subject: str, at: int) -> str | None:
    """What an event says; None where there is none such."""
    mine = (event.c.kind == kind, event.c.grp == group, event.c.subject == subject, event.c.at == at)
    return connection.execute(sa.select(event.c.detail).where(*mine)).scalar_one_or_none()


def number_noted(connection: sa.Connection, kind: str, group: str, detail: str, since: int) -> int:
    """Number of events of a kind that say this and were noted after a moment (ms)."""
    mine = (event.c.kind == kind, event.c.grp == group, event.c.detail == detail, event.c.noted_at > since)
    return connection.execute(sa.select(sa.func.count()).where(*mine)).scalar_one()


def number_rejected(connection: sa.Connection) -> int:
    """Number of readings on record that the store refused, of all groups."""
    return connection.execute(sa.select(sa.func.count()).select_from(rejected_reading)).scalar_one()
