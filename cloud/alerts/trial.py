"""`jieyue-cloud alerts`: what is set up, and a trial message, so that a channel is tried before something breaks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence

from cloud.alerts.channels import Channel, chosen
from cloud.alerts.looking import Look
from cloud.alerts.sender import attempt
from cloud.texts import say
from contract.coded import Message
from contract.units import Unit


def summary(rules: int, channels: Sequence[Channel]) -> str:
    """What was found well, in one line: `19 rules are fine; 2 channels: duty, chief`."""
    text = "1 rule is fine" if rules == 1 else f"{rules} rules are fine"
    if not channels:
        return text
    names = ", ".join(channel.name for channel in channels)
    return f"{text}; {len(channels)} channel{'s' * (len(channels) > 1)}: {names}"


def told(look: Look) -> Iterator[str]:
    """What a rule says now: a line for each subject beyond its limit, then how many are not."""
    unit = "" if look.rule.unit is Unit.NONE else f" {look.rule.unit}"
    for found, name in look.beyond:
        value = "" if found.value is None else f": {found.value:g}{unit}"
        limit = "" if found.limit is None else f", limit {found.limit:g}{unit}"
        yield f"{found.subject} ({name['zh']}, {name['en']}) is beyond{value}{limit}; fires after {look.rule.fire_after // 1000} s of it"
    yield f"{len(look.beyond)} beyond, {look.within} not, {look.unknown} unknown"


def wanted(channels: Sequence[Channel], names: Sequence[str]) -> list[Channel]:
    """The channels of these names, all without one; the name of a mail to several means each of its recipients.

    Raises:
        ValueError: There is no channel, or none of a name.
    """
    if not channels:
        raise ValueError("there is no channel to try; JIEYUE_CHANNELS names the file that they stand in")
    for name in names:
        if not any(chosen(channel, name) for channel in channels):
            raise ValueError(f"no channel {name!r}; there are {', '.join(channel.name for channel in channels)}")
    return [channel for channel in channels if not names or any(chosen(channel, name) for name in names)]


def send(channel: Channel) -> Message | None:
    """Send one message that says it is a trial, in the channel's language; None if the receiver has it, else why not."""
    key = f"{uuid.uuid4().hex}.trial.{channel.name}"
    return attempt(channel, key, say("trial.title", channel.language), say("trial.body", channel.language, channel=channel.name))
