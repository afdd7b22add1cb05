"""A district's code (`grp`) stands first in every key that belongs to a district, so that ids need be unique in a district only.

A row of a meter gets the meter's group. What is of no meter (sites have their group, compounds, institutions, headcounts and areas), and
hours of meters that the registry does not have, get the group of the one district that was entered; where none was, the one that all
meters have. Where nothing says which district that is, they are kept in the empty group, which no district has and nobody is shown:
entered again, compounds and institutions are there anew. Only where institutions of no known district are served by meters of one is
the migration refused, since a key between them would break.

A token gets no group: it is for every district, as it was. A line of the audit gets the group that it is about, where that can be
known: of commands and alerts it is on record, lines of a forgotten node say it, and what people record about meters, sites and reports
is about the one district that was entered. Lines about tokens and about the cloud's own clock have none.

Published figures of the district that is there have no tag `group`, as before: its `published_as` is empty.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

_KEYS = {
    "site": ("id",),
    "compound": ("id",),
    "unit": ("id",),
    "denominator": ("unit", "kind", "valid_from"),
    "meter": ("id",),
    "meter_unit": ("meter", "unit"),
    "touched": ("meter", "hour"),
    "ledger_hour": ("meter", "hour", "provenance"),
    "entry": ("meter", "month"),
    "exchange": ("meter", "at"),
    "spread_profile": ("meter", "valid_from"),
}
"""What follows the group in each key; a table stands behind those that it refers to."""
_REFERS = {
    "unit": ("compound",),
    "denominator": ("unit",),
    "meter_unit": ("meter", "unit"),
    "entry": ("meter",),
    "exchange": ("meter",),
    "spread_profile": ("meter",),
}
"""Columns that name a row of the table of that name."""
_OF_DISTRICT = ("bill", "entry", "exchange", "finding", "out_of_use", "report", "site", "spread_profile")
"""Actions in the audit that were only possible for the district that was entered."""
_ROWS = 10_000


def _only() -> str:
    """The one group that was entered, or that all meters have; empty if there is none such."""
    connection = op.get_bind()
    for query in ("SELECT grp FROM site UNION SELECT grp FROM entered_site", "SELECT DISTINCT grp FROM meter"):
        found = connection.exec_driver_sql(query).scalars().all()
        if found:
            return found[0] if len(found) == 1 else ""
    return ""


def _refuse_crossing(only: str) -> None:
    """Refuse a database in which a meter of one district serves an institution of another, or of none.

    Raises:
        ValueError: Which ones.
    """
    query = "SELECT u.meter, m.grp, u.unit FROM meter_unit u JOIN meter m ON m.id = u.meter WHERE m.grp <> :only ORDER BY 1, 3"
    found = op.get_bind().execute(sa.text(query), {"only": only}).first()
    if found is not None:
        raise ValueError(
            f"meter {found[0]} of the group {found[1]} serves {found[2]}, which is of {only or 'no known group'}; expected one"
        )


def _new(name: str, metadata: sa.MetaData, key_name: str) -> sa.Table:
    """A table as it is to be, under another name."""
    old = sa.Table(name, sa.MetaData(), autoload_with=op.get_bind())
    columns = [
        sa.Column(one.name, one.type, nullable=one.nullable, server_default=one.server_default) for one in old.columns if one.name != "grp"
    ]
    refers = [
        sa.ForeignKeyConstraint(["grp", column], [f"{column}_0020.grp", f"{column}_0020.id"], name=f"fk_{name}_{column}")
        for column in _REFERS.get(name, ())
    ]
    key = sa.PrimaryKeyConstraint("grp", *_KEYS[name], name=key_name)
    with_rowid = name != "ledger_hour"
    parts = [sa.Column("grp", sa.String(), nullable=False), *columns, key, *refers]
    new: sa.Table = sa.Table(f"{name}_0020", metadata, *parts, sqlite_with_rowid=with_rowid)
    return new


def _fill(name: str, new: sa.Table, only: str) -> None:
    """Copy all rows inside the database, each with its group."""
    names = [f'"{column.name}"' for column in new.columns if column.name != "grp"]
    group, joined = ":only", ""
    if name in {"site", "meter"}:
        group = "old.grp"
    elif "meter" in new.c:
        group, joined = "COALESCE(m.grp, :only)", " LEFT JOIN meter m ON m.id = old.meter"
    copied = ", ".join(f"old.{one}" for one in names)
    insert = f"INSERT INTO {new.name} (grp, {', '.join(names)}) SELECT {group}, {copied} FROM {name} old{joined}"  # noqa: S608 (names of our own)
    query = sa.text(insert)
    op.get_bind().execute(query.bindparams(sa.bindparam("only", type_=sa.String)) if ":only" in insert else query, {"only": only})


def _keys(only: str) -> None:
    """Write each table anew, with the group in its key."""
    connection, metadata = op.get_bind(), sa.MetaData()
    embedded = connection.dialect.name == "sqlite"
    for name in _KEYS:  # names of keys are one to a database in PostgreSQL, and part of the table's text in SQLite
        new = _new(name, metadata, f"pk_{name}" if embedded else f"pk_{name}_0020")
        new.create(connection)
        _fill(name, new, only)
    for name in reversed(_KEYS):
        op.drop_table(name)
    for name in _KEYS:
        op.rename_table(f"{name}_0020", name)
        if not embedded:
            op.execute(f"ALTER TABLE {name} RENAME CONSTRAINT pk_{name}_0020 TO pk_{name}")
            op.execute(f"ANALYZE {name}")


def _audit(only: str) -> None:
    """Say of each line of the audit which group it is about, where that can be known."""
    for action, table, length in (("command", "command", 36), ("alert.acknowledge", "alert", 32)):  # the line begins with its id
        group = f"(SELECT t.grp FROM {table} t WHERE t.id = substr(audit.detail, 1, {length}))"  # noqa: S608 (names of our own)
        op.execute(f"UPDATE audit SET grp = {group} WHERE action = '{action}'")  # noqa: S608 (the same)
    audit = sa.table("audit", *map(sa.column, ("id", "action", "detail", "grp")))
    if only:
        op.execute(sa.update(audit).where(audit.c.action.in_(_OF_DISTRICT)).values(grp=only))
    connection, last = op.get_bind(), 0
    told = sa.select(audit.c.id, audit.c.action, audit.c.detail).where(audit.c.action.in_(["forget", "clock_offset"]))
    while rows := connection.execute(told.where(audit.c.id > last).order_by(audit.c.id).limit(_ROWS)).all():
        for one in rows:
            connection.execute(sa.update(audit).where(audit.c.id == one.id).values(grp=_told(one.action, json.loads(one.detail))))
        last = rows[-1].id


def _told(action: str, detail: dict[str, str]) -> str | None:
    """The group that a line says; of a clock, the only one that has such a source."""
    if action == "forget":
        return detail["group"]
    query = sa.text("SELECT DISTINCT grp FROM clock_offset WHERE source = :source")
    found = op.get_bind().execute(query, {"source": detail["source"]}).scalars().all()
    return found[0] if len(found) == 1 else None


def upgrade() -> None:
    """Apply; about a minute for ten million hours."""
    only = _only()
    _refuse_crossing(only)
    _keys(only)
    op.add_column("site", sa.Column("published_as", sa.String(), server_default="", nullable=False))
    op.add_column("token", sa.Column("grp", sa.String(), nullable=True))
    op.add_column("audit", sa.Column("grp", sa.String(), nullable=True))
    _audit(only)
