"""What people record about a counter: how its use is usually spread, and what every record is checked for."""

from __future__ import annotations

import json

import sqlalchemy as sa

from cloud.accounts.repository import audited
from cloud.ledger.counters import RecordedShape
from cloud.ledger.model import MeterKey
from cloud.ledger.periods import HOUR_MS
from cloud.ledger.queries import meters
from cloud.ledger.repository import hours, records
from cloud.platform.database import writing
from contract.clock import iso
from contract.point import POINTS


class RecordError(ValueError):
    """Something that cannot be recorded; one line with the field and what was expected."""


def record_profile(engine: sa.Engine, meter: MeterKey, profile: RecordedShape, by: str, now: int) -> None:
    """Record how gaps are spread from a moment on; a row that a gap may have used never changes.

    Args:
        engine: Of the ledger.
        meter: Whose.
        profile: From when, and the 168 weights.
        by: Who records it.
        now: ms since 1970 in UTC.

    Raises:
        RecordError: There is no such meter, a row of that moment, or the meter was already counted beyond it.
    """
    with writing(engine).begin() as connection:
        counted_as(connection, meter)
        is_later = hours.is_known_from(connection, meter, profile.valid_from // HOUR_MS * HOUR_MS)
        if is_later or records.has_profile(connection, meter, profile.valid_from):
            raise RecordError(f"from: expected a time after the last hour counted of {meter}, got {iso(profile.valid_from)}")
        records.add_profile(connection, meter, profile, by, now)
        detail = {"meter": meter.id, "valid_from": profile.valid_from, "weights": json.dumps(profile.weights)}
        audited(connection, "spread_profile", detail, by, now, group=meter.group)


def counted_as(connection: sa.Connection, meter: MeterKey) -> tuple[str, str]:
    """The energy of a meter and the unit of its counter.

    Raises:
        RecordError: There is no such meter, or no device counts it.
    """
    known = meters.one(connection, meter)
    if known is None:
        raise RecordError(f"meter: no meter {meter.id!r}")
    if known.point not in POINTS:
        raise RecordError(f"meter: expected one that a device counts; {meter} is fed by hand")
    return known.energy, POINTS[known.point].unit.value
