"""Commands to devices and edge nodes: checked against a profile or a birth, kept, and shown as they stand."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches

import sqlalchemy as sa

from cloud.accounts.repository import audited
from cloud.devices.model import Speaker, profile_of
from cloud.devices.queries.nodes import keeper_of, newest_datatypes, speaker_of
from cloud.operations import repository
from cloud.operations.model import QUEUED, SENT, Command, Standing
from cloud.platform.database import writing
from contract import sparkplug
from contract.clock import iso
from contract.coded import Message
from contract.profile import Profile
from contract.sparkplug import DataType

REBIRTH_WITHIN = 60_000
"""Ms in which a node must have sent its births after it was asked for them."""
RESEND_WITHIN = 10_000
"""Ms in which the service must have asked a gateway for its rows, while somebody waits for it."""
RECALL_WITHIN = 7 * 86_400_000
"""Ms for which the service waits to ask a gateway that is offline for rows that it marked suspect for nothing."""
_SHOWN = 10
"""Names that a refusal lists of a birth's thousands."""


def refusal(engine: sa.Engine, order: Command, now: int) -> Message | None:
    """Why an order cannot be given; None if it can.

    A device with a profile takes what its profile says, one of another maker's node what its newest birth lists. The gateway checks
    again before it writes; refusing here tells the person at once.
    """
    speaker = _speaker(engine, order.group, order.device)
    if speaker is None:
        return Message("command.no_device", device=repr(order.device), group=order.group)
    if speaker.profile is not None or not speaker.foreign:
        return fault(order, profile_of(speaker.profile), now)
    return foreign_fault(order, _born(engine, speaker), now)


def takes(engine: sa.Engine, group: str, name: str) -> dict[str, int]:
    """The metrics of another maker's device that take a number or a switch, with their datatypes; none for any other device.

    A birth does not say which of them may be written, so all that could be are named.
    """
    speaker = _speaker(engine, group, name)
    is_foreign = speaker is not None and speaker.profile is None and speaker.foreign
    return _writable((_born(engine, speaker) or {}) if speaker is not None and is_foreign else {})


def _speaker(engine: sa.Engine, group: str, name: str) -> Speaker | None:
    with engine.connect() as connection:
        return speaker_of(connection, group, name)


def _born(engine: sa.Engine, speaker: Speaker) -> Mapping[str, int] | None:
    return newest_datatypes(engine, speaker.group, speaker.gateway, "" if speaker.id == speaker.gateway else speaker.id)


def fault(order: Command, profile: Profile | None, now: int) -> Message | None:
    """Why an order cannot be given to a device of this profile; None if it can."""
    if profile is None:
        return Message("command.no_profile", device=order.device)
    mapped = profile.points.get(order.point)
    writable = sorted(name for name, point in profile.points.items() if point.writable)
    if mapped is None or not mapped.writable:
        return _not_writable(order, writable)
    if mapped.values is not None and order.value not in mapped.values:
        states = ", ".join(f"{raw} ({name})" for raw, name in mapped.values.items())
        return Message("command.no_state", states=states, value=order.value)
    if mapped.limits is not None and not mapped.limits.min <= order.value <= mapped.limits.max:
        return Message("command.limits", low=mapped.limits.min, high=mapped.limits.max, unit=mapped.unit, value=order.value)
    return _expired(order, now)


def foreign_fault(order: Command, datatypes: Mapping[str, int] | None, now: int) -> Message | None:
    """Why an order cannot be given to a device of which only its birth is known; None if it can."""
    if datatypes is None:
        return Message("command.never_born", device=order.device)
    writable = _writable(datatypes)
    if order.point not in writable:
        near = get_close_matches(order.point, writable, n=_SHOWN) or sorted(writable)[:_SHOWN]
        return _not_writable(order, near)
    if (why := unfit(writable[order.point], order.value)) is not None:
        return Message("command.value", why=why)
    return _expired(order, now)


def unfit(datatype: int, value: float) -> Message | None:
    """Why a value is none of a metric of this datatype of Sparkplug; None if it is."""
    try:
        sparkplug.fit(datatype, value)
    except ValueError:
        return Message("command.too_large" if datatype == DataType.FLOAT else "command.no_fit", value=value, datatype=datatype)
    return None


def _writable(datatypes: Mapping[str, int]) -> dict[str, int]:
    return {name: kind for name, kind in datatypes.items() if sparkplug.is_writable(name, kind)}


def _expired(order: Command, now: int) -> Message | None:
    return None if order.expires_at > now else Message("command.expires", now=iso(now), expires=iso(order.expires_at))


def rebirth(group: str, name: str, why: str, by: str, now: int) -> Command:
    """The order that asks a node for its births."""
    return Command(group, name, sparkplug.REBIRTH, 1.0, why, by, now + REBIRTH_WITHIN)


def resend(group: str, gateway: str, span: tuple[int, int], by: str, now: int) -> Command:
    """The order that asks a gateway for the rows that it measured in a span (from, to; ms) and still keeps; the span is its reason."""
    return Command(group, gateway, sparkplug.STORE_RESEND, 1.0, json.dumps({"from": span[0], "to": span[1]}), by, now + RESEND_WITHIN)


def recall(connection: sa.Connection, spans: Mapping[tuple[str, str], tuple[int, int]], by: str, now: int) -> None:
    """Ask gateways for the rows of sources, each once: a gateway recalls all that it measured in a span, whichever device it is of.

    Args:
        connection: Of the transaction that found them.
        spans: First and last time (ms) by (group, source); a source is a gateway, or a device that dates its readings itself.
        by: Who asks.
        now: Ms.
    """
    for_all: dict[tuple[str, str], tuple[int, int]] = {}
    for (group, source), (first, last) in sorted(spans.items()):
        if gateway := keeper_of(connection, group, source):
            begin, end = for_all.get((group, gateway), (first, last))
            for_all[group, gateway] = min(begin, first), max(end, last)
    for (group, gateway), (first, last) in for_all.items():
        order = resend(group, gateway, (first, last + 1), by, now)
        enter(connection, replace(order, expires_at=now + RECALL_WITHIN), now)


def place(engine: sa.Engine, order: Command, now: int) -> str:
    """Keep an order that has no `fault`, to be sent, in a transaction of its own.

    Returns:
        The id of the command.
    """
    with writing(engine).begin() as connection:
        return enter(connection, order, now)


def enter(connection: sa.Connection, order: Command, now: int) -> str:
    """Keep an order that has no `fault`, to be sent, and its audit row, within the caller's transaction.

    Returns:
        The id of the command.
    """
    name = str(uuid.uuid4())
    detail = f"{name}: {order.device} {order.point} = {order.value:g}: {order.why}"
    repository.add(connection, name, order, now)
    audited(connection, "command", detail, order.by, now, group=order.group)
    return name


def standing(engine: sa.Engine, group: str, name: str) -> Standing | None:
    """How a command stands, None if there is none such; one that waits to be sent is shown as sent."""
    with engine.connect() as connection:
        found = repository.standing(connection, group, name)
    return replace(found, state=SENT) if found is not None and found.state == QUEUED else found


def _not_writable(order: Command, writable: Iterable[str]) -> Message:
    points = ", ".join(writable)
    if not points:
        return Message("command.nothing_writable", point=repr(order.point), device=order.device)
    return Message("command.not_writable", point=repr(order.point), device=order.device, points=points)
