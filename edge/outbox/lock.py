"""One process an outbox: two would give the same numbers to different rows, and throw each other off the broker."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def hold(path: Path) -> int:
    """Lock the outbox at `path` for this process, as long as the descriptor that is returned stays open; the kernel frees it at its end.

    Raises:
        OSError: Another process has it; the message says which.
    """
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise OSError(
            f"{path}: process {holder} has this outbox open; a second gateway needs a data folder and an id of its own"
        ) from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor
