"""Sparkplug B payloads: rows to bytes and back, births, deaths and commands (Sparkplug 3.0, section 6).

The outbox keeps a row's *body*: its metrics, encoded once at commit. What belongs to one sending (timestamp, `seq`,
`Store/Seq`) is appended when it is sent, since protobuf messages may be concatenated.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from google.protobuf.message import DecodeError

from contract.reading import Quality, Reading, Row
from contract.sparkplug_b_pb2 import Metric, Payload

STORE_SEQ = "Store/Seq"
STORE_OUTBOX = "Store/Outbox"
STORE_ACK = "Store/Ack"
STORE_RESEND = "Store/Resend"
STORE_TAKEN = "Store/Taken"
"""With a row whose time is the device's own: when the gateway took it over, by the gateway's clock (ms)."""
COMMAND_ID = "Command/Id"
COMMAND_EXPIRES = "Command/Expires"
COMMAND_RESULT = "Command/Result"
STORE_UNDATED = "Store/Undated"
"""In NDATA of a gateway that does not know the time: how many of its rows wait for it. Such a payload is as old as its receipt."""
STORE_SYNCHRONISED = "Store/Synchronised"
"""In NBIRTH of a gateway whose clock a time service has set since its boot. One whose clock is only trusted does not say it."""
BD_SEQ = "bdSeq"
REBIRTH = "Node Control/Rebirth"
RESERVED = ("Store/", "Command/", "Node Control/")
_LONGEST_REASON = 200

MetricValue = float | int | bool | str | bytes | None


class DataType(IntEnum):
    """Metric data types (section 6.4.16) that have a plain value."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14
    UUID = 15
    BYTES = 17


_SIGNED_BITS = {DataType.INT8: 8, DataType.INT16: 16, DataType.INT32: 32, DataType.INT64: 64}
_WIRE = {
    **dict.fromkeys((DataType.INT8, DataType.INT16, DataType.INT32, DataType.UINT8, DataType.UINT16, DataType.UINT32), "int_value"),
    **dict.fromkeys((DataType.INT64, DataType.UINT64, DataType.DATETIME), "long_value"),
    **dict.fromkeys((DataType.STRING, DataType.TEXT, DataType.UUID), "string_value"),
    DataType.FLOAT: "float_value",
    DataType.DOUBLE: "double_value",
    DataType.BOOLEAN: "boolean_value",
    DataType.BYTES: "bytes_value",
}


_UNSIGNED_BITS = {DataType.UINT8: 8, DataType.UINT16: 16, DataType.UINT32: 32, DataType.UINT64: 64}
_RANGES: dict[int, tuple[int, int]] = {
    **{kind: (-(1 << bits - 1), (1 << bits - 1) - 1) for kind, bits in _SIGNED_BITS.items()},
    **{kind: (0, (1 << bits) - 1) for kind, bits in _UNSIGNED_BITS.items()},
}
_PLAIN = frozenset({DataType.FLOAT, DataType.DOUBLE, DataType.BOOLEAN})
_OTHER_NUMBERS = _PLAIN | {DataType.DATETIME}


class PayloadError(ValueError):
    """Bytes that are no Sparkplug payload."""


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """One metric of a birth certificate or command; `value` None is written as null.

    `at` is when the value was measured (ms); without it the time of the payload holds. A command with an `alias` travels under
    it and without its name (tck-id-payloads-alias-data-cmd-requirement).
    """

    name: str
    datatype: DataType
    value: MetricValue = None
    at: int | None = None
    alias: int | None = None


def put(metric: Metric, datatype: DataType, value: MetricValue) -> None:
    """Write `value` into a metric; signed integers travel as two's complement in unsigned fields."""
    if value is None:
        metric.is_null = True
        return
    bits = _SIGNED_BITS.get(datatype)
    setattr(metric, _WIRE[datatype], int(value) & ((1 << bits) - 1) if bits else value)


def get(metric: Metric, datatype: int | None) -> MetricValue:
    """The value of a metric; without a datatype integers are taken as unsigned. Data sets and templates give None."""
    kind = metric.WhichOneof("value")
    if metric.is_null or kind is None or kind in {"dataset_value", "template_value"}:
        return None
    value: MetricValue = getattr(metric, kind)
    bits = _SIGNED_BITS.get(DataType(datatype)) if datatype in _WIRE else None
    if bits and isinstance(value, int):
        value &= (1 << bits) - 1  # other stacks sign-extend Int8 and Int16 to 32 bits
        value -= (1 << bits) if value >> (bits - 1) else 0
    return value


def encode_rows(rows: Iterable[Row], *, historical: bool = False) -> bytes:
    """The body of a DATA payload: every reading of the rows with its datatype and its own time; several rows make a packed one.

    A datatype need not stand in DATA (tck-id-payloads-metric-datatype-not-req), but widespread hosts read nothing without it.
    """
    rows = list(rows)
    # What a device dated itself is said first, so that nobody need look for it where there is none.
    parts = [_encode_taken(row.at, row.taken, historical=historical) for row in rows if row.taken is not None]
    for row in rows:
        dated = Metric(timestamp=row.at, is_historical=historical or None).SerializeToString() + _DOUBLE_VALUE
        parts.append(_encode_good(row.values, dated))
        if row.bad or row.texts:
            parts.append(_encode_others(row, historical=historical))
    return b"".join(parts)


def _encode_good(values: Mapping[str, float], dated: bytes) -> bytes:
    """Millions pass here, so this is the wire format by hand: what does not change from poll to poll is written once."""
    pack, heads = _layout(tuple(values), len(dated))
    parts: list[bytes | float] = []
    for head, value in zip(heads, values.values(), strict=True):
        parts += (head, dated, value)
    return pack(*parts)


@lru_cache(maxsize=4096)
def _layout(names: tuple[str, ...], dated: int) -> tuple[Callable[..., bytes], tuple[bytes, ...]]:
    """How the Double metrics of a poll are packed, and for each what stands before its time (`dated`, so many bytes) and value."""
    fixed = [Metric(name=name, datatype=DataType.DOUBLE).SerializeToString() for name in names]
    heads = tuple(_METRICS + _varint(len(field) + dated + _DOUBLE_SIZE) + field for field in fixed)
    return struct.Struct("<" + "".join(f"{len(head)}s{dated}sd" for head in heads)).pack, heads


_METRICS, _DOUBLE_VALUE = b"\x12", b"\x69"
"""Tags of `metrics` in a payload and of `double_value` in a metric (contract/sparkplug_b.proto: field << 3 | wire type)."""
_DOUBLE_SIZE = 8


def _varint(number: int) -> bytes:
    """A length as protobuf writes it: seven bits a byte, the lowest first."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _encode_taken(at: int, taken: int, *, historical: bool) -> bytes:
    metric = Metric(name=STORE_TAKEN, timestamp=at, datatype=DataType.UINT64, is_historical=historical or None, long_value=taken)
    return Payload(metrics=[metric]).SerializeToString()


def _encode_others(row: Row, *, historical: bool) -> bytes:
    """What could not be read, and texts."""
    payload = Payload()
    for name, reason in row.bad.items():
        _put_bad(payload.metrics.add(name=name, timestamp=row.at, datatype=DataType.DOUBLE, is_null=True), reason)
    for name, text in row.texts.items():
        payload.metrics.add(name=name, timestamp=row.at, datatype=DataType.STRING, string_value=text)
    if historical:
        for metric in payload.metrics:
            metric.is_historical = True
    return payload.SerializeToString()


def _put_bad(metric: Metric, reason: str) -> None:
    """Quality is an Int32 property with 0, 192 or 500 (tck-id-payloads-propertyset-quality-value-*); the reason stands beside it."""
    metric.properties.keys.extend(("Quality", "Reason"))
    metric.properties.values.add(type=DataType.INT32, int_value=int(Quality.BAD))
    metric.properties.values.add(type=DataType.STRING, string_value=reason)


def data(body: bytes, *, sent_at: int, seq: int, store_seq: int | None = None) -> bytes:
    """A DATA payload ready to send: a body and what belongs to this sending."""
    head = Payload(timestamp=sent_at, seq=seq)
    if store_seq is not None:
        head.metrics.add(name=STORE_SEQ, timestamp=sent_at, datatype=DataType.UINT64, long_value=store_seq)
    return body + head.SerializeToString()


def as_historical(body: bytes) -> bytes:
    """The same body with every metric marked historical, for a row that is sent again or late.

    Rows from before DATA had datatypes get them.
    """
    payload = decode(body)
    for metric in payload.metrics:
        metric.is_historical = True
        if not metric.datatype:
            metric.datatype = DataType.STRING if metric.HasField("string_value") else DataType.DOUBLE
    return payload.SerializeToString()


def birth(metrics: Iterable[MetricDefinition], *, at: int, seq: int) -> bytes:
    """An NBIRTH or DBIRTH: every metric with name, datatype, time and value or null (tck-id-topics-nbirth-metric-reqs)."""
    payload = Payload(timestamp=at, seq=seq)
    for born in metrics:
        metric = payload.metrics.add(name=born.name, timestamp=at if born.at is None else born.at, datatype=born.datatype)
        put(metric, born.datatype, born.value)
    return payload.SerializeToString()


def node_death(bd_seq: int, *, at: int) -> bytes:
    """NDEATH: only bdSeq, no seq (tck-id-payloads-ndeath-will-message, -seq)."""
    payload = Payload(timestamp=at)
    payload.metrics.add(name=BD_SEQ, timestamp=at, datatype=DataType.INT64, long_value=bd_seq)
    return payload.SerializeToString()


def device_death(*, at: int, seq: int) -> bytes:
    """DDEATH: a time and a seq, no metric."""
    return Payload(timestamp=at, seq=seq).SerializeToString()


def command(metrics: Iterable[MetricDefinition], *, at: int) -> bytes:
    """NCMD or DCMD: a time, metrics and no seq (tck-id-payloads-ncmd-seq, -dcmd-seq)."""
    payload = Payload(timestamp=at)
    for born in metrics:
        metric = payload.metrics.add(timestamp=at, datatype=born.datatype)
        if born.alias is None:
            metric.name = born.name
        else:
            metric.alias = born.alias
        put(metric, born.datatype, born.value)
    return payload.SerializeToString()


def decode(raw: bytes) -> Payload:
    """The payload in `raw`.

    Raises:
        PayloadError: Not protobuf, or not this message; text that is not UTF-8 (tck-id-payloads-name-requirement) too.
    """
    try:
        return Payload.FromString(raw)
    except DecodeError as error:
        raise PayloadError(f"not a Sparkplug payload: {error}") from error


def values(payload: Payload) -> dict[str, MetricValue]:
    """All named metrics of a birth or command, by name."""
    return {m.name: get(m, m.datatype) for m in payload.metrics if m.name}


def is_writable(name: str, datatype: int) -> bool:
    """Whether a metric that a birth lists so may be commanded with a number: reserved names and other datatypes may not."""
    return (datatype in _RANGES or datatype in _PLAIN) and name != BD_SEQ and not name.startswith(RESERVED)


def bounds(datatype: int) -> tuple[int | None, int | None]:
    """The least and the greatest number of a datatype of whole numbers; None, None for any other."""
    return _RANGES.get(datatype, (None, None))


def fit(datatype: int, value: float) -> MetricValue:
    """`value` as a metric of this datatype takes it.

    Raises:
        ValueError: It does not fit: a fraction or too large for an integer, not a number, or no datatype of numbers.
    """
    if datatype == DataType.DOUBLE:
        return value
    if datatype == DataType.FLOAT:
        return _as_float32(value)
    if datatype == DataType.BOOLEAN and value in {0, 1}:
        return bool(value)
    low, high = _RANGES.get(datatype, (1, 0))
    if not low <= value <= high or value != int(value):
        raise ValueError(f"{value:g} is no value of datatype {datatype}")
    return int(value)


def _as_float32(value: float) -> float:
    """The number that comes back when this one was sent as a Float."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        raise ValueError(f"{value:g} is too large for datatype {DataType.FLOAT:d}") from None


def store_seq(payload: Payload) -> int | None:
    """The outbox position of a DATA payload; None when a foreign node sent it."""
    for metric in reversed(payload.metrics):
        if metric.name == STORE_SEQ:
            return int(metric.long_value)
    return None


def taken(payload: Payload) -> dict[int, int]:
    """When a gateway of ours took over readings that their device dated itself, by the time of measurement; both ms."""
    if not payload.metrics or payload.metrics[0].name != STORE_TAKEN:
        return {}
    return {int(m.timestamp): int(m.long_value) for m in payload.metrics if m.name == STORE_TAKEN}


def undated(payload: Payload) -> bool:
    """Whether a gateway says that it does not know the time."""
    return any(metric.name == STORE_UNDATED for metric in payload.metrics)


def date_at_receipt(payload: Payload, received_at: int) -> None:
    """Date what a gateway without a clock says of itself by its receipt (ms): it says it live, and no other time is known."""
    if undated(payload):
        payload.timestamp = received_at
        for metric in payload.metrics:
            metric.timestamp = received_at


def set_taken(payload: Payload, offset: int) -> bool:
    """Add `offset` (ms) to when readings were taken over; whether there are any that their device dated itself."""
    found = [metric for metric in payload.metrics if metric.name == STORE_TAKEN]
    for metric in found:
        metric.long_value += offset
    return bool(found)


def sort_out(
    payload: Payload, device: str, types: Mapping[str, int] | None = None, aliases: Mapping[int, str] | None = None
) -> tuple[dict[int, dict[str, float]], list[Reading]]:
    """The readings of a DATA payload or birth; numbers and booleans only, reserved names left out.

    Args:
        payload: What was decoded.
        device: Id of the device it came from.
        types: Datatype by metric name, from the birth; only signed integers need it.
        aliases: Metric name by alias, from the birth; a metric with an unknown alias is left out.

    Returns:
        Good values by time of measurement (ms) and point, and every reading that is not good.
    """
    good: dict[int, dict[str, float]] = {}
    others: list[Reading] = []
    default_at, here, values = payload.timestamp, None, {}
    # Millions pass here: what our own gateways send is taken in the first branch.
    for metric in payload.metrics:
        name = metric.name or _by_alias(metric, aliases)
        if not name or name == BD_SEQ or ("/" in name and name.startswith(RESERVED)):
            continue
        at = metric.timestamp or default_at
        if at != here:
            here, values = at, good.setdefault(at, {})
        number = metric.double_value
        if (number or metric.HasField("double_value")) and not metric.is_null and not metric.HasField("properties"):
            values[name] = number
            continue
        datatype = metric.datatype or (types or {}).get(name)
        value = get(metric, datatype)
        if isinstance(value, str | bytes) or (datatype and datatype not in _RANGES and datatype not in _OTHER_NUMBERS):
            continue
        quality, reason = _quality(metric)
        if value is not None and quality is Quality.GOOD:
            values[name] = float(value)
        else:
            unread = value is None and quality is Quality.GOOD
            doubt = (Quality.BAD, "null") if unread else (quality, reason)
            others.append(Reading(device, name, None if value is None else float(value), at, *doubt))
    return {at: values for at, values in good.items() if values}, others


def readings(payload: Payload, device: str) -> Iterator[Reading]:
    """Every reading of a payload with names, by itself; for whoever looks at single ones."""
    good, others = sort_out(payload, device)
    for at, values in good.items():
        yield from (Reading(device, name, value, at) for name, value in values.items())
    yield from others


def _by_alias(metric: Metric, aliases: Mapping[int, str] | None) -> str:
    return aliases.get(metric.alias, "") if aliases and metric.HasField("alias") else ""  # 0 is an alias like any other


def _quality(metric: Metric) -> tuple[Quality, str]:
    found = dict(zip(metric.properties.keys, metric.properties.values, strict=False))
    code = found["Quality"].int_value if "Quality" in found else int(Quality.GOOD)
    reason = found["Reason"].string_value if "Reason" in found else ""
    if reason and not reason.isprintable():
        reason = "".join(filter(str.isprintable, reason))  # databases refuse NUL, and people want one line
    reason = reason[:_LONGEST_REASON]
    return (Quality(code) if code in {0, 192, 500} else Quality.BAD), reason
