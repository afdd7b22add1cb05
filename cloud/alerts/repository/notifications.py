"""The outbox of what people are told: a line for each alert, event and channel, entered with the decision, gone when the receiver has it.

Law: whoever was told that an alert fired is told that it is over. So a line about an end is never given up, whatever severity the channel
wants by then; of an alert that was never to be told, no end is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.alerts.channels import Channel
from cloud.alerts.machine import OPEN, Event, Phase
from cloud.alerts.repository import standing
from cloud.alerts.ruleset import Severity
from cloud.alerts.tables import alert, channel_brake, notification
from cloud.platform.database import upsert, writing
from contract import coded

WAITING, SENT, FAILED = "waiting", "sent", "failed"
LEASE = 30_000
"""Ms for which nobody else takes lines that are being sent; after a crash they are sent again then, in the same message."""
GIVE_UP = 3 * 86_400_000
"""Ms after which it is not tried any more to say that an alert fired: it is on the pages, and nobody wants it in the night a week later."""
_FIRST_PAUSE, _LONGEST_PAUSE = 10_000, 900_000
_OPEN = [phase.value for phase in OPEN]
Which = sa.ColumnElement[bool]


class Batch(NamedTuple):
    """What one message tells.

    Attributes:
        key: Of the message; the same when the same lines are told again.
        lines: Oldest first, with `rule`, `severity`, `title`, `detail` and `subject_name` of their alerts.
        tries: Of the line that was tried most often, this one included.
    """

    key: str
    lines: Sequence[sa.Row[Any]]
    tries: int


def tell(connection: sa.Connection, group: str, channels: Sequence[Channel], now: int) -> None:
    """Enter what this round decided, by the rows of its alerts; what is inhibited is told when it no longer is, if it still fires then."""
    for channel in channels:
        _insert(connection, _fired(group, channel, now))
        if channel.resolved:
            _insert(connection, _resolved(group, channel, now))
    line = notification.c
    inhibited = sa.select(alert.c.id).where(alert.c.grp == group, alert.c.state.in_(_OPEN), alert.c.inhibited_by.is_not(None))
    untold = sa.and_(line.event == Event.FIRED.value, line.state == WAITING, line.message.is_(None))
    connection.execute(notification.delete().where(untold, line.alert.in_(inhibited)))


def _insert(connection: sa.Connection, lines: sa.Select[Any]) -> None:
    columns = ["key", "alert", "event", "channel", "state", "made_at", "tries", "next_try"]
    connection.execute(notification.insert().from_select(columns, lines))


def _line(event: Event, channel: Channel, now: int) -> tuple[sa.ColumnElement[str], sa.Select[Any]]:
    key = alert.c.id + f".{event}.{channel.name}"
    columns = (event.value, channel.name, WAITING, now, 0, now)
    return key, sa.select(key, alert.c.id, *(sa.literal(value).label(f"c{n}") for n, value in enumerate(columns)))


def _fired(group: str, channel: Channel, now: int) -> sa.Select[Any]:
    """Of each alert that fired now or was released now, and that the channel wants."""
    key, lines = _line(Event.FIRED, channel, now)
    wanted = [severity.value for severity in Severity if channel.wants(severity)]
    known = sa.exists().where(notification.c.key == key)
    new = sa.and_(alert.c.inhibited_by.is_(None), sa.or_(alert.c.fired_at == now, alert.c.released_at == now))
    firing = sa.and_(alert.c.grp == group, alert.c.state == Phase.FIRING.value, alert.c.severity.in_(wanted))
    return lines.where(firing, new, sa.not_(known))


def _resolved(group: str, channel: Channel, now: int) -> sa.Select[Any]:
    """Of each alert that is over now, and that the channel was or will be told to have fired."""
    key, lines = _line(Event.RESOLVED, channel, now)
    fired, known = notification.alias(), sa.exists().where(notification.c.key == key)
    told = sa.and_(fired.c.alert == alert.c.id, fired.c.channel == channel.name, fired.c.event == Event.FIRED.value)
    over = sa.and_(alert.c.grp == group, alert.c.state == Phase.RESOLVED.value, alert.c.resolved_at == now)
    return lines.join(fired, told).where(over, sa.not_(known))


def pause(tries: int) -> int:
    """Ms until the next try after so many."""
    return int(min(_FIRST_PAUSE * 2 ** (tries - 1), _LONGEST_PAUSE))


def take(engine: sa.Engine, channel: Channel, now: int) -> Batch | None:
    """What the channel is to be told next, claimed for `LEASE`; None if there is nothing, or if it was told enough for now.

    None too while another process takes for it. As many lines as there may be messages are told one by one; where more wait, all are
    told in one.
    """
    with engine.connect() as connection:
        waits = connection.execute(sa.select(notification.c.id).where(_due(channel, now)).limit(1)).first() is not None
        if not waits or channel.brake.spare(connection.execute(_full_at(channel)).scalar() or 0, now) < 1:
            return None
    with writing(engine).begin() as connection:
        upsert(connection, channel_brake, [{"channel": channel.name, "full_at": 0}], keep=True)
        full_at = connection.execute(_full_at(channel).with_for_update(skip_locked=True)).scalar()
        if full_at is None:
            return None
        spare = channel.brake.spare(full_at, now)
        batch = _claim(connection, channel, now, spare) if spare > 0 else None
        if batch is not None:
            connection.execute(
                channel_brake.update().where(channel_brake.c.channel == channel.name).values(full_at=channel.brake.spent(full_at, now))
            )
    return batch


def _full_at(channel: Channel) -> sa.Select[Any]:
    return sa.select(channel_brake.c.full_at).where(channel_brake.c.channel == channel.name)


def _in_turn(next_try: sa.ColumnElement[int], now: int) -> Which:
    """Whether a try is due: it lies behind, or so far ahead that only a clock that was set back explains it."""
    return sa.or_(next_try <= now, next_try > now + _LONGEST_PAUSE)


def _due(channel: Channel, now: int) -> Which:
    """Lines that may be told: that an alert is over only with or after that it fired, or when that was given up."""
    line, earlier = notification.c, notification.alias()
    elsewhere = sa.or_(sa.not_(_in_turn(earlier.c.next_try, now)), earlier.c.message.is_not(None))
    first = sa.exists().where(
        earlier.c.alert == line.alert, earlier.c.channel == line.channel, earlier.c.id < line.id, earlier.c.next_try.is_not(None), elsewhere
    )
    return sa.and_(line.channel == channel.name, _in_turn(line.next_try, now), sa.not_(first))


def _claim(connection: sa.Connection, channel: Channel, now: int, spare: int) -> Batch | None:
    """A message that somebody died over, else the oldest line, or all that wait if those are more than may be told one by one."""
    line = notification.c
    due = connection.execute(sa.select(line.id, line.key, line.message).where(_due(channel, now)).order_by(line.id)).all()
    if not due:
        return None
    left = next((row.message for row in due if row.message is not None), None)
    alone = len(due) <= spare
    key = left or (due[0].key if alone else f"{due[0].id}-{due[-1].id}-{len(due)}.digest.{channel.name}")
    mine = line.message == left if left else line.id == due[0].id if alone else sa.and_(_due(channel, now), line.id <= due[-1].id)
    claimed = {"message": key, "next_try": now + LEASE, "tries": line.tries + 1}
    connection.execute(notification.update().where(line.channel == channel.name, mine).values(claimed))
    query = sa.select(notification, alert.c.grp, alert.c.rule, alert.c.severity, alert.c.title, alert.c.detail, alert.c.subject_name)
    mine = sa.and_(line.channel == channel.name, line.message == key, line.next_try.is_not(None))
    lines = connection.execute(query.join(alert, alert.c.id == line.alert).where(mine).order_by(line.id)).all()
    return Batch(key, lines, max(row.tries for row in lines)) if lines else None  # another service was quicker


def settle(engine: sa.Engine, channel: Channel, batch: Batch, why_not: coded.Message | None, now: int) -> None:
    """Keep how a try ended; the alerts' histories say when somebody was told, and when for the first time nobody was.

    Lines that were not told may go with others next time: a receiver that was away for long gets one message, not one for each.
    """
    line = notification.c
    mine = notification.update().where(line.channel == channel.name, line.message == batch.key, line.next_try.is_not(None))
    with writing(engine).begin() as connection:
        standing.lock(connection)  # so that lines of histories become visible in the order of their numbers
        if why_not is None:
            connection.execute(mine.values(state=SENT, at=now, reason=None, next_try=None))
            standing.note(connection, [(row.alert, "told", channel.name) for row in batch.lines], now)
            return
        old = sa.and_(line.event == Event.FIRED.value, line.made_at < now - GIVE_UP)
        again = sa.case((old, sa.null()), else_=now + pause(batch.tries))
        connection.execute(mine.values(state=FAILED, at=now, reason=why_not.dumps(), next_try=again, message=None))
        said = [row for row in batch.lines if row.tries == 1 or (row.event == Event.FIRED.value and row.made_at < now - GIVE_UP)]
        standing.note(connection, [(row.alert, "not_told", channel.name) for row in said], now)
