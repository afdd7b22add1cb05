"""What a counter can do: its smallest step, the most that its branch can draw, and where it starts again."""

from __future__ import annotations

from dataclasses import dataclass

from cloud.ledger.periods import HOUR_MS

Sample = tuple[int, int]
"""Time of measurement in ms, counter in base units."""
Level = tuple[int, int]
"""Time (ms) and level (base units) of the last point of an hour."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a counter can do.

    Attributes:
        step: A change of at most this is noise.
        rate: Most that can be used in an hour; None if anything can.
        modulus: Where the counter starts again at 0.
        measured_gap: Longest interval (ms) that still counts as measured. The default takes counters read on the hour; the
            collector guide asks for hourly statistics of 15-minute samples.
        rate_is_default: The rate is that of the meter's class, so what its own months taught replaces it.
    """

    step: int = 0
    rate: int | None = None
    modulus: int | None = None
    measured_gap: int = HOUR_MS
    rate_is_default: bool = False
    ceiling: int | None = None
    """Most in an hour that is possible at all, where `rate` was only learnt: what keeps between the two is use."""

    def most(self, duration: int) -> int | None:
        """Most that can be used in `duration` ms, rounded up; None if anything can."""
        return None if self.rate is None else -(-self.rate * duration // HOUR_MS)

    def agrees(self, at: int, level: int, sample: Sample) -> bool:
        """Whether a sample can follow from a level that was last reached at a moment."""
        return self._follows(at, level, sample, self.rate)

    def is_possible(self, at: int, level: int, sample: Sample) -> bool:
        """The same by what is possible at all: a branch may draw more than it ever did, and then goes on to."""
        return self._follows(at, level, sample, self.rate if self.ceiling is None else self.ceiling)

    def _follows(self, at: int, level: int, sample: Sample, rate: int | None) -> bool:
        rise = sample[1] - level
        if rise < -self.step:
            return False
        return rate is None or (rise - self.step) * HOUR_MS <= rate * (sample[0] - at) + HOUR_MS - 1
