"""What others ask of alerts: those that are open or were lately, and who was told of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.alerts.ruleset import Severity
from cloud.alerts.tables import alert, notification
from contract import coded

RESOLVED_FOR = 7 * 86_400_000
"""Ms for which an alert that is over is still listed when no state is asked for."""
_OPEN = ("firing", "acknowledged")
_FIRED = "fired"
Which = sa.ColumnElement[bool]
Texts = dict[str, str]


class Message(NamedTuple):
    """What a channel was told of an alert that fired; `at` (ms) is the last try."""

    channel: str
    state: str
    at: int | None
    reason: coded.Message | None


class Inhibitor(NamedTuple):
    """The open alert that explains another."""

    id: str
    rule: str
    subject: str
    title: Texts


class Listed(NamedTuple):
    """An alert with whom it was told to and what explains it; times are ms since 1970 in UTC, texts are in `zh` and `en`."""

    id: str
    rule: str
    severity: Severity
    state: str
    subject: str
    subject_name: Texts
    title: Texts
    detail: Texts
    value: float | None
    limit: float | None
    unit: str
    since: int
    fired_at: int
    resolved_at: int | None
    acknowledged_at: int | None
    acknowledged_by: str | None
    note: str | None
    inhibited: bool
    inhibitor: Inhibitor | None
    told: Sequence[Message]


class Counts(NamedTuple):
    """How many alerts are open: in all, not acknowledged, and inhibited."""

    open: int
    firing: int
    inhibited: int


def alerts(connection: sa.Connection, group: str, now: int, *, state: str | None, after: str | None, limit: int) -> list[Listed]:
    """Alerts of a state, or all open ones and those that were resolved within seven days; newest first.

    Args:
        connection: For reading.
        group: Whose.
        now: ms since 1970 in UTC.
        state: Of the alerts.
        after: The id of an alert: only those that follow it.
        limit: How many at most.
    """
    which = _recent(now) if state is None else alert.c.state == state
    if after is not None:
        last = sa.select(alert.c.fired_at).where(alert.c.grp == group, alert.c.id == after).scalar_subquery()
        which = sa.and_(which, sa.or_(alert.c.fired_at < last, sa.and_(alert.c.fired_at == last, alert.c.id > after)))
    return _listed(connection, group, which, (alert.c.fired_at.desc(), alert.c.id), limit)


def worst(connection: sa.Connection, group: str, now: int, limit: int, subjects: Sequence[str] = ()) -> list[Listed]:
    """The first of all open alerts and those that were resolved within seven days, and as many that are open of some subjects.

    What is open comes before what is over, what nobody is told of after the rest, then the worst, then the newest.
    """
    rank = sa.case({severity.value: severity.rank for severity in Severity}, value=alert.c.severity)
    over = sa.case((alert.c.state.in_(_OPEN), 0), else_=1)
    explained = sa.case((alert.c.inhibited_by.is_(None), 0), else_=1)
    order = (over, explained, rank.desc(), alert.c.fired_at.desc(), alert.c.id)
    mine = sa.select(alert.c.id).where(alert.c.grp == group).order_by(*order).limit(limit)
    which: Which = alert.c.id.in_(mine.where(_recent(now)))
    if subjects:
        which = sa.or_(which, alert.c.id.in_(mine.where(alert.c.state.in_(_OPEN), alert.c.subject.in_(subjects))))
    return _listed(connection, group, which, order, 2 * limit)


def one(connection: sa.Connection, group: str, name: str) -> Listed | None:
    """An alert by its id."""
    return next(iter(_listed(connection, group, alert.c.id == name, (), 1)), None)


def open_of(connection: sa.Connection, group: str, subjects: Sequence[str]) -> list[Listed]:
    """The open alerts of some subjects, newest first; a subject has few."""
    return _listed(
        connection, group, sa.and_(alert.c.state.in_(_OPEN), alert.c.subject.in_(subjects)), (alert.c.fired_at.desc(), alert.c.id), None
    )


def counts(connection: sa.Connection, group: str) -> Counts:
    """How many alerts are open."""
    open_ = sa.and_(alert.c.grp == group, alert.c.state.in_(_OPEN))
    firing = sa.func.count().filter(alert.c.state == "firing", alert.c.inhibited_by.is_(None))
    query = sa.select(sa.func.count(), firing, sa.func.count(alert.c.inhibited_by)).select_from(alert).where(open_)
    return Counts._make(connection.execute(query).one())


def open_by_rule(connection: sa.Connection) -> list[tuple[str, str, int]]:
    """Rule, severity and number of the open alerts of all groups."""
    query = sa.select(alert.c.rule, alert.c.severity, sa.func.count()).where(alert.c.state.in_(_OPEN))
    return [(rule, severity, number) for rule, severity, number in connection.execute(query.group_by(alert.c.rule, alert.c.severity))]


def _recent(now: int) -> Which:
    return sa.or_(alert.c.state.in_(_OPEN), alert.c.resolved_at > now - RESOLVED_FOR)


def _listed(connection: sa.Connection, group: str, which: Which, order: Sequence[sa.ColumnElement[Any]], limit: int | None) -> list[Listed]:
    by = alert.alias()
    query = sa.select(alert, by.c.rule.label("by_rule"), by.c.title.label("by_title"), by.c.subject.label("by_subject"))
    query = query.join_from(alert, by, by.c.id == alert.c.inhibited_by, isouter=True).where(alert.c.grp == group, which)
    rows = connection.execute(query.order_by(*order).limit(limit)).all()
    told = _told(connection, [row.id for row in rows])
    return [_of(row, told[row.id]) for row in rows]


def _told(connection: sa.Connection, alerts: Sequence[str]) -> defaultdict[str, list[Message]]:
    of, found = notification.c, defaultdict[str, list[Message]](list)
    query = sa.select(of.alert, of.channel, of.state, of.at, of.reason).where(of.alert.in_(alerts), of.event == _FIRED)
    for name, channel, state, at, reason in connection.execute(query.order_by(of.channel)):
        found[name].append(Message(channel, state, at, None if reason is None else coded.read(reason)))
    return found


def _of(row: sa.Row[Any], told: Sequence[Message]) -> Listed:
    by = None if row.by_rule is None else Inhibitor(row.inhibited_by, row.by_rule, row.by_subject, json.loads(row.by_title))
    return Listed(
        id=row.id,
        rule=row.rule,
        severity=Severity(row.severity),
        state=row.state,
        subject=row.subject,
        subject_name=json.loads(row.subject_name),
        title=json.loads(row.title),
        detail=json.loads(row.detail),
        value=row.value,
        limit=row.limit_value,
        unit=row.unit,
        since=row.since,
        fired_at=row.fired_at,
        resolved_at=row.resolved_at,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        note=row.note,
        inhibited=row.inhibited_by is not None,
        inhibitor=by,
        told=told,
    )
