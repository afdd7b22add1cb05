"""How far the clocks of devices, terminals, bridges and gateways were off, and from when to when.

Telemetry keeps the time that a source gave. What is known of its clock is kept beside it, as dated rows: the ledger reads
through them, so a reading counts where it was really measured, and a judgement that was wrong can be recorded anew.

An offset is what the clock showed minus the true time, in ms: above 0 it was ahead. `start` and `end` of a row are times by
that same clock, as they stand in telemetry; between them the offset is linear.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from cloud.accounts.repository import audited
from cloud.devices import tables as devices_tables
from cloud.ledger import tables as ledger_tables
from cloud.platform.database import upsert, writing
from contract.clock import iso

HOUR_MS = 3_600_000
LONGEST = 400 * 24 * HOUR_MS
"""Of a row that a person records; gauges are not kept longer, and each hour of it is counted anew."""
SET = 20_000
"""An offset that moved by more (ms) did not drift there: the clock was set, or began anew."""
TOLERANCE = 120_000
"""A lag beyond this (ms) is no delay of a network."""
JUDGED = "judged"
"""In `by`: the service found it out by itself."""


class State(StrEnum):
    """How sure a row is."""

    UNDECIDED = "undecided"
    """Readings came late; a clock that is behind, or something that kept them. Offset 0; their hours are provisional."""
    OPEN = "open"
    """The clock is judged wrong, and the row grows with what it still says."""
    CLOSED = "closed"


class OffsetError(ValueError):
    """An offset that cannot be recorded; one line with the field and what was expected."""


@dataclass(frozen=True, slots=True)
class Offset:
    """How far a clock was off.

    Attributes:
        start: First time by that clock that it holds for, ms.
        end: Last such time, ms, included.
        offset_from: Clock minus truth at `start`, ms.
        offset_to: The same at `end`.
        good: Times of readings that were stored as good before the clock was judged; of good ones only these are corrected.
        whole: Whether all good readings from `start` to `end` are corrected too.
        judged: Id of the source whose clock was judged so; empty of what a person recorded.
    """

    start: int
    end: int
    offset_from: int
    offset_to: int
    good: frozenset[int] = frozenset()
    whole: bool = False
    judged: str = ""

    def true_time(self, at: int) -> int:
        """When that was, which the clock called `at`."""
        length = self.end - self.start
        drift = (self.offset_to - self.offset_from) * (at - self.start) // length if length else 0
        return at - self.offset_from - drift


def corrected(at: int, offsets: Sequence[Offset]) -> int | None:
    """The true time of a doubtful reading, by the first row that covers its time; without one the time that it has.

    A clock that began anew shows times that it showed before, and nothing tells which readings are of which time: where judgements
    of one clock disagree by more than `SET`, the true time is None.

    Args:
        at: Time of measurement as the source gave it, ms since 1970 in UTC.
        offsets: What `load_offsets` has of the device, in its order.
    """
    covering = [row for row in offsets if row.start <= at <= row.end]
    if not covering:
        return at
    first, true = covering[0], covering[0].true_time(at)
    rivals = [row for row in covering if row.judged == first.judged] if first.judged else []
    return None if any(abs(row.true_time(at) - true) > SET for row in rivals) else true


def good_corrected(at: int, offsets: Sequence[Offset]) -> int:
    """The same of a reading that is stored as good: only rows that name it, or all of their span, hold for it.

    One that two judgements name is the later one's: it took the other's place in telemetry.
    """
    return next((row.true_time(at) for row in offsets if row.start <= at <= row.end and (row.whole or at in row.good)), at)


def load_offsets(connection: sa.Connection, group: str, sources: Iterable[str]) -> dict[str, tuple[Offset, ...]]:
    """What is known of some clocks; a source of which nothing is known is absent.

    Of a device its gateway's rows follow its own, since most devices are dated by their gateway. What a person recorded
    precedes what was judged, and there what was recorded later what was recorded earlier; of what was judged, what truly began
    later precedes what began earlier.
    """
    found: dict[str, tuple[Offset, ...]] = {}
    for source, rows in _rows(connection, group, sources, decided=True).items():
        found[source] = tuple(
            Offset(
                row["valid_from"],
                row["valid_to"],
                row["offset_from_ms"],
                row["offset_to_ms"],
                frozenset(json.loads(row["good"]).get(source, ())),
                row["whole"],
                row["source"] if row["by"] == JUDGED else "",
            )
            for row in rows
        )
    return found


def undecided(connection: sa.Connection, group: str, sources: Iterable[str]) -> dict[str, tuple[tuple[int, int], ...]]:
    """Spans (first and last time by the source's clock, ms) of readings that came late and of whose clock nothing is decided."""
    found = _rows(connection, group, sources, decided=False)
    return {source: tuple((row["valid_from"], row["valid_to"]) for row in rows) for source, rows in found.items()}


def known_offsets(engine: sa.Engine) -> list[dict[str, Any]]:
    """All that is known of clocks, for people: by source and time, offsets in seconds."""
    table = devices_tables.clock_offset
    with engine.connect() as connection:
        rows = connection.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings().all()
    return [
        {
            "group": row["grp"],
            "source": row["source"],
            "from": iso(row["valid_from"]),
            "to": iso(row["valid_to"]),
            "seconds": row["offset_from_ms"] / 1000,
            "seconds_to": row["offset_to_ms"] / 1000,
            "state": row["state"],
            "by": row["by"],
            "why": row["why"],
            "recorded_at": iso(row["recorded_at"]),
        }
        for row in rows
    ]


def _rows(connection: sa.Connection, group: str, sources: Iterable[str], *, decided: bool) -> dict[str, list[sa.RowMapping]]:
    """Rows by source, a device's own first, then its gateway's."""
    column, asked = devices_tables.clock_offset.c, list(dict.fromkeys(sources))
    kept = column.state != State.UNDECIDED if decided else column.state == State.UNDECIDED
    by_source: defaultdict[str, list[sa.RowMapping]] = defaultdict(list)
    query = sa.select(devices_tables.clock_offset).where(column.grp == group, kept)
    judged = column.by == JUDGED
    order = (judged, sa.case((judged, -column.began_at), else_=-column.recorded_at), column.valid_from, column.by)
    for row in connection.execute(query.order_by(*order)).mappings():
        by_source[row["source"]].append(row)
    if not by_source:
        return {}
    device = devices_tables.device.c
    placed = connection.execute(sa.select(device.id, device.gateway).where(device.grp == group, device.id.in_(asked))).all()
    gateways = {row.id: row.gateway for row in placed}
    found = {source: by_source.get(source, []) + _of_gateway(source, gateways, by_source) for source in asked}
    return {source: rows for source, rows in found.items() if rows}


def _of_gateway(source: str, gateways: Mapping[str, str], rows: Mapping[str, list[sa.RowMapping]]) -> list[sa.RowMapping]:
    gateway = gateways.get(source)
    return rows.get(gateway, []) if gateway is not None and gateway != source else []


@dataclass(frozen=True, slots=True)
class Recorded:
    """What somebody knows of a clock.

    Attributes:
        source: Id of the device, terminal, bridge or gateway.
        start: First time by that clock, as it stands in telemetry, ms.
        end: The time after the last, ms.
        offset_from: Clock minus truth at `start`, ms; above 0 it was ahead.
        offset_to: The same at `end`.
        whole: Whether readings that were stored as good are to be corrected too.
        why: The person's reason; may be empty.
    """

    source: str
    start: int
    end: int
    offset_from: int
    offset_to: int
    whole: bool = False
    why: str = ""


def record_offset(engine: sa.Engine, group: str, known: Recorded, by: str, now: int) -> int:
    """Record how far a clock was off; recorded again from the same time, it is corrected. Hours before and after count anew.

    Args:
        engine: Of the registry.
        group: The district.
        known: What is recorded.
        by: Who records it.
        now: ms since 1970 in UTC.

    Returns:
        Hours of meters that are counted anew.

    Raises:
        OffsetError: What is wrong, and with which field.
    """
    if known.end <= known.start:
        raise OffsetError(f"to: expected a time after {iso(known.start)}, got {iso(known.end)}")
    if known.end - known.start > LONGEST:
        raise OffsetError(f"to: expected at most {LONGEST // 24 // HOUR_MS} days after {iso(known.start)}, got {iso(known.end)}")
    row = Offset(known.start, known.end - 1, known.offset_from, known.offset_to, whole=known.whole)
    ends = row.true_time(row.start), row.true_time(row.end)
    if ends[0] >= ends[1]:
        raise OffsetError(f"seconds: expected offsets that leave the order of times, got {iso(ends[0])} to {iso(ends[1])}")
    if ends[0] > now:
        raise OffsetError(f"seconds: expected true times until {iso(now)}, got {iso(ends[0])}; a clock that is ahead has an offset above 0")
    with writing(engine).begin() as connection:
        if group not in _groups(connection, known.source):
            raise OffsetError(f"source: expected a device or gateway of {group}, got {known.source!r}")
        earlier = _row_at(connection, group, known.source, known.start)
        touched = touch(connection, group, known.source, [row, *earlier])
        upsert(connection, devices_tables.clock_offset, [as_row(group, known.source, row, State.CLOSED, by, known.why, now)])
        detail: dict[str, object] = {"source": known.source, "from": iso(known.start), "to": iso(known.end), "why": known.why}
        detail |= {"offset_from_ms": known.offset_from, "offset_to_ms": known.offset_to, "whole": known.whole}
        audited(connection, "clock_offset", detail, by, now)
    return touched


def groups_of(engine: sa.Engine, source: str) -> list[str]:
    """The districts that have a device or gateway of this id."""
    with engine.connect() as connection:
        return sorted(_groups(connection, source))


def _groups(connection: sa.Connection, source: str) -> set[str]:
    device, node = devices_tables.device.c, devices_tables.node.c
    placed = connection.execute(sa.select(device.grp).where(sa.or_(device.id == source, device.gateway == source))).scalars()
    born = connection.execute(sa.select(node.grp).where(node.id == source)).scalars()
    return {*placed, *born}


def as_row(group: str, source: str, offset: Offset, state: State, by: str, why: str, now: int, good: str = "{}") -> dict[str, Any]:
    """An offset as a row of its table; `good` is JSON: times by device.

    A clock that lost its battery begins at the same time after each power cut, so what is judged is told apart by when it truly
    began. What a person records takes the place of what was recorded from the same time on.
    """
    return {
        "grp": group,
        "source": source,
        "valid_from": offset.start,
        "by": by,
        "began_at": offset.true_time(offset.start) if by == JUDGED else 0,
        "valid_to": offset.end,
        "offset_from_ms": offset.offset_from,
        "offset_to_ms": offset.offset_to,
        "state": state.value,
        "whole": offset.whole,
        "good": good,
        "why": why,
        "recorded_at": now,
    }


def _row_at(connection: sa.Connection, group: str, source: str, start: int) -> list[Offset]:
    """Rows that a new one takes the place of."""
    column = devices_tables.clock_offset.c
    same = sa.select(devices_tables.clock_offset).where(column.grp == group, column.source == source, column.valid_from == start)
    rows = connection.execute(same.where(column.by != JUDGED)).mappings()
    return [Offset(row["valid_from"], row["valid_to"], row["offset_from_ms"], row["offset_to_ms"]) for row in rows]


def touch(connection: sa.Connection, group: str, source: str, offsets: Sequence[Offset]) -> int:
    """Mark the hours of the source's meters from which readings go and into which they come; returns how many."""
    hours: set[int] = set()
    for row in offsets:
        for first, last in ((row.start, row.end), (row.true_time(row.start), row.true_time(row.end))):
            hours.update(range(first // HOUR_MS * HOUR_MS, last + 1, HOUR_MS))
    device, meter, earlier = devices_tables.device.c, ledger_tables.meter.c, ledger_tables.earlier_counter.c
    devices = sa.select(device.id).where(device.grp == group, sa.or_(device.id == source, device.gateway == source))
    now = sa.select(meter.id).where(meter.grp == group, meter.device.in_(devices))
    past = sa.select(earlier.meter).where(earlier.grp == group, earlier.device.in_(devices))
    meters = connection.execute(sa.union(now, past)).scalars().all()
    rows = [{"meter": name, "hour": hour, "generation": 1} for name in meters for hour in sorted(hours)]
    upsert(connection, ledger_tables.touched, rows, add="generation")
    return len(rows)
