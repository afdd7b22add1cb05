"""The outbox's file: opened or made, moved aside when it is damaged, and the room that is held back for a full disk."""

from __future__ import annotations

import fnmatch
import os
import sqlite3
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from edge.outbox import wal
from edge.outbox.pages import Pages
from edge.outbox.rows import COLUMNS, DamagedError

_SCHEMAS = tuple(Path(__file__).with_name(name) for name in ("schema.sql", "schema_2.sql", "schema_3.sql"))
T = TypeVar("T")
_LOGS = ("-wal", "-shm")
"""What SQLite keeps beside a file that is in use; without the first a part of what was committed is missing."""
_MOST_POSITIONS = 1 << 48
"""A thousand rows a second reach it in 8900 years; a greater position was never given, and would soon leave none for new rows."""
RESERVE = 8 << 20
"""Bytes held back. SQLite deletes by writing to its log, and what is in the log must fit into the file before the log can shrink:
it has up to 4 MiB, and more after a large transaction."""


def opened(path: Path, name: str) -> tuple[sqlite3.Connection, str, int]:
    """The outbox at `path`, its uuid and the greatest position that it knows of; where there is none it is made, and called `name`.

    Raises:
        sqlite3.Error: It cannot be opened now.
        DamagedError: It is no outbox, or none any more.
    """
    _look_before(path)
    db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    with _closed_by_an_error(db):
        db.text_factory = _text
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        _migrate(db)
        _check_tables(db, COLUMNS)
        return db, _named(db, name), _last(db)


def opened_to_read(path: Path) -> sqlite3.Connection:
    """The outbox at `path`, of any version, for whoever changes nothing: no byte of it and of its folder is written.

    Where a process did not close it SQLite reads the log too, and keeps what it otherwise notes in a file beside it in memory. It must be
    let alone meanwhile (`edge.outbox.lock.at_rest`).

    Raises:
        sqlite3.Error: It cannot be opened.
        DamagedError: It is no outbox, or none any more.
    """
    _look_before(path)
    # SQLite deletes a log of which it takes nothing. Where it takes something it would move that into the file at the end, unless told not
    # to, which Python can since 3.12; before that it cannot either, since the file is open to be read only.
    with_log = _of_disk(path, wal.read_by_sqlite)
    how = "vfs=unix-none" if with_log else "immutable=1"
    db = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&{how}", uri=True, isolation_level=None)
    with _closed_by_an_error(db):
        if sys.version_info >= (3, 12):
            db.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)  # noqa: FBT003 (it takes no name)
        db.text_factory = _text
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA temp_store = MEMORY")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if not version and not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            db.close()
            return _empty()
        _check_tables(db, COLUMNS if version > 1 else COLUMNS.removesuffix(", crc"))
        _name(db)
        _last(db)
        return db


def _empty() -> sqlite3.Connection:
    """An outbox in memory, as a gateway would make one of an empty file."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    _migrate(db)
    return db


def _look_before(path: Path) -> None:
    """Look for what SQLite would not notice, or mend by throwing it away.

    Raises:
        DamagedError: There is some.
    """
    if not _size(path) and log_bytes(path):  # SQLite would throw away the log, and what was committed to it
        raise DamagedError("the file is empty, but its log is not")
    if damage := _of_disk(path, _damage_of_log):
        raise DamagedError(damage)


@contextmanager
def _closed_by_an_error(db: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        db.close()
        raise unreadable(error) from error
    except sqlite3.OperationalError as error:
        db.close()
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        raise DamagedError(str(error)) from error  # our statements are right where the tables and the format are
    except BaseException:
        db.close()
        raise


def unreadable(error: UnicodeDecodeError) -> DamagedError:
    """What Python raises instead of SQLite's error where that quotes damaged text."""
    return DamagedError(f"its text cannot be read: {error}")


def _damage_of_log(path: Path) -> str:
    """What is wrong with the log that a process left; empty for nothing."""
    if wal.damaged(path):
        return "its log is torn"
    if not log_bytes(path):
        return ""
    with Pages(path) as pages:
        return "its log lost its end" if pages.log_is_older() else ""


def _of_disk(path: Path, look: Callable[[Path], T]) -> T:
    """What a look at a file gives that SQLite has no part in, with SQLite's error where the disk refuses it."""
    try:
        return look(path)
    except OSError as error:
        raise sqlite3.OperationalError(f"{path}: {error.strerror}") from error


def _text(raw: bytes) -> str:
    """Damaged text must be found by its row's checksum, and not end the reading of all rows."""
    return raw.decode("utf-8", "replace")


def _migrate(db: sqlite3.Connection) -> None:
    """Bring the tables to the newest version; nothing is written where they are."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    scripts = "".join(schema.read_text(encoding="utf-8") for schema in _SCHEMAS[version:])
    if scripts:
        db.executescript(f"BEGIN IMMEDIATE; {scripts} PRAGMA user_version = {len(_SCHEMAS)}; COMMIT;")


def _check_tables(db: sqlite3.Connection, expected: str) -> None:
    """Look whether the tables are those of an outbox, and that of rows has the columns that are expected.

    Raises:
        DamagedError: They are not.
    """
    columns = ", ".join(name for (name,) in db.execute("SELECT name FROM pragma_table_info('row') ORDER BY cid"))
    db.execute("SELECT key, value FROM meta LIMIT 1").fetchone()
    db.execute("SELECT first_seq, first_at, last_at, rows, body FROM pack LIMIT 0").fetchone()
    if columns != expected:
        raise DamagedError(f"the table of rows has the columns {columns}")


def _named(db: sqlite3.Connection, name: str) -> str:
    """The uuid that stands in the file, else `name`, which stands in it then."""
    found = _name(db)
    if found is None:
        db.execute("INSERT INTO meta VALUES ('uuid', ?)", (name,))
        return name
    return found


def _name(db: sqlite3.Connection) -> str | None:
    """The uuid that stands in the file; None for none.

    Raises:
        DamagedError: What stands there is no uuid.
    """
    found = db.execute("SELECT value FROM meta WHERE key = 'uuid'").fetchone()
    if found is None:
        return None
    try:
        return str(uuid.UUID(hex=_typed(found[0], str)))
    except ValueError as error:
        raise DamagedError("its uuid is none") from error


def _last(db: sqlite3.Connection) -> int:
    """The greatest position that the file knows of.

    Raises:
        DamagedError: It is none.
    """
    given = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'row' UNION ALL SELECT coalesce(max(seq), 0) FROM row").fetchall()
    last = max(_typed(seq, int) for (seq,) in given)
    if last > _MOST_POSITIONS:
        raise DamagedError(f"its greatest position is {last}")
    return last


def _typed(value: object, kind: type[T]) -> T:
    """A value that SQLite read, which may be of any type where the file is damaged."""
    if not isinstance(value, kind):
        raise DamagedError(f"{value!r:.40} stands where a value of the type {kind.__name__} was written")
    return value


def identity(path: Path) -> tuple[int, int] | None:
    """Which file stands at a path (device and inode); None for none. One that was deleted or whose folder vanished can still be written.

    Raises:
        sqlite3.OperationalError: It cannot be looked at.
    """
    found = _found(path)
    return None if found is None else (found.st_dev, found.st_ino)


def log_bytes(path: Path) -> int:
    """The size of SQLite's log; before a file is opened, anything but 0 says that the process before did not close it."""
    return _size(wal.beside(path))


def set_aside(path: Path) -> Path:
    """Give a damaged file and its logs a new name with the time (UTC), and return it. Nothing is deleted.

    Raises:
        OSError: It cannot be renamed, such as on a disk that can only be read.
    """
    at = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = path.with_name(f"{path.name}.{at}.damaged")
    for end in ("", *_LOGS):
        with suppress(FileNotFoundError):
            _beside(path, end).rename(_beside(aside, end))
    return aside


def all_set_aside(path: Path) -> list[Path]:
    """The damaged files of an outbox, oldest first; of some only the log is left.

    Raises:
        sqlite3.OperationalError: The folder cannot be listed.
    """
    try:
        with os.scandir(path.parent) as entries:
            names = fnmatch.filter([entry.name for entry in entries], f"{path.name}.*.damaged*")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise sqlite3.OperationalError(f"{path.parent}: {error.strerror}") from error
    return sorted({path.with_name(name.removesuffix("-wal")) for name in names if not name.endswith("-shm")})


class Reserve:
    """A file that takes up room as long as there is some, so that a full disk can still be tidied."""

    def __init__(self, outbox: Path) -> None:
        """Beside `outbox`."""
        self._path = _beside(outbox, ".reserve")

    def make(self) -> None:
        """Hold room back; on a disk without it nothing is held."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return
        try:
            os.posix_fallocate(descriptor, 0, RESERVE)
        except OSError:
            self.release()
        finally:
            os.close(descriptor)

    def release(self) -> bool:
        """Give the room back; False if none was held."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def _size(path: Path) -> int:
    found = _found(path)
    return 0 if found is None else found.st_size


def _found(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise sqlite3.OperationalError(f"{path}: {error.strerror}") from error
