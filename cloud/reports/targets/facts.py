"""What the targets report says, before any language, rounding or layout: exact figures and where they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cloud.indicators.figures import FactorRow
from cloud.indicators.model import Targets
from cloud.indicators.spans import Span
from cloud.ledger.counters import Provenance
from cloud.reports.period import Period
from cloud.texts import Language
from contract.coded import Message

Name = Mapping[Language, str]
Shares = Mapping[str, float]
SWING = Decimal("0.1")
"""A quantity, headcount or area that moves by more in a year must be explained (local rules of review, no national limit)."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The spans that something is compared over, cut to the report's period; a span that is None has its reason."""

    this: Span | None
    last: Span | None
    reason: Message | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """This year's and last year's value of the same thing; None where it cannot be known."""

    this: Decimal | None
    last: Decimal | None

    @property
    def change(self) -> Decimal | None:
        """The quotient less 1; None if there is nothing to compare with."""
        return None if self.this is None or not self.last else self.this / self.last - 1

    @property
    def difference(self) -> Decimal | None:
        """This year's less last year's."""
        return None if self.this is None or self.last is None else self.this - self.last

    @property
    def swings(self) -> bool:
        """Whether it moves so much that it must be explained."""
        return self.change is not None and abs(self.change) > SWING


NOTHING = Pair(None, None)


@dataclass(frozen=True, slots=True)
class EnergyRow:
    """What was used of one energy in the period, in its factor unit and in kgce (water has none)."""

    energy: str
    unit: str
    spans: Compared
    amount: Pair
    coal: Pair
    share: Decimal | None
    """Of the total in kgce, this year."""


@dataclass(frozen=True, slots=True)
class Denominator:
    """What one indicator was divided by on both sides: headcount (persons), area (m2) or what else the site's files state."""

    indicator: str
    kind: str
    value: Pair


@dataclass(frozen=True, slots=True)
class Curve:
    """A series of this year beside the same of last year, by month or by day.

    Attributes:
        key: Text of its name in the catalogue.
        unit: Of its values.
        starts: Begin (ms) of each interval of this year.
        values: By interval; None where not all of its meters are known.
        partial: Index of the interval that is not over; None if there is none.
    """

    key: str
    unit: str
    starts: Sequence[int]
    values: Sequence[Pair]
    partial: int | None = None


@dataclass(frozen=True, slots=True)
class MeterRow:
    """What a meter counted in the period, and of what kind its figures are."""

    id: str
    name: Name
    energy: str
    main: bool
    unit: str
    spans: Compared
    amount: Pair
    coal: Pair
    shares: Shares


@dataclass(frozen=True, slots=True)
class UnitRow:
    """What a unit has of the energy in the period, kgce."""

    id: str
    name: Name
    spans: Compared
    coal: Pair


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with data in the period.

    Attributes:
        kind: `silent`, `gap`, `estimated`, `rejected` or the kind of an event.
        subject: Id of a meter, device or gateway.
        start: When it began, or was first seen, ms; None if the meter never counted.
        end: When it ended, or was last seen, ms.
        count: Hours of a gap, readings or events.
        note: What else is known.
    """

    kind: str
    subject: str
    name: Name
    start: int | None
    end: int
    count: int
    note: Message | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """The whole report."""

    period: Period
    scope: str
    scope_name: Name
    site_name: Name
    as_of: int
    targets: Targets
    total_spans: Compared
    energies: Sequence[EnergyRow]
    total: Pair
    denominators: Sequence[Denominator]
    months: Sequence[Curve]
    days: Sequence[Curve]
    meters: Sequence[MeterRow]
    total_shares: Mapping[str, Shares]
    """Provenance of each energy over all main meters, and of `total` in kgce."""
    units: Sequence[UnitRow]
    faults: Sequence[Fault]
    factors: Sequence[FactorRow]
    names: Mapping[str, Name]
    """Of meters, devices and units, by id."""

    @property
    def span(self) -> Span:
        """The period as far as it is over."""
        return Span(self.period.start, self.as_of)


PROVENANCES: tuple[str, ...] = tuple(provenance.value for provenance in Provenance)
