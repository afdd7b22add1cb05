"""The order that keeps the promise: telemetry first, then one SQL transaction, and only then the acknowledgement."""

from __future__ import annotations

import json

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cloud.ingest.batch import Batch
from cloud.registry import tables
from cloud.registry.database import upsert, writing
from cloud.telemetry.base import Refused, Telemetry
from contract.reading import Quality

_NEWER = f"(excluded.at >= latest.at OR latest.quality = {int(Quality.SUSPECT)} AND excluded.quality = {int(Quality.GOOD)})"
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

RESULT_STATES = frozenset({"done", "refused", "expired", "failed"})


def store(batch: Batch, engine: sa.Engine, telemetry: Telemetry) -> None:
    """Store a batch; running it again changes nothing.

    Raises:
        StoreDown: Telemetry cannot be reached.
        sqlalchemy.exc.OperationalError: The database cannot be reached.
    """
    refused = telemetry.write(batch.lines) if batch.lines else []
    with writing(engine).begin() as connection:
        upsert(connection, tables.birth, batch.births)
        upsert(connection, tables.node, list(batch.nodes.values()))
        upsert(connection, tables.device, list(batch.devices.values()))
        upsert(connection, tables.touched, [{"meter": m, "hour": h, "generation": 1} for m, h in sorted(batch.touched)], add="generation")
        _latest(connection, batch)
        _events(connection, batch)
        _rejected(connection, refused, batch)
        _results(connection, batch)


def _insert(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def _latest(connection: sa.Connection, batch: Batch) -> None:
    """The newest reading by time of measurement, however it came; `good_at` grows on its own.

    A reading whose time is in doubt gives way to any good one, else a clock that was once ahead would hide what follows.
    """
    rows = [
        (group, device, point, *newest[:2], int(newest.quality), *newest[3:])
        for (group, device), polls in batch.polls.items()
        for point, newest in polls.newest().items()
    ]
    if rows:
        connection.exec_driver_sql(_LATEST[connection.dialect.paramstyle], rows)


def _events(connection: sa.Connection, batch: Batch) -> None:
    rows = [{"kind": k, "grp": g, "subject": s, "at": at, "detail": d} for (k, g, s, at), d in batch.events.items()]
    if rows:
        insert = _insert(connection, tables.event)
        connection.execute(insert.on_conflict_do_nothing(index_elements=["kind", "grp", "subject", "at"]), rows)


def _rejected(connection: sa.Connection, refused: list[Refused], batch: Batch) -> None:
    rows = [
        {
            "grp": line.group,
            "class": line.device_class,
            "device": line.reading.device,
            "point": line.reading.point,
            "at": line.reading.at,
            "value": line.reading.value,
            "quality": int(line.reading.quality),
            "reason": reason,
            "received_at": batch.received_at,
        }
        for line, reason in refused
    ]
    if rows:
        insert = _insert(connection, tables.rejected_reading)
        connection.execute(insert.on_conflict_do_nothing(index_elements=["grp", "device", "point", "at"]), rows)


def _results(connection: sa.Connection, batch: Batch) -> None:
    """Answers to commands; a result that is no JSON of ours, or for an unknown id, changes nothing."""
    for result in batch.results:
        try:
            answer = json.loads(result["text"])
            values = {"state": answer["state"], "read_back": answer.get("read_back"), "reason": str(answer.get("reason", ""))}
            name = str(answer["id"])
        except (ValueError, KeyError, TypeError, AttributeError):
            batch.dropped["not a command result"] += 1
            continue
        if values["state"] in RESULT_STATES and isinstance(values["read_back"], int | float | None):
            connection.execute(sa.update(tables.command).where(tables.command.c.id == name).values(values))
