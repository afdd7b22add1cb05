"""Meters in SQL: entered as a site's files state them, with what follows for what counted them before.

Each function works on the caller's connection, in a transaction that writes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

import sqlalchemy as sa

from cloud.ledger import tables
from cloud.ledger.stated import StatedMeter
from cloud.organisations.queries import present
from cloud.platform.database import upsert
from cloud.platform.histories import enter_and_retire

_STATED = ("device", "point", "modulus", "max_rate", "capacity", "capacity_from", "resolution", "float32")
"""What an earlier counter keeps of its meter."""


def enter(connection: sa.Connection, group: str, meters: Sequence[StatedMeter], day: str) -> None:
    """Enter all meters of a group's site; the others are retired from a day (ISO) on."""
    rows = []
    for one in meters:
        row = {"grp" if name == "group" else name: value for name, value in one._asdict().items()}
        rows.append(row | {"name": json.dumps(one.name, ensure_ascii=False)})
    enter_and_retire(connection, tables.meter, group, rows, day)


def enter_served(connection: sa.Connection, group: str, meters: Collection[str], served: Collection[tuple[str, str]]) -> None:
    """Replace which institutions a group's meters serve, by meter and institution; one that is retired keeps its part of what it used."""
    table = tables.meter_unit
    mine = sa.and_(table.c.grp == group, table.c.meter.in_(list(meters)), table.c.unit.in_(present(group)))
    connection.execute(sa.delete(table).where(mine))
    if served:
        connection.execute(sa.insert(table), [{"grp": group, "meter": meter, "unit": unit} for meter, unit in served])


def mark_added(connection: sa.Connection, group: str, meters: Collection[str], day: str) -> None:
    """Keep from which day (ISO) on there are some meters of a group that were not in the first site."""
    mine = sa.and_(tables.meter.c.grp == group, tables.meter.c.id.in_(list(meters)))
    connection.execute(sa.update(tables.meter).where(mine).values(added_on=day))


def keep_ratio_change(connection: sa.Connection, meter: StatedMeter, factor: str, reason: str, by: str, now: int) -> None:
    """Keep that a counter shows so many times (a decimal) what it showed before; entered by whom, and when (ms)."""
    row = {"grp": meter.group, "meter": meter.id, "at": now, "factor": factor, "reason": reason, "recorded_by": by, "recorded_at": now}
    upsert(connection, tables.ratio_change, [row])


def keep_earlier_counter(connection: sa.Connection, meter: StatedMeter, device_class: str, interval: float | None, until: int) -> None:
    """Keep by what a meter was counted until a time (ms), with the class and the interval (s) of its device."""
    row = {"grp": meter.group, "meter": meter.id, "until": until, "class": device_class, "interval": interval}
    upsert(connection, tables.earlier_counter, [row | {name: getattr(meter, name) for name in _STATED}])
