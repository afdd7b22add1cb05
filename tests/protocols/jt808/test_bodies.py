"""Bodies of both directions, and what real terminals do to them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.clock import parse_time
from protocols.jt808.codec.bodies import Body, Heartbeat, Id, LocationQuery, Logout, Other, TimeQuery, decode_body, encode_body, message
from protocols.jt808.codec.fields import BodyError, digits_of, time_of
from protocols.jt808.codec.frame import Frame, Version, decode, encode
from protocols.jt808.codec.location import Area, Batch, Item, Location, LocationReply, Overspeed, Section
from protocols.jt808.codec.session_bodies import (
    Auth,
    PlatformResponse,
    Register,
    RegisterResponse,
    ResendRequest,
    ServerTime,
    TerminalResponse,
)
from protocols.jt808.model.bits import CLEARED_BY_ANSWER, alarm_names, load, status_names

NOON = parse_time("2026-03-01T04:00:00Z")
BASE = Location.of(NOON, 32.43, 105.84, speed=36.5, course=90, altitude=480)
VERSIONS = st.sampled_from([2013, 2019])
BYTES = st.integers(0, 0xFF)
WORDS = st.integers(0, 0xFFFF)
DWORDS = st.integers(0, 0xFFFFFFFF)
NAMES = st.text("abcXYZ0189-._川测试", max_size=7).filter(lambda text: len(text.encode("gbk")) <= 7)
ITEMS = st.lists(st.builds(Item, st.integers(1, 255), st.binary(max_size=255)), max_size=6).map(tuple)
TAILS = st.just(b"") | st.binary(max_size=20).map(lambda rest: b"\x00" + rest)
LOCATIONS = st.builds(
    Location,
    DWORDS,
    DWORDS,
    DWORDS,
    DWORDS,
    st.integers(-32768, 32767),
    WORDS,
    WORDS,
    st.binary(min_size=6, max_size=6).map(bytes.hex),
    ITEMS,
    TAILS,
)
RECORDS: st.SearchStrategy[Body] = st.one_of(
    st.builds(TerminalResponse, WORDS, WORDS, BYTES),
    st.builds(PlatformResponse, WORDS, WORDS, BYTES),
    st.builds(RegisterResponse, WORDS, st.just(0), NAMES) | st.builds(RegisterResponse, WORDS, st.integers(1, 255)),
    st.integers(946_684_800, 4_102_444_799).map(lambda second: ServerTime(second * 1000)),
    st.builds(ResendRequest, WORDS, st.lists(WORDS, max_size=255).map(tuple)),
    LOCATIONS,
    st.builds(LocationReply, WORDS, LOCATIONS),
    st.builds(Batch, BYTES, st.lists(LOCATIONS, max_size=4).map(tuple)),
    st.sampled_from([Heartbeat(), Logout(), TimeQuery(), LocationQuery()]),
    st.builds(Other, st.just(0x0900), st.binary(max_size=100)),
)


def read(msg_id: int, body: bytes, version: Version = 2013) -> Body:
    return decode_body(Frame(msg_id, "012345678901", 0, version, body))


@given(RECORDS, VERSIONS)
def test_a_record_comes_back_as_it_went(record: Body, version: Version) -> None:
    """Every message of both sides survives encoding in both editions."""
    assert decode_body(message(record, "012345678901", 3, version)) == record


@given(st.builds(Register, WORDS, WORDS, st.text("abc", max_size=5), NAMES, NAMES, BYTES, NAMES, st.sampled_from([2013, 2019])))
def test_a_registration_comes_back_as_it_went(register: Register) -> None:
    """Texts lose only their padding, and the edition follows from header and length."""
    version: Version = 2019 if register.layout == 2019 else 2013
    assert decode_body(message(register, "012345678901", 3, version)) == register


@given(st.text("0123456789abcdef", max_size=50), st.text("0123456789", max_size=15), st.text("v.0123456789", max_size=20))
def test_an_authentication_comes_back_as_it_went(code: str, imei: str, software: str) -> None:
    """The 2019 body says how long its code is; the 2013 body is the code."""
    full = Auth(code, imei, software)
    assert read(0x0102, encode_body(full, 2019)[1], 2019) == full
    assert read(0x0102, encode_body(full, 2013)[1], 2013) == Auth(code)


@given(st.sampled_from(sorted(Id)), st.binary(max_size=400), VERSIONS)
def test_random_bodies_give_a_record_or_our_error(msg_id: int, raw: bytes, version: Version) -> None:
    """No body of any message raises anything but our own error, nor gives a record that cannot be used."""
    try:
        record = read(msg_id, raw, version)
    except BodyError:
        return
    if isinstance(record, Location):
        assert encode_body(record, version) == (msg_id, raw)
        assert isinstance(record.at(), int | None)


@given(RECORDS, st.integers(0, 2000), VERSIONS)
def test_truncated_bodies_give_a_record_or_our_error(record: Body, length: int, version: Version) -> None:
    """A body that lost its end is short, nothing worse."""
    msg_id, raw = encode_body(record, version)
    try:
        again = read(msg_id, raw[:length], version)
    except BodyError:
        return
    assert type(again) is type(record)


def test_the_layout_of_2011_is_known_by_its_length() -> None:
    """A plate after 25 bytes, with the zero that ended strings then."""
    old = Register(51, 802, "cd", "www.808.", "7654321", 1, "川H12345", 2011)
    raw = encode_body(old, 2013)[1]
    assert len(raw) == 25 + len("川H12345".encode("gbk"))
    assert read(0x0100, raw + b"\x00") == old


def test_a_2019_header_over_an_older_registration() -> None:
    """The length decides when the body is too short for the header's edition."""
    old = Register(51, 802, "cd", "model", "7654321", 1, "川H12345")
    assert read(0x0100, encode_body(old, 2013)[1], 2019) == old
    with pytest.raises(BodyError, match="body ends after 24 bytes"):
        read(0x0100, bytes(24))


def test_three_ways_to_write_an_authentication_of_2019() -> None:
    """The standard's fixed version, a version with its length, and the plain code of the older edition."""
    imei = b"123456789012345"
    assert read(0x0102, b"\x03abc" + imei + b"1.2".ljust(20, b"\x00"), 2019) == Auth("abc", imei.decode(), "1.2")
    assert read(0x0102, b"\x03abc" + imei + b"\x031.2", 2019) == Auth("abc", imei.decode(), "1.2")
    assert read(0x0102, b"12345678901", 2019) == Auth("12345678901")
    assert read(0x0102, b"", 2019) == Auth("")
    assert read(0x0102, b"code\x00", 2013) == Auth("code")


def test_a_position_on_the_wire() -> None:
    """The base has 28 bytes with the time at 22, in GMT+8."""
    raw = encode_body(BASE, 2013)[1]
    assert raw.hex() == "00000000" + "00000002" + "01eed7b0" + "064efd80" + "01e0" + "016d" + "005a" + "260301120000"
    assert (BASE.at(), BASE.latitude, BASE.longitude, BASE.speed, BASE.acc) == (NOON, 32.43, 105.84, 36.5, False)


def test_hemispheres_are_bits_and_not_signs() -> None:
    """South and west travel as status bits 2 and 3 over positive magnitudes."""
    place = Location.of(NOON, -33.9, -70.6, altitude=-120)
    assert (place.status, place.latitude_e6, place.longitude_e6) == (0b1110, 33_900_000, 70_600_000)
    again = read(0x0200, encode_body(place, 2019)[1], 2019)
    assert isinstance(again, Location)
    assert (again.latitude, again.longitude, again.altitude) == (-33.9, -70.6, -120)


def test_lengths_decide_what_an_item_is() -> None:
    """A vendor's item under a standard's id is kept and not read; the same id again with the right length is."""
    items = (Item(0x01, b"\x01"), Item(0x01, b"\x00\x00\x00\x64"), Item(0x2B, bytes(8)), Item(0x31, b"\x09"), Item(0xEB, b"vendor"))
    place = read(0x0200, encode_body(Location.of(NOON, 1, 1, items=items), 2013)[1])
    assert isinstance(place, Location)
    assert (place.items, place.mileage_km, place.analogue, place.satellites, place.fuel_l) == (items, 10.0, None, 9, None)


def test_items_that_belong_to_alarms() -> None:
    """Overspeed, area and section have their fields; analogue input 0 is the low half."""
    items = (
        Item(0x11, b"\x00"),
        Item(0x12, b"\x01\x00\x00\x00\x07\x01"),
        Item(0x13, b"\x00\x00\x00\x02\x00\x22\x01"),
        Item(0x2B, b"\x00\x01\x00\xf2"),
    )
    place = Location.of(NOON, 1, 1, items=items)
    assert (place.overspeed, place.area, place.section, place.analogue) == (Overspeed(0, None), Area(1, 7, 1), Section(2, 34, 1), (242, 1))
    assert Location.of(NOON, 1, 1, items=(Item(0x11, b"\x01\x00\x00\x00\x05"),)).overspeed == Overspeed(1, 5)


def test_fuel_in_per_cent_is_no_litre() -> None:
    """A fuel item with its top bit set is a vendor's percentage."""
    assert Location.of(NOON, 1, 1, items=(Item(0x02, b"\x80\x32"),)).fuel_l is None
    assert Location.of(NOON, 1, 1, items=(Item(0x02, b"\x01\xf4"),)).fuel_l == 50.0


@pytest.mark.parametrize("tail", [b"\x05", b"\x01\x04\x00", b"\x00\xb2" + bytes(16), b"\x31"])
def test_a_tail_that_is_no_item_leaves_the_base(tail: bytes) -> None:
    """A stray byte, a cut item or a vendor's block ends the items and is kept."""
    good = Item(0x30, b"\x1f")
    place = read(0x0200, encode_body(Location.of(NOON, 1, 1, items=(good,)), 2013)[1] + tail)
    assert isinstance(place, Location)
    assert (place.items, place.tail, place.at()) == ((good,), tail, NOON)


@pytest.mark.parametrize("digits", ["000000000000", "261301120000", "26030112006f", "260230000000", "260301246000"])
def test_a_time_that_is_no_date_is_none(digits: str) -> None:
    """Invalid BCD and impossible dates are seen as such, not raised."""
    place = read(0x0200, encode_body(BASE, 2013)[1][:22] + bytes.fromhex(digits))
    assert isinstance(place, Location)
    assert (place.time, place.at()) == (digits, None)


def test_another_zone_moves_the_time() -> None:
    """A terminal that sends UTC is eight hours later than its digits say in China."""
    assert BASE.at(0) == NOON + 8 * 3_600_000
    assert time_of("260301120000") == NOON
    assert digits_of(NOON) == "260301120000"
    with pytest.raises(BodyError, match="1999"):
        digits_of(parse_time("1999-12-31T15:59:59Z"))
    with pytest.raises(BodyError, match="no date"):
        digits_of(10**20)


def test_a_batch_is_read_by_its_lengths() -> None:
    """A wrong count, a short record and a cut one are counted as lost; the others arrive in order of time, once each."""
    later, earlier = Location.of(NOON + 60_000, 1, 1), Location.of(NOON, 1, 1)
    records = [encode_body(place, 2013)[1] for place in (later, earlier, later)]
    raw = b"\x00\x09\x01" + b"".join(b"\x00\x1c" + record for record in records)
    batch = read(0x0704, raw + b"\x00\x03abc" + b"\x00\x1c" + records[0][:-1])
    assert batch == Batch(1, (later, earlier, later), 6)
    assert isinstance(batch, Batch)
    assert batch.ordered() == [earlier, later]


def test_a_resend_request_counts_in_one_byte_or_two() -> None:
    """2013 has one byte and 2019 two; the length tells when a sender mixes them."""
    request = ResendRequest(4249, (1, 2))
    assert encode_body(request, 2013)[1].hex() == "1099" + "02" + "00010002"
    assert encode_body(request, 2019)[1].hex() == "1099" + "0002" + "00010002"
    assert read(0x8003, encode_body(request, 2019)[1], 2013) == request
    assert read(0x8003, encode_body(request, 2013)[1], 2019) == request


def test_only_an_accepted_registration_has_a_code() -> None:
    """A refused terminal gets no code, whatever the caller says."""
    assert encode_body(RegisterResponse(7, 0, "key"), 2013) == (0x8100, b"\x00\x07\x00key")
    assert encode_body(RegisterResponse(7, 3, "key"), 2013) == (0x8100, b"\x00\x07\x03")


def test_the_server_s_time_is_utc() -> None:
    """0x8004 alone is not in GMT+8."""
    assert encode_body(ServerTime(NOON), 2019) == (0x8004, bytes.fromhex("260301040000"))
    with pytest.raises(BodyError, match="no date"):
        read(0x8004, bytes(6))


def test_messages_without_a_body() -> None:
    """A heartbeat with a body is one; logout has two ids."""
    assert read(0x0002, bytes(17)) == Heartbeat()
    assert (read(0x0003, b""), read(0x0101, b"")) == (Logout(), Logout())
    assert encode_body(Logout(), 2013) == (0x0003, b"")
    assert encode_body(LocationQuery(), 2013) == (0x8201, b"")


def test_packages_and_ciphers_are_not_read() -> None:
    """A part of a message and an encrypted body are handed on as they are."""
    part = Frame(0x0200, "1", 0, 2013, b"abc", 2, 1)
    secret = Frame(0x0200, "1", 0, 2013, b"abc", marks=0x0400)
    assert (decode_body(part), decode_body(secret)) == (Other(0x0200, b"abc"), Other(0x0200, b"abc"))
    assert decode(encode(secret)).encrypted


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (TerminalResponse(65536, 0, 0), "65536"),
        (Auth("code", imei="1234567890123456"), "15 fit"),
        (RegisterResponse(0, 0, "😀"), "GBK"),
        (Register(0, 0, "toolong", "", "", 0, ""), "5 fit"),
        (Location(0, 0, -1, 0, 0, 0, 0, "260301120000"), "-1"),
        (Location(0, 0, 0, 0, 0, 0, 0, "2603"), "12 digits"),
        (Location(0, 0, 0, 0, 0, 0, 0, "26030112000x"), "not made of digits"),
        (Location.of(NOON, 1, 1, items=(Item(1, bytes(256)),)), "256"),
        (ResendRequest(0, tuple(range(256))), "256"),
    ],
)
def test_values_that_do_not_fit_are_refused(record: Body, why: str) -> None:
    """The encoder names what it cannot send."""
    with pytest.raises(BodyError, match=why):
        encode_body(record, 2019 if isinstance(record, Auth) else 2013)


def test_bits_have_names() -> None:
    """Alarms and states are told by name; the load is a number."""
    assert alarm_names(1 | 1 << 8 | 1 << 31) == ["emergency", "main_power_off", "illegal_door"]
    assert status_names(0b11 | 1 << 19 | 1 << 31) == ["acc", "located", "beidou"]
    assert [load(status) for status in (0, 1 << 8, 3 << 8)] == [0, 1, 3]
    assert CLEARED_BY_ANSWER == 1 | 0b111 << 20 | 0b11 << 27
