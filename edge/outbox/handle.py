"""An outbox's file in use: locked, opened when it can be, set aside when it is damaged, made anew when it was taken away."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import uuid
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from edge.outbox import file
from edge.outbox.lock import InUseError, hold
from edge.outbox.rows import Stored, Unsent, count_lost, damaged, insert
from edge.outbox.waiting import Waiting

log = structlog.get_logger()
_HELP = (
    "rows that were not sent are taken over from the damaged file as far as they can be read; "
    "look at the card or the disk, which may be failing, and delete the damaged file when nobody wants to look into it"
)
_LOT = 1 << 20
"""Where a process did not close its file, positions go on at the next multiple of this: a torn log may have lost the newest rows,
whose positions were sent and must not be given to others."""
_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 3600.0
"""Seconds from one file that is set aside to the next: a disk that damages each new one must not be filled with them."""


class Handle:
    """One connection for all threads. Every use raises `sqlite3.Error` while the disk refuses, and the next use tries again."""

    def __init__(self, path: Path, patience: float) -> None:
        """Lock the file, or leave that to the first use that can; a disk that hangs is waited for so many seconds.

        Raises:
            InUseError: Another process has it open.
        """
        self.path, self.uuid = path, str(uuid.uuid4())
        self.reserve = file.Reserve(path)
        self.last = 0
        """The greatest position ever given."""
        self._next, self._lock = threading.Lock(), threading.Lock()
        self._release: weakref.finalize[..., Handle] | None = None
        self._db: sqlite3.Connection | None = None
        self._waiting: Waiting | None = None
        self._identity: tuple[int, int] | None = None
        self._left: tuple[sqlite3.Connection, tuple[int, int] | None] | None = None
        """To a file that was taken away while it was open, and which one that was, until its rows are in the new one."""
        self._pause, self._set_aside_at = _FIRST_PAUSE, float("-inf")
        refused: list[OSError] = []
        locking = threading.Thread(target=self._lock_first, args=[refused], name="outbox-lock", daemon=True)
        locking.start()
        locking.join(patience)
        for error in refused:
            if isinstance(error, InUseError):
                raise error

    def open(self) -> None:
        """Open the file, or leave that to the first use that can."""
        with suppress(sqlite3.Error), self.using():
            self.reserve.make()

    @contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone.

        Raises:
            sqlite3.Error: The file cannot be opened, or what was done with it failed.
        """
        with self._alone():
            if self._db is not None and self._identity != file.identity(self.path):
                self._left = self._db, self._identity
                self._db = None
            if self._db is None:
                self._db = self._open()
                self._identity = file.identity(self.path)
            try:
                yield self._db
            except UnicodeDecodeError as error:
                damage = file.unreadable(error)
                self._set_aside(damage)
                raise damage from error
            except sqlite3.Error as error:
                if damaged(error):
                    self._set_aside(error)
                raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Who waits comes before who was just here; a lock alone often lets long work in many transactions in again first."""
        with self._next:
            self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection inside one transaction; rolled back by any error."""
        with self.using() as db, self.waiting.transaction(db):
            yield db

    @property
    def waiting(self) -> Waiting:
        """What waits in the file; for whoever uses the connection at this moment.

        Raises:
            sqlite3.OperationalError: The file was never opened.
        """
        if self._waiting is None:
            raise sqlite3.OperationalError(f"{self.path} is not open")
        return self._waiting

    def close(self) -> None:
        """Close the file; everything committed stays."""
        with self._alone():
            for each in (self._db, self._left and self._left[0]):
                if each is not None:
                    each.close()
            self._db = self._left = None
            if self._release is not None:
                self._release()

    def put(self, db: sqlite3.Connection, rows: Iterable[Stored]) -> int:
        """Inside a transaction: put in rows that have the next positions; returns how many."""
        number = insert(db, self.waiting.coming(rows))
        self.last += number  # never given again, not even when the transaction ends in an error
        return number

    def adopt(self, db: sqlite3.Connection, rows: Iterable[Stored]) -> int:
        """Inside a transaction: put in rows of another file at the next positions, not acknowledged; returns how many."""
        return self.put(db, (row._replace(seq=seq, acknowledged=0) for seq, row in enumerate(rows, self.last + 1)))

    def _open(self) -> sqlite3.Connection:
        try:
            self._hold()
            db = self._opened()
        except OSError as error:
            raise sqlite3.OperationalError(f"{self.path}: {error.strerror or error}") from error
        try:
            self._waiting = Waiting(db)
            if self._left is not None:
                self._take_over(db, *self._left)
                self._left[0].close()
                self._left = None
        except BaseException:
            db.close()
            raise
        return db

    def _take_over(self, db: sqlite3.Connection, left: sqlite3.Connection, identity: tuple[int, int] | None) -> None:
        """Put the rows of a file that was taken away into the present one, unless that is the same, which came back."""
        if identity == file.identity(self.path):
            return
        unsent = Unsent(left)
        with self.waiting.transaction(db):
            rows = self.adopt(db, unsent)
            count_lost(db, unsent.damaged)  # a row that cannot be read has at least one reading
        log.error("outbox taken away", file=str(self.path), help="its rows are in a new one at the same place", rows=rows)

    def _lock_first(self, refused: list[OSError]) -> None:
        try:
            with self._alone():
                self._hold()
        except OSError as error:  # the first use says why
            refused.append(error)

    def _hold(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._release is not None:
            self._release()
        self._release = weakref.finalize(self, os.close, hold(self.path))

    def _opened(self) -> sqlite3.Connection:
        """The file, once more with the room that was held back, and once more after it was set aside."""
        for mend in (self._give_room, self._set_aside, None):
            try:
                unclean = file.log_bytes(self.path) > 0
                db, self.uuid, last = file.opened(self.path, str(uuid.uuid4()))
            except sqlite3.Error as error:
                if mend is None:
                    raise
                mend(error)
            else:
                last = max(self.last, last)
                self.last = (last // _LOT + 1) * _LOT if unclean else last
                return db
        raise AssertionError("the last attempt ends above")

    def _give_room(self, error: sqlite3.Error) -> None:
        if not damaged(error) and not self.reserve.release():
            raise error

    def _set_aside(self, error: sqlite3.Error) -> None:
        """Move the damaged file away, so that the next use makes a new one.

        Raises:
            sqlite3.Error: It cannot be moved, or one was moved away a moment ago.
        """
        now = time.monotonic()
        if not damaged(error) or now - self._set_aside_at < self._pause:
            raise error
        try:
            aside = file.set_aside(self.path)
        except OSError as reason:
            raise sqlite3.OperationalError(f"{self.path} is damaged ({error}) and cannot be moved: {reason.strerror}") from error
        if self._set_aside_at > 0:
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self._set_aside_at = now
        if self._db is not None:
            with suppress(sqlite3.Error):  # what it would still write is damaged
                self._db.close()
            self._db = None
        self.uuid = str(uuid.uuid4())
        log.error("outbox damaged, set aside", file=str(aside), reason=str(error), help=_HELP)
