"""Alerts in SQL: where each rule stands, what is open, its history, and the outbox of messages."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cloud.alerts import machine
from cloud.alerts.channels import Channel
from cloud.alerts.machine import OPEN, Event, Phase, Reason, State
from cloud.alerts.observe import Memory, Observation, Word
from cloud.alerts.ruleset import Rule, Severity
from cloud.alerts.view import View
from cloud.registry import tables
from cloud.registry.database import upsert, writing
from cloud.texts import catalogue
from contract.operation import Text

WAITING, SENT, FAILED = "waiting", "sent", "failed"
_LOCK = 0x6A79_616C
"""PostgreSQL's advisory lock under which alerts change: two services may run, and each decision is made once."""
_QUIET = frozenset({Phase.NORMAL, Phase.RESOLVED})
LANGUAGES = ("zh", "en")


@dataclass(slots=True)
class Kept:
    """What is kept of a rule and a subject: the machine's state, the open alert, and what the condition remembers."""

    state: State
    alert: str | None
    memory: Memory


def lock(connection: sa.Connection) -> None:
    """Wait for whoever changes alerts now; SQLite's writers wait for each other anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def kept(connection: sa.Connection, group: str) -> dict[tuple[str, str], Kept]:
    """All that is kept, by rule and subject; in a transaction that writes."""
    lock(connection)
    table = tables.alert_state
    return {(row.rule, row.subject): _kept(row) for row in connection.execute(sa.select(table).where(table.c.grp == group))}


def _kept(row: sa.Row[Any]) -> Kept:
    return Kept(State(Phase(row.phase), row.since, row.clear_since, row.seen), row.alert, json.loads(row.memory))


def keep(connection: sa.Connection, group: str, changed: Mapping[tuple[str, str], Kept], before: Mapping[tuple[str, str], Kept]) -> None:
    """Keep what differs; while all is normal, nothing is written only because somebody looked."""
    rows = [_row(group, key, found) for key, found in changed.items() if _differs(found, before.get(key))]
    upsert(connection, tables.alert_state, rows)


def _differs(found: Kept, before: Kept | None) -> bool:
    if before is None:
        return found.state.phase not in _QUIET or bool(found.memory)
    quiet = found.state.phase in _QUIET and found.state.phase is before.state.phase
    return found.memory != before.memory or (not quiet and found.state != before.state)


def _row(group: str, key: tuple[str, str], found: Kept) -> dict[str, Any]:
    state = found.state
    return {
        "grp": group,
        "rule": key[0],
        "subject": key[1],
        "phase": state.phase.value,
        "since": state.since,
        "clear_since": state.clear_since,
        "seen": state.seen,
        "alert": found.alert if state.phase in OPEN else None,
        "memory": json.dumps(found.memory),
    }


def fire(connection: sa.Connection, view: View, rule: Rule, seen: Observation, state: State) -> str:
    """Enter a new alert; its texts say what was seen when it fired.

    Returns:
        Its id.
    """
    name = seen.words.get("name", view.name_of(seen.subject))
    unknown: Word = {str(language): text for language, text in catalogue()["none"].items()}
    words: dict[str, Word] = {"value": unknown, "limit": unknown, "unit": str(rule.unit), **seen.words, "name": name}
    words |= {key: number for key, number in (("value", seen.value), ("limit", seen.limit)) if number is not None}
    alert = uuid.uuid4().hex
    row = {
        "id": alert,
        "grp": view.site.group,
        "rule": rule.id,
        "severity": rule.severity.value,
        "state": Phase.FIRING.value,
        "subject": seen.subject,
        "subject_name": json.dumps({language: _said(name, language) for language in LANGUAGES}, ensure_ascii=False),
        "title": _text(rule.title, words),
        "detail": _text(rule.detail, words),
        "value": seen.value,
        "limit_value": seen.limit,
        "unit": str(rule.unit),
        "since": view.now if state.since is None else state.since,
        "fired_at": view.now,
    }
    connection.execute(tables.alert.insert().values(row))
    note(connection, alert, Event.FIRED, Reason.LASTED, view.now)
    return alert


def resolve(connection: sa.Connection, alert: str, reason: Reason, now: int) -> None:
    """An alert is over."""
    row = tables.alert.update().where(tables.alert.c.id == alert)
    connection.execute(row.values(state=Phase.RESOLVED.value, resolved_at=now))
    note(connection, alert, Event.RESOLVED, reason, now)


def note(connection: sa.Connection, alert: str, event: str, reason: str, now: int, by: str = "") -> None:
    """A line of an alert's history."""
    connection.execute(tables.alert_history.insert().values(alert=alert, at=now, event=str(event), reason=str(reason), by=by))


def tell(connection: sa.Connection, alert: str, event: Event, channels: Sequence[Channel], now: int) -> None:
    """Put a message for each channel whose severity it reaches into the outbox; `resolved` only where `fired` was to be told."""
    severity = Severity(connection.execute(sa.select(tables.alert.c.severity).where(tables.alert.c.id == alert)).scalar_one())
    rows = [
        {
            "key": f"{alert}.{event}.{channel.name}",
            "alert": alert,
            "event": event.value,
            "channel": channel.name,
            "state": WAITING,
            "made_at": now,
            "tries": 0,
            "next_try": now,
        }
        for channel in channels
        if severity.rank >= channel.min_severity.rank
    ]
    if rows:
        connection.execute(tables.notification.insert(), rows)


def _text(text: Text, words: Mapping[str, Word]) -> str:
    said = {language: {key: _said(word, language) for key, word in words.items()} for language in LANGUAGES}
    return json.dumps({"zh": text.zh.format(**said["zh"]), "en": text.en.format(**said["en"])}, ensure_ascii=False)


def _said(word: Word, language: str) -> str:
    if isinstance(word, Mapping):
        return word[language]
    return word if isinstance(word, str) else f"{round(word, 3):g}" if abs(word) < 1e6 else f"{word:.0f}"  # noqa: PLR2004 (%g would round)


class NotOpenError(ValueError):
    """An alert that is over cannot be acknowledged."""


def acknowledge(engine: sa.Engine, group: str, alert: str, text: str, by: str, now: int) -> bool:
    """Somebody looks after an alert; done again, the first one stays.

    Returns:
        Whether there is such an alert.

    Raises:
        NotOpenError: It is over.
    """
    table, states = tables.alert, tables.alert_state
    with writing(engine).begin() as connection:
        lock(connection)
        row = connection.execute(sa.select(table.c.state).where(table.c.id == alert, table.c.grp == group)).one_or_none()
        if row is None:
            return False
        state, event, _ = machine.acknowledge(State(Phase(row.state)))
        if state.phase not in OPEN:
            raise NotOpenError(f"alert {alert} is over")
        if event is not None:
            values = {"acknowledged_at": now, "acknowledged_by": by, "note": text or None}
            connection.execute(table.update().where(table.c.id == alert).values(state=state.phase.value, **values))
            connection.execute(states.update().where(states.c.alert == alert).values(phase=state.phase.value))
            note(connection, alert, event, text, now, by)
            connection.execute(tables.audit.insert().values(at=now, by=by, action="alert.acknowledge", detail=f"{alert}: {text}"))
    return True


def version(engine: sa.Engine) -> int:
    """A number that grows whenever an alert, or who was told of it, changes; 0 before the first."""
    with engine.connect() as connection:
        return connection.execute(sa.select(sa.func.max(tables.alert_history.c.id))).scalar() or 0
