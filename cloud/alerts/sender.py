"""Sends what the outbox of messages holds, each channel on its own, until the receiver has it."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
import structlog

from cloud.alerts import channels
from cloud.alerts.channels import Channel
from cloud.alerts.digest import Districts, written
from cloud.alerts.repository import notifications
from cloud.platform.database import DOWN
from cloud.texts import in_words
from contract.clock import Clock
from contract.coded import Message

log = structlog.get_logger()
LOOK_EVERY = 1.0
"""Real seconds between two looks of a channel."""


def send_one(engine: sa.Engine, channel: Channel, now: int, districts: Districts | None = None) -> bool:
    """Send the next message that is due, which names districts where several are given.

    Returns:
        Whether there was one.

    Raises:
        sqlalchemy.exc.OperationalError: The database cannot be asked; what was sent is sent again later, with its key.
    """
    batch = notifications.take(engine, channel, now)
    if batch is None:
        return False
    why_not = attempt(channel, batch.key, *written(batch.lines, channel.language, districts or {}))
    if why_not is not None:
        first, reason = batch.lines[0].alert, in_words(why_not, "en")
        log.warning("nobody told yet", channel=channel.name, alert=first, of=len(batch.lines), reason=reason, tries=batch.tries)
    notifications.settle(engine, channel, batch, why_not, now)
    return True


def attempt(channel: Channel, key: str, title: str, body: str) -> Message | None:
    """Send one message; None if the receiver has it, else why not, without a secret."""
    try:
        return channels.send(channel, key, title, body)
    except Exception as error:  # noqa: BLE001 (the border to a hundred services: whatever goes wrong there, the message has to wait its time)
        return Message("told.sender", error=type(error).__name__)  # its text may hold a secret


async def run(engine: sa.Engine, channel: Channel, clock: Clock, districts: Districts) -> None:
    """Send a channel's messages until cancelled; a slow receiver holds up its own channel only."""
    while True:
        try:
            sent = await asyncio.to_thread(send_one, engine, channel, clock.now_ms(), districts)
        except DOWN as error:
            log.warning("messages wait", channel=channel.name, reason=str(error).splitlines()[0])
            sent = False
        except Exception as error:  # noqa: BLE001 (a notifier's fault must not end the service; its text may hold a secret)
            log.error("a message could not be sent", channel=channel.name, error=type(error).__name__)  # noqa: TRY400
            sent = False
        if not sent:
            await asyncio.sleep(LOOK_EVERY)
