"""Sends what the outbox of messages holds, each channel on its own, until the receiver has it."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError

from cloud.alerts import book, channels
from cloud.alerts.channels import Channel, UndeliveredError
from cloud.registry.database import writing
from cloud.registry.tables import alert, notification
from contract.clock import Clock

log = structlog.get_logger()
LOOK_EVERY = 1.0
"""Real seconds between two looks of a channel."""
LEASE = 30_000
"""Ms for which nobody else takes a message that is being sent; after a crash it is sent again then, with its key."""
_FIRST_PAUSE, _LONGEST_PAUSE = 10_000, 900_000
GIVE_UP = 3 * 86_400_000
"""Ms after which a message is not tried any more: what it says is on the pages, and nobody wants it in the night a week later."""
_RESOLVED = {"zh": "已恢复", "en": "resolved"}
_SEVERITY = {
    "info": {"zh": "提示", "en": "Info"},
    "warning": {"zh": "警告", "en": "Warning"},
    "critical": {"zh": "严重", "en": "Critical"},
}


class Message(NamedTuple):
    """One message that is due."""

    id: int
    key: str
    alert: str
    title: str
    body: str
    made_at: int
    tries: int


def pause(tries: int) -> int:
    """Ms until the next try after so many."""
    return int(min(_FIRST_PAUSE * 2 ** (tries - 1), _LONGEST_PAUSE))


def take(engine: sa.Engine, channel: Channel, now: int) -> Message | None:
    """The oldest message that is due, claimed for `LEASE`; None if there is none.

    That an alert is over is not told before the alert itself was told or given up.
    """
    earlier = notification.alias()
    first = sa.exists().where(
        earlier.c.alert == notification.c.alert,
        earlier.c.channel == notification.c.channel,
        earlier.c.id < notification.c.id,
        earlier.c.next_try.is_not(None),
    )
    due = sa.and_(notification.c.channel == channel.name, notification.c.next_try <= now, sa.not_(first))
    query = sa.select(notification, alert.c.title, alert.c.detail, alert.c.severity).join(alert, alert.c.id == notification.c.alert)
    oldest = query.where(due).order_by(notification.c.id).limit(1)
    with engine.connect() as connection:
        if connection.execute(oldest).first() is None:
            return None
    with writing(engine).begin() as connection:
        row = connection.execute(oldest.with_for_update(of=notification, skip_locked=True)).first()
        if row is None:
            return None
        connection.execute(notification.update().where(notification.c.id == row.id).values(next_try=now + LEASE, tries=row.tries + 1))
    return _message(row, channel.language)


def _message(row: sa.Row[Any], language: str) -> Message:
    title = f"[{_SEVERITY[row.severity][language]}] {json.loads(row.title)[language]}"
    if row.event == "resolved":
        title += f" · {_RESOLVED[language]}"
    return Message(row.id, row.key, row.alert, title, json.loads(row.detail)[language], row.made_at, row.tries + 1)


def settle(engine: sa.Engine, channel: Channel, message: Message, why_not: str | None, now: int) -> None:
    """Keep how a try ended; the alert's history says when somebody was told, and when for the first time nobody was."""
    again = None if why_not is None or now - message.made_at > GIVE_UP else now + pause(message.tries)
    state = book.SENT if why_not is None else book.FAILED
    with writing(engine).begin() as connection:
        same = notification.update().where(notification.c.id == message.id)
        connection.execute(same.values(state=state, at=now, reason=why_not, next_try=again))
        if why_not is None or message.tries == 1 or again is None:
            book.note(connection, message.alert, "told" if why_not is None else "not_told", channel.name, now)


def send_one(engine: sa.Engine, channel: Channel, now: int) -> bool:
    """Send the oldest message that is due.

    Returns:
        Whether there was one.

    Raises:
        sqlalchemy.exc.OperationalError: The database cannot be asked; what was sent is sent again later, with its key.
    """
    message = take(engine, channel, now)
    if message is None:
        return False
    why_not = attempt(channel, message.key, message.title, message.body)
    if why_not is not None:
        log.warning("nobody told yet", channel=channel.name, alert=message.alert, reason=why_not, tries=message.tries)
    settle(engine, channel, message, why_not, now)
    return True


def attempt(channel: Channel, key: str, title: str, body: str) -> str | None:
    """Send one message; None if the receiver has it, else why not, without a secret."""
    try:
        channels.send(channel, key, title, body)
    except UndeliveredError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 (the border to a hundred services: whatever goes wrong there, the message has to wait its time)
        return f"a fault of the sender ({type(error).__name__})"  # its text may hold a secret
    return None


async def run(engine: sa.Engine, channel: Channel, clock: Clock) -> None:
    """Send a channel's messages until cancelled; a slow receiver holds up its own channel only."""
    while True:
        try:
            sent = await asyncio.to_thread(send_one, engine, channel, clock.now_ms())
        except OperationalError as error:
            log.warning("messages wait", channel=channel.name, reason=str(error).splitlines()[0])
            sent = False
        except Exception as error:  # noqa: BLE001 (a notifier's fault must not end the service; its text may hold a secret)
            log.error("a message could not be sent", channel=channel.name, error=type(error).__name__)  # noqa: TRY400
            sent = False
        if not sent:
            await asyncio.sleep(LOOK_EVERY)
