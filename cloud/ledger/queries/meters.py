"""The counting places of a group, as the register has them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.ledger.counters import Provenance
from cloud.ledger.model import Meter, MeterKey, Registered
from cloud.ledger.selecting import of, same
from cloud.ledger.tables import earlier_counter, ledger_hour, meter, meter_unit

_REGISTERED = sa.select(meter.c.energy, meter.c.device, meter.c.point, meter.c.max_rate)


class Counted(NamedTuple):
    """A meter with the days (ISO) that its files state, and the first and last hour (begin, ms) in which a device counted it."""

    id: str
    energy: str
    vehicle_fuel: bool
    compound: str | None
    commissioned: str | None
    added_on: str | None
    taken_out: str | None
    retired_on: str | None
    first: int | None
    last: int | None


class Counting(NamedTuple):
    """A point of a device, and the meter that counts by it."""

    device: str
    point: str
    meter: MeterKey


def meters(connection: sa.Connection, group: str, *, retired: bool = True) -> list[Meter]:
    """All meters of a group, by id; without those that the site no longer has unless they are asked for."""
    query: sa.Select[Any] = sa.select(*(meter.c[name] for name in Meter._fields)).where(meter.c.grp == group)
    query = query if retired else query.where(meter.c.retired_on.is_(None))
    rows = connection.execute(query.order_by(meter.c.id)).all()
    return [Meter(row.id, json.loads(row.name), row.energy, row.device, row.point, row.main, row.parent) for row in rows]


def one(connection: sa.Connection, key: MeterKey) -> Registered | None:
    """A meter by its key; None where the register has none such."""
    row = connection.execute(_REGISTERED.where(of(meter, key))).one_or_none()
    return None if row is None else Registered._make(row)


def registered(connection: sa.Connection, key: MeterKey) -> Registered:
    """A meter of which the caller knows that the register has it, by its key.

    Raises:
        sqlalchemy.exc.NoResultFound: It has not.
    """
    return Registered._make(connection.execute(_REGISTERED.where(of(meter, key))).one())


def served(connection: sa.Connection, group: str) -> defaultdict[str, list[str]]:
    """The institutions that each meter of a group serves, by id."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in connection.execute(sa.select(meter_unit).where(meter_unit.c.grp == group).order_by(meter_unit.c.unit)):
        found[row.meter].append(row.unit)
    return found


def names(connection: sa.Connection, group: str) -> dict[str, dict[str, str]]:
    """What people call each meter of a group, by its id."""
    return {row.id: json.loads(row.name) for row in connection.execute(sa.select(meter.c.id, meter.c.name).where(meter.c.grp == group))}


def devices_of(connection: sa.Connection, group: str, meters: Collection[str]) -> set[str]:
    """The devices behind some meters of a group."""
    query = sa.select(meter.c.device).where(meter.c.grp == group, meter.c.id.in_(list(meters)), meter.c.device.is_not(None))
    return set(connection.execute(query).scalars())


def counting(connection: sa.Connection) -> list[Counting]:
    """What counts each meter, of all groups, and what counted it before: that may still have readings which come late."""
    earlier = earlier_counter.c
    now = sa.select(meter.c.grp, meter.c.device, meter.c.point, meter.c.id).where(meter.c.device.is_not(None))
    past = sa.select(earlier.grp, earlier.device, earlier.point, earlier.meter)
    rows = connection.execute(sa.union(now, past))
    return [Counting(device, point, MeterKey(group, name)) for group, device, point, name in rows]


def counted_by(connection: sa.Connection, group: str, devices: sa.Select[tuple[str]]) -> list[MeterKey]:
    """The meters of a group that some devices count, or counted before."""
    earlier = earlier_counter.c
    now = sa.select(meter.c.id).where(meter.c.grp == group, meter.c.device.in_(devices))
    past = sa.select(earlier.meter).where(earlier.grp == group, earlier.device.in_(devices))
    return [MeterKey(group, name) for name in connection.execute(sa.union(now, past)).scalars()]


def counted(connection: sa.Connection, group: str, *, main: bool) -> list[Counted]:
    """Main meters of a group, fuel of cars among them, or its sub-meters, by id."""
    hour = ledger_hour.c
    by_device = sa.and_(same(ledger_hour, meter), hour.provenance != Provenance.MANUAL.value)
    # The index has both ends; min() and max() would read all.
    ends = [
        sa.select(hour.hour).where(by_device).order_by(order).limit(1).scalar_subquery().label(name)
        for name, order in (("first", hour.hour), ("last", hour.hour.desc()))
    ]
    query = sa.select(*(meter.c[name] for name in Counted._fields if name not in {"first", "last"}), *ends)
    return [
        Counted._make(row) for row in connection.execute(query.where(meter.c.grp == group, meter.c.main.is_(main)).order_by(meter.c.id))
    ]
