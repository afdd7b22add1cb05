"""What people said about questions of the ledger, in SQL."""

from __future__ import annotations

import sqlalchemy as sa

from cloud.ledger.tables import finding_note


def forget(connection: sa.Connection, meter: str, since: int, kind: str) -> None:
    """Let go what was said about a question of a meter: one of this kind, about a time that begins then (ms)."""
    note = finding_note.c
    mine = sa.and_(note.meter == meter, note.since == since, note.kind == kind)
    connection.execute(sa.delete(finding_note).where(mine))
