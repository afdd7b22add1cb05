"""One process an outbox: two would give the same numbers to different rows, and throw each other off the broker."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path


class InUseError(OSError):
    """Another process has the outbox open; the message says which."""


def hold(path: Path) -> int:
    """Lock the outbox at `path` for this process, as long as the descriptor that is returned stays open; the kernel frees it at its end.

    Raises:
        InUseError: Another process has it.
        OSError: The lock cannot be made.
    """
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        if not isinstance(error, BlockingIOError):
            raise
        raise InUseError(
            f"{path}: process {holder} has this outbox open; a second gateway needs a data folder and an id of its own"
        ) from error
    with suppress(OSError):  # a full disk has no room for the number, which only serves a message
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
    return descriptor
