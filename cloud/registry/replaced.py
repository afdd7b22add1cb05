"""Meters whose files name another device or point: what they were counted by until then stays on record.

Another series of the store says nothing about the hours that the one before it counted. So the ledger reads each for its own time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from cloud.devices import tables as devices_tables
from cloud.ledger import tables as ledger_tables
from cloud.platform.database import upsert
from cloud.registry.changes import Change
from cloud.registry.seed import rows_of
from cloud.registry.stated import HOUR_MS
from contract.site import Site

_STATED = ("modulus", "max_rate", "capacity", "capacity_from", "resolution", "float32")


def replaced(connection: sa.Connection, site: Site, now: int) -> Iterator[Change]:
    """Keep the series of every counter for which a site's files name another, and touch the hour in which that was entered.

    Args:
        connection: In a transaction that writes, before the rows of the site are entered.
        site: From its files.
        now: When they are entered, ms since 1970 in UTC.
    """
    rows = rows_of(site)
    meters = {row["id"]: row for row in connection.execute(sa.select(ledger_tables.meter)).mappings()}
    known = connection.execute(sa.select(devices_tables.device).where(devices_tables.device.c.grp == site.group)).mappings()
    devices: dict[str | None, Mapping[Any, Any]] = {row["id"]: row for row in known}
    entered: dict[str | None, Mapping[Any, Any]] = {row["id"]: row for row in rows[devices_tables.device]}
    for new in rows[ledger_tables.meter]:
        old = meters.get(new["id"])
        was, now_by = None if old is None else devices.get(old["device"]), entered.get(new["device"])
        if old is None or was is None or _series(old, was) == _series(new, now_by):
            continue
        row = {"grp": site.group, "meter": new["id"], "until": now, "class": was["class"], "interval": was["interval"]}
        row |= {name: old[name] for name in ("device", "point", *_STATED)}
        upsert(connection, ledger_tables.earlier_counter, [row])
        upsert(
            connection, ledger_tables.touched, [{"meter": new["id"], "hour": now // HOUR_MS * HOUR_MS, "generation": 1}], add="generation"
        )
        yield Change("recorded", "counter of meter", new["id"], _told(_series(old, was), _series(new, now_by)))


def _series(meter: Mapping[Any, Any], device: Mapping[Any, Any] | None) -> tuple[str, ...] | None:
    """The names of a meter's series in the store; None of one that is fed by hand."""
    return None if device is None else (device["class"], meter["device"], meter["point"])


def _told(before: tuple[str, ...] | None, after: tuple[str, ...] | None) -> str:
    old, new = ("by hand" if names is None else "/".join(names) for names in (before, after))
    return f"{old} until now, then {new}; its figures until now stay, and another counter is an exchange to record"
