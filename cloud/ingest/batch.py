"""One batch of messages: decoded in order, written to telemetry, committed to SQL, ready to be acknowledged.

What cannot be stored is found here, once a message where that is enough: names, times and numbers that a database refuses would
else stop all messages behind them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import NamedTuple

from cloud.devices.model import VEHICLE, DeviceState, KeptBirth, NewDevice, NodeState
from cloud.devices.own_clock import Moved, OwnRow
from cloud.ingest.clocks import doubtful_times
from cloud.ingest.judging import Row, Source
from cloud.ingest.named import emergency, name_bits
from cloud.ingest.newest import Polls
from cloud.ingest.node_cache import MAX_POINTS, Known
from cloud.ingest.results import Result, parse
from cloud.ledger.model import MeterKey
from cloud.telemetry.base import Line, Polled, Refused, Stored, value_fault
from contract import coded, sparkplug
from contract.reading import Quality, Reading
from contract.sparkplug_b_pb2 import Payload
from contract.topics import Topic

HOUR = 3_600_000
MINUTE = 60_000
MAX_PAYLOAD_BYTES = 16 * 1024 * 1024
"""Of one message, decompressed: no row of ours comes near it, and nobody's message may fill the queue alone."""


class Message(NamedTuple):
    """What came from the broker, and when; an empty topic says that a new session began.

    `received_at` is in ms, by the cloud's clock without what gateways say of it: they may say it before the message has its turn.
    `packed` says that the payload may be compressed; it is decompressed when it has its turn.
    """

    topic: str
    payload: bytes
    received_at: int
    packed: bool = False


@dataclass(slots=True)
class Batch:
    """What a batch of messages asks of the stores and of the broker."""

    lines: list[Line] = field(default_factory=list)
    polls: defaultdict[tuple[str, str], Polls] = field(default_factory=lambda: defaultdict(Polls))
    """By (group, device)."""
    touched: set[tuple[MeterKey, int]] = field(default_factory=set)
    rejected: list[Refused] = field(default_factory=list)
    """Readings that no store can hold."""
    births: dict[tuple[str, str, str, int], KeptBirth] = field(default_factory=dict)
    gone: set[tuple[str, str, str, int]] = field(default_factory=set)
    """Births that are no longer needed: (group, node, device, at)."""
    nodes: dict[tuple[str, str], NodeState] = field(default_factory=dict)
    devices: dict[tuple[str, str], NewDevice] = field(default_factory=dict)
    states: dict[tuple[str, str], DeviceState] = field(default_factory=dict)
    events: dict[tuple[str, str, str, int], str] = field(default_factory=dict)
    deaths: dict[tuple[str, str, int], tuple[int, int, str]] = field(default_factory=dict)
    """By (group, device, minute of receipt since 1970): when the device died (ms), when that was told last (ms), and by whom."""
    clocks: dict[tuple[str, str], tuple[list[Row], Source]] = field(default_factory=dict)
    """By (group, source): judgements that ended, and the clock with the one that has not."""
    moved: list[Moved] = field(default_factory=list)
    """How the time that the cloud believes moved."""
    own: list[OwnRow] = field(default_factory=list)
    """How far the cloud's clock is off, where that changed."""
    results: list[Result] = field(default_factory=list)
    acks: dict[tuple[str, str, str], list[int]] = field(default_factory=dict)
    """Positions by (group, node, outbox)."""
    rebirths: set[tuple[str, str]] = field(default_factory=set)
    """Nodes whose births are missing: (group, node)."""
    doubted: set[tuple[str, str]] = field(default_factory=set)
    """Nodes whose births show that they live; they have to be asked, whenever they were asked last."""
    handed: set[tuple[str, str]] = field(default_factory=set)
    """Nodes that a worker leaves to the leader: (group, node)."""
    dropped: Counter[str] = field(default_factory=Counter)
    received_at: int = 0
    """When the last of its messages came, ms, as the cloud believes."""

    def readings(self) -> int:
        """How many readings it stores."""
        return sum(len(line.values) if isinstance(line, Polled) else 1 for line in self.lines)

    def asks_the_database(self) -> bool:
        """Whether a row is written for it that any message of a node or device asks for."""
        return bool(self.births or self.nodes or any(polls.good or polls.others for polls in self.polls.values()))


def take_readings(
    batch: Batch,
    known: Known,
    topic: Topic,
    payload: Payload,
    received_at: int,
    types: Mapping[str, int] | None,
    aliases: Mapping[int, str],
    *,
    live: bool,
    ours: bool,
) -> None:
    """The readings of a payload. Those whose time is not believed are kept as suspect, and are nobody's newest, alarm or sample.

    Args:
        batch: Takes them.
        known: Has the device of the topic.
        topic: Where the payload came from.
        payload: With a time that can be.
        received_at: Ms, by the cloud's clock.
        types: Datatypes by name, from a birth.
        aliases: Names by alias, from the birth that explains the payload.
        live: Whether an old time of a foreign node says something of its clock.
        ours: Whether the node has an outbox.
    """
    device = topic.device or topic.node
    group, device_class = topic.group, known.devices[topic.group, device].device_class
    good, others = sparkplug.sort_out(payload, device, types, aliases)
    profile = known.profiles.get((group, device))
    name_bits(profile, good.values(), vehicle=device_class == VEHICLE)
    polls = batch.polls[group, device]
    counted = known.meters.get((group, device)) or {}
    others = _within_limit(batch, known, topic, received_at, good, others)
    found = known.own.found
    doubtful = doubtful_times(batch, known, topic, payload, received_at, good, others, live=live, ours=ours)
    received_at -= known.own.found - found
    for at, values in good.items():
        if at in doubtful:
            others += [Reading(device, point, value, at) for point, value in values.items()]
            continue
        if not isfinite(sum(values.values())):
            others += _split_off(device, at, values)
        batch.lines.append(Polled(group, device_class, device, at, values))
        polls.take(at, received_at, values)
        if device_class == VEHICLE and emergency(values):
            # a terminal takes its emergency back once it was answered, so one position may be all that says so
            batch.events["vehicle_sos", group, device, at // MINUTE * MINUTE] = coded.Message("reason.emergency").dumps()
        for point in counted.keys() & values.keys():
            batch.touched.update((meter, at // HOUR * HOUR) for meter in counted[point])
    for reading in others:
        if fault := value_fault(reading):
            batch.rejected.append(Refused(Stored(group, device_class, reading), fault))
        elif reading.at in doubtful:
            suspect = Reading(device, reading.point, reading.value, reading.at, Quality.SUSPECT, "clock fault")
            batch.lines.append(Stored(group, device_class, suspect))
        else:
            batch.lines.append(Stored(group, device_class, reading))
            polls.other(reading, received_at)
    _results(batch, group, device, payload)


def _within_limit(
    batch: Batch, known: Known, topic: Topic, received_at: int, good: dict[int, dict[str, float]], others: list[Reading]
) -> list[Reading]:
    """Leave out the points that are more than a device may have, and say so; returns what is left of the others."""
    device = topic.device or topic.node
    surplus = set().union(*(known.surplus(topic.group, device, values.keys()) for values in good.values()))
    if others:
        surplus |= known.surplus(topic.group, device, {reading.point for reading in others})
    if not surplus:
        return others
    batch.dropped["too many points of a device"] += len(surplus)
    said = coded.Message("reason.too_many_points", node=topic.node, most=MAX_POINTS, number=len(surplus))
    batch.events["too_many_points", topic.group, device, received_at // HOUR * HOUR] = said.dumps()
    for values in good.values():
        for point in surplus & values.keys():
            del values[point]
    return [reading for reading in others if reading.point not in surplus]


def _split_off(device: str, at: int, values: dict[str, float]) -> list[Reading]:
    """Take the values that no store can hold out of a poll."""
    wrong = [point for point, value in values.items() if not isfinite(value)]
    return [Reading(device, point, values.pop(point), at) for point in wrong]


def _results(batch: Batch, group: str, device: str, payload: Payload) -> None:
    for metric in payload.metrics:
        if metric.name == sparkplug.COMMAND_RESULT and metric.string_value:
            try:
                batch.results.append(parse(group, device, metric.string_value))
            except ValueError:
                batch.dropped["not a command result"] += 1
