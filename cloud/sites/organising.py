"""Enters the tree of organisations: what a file changes, on record and in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.accounts.repository import audited
from cloud.organisations import queries, repository
from cloud.organisations.tree import Organisation, Tree, tree_of
from cloud.platform.database import writing
from cloud.sites.changes import Change, items, on_record
from cloud.sites.entered import EntryRefused

_WHAT = "organisation"


class TreePlan(NamedTuple):
    """What entering a tree changes, in words, and what of it cannot have figures yet."""

    changes: Sequence[Change]
    doubts: Sequence[str]


def plan_tree(connection: sa.Connection, organisations: Sequence[Organisation]) -> TreePlan:
    """What entering a tree would change; nothing is written."""
    found = tree_of(organisations)
    changes = items(_WHAT, _documents(queries.tree(connection)), _documents(found), gone="removed")
    return TreePlan(list(changes), list(_doubts(connection, found)))


def enter_tree(engine: sa.Engine, organisations: Sequence[Organisation], planned: Sequence[Change], by: str, now: int) -> None:
    """Enter a tree in one transaction; what it no longer has is deleted, since nothing is kept under its id.

    Args:
        engine: Of the registry.
        organisations: All of the tree.
        planned: What somebody agreed to.
        by: Who enters it.
        now: ms since 1970 in UTC.

    Raises:
        EntryRefused: Something else would change than what was agreed to.
    """
    with writing(engine).begin() as connection:
        repository.lock(connection)
        changes = plan_tree(connection, organisations).changes
        if changes != planned:
            raise EntryRefused("the tree was changed meanwhile; nothing was entered, look again: jieyue-cloud organisation plan FILE")
        if changes:
            repository.enter_tree(connection, organisations)
            audited(connection, _WHAT, on_record(changes), by, now, group=None)


def _documents(tree: Tree) -> list[Mapping[str, Any]]:
    return [tree.by_id[name]._asdict() for name in sorted(tree.by_id)]


def _doubts(connection: sa.Connection, tree: Tree) -> Iterator[str]:
    """Districts and institutions of the tree that were not entered, and districts that were and stand in no tree."""
    entered = queries.groups(connection)
    units = {group: {unit.id for unit in queries.units(connection, group)} for group in sorted(entered)}
    for one in sorted(tree.by_id.values()):
        if one.kind == "district" and one.group not in entered:
            yield f"district {one.id}: {one.group} was not entered in this cloud; what is above it has no figures until it is"
        elif one.unit is not None and one.unit not in units.get(one.group or "", {one.unit}):
            yield f"{one.kind} {one.id}: the site of {one.group} has no unit {one.unit}; it has no figures until it does"
    for group in sorted(entered - {one.group for one in tree.by_id.values()}):
        yield f"{group} was entered in this cloud and is no district of the tree; no roll-up has it"
