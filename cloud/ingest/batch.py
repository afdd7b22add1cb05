"""One batch of messages: decoded in order, written to telemetry, committed to SQL, ready to be acknowledged."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cloud.ingest.known import FOREIGN_CLASS, GATEWAY_CLASS, Known, Node, Placed, born
from cloud.ingest.newest import Polls
from cloud.telemetry.base import MAX_MS, Line, Polled, Stored
from contract import sparkplug, topics
from contract.reading import Quality, Reading
from contract.sparkplug_b_pb2 import Payload
from contract.topics import Topic

HOUR = 3_600_000
CLOCK_TOLERANCE = 120_000
"""A live reading further from its receipt than this (ms) has a doubtful time."""
_NO_TIME = "a time that no store holds"
"""Sparkplug's times have 64 bits: one beyond the databases' must not end the batch that it came in."""


@dataclass(frozen=True, slots=True)
class Message:
    """What came from the broker, and when (ms, by the cloud's clock)."""

    topic: str
    payload: bytes
    received_at: int


@dataclass(slots=True)
class Batch:
    """What a batch of messages asks of the stores and of the broker."""

    lines: list[Line] = field(default_factory=list)
    polls: defaultdict[tuple[str, str], Polls] = field(default_factory=lambda: defaultdict(Polls))
    """By (group, device)."""
    touched: set[tuple[str, int]] = field(default_factory=set)
    births: list[dict[str, Any]] = field(default_factory=list)
    nodes: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    devices: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    events: dict[tuple[str, str, str, int], str] = field(default_factory=dict)
    results: list[dict[str, Any]] = field(default_factory=list)
    acks: dict[tuple[str, str, str], list[int]] = field(default_factory=dict)
    """Positions by (group, node, outbox)."""
    rebirths: set[tuple[str, str]] = field(default_factory=set)
    dropped: Counter[str] = field(default_factory=Counter)
    received_at: int = 0
    """When the last of its messages came, ms."""

    def readings(self) -> int:
        """How many readings it stores."""
        return sum(len(line.values) if isinstance(line, Polled) else 1 for line in self.lines)


def decode(messages: Sequence[Message], known: Known) -> Batch:
    """Decode messages in their order; what cannot be understood is counted by reason and left out."""
    batch = Batch(received_at=messages[-1].received_at if messages else 0)
    for message in messages:
        topic = topics.parse(message.topic)
        if topic is None:
            batch.dropped["not a Sparkplug topic"] += 1
            continue
        try:
            payload = sparkplug.decode(message.payload)
        except sparkplug.PayloadError:
            batch.dropped["not a Sparkplug payload"] += 1
            continue
        if payload.timestamp > MAX_MS:
            batch.dropped[_NO_TIME] += 1
            continue
        take = {"NBIRTH": _birth, "DBIRTH": _birth, "NDATA": _data, "DDATA": _data, "NDEATH": _death, "DDEATH": _device_death}.get(
            topic.kind
        )
        if take is not None:
            take(batch, known, topic, payload, message.received_at)
    return batch


def _birth(batch: Batch, known: Known, topic: Topic, payload: Payload, received_at: int) -> None:
    key = (topic.group, topic.node)
    node = known.nodes.setdefault(key, Node())
    metrics = born(node, topic.device, payload)
    batch.births.append(
        {
            "grp": topic.group,
            "node": topic.node,
            "device": topic.device,
            "at": payload.timestamp,
            "bd_seq": node.bd_seq,
            "metrics": metrics,
        }
    )
    if not topic.device:
        _node_changed(batch, topic, node, received_at)
    _place(batch, known, topic)
    if node.outbox is None:  # a node without an outbox has no other way to say its values at a birth
        _readings(batch, known, topic, payload, received_at)


def _node_changed(batch: Batch, topic: Topic, node: Node, at: int) -> None:
    batch.nodes[topic.group, topic.node] = {
        "grp": topic.group,
        "id": topic.node,
        "outbox": node.outbox,
        "bd_seq": node.bd_seq,
        "online": node.online,
        "changed_at": at,
    }


def _place(batch: Batch, known: Known, topic: Topic) -> Placed:
    """The device in the registry; an unknown one is entered as what its birth shows it to be."""
    name = topic.device or topic.node
    placed = known.devices.get((topic.group, name))
    if placed is None:
        placed = Placed(FOREIGN_CLASS if topic.device else GATEWAY_CLASS, topic.node)
        known.devices[topic.group, name] = placed
        batch.devices[topic.group, name] = {
            "grp": topic.group,
            "id": name,
            "class": placed.device_class,
            "name": json.dumps({"zh": name, "en": name}, ensure_ascii=False),
            "gateway": topic.node,
        }
    return placed


def _data(batch: Batch, known: Known, topic: Topic, payload: Payload, received_at: int) -> None:
    node = known.nodes.get((topic.group, topic.node))
    if node is None or not node.births.get("") or (node.outbox is None and not node.births.get(topic.device)):
        batch.dropped["no birth"] += 1  # an outbox sends its row again; a foreign node is asked for its births
        batch.rebirths.add((topic.group, topic.node))
        return
    placed = _place(batch, known, topic)
    if placed.gateway != topic.node:
        batch.dropped["device of another gateway"] += 1
        detail = f"{topic.node} speaks for a device of {placed.gateway}; record a handover to allow it"
        batch.events["foreign_gateway", topic.group, topic.device, received_at // HOUR * HOUR] = detail
        return
    _readings(batch, known, topic, payload, received_at)
    seq = sparkplug.store_seq(payload)
    if seq is not None and node.outbox is not None:
        batch.acks.setdefault((topic.group, topic.node, node.outbox), []).append(seq)


def _readings(batch: Batch, known: Known, topic: Topic, payload: Payload, received_at: int) -> None:
    device = topic.device or topic.node
    group, device_class = topic.group, known.devices[topic.group, device].device_class
    node = known.nodes[topic.group, topic.node]
    birth = node.birth_for(topic.device, payload.timestamp)
    root = node.birth_for("", payload.timestamp)
    aliases = birth.aliases if birth else {}
    if root is not None and root.aliases:
        aliases = {**root.aliases, **aliases}
    live = bool(payload.metrics) and not payload.metrics[0].is_historical
    sender_off = payload.timestamp - received_at  # a resend carries it too, so both are judged alike
    good, others = _dated(batch, *sparkplug.sort_out(payload, device, birth.types if birth else None, aliases))
    polls = batch.polls[group, device]
    counted = known.meters.get((group, device)) or {}

    def doubtful(at: int) -> bool:
        off = at - received_at
        return abs(sender_off) > CLOCK_TOLERANCE or off > CLOCK_TOLERANCE or (live and off < -CLOCK_TOLERANCE)

    for at, values in good.items():
        if doubtful(at):
            others += [Reading(device, point, value, at) for point, value in values.items()]
            continue
        batch.lines.append(Polled(group, device_class, device, at, values))
        polls.take(at, received_at, values)
        for point in counted.keys() & values.keys():
            batch.touched.update((meter, at // HOUR * HOUR) for meter in counted[point])
    for reading in others:
        if doubtful(reading.at):
            reading = _suspect(batch, group, reading, reading.at - received_at)  # noqa: PLW2901 (its time is in doubt)
        batch.lines.append(Stored(group, device_class, reading))
        polls.other(reading, received_at)
    for metric in payload.metrics:
        if metric.name == sparkplug.COMMAND_RESULT and metric.string_value:
            batch.results.append({"text": metric.string_value})


def _dated(batch: Batch, good: dict[int, dict[str, float]], others: list[Reading]) -> tuple[dict[int, dict[str, float]], list[Reading]]:
    """The readings whose time a store can hold; the others are counted."""
    for at in [at for at in good if at > MAX_MS]:
        batch.dropped[_NO_TIME] += len(good.pop(at))
    kept = [reading for reading in others if reading.at <= MAX_MS]
    if len(kept) < len(others):
        batch.dropped[_NO_TIME] += len(others) - len(kept)
    return good, kept


def _suspect(batch: Batch, group: str, reading: Reading, off: int) -> Reading:
    batch.events["clock_fault", group, reading.device, reading.at // HOUR * HOUR] = f"measured {off / 1000:+.0f} s off its receipt"
    return Reading(reading.device, reading.point, reading.value, reading.at, Quality.SUSPECT, "clock fault")


def _death(batch: Batch, known: Known, topic: Topic, payload: Payload, received_at: int) -> None:
    """NDEATH counts only with the bdSeq of the last birth; a late one of an older session is ignored."""
    node = known.nodes.get((topic.group, topic.node))
    if node is None or sparkplug.values(payload).get(sparkplug.BD_SEQ) != node.bd_seq:
        return
    node.online = False
    _node_changed(batch, topic, node, received_at)


def _device_death(batch: Batch, _known: Known, topic: Topic, payload: Payload, _received_at: int) -> None:
    batch.events["device_death", topic.group, topic.device, payload.timestamp] = f"reported by {topic.node}"
