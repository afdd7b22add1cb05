"""From a position to the vehicle's points (`contract.point`), whether it came over JT/T 808 or through EMQX's gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from contract.flag import add_flags
from contract.reading import Row
from contract.site import Device
from protocols import reported
from protocols.jt808.codec import location as loc
from protocols.jt808.codec.bodies import Id
from protocols.jt808.codec.fields import BodyError, raw_time
from protocols.jt808.codec.location import Item, Location

_MOST_LATITUDE = 90.0
_MOST_LONGITUDE = 180.0
_MOST_PHONE_DIGITS = 20
_MOST_DIGITS = 10
"""Of a number of four bytes."""
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
_ALONE = (("alarm", 4, "alarms"), ("altitude", 2, "altitude"), ("speed", 2, "speed"), ("direction", 2, "course"))
"""Fields of a body that stand for themselves, their bytes and points."""
_EXTRAS: tuple[tuple[str, int, int, str], ...] = (
    ("mileage", loc.MILEAGE, 4, "odometer"),
    ("fuel_meter", loc.FUEL, 2, "fuel_level"),
    # The gateway's manual says fuel_unit in its example and fuel_meter in its table.
    ("fuel_unit", loc.FUEL, 2, "fuel_level"),
    ("speed", loc.RECORDER_SPEED, 2, ""),
    ("alarm_id", loc.EVENT, 2, ""),
    ("rssi", loc.SIGNAL, 1, "signal"),
    ("gnss_sat_num", loc.SATELLITES, 1, "satellites"),
)
"""Names of extra, items of the wire with their bytes, and points; the empty text where it is none."""


def placed(location: Location) -> bool:
    """Whether the coordinates may be used: located, in range, and not the 0, 0 that some terminals call located."""
    in_range = abs(location.latitude) <= _MOST_LATITUDE and abs(location.longitude) <= _MOST_LONGITUDE
    return location.located and in_range and bool(location.latitude_e6 or location.longitude_e6)


def readings_of(location: Location) -> dict[str, float]:
    """Values by point name; what was not sent, and a place that is no fix, is absent."""
    values = {
        "altitude": float(location.altitude),
        "speed": location.speed,
        "course": float(location.course),
        "located": float(location.located),
        "ignition": float(location.acc),
        "alarms": float(location.alarm),
        "status": float(location.status),
    }
    if placed(location):
        values |= {"latitude": location.latitude, "longitude": location.longitude}
    sent = {
        "odometer": location.mileage_km,
        "fuel_level": location.fuel_l,
        "satellites": location.satellites,
        "signal": location.signal,
    }
    return values | {point: float(value) for point, value in sent.items() if value is not None}


def from_emqx(document: object) -> tuple[str, Location, dict[str, str]] | None:
    """Phone, position and reasons by point of one message of EMQX's jt808 gateway; None for any other message than 0x0200.

    Its numbers are those of the wire: unsigned millionths of a degree, tenths of km/h and of km, GMT+8. A field that stands for
    itself and is none has its reason, and 0 in the position; without time, place or bits there is no position.

    Raises:
        BodyError: Not the gateway's JSON, or a value that JT/T 808 cannot carry.
    """
    header = _object(document, "header")
    if header.get("msg_id") != Id.LOCATION:
        return None
    phone = header.get("phone")
    if not isinstance(phone, str) or not 0 < len(phone) <= _MOST_PHONE_DIGITS or not _HEXADECIMAL.issuperset(phone):
        raise BodyError(f"header.phone: expected up to {_MOST_PHONE_DIGITS} digits, got {phone!r:.60}")
    return phone.lower(), *_location(_object(document, "body"))


def _location(body: dict[str, object]) -> tuple[Location, dict[str, str]]:
    time = body.get("time")
    if not isinstance(time, str):
        raise BodyError(f"body.time: expected YYMMDDhhmmss, got {time!r:.60}")
    raw_time(time)
    bad: dict[str, str] = {}
    alarm, altitude, speed, course = (_alone(body, name, size, point, bad) for name, size, point in _ALONE)
    location = Location(
        alarm=alarm,
        status=_number(body, "status", 4),
        latitude_e6=_number(body, "latitude", 4),
        longitude_e6=_number(body, "longitude", 4),
        altitude=int.from_bytes(altitude.to_bytes(2, "big"), "big", signed=True),
        speed_tenths=speed,
        course=course,
        time=time.lower(),
        items=_extras(body.get("extra") or {}, bad),
    )
    return location, bad


def _alone(body: dict[str, object], name: str, size: int, point: str, bad: dict[str, str]) -> int:
    """A field without which the rest is still worth something."""
    try:
        return _number(body, name, size)
    except BodyError as error:
        bad[point] = str(error)
        return 0


def _extras(extra: object, bad: dict[str, str]) -> tuple[Item, ...]:
    """The items that become points; the gateway's nested ones do not."""
    if not isinstance(extra, dict):
        bad.update((point, f"body.extra: expected an object, got {extra!r:.60}") for *_, point in _EXTRAS if point)
        return ()
    items: list[Item] = []
    for name, item, size, point in _EXTRAS:
        if extra.get(name) is None:
            continue
        try:
            items.append(Item(item, _number(extra, name, size, "body.extra").to_bytes(size, "big")))
        except BodyError as error:
            if point:
                bad[point] = str(error)
    return tuple(items)


def _object(document: object, name: str) -> dict[str, object]:
    found = document.get(name) if isinstance(document, dict) else None
    if not isinstance(found, dict):
        raise BodyError(f"{name}: expected an object, got {found!r:.60}")
    return cast("dict[str, object]", found)


def _number(body: dict[str, object], name: str, size: int, where: str = "body") -> int:
    value = body.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 8 * size:
        raise BodyError(f"{where}.{name}: expected a number of {size} bytes, got {value!r:.60}")
    return value


_MEASURED = (
    ("odometer", loc.MILEAGE, 10, 4),
    ("fuel_level", loc.FUEL, 10, 2),
    ("signal", loc.SIGNAL, 1, 1),
    ("satellites", loc.SATELLITES, 1, 1),
)
"""Points that a terminal sends as items: the item, what the value is multiplied with, and its bytes."""


def measured(values: dict[str, float | None], at: int) -> Location:
    """A fix as a terminal measures it, from the world's values."""
    known = {point: value for point, value in values.items() if value is not None}
    items = [Item(number, round(known[point] * scale).to_bytes(size, "big")) for point, number, scale, size in _MEASURED if point in known]
    ignition = loc.ACC if known.get("ignition") else 0
    located = loc.LOCATED if known.get("located", 1.0) else 0
    return Location.of(
        at,
        known["latitude"],
        known["longitude"],
        speed=known.get("speed", 0.0),
        course=round(known.get("course", 0.0)) % 360,
        altitude=round(known.get("altitude", 0.0)),
        status=int(known.get("status", 0.0)) & ~(loc.ACC | loc.LOCATED) | ignition | located,
        alarm=int(known.get("alarms", 0.0)),
        items=tuple(items),
    )


def understood(device: Device, location: Location) -> dict[str, float]:
    """What a reader of a position must understand: the points of the device's profile, by name."""
    points = device.model.points
    values = {point: value for point, value in readings_of(location).items() if point in points}
    add_flags(device.model.flags, values)
    return values


def position_row(device: Device, location: Location, received: int, bad: Mapping[str, str] | None = None) -> Row | None:
    """A vehicle's fix at its own time, whatever that is worth; None without a date, since nobody knows when it was measured.

    Whether it came alone or in a 0x0704 says nothing: some terminals send all fixes as 0x0704, and networks keep single ones too.
    `bad` has the reasons of what could not be read, by point.
    """
    at = location.at()
    if at is None:
        return None
    values = readings_of(location)
    for point in bad or ():
        values.pop(point, None)
    return reported.row(device, at, values, bad, received=received)
