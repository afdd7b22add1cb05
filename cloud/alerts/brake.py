"""How often a channel may be told something: a few messages at once, then one each pause.

This is the generic cell rate algorithm (ITU-T I.371, annex A): all that is kept is one time, so it survives a restart in one column.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Brake:
    """The rate of a channel.

    Attributes:
        burst: Messages that may be sent at once.
        pause: Ms until one more may be sent.
    """

    burst: int
    pause: int

    def spare(self, full_at: int, now: int) -> int:
        """How many messages may be sent now.

        Args:
            full_at: From when the whole burst may be sent again, ms; 0 at first.
            now: Ms, of the same clock.
        """
        return self.burst - -(-(self._waited(full_at, now) - now) // self.pause)

    def spent(self, full_at: int, now: int) -> int:
        """`full_at` after one more message."""
        return self._waited(full_at, now) + self.pause

    def _waited(self, full_at: int, now: int) -> int:
        """`full_at`, or now where it is over, or so far away that only a clock that was set back explains it."""
        return full_at if now < full_at <= now + self.burst * self.pause else now
