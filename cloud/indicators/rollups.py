"""Figures of organisations above districts and below them: sums divided by sums, never a mean of quotients.

What districts or institutions used is added in whole base units, what they are divided by is added, and one is divided by the other.
All are summed over the same span, which ends where the first of them ends; where one of them has no figure the whole has none, and
the reason names it. The figures of an organisation that is one district are those of the district.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import sqlalchemy as sa

from cloud.indicators import scopes, spans
from cloud.indicators.factors import Factor
from cloud.indicators.figures import factors_of, side_of
from cloud.indicators.model import Indicator, Targets
from cloud.indicators.scopes import Registry, Scope, UnknownScopeError
from cloud.indicators.spans import CountedMeter, Portion, Span
from cloud.indicators.sums import Sums
from cloud.indicators.targets import Side, counts, summed, targets_by, unknown
from cloud.ledger.counters import Provenance
from cloud.organisations import queries as organisations
from cloud.organisations.tree import ORGANISATION, Leaf
from contract.coded import Message
from contract.indicator import Definition
from contract.institution import OWN_KINDS


@dataclass(frozen=True, slots=True)
class Part:
    """What an organisation has in one district.

    Attributes:
        organisation: The district's id in the tree; where the organisation is in one district only, its own.
        scope: The district, or those of its institutions that are meant.
        sums: Of the scope's meters.
    """

    organisation: str
    scope: Scope
    sums: Sums


@dataclass(frozen=True, slots=True)
class RollUp:
    """An organisation as its figures are computed.

    Attributes:
        leaves: What it is made of.
        parts: What it has in each district that was entered.
        absent: Why nothing is known of some of the leaves.
        now: ms since 1970 in UTC.
    """

    leaves: Sequence[Leaf]
    parts: Mapping[str, Part]
    absent: Mapping[Leaf, Message]
    now: int

    def indicator(self, definition: Definition, year: int, factors: Mapping[str, Factor]) -> Indicator:
        """One indicator of a year."""
        plan = spans.plan_of_all([self._portion(definition, leaf) for leaf in self.leaves], year, self.now)
        return summed(definition, plan, lambda span: self.side(definition, span), factors)

    def side(self, definition: Definition, span: Span) -> Side:
        """What all parts used over a span, and what that is divided by."""
        sides = {group: _side(part, definition, span) for group, part in self.parts.items()}
        used: defaultdict[str, defaultdict[Provenance, int]] = defaultdict(lambda: defaultdict(int))
        for energy, provenance, amount in (one for side in sides.values() for one in _amounts(side)):
            used[energy][provenance] += amount
        lacking = (self._named(group, side.lacks) for group, side in sides.items() if side.lacks is not None)
        without = [self._named(group, unknown(definition)) for group, side in sides.items() if not side.denominator]
        return Side(
            used,
            None if without else sum((side.denominator or Decimal(0) for side in sides.values()), Decimal(0)),
            next(lacking, None),
            any(side.provisional for side in sides.values()),
            sum(side.findings for side in sides.values()),
            next(iter(without), None),
        )

    def denominators(self, span: Span) -> dict[str, Decimal | None]:
        """What its figures are divided by, by kind; None of a kind that is not known of all of it."""
        kinds = dict.fromkeys([*OWN_KINDS, *(kind for part in self.parts.values() for kind in part.scope.registry.kinds)])
        return {kind: None if self.absent else self._denominator(kind, span) for kind in kinds}

    def _denominator(self, kind: str, span: Span) -> Decimal | None:
        values = [part.scope.denominator(kind, span) for part in self.parts.values()]
        known = [value for value in values if value is not None]
        return sum(known, Decimal(0)) if known and len(known) == len(values) else None

    def _named(self, group: str, why: Message) -> Message:
        return why if len(self.parts) == 1 else Message("reason.lacks", organisation=self.parts[group].organisation, why=why)

    def _portion(self, definition: Definition, leaf: Leaf) -> Portion:
        """The meters of a leaf that an indicator counts; with the district before their ids, where there are several."""
        if leaf in self.absent:
            return Portion(leaf.organisation, (), self.absent[leaf])
        scope = _scope(self.parts[leaf.group].scope.registry, [leaf])
        counted = [meter for meter in scope.meters if counts(definition, meter)]
        several = len({one.group for one in self.leaves}) > 1
        return Portion(leaf.organisation, [_of_district(meter, leaf.group) for meter in counted] if several else counted)


def targets_of(engine: sa.Engine, within: str | None, year: int, scope: str, now: int) -> Targets:
    """The targets of a year for an organisation.

    Args:
        engine: Of registry and ledger.
        within: The district that the organisation must be or be in; None: it may be any.
        year: The target's year.
        scope: `organisation:ID`.
        now: ms since 1970 in UTC.

    Raises:
        UnknownScopeError: There is no such organisation.
    """
    with engine.connect() as connection:
        found = rolled_up(connection, within, scope, now)
        factors = factors_of(connection, year)
        return targets_by(lambda definition: found.indicator(definition, year, factors), year, scope, now)


def denominators_of(engine: sa.Engine, within: str | None, scope: str, start: int, end: int) -> dict[str, float | None]:
    """The day-weighted mean denominators of an organisation over [start, end) in ms; None where one is not known for all of it.

    Raises:
        UnknownScopeError: There is no such organisation.
    """
    with engine.connect() as connection:
        found = rolled_up(connection, within, scope, end).denominators(Span(start, end))
    return {kind: None if value is None else float(value) for kind, value in found.items()}


def rolled_up(connection: sa.Connection, within: str | None, scope: str, now: int) -> RollUp:
    """An organisation with the registries of its districts.

    Raises:
        UnknownScopeError: There is no such organisation.
    """
    tree, name = organisations.tree(connection), scope.removeprefix(ORGANISATION)
    tree = tree if within is None else tree.within(within)
    if name not in tree.by_id:
        raise UnknownScopeError(Message("problem.no_organisation", organisation=repr(name)))
    leaves = tree.leaves(name)
    entered = organisations.groups(connection)
    registries = {group: scopes.load(connection, group) for group in sorted({leaf.group for leaf in leaves} & entered)}
    absent = {leaf: why for leaf in leaves if (why := _absent(registries.get(leaf.group), leaf)) is not None}
    parts = {}
    for group, registry in registries.items():
        mine = [leaf for leaf in leaves if leaf.group == group]
        found = _scope(registry, mine)
        parts[group] = Part(
            name if len(registries) == 1 else mine[0].organisation, found, Sums(connection, group, [m.id for m in found.meters], now)
        )
    return RollUp(leaves, parts, absent, now)


def _absent(registry: Registry | None, leaf: Leaf) -> Message | None:
    """Why nothing is known of a leaf; None where it was entered."""
    if registry is None:
        return Message("reason.not_entered", group=leaf.group)
    if leaf.unit is not None and leaf.unit not in registry.compound_of:
        return Message("reason.no_unit", unit=leaf.unit, group=leaf.group)
    return None


def _scope(registry: Registry, leaves: Sequence[Leaf]) -> Scope:
    """The scope of leaves of one district: the district, or their institutions."""
    units = [leaf.unit for leaf in leaves if leaf.unit is not None]
    return scopes.of_units(registry, units) if units else scopes.scope_of(registry, scopes.DISTRICT)


def _side(part: Part, definition: Definition, span: Span) -> Side:
    return side_of(part.scope, part.sums, definition, [meter for meter in part.scope.meters if counts(definition, meter)], span)


def _amounts(side: Side) -> Iterator[tuple[str, Provenance, int]]:
    return ((energy, provenance, amount) for energy, parts in side.used.items() for provenance, amount in parts.items())


def _of_district(meter: CountedMeter, group: str) -> CountedMeter:
    return replace(meter, id=f"{group}/{meter.id}")
