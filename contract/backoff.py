"""How long somebody waits who tries again."""

from __future__ import annotations

import secrets


def spread(seconds: float) -> float:
    """A time by chance, from half to one and a half times `seconds`: many that failed at once do not come back at once."""
    return seconds * (0.5 + secrets.randbelow(1000) / 1000)


class Backoff:
    """Waits between tries of a connection: twice as long after each failure, up to a bound, and spread by chance.

    Args:
        first: Seconds before the first of a row of tries.
        longest: Seconds; a connection that held for longer ends the row.
    """

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self._wait = first

    def after(self, held: float) -> float:
        """Seconds to wait after one more failure, of a connection that held for so many seconds."""
        self._wait = self._first if held > self._longest else min(self._wait * 2, self._longest)
        return spread(self._wait)
