"""Which rights the service lacks in its database, in words for whoever may give them."""

from __future__ import annotations

import sqlalchemy as sa

from cloud.platform.database import DOWN
from cloud.platform.schema import metadata

_MOST = 3
"""Tables that are named; after a restore under another owner it is all of them."""
_LACKED = sa.text("""
    SELECT t.name, string_agg(r.name, ', ' ORDER BY r.place)
    FROM unnest(CAST(:tables AS text[])) WITH ORDINALITY t(name, place)
    CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) WITH ORDINALITY r(name, place)
    WHERE to_regclass(t.name) IS NOT NULL AND NOT has_table_privilege(to_regclass(t.name), r.name)
    GROUP BY t.name, t.place ORDER BY t.place
""")
_SEQUENCES = sa.text("""
    SELECT relname, 'USAGE' FROM pg_class
    WHERE CASE WHEN relkind = 'S' THEN pg_table_is_visible(oid) AND NOT has_sequence_privilege(oid, 'USAGE') ELSE false END ORDER BY relname
""")


class MissingRightError(Exception):
    """The user of the database may not do what the service does; the message says what, and holds no address."""


def check(engine: sa.Engine) -> None:
    """Return if the user has the rights on each table, or if nobody knows: a database that is away says nothing of rights.

    Raises:
        MissingRightError: Some are missing. SQLite knows no rights.
    """
    if engine.dialect.name != "postgresql":
        return
    try:
        with engine.connect() as connection:
            found = connection.execute(_LACKED, {"tables": [table.name for table in metadata.sorted_tables]}).all()
            lacked = [f"{rights} on {name}" for name, rights in (*found, *connection.execute(_SEQUENCES))]
    except DOWN:
        return
    if lacked:
        more = f"; and on {len(lacked) - _MOST} more" if len(lacked) > _MOST else ""
        raise MissingRightError(f"the user of the database may not {'; '.join(lacked[:_MOST])}{more}: see GRANT")
