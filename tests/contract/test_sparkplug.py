"""The codec keeps numbers, times and qualities, whatever they are."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import sparkplug
from contract.reading import Quality, Row
from contract.sparkplug import DataType, MetricDefinition
from contract.sparkplug_b_pb2 import Metric, Payload

AT = 1_790_000_000_000


@given(
    st.dictionaries(st.text(min_size=1).filter(lambda n: not n.startswith(sparkplug.RESERVED) and n != "bdSeq"), st.floats(allow_nan=False))
)
def test_a_row_comes_back_as_it_went(values: dict[str, float]) -> None:
    """Every double survives the wire bit for bit, with the time of its row."""
    raw = sparkplug.data(sparkplug.encode_rows([Row("m1", AT, values)]), sent_at=AT + 5, seq=7, store_seq=42)
    payload = sparkplug.decode(raw)
    assert {r.point: r.value for r in sparkplug.readings(payload, "m1")} == values
    assert {r.at for r in sparkplug.readings(payload, "m1")} <= {AT}
    assert (payload.seq, payload.timestamp, sparkplug.store_seq(payload)) == (7, AT + 5, 42)


def test_what_could_not_be_read_is_bad_with_its_reason_and_never_zero() -> None:
    """A bad reading has no value; its reason travels."""
    raw = sparkplug.data(sparkplug.encode_rows([Row("m1", AT, {}, {"power": "timeout"})]), sent_at=AT, seq=0)
    (reading,) = sparkplug.readings(sparkplug.decode(raw), "m1")
    assert (reading.value, reading.quality, reading.reason) == (None, Quality.BAD, "timeout")


@given(
    rows=st.lists(
        st.builds(
            Row,
            st.just("m1"),
            st.integers(0, 2**64 - 1),
            st.dictionaries(st.text(max_size=300), st.floats()),
            st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=2),
            st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=2),
        ),
        max_size=4,
    ),
    historical=st.booleans(),
)
def test_a_row_is_encoded_as_protobuf_would(rows: list[Row], *, historical: bool) -> None:
    """What is written by hand for speed says what protobuf says of the same metrics, each with its datatype."""
    wanted = Payload()
    for row in rows:
        for name, value in row.values.items():
            wanted.metrics.add(name=name, timestamp=row.at, datatype=DataType.DOUBLE, double_value=value)
        for name in row.bad:
            wanted.metrics.add(name=name, timestamp=row.at, datatype=DataType.DOUBLE, is_null=True)
        for name, text in row.texts.items():
            wanted.metrics.add(name=name, timestamp=row.at, datatype=DataType.STRING, string_value=text)
    for metric in wanted.metrics:
        if historical:
            metric.is_historical = True
    found = sparkplug.decode(sparkplug.encode_rows(rows, historical=historical))
    for metric in found.metrics:
        metric.ClearField("properties")
    assert found.SerializeToString(deterministic=True) == wanted.SerializeToString(deterministic=True)


def test_a_row_of_an_older_outbox_gets_its_datatypes_when_it_goes() -> None:
    """DATA kept from before datatypes were sent is read by hosts that need them; what already has one keeps it."""
    old = Payload()
    old.metrics.add(name="power", timestamp=AT, double_value=1.5)
    old.metrics.add(name="volume", timestamp=AT, is_null=True)
    old.metrics.add(name=sparkplug.COMMAND_RESULT, timestamp=AT, string_value="{}")
    old.metrics.add(name="count", timestamp=AT, datatype=DataType.INT32, int_value=3)
    kinds = [m.datatype for m in sparkplug.decode(sparkplug.as_historical(old.SerializeToString())).metrics]
    assert kinds == [DataType.DOUBLE, DataType.DOUBLE, DataType.STRING, DataType.INT32]


def test_a_packed_row_keeps_the_time_of_each_poll() -> None:
    """Many polls in one payload do not share a time."""
    rows = [Row("m1", AT + hour * 3_600_000, {"energy_import": float(hour)}) for hour in range(5)]
    payload = sparkplug.decode(sparkplug.encode_rows(rows, historical=True))
    assert [(r.at, r.value) for r in sparkplug.readings(payload, "m1")] == [(r.at, r.values["energy_import"]) for r in rows]
    assert all(m.is_historical for m in payload.metrics)


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        (DataType.INT8, -1),
        (DataType.INT16, -32768),
        (DataType.INT32, -2147483648),
        (DataType.INT64, -(2**63)),
        (DataType.UINT64, 2**64 - 1),
        (DataType.DOUBLE, math.inf),
        (DataType.BOOLEAN, True),
        (DataType.STRING, "二楼"),
    ],
)
def test_each_datatype_keeps_its_extremes(datatype: DataType, value: sparkplug.MetricValue) -> None:
    """Two's complement and 64 bits are not lost in unsigned fields."""
    payload = sparkplug.decode(sparkplug.birth([MetricDefinition("x", datatype, value)], at=AT, seq=0))
    assert sparkplug.values(payload) == {"x": value}


def test_a_sign_extended_int8_of_another_stack_is_read_right() -> None:
    """Some stacks write -2 as 0xFFFFFFFE in an Int8."""
    assert sparkplug.get(Metric(int_value=0xFFFFFFFE), DataType.INT8) == -2


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_or_decoded_but_never_break(raw: bytes) -> None:
    """Untrusted bytes end in a payload or in PayloadError."""
    try:
        found = list(sparkplug.readings(sparkplug.decode(raw), "d"))
    except sparkplug.PayloadError:
        return
    assert all(r.device == "d" for r in found)


def test_a_death_has_only_its_bdseq() -> None:
    """NDEATH carries no seq, so that the broker can send it at any time."""
    payload = sparkplug.decode(sparkplug.node_death(3, at=AT))
    assert sparkplug.values(payload) == {"bdSeq": 3}
    assert not payload.HasField("seq")


@pytest.mark.parametrize("field", [[0x0A, 1, 0xFF], [0x0A, 1, 0x61, 0x7A, 1, 0xFF], [0x0A, 1, 0x61, 0x4A, 3, 0x0A, 1, 0xFF]])
def test_text_that_is_not_utf_8_makes_no_payload(field: list[int]) -> None:
    """In a name, a value or a property (tck-id-payloads-name-requirement): MQTT and Sparkplug have no other text."""
    with pytest.raises(sparkplug.PayloadError, match="UTF-8"):
        sparkplug.decode(bytes([0x12, len(field), *field]))
