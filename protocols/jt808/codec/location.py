"""Positions of JT/T 808: 0x0200, the batch 0x0704 and the reply 0x0201 (JT/T 808-2019, clause 8).

A `Location` keeps what was sent, in the units of the wire; its properties say what that means. Lengths decide what an item
is, since vendors reuse the ids with other lengths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

from protocols.jt808.codec.fields import CHINA_HOURS, Reader, digits_of, pack, raw_time, time_of

BASE_BYTES = 28

ACC = 1 << 0
LOCATED = 1 << 1
SOUTH = 1 << 2
WEST = 1 << 3

MILEAGE = 0x01
FUEL = 0x02
RECORDER_SPEED = 0x03
EVENT = 0x04
OVERSPEED = 0x11
AREA = 0x12
SECTION = 0x13
SIGNALS = 0x25
IO = 0x2A
ANALOGUE = 0x2B
SIGNAL = 0x30
SATELLITES = 0x31

_PERCENT = 1 << 15
_LENGTH_BYTES = 2


class Item(NamedTuple):
    """One additional item: id and data as sent."""

    id: int
    data: bytes


class Overspeed(NamedTuple):
    """Item 0x11: kind of place (0 none, 1 circle, 2 rectangle, 3 polygon, 4 section) and its id."""

    kind: int
    place: int | None


class Area(NamedTuple):
    """Item 0x12: kind of place, its id, 0 in or 1 out."""

    kind: int
    place: int
    direction: int


class Section(NamedTuple):
    """Item 0x13: section id, seconds spent there, 0 too short or 1 too long."""

    place: int
    seconds: int
    result: int


@dataclass(frozen=True, slots=True)
class Location:
    """One position report, as sent.

    Attributes:
        alarm: Alarm bits, see `protocols.jt808.model.bits`.
        status: Status bits, see `protocols.jt808.model.bits`.
        latitude_e6: Magnitude in millionths of a degree; the status says north or south.
        longitude_e6: Magnitude in millionths of a degree; the status says east or west.
        altitude: Metres; read signed, since there are places below the sea.
        speed_tenths: Tenths of km/h.
        course: Degrees from north, clockwise.
        time: YYMMDDhhmmss as twelve hexadecimal digits, by the standard in GMT+8; not always a date.
        items: Additional items in the order sent.
        tail: What follows the items and is none.
    """

    alarm: int
    status: int
    latitude_e6: int
    longitude_e6: int
    altitude: int
    speed_tenths: int
    course: int
    time: str
    items: tuple[Item, ...] = ()
    tail: bytes = b""

    @classmethod
    def of(
        cls,
        at: int,
        latitude: float,
        longitude: float,
        *,
        speed: float = 0.0,
        course: int = 0,
        altitude: int = 0,
        status: int = LOCATED,
        alarm: int = 0,
        items: tuple[Item, ...] = (),
    ) -> Self:
        """A report from values in our own units: ms since 1970, signed degrees, km/h; hemisphere bits are set from the signs."""
        hemisphere = (SOUTH if latitude < 0 else 0) | (WEST if longitude < 0 else 0)
        signs = status & ~(SOUTH | WEST) | hemisphere
        place = (round(abs(latitude) * 1e6), round(abs(longitude) * 1e6))
        return cls(alarm, signs, *place, altitude, round(speed * 10), course, digits_of(at), items)

    def at(self, zone_hours: float = CHINA_HOURS) -> int | None:
        """Time of the fix, ms since 1970; None when it is no date. A few exported terminals send another zone."""
        return time_of(self.time, zone_hours)

    @property
    def latitude(self) -> float:
        """Degrees, south negative; only worth something while `located`."""
        return (-self.latitude_e6 if self.status & SOUTH else self.latitude_e6) / 1e6

    @property
    def longitude(self) -> float:
        """Degrees, west negative; only worth something while `located`."""
        return (-self.longitude_e6 if self.status & WEST else self.longitude_e6) / 1e6

    @property
    def speed(self) -> float:
        """Speed in km/h."""
        return self.speed_tenths / 10

    @property
    def located(self) -> bool:
        """Whether the position is a fix; else it is the last known one."""
        return bool(self.status & LOCATED)

    @property
    def acc(self) -> bool:
        """Ignition, if its wire is connected."""
        return bool(self.status & ACC)

    def data(self, item: int, *lengths: int) -> bytes | None:
        """Data of the first item with this id and one of these lengths."""
        return next((one.data for one in self.items if one.id == item and len(one.data) in lengths), None)

    def number(self, item: int, length: int) -> int | None:
        """The same as an unsigned number."""
        found = self.data(item, length)
        return None if found is None else int.from_bytes(found, "big")

    @property
    def mileage_km(self) -> float | None:
        """Item 0x01: by the text the dashboard's odometer, in practice often the terminal's own sum."""
        tenths = self.number(MILEAGE, 4)
        return None if tenths is None else tenths / 10

    @property
    def fuel_l(self) -> float | None:
        """Item 0x02 in litres; None when its top bit says that it is per cent, a habit of some vendors."""
        tenths = self.number(FUEL, 2)
        return None if tenths is None or tenths & _PERCENT else tenths / 10

    @property
    def recorder_speed(self) -> float | None:
        """Item 0x03: the driving recorder's speed in km/h."""
        tenths = self.number(RECORDER_SPEED, 2)
        return None if tenths is None else tenths / 10

    @property
    def signal(self) -> int | None:
        """Item 0x30: strength of the mobile network."""
        return self.number(SIGNAL, 1)

    @property
    def satellites(self) -> int | None:
        """Item 0x31: satellites in use."""
        return self.number(SATELLITES, 1)

    @property
    def analogue(self) -> tuple[int, int] | None:
        """Item 0x2B: inputs 0 and 1; input 0 is the low half, so the second word on the wire."""
        both = self.number(ANALOGUE, 4)
        return None if both is None else (both & 0xFFFF, both >> 16)

    @property
    def overspeed(self) -> Overspeed | None:
        """Item 0x11, which belongs to alarm bit 1."""
        raw = self.data(OVERSPEED, 1, 5)
        return None if raw is None else Overspeed(raw[0], int.from_bytes(raw[1:], "big") if raw[1:] else None)

    @property
    def area(self) -> Area | None:
        """Item 0x12, which belongs to alarm bits 20 and 21."""
        raw = self.data(AREA, 6)
        return None if raw is None else Area(raw[0], int.from_bytes(raw[1:5], "big"), raw[5])

    @property
    def section(self) -> Section | None:
        """Item 0x13, which belongs to alarm bit 22."""
        raw = self.data(SECTION, 7)
        return None if raw is None else Section(int.from_bytes(raw[:4], "big"), int.from_bytes(raw[4:6], "big"), raw[6])


@dataclass(frozen=True, slots=True)
class LocationReply:
    """0x0201, the answer to 0x8201."""

    reply_seq: int
    location: Location


@dataclass(frozen=True, slots=True)
class Batch:
    """0x0704, positions that could not be sent in time; some terminals send all positions so.

    Attributes:
        kind: 0 normal batch, 1 made up for a blind area; not to be relied on.
        locations: In the order sent.
        lost: Records that were announced or sent but could not be read.
    """

    kind: int
    locations: tuple[Location, ...]
    lost: int = 0

    def ordered(self) -> list[Location]:
        """By time, each fix once; those without a date come first.

        Equal fixes are the first of those with the same time and place.
        """
        once: dict[tuple[str, int, int], Location] = {}
        for location in self.locations:
            once.setdefault((location.time, location.latitude_e6, location.longitude_e6), location)
        return sorted(once.values(), key=lambda location: location.at() or 0)


def decode_location(body: bytes) -> Location:
    """0x0200: the base of 28 bytes, then items until something is none.

    Raises:
        BodyError: Shorter than the base.
    """
    reader = Reader(body)
    alarm, status, latitude, longitude = (reader.number(4) for _ in range(4))
    altitude = int.from_bytes(reader.take(2), "big", signed=True)
    speed, course = reader.number(2), reader.number(2)
    time = reader.take(6).hex()
    items, tail = _items(reader.rest())
    return Location(alarm, status, latitude, longitude, altitude, speed, course, time, items, tail)


def _items(raw: bytes) -> tuple[tuple[Item, ...], bytes]:
    """The items, and the rest from the first bytes that are no item: id 0, or longer than what is left."""
    items: list[Item] = []
    at = 0
    while at + 1 < len(raw) and raw[at]:
        end = at + 2 + raw[at + 1]
        if end > len(raw):
            break
        items.append(Item(raw[at], raw[at + 2 : end]))
        at = end
    return tuple(items), raw[at:]


def encode_location(location: Location) -> bytes:
    """The body of 0x0200.

    Raises:
        BodyError: A value does not fit its field.
    """
    place = pack("IIIIhHH", *_base(location)) + raw_time(location.time)
    items = [pack("BB", item.id, len(item.data)) + item.data for item in location.items]
    return place + b"".join(items) + location.tail


def _base(location: Location) -> tuple[int, ...]:
    bits = (location.alarm, location.status, location.latitude_e6, location.longitude_e6)
    return (*bits, location.altitude, location.speed_tenths, location.course)


def decode_batch(body: bytes) -> Batch:
    """0x0704, by the lengths of its records; the announced count is only compared.

    Raises:
        BodyError: Too short for count and kind.
    """
    reader = Reader(body)
    announced, kind = reader.number(2), reader.number(1)
    locations: list[Location] = []
    broken = 0
    while reader.left >= _LENGTH_BYTES:
        record = reader.take(min(reader.number(_LENGTH_BYTES), reader.left))
        if len(record) < BASE_BYTES:
            broken += 1
        else:
            locations.append(decode_location(record))
    return Batch(kind, tuple(locations), max(broken, announced - len(locations)))


def encode_batch(batch: Batch) -> bytes:
    """The body of 0x0704.

    Raises:
        BodyError: A value does not fit its field.
    """
    records = [encode_location(location) for location in batch.locations]
    return pack("HB", len(records), batch.kind) + b"".join(pack("H", len(record)) + record for record in records)
