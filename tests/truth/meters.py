"""A counter that shows what was used, and everything that can lie between the use and what is stored of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tests.truth.loads import HOUR, QUARTER, Floats, Times, Use, text

DENSE, DENSE_WITHIN = 15_000, 2 * HOUR
"""Samples are thinned to quarters of an hour but for two hours before and after what a fault began or ended with."""

Disturb = Callable[[Times, Floats, Generator], Floats]
"""What is shown in the place of the right values."""


@dataclass(frozen=True)
class Fault:
    """One thing that went wrong, or that only looks so.

    Attributes:
        kind: Its name.
        start: When it began.
        end: When it was over.
        told: Whether somebody must be told, whatever it did to the figures.
        innocent: Nothing is wrong, and nobody may be asked.
    """

    kind: str
    start: int
    end: int
    told: bool = False
    innocent: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {text(self.start)} to {text(self.end)}"


@dataclass(frozen=True)
class Dark:
    """A time without samples that can be believed, longer than an hour.

    Attributes:
        start: The last good sample before it.
        end: The first good one after it; where there is none, the end of all samples.
        lost: Whether the samples around it do not tell what was used in it.
        open: Nothing good follows.
    """

    start: int
    end: int
    lost: bool = False
    open: bool = False


@dataclass(frozen=True)
class Jump:
    """At a moment the counter goes on from another number: `to`, or what it showed times `times`."""

    at: int
    to: float | None = None
    times: float = 1.0


@dataclass(frozen=True)
class Record:
    """What somebody enters about an exchange of the counter.

    Attributes:
        at: The moment that they believe.
        happened: When it was; the old counter's last number is what it showed then.
        first: The new one's first number.
        noted: When it is entered.
        absurd: A last number that nobody can believe, entered instead; it must be refused.
    """

    at: int
    happened: int
    first: float
    noted: int
    absurd: float | None = None


@dataclass(frozen=True)
class Shifted:
    """Samples stored by a clock that was wrong: all of [start, end) are dated `off` ms later than they were taken.

    Attributes:
        suspect: Whether they were stored as not believed.
        noted: When somebody records the offset.
    """

    start: int
    end: int
    off: int
    suspect: bool
    noted: int


@dataclass
class Meter:
    """One simulated meter.

    Attributes:
        name: Id of the meter and of its device.
        load: Name of its load.
        energy: What it counts.
        use: What was really used.
        begin: First sample.
        end: No sample from here on.
        step: What the counter's last digit is worth.
        modulus: Where it starts again at 0, as the site knows; None where it never comes to that.
        narrow: It is read as a float32.
        start: What it showed at the first edge of the use.
        gauge: It also tells its power or flow.
        max_rate: Most in an hour, as the site says; mostly it says nothing.
        phase: Its samples are so many ms after the quarter.
        ct: Of its current transformers, as the site's file says at first.
        ratios: Times at which the site's file names another current transformer, with the new ratio.
        first_day: The first day that it counts, where the site's file says one.
        day_after: The first day that it counts no more, likewise.
    """

    name: str
    load: str
    energy: str
    use: Use
    begin: int
    end: int
    step: float = 0.01
    modulus: float | None = None
    narrow: bool = False
    start: float = 0.0
    gauge: bool = False
    max_rate: float | None = None
    phase: int = 0
    ct: float = 1.0
    ratios: list[tuple[int, float]] = field(default_factory=list)
    first_day: str | None = None
    day_after: str | None = None
    faults: list[Fault] = field(default_factory=list)
    darks: list[Dark] = field(default_factory=list)
    jumps: list[Jump] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    dense: list[int] = field(default_factory=list)
    disturbances: list[Disturb] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    late: list[tuple[int, int]] = field(default_factory=list)
    doubled: list[tuple[int, int]] = field(default_factory=list)
    shifted: list[Shifted] = field(default_factory=list)

    @property
    def peak(self) -> float:
        """Largest use of a quarter of an hour, by the hour."""
        return float(np.diff(self.use.total).max()) * (HOUR / QUARTER)

    def blame(self, kind: str, start: int, end: int, *, told: bool = False, innocent: bool = False, dense: bool = True) -> None:
        """Note a fault, and keep the samples around both its ends."""
        self.faults.append(Fault(kind, start, end, told, innocent))
        if dense:
            self.dense += [start, end]

    def times(self) -> Times:
        """When it was sampled."""
        first = self.begin - self.begin % QUARTER + self.phase
        all_times = [np.arange(first, self.end, QUARTER, dtype=np.int64)]
        for at in self.dense:
            middle = at - at % DENSE + self.phase % DENSE
            all_times.append(np.arange(middle - DENSE_WITHIN, middle + DENSE_WITHIN + 1, DENSE, dtype=np.int64))
        found = np.unique(np.concatenate(all_times))
        keep = (found >= self.begin) & (found < self.end)
        for start, end in self.gaps:
            keep &= (found <= start) | (found >= end)
        return found[keep]

    def level(self, at: Times) -> Floats:
        """What an endless counter without any display would show: the use, from another number after each jump."""
        shown = self.start + self.use.until(at)
        for jump in sorted(self.jumps, key=lambda j: j.at):
            before = self._at(jump)
            to = before * jump.times if jump.to is None else jump.to
            shown = np.where(at >= jump.at, to + self.use.until(at) - self.use.at(jump.at), shown)
        return shown

    def _at(self, jump: Jump) -> float:
        """What the counter showed just before a jump."""
        earlier = [j for j in self.jumps if j.at < jump.at]
        if not earlier:
            return self.start + self.use.at(jump.at)
        last = max(earlier, key=lambda j: j.at)
        to = self._at(last) * last.times if last.to is None else last.to
        return to + self.use.between(last.at, jump.at)

    def shown_at(self, at: int) -> float:
        """What a person reads there at a moment, just before whatever jumps then."""
        return float(self.display(np.array([self._at(Jump(at))]))[0])

    def display(self, level: Floats) -> Floats:
        """The number that the counter shows: whole steps, turned over at its end, as a float32 where it is read as one."""
        inside = level if self.modulus is None else np.mod(level, self.modulus)
        shown = np.round(np.floor(inside / self.step + 1e-6) * self.step, 6)
        return shown.astype(np.float32).astype(np.float64) if self.narrow else shown

    def samples(self, chance: Generator) -> tuple[Times, Floats]:
        """What is stored of the counter, by the time at which it was taken."""
        times = self.times()
        values = self.display(self.level(times))
        for disturb in self.disturbances:
            values = disturb(times, values, chance)
        return times, values

    def rate(self, times: Times) -> Floats:
        """Use an hour at each sample: what power or flow shows."""
        return (self.use.until(times) - self.use.until(times - QUARTER)) * (HOUR / QUARTER)

    def dark(self, start: int, end: int) -> NDArray[np.bool_]:
        """Which hours of [start, end) lie in the dark, as a whole or in part."""
        hours = np.arange(start, end, HOUR, dtype=np.int64)
        found = np.zeros(len(hours), dtype=bool)
        for d in self.darks:
            found |= (hours + HOUR > d.start) & (hours < d.end)
        return found
