"""Refused readings on record, bounded by device and by node: whoever may publish could else add as many as it likes.

Beyond the bound the newest one stays on record in place of the one before, and an event a day says how often a device's readings
were refused, of which time they are, and how they come again: nothing is left out silently.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.devices.model import NewEvent, NewRejected
from cloud.devices.queries.events import detail_of, on_record
from cloud.devices.queries.nodes import speaker_of
from cloud.devices.repository import events, rejected
from cloud.ingest.batch import Batch
from cloud.telemetry.base import MAX_MS, MAX_NAME, Refused
from cloud.texts import printable
from contract.clock import iso, parse_time
from contract.coded import Message, read

MOST_OF_DEVICE = 1000
"""Readings of a device, refused within a day, that are on record; the reason is the same in nearly all."""
MOST_OF_NODE = 10_000
"""The same of all devices that a node speaks for: it may invent some."""
REFUSED = "readings_refused"
_DAY = 86_400_000
_BIGGEST = 2**63 - 1
"""Of a column of the database; a time beyond it is kept as this."""

Key = tuple[str, str]
"""Group and device, or group and node."""


class _Speaker(NamedTuple):
    """Who speaks for a device, and whether it keeps what it sends."""

    node: str
    keeps: bool


def record(connection: sa.Connection, batch: Batch, refused: Sequence[Refused]) -> None:
    """Put refused readings on record; those beyond the bound are counted in the batch, however often this runs."""
    found: defaultdict[Key, list[Refused]] = defaultdict(list)
    for one in refused:
        found[one.line.group, one.line.reading.device].append(one)
    speakers = _speakers(connection, found)
    of_device, of_node = _on_record(connection, batch.received_at - _DAY) if found else (Counter[Key](), Counter[Key]())
    dropped = Counter[str]()
    for key, readings in found.items():
        node = (key[0], speakers[key].node)
        rooms = {"device": MOST_OF_DEVICE - of_device[key], "node": MOST_OF_NODE - of_node[node]}
        least = min(rooms, key=rooms.__getitem__)
        kept, beyond = readings[: max(rooms[least], 0)], readings[max(rooms[least], 0) :]
        of_node[node] += len(kept)
        rejected.put(connection, [_row(one, batch.received_at) for one in kept])
        if beyond:
            dropped[f"too many rejected readings of a {least}"] += len(beyond)
            _note(connection, key, speakers[key], beyond, batch.received_at)
    for reason, number in dropped.items():
        batch.dropped[reason] = number


def _speakers(connection: sa.Connection, devices: Iterable[Key]) -> dict[Key, _Speaker]:
    found = {}
    for group, name in devices:
        speaker = speaker_of(connection, group, name)
        found[group, name] = _Speaker("", keeps=False) if speaker is None else _Speaker(speaker.gateway, speaker.outbox is not None)
    return found


def _on_record(connection: sa.Connection, since: int) -> tuple[Counter[Key], Counter[Key]]:
    """How many readings are on record since a time (ms), by device and by node."""
    of_device, of_node = Counter[Key](), Counter[Key]()
    for one in on_record(connection, since):
        of_device[one.group, one.device] += one.number
        of_node[one.group, one.node] += one.number
    return of_device, of_node


def _note(connection: sa.Connection, key: Key, speaker: _Speaker, beyond: Sequence[Refused], now: int) -> None:
    """Add to the event of the device and day, and let the newest reading take the place of the one that it names."""
    today = (REFUSED, *key, now // _DAY * _DAY)
    newest = _row(beyond[-1], now)
    times = [min(max(one.line.reading.at, 0), MAX_MS) for one in beyond]
    span = _Span(len(beyond), min(times), max(times), newest.point, newest.at)
    told = detail_of(connection, *today)
    if told is not None:
        before = _Span.of(read(told))
        events.remove(connection, *today)
        if before is not None:
            span = before.joined(span)
            rejected.remove(connection, *key, before.point, before.at)
    rejected.put(connection, [newest])
    detail = span.said(speaker, _bounded(beyond[-1].reason)).dumps()
    events.add(connection, NewEvent(*today, detail, now))


class _Span(NamedTuple):
    """Readings of a device that are not on record, but for one.

    Attributes:
        number: How often one was refused.
        first: The earliest time of measurement, ms.
        last: The latest, ms.
        point: Of the one that is on record.
        at: Its time, ms.
    """

    number: int
    first: int
    last: int
    point: str
    at: int

    def joined(self, later: _Span) -> _Span:
        """Both together."""
        return later._replace(number=self.number + later.number, first=min(self.first, later.first), last=max(self.last, later.last))

    @staticmethod
    def of(message: Message) -> _Span | None:
        """What `said` was made of; None of another message."""
        params: dict[str, Any] = message.params
        if not params.keys() >= {"number", "first", "last", "point", "at"}:
            return None
        return _Span(params["number"], parse_time(params["first"]), parse_time(params["last"]), params["point"], params["at"])

    def said(self, speaker: _Speaker, why: Message) -> Message:
        """As a message; one who keeps what it sends may be asked for it again."""
        first, last, end = iso(self.first), iso(self.last), iso(self.last + 1)
        return Message(
            "reason.refused_again" if speaker.keeps else "reason.refused_gone",
            number=self.number,
            first=first,
            last=last,
            why=why,
            node=speaker.node,
            begin=first,
            end=end,
            point=self.point,
            at=self.at,
        )


def _bounded(message: Message) -> Message:
    """A message whose texts a screen shows and a table holds: they may be a name that a stranger gave, or a server's own words."""
    return Message(message.code, **{name: printable(of, 2 * MAX_NAME) if isinstance(of, str) else of for name, of in message.items})


def _row(refused: Refused, received_at: int) -> NewRejected:
    """A refused reading as far as the database can hold it: names may be what was wrong."""
    line, reason = refused
    reading = line.reading
    return NewRejected(
        line.group,
        line.device_class,
        reading.device,
        printable(reading.point, 2 * MAX_NAME),
        min(reading.at, _BIGGEST),
        reading.value,
        int(reading.quality),
        _bounded(reason).dumps(),
        received_at,
    )
