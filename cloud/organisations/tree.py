"""The organisations above districts and below them, as a tree: what is below one, and what of districts it is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

Kind = Literal["province", "city", "district", "institution", "sub_institution"]
KINDS: tuple[Kind, ...] = ("province", "city", "district", "institution", "sub_institution")
"""From the highest to the lowest; an organisation's parent is of a higher kind, and kinds may be left out."""
INSTITUTIONS: frozenset[Kind] = frozenset({"institution", "sub_institution"})
"""Of a district; a site has those that are metered."""
ORGANISATION = "organisation:"
"""How a scope begins that is an organisation's."""


class Organisation(NamedTuple):
    """One organisation of the tree.

    Attributes:
        id: Its own, of which the cloud has one.
        parent: The id of the one above it; None where nothing is.
        kind: One of `KINDS`.
        name: What people call it, by language.
        group: The district's code: of a district the one that it stands for, of what is below it the same; None above.
        unit: The id of the institution that it is in the district's site; None of what only has others below it.
    """

    id: str
    parent: str | None
    kind: Kind
    name: Mapping[str, str]
    group: str | None = None
    unit: str | None = None


class Leaf(NamedTuple):
    """What a roll-up sums: a whole district, or one institution of it.

    Attributes:
        organisation: Its id in the tree.
        group: The district's code.
        unit: The id of the institution in the district's site; None: the whole district.
    """

    organisation: str
    group: str
    unit: str | None


@dataclass(frozen=True)
class Tree:
    """All organisations by id; those of a kind stand behind those of a higher one."""

    by_id: Mapping[str, Organisation]

    @cached_property
    def children(self) -> Mapping[str | None, Sequence[Organisation]]:
        """What stands directly below each, by ids; under None what nothing stands above."""
        found: defaultdict[str | None, list[Organisation]] = defaultdict(list)
        for one in sorted(self.by_id.values(), key=lambda one: (KINDS.index(one.kind), one.id)):
            found[one.parent].append(one)
        return dict(found)

    def below(self, name: str) -> Iterator[Organisation]:
        """An organisation and all that is below it, each before what is below that one."""
        yield self.by_id[name]
        for child in self.children.get(name, ()):
            yield from self.below(child.id)

    def leaves(self, name: str) -> list[Leaf]:
        """What an organisation is made of, in order of group and id: its districts, or else the institutions at it and below it."""
        found = list(self.below(name))
        districts = [Leaf(one.id, one.group, None) for one in found if one.kind == "district" and one.group is not None]
        units = [Leaf(one.id, one.group, one.unit) for one in found if one.group is not None and one.unit is not None]
        return sorted(districts or units, key=lambda leaf: (leaf.group, leaf.unit or "", leaf.organisation))

    def within(self, group: str) -> Tree:
        """The district of a group with what is below it; whoever sees this district alone sees no other organisation."""
        kept = {one.id: one for one in self.by_id.values() if one.group == group}
        return Tree({one.id: one._replace(parent=one.parent if one.parent in kept else None) for one in kept.values()})


def tree_of(organisations: Iterable[Organisation]) -> Tree:
    """The tree of some organisations."""
    return Tree({one.id: one for one in organisations})
