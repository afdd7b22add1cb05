"""A socket from which much is read at once, for readers that ask for a few bytes at a time."""

from __future__ import annotations

import socket
from typing import Any

AT_ONCE = 16 * 1024
"""Bytes of one read, as many as a TLS record has: some fifty messages of ten readings, which take a few milliseconds of the event loop, or
some five hundred of the smallest."""


class ReadAhead:
    """A non-blocking socket, read once a turn; a turn ends when `pending` says that nothing is left.

    So a peer that sends without a pause does not keep the event loop, which learns of what is still in the kernel by itself.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._read = b""
        self._at = 0
        self._had_its_turn = False

    def recv(self, most: int) -> bytes:
        """At most so many bytes; empty at the end of the stream.

        Raises:
            BlockingIOError: Nothing is left of what this turn read.
            OSError: The socket's.
        """
        if self._at == len(self._read):
            if self._had_its_turn and not self._decrypted():
                raise BlockingIOError
            self._read, self._at = self._sock.recv(AT_ONCE), 0
            self._had_its_turn = True
        piece = self._read[self._at : self._at + most]
        self._at += len(piece)
        return piece

    def pending(self) -> int:
        """Bytes of which the event loop does not know."""
        left = len(self._read) - self._at + self._decrypted()
        self._had_its_turn = left > 0
        return left

    def _decrypted(self) -> int:
        """Bytes that TLS has in memory."""
        asked = getattr(self._sock, "pending", None)
        return 0 if asked is None else int(asked())

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever else a socket has)
        return getattr(self._sock, name)
