"""What ingest knows of nodes and devices: their births, classes and meters; kept in SQL, cached here."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from cloud.ingest.awaited import Awaited
from cloud.ingest.judging import Row, Source
from cloud.ingest.sequence import Order
from cloud.registry import tables
from cloud.registry.births import FOREIGN_CLASS, GATEWAY_CLASS
from cloud.registry.clocks import JUDGED, State
from contract import sparkplug
from contract.sparkplug_b_pb2 import Payload

MAX_FOREIGN_NODES = 1000
MAX_FOREIGN_DEVICES = 1000
"""Devices that one node may make known by births alone, and nodes that no site names: whoever may publish could invent them without end."""
MAX_METRICS = 5000
"""Metrics of one birth certificate."""
_BIRTHS_KEPT = 8
_BIGGEST_BD_SEQ = 2**31 - 1

Key = tuple[str, str]
"""Group and node."""
Metrics = Mapping[str, tuple[int, int | None]]
"""Datatype and alias by name."""


@dataclass(frozen=True, slots=True)
class Birth:
    """A birth certificate: when, and the datatype and alias of each metric."""

    at: int
    types: dict[str, int]
    aliases: dict[int, str]


def _birth(at: int, metrics: Metrics) -> Birth:
    """An alias that two metrics claim (against tck-id-payloads-alias-uniqueness) names neither."""
    claimed = Counter(alias for _, alias in metrics.values())
    aliases = {alias: name for name, (_, alias) in metrics.items() if alias is not None and claimed[alias] == 1}
    return Birth(at, {name: kind for name, (kind, _) in metrics.items()}, aliases)


@dataclass(slots=True)
class Node:
    """A gateway or foreign edge node, as its last birth said."""

    outbox: str | None = None
    bd_seq: int | None = None
    online: bool = False
    births: dict[str, list[Birth]] = field(default_factory=dict)
    """By device id, newest last; the node's own under the empty id."""
    order: Order = field(default_factory=Order)
    heard_at: int | None = None
    """When it last said anything (ms, by the cloud's clock), or since when we listen."""
    asked_at: int | None = None
    """Since when it owes an answer to the question whether it lives."""

    def heard(self, at: int) -> None:
        """It says something, so it lives."""
        self.heard_at, self.asked_at = at, None

    def birth_for(self, device: str, at: int) -> Birth | None:
        """The birth that explains a payload of that time: the newest that is not younger, and of a device not from before its node's."""
        root = next((b for b in reversed(self.births.get("", ())) if b.at <= at), None)
        if root is None or not device:
            return root
        return next((b for b in reversed(self.births.get(device, ())) if root.at <= b.at <= at), None)

    def newest(self, device: str) -> Birth | None:
        """The last birth of a device, or of the node itself."""
        births = self.births.get(device)
        return births[-1] if births else None


@dataclass(frozen=True, slots=True)
class Placed:
    """A device as the registry has it."""

    device_class: str
    gateway: str


class Known:
    """Nodes, devices and metered points; loaded once, then kept in step with what is committed."""

    def __init__(self, engine: sa.Engine) -> None:
        """Read what the database has."""
        self.nodes: dict[Key, Node] = {}
        self.devices: dict[tuple[str, str], Placed] = {}
        self.meters: defaultdict[tuple[str, str], dict[str, list[str]]] = defaultdict(dict)
        """Meters by (group, device) and point."""
        self.invented: Counter[Key] = Counter()
        """Devices that only births made known, by the node that speaks for them."""
        self.awaited = Awaited()
        self.waiting: set[Key] = set()
        """Nodes that have messages held."""
        with engine.connect() as connection:
            for row in connection.execute(sa.select(tables.device)).mappings():
                self.place(row["grp"], row["id"], Placed(row["class"], row["gateway"]))
            for row in connection.execute(_counted()).mappings():
                self.meters[row["grp"], row["device"]].setdefault(row["point"], []).append(row["id"])
            for row in connection.execute(sa.select(tables.node)).mappings():
                self.nodes[row["grp"], row["id"]] = Node(row["outbox"], row["bd_seq"], row["online"])
            for row in connection.execute(sa.select(tables.birth).order_by(tables.birth.c.at)).mappings():
                node = self.nodes.setdefault((row["grp"], row["node"]), Node())
                node.births.setdefault(row["device"], []).append(_birth(row["at"], json.loads(row["metrics"])))
            self.clocks = _clocks(connection)
            """What is being found out about clocks, by (group, source)."""
        of_births = {FOREIGN_CLASS, GATEWAY_CLASS}
        self._gateways = {(group, placed.gateway) for (group, _), placed in self.devices.items() if placed.device_class not in of_births}
        self._foreign = len(self.nodes.keys() - self._gateways)

    def place(self, group: str, device: str, placed: Placed) -> None:
        """Enter a device."""
        self.devices[group, device] = placed
        if placed.device_class == FOREIGN_CLASS:
            self.invented[group, placed.gateway] += 1

    def node(self, key: Key) -> Node | None:
        """The node of that name, made if it is new; None when there are too many that no site names."""
        found = self.nodes.get(key)
        if found is None:
            if key not in self._gateways:
                if self._foreign >= MAX_FOREIGN_NODES:
                    return None
                self._foreign += 1
            found = self.nodes[key] = Node()
        return found

    def session_began(self, at: int) -> None:
        """Messages may have been missed: what foreign nodes send next has to be explained by a new birth; silence counts anew."""
        for node in self.nodes.values():
            node.order.expected = None
            node.heard(at)


def _counted() -> sa.CompoundSelect[Any]:
    """Group, device and point of each meter, and of what counted it before: that may still have readings which come late."""
    meter, earlier = tables.meter.c, tables.earlier_counter.c
    now = sa.select(meter.grp, meter.device, meter.point, meter.id).where(meter.device.is_not(None))
    return sa.union(now, sa.select(earlier.grp, earlier.device, earlier.point, earlier.meter))


def _clocks(connection: sa.Connection) -> dict[Key, Source]:
    """Judgements that are not closed; the measurements that led there are gone, so an undecided one begins anew."""
    table = tables.clock_offset
    found = {}
    for row in connection.execute(sa.select(table).where(table.c.state != State.CLOSED, table.c.by == JUDGED)).mappings():
        good = {device: set(times) for device, times in json.loads(row["good"]).items()}
        span = (row["valid_from"], row["valid_to"], row["offset_from_ms"], row["offset_to_ms"])
        found[row["grp"], row["source"]] = Source(Row(State(row["state"]), *span, good), noted_at=row["recorded_at"])
    return found


def born(node: Node, device: str, payload: Payload) -> tuple[str, list[tuple[str, int]]]:
    """Take a birth into the node.

    Births come in the order in which they were said. So one that is dated before an earlier one (a clock was set back) takes its
    place, and a node's birth takes that of its devices' which are dated after it.

    Returns:
        Its metrics as JSON for the database, and the births that are no longer needed: device and time.
    """
    metrics = {m.name: (m.datatype, m.alias if m.HasField("alias") else None) for m in payload.metrics if m.name}
    gone: list[tuple[str, int]] = []
    for name in [device] if device else list(node.births):
        known = node.births.get(name, [])
        kept = [b for b in known if b.at < payload.timestamp][-_BIRTHS_KEPT + 1 :]
        gone += [(name, b.at) for b in known if b not in kept and (name, b.at) != (device, payload.timestamp)]
        node.births[name] = kept
    node.births.setdefault(device, []).append(_birth(payload.timestamp, metrics))
    if not device:
        values = sparkplug.values(payload)
        outbox = values.get(sparkplug.STORE_OUTBOX)
        node.outbox = outbox if isinstance(outbox, str) and outbox.isprintable() and len(outbox) <= _LONGEST_OUTBOX else None
        node.bd_seq = bd_seq(payload)
        node.online = True
    return json.dumps(metrics), gone


_LONGEST_OUTBOX = 64


def bd_seq(payload: Payload) -> int | None:
    """The session number of an NBIRTH or NDEATH; None where there is none that can be."""
    found = sparkplug.values(payload).get(sparkplug.BD_SEQ)
    return found if type(found) is int and 0 <= found <= _BIGGEST_BD_SEQ else None
