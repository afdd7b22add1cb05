"""Whom a figure is about: the district, a compound or a unit; its main meters, its people and its floor area."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import sqlalchemy as sa

from cloud.indicators.denominators import Dated, mean, total
from cloud.indicators.spans import CountedMeter, Month, Span
from cloud.ledger.counters import Provenance
from cloud.ledger.periods import DAY_MS, HOUR_MS, local_date, midnight
from cloud.ledger.queries import entries
from cloud.ledger.queries.meters import counted, served
from cloud.ledger.spread import split
from cloud.organisations import queries as organisations
from cloud.texts import CodedError
from contract.coded import Message
from contract.institution import OWN_KINDS

DISTRICT = "district"
_AREA_PARTS = 10_000
"""Areas are kept to four decimals of a m2, so this makes them whole numbers."""


Series = Mapping[tuple[str, str], Sequence[Dated]]
"""Dated headcounts, areas and other denominators by unit and kind."""


class UnknownScopeError(CodedError):
    """The registry has no such compound or unit, or the text names none."""


@dataclass(frozen=True, slots=True)
class Registry:
    """Who of a district is where and which main meters serve whom; read at once.

    Attributes:
        group: The district's code.
        compound_of: Compound by unit.
        meters: All meters that are counted in totals, by compound (None: of no compound).
        serves: Units by meter, sorted.
        series: Dated headcounts, areas and other denominators by unit and kind.
    """

    group: str
    compound_of: Mapping[str, str]
    meters: Sequence[tuple[CountedMeter, str | None]]
    serves: Mapping[str, Sequence[str]]
    series: Series

    @property
    def first_year(self) -> int | None:
        """The first year of which a meter tells anything; None without any."""
        counted = [local_date(meter.metered_from).year for meter, _ in self.meters if meter.metered_from is not None]
        return min([*counted, *(year for meter, _ in self.meters for year, _ in meter.months)], default=None)

    @property
    def kinds(self) -> list[str]:
        """What its figures may be divided by: headcount, area, and what else the site's files state."""
        return [*OWN_KINDS, *sorted({kind for _, kind in self.series}.difference(OWN_KINDS))]

    def all_scopes(self) -> list[str]:
        """The district, its compounds and its units."""
        return [
            DISTRICT,
            *(f"compound:{c}" for c in sorted(set(self.compound_of.values()))),
            *(f"unit:{u}" for u in sorted(self.compound_of)),
        ]


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope.

    Attributes:
        meters: Counted in its totals.
        units: Whose people and areas it has.
        sharing: Those of them that get their shares of meters they have in common with others; none if meters count whole.
    """

    registry: Registry
    meters: Sequence[CountedMeter]
    units: Sequence[str]
    sharing: Sequence[str] = ()

    def denominator(self, kind: str, span: Span) -> Decimal | None:
        """The day-weighted mean of its headcount, area or another denominator; None if it is not known for the whole span."""
        return total((self.registry.series.get((unit, kind), ()) for unit in self.units), *_days(span))

    def share(self, meter: str, amounts: Mapping[Provenance, int], span: Span) -> Mapping[Provenance, int] | None:
        """What the scope has of a meter's amounts: all, or the part of its sharing units by floor area over the span.

        Each provenance is split by largest remainder over the units in order of their ids, so that the parts of all units
        that share a meter sum to it exactly. None if an area is not known.
        """
        served = self.registry.serves.get(meter, ())
        mine = [index for index, unit in enumerate(served) if unit in self.sharing]
        if not self.sharing or len(mine) == len(served):
            return amounts
        weights = [self._area_days(unit, span) for unit in served]
        known = [weight for weight in weights if weight is not None]
        if len(known) < len(weights):
            return None
        parts = {provenance: split(amount, known) for provenance, amount in amounts.items()}
        return {provenance: sum(part[index] for index in mine) for provenance, part in parts.items()}

    def _area_days(self, unit: str, span: Span) -> int | None:
        start, end = _days(span)
        area = mean(self.registry.series.get((unit, "area"), ()), start, end)
        return None if area is None else round(area * (end - start).days * _AREA_PARTS)


def _days(span: Span) -> tuple[date, date]:
    """First day and day after the last; a day that is only partly in the span counts."""
    return local_date(span.start), local_date(span.end - 1) + timedelta(days=1)


def scope_of(registry: Registry, text: str) -> Scope:
    """The scope of a text: `district`, `compound:ID` or `unit:ID`.

    Raises:
        UnknownScopeError: There is none.
    """
    kind, _, name = text.partition(":")
    if text == DISTRICT:
        return Scope(registry, [meter for meter, _ in registry.meters], list(registry.compound_of))
    if kind == "unit" and name in registry.compound_of:
        return of_units(registry, [name])
    units = [unit for unit, compound in registry.compound_of.items() if compound == name]
    meters = [meter for meter, compound in registry.meters if compound == name]
    if kind == "compound" and (units or meters):
        return Scope(registry, meters, units)
    raise UnknownScopeError(Message("problem.no_scope", scope=repr(text)))


def of_units(registry: Registry, units: Sequence[str]) -> Scope:
    """The scope of some units of a district together."""
    meters = [meter for meter, _ in registry.meters if not set(units).isdisjoint(registry.serves.get(meter.id, ()))]
    return Scope(registry, meters, units, units)


def load(connection: sa.Connection, group: str) -> Registry:
    """The registry of a district as it is now."""
    return Registry(
        group,
        organisations.compounds(connection, group),
        counted_meters(connection, group),
        dict(served(connection, group)),
        load_series(connection, group),
    )


def load_series(connection: sa.Connection, group: str) -> Series:
    """All approved denominators of a district, exactly as entered: a database may give them as whole numbers or as floats."""
    found: defaultdict[tuple[str, str], list[Dated]] = defaultdict(list)
    for one in organisations.denominators(connection, group):
        found[one.unit, one.kind].append(Dated(date.fromisoformat(one.valid_from), Decimal(str(one.value))))
    return dict(found)


def counted_meters(connection: sa.Connection, group: str, *, main: bool = True) -> list[tuple[CountedMeter, str | None]]:
    """Main meters of a district, fuel of cars among them, or its sub-meters, which are in their mains already; each with its compound."""
    months: defaultdict[str, set[Month]] = defaultdict(set)
    for name, month in entries.all_months(connection, group):
        months[name].add((int(month[:4]), int(month[5:])))
    found = []
    for one in counted(connection, group, main=main):
        until = None if one.last is None else one.last + HOUR_MS
        days = (one.commissioned, one.added_on, one.taken_out, one.retired_on)
        stated, added, out, retired = (None if day is None else midnight(date.fromisoformat(day)) for day in days)
        life = _begins(stated, added, one.first), _ends(out, retired, until)
        meter = CountedMeter(one.id, one.energy, one.vehicle_fuel, one.first, until, frozenset(months[one.id]), *life)
        found.append((meter, one.compound))
    return found


def _begins(stated: int | None, added: int | None, first: int | None) -> int | None:
    """From when a meter is there: from the day that is stated, its first hours apart; one that was added later from its first hour on."""
    if stated is not None:
        return first if first is not None and stated <= first < stated + DAY_MS else stated
    if added is not None and first is not None:
        return first if first >= added else None  # history that came in afterwards is there too
    return added


def _ends(stated: int | None, retired: int | None, until: int | None) -> int | None:
    """From when it is there no more: from the day that is stated, the last hours before apart; one that is gone from its last hour on."""
    if stated is not None:
        return until if until is not None and stated - DAY_MS < until < stated else stated
    return retired if retired is None or until is None else min(retired, until)
