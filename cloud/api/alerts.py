"""Alerts as the interface gives them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa

from cloud.alerts.channels import Channel
from cloud.alerts.ruleset import Severity
from cloud.api.context import Context
from cloud.api.shapes import Alert, Both, Told
from cloud.registry.tables import alert, notification
from contract.clock import iso

RESOLVED_FOR = 7 * 86_400_000
"""Ms for which an alert that is over is still listed when no state is asked for."""
_OPEN = ("firing", "acknowledged")
_FIRED, _SENT = "fired", "sent"


def alerts(context: Context, state: str | None = None) -> list[Alert]:
    """Alerts of a state, or all open ones and those that were resolved within seven days; newest first."""
    recent = sa.or_(alert.c.state.in_(_OPEN), alert.c.resolved_at > context.clock.now_ms() - RESOLVED_FOR)
    return _listed(context, recent if state is None else alert.c.state == state)


def one(context: Context, name: str) -> Alert | None:
    """An alert by its id."""
    return next(iter(_listed(context, alert.c.id == name)), None)


def _listed(context: Context, which: sa.ColumnElement[bool]) -> list[Alert]:
    mine = sa.and_(alert.c.grp == context.group, which)
    told: defaultdict[str, list[Told]] = defaultdict(list)
    messages = sa.select(notification).join(alert, alert.c.id == notification.c.alert).where(mine, notification.c.event == _FIRED)
    with context.engine.connect() as connection:
        for row in connection.execute(messages.order_by(notification.c.channel)):
            told[row.alert].append(Told(channel=row.channel, state=row.state, at=_time(row.at), reason=row.reason))
        rows = connection.execute(sa.select(alert).where(mine).order_by(alert.c.fired_at.desc(), alert.c.id)).all()
    return [_shape(row, told[row.id], context.channels) for row in rows]


def _shape(row: sa.Row[tuple[object, ...]], told: list[Told], channels: Sequence[Channel]) -> Alert:
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
        nobody_told=_nobody(Severity(row.severity), told, channels),
    )


def _nobody(severity: Severity, told: Sequence[Told], channels: Sequence[Channel]) -> bool:
    """Whether nobody has been told who should: a channel wants it, now or when it fired, or there is none for anything."""
    wanted = bool(told) or not channels or any(channel.wants(severity) for channel in channels)
    return wanted and not any(item.state == _SENT for item in told)


def _time(at: int | None) -> str | None:
    return None if at is None else iso(at)
