"""What ingest knows of nodes and devices: their births, classes and meters; kept in SQL, cached here."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field

import sqlalchemy as sa

from cloud.registry import tables
from contract import sparkplug
from contract.sparkplug_b_pb2 import Payload

GATEWAY_CLASS = "gateway"
FOREIGN_CLASS = "foreign"
"""Class of a device that only a birth made known."""


@dataclass(frozen=True, slots=True)
class Birth:
    """A birth certificate: when, and the datatype and alias of each metric."""

    at: int
    types: dict[str, int]
    aliases: dict[int, str]


@dataclass(slots=True)
class Node:
    """A gateway or foreign edge node, as its last birth said."""

    outbox: str | None = None
    bd_seq: int = 0
    online: bool = False
    births: dict[str, list[Birth]] = field(default_factory=dict)
    """By device id, newest last; the node's own under the empty id."""
    aliases: dict[int, str] = field(default_factory=dict)

    def birth_for(self, device: str, at: int) -> Birth | None:
        """The birth that explains a payload of that time: the newest that is not younger, else the oldest known."""
        known = self.births.get(device)
        if not known:
            return None
        return next((b for b in reversed(known) if b.at <= at), known[0])


@dataclass(frozen=True, slots=True)
class Placed:
    """A device as the registry has it."""

    device_class: str
    gateway: str


class Known:
    """Nodes, devices and metered points; loaded once, then kept in step with what is committed."""

    def __init__(self, engine: sa.Engine) -> None:
        """Read what the database has."""
        self.nodes: dict[tuple[str, str], Node] = {}
        self.devices: dict[tuple[str, str], Placed] = {}
        self.meters: defaultdict[tuple[str, str], dict[str, list[str]]] = defaultdict(dict)
        """Meters by (group, device) and point."""
        with engine.connect() as connection:
            for row in connection.execute(sa.select(tables.device)).mappings():
                self.devices[row["grp"], row["id"]] = Placed(row["class"], row["gateway"])
            for row in connection.execute(sa.select(tables.meter).where(tables.meter.c.device.is_not(None))).mappings():
                self.meters[row["grp"], row["device"]].setdefault(row["point"], []).append(row["id"])
            for row in connection.execute(sa.select(tables.node)).mappings():
                self.nodes[row["grp"], row["id"]] = Node(row["outbox"], row["bd_seq"] or 0, row["online"])
            for row in connection.execute(sa.select(tables.birth).order_by(tables.birth.c.at)).mappings():
                node = self.nodes.setdefault((row["grp"], row["node"]), Node())
                metrics = json.loads(row["metrics"])
                birth = Birth(row["at"], {n: t for n, (t, _) in metrics.items()}, {a: n for n, (_, a) in metrics.items() if a is not None})
                node.births.setdefault(row["device"], []).append(birth)


_BIRTHS_KEPT = 8


def born(node: Node, device: str, payload: Payload) -> str:
    """Take a birth into the node; returns its metrics as JSON for the database."""
    metrics = {m.name: (m.datatype, m.alias if m.HasField("alias") else None) for m in payload.metrics if m.name}
    birth = Birth(payload.timestamp, {n: t for n, (t, _) in metrics.items()}, {a: n for n, (_, a) in metrics.items() if a is not None})
    known = [b for b in node.births.get(device, []) if b.at != birth.at]
    node.births[device] = sorted([*known, birth], key=lambda b: b.at)[-_BIRTHS_KEPT:]
    if not device:
        values = sparkplug.values(payload)
        outbox = values.get(sparkplug.STORE_OUTBOX)
        node.outbox = outbox if isinstance(outbox, str) else None
        node.bd_seq = int(values.get(sparkplug.BD_SEQ) or 0)
        node.online = True
    return json.dumps(metrics)
