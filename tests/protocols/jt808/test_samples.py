"""Every sample frame decodes to what its source says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contract.clock import iso
from protocols.jt808.codec.bodies import Body, Heartbeat, LocationQuery, Other, decode_body, encode_body, message
from protocols.jt808.codec.fields import BodyError
from protocols.jt808.codec.frame import Splitter, decode, encode
from protocols.jt808.codec.location import Batch, Location, LocationReply
from protocols.jt808.codec.parameters import Parameters, QueryParameters, SetParameters
from protocols.jt808.codec.session_bodies import Auth, PlatformResponse, Register, RegisterResponse, ResendRequest, TerminalResponse
from protocols.jt808.model.bits import alarm_names, status_names

_SAMPLES = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "jt808_samples.json"
_LOADED: list[dict[str, Any]] = json.loads(_SAMPLES.read_text(encoding="utf-8")) if _SAMPLES.exists() else []
_IDS = [f"{number}-{sample['kind']}-{sample['standard']}" for number, sample in enumerate(_LOADED)]
_MALFORMED = "7e8001000012345678901200000b7e"
_READ_KINDS = {
    "terminal_response",
    "heartbeat",
    "register",
    "auth",
    "location",
    "location_reply",
    "batch",
    "platform_response",
    "resend_request",
    "register_response",
    "location_query",
}

pytestmark = pytest.mark.skipif(not _LOADED, reason="the folder with the sample frames is not beside this repository")
each_sample = pytest.mark.parametrize("sample", _LOADED, ids=_IDS)


@each_sample
def test_a_sample_s_header(sample: dict[str, Any]) -> None:
    """Id, phone, sequence, length and edition are those of the sample."""
    frame = decode(bytes.fromhex(sample["hex"]))
    header = sample["expected"]["header"]
    assert (f"0x{frame.msg_id:04X}", frame.phone, frame.seq) == (header["msg_id"], header["phone"], header["seq"])
    assert len(frame.body) == header["body_len"]
    assert frame.version == (2019 if sample["standard"] == "2019" else 2013)


@each_sample
def test_a_sample_is_written_as_it_was_read(sample: dict[str, Any]) -> None:
    """Encoding what was decoded gives the same bytes."""
    wire = bytes.fromhex(sample["hex"])
    assert encode(decode(wire)) == wire


@each_sample
def test_a_sample_s_body(sample: dict[str, Any]) -> None:
    """Every field that the sample states is decoded to its value."""
    frame = decode(bytes.fromhex(sample["hex"]))
    if sample["hex"] == _MALFORMED:
        with pytest.raises(BodyError, match="body ends"):
            decode_body(frame)
        return
    body = decode_body(frame)
    if isinstance(body, SetParameters | QueryParameters | Parameters):
        assert encode_body(body, frame.version) == (frame.msg_id, frame.body)
        return
    if sample["kind"] not in _READ_KINDS:
        assert body == Other(frame.msg_id, frame.body)
        return
    stated = {key: value for key, value in sample["expected"].items() if key not in {"header", "warn"}}
    assert facts(body) == stated | ({"layout": int(sample["standard"])} if isinstance(body, Register) else {})


@each_sample
def test_a_sample_s_record_is_written_as_it_was_read(sample: dict[str, Any]) -> None:
    """A decoded record encodes to the same record; to the same bytes where no padding was left to the sender."""
    if sample["hex"] == _MALFORMED:
        return
    frame = decode(bytes.fromhex(sample["hex"]))
    body = decode_body(frame)
    again = message(body, frame.phone, frame.seq, frame.version)
    assert decode_body(again) == body
    if not isinstance(body, Register):
        assert again == frame


def test_all_samples_in_one_stream() -> None:
    """The samples one after the other, byte by byte, are all found."""
    splitter = Splitter()
    stream = b"".join(bytes.fromhex(sample["hex"]) for sample in _LOADED)
    found = [frame for byte in stream for frame in splitter.feed(bytes([byte]))]
    assert found == [decode(bytes.fromhex(sample["hex"])) for sample in _LOADED]


def facts(body: Body) -> dict[str, Any]:
    """A record in the words of the sample file."""
    found: dict[str, Any] = {}
    match body:
        case TerminalResponse() | PlatformResponse():
            found = {"reply_seq": body.reply_seq, "reply_id": f"0x{body.reply_id:04X}", "result": body.result}
        case Register():
            found = {name: getattr(body, name) for name in body.__dataclass_fields__}
        case Auth():
            stated = {"auth_code": body.code, "imei": body.imei, "software": body.software}
            found = {name: value for name, value in stated.items() if value}
        case RegisterResponse():
            found = {"reply_seq": body.reply_seq, "result": body.result, "auth_code": body.code}
        case ResendRequest():
            found = {"first_seq": body.first_seq, "count": len(body.numbers), "numbers": list(body.numbers)}
        case LocationReply():
            found = {"reply_seq": body.reply_seq} | place_facts(body.location)
        case Batch():
            found = batch_facts(body)
        case Location():
            found = place_facts(body)
        case _:
            assert body in (Heartbeat(), LocationQuery())
    return found


def batch_facts(batch: Batch) -> dict[str, Any]:
    positions = [place_facts(one) | ({"warn": ["lat/lon out of range"]} if one.latitude > 90 else {}) for one in batch.locations]
    name = "blind_area" if batch.kind else "normal"
    return {"count": len(positions) + batch.lost, "type": batch.kind, "type_name": name, "positions": positions}


def place_facts(place: Location) -> dict[str, Any]:
    at = place.at()
    assert at is not None
    return {
        "lat": place.latitude,
        "lon": place.longitude,
        "altitude_m": place.altitude,
        "speed_kmh": place.speed,
        "course": place.course,
        "time_utc": iso(at).replace(".000Z", "Z"),
        "time_bcd_gmt8": place.time,
        "acc": place.acc,
        "located": place.located,
        "alarm": f"0x{place.alarm:08X}",
        "alarm_bits": alarm_names(place.alarm),
        "status": f"0x{place.status:08X}",
        "status_bits": status_names(place.status),
    } | item_facts(place)


def item_facts(place: Location) -> dict[str, Any]:
    ad0, ad1 = place.analogue or (None, None)
    stated: dict[str, Any] = {
        "mileage_km": place.mileage_km,
        "fuel_l": place.fuel_l,
        "recorder_speed_kmh": place.recorder_speed,
        "signal": place.signal,
        "satellites": place.satellites,
        "ad0": ad0,
        "ad1": ad1,
        "signal_bits": place.number(0x25, 4),
        "io_bits": place.number(0x2A, 2),
        "area": place.area and dict(zip(("location_type", "area_id", "direction"), place.area, strict=True)),
        "overspeed": place.overspeed and dict(zip(("location_type", "area_id"), place.overspeed, strict=True)),
        "section": place.section and dict(zip(("id", "seconds", "result"), place.section, strict=True)),
        "items": [f"0x{item.id:02X}:{len(item.data)}" for item in place.items] or None,
    }
    named = {name: value for name, value in stated.items() if value is not None}
    if place.area and place.area.direction == 1:
        named["area"] = named["area"] | {"direction": "out"}
    if place.section and place.section.result == 1:
        named["section"] = named["section"] | {"result": "too_long"}
    return named
