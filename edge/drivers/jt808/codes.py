"""Authentication codes of terminals: made from the phone and a secret, so that a restart knows them again."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

_SECRET_BYTES = 32
_DIGITS = 16
"""64 bits; some terminals keep no longer code."""


class Codes:
    """Gives a terminal its code at registration and recognises it at every later connection."""

    def __init__(self, folder: Path | None) -> None:
        """The secret is kept in `folder`; without one it lives as long as the process.

        Raises:
            OSError: The secret can be neither read nor written.
        """
        self._secret = secrets.token_bytes(_SECRET_BYTES) if folder is None else _kept(folder / "jt808-secret")

    def code(self, identity: str) -> str:
        """The code of a terminal."""
        return hmac.new(self._secret, identity.encode(), hashlib.sha256).hexdigest()[:_DIGITS]

    def right(self, identity: str, code: str) -> bool:
        """Whether this is the terminal's code; takes as long for a wrong one."""
        return hmac.compare_digest(self.code(identity).encode(), code.encode())


def _kept(path: Path) -> bytes:
    """The secret in a file that only its owner may read; made whole under another name, so a crash leaves no half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    if not path.exists():
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
        part.unlink()
    return path.read_bytes()
