"""Commands on their way: from the table to a DCMD, and to `expired` when nobody answered in time."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from cloud.ingest.awaited import AwaitedCommand
from cloud.ingest.node_cache import Node
from cloud.operations import repository
from cloud.operations.commands import unfit
from cloud.operations.model import SENT
from cloud.operations.repository import Waiting
from cloud.platform.database import writing
from cloud.texts import CodedError
from contract import sparkplug
from contract.coded import Message
from contract.sparkplug import DataType, MetricDefinition
from contract.topics import Topic

ANSWER_WITHIN = 15_000
"""Ms after its expiry within which a sent command may still be answered."""


@dataclass(frozen=True, slots=True)
class Order:
    """A command ready to be published."""

    id: str
    topic: Topic
    value: float
    metrics: list[MetricDefinition]
    """The point comes first."""
    sent: bool
    """Whether it was sent already, and is not answered yet."""
    created_at: int
    expires_at: int
    """ms."""

    @property
    def unanswered(self) -> bool:
        """Whether nothing tells that it was carried out but the rows that come: it is done once it was sent."""
        return self.metrics[0].name == sparkplug.STORE_RESEND

    @property
    def device(self) -> str:
        """Whom it is for: a device, or the node itself."""
        return self.topic.device or self.topic.node


def due(engine: sa.Engine, now: int) -> list[Order]:
    """Queued commands that are still valid, and sent ones without an answer; what is too late becomes `expired` or `failed`."""
    with engine.connect() as connection:
        found = repository.waiting(connection)
    orders = []
    for one in found:
        sent = one.state == SENT
        if sent and one.expires_at + ANSWER_WITHIN < now:
            mark(engine, one.id, "failed", Message("command.unanswered"))
        elif not sent and one.expires_at <= now:
            mark(engine, one.id, "expired", Message("command.expired_unsent"))
        else:
            orders.append(_order(one, sent=sent))
    return orders


def _order(one: Waiting, *, sent: bool) -> Order:
    own = one.device == one.gateway
    metrics = [MetricDefinition(one.point, DataType.BOOLEAN, value=True)]
    if one.point == sparkplug.STORE_RESEND:
        metrics = [MetricDefinition(one.point, DataType.STRING, one.why)]
    elif one.point != sparkplug.REBIRTH:
        metrics = [
            MetricDefinition(one.point, DataType.DOUBLE, one.value),
            MetricDefinition(sparkplug.COMMAND_ID, DataType.STRING, one.id),
            MetricDefinition(sparkplug.COMMAND_EXPIRES, DataType.DATETIME, one.expires_at),
        ]
    topic = Topic(one.group, "NCMD" if own else "DCMD", one.gateway, "" if own else one.device)
    return Order(one.id, topic, one.value, metrics, sent, one.created_at, one.expires_at)


def addressed(order: Order, node: Node | None) -> list[MetricDefinition]:
    """The order in the words of the device's last birth: its datatypes, its aliases, and no metric that it does not list.

    tck-id-operational-behavior-data-commands-dcmd-metric-name, tck-id-payloads-alias-data-cmd-requirement.

    Raises:
        CodedError: The device does not list the point, or its datatype cannot hold the value.
    """
    point = order.metrics[0]
    birth = node.newest(order.topic.device) if node is not None else None
    if birth is None or point.name in {sparkplug.REBIRTH, sparkplug.STORE_RESEND}:
        return order.metrics
    if point.name not in birth.types:
        raise CodedError(Message("command.not_listed", point=point.name))
    aliases = {name: alias for alias, name in birth.aliases.items()}
    metrics = [MetricDefinition(m.name, m.datatype, m.value, alias=aliases.get(m.name)) for m in order.metrics if m.name in birth.types]
    kind = birth.types[point.name]
    if (why_not := unfit(kind, order.value)) is not None:
        raise CodedError(why_not)
    metrics[0] = MetricDefinition(point.name, DataType(kind), sparkplug.fit(kind, order.value), alias=aliases.get(point.name))
    return metrics


def watched(order: Order, metrics: list[MetricDefinition], since: int) -> AwaitedCommand | None:
    """What shows that an order was carried out, if nobody answers it: it went out as these metrics, without an id."""
    if any(m.name == sparkplug.COMMAND_ID for m in metrics) or order.unanswered:
        return None
    value = metrics[0].value
    return AwaitedCommand(order.id, metrics[0].name, float(value) if isinstance(value, int | float) else order.value, since)


def mark(engine: sa.Engine, name: str, state: str, reason: Message | None = None) -> None:
    """Move a command on, unless its answer was faster."""
    with writing(engine).begin() as connection:
        repository.move_on(connection, name, state, reason)
