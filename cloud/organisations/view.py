"""The tree as people see it: with the institutions that the site of each district has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from cloud.organisations import queries
from cloud.organisations.model import Institution
from cloud.organisations.tree import ORGANISATION, Kind, Organisation, Tree


@dataclass(frozen=True, slots=True)
class Shown:
    """An organisation with what is below it.

    Attributes:
        id: Of the tree; of an institution that only a site names, its id there.
        kind: Such as `city`.
        name: What people call it, by language.
        group: The district's code; None above districts.
        unit: The id of the institution that it is in the district's site; None of others.
        scope: By which its figures are asked for: `organisation:ID`, or `unit:ID` with its group.
        entered: Whether all that its figures are made of was entered in this cloud.
        below: What is directly below it.
    """

    id: str
    kind: Kind
    name: Mapping[str, str]
    group: str | None
    unit: str | None
    scope: str
    entered: bool
    below: Sequence[Shown]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the sites of districts have.

    Attributes:
        ever: The ids of all institutions that each district ever had, by its group; of a district without a site there are none.
        unnamed: Those that it has on the day and the tree does not name.
    """

    ever: Mapping[str, frozenset[str]]
    unnamed: Mapping[str, Sequence[Institution]]


def shown(connection: sa.Connection, on: str, within: str | None = None) -> list[Shown]:
    """All organisations, from what nothing stands above.

    Args:
        connection: To the registry.
        on: Day (ISO) on which the sites' institutions are looked at.
        within: The district to which whoever asks is limited; None: to none.
    """
    tree = queries.tree(connection)
    tree = tree if within is None else tree.within(within)
    named = {(one.group, one.unit) for one in tree.by_id.values()}
    groups = sorted(queries.groups(connection) & {one.group for one in tree.by_id.values() if one.group is not None})
    known = _Known(
        {group: frozenset(queries.compounds(connection, group)) for group in groups},
        {group: [unit for unit in queries.units(connection, group, on) if (group, unit.id) not in named] for group in groups},
    )
    return [_shown(tree, known, one) for one in tree.children.get(None, ())]


def _shown(tree: Tree, known: _Known, one: Organisation) -> Shown:
    below = [_shown(tree, known, child) for child in tree.children.get(one.id, ())]
    if one.kind == "district":
        below += [_of_site(one, unit) for unit in known.unnamed.get(one.group or "", ())]
    scope = f"{ORGANISATION}{one.id}"
    return Shown(one.id, one.kind, one.name, one.group, one.unit, scope, _entered(tree, known, one), below)


def _of_site(district: Organisation, unit: Institution) -> Shown:
    return Shown(unit.id, "institution", unit.name, district.group, unit.id, f"unit:{unit.id}", entered=True, below=())


def _entered(tree: Tree, known: _Known, one: Organisation) -> bool:
    leaves = tree.leaves(one.id)
    ever = [known.ever.get(leaf.group) for leaf in leaves]
    return bool(leaves) and all(units is not None and leaf.unit in {None, *units} for leaf, units in zip(leaves, ever, strict=True))
