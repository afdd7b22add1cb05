"""From positions to points: only what was measured, in our units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.clock import parse_time
from contract.point import POINTS
from protocols.jt808.codec.bodies import decode_body
from protocols.jt808.codec.fields import BodyError
from protocols.jt808.codec.fix import from_emqx, readings_of
from protocols.jt808.codec.frame import Frame
from protocols.jt808.codec.location import ACC, LOCATED, Item, Location

NOON = parse_time("2026-03-01T04:00:00Z")
ITEMS = (Item(0x01, b"\x00\x01\xe2\x40"), Item(0x02, b"\x01\x99"), Item(0x30, b"\x1c"), Item(0x31, b"\x0e"))
DRIVING = Location.of(NOON, 32.43, 105.84, speed=36.5, course=90, altitude=480, status=ACC | LOCATED, alarm=1 << 1, items=ITEMS)
HEADER = {"msg_id": 512, "encrypt": 0, "len": 54, "phone": "012345678901", "msg_sn": 8}
BODY = {
    "alarm": 2,
    "status": 3,
    "latitude": 32_430_000,
    "longitude": 105_840_000,
    "altitude": 480,
    "speed": 365,
    "direction": 90,
    "time": "260301120000",
    "extra": {"mileage": 123_456, "fuel_meter": 409, "rssi": 28, "gnss_sat_num": 14},
}


def gateway(**changes: object) -> object:
    return {"header": HEADER, "body": BODY | changes}


def test_a_moving_vehicle_s_points() -> None:
    """Each value is in its point's unit, and each point exists."""
    values = readings_of(DRIVING)
    assert values == {
        "latitude": 32.43,
        "longitude": 105.84,
        "altitude": 480.0,
        "speed": 36.5,
        "course": 90.0,
        "located": 1.0,
        "ignition": 1.0,
        "odometer": 12345.6,
        "fuel_level": 40.9,
        "satellites": 14.0,
        "signal": 28.0,
        "alarms": 2.0,
        "status": 3.0,
    }
    assert values.keys() <= POINTS.keys()


@pytest.mark.parametrize(
    "place",
    [
        Location.of(NOON, 32.43, 105.84, status=ACC),
        Location.of(NOON, 105.84, 32.43),
        Location.of(NOON, 0, 180.5),
        Location.of(NOON, 0, 0),
    ],
    ids=["last known", "swapped", "beyond the date line", "zero"],
)
def test_a_place_that_is_no_fix_is_absent(place: Location) -> None:
    """Coordinates that are old, impossible or the 0, 0 of a cold start are not told; the rest is."""
    values = readings_of(place)
    assert {"latitude", "longitude"}.isdisjoint(values)
    assert (values["located"], values["status"]) == (float(place.located), float(place.status))


def test_what_was_not_sent_is_absent_and_not_zero() -> None:
    """Without items there is no odometer, fuel, signal or satellite."""
    assert {"odometer", "fuel_level", "signal", "satellites"}.isdisjoint(readings_of(Location.of(NOON, 1, 1)))


def test_an_encryption_bit_alone_does_not_hide_a_place() -> None:
    """Status bit 5 is set by terminals whose coordinates are plain."""
    assert readings_of(Location.of(NOON, 32.43, 105.84, status=LOCATED | 1 << 5))["latitude"] == 32.43


def test_a_fix_has_its_own_time_or_none() -> None:
    """Digits in GMT+8; what is no date is nobody's time."""
    assert DRIVING.at() == NOON
    assert Location(0, 2, 1, 1, 0, 0, 0, "ffffffffffff").at() is None


def test_the_gateway_s_json_is_the_same_position() -> None:
    """EMQX's numbers give the record that the frame itself would give."""
    assert from_emqx(gateway()) == ("012345678901", DRIVING, {})


def test_the_gateway_s_two_names_for_fuel_and_missing_extras() -> None:
    """Manual and table differ; both are read, and an absent or empty extra is none."""
    named = from_emqx(gateway(extra={"fuel_unit": 409}))
    assert named is not None
    assert named[1].fuel_l == 40.9
    for bare in (from_emqx(gateway(extra={})), from_emqx(gateway(extra=None))):
        assert bare is not None
        assert bare[1].items == ()


def test_the_gateway_s_altitude_below_the_sea_and_southern_hemisphere() -> None:
    """Unsigned 65416 m is 120 m below the sea; the status bits give the signs of the degrees."""
    found = from_emqx(gateway(altitude=65416, status=0b1110))
    assert found is not None
    assert (found[1].altitude, found[1].latitude, found[1].longitude) == (-120, -32.43, -105.84)


def test_other_messages_of_the_gateway_are_left() -> None:
    """A heartbeat's JSON is no position."""
    assert from_emqx({"header": HEADER | {"msg_id": 2}, "body": {}}) is None


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (None, "header"),
        ([], "header"),
        ({"header": {"msg_id": 512}}, "phone"),
        ({"header": HEADER}, "body"),
        (gateway(time=20260301), "time"),
        (gateway(time="2026-03-01"), "time"),
        (gateway(latitude=32.43), "latitude"),
        (gateway(longitude=-1), "longitude"),
        (gateway(status="on"), "status"),
    ],
)
def test_what_the_gateway_cannot_have_sent_is_named(document: object, why: str) -> None:
    """Without time, place and status there is no position, and the error says which is wrong."""
    with pytest.raises(BodyError, match=why):
        from_emqx(document)


@pytest.mark.parametrize(
    ("changes", "point", "reason"),
    [
        ({"alarm": True}, "alarms", "body.alarm: expected a number of 4 bytes, got True"),
        ({"speed": None}, "speed", "body.speed: expected a number of 2 bytes, got None"),
        ({"altitude": "NaN"}, "altitude", "body.altitude: expected a number of 2 bytes, got 'NaN'"),
        ({"extra": {"mileage": -1, "rssi": 28}}, "odometer", "body.extra.mileage: expected a number of 4 bytes, got -1"),
        ({"extra": [1]}, "odometer", "body.extra: expected an object, got [1]"),
    ],
)
def test_a_field_that_stands_for_itself_takes_no_other_with_it(changes: dict[str, object], point: str, reason: str) -> None:
    """The point has its reason, and the rest of the position is read."""
    found = from_emqx(gateway(**changes))
    assert found is not None
    _, location, bad = found
    assert bad[point] == reason
    assert (location.latitude, location.course, location.at()) == (32.43, 90, NOON)


def test_the_gateway_s_numbers_may_be_texts() -> None:
    """Digits in quotes are the number."""
    texts = {name: str(value) for name, value in BODY.items() if isinstance(value, int)}
    assert from_emqx(gateway(**texts)) == ("012345678901", DRIVING, {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(st.sampled_from([*BODY]), JSON)
def test_any_json_gives_a_position_or_our_error(name: str, value: object) -> None:
    """Whatever stands in one field, the answer is a position or our error."""
    try:
        found = from_emqx(gateway(**{name: value}))
    except BodyError:
        return
    assert found is not None
    assert readings_of(found[1])["speed"] == found[1].speed
    assert found[2].keys() <= POINTS.keys()


@given(st.binary(min_size=28, max_size=200))
def test_any_position_gives_only_known_points(raw: bytes) -> None:
    """Readings of random positions are finite numbers of vehicle points, with coordinates in range."""
    place = decode_body(Frame(0x0200, "1", 0, 2013, raw))
    assert isinstance(place, Location)
    values = readings_of(place)
    assert values.keys() <= POINTS.keys()
    assert -90 <= values.get("latitude", 0) <= 90
    assert -180 <= values.get("longitude", 0) <= 180
