"""Alerts in SQL: where each rule stands, what is open, and its history."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from cloud.alerts import tables
from cloud.alerts.machine import OPEN, QUIET, Event, Phase, Reason, State
from cloud.alerts.observe import Memory
from cloud.platform.database import insert, update, upsert

_LOCK = 0x6A79_616C
"""PostgreSQL's advisory lock under which alerts change: two services may run, and each decision is made once."""
_PHASES = {phase.value: phase for phase in Phase}
_WORDS = {phase: phase.value for phase in Phase}
"""As the database has them; a storm keeps thousands, and to ask an enumeration takes long."""
_RESOLVED = Phase.RESOLVED.value
_NOTHING = "{}"
"""An empty memory as JSON; most conditions remember nothing."""


@dataclass(slots=True)
class Kept:
    """What is kept of a rule and a subject: the machine's state, the open alert, what the condition remembers, and what inhibits it."""

    state: State
    alert: str | None
    memory: Memory
    inhibited_by: str | None = None


def lock(connection: sa.Connection) -> None:
    """Wait for whoever changes alerts now; SQLite's writers wait for each other anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def revision(connection: sa.Connection, group: str) -> int:
    """How often where the rules of a group stand was changed: whoever decided by what he read asks again before he writes."""
    table = tables.alert_revision
    return connection.execute(sa.select(table.c.number).where(table.c.grp == group)).scalar() or 0


def kept(connection: sa.Connection, group: str) -> dict[tuple[str, str], Kept]:
    """What is kept of a group, by rule and subject."""
    table, alert = tables.alert_state, tables.alert
    columns = [table.c[name] for name in ("rule", "subject", "phase", "since", "clear_since", "seen", "alert", "memory")]
    query = sa.select(*columns, alert.c.inhibited_by).join_from(table, alert, alert.c.id == table.c.alert, isouter=True)
    rows: Sequence[Sequence[Any]] = connection.execute(query.where(table.c.grp == group)).all()
    return {
        (rule, subject): Kept(State(_PHASES[phase], since, clear, seen), of, {} if memory == _NOTHING else json.loads(memory), by)
        for rule, subject, phase, since, clear, seen, of, memory, by in rows
    }


def keep(connection: sa.Connection, group: str, changed: Mapping[tuple[str, str], Kept]) -> None:
    """Keep what changed, by rule and subject."""
    if changed:
        upsert(connection, tables.alert_state, [_row(group, key, found) for key, found in changed.items()])
        _count(connection, group)


def _count(connection: sa.Connection, group: str) -> None:
    upsert(connection, tables.alert_revision, [{"grp": group, "number": 1}], add="number")


def differs(found: Kept, before: Kept | None) -> bool:
    """Whether what is found is to be kept; while all is normal, nothing is written only because somebody looked."""
    if before is None:
        return found.state.phase not in QUIET or bool(found.memory)
    state, was = found.state, before.state
    quiet = state.phase in QUIET and state.phase is was.phase
    stands = state.phase in OPEN and state.clear_since is None  # when it was looked at last matters again once it comes back to normal
    same = (state.phase, state.since, state.clear_since) == (was.phase, was.since, was.clear_since)
    return found.memory != before.memory or not (quiet or (same and (stands or state.seen == was.seen)))


def _row(group: str, key: tuple[str, str], found: Kept) -> dict[str, Any]:
    state = found.state
    return {
        "grp": group,
        "rule": key[0],
        "subject": key[1],
        "phase": _WORDS[state.phase],
        "since": state.since,
        "clear_since": state.clear_since,
        "seen": state.seen,
        "alert": found.alert if state.phase in OPEN else None,
        "memory": json.dumps(found.memory) if found.memory else _NOTHING,
    }


def fire(connection: sa.Connection, alerts: Sequence[Mapping[str, Any]], now: int) -> None:
    """Enter new alerts, rows of `opened`, with the first line of their history.

    By id, since an index grows faster in its own order: a storm fires thousands at once.
    """
    if alerts:
        alerts = sorted(alerts, key=itemgetter("id"))
        insert(connection, tables.alert, alerts)
        note(connection, [(alert["id"], Event.FIRED, Reason.LASTED) for alert in alerts], now)


def resolve(connection: sa.Connection, alerts: Sequence[tuple[str, Reason]], now: int) -> None:
    """Alerts are over, each for its reason; written by id, in whose order they were entered."""
    if alerts:
        alerts = sorted(alerts)
        update(connection, tables.alert, [{"id": alert, "state": _RESOLVED, "resolved_at": now} for alert, _ in alerts])
        note(connection, [(alert, Event.RESOLVED, reason) for alert, reason in alerts], now)


def inhibit(connection: sa.Connection, group: str, changed: Mapping[str, str | None], fresh: Collection[str], now: int) -> None:
    """Keep what inhibits each alert now; the history of those that are not `fresh` says when that changed."""
    if changed:
        rows = [
            {"id": a, "inhibited_by": by, "released_at": now if by is None else None}
            for a, by in sorted(changed.items(), key=itemgetter(0))
        ]
        update(connection, tables.alert, rows)
        _count(connection, group)
        note(connection, [(a, "released" if by is None else "inhibited", by or "") for a, by in changed.items() if a not in fresh], now)


def note(connection: sa.Connection, lines: Iterable[tuple[str, str, str]], now: int, by: str = "") -> None:
    """Lines of alerts' histories: the alert, what happened, and why."""
    rows = [{"alert": alert, "at": now, "event": str(event), "reason": str(reason), "by": by} for alert, event, reason in lines]
    insert(connection, tables.alert_history, rows)


def phase_of(connection: sa.Connection, group: str, alert: str) -> Phase | None:
    """How an alert stands; None if there is none such."""
    query = sa.select(tables.alert.c.state).where(tables.alert.c.id == alert, tables.alert.c.grp == group)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else Phase(found)


def acknowledge(connection: sa.Connection, group: str, alert: str, text: str, by: str, now: int) -> None:
    """Keep that somebody looks after an alert of a group."""
    of, state = tables.alert, tables.alert_state
    values = {"acknowledged_at": now, "acknowledged_by": by, "note": text or None}
    connection.execute(of.update().where(of.c.grp == group, of.c.id == alert).values(state=Phase.ACKNOWLEDGED.value, **values))
    connection.execute(state.update().where(state.c.grp == group, state.c.alert == alert).values(phase=Phase.ACKNOWLEDGED.value))
    _count(connection, group)
    note(connection, [(alert, Event.ACKNOWLEDGED, text)], now, by)


def newest_line(connection: sa.Connection) -> int:
    """The number of the newest line of any alert's history; 0 before the first."""
    return connection.execute(sa.select(sa.func.max(tables.alert_history.c.id))).scalar() or 0
