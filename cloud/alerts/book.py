"""Alerts in SQL: where each rule stands, what is open, and its history."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any

import sqlalchemy as sa

from cloud.accounts.repository import audited
from cloud.alerts import machine, tables
from cloud.alerts.machine import OPEN, Event, Phase, Reason, State
from cloud.alerts.observe import Memory, Observation, Word
from cloud.alerts.ruleset import Rule
from cloud.alerts.view import View
from cloud.platform.database import upsert, writing
from cloud.texts import LANGUAGES, Language, catalogue

_LOCK = 0x6A79_616C
"""PostgreSQL's advisory lock under which alerts change: two services may run, and each decision is made once."""
_PHASES = {phase.value: phase for phase in Phase}
_QUIET = frozenset({Phase.NORMAL, Phase.RESOLVED})
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


def kept(connection: sa.Connection, group: str) -> dict[tuple[str, str], Kept]:
    """All that is kept, by rule and subject; in a transaction that writes."""
    lock(connection)
    table, alert = tables.alert_state, tables.alert
    columns = [table.c[name] for name in ("rule", "subject", "phase", "since", "clear_since", "seen", "alert", "memory")]
    query = sa.select(*columns, alert.c.inhibited_by).join_from(table, alert, alert.c.id == table.c.alert, isouter=True)
    rows: Iterable[Any] = connection.execute(query.where(table.c.grp == group)).all()
    return {
        (rule, subject): Kept(State(_PHASES[phase], since, clear, seen), of, {} if memory == _NOTHING else json.loads(memory), by)
        for rule, subject, phase, since, clear, seen, of, memory, by in rows
    }


def keep(connection: sa.Connection, group: str, changed: Mapping[tuple[str, str], Kept], before: Mapping[tuple[str, str], Kept]) -> None:
    """Keep what differs; while all is normal, nothing is written only because somebody looked."""
    rows = [_row(group, key, found) for key, found in changed.items() if _differs(found, before.get(key))]
    upsert(connection, tables.alert_state, rows)


def _differs(found: Kept, before: Kept | None) -> bool:
    if before is None:
        return found.state.phase not in _QUIET or bool(found.memory)
    state, was = found.state, before.state
    quiet = state.phase in _QUIET and state.phase is was.phase
    stands = state.phase in OPEN and state.clear_since is None  # when it was looked at last matters again once it comes back to normal
    same = (state.phase, state.since, state.clear_since) == (was.phase, was.since, was.clear_since)
    return found.memory != before.memory or not (quiet or (same and (stands or state.seen == was.seen)))


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
        "memory": json.dumps(found.memory) if found.memory else _NOTHING,
    }


def opened(view: View, rule: Rule, seen: Observation, state: State) -> dict[str, Any]:
    """The row of a new alert; its texts say what was seen when it fired."""
    name = seen.words.get("name", view.name_of(seen.subject))
    unknown: Word = {str(language): text for language, text in catalogue()["none"].items()}
    words: dict[str, Word] = {"value": unknown, "limit": unknown, "unit": str(rule.unit), **seen.words, "name": name}
    words |= {key: number for key, number in (("value", seen.value), ("limit", seen.limit)) if number is not None}
    said = _said(words)
    return {
        "id": uuid.uuid4().hex,
        "grp": view.site.group,
        "rule": rule.id,
        "severity": rule.severity.value,
        "state": Phase.FIRING.value,
        "subject": seen.subject,
        "subject_name": _both(said["zh"]["name"], said["en"]["name"]),
        "title": _both(rule.title.zh.format_map(said["zh"]), rule.title.en.format_map(said["en"])),
        "detail": _both(rule.detail.zh.format_map(said["zh"]), rule.detail.en.format_map(said["en"])),
        "value": seen.value,
        "limit_value": seen.limit,
        "unit": str(rule.unit),
        "since": view.now if state.since is None else state.since,
        "fired_at": view.now,
    }


def fire(connection: sa.Connection, alerts: Sequence[Mapping[str, Any]], now: int) -> None:
    """Enter new alerts, rows of `opened`, with the first line of their history."""
    if alerts:
        connection.execute(tables.alert.insert(), alerts)
        note(connection, [(alert["id"], Event.FIRED, Reason.LASTED) for alert in alerts], now)


def resolve(connection: sa.Connection, alerts: Sequence[tuple[str, Reason]], now: int) -> None:
    """Alerts are over, each for its reason."""
    if alerts:
        row = tables.alert.update().where(tables.alert.c.id == sa.bindparam("of"))
        connection.execute(row.values(state=Phase.RESOLVED.value, resolved_at=now), [{"of": alert} for alert, _ in alerts])
        note(connection, [(alert, Event.RESOLVED, reason) for alert, reason in alerts], now)


def inhibit(connection: sa.Connection, changed: Mapping[str, str | None], fresh: Collection[str], now: int) -> None:
    """Keep what inhibits each alert now; the history of those that are not `fresh` says when that changed."""
    if changed:
        row = tables.alert.update().where(tables.alert.c.id == sa.bindparam("of"))
        kept = row.values(inhibited_by=sa.bindparam("by_alert"), released_at=sa.bindparam("free_at"))
        connection.execute(kept, [{"of": a, "by_alert": by, "free_at": now if by is None else None} for a, by in changed.items()])
        note(connection, [(a, "released" if by is None else "inhibited", by or "") for a, by in changed.items() if a not in fresh], now)


def note(connection: sa.Connection, lines: Iterable[tuple[str, str, str]], now: int, by: str = "") -> None:
    """Lines of alerts' histories: the alert, what happened, and why."""
    rows = [{"alert": alert, "at": now, "event": str(event), "reason": str(reason), "by": by} for alert, event, reason in lines]
    if rows:
        connection.execute(tables.alert_history.insert(), rows)


def _both(zh: str, en: str) -> str:
    """A text in both languages as it is kept: JSON, put together from its strings, since a storm writes thousands."""
    return f'{{"zh": {encode_basestring(zh)}, "en": {encode_basestring(en)}}}'


def _said(words: Mapping[str, Word]) -> dict[Language, dict[str, str]]:
    """The words for a rule's texts in each language; numbers are the same in both."""
    told = {key: _number(word) if isinstance(word, int | float) else word for key, word in words.items()}
    return {of: {key: word if isinstance(word, str) else word[of] for key, word in told.items()} for of in LANGUAGES}


def _number(number: float) -> str:
    return f"{round(number, 3):g}" if abs(number) < 1e6 else f"{number:.0f}"  # noqa: PLR2004 (%g would round)


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
            note(connection, [(alert, event, text)], now, by)
            audited(connection, "alert.acknowledge", f"{alert}: {text}", by, now)
    return True


def version(engine: sa.Engine) -> int:
    """A number that grows whenever an alert, or who was told of it, changes; 0 before the first."""
    with engine.connect() as connection:
        return connection.execute(sa.select(sa.func.max(tables.alert_history.c.id))).scalar() or 0
