"""What people said about questions of the ledger, in SQL; a question is known by its meter, its begin (ms) and its kind."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from cloud.ledger.model import MeterKey
from cloud.ledger.selecting import of
from cloud.ledger.tables import finding_note
from cloud.platform.database import upsert

_NOTE = finding_note.c
Question = tuple[MeterKey, int, str]
"""Meter, begin (ms) and kind."""


class Note(NamedTuple):
    """What somebody said, who that was, and when (ms)."""

    text: str
    by: str
    at: int


def of_group(connection: sa.Connection, group: str) -> dict[Question, Note]:
    """All that was said about questions of a district."""
    query = sa.select(_NOTE.meter, _NOTE.since, _NOTE.kind, _NOTE.note, _NOTE.by, _NOTE.at).where(_NOTE.grp == group)
    return {(MeterKey(group, meter), since, kind): Note(*said) for meter, since, kind, *said in connection.execute(query)}


def put(connection: sa.Connection, question: Question, note: Note) -> None:
    """Keep what somebody said about a question, in the place of what was said before."""
    meter, since, kind = question
    row = {"grp": meter.group, "meter": meter.id, "since": since, "kind": kind}
    upsert(connection, finding_note, [row | {"note": note.text, "by": note.by, "at": note.at}])


def forget(connection: sa.Connection, question: Question) -> None:
    """Let go what was said about a question."""
    meter, since, kind = question
    mine = sa.and_(of(finding_note, meter), _NOTE.since == since, _NOTE.kind == kind)
    connection.execute(sa.delete(finding_note).where(mine))
