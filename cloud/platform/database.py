"""Opening the relational database, and whether its schema is the one that this version needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.compiler import SQLCompiler

from cloud.platform.tables import store_check

_CONNECTIONS = {"pool_size": 10, "max_overflow": 70, "pool_timeout": 5}
"""As many at once as threads answer requests and do the service's own work; who waits longer for one than these seconds is told so."""
_REACHING = {
    "connect_timeout": 3,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "options": "-c lock_timeout=15s -c idle_in_transaction_session_timeout=120s",
}
"""libpq's: a server that is gone is known within half a minute, and what a stopped client holds is let go."""
HANGS = 5.0
"""Seconds for which a transaction of `heeded` may do nothing after it wrote."""
DOWN = (sa.exc.OperationalError, sa.exc.TimeoutError)
"""What the engine of `open_database` raises while its database cannot be asked or written; any other error is the caller's."""
REFUSED = (sa.exc.DBAPIError, sa.exc.TimeoutError)
"""Whatever a database says no with: for tasks that write what is their own again and again, and must not end for its sake."""
_OF_THE_DATABASE = (
    *("08", "25", "28", "3D", "3F", "53", "55", "57", "58", "F0", "XX"),
    "0A",  # a plan that a change of the schema made worthless
    *("42501", "42P01", "42703", "42704", "42P10"),  # no right; no such table, column or kind; a primary key that is gone
)
"""How PostgreSQL's codes begin that tell of the database: no other row would fare better, and what is mended there mends it."""
_TOO_LARGE_STATES = "54"
_TOO_LARGE_TEXTS = (
    "Expression tree is too large",
    "too many terms",
    "too many SQL variables",
    "parser stack overflow",
    "number of parameters must be",
)
"""In SQLite's messages, and the last in those of PostgreSQL's library: they have no code of their own."""
MIGRATIONS = Path(__file__).with_name("migrations")
_VERSION = sa.table("alembic_version", sa.column("version_num"))
"""Where Alembic keeps the newest script that it ran; it takes longer to import than all else that most commands need."""
_PAGE = 5000
_LOG_BYTES = 4 << 20
"""Of SQLite's log after it was written to its places, which a large transaction had made longer; SQLite's default is for ever."""


def open_database(url: str | sa.URL, *, pooled: bool = True) -> sa.Engine:
    """An engine for `sqlite:///path` or `postgresql+psycopg://…`; SQLite runs in WAL with foreign keys checked.

    Args:
        url: With its password.
        pooled: Else each connection is a new one, for whoever asks seldom and must not wait for others.
    """
    embedded = sa.make_url(url).get_backend_name() == "sqlite"
    pool: dict[str, Any] = {"pool_pre_ping": not embedded, **_CONNECTIONS} if pooled else {"poolclass": sa.NullPool}
    engine = sa.create_engine(url, connect_args={} if embedded else _REACHING, **pool)
    sa.event.listen(engine, "handle_error", _unusable)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _sqlite_settings)
        sa.event.listen(engine, "begin", _begin_at_once)
    return engine


def _unusable(context: sa.engine.ExceptionContext) -> BaseException | None:
    """Let all that says that a database cannot be used be one kind of error, and nothing else be of that kind.

    SQLite's "malformed", "not a database" and "not authorized" come as the plain `DatabaseError`, of which all others are kinds;
    PostgreSQL's "read-only transaction" comes as an `InternalError`, a closed connection as an `InterfaceError`, a right that is
    missing as a `ProgrammingError`, as a fault in the statement does. A statement that is too large is its own fault, though it
    comes as an `OperationalError`: nothing would ever mend it.
    """
    error, original = context.sqlalchemy_exception, context.original_exception
    if not isinstance(error, sa.exc.DBAPIError):
        return None
    code = getattr(original, "sqlstate", None) or ""
    if code.startswith(_TOO_LARGE_STATES) or any(text in str(original) for text in _TOO_LARGE_TEXTS):
        return sa.exc.ProgrammingError(context.statement, None, original)
    unusable = isinstance(error, sa.exc.InternalError | sa.exc.InterfaceError) or type(error) is sa.exc.DatabaseError
    if unusable or code.startswith(_OF_THE_DATABASE):
        return sa.exc.OperationalError(context.statement, None, original)
    return None


def _sqlite_settings(connection: Any, _record: object) -> None:  # noqa: ANN401 (a DB-API connection)
    connection.isolation_level = None  # SQLAlchemy's BEGIN below is the only one
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "busy_timeout = 15000",
        f"journal_size_limit = {_LOG_BYTES}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_at_once(connection: sa.Connection) -> None:
    """Readers begin deferred; writers say so by `execution_options(writes=True)` and never fail half-way for the lock."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def writing(engine: sa.Engine) -> sa.Engine:
    """The engine for transactions that write."""
    return engine.execution_options(writes=True)


def heeded(engine: sa.Engine) -> sa.Engine:
    """The engine of a process for which others must not wait: once it hangs in a transaction that writes, PostgreSQL ends that one soon."""
    made = engine.execution_options()
    if engine.dialect.name == "postgresql":  # on SQLite one process writes
        sa.event.listen(made, "begin", _end_soon)
    return made


def _end_soon(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{HANGS * 1000:.0f}ms'")


def ask(engine: sa.Engine) -> None:
    """Return if the database answers.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: It does not.
    """
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")


def try_write(engine: sa.Engine, at: int, name: str = "service") -> None:
    """Write one row that takes its own place, and return when it is durable.

    Args:
        engine: The relational database.
        at: ms since 1970 in UTC.
        name: Of the row.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: It cannot be written.
    """
    with writing(engine).begin() as connection:
        upsert(connection, store_check, [{"name": name, "at": at}])


def written_at(engine: sa.Engine, name: str) -> int | None:
    """The time (ms) that `try_write` left in a row; None if there is no such row.

    Raises:
        sqlalchemy.exc.OperationalError: The database cannot be asked.
    """
    with engine.connect() as connection:
        found: int | None = connection.execute(sa.select(store_check.c.at).where(store_check.c.name == name)).scalar()
    return found


def told_by(connection: sa.Connection, kind: str) -> dict[str, int]:
    """What `try_write` left (ms) in each row whose name begins with this word, by the row's name."""
    mine = store_check.c.name.startswith(f"{kind} ", autoescape=True)
    return {name: at for name, at in connection.execute(sa.select(store_check.c.name, store_check.c.at).where(mine))}  # noqa: C416 (rows are no pairs to mypy)


def forget_told(connection: sa.Connection, names: Collection[str]) -> None:
    """Take rows that `try_write` left away."""
    connection.execute(sa.delete(store_check).where(store_check.c.name.in_(names)))


def schema_fault(engine: sa.Engine) -> str | None:
    """Why this version cannot work with a database's schema; None if it can. Reads only.

    Raises:
        sqlalchemy.exc.DatabaseError: The database cannot be opened.
    """
    known = revisions()
    found, head = _revision(engine), known[-1]
    if found == head:
        return None
    if found is None:
        return "it has no schema yet: jieyue-cloud migrate"
    if found in known:
        return f"its schema is {found} and {head} is needed: jieyue-cloud migrate"
    return f"its schema is {found}, which is newer than this version of the service knows ({head})"


def inserting(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An insert that can say what is to be done with rows that are there."""
    return _insert(connection.dialect.name, table)


def _insert(dialect: str, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def revisions() -> list[str]:
    """All schemas that this version knows, the newest last: the numbers that the scripts' names begin with."""
    return sorted(script.name.partition("_")[0] for script in (MIGRATIONS / "versions").glob("*.py"))


def _revision(engine: sa.Engine) -> str | None:
    """The schema of a database; None if it has none."""
    path = engine.url.database if engine.dialect.name == "sqlite" else None
    if path is not None and not Path(path).exists():  # SQLite makes the file of whoever asks
        return None
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(_VERSION.name):
            return None
        return connection.execute(sa.select(_VERSION)).scalar_one_or_none()


def insert_new(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose primary key is new; the others stay as they are."""
    keys = [column.name for column in table.primary_key.columns]
    marks = connection.execute(sa.select(*(table.c[key] for key in keys))).all()
    known = {tuple(row) for row in marks}
    new = [dict(row) for row in rows if tuple(row[key] for key in keys) not in known]
    if new:
        connection.execute(sa.insert(table), new)


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    where: str | None = None,
    add: str | None = None,
    keep: bool = False,
) -> None:
    """Insert rows; a row whose primary key exists is updated.

    Args:
        connection: In a transaction that writes.
        table: Its primary key decides what is the same row.
        rows: All with the same columns.
        where: Column that must not be smaller than the stored one for the update to happen.
        add: Column that grows by one on each update.
        keep: A row whose primary key exists stays as it is.
    """
    if rows:
        _run(connection, _upserting(connection.dialect, table, tuple(rows[0]), where, add, keep), rows)


def insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, all with the same columns."""
    if rows:
        _run(connection, _inserting(connection.dialect, table, tuple(rows[0])), rows)


def update(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Change rows by their primary keys, all with the same columns; a row that is not there stays absent."""
    if rows:
        _run(connection, _updating(connection.dialect, table, tuple(rows[0])), rows)


_BY = "by_"
"""Before a key's name where a row is looked for: the name itself is of the value that a column is set to."""


class _Many(NamedTuple):
    """A statement that is run for many rows: as the driver has it, and how a row becomes its parameters."""

    text: str
    parameters: Callable[[Mapping[str, Any]], Any]


def _run(connection: sa.Connection, statement: _Many, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run a statement for each row. The driver gets the parameters as it takes them, since SQLAlchemy's way takes as long as the insert."""
    for start in range(0, len(rows), _PAGE):
        connection.exec_driver_sql(statement.text, [statement.parameters(row) for row in rows[start : start + _PAGE]])


def _tuple(order: Sequence[str]) -> Callable[[Mapping[str, Any]], Any]:
    """What takes these values out of a row."""
    return itemgetter(*order) if len(order) > 1 else lambda row: (row[order[0]],)


def _many(dialect: sa.Dialect, statement: sa.Insert | sa.Update, columns: Sequence[str], by: Sequence[str] = ()) -> _Many:
    """A statement for rows of these columns, which finds them `by` some of them."""
    compiled = statement.compile(dialect=dialect, column_keys=[name for name in columns if name not in by])
    types = {name: statement.table.c[name].type.dialect_impl(dialect) for name in columns}
    adapted = {name: adapt for name, kind in types.items() if (adapt := kind.bind_processor(dialect)) is not None}
    order, of = compiled.positiontup if isinstance(compiled, SQLCompiler) else None, {_BY + name: name for name in by}
    pick: Callable[[Mapping[str, Any]], Any] = partial(_named, by) if order is None else _tuple([of.get(name, name) for name in order])
    if not adapted:
        return _Many(str(compiled), pick)
    return _Many(str(compiled), lambda row: pick({**row, **{name: adapt(row[name]) for name, adapt in adapted.items()}}))


def _named(by: Sequence[str], row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, **{_BY + name: row[name] for name in by}}


@lru_cache(maxsize=256)
def _inserting(dialect: sa.Dialect, table: sa.Table, columns: tuple[str, ...]) -> _Many:
    return _many(dialect, sa.insert(table), columns)


@lru_cache(maxsize=256)
def _updating(dialect: sa.Dialect, table: sa.Table, columns: tuple[str, ...]) -> _Many:
    keys = [c.name for c in table.primary_key.columns]
    return _many(dialect, sa.update(table).where(*(table.c[key] == sa.bindparam(_BY + key) for key in keys)), columns, keys)


@lru_cache(maxsize=256)
def _upserting(dialect: sa.Dialect, table: sa.Table, columns: tuple[str, ...], where: str | None, add: str | None, keep: bool) -> _Many:  # noqa: FBT001 (as `upsert` has it)
    """The statement of an upsert; made once, since each batch of readings has several, and to make one takes longer than to run it."""
    keys = [c.name for c in table.primary_key.columns]
    new = _insert(dialect.name, table)
    changes: dict[str, Any] = {name: new.excluded[name] for name in columns if name not in keys}
    if add:
        changes[add] = table.c[add] + sa.literal_column("1")
    if keep or not changes:
        return _many(dialect, new.on_conflict_do_nothing(index_elements=keys), columns)
    condition = new.excluded[where] >= table.c[where] if where else None
    return _many(dialect, new.on_conflict_do_update(index_elements=keys, set_=changes, where=condition), columns)
