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
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
import structlog

from cloud.platform.database import DOWN, REFUSED, open_database
from contract.lifecycle import heed_cancellation

log = structlog.get_logger()
LOOK_EVERY = 1.0
"""Real seconds between two tries to take a role, and between two looks whether it is still held."""
SILENCE = 6
"""Seconds after which PostgreSQL ends the session of a holder that says nothing, since it hangs or its machine is gone."""
_ROLES = 0x6A79
"""The first key of these locks; the second comes from the role's name."""

_HOLDS = sa.text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database"
    " WHERE datname = current_database()) AND classid = :roles AND objid = :role AND objsubid = 2 AND granted AND pid = :pid)"
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
        self._wanted = False
        """Whether it was taken and not given back."""

    def take(self) -> bool:
        """Begin a session, and end it again where another has the lock."""
        session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        taken = bool(session.execute(sa.text("SELECT pg_try_advisory_lock(:roles, :role)"), self._key).scalar())
        if not taken:
            session.close()
            return False
        self._wanted = True
        session.exec_driver_sql(f"SET idle_session_timeout = '{SILENCE}s'")
        self._session, self._pid = session, int(session.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
        return True

    def held(self) -> bool:
        """Whether the session lives; one that the server ended is begun anew, unless another has the lock by then.

        While the database cannot be asked the work goes on: it writes nothing then, and what it heard meanwhile is not lost.
        """
        if self._session is not None:
            try:
                self._session.exec_driver_sql("SELECT 1")
            except REFUSED:
                self._end()
            else:
                return True
        try:
            return self._wanted and self.take()
        except DOWN:
            return True

    def check(self, connection: sa.Connection) -> None:
        """Whether the server says that the session has the lock; two transactions that write wait for each other."""
        if connection.get_execution_options().get("writes"):
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:role, :roles)"), self._key)
        if not connection.execute(_HOLDS, self._key | {"pid": self._pid}).scalar():
            raise NotLeadingError(self._role)

    def leave(self) -> None:
        """End the session, and with it the lock."""
        self._wanted = False
        self._end()
        self._engine.dispose()

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
    waits = False
    try:
        while True:
            if await _taken(lead):
                waits = False
                log.info("role taken", role=role)
                await _until_lost(lead, work)
                log.warning("role lost; another process may have it", role=role)
            elif not waits:
                waits = True
                log.info("role waits: another process has it", role=role)
            heed_cancellation()
            await asyncio.sleep(LOOK_EVERY)
    finally:
        lead.leave()


async def _taken(lead: Lead) -> bool:
    try:
        return await asyncio.to_thread(lead.take)
    except DOWN:
        return False  # nobody can work then; whoever needs the database says so


async def _until_lost(lead: Lead, work: Callable[[], Awaitable[None]]) -> None:
    """Work until the role is lost or the work fails."""
    working = asyncio.ensure_future(work())
    try:
        while not working.done() and await asyncio.to_thread(lead.held):
            await asyncio.wait({working}, timeout=LOOK_EVERY)
    finally:
        if not working.done():
            working.cancel()
            await asyncio.wait({working})
    if not working.cancelled():
        working.result()
