"""A meter or an institution gets another id: what the ledger keeps of it names the new one.

Each function works on the caller's connection, in a transaction that writes.
"""

from __future__ import annotations

import sqlalchemy as sa

from cloud.ledger import tables
from cloud.platform.histories import copy, move
from cloud.platform.tables import metadata


def copy_meter(connection: sa.Connection, group: str, old: str, new: str) -> None:
    """Begin to rename a meter of a group: it is there under both ids, and every row that names a meter names the new one.

    Only the ledger's tables have a column `meter`, most of them without a foreign key.
    """
    copy(connection, tables.meter, group, old, new)
    for table in metadata.sorted_tables:
        if "meter" in table.c:
            # Of an hour there is one source, whatever its provenance.
            move(connection, table, "meter", group, old, new, alike=["hour"] if table is tables.ledger_hour else ())


def drop_meter(connection: sa.Connection, group: str, old: str, new: str) -> None:
    """Delete a meter whose rows name a new id; the meters below it are below the new one."""
    meter = tables.meter.c
    connection.execute(sa.update(tables.meter).where(meter.grp == group, meter.parent == old).values(parent=new))
    connection.execute(sa.delete(tables.meter).where(meter.grp == group, meter.id == old))


def rename_unit(connection: sa.Connection, group: str, old: str, new: str) -> None:
    """Let the meters that serve an institution name its new id."""
    move(connection, tables.meter_unit, "unit", group, old, new)
