"""What nodes say: gateways with a meter each, and one of another maker; and what the cloud makes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cloud.devices.own_clock import OWN
from cloud.ledger import book
from contract import sparkplug
from contract.reading import Row
from contract.sparkplug import DataType, MetricDefinition
from contract.topics import Topic
from tests.cloud import tables

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Line

GROUP, NOW = "510802", 1_790_000_000_000
SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
BEGIN = NOW // HOUR * HOUR
POINT = "energy_import"
FOREIGN = "f1"
"""A node of another maker."""
Said = tuple[Topic, bytes]


def topic(kind: str, device: str = "", node: str = FOREIGN) -> Topic:
    """Of a message of a node, or of one of its devices."""
    return Topic(GROUP, kind, node, device)


def born(line: Line, number: int, *, wall: int = 0, synchronised: bool = False) -> None:
    """So many gateways with a meter each are born; the cloud's clock is off by `wall`."""
    for n in range(1, number + 1):
        metrics = [
            MetricDefinition(sparkplug.STORE_OUTBOX, DataType.STRING, f"box-{n}"),
            MetricDefinition(sparkplug.BD_SEQ, DataType.INT64, 1),
        ]
        if synchronised:
            metrics.append(MetricDefinition(sparkplug.STORE_SYNCHRONISED, DataType.BOOLEAN, value=True))
        line.feed((Topic(GROUP, "NBIRTH", f"gw-{n}"), sparkplug.birth(metrics, at=BEGIN, seq=0)), at=BEGIN + wall)


def spoken(line: Line, number: int, minutes: range, *, wall: int = 0, off: Mapping[int, int] | None = None) -> None:
    """So many gateways say something in each of these minutes, 1 kWh each; the cloud's clock and some gateways' are off by so much."""
    for minute in minutes:
        true = BEGIN + minute * MINUTE
        messages = []
        for n in range(1, number + 1):
            at = true + (off or {}).get(n, 0)
            raw = sparkplug.data(sparkplug.encode_rows([Row(f"em-{n}", at, {POINT: 100.0 + minute})]), sent_at=at, seq=0, store_seq=1)
            messages.append((Topic(GROUP, "DDATA", f"gw-{n}", f"em-{n}"), raw))
        line.feed(*messages, at=true + wall)


def blamed(line: Line) -> dict[str, float]:
    """Seconds by which each source is judged to be off, where it is not 0."""
    rows = line.rows(tables.clock_offset)
    return {row["source"]: row["offset_to_ms"] / 1000 for row in rows if row["source"] != OWN and row["offset_to_ms"]}


def faults(line: Line) -> set[str]:
    """Who is told to have a clock that is wrong."""
    return {row["subject"] for row in line.rows(tables.event, kind="clock_fault")}


def asked(line: Line) -> dict[str, list[dict[str, int]]]:
    """The spans of rows that wait to be asked for, by gateway."""
    found: dict[str, list[dict[str, int]]] = {}
    for row in line.rows(tables.command, point=sparkplug.STORE_RESEND, state="queued", by="judged"):
        found.setdefault(row["device"], []).append(json.loads(row["why"]))
    return found


def own(line: Line) -> list[tuple[str, float]]:
    """State and seconds of what is kept of the cloud's clock."""
    return [(row["state"], row["offset_to_ms"] / 1000) for row in line.rows(tables.clock_offset, source=OWN)]


def measured(line: Line, meter: str) -> dict[int, int]:
    """Measured Wh by hour from the begin, settled."""
    book.settle(line.engine, line.telemetry, 10_000)
    rows = line.rows(tables.ledger_hour, meter=meter, provenance="measured")
    return {(row["hour"] - BEGIN) // HOUR: row["amount"] for row in rows if not row["provisional"]}
