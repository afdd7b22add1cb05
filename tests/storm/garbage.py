"""Sends what no vehicle terminal would: `garbage PORT`."""

from __future__ import annotations

import contextlib
import random
import socket
import sys

_FLAG = b"\x7e"
"""At both ends of a message (JT/T 808-2019, 4.4.1)."""
_TOO_LONG = 200_000

if __name__ == "__main__":
    chance = random.Random(0)  # noqa: S311 (garbage, no secret)
    framed = [_FLAG + chance.randbytes(chance.randrange(600)) + _FLAG for _ in range(50)]
    for raw in (b"".join(framed), chance.randbytes(5_000), _FLAG + bytes(_TOO_LONG), _FLAG * 1_000, framed[0][:-1]):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=1) as link:
            link.sendall(raw)
