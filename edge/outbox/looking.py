"""An outbox that somebody looks at: what stands in it is read, and nothing is written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from edge.outbox import file
from edge.outbox.lock import at_rest


@contextmanager
def looked_at(path: Path) -> Iterator[sqlite3.Connection]:
    """The outbox at `path`, which no gateway opens meanwhile.

    Raises:
        InUseError: A gateway has it.
        OSError: Its lock cannot be read.
        sqlite3.Error: It cannot be read, or is damaged.
    """
    with at_rest(path), closing(file.opened_to_read(path)) as db:
        try:
            yield db
        except UnicodeDecodeError as error:
            raise file.unreadable(error) from error
