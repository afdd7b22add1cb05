"""Alerts as the interface gives them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cloud.alerts.channels import Channel
from cloud.alerts.ruleset import Severity
from cloud.api.context import Context
from cloud.api.shapes import Alert, Both, Inhibitor, Told
from cloud.registry.tables import alert, notification
from contract.clock import iso

RESOLVED_FOR = 7 * 86_400_000
"""Ms for which an alert that is over is still listed when no state is asked for."""
MOST = 1000
"""Alerts of one answer; who wants more asks for the next page."""
Which = sa.ColumnElement[bool]
_OPEN = ("firing", "acknowledged")
_FIRED, _SENT = "fired", "sent"


def alerts(context: Context, state: str | None = None, after: str | None = None, limit: int = MOST) -> list[Alert]:
    """Alerts of a state, or all open ones and those that were resolved within seven days; newest first.

    Args:
        context: The stores.
        state: Of the alerts.
        after: The id of an alert: only those that follow it.
        limit: How many at most.
    """
    which = _recent(context) if state is None else alert.c.state == state
    if after is not None:
        last = sa.select(alert.c.fired_at).where(alert.c.id == after).scalar_subquery()
        which = sa.and_(which, sa.or_(alert.c.fired_at < last, sa.and_(alert.c.fired_at == last, alert.c.id > after)))
    return _listed(context, which, (alert.c.fired_at.desc(), alert.c.id), limit)


def worst(context: Context, limit: int, subjects: Sequence[str] = ()) -> list[Alert]:
    """The first of all open alerts and those that were resolved within seven days, and as many that are open of some subjects.

    What is open comes before what is over, what nobody is told of after the rest, then the worst, then the newest.
    """
    rank = sa.case({severity.value: severity.rank for severity in Severity}, value=alert.c.severity)
    over = sa.case((alert.c.state.in_(_OPEN), 0), else_=1)
    explained = sa.case((alert.c.inhibited_by.is_(None), 0), else_=1)
    order = (over, explained, rank.desc(), alert.c.fired_at.desc(), alert.c.id)
    mine = sa.select(alert.c.id).where(alert.c.grp == context.group).order_by(*order).limit(limit)
    which: Which = alert.c.id.in_(mine.where(_recent(context)))
    if subjects:
        which = sa.or_(which, alert.c.id.in_(mine.where(alert.c.state.in_(_OPEN), alert.c.subject.in_(subjects))))
    return _listed(context, which, order, 2 * limit)


def counts(context: Context) -> dict[str, int]:
    """How many alerts are open: in all, not acknowledged, and inhibited."""
    open_ = sa.and_(alert.c.grp == context.group, alert.c.state.in_(_OPEN))
    firing = sa.func.count().filter(alert.c.state == "firing", alert.c.inhibited_by.is_(None))
    query = sa.select(sa.func.count(), firing, sa.func.count(alert.c.inhibited_by)).select_from(alert).where(open_)
    with context.engine.connect() as connection:
        number, waiting, explained = connection.execute(query).one()
    return {"open": number, "firing": waiting, "inhibited": explained}


def one(context: Context, name: str) -> Alert | None:
    """An alert by its id."""
    return next(iter(_listed(context, alert.c.id == name, (), 1)), None)


def _recent(context: Context) -> Which:
    return sa.or_(alert.c.state.in_(_OPEN), alert.c.resolved_at > context.clock.now_ms() - RESOLVED_FOR)


def _listed(context: Context, which: Which, order: Sequence[sa.ColumnElement[Any]], limit: int) -> list[Alert]:
    by = alert.alias()
    query = sa.select(alert, by.c.rule.label("by_rule"), by.c.title.label("by_title"), by.c.subject.label("by_subject"))
    query = query.join_from(alert, by, by.c.id == alert.c.inhibited_by, isouter=True).where(alert.c.grp == context.group, which)
    told: defaultdict[str, list[Told]] = defaultdict(list)
    with context.engine.connect() as connection:
        rows = connection.execute(query.order_by(*order).limit(limit)).all()
        of = notification.c
        messages = sa.select(of.alert, of.channel, of.state, of.at, of.reason).where(
            of.alert.in_([row.id for row in rows]), of.event == _FIRED
        )
        for row in connection.execute(messages.order_by(of.channel)):
            told[row.alert].append(Told(channel=row.channel, state=row.state, at=_time(row.at), reason=row.reason))
    return [_shape(row, told[row.id], context.channels) for row in rows]


def _shape(row: sa.Row[Any], told: list[Told], channels: Sequence[Channel]) -> Alert:
    return Alert(
        id=row.id,
        rule=row.rule,
        severity=row.severity,
        state=row.state,
        subject=row.subject,
        subject_name=Both(**json.loads(row.subject_name)),
        title=Both(**json.loads(row.title)),
        detail=Both(**json.loads(row.detail)),
        value=row.value,
        limit=row.limit_value,
        unit=row.unit,
        since=iso(row.since),
        fired_at=iso(row.fired_at),
        resolved_at=_time(row.resolved_at),
        acknowledged_at=_time(row.acknowledged_at),
        acknowledged_by=row.acknowledged_by,
        note=row.note,
        told=told,
        nobody_told=row.inhibited_by is None and _nobody(Severity(row.severity), told, channels),
        inhibited_by=None if row.by_rule is None else _inhibitor(row),
    )


def _inhibitor(row: sa.Row[Any]) -> Inhibitor:
    return Inhibitor(id=row.inhibited_by, rule=row.by_rule, subject=row.by_subject, title=Both(**json.loads(row.by_title)))


def _nobody(severity: Severity, told: Sequence[Told], channels: Sequence[Channel]) -> bool:
    """Whether nobody has been told who should: a channel wants it, now or when it fired, or there is none for anything."""
    wanted = bool(told) or not channels or any(channel.wants(severity) for channel in channels)
    return wanted and not any(item.state == _SENT for item in told)


def _time(at: int | None) -> str | None:
    return None if at is None else iso(at)
