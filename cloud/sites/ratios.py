"""Ratios and scales that a site's files change: a counter that shows more has not counted more."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import sqlalchemy as sa

from cloud.ledger.periods import HOUR_MS
from cloud.ledger.repository.meters import keep_ratio_change
from cloud.ledger.repository.waiting import touch
from cloud.sites.changes import Change
from cloud.sites.register import Register


def new_ratios(connection: sa.Connection, kept: Register, files: Register, by: str, now: int) -> Iterator[Change]:
    """Keep the ratios and scales that change as dated rows, which the ledger reads, and touch the hour in which they were entered.

    A meter that got another device or another model is an exchange, which somebody records.

    Args:
        connection: In a transaction that writes.
        kept: As the register is before the site is entered.
        files: What the site's files state.
        by: Who enters it.
        now: ms since 1970 in UTC.
    """
    for new in files.meters.values():
        old = kept.meters.get(new.id)
        if old is None or old.ratio is None or new.ratio is None or old.ratio == new.ratio:
            continue
        was, device = kept.device_of(old), files.device_of(new)
        if was is None or device is None or (was.id, was.profile, old.point) != (device.id, device.profile, new.point):
            continue
        factor = f"{(Decimal(new.ratio) / Decimal(old.ratio)).normalize():f}"
        why = f"a step of the register was worth {old.ratio}, now {new.ratio}"
        keep_ratio_change(connection, new, factor, why, by, now)
        touch(connection, [(new.key, now // HOUR_MS * HOUR_MS)])
        yield Change("recorded", "ratio of meter", new.id, f"{why} (times {factor})")
