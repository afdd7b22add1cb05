"""The counters that count meters, and those that counted them before, with what the files state about each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa

from cloud.devices.queries.register import KINDS
from cloud.ledger.base_units import INT64_MAX
from cloud.ledger.model import MeterKey
from cloud.ledger.selecting import among, of_any, same
from cloud.ledger.tables import earlier_counter, meter

_STATED = ("modulus", "max_rate", "capacity", "capacity_from", "resolution", "float32")
_PAST = earlier_counter.c
_NEWEST = (
    sa.select(meter.c.grp, meter.c.id, meter.c.energy, KINDS.c["class"], meter.c.device, meter.c.point, KINDS.c.interval)
    .add_columns(*(meter.c[name] for name in _STATED))
    .select_from(meter.outerjoin(KINDS, sa.and_(KINDS.c.grp == meter.c.grp, KINDS.c.id == meter.c.device)))
    .where(among(meter))
)
_EARLIER = (
    sa.select(_PAST.grp, _PAST.meter, meter.c.energy, _PAST["class"], _PAST.device, _PAST.point, _PAST.interval)
    .add_columns(*(_PAST[name] for name in _STATED), _PAST.until)
    .join_from(earlier_counter, meter, same(meter, earlier_counter))
    .where(among(earlier_counter))
    .order_by(_PAST.until)
)


class Installed(NamedTuple):
    """A meter with a counter of it; amounts in the unit of the counter's point.

    Attributes:
        meter: Which meter.
        energy: What it counts.
        device_class: None where there is no such device.
        device: None where somebody enters the meter's months.
        point: Of the device.
        interval: Seconds between two polls of the device; None if that is not known.
        modulus: Where the counter starts again at 0; None if nowhere.
        max_rate: Most in an hour, as the site says it.
        capacity: The same by transformers, rating or class.
        capacity_from: Which of these.
        resolution: Smallest step that the profile states.
        float32: Its steps grow with its value.
        until: When another counter took its place, ms, exclusive; `INT64_MAX` of the one that counts now.
    """

    meter: MeterKey
    energy: str
    device_class: str | None
    device: str | None
    point: str | None
    interval: float | None
    modulus: float | None
    max_rate: float | None
    capacity: float | None
    capacity_from: str | None
    resolution: float | None
    float32: bool
    until: int


def newest(connection: sa.Connection, meters: Collection[MeterKey]) -> list[Installed]:
    """Those of some meters that the register has, each with the counter that counts it now."""
    return [Installed._make((MeterKey(group, name), *row, INT64_MAX)) for group, name, *row in of_any(connection, _NEWEST, meters)]


def earlier(connection: sa.Connection, meters: Collection[MeterKey]) -> defaultdict[MeterKey, list[Installed]]:
    """What some meters were counted by before, by time; a meter without any has none."""
    found: defaultdict[MeterKey, list[Installed]] = defaultdict(list)
    for group, name, *row in of_any(connection, _EARLIER, meters):
        found[MeterKey(group, name)].append(Installed._make((MeterKey(group, name), *row)))
    return found


def devices(connection: sa.Connection) -> defaultdict[MeterKey, set[str | None]]:
    """The id of each device that counts a meter or counted it before, by meter of any group; None where somebody enters its months."""
    found: defaultdict[MeterKey, set[str | None]] = defaultdict(set)
    for query in (sa.select(meter.c.grp, meter.c.id, meter.c.device), sa.select(_PAST.grp, _PAST.meter, _PAST.device)):
        for group, name, device in connection.execute(query):
            found[MeterKey(group, name)].add(device)
    return found
