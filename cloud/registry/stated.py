"""What a site's files state about a counter, and which hours are counted anew where that changes.

The ledger judges every sample by these limits and they have no date of their own: a ledger that is built anew judges all hours by
the newest. So hours that were counted by other limits are touched, however old they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cloud.devices import tables as devices_tables
from cloud.ledger import tables as ledger_tables
from cloud.platform.database import upsert
from cloud.registry.changes import Change
from cloud.registry.seed import rows_of
from contract.clock import SHANGHAI
from contract.point import POINTS
from contract.site import Site

HOUR_MS = 3_600_000
LEAST_MEASURED_GAP = HOUR_MS + 60_000
"""Ms. History is kept by the hour, and a sample may be late by a minute; such hours are measured."""
_ENTERED = "manual"
"""Provenance of a month that somebody entered; no counter was judged for it."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What the files state about one counter; amounts in the unit of its point.

    Attributes:
        most: Most in an hour, as the site says it, else by transformers, rating or class; None if anything can be.
        by_class: `most` is that of the meter's class.
        modulus: Where the counter starts again at 0; None if nowhere.
        resolution: Smallest step that the profile states; None if it states none.
        float32: Its steps grow with its value.
        measured_gap: Longest time between two samples that still counts as measured, ms.
    """

    most: float | None
    by_class: bool
    modulus: float | None
    resolution: float | None
    float32: bool
    measured_gap: int


def stated(meter: Mapping[Any, Any], interval: float | None) -> Stated:
    """What a row of `meter` states.

    Args:
        meter: The row.
        interval: Seconds between two polls of its device; None if that is not known.
    """
    own = meter["max_rate"] is not None
    return Stated(
        most=meter["max_rate"] if own else meter["capacity"],
        by_class=not own and meter["capacity_from"] == "class",
        modulus=meter["modulus"],
        resolution=meter["resolution"],
        float32=meter["float32"],
        measured_gap=max(int(2000 * (interval or 0)), LEAST_MEASURED_GAP),
    )


def recounted(connection: sa.Connection, site: Site) -> Iterator[Change]:
    """Touch the hours of every counter of which a site's files state something else than the registry does.

    A meter of which nothing was counted yet is not told. One that got another device or point shows another series from now on; what
    was stated about the one before stays with it.

    Args:
        connection: In a transaction that writes, before the rows of the site are entered.
        site: From its files.
    """
    rows = rows_of(site)
    meters = {row["id"]: row for row in connection.execute(sa.select(ledger_tables.meter)).mappings()}
    devices = {
        row["id"]: row
        for row in connection.execute(sa.select(devices_tables.device).where(devices_tables.device.c.grp == site.group)).mappings()
    }
    entered = {row["id"]: row for row in rows[devices_tables.device]}
    for new in rows[ledger_tables.meter]:
        old = meters.get(new["id"])
        if old is None or new["device"] not in devices or (old["device"], old["point"]) != (new["device"], new["point"]):
            continue
        was, now = devices[new["device"]], entered[new["device"]]
        before, after = stated(old, was["interval"]), stated(new, now["interval"])
        first = None if before == after or was["class"] != now["class"] else _touch(connection, new["grp"], new["id"])
        if first is not None:
            day = datetime.fromtimestamp(first / 1000, SHANGHAI).date().isoformat()
            told = ", ".join(_told(before, after, POINTS[new["point"]].unit.value))
            yield Change("recounted", "meter", new["id"], f"{told}; its figures from {day} on are counted anew")


def _touch(connection: sa.Connection, group: str, meter: str) -> int | None:
    """Touch the hours that were counted of a meter or judged without a figure; the first of them, None if there is none."""
    hour, judged = ledger_tables.ledger_hour.c, ledger_tables.judgement.c
    counted = sa.select(hour.hour).where(hour.meter == meter, hour.provenance != _ENTERED).distinct()
    hours = set(connection.execute(counted).scalars())
    spans = sa.select(judged.since, judged.until).where(judged.grp == group, judged.meter == meter)
    for since, until in connection.execute(spans):
        hours.update(range(since // HOUR_MS * HOUR_MS, until + 1, HOUR_MS))
    upsert(connection, ledger_tables.touched, [{"meter": meter, "hour": at, "generation": 1} for at in sorted(hours)], add="generation")
    return min(hours, default=None)


def _told(before: Stated, after: Stated, unit: str) -> Iterator[str]:
    """What changed, in words."""
    if (before.most, before.by_class) != (after.most, after.by_class):
        yield f"most in an hour {_most(before, unit)} -> {_most(after, unit)}"
    if before.modulus != after.modulus:
        yield f"rollover {_amount(before.modulus, unit)} -> {_amount(after.modulus, unit)}"
    if before.resolution != after.resolution:
        yield f"smallest step {_amount(before.resolution, unit)} -> {_amount(after.resolution, unit)}"
    if before.float32 != after.float32:
        yield "its steps grow with its value" if after.float32 else "its steps no longer grow with its value"
    if before.measured_gap != after.measured_gap:
        yield f"longest gap that is measured {before.measured_gap // 1000} s -> {after.measured_gap // 1000} s"


def _most(stated: Stated, unit: str) -> str:
    return _amount(stated.most, unit) + (" (its class)" if stated.by_class else "")


def _amount(value: float | None, unit: str) -> str:
    return "none" if value is None else f"{value:.10g} {unit}"
