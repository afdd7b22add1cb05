"""The tree of organisations as its file says it: what stands above districts, and which of their institutions stand below others."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import model_validator

from cloud.organisations.tree import INSTITUTIONS, KINDS, Kind, Organisation
from contract import yamlfile
from contract.fault import Fault, Place, located, twice
from contract.operation import Id, Text
from contract.yamlfile import Strict, nearest


class Stated(Strict):
    """One organisation of the file."""

    id: Id
    """One of the whole cloud."""
    kind: Kind
    name: Text
    parent: Id | None = None
    """The organisation above it, of a higher kind; kinds may be left out."""
    group: Id | None = None
    """Of a district its code, as its site says it; that may be entered later."""
    unit: Id | None = None
    """Of an institution its id in the district's site. The others of that site are in the district without being named here."""


class TreeFile(Strict):
    """All organisations, in any order."""

    organisations: list[Stated]

    @cached_property
    def by_id(self) -> dict[str, Stated]:
        """Organisations by id."""
        return {one.id: one for one in self.organisations}

    def district_of(self, one: Stated) -> Stated | None:
        """The district that an organisation is or is in; None above districts."""
        if one.kind == "district" or one.parent is None:
            return one if one.kind == "district" else None
        return self.district_of(self.by_id[one.parent])

    def stated(self) -> Iterator[Organisation]:
        """The organisations of the tree."""
        for one in self.organisations:
            district = self.district_of(one)
            group = None if district is None else district.group
            yield Organisation(one.id, one.parent, one.kind, one.name.model_dump(), group, one.unit)

    @model_validator(mode="after")
    def _stands_together(self) -> Self:
        faults = [*self._misplaced(), *self._misnamed()]
        if not faults:  # what is in which district can be told only then
            faults = [*self._doubled()]
        if faults:
            raise located(faults)
        return self

    def _misplaced(self) -> Iterator[Fault]:
        """Ids that stand twice, and parents that are none; since each stands below a higher kind, there is no circle."""
        yield from twice(((_place(i), one.id) for i, one in enumerate(self.organisations)), "an id that no other organisation has")
        for i, one in enumerate(self.organisations):
            place, parent = (*_place(i), "parent"), self.by_id.get(one.parent or "")
            if one.parent is not None and parent is None:
                yield Fault(place, f"expected the id of an organisation, got {one.parent!r}{nearest(one.parent, self.by_id)}", one.parent)
            elif parent is not None and KINDS.index(parent.kind) >= KINDS.index(one.kind):
                higher = ", ".join(KINDS[: KINDS.index(one.kind)])
                expected = f"expected one of a higher kind ({higher})" if higher else "expected none"
                yield Fault(place, f"{expected}, got the {parent.kind} {parent.id!r}", one.parent)
            elif one.kind in INSTITUTIONS and (parent is None or parent.kind not in INSTITUTIONS | {"district"}):
                yield Fault(place, f"expected the district or the institution that this {one.kind} is in", one.parent)

    def _misnamed(self) -> Iterator[Fault]:
        """Groups and units that lack, or that stand where none belongs."""
        above = {one.parent for one in self.organisations}
        for i, one in enumerate(self.organisations):
            if (one.kind == "district") != (one.group is not None):
                expected = "the district's code" if one.kind == "district" else f"none: it is of districts only, and this is a {one.kind}"
                yield Fault((*_place(i), "group"), f"expected {expected}", one.group)
            if one.unit is not None and one.kind not in INSTITUTIONS:
                yield Fault((*_place(i), "unit"), f"expected none: it is of institutions only, and this is a {one.kind}", one.unit)
            elif one.unit is None and one.kind in INSTITUTIONS and one.id not in above:
                yield Fault((*_place(i), "unit"), "expected its id in the district's site, since no other organisation is in it", None)

    def _doubled(self) -> Iterator[Fault]:
        """Districts, and institutions of one, that two organisations claim to be."""
        parts = list(enumerate(self.organisations))
        groups = [(_place(i), one.group) for i, one in parts if one.group is not None]
        yield from twice(groups, "a district that no other organisation is", "group")
        for district in (one for _, one in parts if one.kind == "district"):
            units = [(_place(i), one.unit) for i, one in parts if one.unit is not None and self.district_of(one) is district]
            yield from twice(units, "an institution that no other organisation is", "unit")


def _place(number: int) -> Place:
    return ("organisations", number)


def load_tree(path: Path) -> TreeFile:
    """The tree that a file states.

    Raises:
        ConfigError: With file, line, field and what was expected, a line for each fault.
    """
    return yamlfile.load(TreeFile, path)
