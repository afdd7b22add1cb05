"""What a time-series store does, whatever stands behind it.

A series is (group, device class, device, point). For one series and one time of measurement the store holds one reading:

- written again, nothing changes: whoever is not sure may send again;
- a good reading beats one that is not good, whichever came first, so the order of resends does not matter;
- of two good ones the later written wins; of two that are not good the later's quality wins, and a value once known stays;
- a suspect value stays beside a good one of its time, for `doubtful_samples`: its time is what is in doubt, so it may belong elsewhere.

So what was stored good cannot become bad by writing: whoever doubts a reading says so before it is stored good.

Aggregates and counter samples are made of good readings only. The reason of a reading that is not good comes back where the
backend can hold text (SQLite); elsewhere it is empty, and the quality is what counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from itertools import groupby, pairwise
from math import isfinite
from typing import NamedTuple, Protocol

from cloud.texts import in_words
from contract.coded import Message
from contract.reading import Quality, Reading

MAX_MS = 9_223_372_036_854
"""Times reach this far from 1970 in both directions, ms: InfluxDB holds nanoseconds in 64 bits."""

_DAY_MS = 86_400_000
MAX_NAME = 200
"""Characters of a name: three of them make a key, and PostgreSQL indexes no key beyond 2704 bytes."""

QUALITY_SUFFIX = "__q"
"""`<point>__q` is the field that holds a quality which is not good."""
DOUBTFUL_SUFFIX = "__raw"
"""`<point>__raw` is the field that holds the value of a reading which is not good."""

CHECK = "store_check"
"""Measurement of the figure that is written to see whether the store can be."""

Sample = tuple[int, float]
"""Time in ms since 1970 in UTC, value in the point's unit."""


class StoreDown(Exception):  # noqa: N818 - a state of the store, named as the design names it
    """The store cannot be asked now, or not with these settings; the same call may be made again later."""


class Breaker:
    """Spares whoever reads the wait for a store that is known not to answer.

    Attributes:
        open: Why nothing is read now; empty while the store answers.
    """

    def __init__(self) -> None:
        self.open = ""

    def check(self) -> None:
        """Go on while the store answers.

        Raises:
            StoreDown: It does not.
        """
        if self.open:
            raise StoreDown(self.open)


class FiguresError(ValueError):
    """Computed figures that the store will not take, such as those of a year that its retention policy forgets."""


class Stored(NamedTuple):
    """A reading with what places it: the key of its series is (group, device_class, reading.device, reading.point)."""

    group: str
    device_class: str
    reading: Reading


class Polled(NamedTuple):
    """Good readings of one device at one time: what `Stored` says for each, at a fraction of the cost.

    Attributes:
        group: As in `Stored`.
        device_class: As in `Stored`.
        device: Id of the device.
        at: Time of measurement of all of them, ms since 1970 in UTC.
        values: By point.
    """

    group: str
    device_class: str
    device: str
    at: int
    values: Mapping[str, float]

    def single(self) -> list[Stored]:
        """The same, a reading at a time."""
        return [Stored(self.group, self.device_class, Reading(self.device, point, value, self.at)) for point, value in self.values.items()]


Line = Stored | Polled


def single(batch: Iterable[Line]) -> list[Stored]:
    """A batch, a reading at a time, in its order."""
    return [stored for line in batch for stored in (line.single() if isinstance(line, Polled) else (line,))]


class Refused(NamedTuple):
    """A reading that the store will never take, and why."""

    line: Stored
    reason: Message


class Figures(NamedTuple):
    """Computed figures of one time.

    Attributes:
        tags: What they are about; a tag with empty text is left out.
        fields: Finite numbers by name.
        at: Start of their period, ms since 1970 in UTC.
    """

    tags: Mapping[str, str]
    fields: Mapping[str, float]
    at: int


class Aggregate(StrEnum):
    """How the good readings of an interval become one number."""

    MEAN = "mean"
    """The plain mean of the samples, not weighted with time."""
    MIN = "min"
    MAX = "max"
    LAST = "last"


class Telemetry(Protocol):
    """The time-series store. Every method may be called from any thread, and raises `StoreDown` when the store cannot be asked.

    All times are ms since 1970 in UTC; a range holds its start and not its end.

    Attributes:
        breaker: Opened by who watches the store; reading then fails at once.
    """

    breaker: Breaker

    def write(self, batch: Sequence[Line]) -> list[Refused]:
        """Store readings by the rules at the top of this module.

        Returns:
            The readings that the store will never take. All others are stored, durably, when this returns.

        Raises:
            StoreDown: Any part of the batch may be missing; write all of it again.
        """

    def write_figures(self, measurement: str, rows: Iterable[Figures]) -> None:
        """Store computed figures (`ledger_hour`, `ledger_day`, `indicator`); the same tags and time again replace field by field.

        Raises:
            FiguresError: A number is not finite, or a name cannot be stored: nothing was written. Or the store refused some of them:
                those of other requests were written.
        """

    def forget_figures(self, measurement: str, tags: Mapping[str, str], start: int, end: int) -> bool:
        """Delete computed figures in [start, end), all fields of them.

        Args:
            measurement: As they were written.
            tags: All that they were written with; one with empty text is of figures without it.
            start: ms since 1970 in UTC.
            end: ms, exclusive.

        Returns:
            True when they are gone; False where the store has no way to delete (InfluxDB 3.x), and they stay as they are.

        Raises:
            StoreDown: Any part of them may be gone; ask again.
        """

    def latest(self, group: str, device_class: str, device: str) -> dict[str, Reading]:
        """The newest reading of each point by time of measurement, good or not."""

    def series(
        self, group: str, device_class: str, device: str, point: str, start: int, end: int, most: int | None = None
    ) -> list[Reading]:
        """The readings of one point in [start, end), good or not, oldest first; the first `most` of them where that is given."""

    def windows(
        self, group: str, device_class: str, device: str, point: str, start: int, end: int, edges: Sequence[int], aggregate: Aggregate
    ) -> list[Sample]:
        """One number per interval from its good readings.

        `edges` are rising times; interval i reaches from edges[i] to edges[i + 1], so n edges make n - 1 intervals. Readings
        outside [start, end) do not count, even in an interval that began earlier or ends later.

        Returns:
            (left edge, value) of each interval that has a good reading; the others are absent, not 0.

        Raises:
            ValueError: The edges do not rise.
            StoreDown: As everywhere.
        """

    def counter_samples(self, group: str, device_class: str, device: str, point: str, start: int, end: int) -> list[Sample]:
        """Good samples in [start, end), with the last one before and the first one at or after the range where they exist."""

    def doubtful_samples(self, group: str, device_class: str, device: str, point: str, start: int, end: int) -> list[Sample]:
        """Values of suspect readings in [start, end), oldest first, also where a good reading of the same time stands beside them."""

    def oldest(self, group: str, device_class: str, device: str, start: int, end: int) -> int | None:
        """Time of a device's first reading of any point in [start, end), good or not; None if there is none."""

    def count(self, group: str, device_class: str, device: str, point: str) -> int:
        """Number of readings of one point, good or not."""

    def forget(self, group: str, device_class: str, device: str, times: Mapping[str, Collection[int]]) -> int:
        """Delete readings of one device, good or not, by point and time of measurement; they are gone when this returns.

        A backend that keeps the readings of one time as one leaves those of which not all are named.

        Returns:
            How many readings are gone.

        Raises:
            StoreDown: Any part of them may be gone; ask for all of them again.
        """

    def ping(self) -> None:
        """Return if the store answers; else raise `StoreDown`. Asked also while `breaker` is open."""

    def try_write(self, at: int) -> None:
        """Write one figure that takes its own place, once a day anew, and return when it is durable.

        Args:
            at: ms since 1970 in UTC.
        """

    def close(self) -> None:
        """Give back connections and files; further calls are an error of the caller."""


def name_fault(name: str) -> Message | None:
    """Why `name` can be no group, device, class or point in any backend; None if it can.

    Line protocol has no way to write a line break or a backslash before its own escapes, so no backend takes them.
    """
    if not name:
        return Message("reason.empty_name")
    if len(name) > MAX_NAME:
        return Message("reason.long_name", name=f"{name[:40]!r}…", most=MAX_NAME)
    if "\\" in name or not name.isprintable():
        return Message("reason.unprintable", name=repr(name))
    return None


def series_fault(group: str, device_class: str, device: str, point: str) -> Message | None:
    """Why a series of these names cannot be stored; None if it can."""
    if point in {"time", "group", "device"} or point.endswith((QUALITY_SUFFIX, DOUBTFUL_SUFFIX)):
        return Message("reason.own_name", name=repr(point))
    if device_class.startswith("#"):
        return Message("reason.comment", name=repr(device_class))
    return next(filter(None, map(name_fault, (group, device_class, device, point))), None)


def value_fault(reading: Reading) -> Message | None:
    """Why this reading's value or time cannot be stored; None if they can."""
    if reading.value is None:
        if reading.quality is Quality.GOOD:
            return Message("reason.no_value")
    elif not isfinite(reading.value):
        return Message("reason.not_finite", value=str(reading.value))
    if not -MAX_MS <= reading.at <= MAX_MS:
        return Message("reason.not_a_time", at=reading.at)
    return None


def figures_fault(measurement: str, row: Figures) -> str:
    """Why this row of figures cannot be stored; empty if it can."""
    if not row.fields:
        return f"{measurement}: no field"
    wrong = next((f"{name} is {value}" for name, value in row.fields.items() if not isfinite(value)), "")
    wrong = wrong or _names_fault((measurement, *row.tags, *filter(None, row.tags.values()), *row.fields))
    return f"{measurement}: {wrong}" if wrong else ""


@lru_cache(maxsize=1024)
def _names_fault(names: tuple[str, ...]) -> str:
    """Why one of some names of figures cannot be stored; they are of our own and few, and their rows are many."""
    fault = next(filter(None, map(name_fault, names)), None)
    return "" if fault is None else in_words(fault, "en")


def check_figure(at: int) -> Figures:
    """What `Telemetry.try_write` writes, to the measurement `CHECK`."""
    return Figures({"by": "service"}, {"written": 1.0}, at - at % _DAY_MS)


class Run(NamedTuple):
    """Neighbouring intervals of equal width, which one grouped query can answer."""

    first: int
    width: int
    number: int

    @property
    def end(self) -> int:
        """Where the last interval ends, ms."""
        return self.first + self.width * self.number


def equal_runs(edges: Sequence[int]) -> list[Run]:
    """Cut intervals into runs of equal width: days make one run, months a few, each edge where the caller put it.

    Raises:
        ValueError: The edges do not rise.
    """
    runs: list[Run] = []
    for width, equal in groupby(right - left for left, right in pairwise(edges)):
        first = runs[-1].end if runs else edges[0]
        if width <= 0:
            raise ValueError(f"interval edges must rise, found {first} before {first + width}")
        runs.append(Run(first, width, sum(1 for _ in equal)))
    return runs
