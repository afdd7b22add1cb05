"""What is known of clocks: as the ledger corrects by it, as ingest goes on from it, and for people."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from cloud.devices.clocks import JUDGED, ClockOffset, Offset, State
from cloud.devices.own_clock import OWN, OwnRow
from cloud.devices.tables import clock_offset, device, node

_COLUMN = clock_offset.c
_IS_JUDGED = _COLUMN.by == JUDGED
_DECIDED, _UNDECIDED = (
    sa.select(clock_offset)
    .where(_COLUMN.grp == sa.bindparam("group", type_=sa.String), kept)
    .order_by(_IS_JUDGED, sa.case((_IS_JUDGED, -_COLUMN.began_at), else_=-_COLUMN.recorded_at), _COLUMN.valid_from, _COLUMN.by)
    for kept in (_COLUMN.state != State.UNDECIDED, _COLUMN.state == State.UNDECIDED)
)
_OFFSET = (_COLUMN.valid_from, _COLUMN.valid_to, _COLUMN.offset_from_ms, _COLUMN.offset_to_ms)


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


def _rows(connection: sa.Connection, group: str, sources: Iterable[str], *, decided: bool) -> dict[str, list[sa.RowMapping]]:
    """Rows by source, a device's own first, then its gateway's."""
    asked = list(dict.fromkeys(sources))
    by_source: defaultdict[str, list[sa.RowMapping]] = defaultdict(list)
    for row in connection.execute(_DECIDED if decided else _UNDECIDED, {"group": group}).mappings():
        by_source[row["source"]].append(row)
    if not by_source:
        return {}
    placed = connection.execute(sa.select(device.c.id, device.c.gateway).where(device.c.grp == group, device.c.id.in_(asked))).all()
    gateways = {row.id: row.gateway for row in placed}
    found = {source: by_source.get(source, []) + _of_gateway(source, gateways, by_source) for source in asked}
    return {source: rows for source, rows in found.items() if rows}


def _of_gateway(source: str, gateways: Mapping[str, str], rows: Mapping[str, list[sa.RowMapping]]) -> list[sa.RowMapping]:
    gateway = gateways.get(source)
    return rows.get(gateway, []) if gateway is not None and gateway != source else []


def known_offsets(connection: sa.Connection) -> list[ClockOffset]:
    """All that is known of clocks, by source and time."""
    return _kept(connection, sa.select(clock_offset).order_by(*clock_offset.primary_key.columns))


def unfinished(connection: sa.Connection) -> list[ClockOffset]:
    """Judgements of sources that are not closed; the cloud's own clock is no source."""
    return _kept(connection, sa.select(clock_offset).where(_COLUMN.state != State.CLOSED, _COLUMN.by == JUDGED, _COLUMN.source != OWN))


def closed_since(connection: sa.Connection, since: int) -> list[ClockOffset]:
    """Judgements of sources that ended, have no reason, and were kept at or after a moment (ms)."""
    mine = (_COLUMN.by == JUDGED, _COLUMN.state == State.CLOSED, _COLUMN.source != OWN, _COLUMN.why == "", _COLUMN.recorded_at >= since)
    return _kept(connection, sa.select(clock_offset).where(*mine))


def _kept(connection: sa.Connection, query: sa.Select[Any]) -> list[ClockOffset]:
    rows = connection.execute(query).mappings().all()
    return [
        ClockOffset(
            row["grp"],
            row["source"],
            Offset(row["valid_from"], row["valid_to"], row["offset_from_ms"], row["offset_to_ms"], whole=row["whole"]),
            State(row["state"]),
            row["by"],
            row["why"],
            row["recorded_at"],
            json.loads(row["good"]),
        )
        for row in rows
    ]


def judged(connection: sa.Connection, group: str, source: str) -> list[Offset]:
    """What is judged of a source so far."""
    mine = (_COLUMN.grp == group, _COLUMN.source == source, _COLUMN.by == JUDGED, _COLUMN.state != State.UNDECIDED)
    return [Offset(*row) for row in connection.execute(sa.select(*_OFFSET).where(*mine))]


def recorded(connection: sa.Connection, group: str, source: str, start: int) -> list[Offset]:
    """What people recorded of a source from this very time on (ms, by its clock)."""
    mine = (_COLUMN.grp == group, _COLUMN.source == source, _COLUMN.valid_from == start, _COLUMN.by != JUDGED)
    return [Offset(*row) for row in connection.execute(sa.select(*_OFFSET).where(*mine))]


def open_row(connection: sa.Connection) -> OwnRow | None:
    """How far the cloud's clock is off; None while it is right."""
    query = sa.select(_COLUMN.valid_from, _COLUMN.valid_to, _COLUMN.offset_to_ms)
    row = connection.execute(query.where(_COLUMN.source == OWN, _COLUMN.state == State.OPEN)).first()
    return None if row is None else OwnRow(*row, State.OPEN)


def dated_by(group: str, source: str) -> sa.Select[tuple[str]]:
    """Asks for the ids of the devices that a source may date: itself, and those behind it; for a question that needs them inside."""
    return sa.select(device.c.id).where(device.c.grp == group, sa.or_(device.c.id == source, device.c.gateway == source))


def groups_of(connection: sa.Connection, source: str) -> set[str]:
    """The districts that have a device or gateway of this id."""
    placed = connection.execute(sa.select(device.c.grp).where(sa.or_(device.c.id == source, device.c.gateway == source))).scalars()
    born = connection.execute(sa.select(node.c.grp).where(node.c.id == source)).scalars()
    return {*placed, *born}
