"""What ingest knows of nodes and devices: their births, classes and meters; kept in SQL, cached here."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

import sqlalchemy as sa

from cloud.devices.model import FOREIGN_CLASS, GATEWAY_CLASS, Placed, profile_of
from cloud.devices.own_clock import OwnRow
from cloud.devices.queries import nodes, register
from cloud.devices.queries.clocks import open_row, unfinished
from cloud.devices.queries.readings import points
from cloud.ingest.awaited import Awaited
from cloud.ingest.judging import Row, Source
from cloud.ingest.own import Own
from cloud.ingest.sequence import Order
from cloud.ledger.model import MeterKey
from cloud.ledger.queries.meters import counting
from cloud.telemetry.base import MAX_NAME
from contract import sparkplug
from contract.point import POINTS
from contract.profile import Profile
from contract.sparkplug_b_pb2 import Payload

MAX_FOREIGN_NODES = 1000
MAX_FOREIGN_DEVICES = 1000
"""Devices that one node may make known by births alone, and nodes that no site names: whoever may publish could invent them without end."""
MAX_METRICS = 5000
"""Metrics of one birth certificate."""
MAX_NODE_METRICS = 50_000
"""Metrics of all births of one node."""
MAX_POINTS = 1000
"""Points of one device: each is a series for ever, and whoever may publish could invent them without end."""
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
    metrics: int = 0
    """How many all of them have together."""
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

    def read(self, device: str, birth: Birth) -> None:
        """Take a birth over that is older than those of the device so far, if there is room; the node's own last one always has it."""
        if self.metrics + len(birth.types) <= MAX_NODE_METRICS or not (device or self.newest("")):
            self.births.setdefault(device, []).insert(0, birth)
            self.metrics += len(birth.types)

    def make_room(self, new: Birth) -> list[tuple[str, int]]:
        """Let births go until all have as many metrics as they may; the new one stays, and the node's own last one.

        Returns:
            Device and time of those that went: the oldest, and first those which a newer one of their device replaced.
        """
        if self.metrics <= MAX_NODE_METRICS:
            return []
        staying, gone = (new, self.newest("")), []
        found = [(birth is births[-1], birth.at, device, birth) for device, births in self.births.items() for birth in births]
        for _, at, device, birth in sorted(found, key=itemgetter(0, 1)):
            if self.metrics > MAX_NODE_METRICS and not any(birth is one for one in staying):
                self.births[device].remove(birth)
                self.metrics -= len(birth.types)
                gone.append((device, at))
        return gone


class Known:
    """Nodes, devices and metered points; loaded once, then kept in step with what is committed."""

    def __init__(self, engine: sa.Engine, own: Own | None = None) -> None:
        """Read what the database has; `own` is what is known of the cloud's own clock so far."""
        self._begin(own)
        with engine.connect() as connection:
            self._read_register(connection)
            self._read_nodes(connection)

    def _begin(self, own: Own | None) -> None:
        self.own = Own() if own is None else own
        self.heard: dict[Key, int] = {}
        """When each gateway that a site names last showed what its clock says, ms; others may be invented, and do not count."""
        self.nodes: dict[Key, Node] = {}
        self.devices: dict[tuple[str, str], Placed] = {}
        self.profiles: dict[tuple[str, str], Profile] = {}
        """Of devices that have one, by (group, device)."""
        self.meters: defaultdict[tuple[str, str], dict[str, list[MeterKey]]] = defaultdict(dict)
        """Meters by (group, device) and point."""
        self.invented: Counter[Key] = Counter()
        """Devices that only births made known, by the node that speaks for them."""
        self.points: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        """Points by (group, device)."""
        self.awaited = Awaited()
        self.waiting: set[Key] = set()
        """Nodes that have messages held."""
        self.gateways: set[Key] = set()
        """Nodes that a site names, as (group, node)."""
        self._foreign = 0
        self.clocks: dict[Key, Source] = {}
        """What is being found out about clocks, by (group, source)."""
        self.own_row: OwnRow | None = None
        """How far the cloud's own clock is off, as it is kept."""

    def _read_register(self, connection: sa.Connection) -> None:
        """Devices, what meters count by, and the points that were ever told."""
        for (group, device), placed in register.placed(connection).items():
            self.place(group, device, placed)
        for device, point, meter in counting(connection):
            self.meters[meter.group, device].setdefault(point, []).append(meter)
        for group, device, point in points(connection):
            self.points[group, device].add(point)

    def _read_nodes(self, connection: sa.Connection) -> None:
        """How nodes stand, their births, and what is known of clocks."""
        for state in nodes.states(connection):
            self.nodes[state.group, state.id] = Node(state.outbox, state.bd_seq, state.online)
        for kept in nodes.births(connection):
            node = self.nodes.setdefault((kept.group, kept.node), Node())
            node.read(kept.device, _birth(kept.at, json.loads(kept.metrics)))
        self.clocks = _clocks(connection)
        self.own_row = open_row(connection)
        if self.own_row is not None and self.own.since is None:
            self.own.remembered = self.own_row.offset
        of_births = {FOREIGN_CLASS, GATEWAY_CLASS}
        self.gateways = {(group, placed.gateway) for (group, _), placed in self.devices.items() if placed.device_class not in of_births}
        self._foreign = len(self.nodes.keys() - self.gateways)

    def place(self, group: str, device: str, placed: Placed) -> None:
        """Enter a device."""
        self.devices[group, device] = placed
        if (profile := profile_of(placed.profile)) is not None:
            self.profiles[group, device] = profile
        if placed.device_class == FOREIGN_CLASS:
            self.invented[group, placed.gateway] += 1

    def surplus(self, group: str, device: str, points: Collection[str]) -> set[str]:
        """Those of a device's points that are more than it may have; the others are known from now on.

        Never too much are the product's own names, which all profiles use, and what a meter counts by: somebody else may have filled
        the device.
        """
        known = self.points[group, device]
        if known.issuperset(points):
            return set()
        new = set(points) - known
        named = new & (POINTS.keys() | self.meters.get((group, device), {}).keys())
        invented = sorted(new - named)
        room = max(MAX_POINTS - len(known), 0)
        known.update(named, invented[:room])
        return set(invented[room:])

    def node(self, key: Key) -> Node | None:
        """The node of that name, made if it is new; None when there are too many that no site names."""
        found = self.nodes.get(key)
        if found is None:
            if key not in self.gateways:
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


def _clocks(connection: sa.Connection) -> dict[Key, Source]:
    """Judgements that are not closed; the measurements that led there are gone, so an undecided one begins anew."""
    found = {}
    for one in unfinished(connection):
        good = {device: set(times) for device, times in one.good.items()}
        offset = one.offset
        row = Row(one.state, offset.start, offset.end, offset.offset_from, offset.offset_to, good=good)
        found[one.group, one.source] = Source(row, noted_at=one.recorded_at)
    return found


def born(node: Node, device: str, payload: Payload) -> tuple[str, list[tuple[str, int]]]:
    """Take a birth into the node.

    Births come in the order in which they were said. So one that is dated before an earlier one (a clock was set back) takes its
    place, and a node's birth takes that of its devices' which are dated after it.

    Returns:
        Its metrics as JSON for the database, and the births that are no longer needed: device and time.
    """
    named = ((_shortened(m.name, number), m) for number, m in enumerate(payload.metrics) if m.name)
    metrics = {name: (m.datatype, m.alias if m.HasField("alias") else None) for name, m in named}
    gone: list[tuple[str, int]] = []
    for name in [device] if device else list(node.births):
        known = node.births.get(name, [])
        kept = [b for b in known if b.at < payload.timestamp][-_BIRTHS_KEPT + 1 :]
        gone += [(name, b.at) for b in known if b not in kept and (name, b.at) != (device, payload.timestamp)]
        node.metrics -= sum(len(b.types) for b in known if b not in kept)
        node.births[name] = kept
    node.births.setdefault(device, []).append(_birth(payload.timestamp, metrics))
    node.metrics += len(metrics)
    if not device:
        values = sparkplug.values(payload)
        outbox = values.get(sparkplug.STORE_OUTBOX)
        node.outbox = outbox if isinstance(outbox, str) and outbox.isprintable() and len(outbox) <= _LONGEST_OUTBOX else None
        node.bd_seq = bd_seq(payload)
        node.online = True
    return json.dumps(metrics), gone


_LONGEST_OUTBOX = 64


def _shortened(name: str, number: int) -> str:
    """A name that is not too long to be kept; one that is too long for a store stays so, and its number tells it from others."""
    return name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}…{number}"


def bd_seq(payload: Payload) -> int | None:
    """The session number of an NBIRTH or NDEATH; None where there is none that can be."""
    found = sparkplug.values(payload).get(sparkplug.BD_SEQ)
    return found if type(found) is int and 0 <= found <= _BIGGEST_BD_SEQ else None
