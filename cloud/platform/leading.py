"""What one process at a time does: it holds a lock, and another takes over within ten seconds when it ends, hangs or is cut off.

On PostgreSQL the lock is an advisory one of a session of its own, which the server ends when nothing is asked in it for some seconds. So a
process that was stopped may come back and not know that it was replaced: what it writes asks in the same transaction (`Lead.check`). On
SQLite the lock is on a file beside the database, which the system gives back when the process ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
import zlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
import structlog

from cloud.platform.database import DOWN, REFUSED, open_database
from contract.lifecycle import heed_cancellation
from contract.yamlfile import ConfigError

log = structlog.get_logger()
LOOK_EVERY = 1.0
"""Real seconds between two tries to take a role, and between two looks whether it is still held."""
_AFTERWARDS = 4
"""Looks for which who waits lets the holder take the role again, once the database was away for all."""
_LAST_WRITE = 2
"""Seconds that a transaction of the holder before has for its end."""
_MOMENT = 0.2
SILENCE = 6
"""Seconds after which PostgreSQL ends the session of a holder that says nothing, since it hangs or its machine is gone."""
_LEAST_VERSION = (14,)
"""Of PostgreSQL; earlier ones have no `idle_session_timeout`."""
_ROLES = 0x6A79
"""The first key of these locks; the second comes from the role's name."""

_HOLDS = sa.text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database"
    " WHERE datname = current_database()) AND classid = :roles AND objid = :role AND objsubid = 2 AND granted AND pid = :pid)"
)

_LOCK_WRITES = sa.text("SELECT pg_advisory_lock(:role, :roles)")
_END_WRITES = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database"
    " WHERE datname = current_database()) AND classid = :role AND objid = :roles AND objsubid = 2 AND granted"
)
_TURN = sa.text("SELECT at FROM store_check WHERE name = :name")
"""Turns of a role are counted, so that a holder knows whether another had it meanwhile."""
_NEXT_TURN = sa.text(
    "INSERT INTO store_check (name, at) VALUES (:name, 1) ON CONFLICT (name) DO UPDATE SET at = store_check.at + 1 RETURNING at"
)


class NotLeadingError(sa.exc.OperationalError):
    """Another process does this now: nothing of what was begun may be written. Tried again like what a database refuses, it stays so."""

    def __init__(self, role: str) -> None:
        """Say which role."""
        super().__init__("", None, RuntimeError(f"another process has the role {role}"))


class Lead(Protocol):
    """A role that this process may hold."""

    def take(self) -> bool:
        """Try to get it.

        Raises:
            sqlalchemy.exc.OperationalError: The database cannot be asked.
            OSError: The lock's file cannot be opened.
        """

    def held(self) -> bool:
        """Whether it still holds it, or nobody can say; asking keeps it. False once another process has it, or it was given back."""

    def check(self, connection: sa.Connection) -> None:
        """Make sure at the begin of a transaction that it is held, and that nobody else writes by it before the end of one that writes.

        Raises:
            NotLeadingError: Somebody else may hold it.
        """

    def leave(self) -> None:
        """Give it back."""


def check_server(engine: sa.Engine) -> None:
    """Return if the server of PostgreSQL can tell a holder that hangs.

    Raises:
        ConfigError: It is too old.
        sqlalchemy.exc.OperationalError: It cannot be asked.
    """
    with engine.connect() as connection:
        version = connection.dialect.server_version_info or ()
    if version < _LEAST_VERSION:
        raise ConfigError(f"JIEYUE_DATABASE: expected PostgreSQL {_LEAST_VERSION[0]} or later, got {'.'.join(map(str, version))}")


def lead_of(engine: sa.Engine, role: str) -> Lead:
    """A role among the processes that work on a database; nothing is taken yet."""
    if engine.dialect.name == "postgresql":
        return _SessionLock(engine, role)
    return _FileLock(engine.url.database, role)


class _SessionLock:
    """An advisory lock of a PostgreSQL session."""

    def __init__(self, engine: sa.Engine, role: str) -> None:
        self._engine = open_database(engine.url, pooled=False)
        self._role = role
        self._key = {"roles": _ROLES, "role": zlib.crc32(role.encode()) & 0x7FFF_FFFF}
        self._session: sa.Connection | None = None
        self._pid = 0
        self._turn: int | None = None
        """Which turn of the role is ours; None if it was not taken, or was given back."""

    def take(self) -> bool:
        """Begin a session with the lock, and a new turn of the role once nobody writes in the one before."""
        if self._turn is not None:
            return self.held()
        if not self._locked():
            return False
        try:
            self._turn = self._session_of_ours().execute(_NEXT_TURN, {"name": f"role {self._role}"}).scalar_one()
        except REFUSED:
            self._end()  # else the next try would wait for this session
            raise
        return True

    def held(self) -> bool:
        """Whether the session lives; one that the server ended is begun anew, unless another has or had the role since.

        While the database cannot be asked the work goes on: it writes nothing then, and what it heard meanwhile is not lost.
        """
        if self._turn is None:
            return False
        try:
            if self._session is not None and self._answers(self._session):
                return True
            if self._again() and self._session_of_ours().execute(_TURN, {"name": f"role {self._role}"}).scalar() == self._turn:
                return True
        except DOWN:
            return True
        self._turn = None
        self._end()
        return False

    def check(self, connection: sa.Connection) -> None:
        """Whether the server says that the session has the lock; two transactions that write wait for each other."""
        if connection.get_execution_options().get("writes"):
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:role, :roles)"), self._key)
        if not connection.execute(_HOLDS, self._key | {"pid": self._pid}).scalar():
            raise NotLeadingError(self._role)

    def leave(self) -> None:
        """End the session, and with it the lock."""
        self._turn = None
        self._end()
        self._engine.dispose()

    def _session_of_ours(self) -> sa.Connection:
        if self._session is None:
            raise NotLeadingError(self._role)
        return self._session

    def _answers(self, session: sa.Connection) -> bool:
        try:
            session.exec_driver_sql("SELECT 1")
        except REFUSED:
            self._end()
            return False
        return True

    def _locked(self) -> bool:
        """Begin a session that has the lock; False where another has it."""
        session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            taken = bool(session.execute(sa.text("SELECT pg_try_advisory_lock(:roles, :role)"), self._key).scalar())
            if taken:
                self._wait_for_the_last(session)
                session.exec_driver_sql(f"SET idle_session_timeout = '{SILENCE}s'")
                self._pid = int(session.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
        except REFUSED:
            session.invalidate()
            session.close()
            raise
        if taken:
            self._session = session
        else:
            session.close()
        return taken

    def _again(self) -> bool:
        """Begin a session with the lock anew; the server may need a moment to let the one go that it ended."""
        until = time.monotonic() + _LAST_WRITE
        while not self._locked():
            if time.monotonic() > until:
                return False
            time.sleep(_MOMENT)
        return True

    def _wait_for_the_last(self, session: sa.Connection) -> None:
        """Return when nobody writes by the role any more; a transaction that hangs is ended, as if its process had died."""
        session.exec_driver_sql(f"SET lock_timeout = '{_LAST_WRITE}s'")
        try:
            session.execute(_LOCK_WRITES, self._key)
        except REFUSED:
            session.execute(_END_WRITES, self._key)
            session.exec_driver_sql("SET lock_timeout = '15s'")
            session.execute(_LOCK_WRITES, self._key)
        session.execute(sa.text("SELECT pg_advisory_unlock(:role, :roles)"), self._key)

    def _end(self) -> None:
        session, self._session, self._pid = self._session, None, 0
        if session is not None:
            with contextlib.suppress(*REFUSED):
                session.close()


class _FileLock:
    """A lock on a file beside an SQLite database; one in memory has no other process."""

    def __init__(self, database: str | None, role: str) -> None:
        self._role = role
        self._path = None if database in {None, "", ":memory:"} else Path(f"{database}.{role}")
        self._file: int | None = None

    def take(self) -> bool:
        """Lock the file, which stays when it is given back."""
        if self._path is None or self._file is not None:
            return True
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    def held(self) -> bool:
        """Whether it was taken: nobody takes it from a process that lives."""
        return self._path is None or self._file is not None

    def check(self, _connection: sa.Connection) -> None:
        """Whether it was taken."""
        if not self.held():
            raise NotLeadingError(self._role)

    def leave(self) -> None:
        """Give it back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def fenced(engine: sa.Engine, lead: Lead) -> sa.Engine:
    """The engine, whose transactions fail with `NotLeadingError` once another process has the role."""
    made = engine.execution_options()
    sa.event.listen(made, "begin", lead.check)
    return made


async def while_leading(lead: Lead, role: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do a role's work whenever this process has it, until cancelled; what fails in the work fails here.

    Args:
        lead: Of `lead_of`.
        role: What the log calls it.
        work: Runs until it is cancelled.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix=f"role-{role}")  # of its own: others may hang in a store
    run = partial(asyncio.get_running_loop().run_in_executor, thread)
    told, away = False, 0
    try:
        while True:
            away = max(away - 1, 0)
            try:
                taken = None if away else await run(lead.take)
            except DOWN:
                away, taken = _AFTERWARDS, None  # nobody can work then; whoever needs the database says so
            if taken:
                told = False
                log.info("role taken", role=role)
                if await _until_lost(run, lead, work):
                    log.warning("role lost; another process may have it", role=role)
            elif taken is False and not told:
                told = True
                log.info("role waits: another process has it", role=role)
            heed_cancellation()
            await asyncio.sleep(LOOK_EVERY)
    finally:
        thread.submit(lead.leave)  # it may wait for a database that hangs
        thread.shutdown(wait=False)


async def _until_lost(run: Callable[[Callable[[], bool]], Awaitable[bool]], lead: Lead, work: Callable[[], Awaitable[None]]) -> bool:
    """Work until the role is lost, which is said, or the work ends or fails."""
    working = asyncio.ensure_future(work())
    try:
        while not working.done():
            if not await run(lead.held):
                return True
            await asyncio.wait({working}, timeout=LOOK_EVERY)
        working.result()
        return False
    finally:
        while not working.done():  # again and again, as `until_signalled` does, and why
            working.cancel()
            await asyncio.wait({working}, timeout=LOOK_EVERY)
