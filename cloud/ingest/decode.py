"""From messages to a batch: births, data and deaths, each in its turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cloud.devices.model import FOREIGN_CLASS, GATEWAY_CLASS, KeptBirth, NewDevice, Placed
from cloud.ingest.batch import HOUR, MAX_PAYLOAD_BYTES, MINUTE, Batch, Message, take_readings
from cloud.ingest.clocks import decide_late
from cloud.ingest.doubt import look_after
from cloud.ingest.lives import doubt, ended, node_changed, state
from cloud.ingest.node_cache import MAX_FOREIGN_DEVICES, MAX_METRICS, Known, Node, bd_seq, born
from cloud.ingest.sequence import Arrived, Trust, Turn
from cloud.telemetry.base import MAX_MS, name_fault, single
from contract import coded, compressed, sparkplug, topics
from contract.sparkplug_b_pb2 import Payload


def decode(messages: Sequence[Message], known: Known) -> Batch:
    """Decode messages in their order; what cannot be understood is counted by reason and left out."""
    batch = Batch()
    for message in messages:
        received_at = message.received_at - known.own.found
        if known.own.since is None:
            known.own.since = received_at
        if not message.topic:
            known.session_began(received_at)
            continue
        arrived = understood(batch, message, received_at)
        if arrived is not None:
            _arrived(batch, known, arrived)
    if messages:
        batch.received_at = max(message.received_at for message in messages) - known.own.found
    return batch


def overdue(batch: Batch, known: Known, now: int, reorder: int, answer: int) -> None:
    """Look after what waits: doubt of our own clock, clocks of which nothing is decided, and messages that are held.

    A gap that stays open for `reorder` ms asks for births, which may take `answer` ms more.
    """
    now = look_after(batch, known, now)
    decide_late(batch, known, now)
    for key in list(known.waiting):
        node = known.nodes[key]
        if node.order.gap_since(now - reorder):
            batch.rebirths.add(key)
        given_up, trust = node.order.given_up(now - reorder - answer)
        for message in given_up:
            _take(batch, known, node, message, trust)
        _note_waiting(known, key, node)


def understood(batch: Batch, message: Message, received_at: int) -> Arrived | None:
    """A message of an edge node, decoded; None where it is none that can be, which the batch counts."""
    topic = topics.parse(message.topic)
    if topic is None or topic.kind not in _TAKE:
        batch.dropped["not a Sparkplug topic"] += 1
        return None
    if any(map(name_fault, filter(None, (topic.group, topic.node, topic.device)))):
        batch.dropped["a name that cannot be stored"] += 1
        return None
    try:
        raw = compressed.unwrapped(message.payload, MAX_PAYLOAD_BYTES) if message.packed else message.payload
        payload = sparkplug.decode(raw)
    except compressed.TooLargeError:
        batch.dropped["too large"] += 1
        return None
    except sparkplug.PayloadError:
        batch.dropped["not a Sparkplug payload"] += 1
        return None
    if topic.kind != "NDEATH" and not 0 < payload.timestamp <= MAX_MS:  # a will is dated before its death
        batch.dropped["a time that no store holds" if payload.timestamp else "no time"] += 1
        return None
    return Arrived(topic, payload, received_at)


def _arrived(batch: Batch, known: Known, message: Arrived) -> None:
    key = (message.topic.group, message.topic.node)
    node = known.node(key)
    if node is None:
        batch.dropped["too many foreign nodes"] += 1
        return
    if message.topic.kind != "NDEATH":
        node.heard(message.received_at)
    if node.outbox is not None:
        _take(batch, known, node, message, Trust.ALL)
        return
    turn = node.order.turn(message)
    if turn is Turn.FULL:
        batch.dropped["too many messages out of turn"] += 1
    elif turn is Turn.NOW:
        _take(batch, known, node, message, node.order.trust)
        while (held := node.order.next()) is not None:
            _take(batch, known, node, held, node.order.trust)
    elif turn is Turn.ASK:
        batch.rebirths.add(key)
    _note_waiting(known, key, node)


def _note_waiting(known: Known, key: tuple[str, str], node: Node) -> None:
    (known.waiting.add if node.order.held or node.order.earlier else known.waiting.discard)(key)


def _take(batch: Batch, known: Known, node: Node, message: Arrived, trust: Trust) -> None:
    _TAKE[message.topic.kind](batch, known, node, message, trust)


def _birth(batch: Batch, known: Known, node: Node, message: Arrived, _trust: Trust) -> None:
    topic, payload, received_at = message
    if len(payload.metrics) > MAX_METRICS:
        batch.dropped["a birth of too many metrics"] += 1
        return
    if _mine(batch, known, message) is None:
        return
    metrics, replaced = born(node, topic.device, payload)
    surplus = node.make_room(node.births[topic.device][-1])
    if surplus:
        batch.dropped["too many metrics of a node"] += len(surplus)
    key = (topic.group, topic.node)
    for old in ((*key, device, at) for device, at in (*replaced, *surplus)):
        batch.gone.add(old)
        batch.births.pop(old, None)
    new = (*key, topic.device, payload.timestamp)
    batch.gone.discard(new)
    batch.births[new] = KeptBirth(*new, node.bd_seq, metrics)
    state(batch, topic.group, topic.device or topic.node, None, received_at)
    if not topic.device:
        node_changed(batch, key, node, received_at)
        batch.results += known.awaited.reborn(*key, received_at)
    if node.outbox is None:  # a node without an outbox has no other way to say its values at a birth
        newest = node.newest(topic.device)
        _foreign(batch, known, message, newest.types if newest else {}, {}, birth=True)
    waited = node.order.born(topic.device) if node.outbox is None else node.order.everything()
    for earlier in waited:
        _take(batch, known, node, earlier, Trust.AGREED)


def _mine(batch: Batch, known: Known, message: Arrived) -> Placed | None:
    """The device in the registry, an unknown one entered as what its birth shows it to be; None if this node may not speak for it."""
    topic, _, received_at = message
    name = topic.device or topic.node
    placed = known.devices.get((topic.group, name))
    if placed is None:
        if topic.device and known.invented[topic.group, topic.node] >= MAX_FOREIGN_DEVICES:
            batch.dropped["too many foreign devices"] += 1
            return None
        placed = Placed(FOREIGN_CLASS if topic.device else GATEWAY_CLASS, topic.node)
        known.place(topic.group, name, placed)
        batch.devices[topic.group, name] = NewDevice(topic.group, name, placed.device_class, {"zh": name, "en": name}, topic.node)
    if placed.gateway != topic.node:
        batch.dropped["device of another gateway"] += 1
        said = coded.Message("reason.handover", node=topic.node, gateway=placed.gateway)
        batch.events["foreign_gateway", topic.group, name, received_at // HOUR * HOUR] = said.dumps()
        return None
    return placed


def _data(batch: Batch, known: Known, node: Node, message: Arrived, trust: Trust) -> None:
    topic, payload, received_at = message
    key = (topic.group, topic.node)
    newest = node.newest("" if node.outbox is not None else topic.device)
    if newest is None:
        batch.dropped["no birth"] += 1  # an outbox sends its row again; a foreign node is asked for its births
        batch.rebirths.add(key)
        return
    if _mine(batch, known, message) is None:
        return
    if node.outbox is not None and not topic.device:
        sparkplug.date_at_receipt(payload, received_at)
    birth = node.birth_for(topic.device, payload.timestamp)
    aliases = _aliases(node, topic.device, birth.aliases if birth else {}, trust)
    unknown = _unknown(payload, aliases)
    if unknown:
        batch.dropped["unknown alias"] += unknown
        batch.rebirths.add(key)
    if node.outbox is None:
        if not node.online:  # it was taken for dead
            batch.rebirths.add(key)
        _foreign(batch, known, message, (birth or newest).types, aliases, birth=False)
    elif not unknown:  # else it comes again, after the births
        live = bool(payload.metrics) and not payload.metrics[0].is_historical
        take_readings(batch, known, topic, payload, received_at, birth.types if birth else None, aliases, live=live, ours=True)
        seq = sparkplug.store_seq(payload)
        if seq is not None:
            batch.acks.setdefault((*key, node.outbox), []).append(seq)


def _aliases(node: Node, device: str, explained: Mapping[int, str], trust: Trust) -> Mapping[int, str]:
    if trust is Trust.ALL or not explained:
        return explained
    newest = node.newest(device)
    if trust is Trust.NONE or newest is None:
        return {}
    return {alias: name for alias, name in explained.items() if newest.aliases.get(alias) == name}


def _unknown(payload: Payload, aliases: Mapping[int, str]) -> int:
    """How many metrics cannot be named. Where a payload begins with a name and its birth has no alias, no other has one."""
    if not aliases and payload.metrics and payload.metrics[0].name:
        return 0
    return sum(1 for m in payload.metrics if not m.name and not (m.HasField("alias") and m.alias in aliases))


def _foreign(batch: Batch, known: Known, message: Arrived, types: Mapping[str, int], aliases: Mapping[int, str], *, birth: bool) -> None:
    """Readings of a node without an outbox: live and historical ones may stand in one payload, and some are not to be kept.

    The value of a birth may have been measured long ago: it is sent because it is the last one.
    """
    topic, payload, received_at = message
    for part, historical in _parts(payload):
        before = len(batch.lines)
        take_readings(batch, known, topic, part, received_at, types, aliases, live=not (historical or birth), ours=False)
        if not historical:
            batch.results += known.awaited.shown(topic.group, topic.device or topic.node, batch.lines[before:], received_at)
        passing = {m.name or aliases.get(m.alias, "") for m in part.metrics if m.is_transient}
        passing -= {name for name in passing if name_fault(name)}  # the store refuses these, and then they are not the newest either
        if passing:
            batch.lines[before:] = [line for line in single(batch.lines[before:]) if line.reading.point not in passing]
    texts = sum(1 for m in payload.metrics if m.WhichOneof("value") in _NO_NUMBER and not m.name.startswith(sparkplug.RESERVED))
    if texts:
        batch.dropped["no number"] += texts


_NO_NUMBER = {"string_value", "bytes_value", "dataset_value", "template_value"}


def _parts(payload: Payload) -> Iterator[tuple[Payload, bool]]:
    """The payload, split if it holds both live and historical metrics."""
    kinds = {m.is_historical for m in payload.metrics}
    if len(kinds) == 1:
        yield payload, kinds.pop()
        return
    for historical in sorted(kinds):
        part = Payload(timestamp=payload.timestamp)
        part.metrics.extend(m for m in payload.metrics if m.is_historical == historical)
        yield part, historical


def _death(batch: Batch, known: Known, node: Node, message: Arrived, _trust: Trust) -> None:
    """NDEATH counts only with the bdSeq of the last birth, by the cloud's clock. Another may be of an older session, or wrong."""
    topic, payload, received_at = message
    if node.newest("") is None or bd_seq(payload) != node.bd_seq:
        batch.dropped["death of another session"] += 1
        doubt(batch, (topic.group, topic.node), node, received_at)
        return
    ended(batch, known, (topic.group, topic.node), node, received_at)


def _device_death(batch: Batch, known: Known, node: Node, message: Arrived, _trust: Trust) -> None:
    """DDEATH is dated by its payload, but not after its receipt; one from before the device's last birth is ignored.

    Of those that are told within a minute one is an event, the last: whoever may publish could else add as many as it likes.
    """
    topic, payload, received_at = message
    newest = node.newest(topic.device)
    if _mine(batch, known, message) is None or (newest is not None and newest.at > payload.timestamp):
        return
    at = min(payload.timestamp, received_at)
    batch.deaths[topic.group, topic.device, received_at // MINUTE] = (at, received_at, topic.node)
    state(batch, topic.group, topic.device, at, received_at)


_TAKE = {"NBIRTH": _birth, "DBIRTH": _birth, "NDATA": _data, "DDATA": _data, "NDEATH": _death, "DDEATH": _device_death}
