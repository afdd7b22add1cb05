"""What devices publish, as rows: one bad field takes no other with it, and a time is never made up."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.clock import Clock, iso
from contract.operation import Text
from contract.reading import Row
from protocols.jt808.codec.fields import digits_of
from protocols.mqtt.codec import lenient_json
from protocols.mqtt.codec.audience import Audience, Listeners
from protocols.mqtt.codec.payloads import MOST_BYTES, Heard, PayloadError, heard
from protocols.mqtt.model import Device, Profile

NAME = Text(zh="设备", en="Device")
METER = Device(id="em", name=NAME, profile="electricity/jieyue-mqtt-meter", bus="pub", topic="meters/1")
CAR = Device(id="car", name=NAME, profile="vehicle/emqx-jt808-gateway", bus="pub", topic="jt808/car/1/up", phone="10000000001")
NOW = Clock().now_ms()
TIME = f'"time": "{iso(NOW)}"'
GOOD = {"frequency": 50.0, "energy_import": 1234.5}


def hear(device: Device, raw: bytes, *, retained: bool = False) -> Heard:
    return heard(Audience([device]).of(device.topic), raw, NOW, retained=retained)


def rows(device: Device, raw: bytes, *, retained: bool = False) -> Sequence[Row]:
    """Of a message of which every record is read."""
    found = hear(device, raw, retained=retained)
    assert found.faults == []
    return found.rows


def body(at: int = NOW, **more: Any) -> dict[str, Any]:  # noqa: ANN401 (whatever a test puts into the JSON)
    return {
        "alarm": 0, "status": 3, "latitude": 32_430_000, "longitude": 105_840_000, "altitude": 480, "speed": 365, "direction": 90,
        "time": digits_of(at), "extra": {"mileage": 12345}, **more,
    }  # fmt: skip


def position(inner: object, msg_id: int = 0x0200, phone: str = "010000000001") -> bytes:
    return json.dumps({"header": {"msg_id": msg_id, "phone": phone, "msg_sn": 1}, "body": inner}).encode()


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("NaN", "not a number: 'NaN'"), ("nan", "not a number: 'nan'"), ("-nan(ind)", "not a number: '-nan(ind)'"),
        ("Infinity", "not a number: 'Infinity'"), ("-Infinity", "not a number: '-Infinity'"), ("inf", "not a number: 'inf'"),
        ("1.#QNAN", "not a number: '1.#QNAN'"), ("1e999", "not a number: inf"), ("undefined", "not a number: 'undefined'"),
        ("None", "not a number: 'None'"), ("", "not a number: ''"), ('""', "not a number: ''"), ('"--"', "not a number: '--'"),
        ('"1,5"', "not a number: '1,5'"), ('"1_234"', "not a number: '1_234'"), ('"NaN"', "not a number: 'NaN'"),
        ('"\uff11\uff12"', "not a number: '\uff11\uff12'"), ("[]", "not a number: []"), ("{}", "not a number: {}"),
        ("-5", "not plausible: -5"), ("9" * 5000, "not a number: '999999999999999999999999999999999999999"),
        ("9" * 350, "not a number: 9999999999999999999999999999999999999999"),
        (r'"C:\new"', "not a number: 'C:\\new'"), ("true", "not a number: true"), ("false", "not a number: false"),
        ('"229.9 V"', "not a number: '229.9 V'"), ("229.9 V", "not a number: '229.9 V'"), ("no value", "not a number: 'no value'"),
        ("[229.9]", "not a number: [229.9]"), ("[[1], {}]", "not a number: [[1], {}]"), ('"true"', "not a number: 'true'"),
    ],
)  # fmt: skip
def test_a_value_that_is_none_is_bad_with_its_reason(word: str, reason: str) -> None:
    """Never 0, and the other values of the message are read, before it and after it."""
    raw = f'{{{TIME}, "frequency": 50.0, "voltage": {{"a": {word}, "b": 229.9}}, "energy": {{"import": 1234.5}}}}'.encode()
    (row,) = rows(METER, raw)
    assert (row.at, row.values) == (NOW, GOOD | {"voltage_b": 229.9})
    assert row.bad == {"voltage_a": reason}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ('"1234.5"', 1234.5), ('" 1234.5 "', 1234.5), ('"+1234.5"', 1234.5), ("+1234.5", 1234.5), ("01234.5", 1234.5),
        ('"1.2345E3"', 1234.5),
        ("1234.", 1234.0), (".5", 0.5), ('"1234"', 1234.0), ("12345e-1", 1234.5), ('"0"', 0.0), ('"1234.50"', 1234.5),
    ],
)  # fmt: skip
def test_a_text_or_a_word_that_is_a_number_is_read(word: str, value: float) -> None:
    """Meters put numbers into quotes, and print signs and zeros that JSON does not know."""
    (row,) = rows(METER, f'{{{TIME}, "energy": {{"import": {word}}}}}'.encode())
    assert (row.values, row.bad) == ({"energy_import": value}, {})


def test_null_and_what_is_not_there_are_absent() -> None:
    """A meter that has no export counter says null or nothing; neither is bad."""
    (row,) = rows(METER, f'{{{TIME}, "frequency": 50.0, "energy": {{"import": 1234.5, "export": null}}}}'.encode())
    assert (row.values, row.bad) == (GOOD, {})


@pytest.mark.parametrize(
    ("mapped", "found", "value"),
    [
        ({"power": {"unit": "W"}}, "true", None), ({"people": {}}, "false", None), ({"stops": {"kind": "counter"}}, "true", None),
        ({"on": {}}, "true", 1.0), ({"on": {}}, "false", 0.0), ({"fault": {"mask": 1}}, "true", 1.0),
        ({"people": {"mask": 1}}, "true", 1.0), ({"speed_percent": {"unit": "%", "values": {0: "off", 1: "on"}}}, "false", 0.0),
    ],
)  # fmt: skip
def test_a_truth_value_is_a_state_and_no_quantity(
    monkeypatch: pytest.MonkeyPatch, mapped: dict[str, dict[str, Any]], found: str, value: float | None
) -> None:
    """Where a point is a state, has named values or is a bit, true is 1; of an amount false says that there is none, never 0."""
    ((point, fields),) = mapped.items()
    model = listeners({"points": {point: fields | {"path": "v"}}})
    monkeypatch.setattr(Device, "model", property(lambda _: model.profile))
    (row,) = heard([model], f'{{"v": {found}}}'.encode(), NOW).rows
    expected = ({}, {point: f"not a number: {found}"}) if value is None else ({point: value}, {})
    assert (row.values, row.bad) == expected


@pytest.mark.parametrize(
    ("import_", "values", "bad"),
    [
        ('"import": 1.5, "import": 2.5', {}, "not a number: 'twice: 1.5 and 2.5'"),
        ('"import": 1.5, "import": 1.5', {"energy_import": 1.5}, None),
        ('"import": 1, "import": 1.0', {"energy_import": 1.0}, None),
        ('"import": 0, "import": false', {}, "not a number: 'twice: 0 and False'"),
        ('"import": false, "import": 0', {}, "not a number: 'twice: False and 0'"),
        ('"import": 1, "import": true', {}, "not a number: 'twice: 1 and True'"),
        ('"import": 1, "import": "1"', {}, "not a number: \"twice: 1 and '1'\""),
        ('"import": [{"x": 0}], "import": [{"x": false}]', {}, "not a number: \"twice: [{'x': 0}] and [{'x': False}]\""),
        ('"import": {"x": 1}, "import": 1.5', {}, "not a number: \"twice: {'x': 1} and 1.5\""),
        ('"import": 1.5}, "energy": {"export": 2.5', {"energy_import": 1.5, "energy_export": 2.5}, None),
        ('"import": 1.5}, "energy": {"export": 2.5, "import": 3.5', {"energy_export": 2.5}, "not a number: 'twice: 1.5 and 3.5'"),
    ],
)
def test_a_key_that_says_two_things_says_nothing(import_: str, values: dict[str, float], bad: str | None) -> None:
    """Nobody knows which of two values is meant; objects under one key hold what both of them hold."""
    (row,) = rows(METER, f'{{{TIME}, "frequency": 50.0, "energy": {{{import_}}}}}'.encode())
    assert (row.values, row.bad) == ({"frequency": 50.0} | values, {} if bad is None else {"energy_import": bad})


MESSAGE = f'{{{TIME}, "frequency": 50.0, "name": "%s", "energy": {{"import": 1234.5}}}}'


@pytest.mark.parametrize(
    "raw",
    [
        (MESSAGE % "x").encode() + b"\x00",
        (MESSAGE % "x").encode() + b"\x00\x00rest of an older message}",
        b"\xef\xbb\xbf" + (MESSAGE % "x").encode() + b"\r\n",
        (MESSAGE % "表一").encode("gbk"),
        (MESSAGE % "表一").encode("gbk") + b"\x00",
        (MESSAGE % "表乗}乗").encode("gbk"),
        (MESSAGE % "表一").encode()[:60] + (MESSAGE % "表一").encode()[60:],
        (MESSAGE % "#").encode().replace(b"#", "表一".encode()[:4]),
        (MESSAGE % "#").encode().replace(b"#", "表一".encode("gbk")[:3]),
        (MESSAGE % "#").encode().replace(b"#", b"\xff\xfe\x80"),
        (MESSAGE % "a\tb\nc").encode(),
        (MESSAGE % r"C:\path\q").encode(),
        (MESSAGE % "x").encode("utf-16"),
        (MESSAGE % "x").replace("}}", ",},}").encode(),
        (MESSAGE % "x").encode() + b"\x1a",
        (MESSAGE % "x").encode() + b" \r\n\x04\x1a\x7f \x00\xff",
        (MESSAGE % "表一").encode("gbk") + b"\x1a\x1a",
        b"\x02" + (MESSAGE % "x").encode() + b"\x03",
        (MESSAGE % "x\x1a").encode("utf-16"),
    ],
)  # fmt: skip
def test_a_wrong_name_or_a_longer_buffer_takes_no_number(raw: bytes) -> None:
    """A NUL and what stands after it, names in GBK, cut in the middle of a character, with tabs or backslashes."""
    (row,) = rows(METER, raw)
    assert (row.at, row.values, row.bad) == (NOW, GOOD, {})


TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS


def nested(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=4)


WORDS = st.text(st.characters(exclude_characters='{}[],:"\x00\ufeff', exclude_categories=["Cs", "Zs", "Zl", "Zp", "Cc"]), min_size=1)


@given(st.dictionaries(st.text("abc.", min_size=1), st.floats(allow_nan=False, allow_infinity=False) | st.text(), max_size=6), WORDS)
def test_one_word_never_takes_the_others(others: dict[str, float | str], word: str) -> None:
    """Whatever one field holds that is neither a bracket, a comma, a colon nor a quote, every other field is read as it was sent."""
    raw = json.dumps({"first": 1.5, "wrong": "@", **others, "last": 2.5}).replace('"@"', word, 1).encode()
    (found,) = lenient_json.parse(raw).documents
    assert isinstance(found, dict)
    found.pop("wrong")
    expected = {"first": 1.5, **others, "last": 2.5}
    expected.pop("wrong", None)
    assert found == expected


@given(st.recursive(LEAVES, nested, max_leaves=20))
def test_right_json_is_read_as_it_is(document: object) -> None:
    """Leniency changes nothing that was right."""
    assert lenient_json.parse(json.dumps(document, ensure_ascii=False).encode()) == ([document], [])


@given(st.binary(max_size=400) | st.text('{}[]",:\\ 1.e-nulatrfs\x00', max_size=200).map(str.encode))
def test_any_bytes_are_rows_or_our_error(raw: bytes) -> None:
    """Noise raises nothing else, whoever listens."""
    for device in (METER, CAR):
        try:
            found = hear(device, raw)
        except PayloadError:
            continue
        assert all(row.device == device.id for row in found.rows)


def dated(at: int, more: str = "50.0") -> bytes:
    return f'{{"time": "{iso(at)}", "frequency": {more}}}'.encode()


ONE, TWO, THREE = (dated(NOW - 1000 * back) for back in (2, 1, 0))
PRETTY = json.dumps({"time": iso(NOW), "energy": {"import": 1.5}}, indent=1).encode()


@pytest.mark.parametrize(
    ("raw", "back", "rest"),
    [
        (ONE + b"\n" + TWO, [2, 1], None),
        (ONE + b"\r\n\r\n" + TWO + b"\n\x1a", [2, 1], None),
        (b"\x1e" + ONE + b"\n\x1e" + TWO + b"\n", [2, 1], None),
        (ONE + TWO + b" " + THREE, [2, 1, 0], None),
        (b"\xef\xbb\xbf" + ONE + b"\n\xef\xbb\xbf" + TWO, [2, 1], None),
        (PRETTY + b"\n" + PRETTY, [0, 0], None),
        (PRETTY.replace(b"1.5", b"nan") + b"\n" + ONE, [0, 2], None),
        (ONE + b"garbage", [2], "'garbage'"),
        (ONE + b"\xff", [2], "'\ufffd'"),
        (ONE + b"}", [2], "'}'"),
        (ONE + b" 7", [2], "'7'"),
        (PRETTY.replace(b"1.5", b"nan") + b"\nrest", [0], "'\"rest"),
        (b"garbage\n" + ONE, [2], "'garbage'"),
        (ONE + b"\n" + TWO[:20], [2], '\'{"time": "2026'),
        (ONE + b'\n{"time": "cut\n' + THREE, [2, 0], '\'{"time": "cut\''),
        (dated(NOW, "nan") + b'\n{"time": "cut\n' + ONE, [0, 2], '\'{"time": "cut\''),
        (ONE + b',\n{"name": [1}\n' + TWO, [2, 1], "','"),
        (ONE + b"\n" + b"[" * 100_000 + b"\n" + TWO, [2, 1], "'[[["),
    ],
)
def test_each_document_of_a_message_is_read_and_what_is_none_is_told(raw: bytes, back: list[int], rest: str | None) -> None:
    """JSON lines and documents behind each other are several; one that is none takes neither those before it nor later lines."""
    found = hear(METER, raw)
    assert [row.at for row in found.rows] == [NOW - 1000 * seconds for seconds in back]
    assert [(who, what) for who, what, _ in found.faults] == ([] if rest is None else [("em", "a part that is no JSON")])
    assert all(detail.startswith(rest or "") for *_, detail in found.faults)


@pytest.mark.parametrize("raw", [b"1,234.5", b"23.5\n24.5", b"23.5 {", b"12:30", b"\x1a", b"[1, 2", b'{"frequency": 1'])
def test_the_front_of_what_is_none_is_no_document(raw: bytes) -> None:
    """A bare number is one only where it stands alone, and a document that was cut off is none."""
    with pytest.raises(PayloadError, match="not JSON"):
        heard([listeners({"points": {"frequency": {"path": "$", "unit": "Hz"}}})], raw, NOW)


def test_a_bare_value_with_its_unit_is_bad_with_its_reason() -> None:
    """As it would be within an object."""
    (row,) = heard([listeners({"points": {"frequency": {"path": "$", "unit": "Hz"}}})], b"50.0 Hz\n", NOW).rows
    assert (row.values, row.bad) == ({}, {"frequency": "not a number: '50.0 Hz'"})


@given(st.lists(st.dictionaries(st.text("ab", max_size=3), st.integers() | TEXTS, max_size=3), min_size=1), st.data())
def test_lines_are_read_whatever_one_of_them_is(documents: list[dict[str, object]], data: st.DataObject) -> None:
    """Every other line is read as it was sent, in its order."""
    lines = [json.dumps(document) for document in documents]
    at = data.draw(st.integers(0, len(lines)))
    wrong = data.draw(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=20))
    raw = "\n".join([*lines[:at], "{" + wrong.replace("}", ""), *lines[at:]]).encode()
    assert lenient_json.parse(raw).documents == documents


def listeners(form: dict[str, Any]) -> Listeners:
    """Who hears a profile of this form, with one device of the key A or of none."""
    head = {"maker": "M", "model": "X", "class": "electricity", "protocol": "mqtt", "sources": ["a book"]}
    profile = Profile.model_validate(head | form)
    return Listeners(profile, profile.points, {"A" if "identity" in form else "": METER})


FORMS = [
    {"records": "*", "identity": "a"},
    {"records": "$.*", "identity": "*", "time": {"path": "a", "format": "epoch"}},
    {"records": "a.*.b.*", "identity": "$.a", "time": {"path": "$.b", "format": "rfc3339", "zone": "Asia/Shanghai"}},
    {"identity": "a.#(b=A).a", "time": {"path": "a.0", "format": "YYMMDDhhmmss"}},
]
WORDS_OF_JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text("AaNn01-:T.", max_size=12)


@given(st.sampled_from(FORMS), st.recursive(WORDS_OF_JSON, nested, max_leaves=25))
def test_any_document_of_any_form_is_rows_or_faults(form: dict[str, Any], document: object) -> None:
    """Records, names and times of any kind: nothing is raised, and only the named device gets rows, with finite numbers."""
    points = {
        "frequency": {"path": "b", "unit": "Hz"},
        "power": {"path": "a.1", "unit": "W", "mask": 6},
        "voltage_a": {"path": "$", "unit": "V"},
    }
    found = heard([listeners(form | {"points": points})], json.dumps(document).encode(), NOW)
    assert {row.device for row in found.rows} <= {"em"}
    assert all(math.isfinite(value) for row in found.rows for value in row.values.values())


MAD = [b"[" * 200_000, b"{\n" * 100_000, b'{"a\n' * 60_000, b"{}" * 100_000, b'{"a":1}x\n' * 25_000, b'{"a":{"b":1},' * 20_000]


@pytest.mark.parametrize("raw", [*MAD, b"{" * 50_000, b'"\\' * 100_000, b'"' * 99_999, b"1" * 200_000, b"\x81" * 100_000])
def test_a_mad_message_is_refused_in_time(raw: bytes) -> None:
    """Neither nesting nor quotes nor digits make the reader work longer than their length."""
    with contextlib.suppress(PayloadError):
        assert hear(METER, raw).rows == []


def test_no_depth_of_nesting_ends_the_driver() -> None:
    """Whether the parser or what comes after it meets the interpreter's limit first, it is our error or a bad value."""
    limit = sys.getrecursionlimit()
    for depth in range(limit - 300, limit + 5):
        deep = "[" * depth + "]" * depth
        shapes = (f'{{{TIME}, "frequency": {deep}}}', f'{{"time": {deep}}}', deep, f'{{"header": {deep}}}')
        for raw in shapes:
            for device in (METER, CAR):
                with contextlib.suppress(PayloadError):
                    assert all(row.values == {} for row in hear(device, raw.encode()).rows)


def test_too_long_and_empty_messages() -> None:
    """More than 256 KiB is refused; nothing at all is how a retained message is deleted, and no fault."""
    with pytest.raises(PayloadError, match="too long"):
        hear(METER, b" " * (MOST_BYTES + 1))
    assert hear(METER, b"") == Heard()


@pytest.mark.parametrize("at", [0, NOW - 100 * 86_400_000, NOW + 86_400_000])
def test_a_time_that_cannot_be_true_is_never_replaced_by_the_time_of_receipt(at: int) -> None:
    """A clock at 1970, a year behind or a day ahead: the row stands where the meter put it, and the cloud may judge it."""
    (row,) = rows(METER, dated(at))
    assert (row.at, row.late, row.taken) == (at or 1, at < NOW, NOW)
    assert [r.at for r in rows(METER, dated(NOW - 9000), retained=True)] == [NOW - 9000]


def test_what_a_broker_kept_is_late_and_what_says_nothing_of_a_clock_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Old is historical, whoever kept it; a retained message, a device that hands over batches, and one without a time are not judged."""
    judged, fresh = rows(METER, dated(NOW - 600_000)), rows(METER, dated(NOW - 9000))
    retained = rows(METER, dated(NOW - 600_000), retained=True)
    profile = METER.model.model_copy(update={"arrives": "batch"})
    monkeypatch.setattr(Device, "model", property(lambda _: profile))
    batch, ahead = rows(METER, dated(NOW - 600_000)), rows(METER, dated(NOW + 600_000))
    assert [(r.at, r.late, r.taken) for r in (*judged, *retained, *batch, *fresh, *ahead)] == [
        (NOW - 600_000, True, NOW), (NOW - 600_000, True, None), (NOW - 600_000, True, None), (NOW - 9000, False, NOW),
        (NOW + 600_000, False, NOW),
    ]  # fmt: skip


TIMES = ["null", '"soon"', "1e300", "true", "-5", '"9999-99-99T00:00:00Z"', "NaN", '"2026-11-01"', "20261101", "[]"]
DAYS = [
    "2026-11-29+08:00",
    "2026-11-29-05:00",
    "2026-11-29 +08:00",
    "20261129+0800",
    "2026-W48-7+08:00",
    "2026-11-29x0800",
    "2026-11-29T+08:00",
]
TIMES += [f'"{day}"' for day in DAYS]


@pytest.mark.parametrize("time", TIMES)
def test_a_message_whose_time_cannot_be_read_is_refused(time: str) -> None:
    """The profile says that the message has a time; without it, or with a day alone, nobody knows when the meter measured."""
    found = hear(METER, f'{{"time": {time}, "frequency": 50.0}}'.encode())
    assert (found.rows, found.faults) == ([], [("em", "no time that can be read", "at time")])


@pytest.mark.parametrize("time", ["2026-11-29 05:00:00", "2026-11-29T05:00:00.5", "20261129T050000"])
def test_a_time_whose_zone_nobody_states_is_refused_with_what_to_set(time: str) -> None:
    """The reason names the zone and the profile's field, since the time itself can be read."""
    found = hear(METER, f'{{"time": "{time}", "frequency": 50.0}}'.encode())
    reason = "a time without a zone: expected one, or `zone` in the profile's `time` (such as +08:00)"
    assert (found.rows, found.faults) == ([], [("em", reason, "at time")])


def test_emqx_positions_are_fixes_also_when_they_come_late() -> None:
    """0x0200 is one row, 0x0704 one a position; another message id is none."""
    at = NOW // 1000 * 1000
    (row,) = rows(CAR, position(body(at)))
    assert (row.at, row.values["latitude"], row.values["speed"], row.values["odometer"]) == (at, 32.43, 36.5, 1234.5)
    late = rows(CAR, position({"location": [body(at - 180_000), body(at - 10_000)]}, msg_id=0x0704))
    assert [(r.at, r.late) for r in late] == [(at - 180_000, True), (at - 10_000, False)]
    assert [(r.late, r.taken) for r in rows(CAR, position(body(at - 180_000)))] == [(True, NOW)]
    assert rows(CAR, position({}, msg_id=0x0002)) == []


def test_one_bad_position_or_field_takes_no_other_with_it() -> None:
    """Of a batch the good ones are stored, the others told; a field that is none is bad with its reason."""
    at = NOW // 1000 * 1000
    bodies = [body(at, speed="NaN"), body(at, latitude=None), 7, body(at) | {"time": "000000000000"}, body(at + 1000, extra=[])]
    found = hear(CAR, position({"location": bodies}, msg_id=0x0704) + b"\x00")
    first, second = found.rows
    assert (first.at, first.bad) == (at, {"speed": "body.speed: expected a number of 2 bytes, got 'NaN'"})
    assert "speed" not in first.values
    assert first.values["latitude"] == 32.43
    assert (second.at, second.values["speed"], second.bad) == (at + 1000, 36.5, {})
    assert [what for _, what, _ in found.faults] == ["wrong position", "wrong position", "position without a date"]


def test_an_alarm_word_that_is_none_says_nothing_of_alarms() -> None:
    """No emergency is made of it, and no absence of one either."""
    (row,) = rows(CAR, position(body(alarm="?")))
    assert "alarms" in row.bad
    assert {"emergency_alarm", "overspeed_alarm", "alarms"}.isdisjoint(row.values)
    (row,) = rows(CAR, position(body(alarm=3)))
    assert [row.values[point] for point in ("emergency_alarm", "overspeed_alarm")] == [1.0, 1.0]


def test_another_terminal_s_position_is_refused() -> None:
    """A phone with and without its leading 0 is this car; another one is not."""
    assert len(rows(CAR, position(body(), phone="10000000001"))) == 1
    found = hear(CAR, position(body(), phone="010000000002"))
    assert (found.rows, found.faults) == ([], [("car", "wrong position", "the phone of another terminal")])
