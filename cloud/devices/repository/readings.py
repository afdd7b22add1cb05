"""The newest reading of each point, and times of receipt."""

from __future__ import annotations

import sqlalchemy as sa

from cloud.devices.clocks import TOLERANCE
from cloud.devices.own_clock import Moved
from cloud.devices.tables import latest, rejected_reading
from contract.reading import Quality

Values = tuple[str, str, str, int, float | None, int, str, int, int | None]
"""Group, device, point, time of measurement (ms), value, quality, reason, time of receipt (ms), and time of the newest good one (ms)."""
_GOOD = int(Quality.GOOD)
_NEWER = f"(excluded.at > latest.at OR excluded.at = latest.at AND (excluded.quality = {_GOOD} OR latest.quality <> {_GOOD}))"
_LATEST_SQL = (
    "INSERT INTO latest (grp, device, point, at, value, quality, reason, received_at, good_at) VALUES ({}) "  # noqa: S608 (our own names)
    "ON CONFLICT (grp, device, point) DO UPDATE SET "
    + "".join(
        f"{name} = CASE WHEN {_NEWER} THEN excluded.{name} ELSE latest.{name} END, "
        for name in ("at", "value", "quality", "reason", "received_at")
    )
    + "good_at = CASE WHEN latest.good_at IS NULL OR excluded.good_at > latest.good_at THEN excluded.good_at ELSE latest.good_at END"
)
_LATEST = {style: _LATEST_SQL.format(", ".join([sign] * 9)) for style, sign in (("qmark", "?"), ("pyformat", "%s"))}
"""By the driver's way to write a parameter. Every reading that comes passes here; a built statement costs more than the database."""


def put_newest(connection: sa.Connection, readings: list[Values]) -> None:
    """Keep the newest reading by time of measurement, however it came, of two of one time the good one; `good_at` grows on its own.

    On PostgreSQL in the order of their key, since several processes may write the same rows at once and would wait for each other.
    """
    if readings:
        if connection.dialect.name == "postgresql":
            readings = sorted(readings)
        connection.exec_driver_sql(_LATEST[connection.dialect.paramstyle], readings)


def restamp(connection: sa.Connection, moved: Moved) -> None:
    """Correct times of receipt by the time before: of one that was behind only those before the measurement are surely its own."""
    for table in (latest, rejected_reading):
        column = table.c
        since = column.received_at.between(moved.since, moved.until)
        wrong = sa.and_(since, column.at > column.received_at + TOLERANCE) if moved.ms > 0 else since
        connection.execute(sa.update(table).where(wrong).values(received_at=column.received_at + moved.ms))
