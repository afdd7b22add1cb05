"""Records of the ledger that more than one of its rooms, or another slice, speaks of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from cloud.ledger.breaks import Exchange, RatioChange
from cloud.ledger.counters import RecordedShape
from cloud.ledger.periods import month_bounds


class MeterKey(NamedTuple):
    """Which meter: the code of its district, and its id, which is unique in the district only. As a text it is the id."""

    group: str
    id: str

    def __str__(self) -> str:
        return self.id


class Meter(NamedTuple):
    """A counting place of the ledger; the device and point that count it are None where somebody enters its months."""

    id: str
    name: dict[str, str]
    energy: str
    device: str | None
    point: str | None
    main: bool
    parent: str | None = None


class Registered(NamedTuple):
    """What the register says of a meter to whoever takes an amount of it, or a record about it.

    Attributes:
        energy: What it counts.
        device: That counts it; None where somebody enters its months.
        point: Of the device.
        max_rate: Most in an hour, in the point's unit; None where nobody stated it.
    """

    energy: str
    device: str | None
    point: str | None
    max_rate: float | None


class Learnt(NamedTuple):
    """What a meter's own month taught.

    Attributes:
        valid_from: Since when, ms.
        rate: Most in an hour, base units.
        step: Smallest step shown, base units.
        weights: Of its load shape; None if it has none.
    """

    valid_from: int
    rate: int
    step: int
    weights: str | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded about one counter, each in order of time."""

    exchanges: tuple[Exchange, ...] = ()
    profiles: tuple[RecordedShape, ...] = ()
    ratios: tuple[RatioChange, ...] = ()
    idle: tuple[tuple[int, int], ...] = ()
    """Times ([start, end), ms) out of use; they may touch and overlap."""
    learnt: tuple[Learnt, ...] = ()


@dataclass(frozen=True, slots=True)
class Bill:
    """A bill of one month of a meter.

    Attributes:
        meter: Its id.
        energy: What it counts.
        month: YYYY-MM.
        amount: What the bill says, base units of the energy.
        counted: What the ledger has of the month, base units.
    """

    meter: str
    energy: str
    month: str
    amount: int
    counted: int

    @property
    def span(self) -> tuple[int, int]:
        """Begin and end (exclusive) of the month, ms since 1970 in UTC."""
        return month_bounds(self.month)


@dataclass(frozen=True, slots=True)
class OfMeter:
    """The touched hours of one meter.

    Attributes:
        meter: Which meter.
        energy: What it counts; None where the registry has no such meter.
        hours: How many wait.
        oldest: Begin of the oldest, ms since 1970 in UTC.
    """

    meter: MeterKey
    energy: str | None
    hours: int
    oldest: int
