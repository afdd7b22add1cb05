"""Authentication codes of terminals: made from the phone and a secret, so that a restart knows them again."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

import structlog

from contract.logs import LOG_EVERY, Seldom

log = structlog.get_logger()
_SECRET_BYTES = 32
_DIGITS = 16
"""64 bits; some terminals keep no longer code."""


class Codes:
    """Gives a terminal its code at registration and recognises it at every later connection."""

    def __init__(self, folder: Path | None) -> None:
        """The secret is kept in `folder`; without one, or as long as the disk refuses it, it lives as long as the process.

        A terminal whose code is not recognised after that registers anew.
        """
        self._path = None if folder is None else folder / "jt808-secret"
        self._secret = secrets.token_bytes(_SECRET_BYTES)
        self._kept = self._path is None
        self._seldom = Seldom(LOG_EVERY)
        self._keep()

    def code(self, identity: str) -> str:
        """The code of a terminal."""
        self._keep()
        return hmac.new(self._secret, identity.encode(), hashlib.sha256).hexdigest()[:_DIGITS]

    def right(self, identity: str, code: str) -> bool:
        """Whether this is the terminal's code; takes as long for a wrong one."""
        return hmac.compare_digest(self.code(identity).encode(), code.encode())

    def _keep(self) -> None:
        """Have the secret on disk: the one that is there, else ours."""
        if self._kept or self._path is None:
            return
        try:
            self._secret, self._kept = _kept(self._path, self._secret), True
        except OSError as error:
            if self._seldom.news("refused"):
                log.warning("secret of terminals' codes not kept", file=str(self._path), reason=error.strerror)


def _kept(path: Path, secret: bytes) -> bytes:
    """The secret in a file that only its owner may read; made whole under another name, so a crash leaves no half of it.

    A damaged file is set aside: with less than the whole secret somebody could guess codes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        found = path.read_bytes()
        if len(found) == _SECRET_BYTES:
            return found
        aside = path.with_name(f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%SZ}.damaged")
        path.rename(aside)
        log.error("secret of terminals' codes damaged", file=str(aside), help="terminals register anew, which they do by themselves")
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path.read_bytes()
