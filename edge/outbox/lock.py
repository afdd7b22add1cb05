"""One process an outbox: two would give the same numbers to different rows, and throw each other off the broker."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class InUseError(OSError):
    """Another process has the outbox open; the message says which."""


def hold(path: Path) -> int:
    """Lock the outbox at `path` for this process, as long as the descriptor that is returned stays open; the kernel frees it at its end.

    Raises:
        InUseError: Another process has it.
        OSError: The lock cannot be made.
    """
    descriptor = os.open(_beside(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(path, descriptor, fcntl.LOCK_EX)
    except OSError:
        os.close(descriptor)
        raise
    with suppress(OSError):  # a full disk has no room for the number, which only serves a message
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
    return descriptor


@contextmanager
def at_rest(path: Path) -> Iterator[None]:
    """Let no gateway open the outbox at `path` meanwhile, and write nothing: neither a number nor a lock that no gateway ever made.

    Raises:
        InUseError: Another process has it.
        OSError: The lock cannot be read.
    """
    try:
        descriptor = os.open(_beside(path), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    try:
        _lock(path, descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _lock(path: Path, descriptor: int, kind: int) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
        raise InUseError(
            f"{path}: process {holder} has this outbox open; a second gateway needs a data folder and an id of its own"
        ) from error


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".lock")
