"""Birth certificates of a gateway and its devices (Sparkplug 3.0, sections 6.4.18 and 6.4.19)."""

from __future__ import annotations

from collections.abc import Mapping

from contract import sparkplug
from contract.reading import Row
from contract.site import Device
from contract.sparkplug import DataType, MetricDefinition

HEALTH_POINTS = (
    "outbox_depth",
    "outbox_oldest_age",
    "outbox_bytes",
    "outbox_lost",
    "outbox_undated",
    "outbox_undatable",
    "outbox_refuses",
    "outbox_set_aside",
    "bus_faults",
)


def node(
    bd_seq: int, outbox: str, last_seq: int, health: Row | None, former: Mapping[str, DataType], *, synchronised: bool = False
) -> list[MetricDefinition]:
    """What NBIRTH lists: the session, the store-and-forward extension, the gateway's own points and `former` ones.

    `synchronised`: a time service has set the gateway's clock; where the cloud's clock and this one disagree, that is evidence.
    """
    values: Mapping[str, float] = health.values if health else {}
    at = health.at if health else None
    born = [
        MetricDefinition(sparkplug.BD_SEQ, DataType.INT64, bd_seq),
        MetricDefinition(sparkplug.REBIRTH, DataType.BOOLEAN, value=False),
        MetricDefinition(sparkplug.STORE_OUTBOX, DataType.STRING, outbox),
        MetricDefinition(sparkplug.STORE_SEQ, DataType.UINT64, last_seq),
        MetricDefinition(sparkplug.STORE_ACK, DataType.STRING),
        MetricDefinition(sparkplug.STORE_RESEND, DataType.STRING),
        *(MetricDefinition(point, DataType.DOUBLE, values.get(point), at) for point in HEALTH_POINTS),
    ]
    if synchronised:
        born.append(MetricDefinition(sparkplug.STORE_SYNCHRONISED, DataType.BOOLEAN, value=True))
    return _with_former(born, former)


def device(what: Device | None, latest: Row | None, former: Mapping[str, DataType]) -> list[MetricDefinition]:
    """What DBIRTH lists: every point with its last value and that value's own time, and how commands are answered.

    Args:
        what: The device; None for one that the site no longer has but whose rows must still go.
        latest: Its newest row.
        former: Metrics of its committed rows that its profile no longer has: whatever is sent must be born
            (tck-id-topics-dbirth-metric-reqs).
    """
    values: Mapping[str, float] = latest.values if latest else {}
    at = latest.at if latest else None
    points = what.model.points if what else {}
    born = [MetricDefinition(p, DataType.DOUBLE, values.get(p), at if p in values else None) for p in points]
    born.append(MetricDefinition(sparkplug.STORE_SEQ, DataType.UINT64))
    if what is None or what.model.dates_itself:
        born.append(MetricDefinition(sparkplug.STORE_TAKEN, DataType.UINT64))
    if any(m.writable for m in points.values()):
        born += [MetricDefinition(sparkplug.COMMAND_ID, DataType.STRING), MetricDefinition(sparkplug.COMMAND_EXPIRES, DataType.DATETIME)]
    if what is not None:
        born.append(MetricDefinition(sparkplug.COMMAND_RESULT, DataType.STRING))  # a device that takes no commands says so
    return _with_former(born, former)


def _with_former(born: list[MetricDefinition], former: Mapping[str, DataType]) -> list[MetricDefinition]:
    named = {b.name for b in born}
    return born + [MetricDefinition(name, datatype) for name, datatype in former.items() if name not in named]
