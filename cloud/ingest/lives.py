"""Which nodes and devices are online, and since when not (Sparkplug 3.0, sections 6.4.22 and 6.4.23).

A node of ours says something of itself every half minute, and a rule looks after its silence. A foreign node need not say anything
while nothing changes, and its will may carry a wrong bdSeq or be missed. So one that is silent, or whose death cannot be believed, is
asked for its births: who lives answers.
"""

from __future__ import annotations

from cloud.devices.model import DeviceState, NodeState
from cloud.ingest.batch import Batch
from cloud.ingest.node_cache import Key, Known, Node


def node_changed(batch: Batch, key: Key, node: Node, at: int) -> None:
    """Keep how a node stands since `at` (ms)."""
    group, name = key
    batch.nodes[key] = NodeState(group, name, node.outbox, node.bd_seq, node.online, at)


def state(batch: Batch, group: str, device: str, dead_at: int | None, at: int) -> None:
    """Keep that a device is born, or when it died (ms)."""
    batch.states[group, device] = DeviceState(group, device, dead_at, at)


def ended(batch: Batch, known: Known, key: Key, node: Node, at: int) -> None:
    """A node's session is over, and with it all its devices are offline (…-termination-host-action-ndeath-*)."""
    node.online, node.asked_at = False, None
    node_changed(batch, key, node, at)
    for (group, device), placed in known.devices.items():
        if (group, placed.gateway) == key:
            state(batch, group, device, at, at)


def doubt(batch: Batch, key: Key, node: Node, at: int) -> None:
    """Ask a foreign node whether it lives, once until it answers."""
    if node.outbox is None and node.online and node.asked_at is None:
        node.asked_at = at
        batch.doubted.add(key)


def quiet(batch: Batch, known: Known, now: int, silence: int, answer: int) -> None:
    """Doubt foreign nodes that said nothing for `silence` ms; one that owes an answer for `answer` ms is offline."""
    for key, node in known.nodes.items():
        if not node.online or node.outbox is not None:
            continue
        if node.heard_at is None:
            node.heard_at = now
        if node.asked_at is not None and now - node.asked_at >= answer:
            ended(batch, known, key, node, now)
        elif now - node.heard_at >= silence:
            doubt(batch, key, node, now)
