"""Alerts as the interface gives them."""

from __future__ import annotations

from collections.abc import Sequence

from cloud.alerts import queries
from cloud.alerts.channels import Channel
from cloud.alerts.queries import Listed
from cloud.api.context import Context
from cloud.api.schemas import Alert, Both, Inhibitor, Told
from cloud.texts import because
from contract.clock import iso

MOST = 1000
"""Alerts of one answer; who wants more asks for the next page."""
_SENT = "sent"


def alerts(context: Context, state: str | None = None, after: str | None = None, limit: int = MOST) -> list[Alert]:
    """Alerts of a state, or all open ones and those that were resolved within seven days; newest first.

    Args:
        context: The stores.
        state: Of the alerts.
        after: The id of an alert: only those that follow it.
        limit: How many at most.
    """
    with context.engine.connect() as connection:
        found = queries.alerts(connection, context.group, context.clock.now_ms(), state=state, after=after, limit=limit)
    return [_shape(listed, context.channels) for listed in found]


def worst(context: Context, limit: int, subjects: Sequence[str] = ()) -> list[Alert]:
    """The first of all open alerts and those that were resolved within seven days, and as many that are open of some subjects."""
    with context.engine.connect() as connection:
        found = queries.worst(connection, context.group, context.clock.now_ms(), limit, subjects)
    return [_shape(listed, context.channels) for listed in found]


def counts(context: Context) -> dict[str, int]:
    """How many alerts are open: in all, not acknowledged, and inhibited."""
    with context.engine.connect() as connection:
        return queries.counts(connection, context.group)._asdict()


def one(context: Context, name: str) -> Alert | None:
    """An alert by its id."""
    with context.engine.connect() as connection:
        found = queries.one(connection, context.group, name)
    return None if found is None else _shape(found, context.channels)


def _shape(listed: Listed, channels: Sequence[Channel]) -> Alert:
    by = listed.inhibitor
    return Alert(
        id=listed.id,
        rule=listed.rule,
        severity=listed.severity,
        state=listed.state,
        subject=listed.subject,
        subject_name=Both(**listed.subject_name),
        title=Both(**listed.title),
        detail=Both(**listed.detail),
        value=listed.value,
        limit=listed.limit,
        unit=listed.unit,
        since=iso(listed.since),
        fired_at=iso(listed.fired_at),
        resolved_at=_time(listed.resolved_at),
        acknowledged_at=_time(listed.acknowledged_at),
        acknowledged_by=listed.acknowledged_by,
        note=listed.note,
        told=[Told(channel=one.channel, state=one.state, at=_time(one.at), **because(one.reason)) for one in listed.told],
        nobody_told=not listed.inhibited and _nobody(listed, channels),
        inhibited_by=None if by is None else Inhibitor(id=by.id, rule=by.rule, subject=by.subject, title=Both(**by.title)),
    )


def _nobody(listed: Listed, channels: Sequence[Channel]) -> bool:
    """Whether nobody has been told who should: a channel wants it, now or when it fired, or there is none for anything."""
    wanted = bool(listed.told) or not channels or any(channel.wants(listed.severity) for channel in channels)
    return wanted and not any(message.state == _SENT for message in listed.told)


def _time(at: int | None) -> str | None:
    return None if at is None else iso(at)
