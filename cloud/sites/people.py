"""Headcounts, floor areas and other denominators of a site's files, entered as dated rows; those of an institution that is gone end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

import sqlalchemy as sa

from cloud.organisations import queries as organisations
from cloud.organisations.repository import enter_denominators
from cloud.sites import dated
from cloud.sites.changes import Change
from cloud.sites.entered import EntryRefused
from contract.institution import OWN_KINDS, Institution
from contract.site import Site

_Series = tuple[dated.Rows, set[str]]
"""The rows of the files, and the days that have a value of somebody else."""


def people(connection: sa.Connection, site: Site, day: date, *, first: bool) -> Iterator[Change]:
    """Enter the headcounts, areas and other denominators of a site's institutions, and of those that are retired on the day.

    Args:
        connection: In a transaction that writes, after the institutions were entered.
        site: From its files.
        day: From when new numbers hold.
        first: Nothing was entered before; then nothing changes.

    Raises:
        EntryRefused: The day lies before one that has a value already, or an institution would lose what changed before its first day,
            or has a change before it.
    """
    units = {unit.id: unit for unit in site.units}
    gone = organisations.units_retired_on(connection, site.group, day.isoformat())
    for kind in _kinds(connection, site):
        kept = _series(connection, site.group, kind)
        for name in (*units, *gone):
            before, others = kept.get(name, ({}, set()))
            try:
                after = _next(units.get(name), kind, before, day, first=first, others=others)
            except dated.DayError as error:
                place = f"--from: {name}" if error.field == "--from" else f"units: {name}: {error.field}"
                raise EntryRefused(f"{place}: {kind}: {error}") from error
            mine = {at: value for at, value in after.items() if at not in others}
            enter_denominators(connection, site.group, name, kind, mine, [at for at in before if at not in mine], dated.SITE_FILE)
            if not first:
                yield from (Change("changed", "unit", name, _said(kind, found)) for found in dated.told(before, after))


def _kinds(connection: sa.Connection, site: Site) -> Sequence[str]:
    """Those of each institution, then what else the files state or stated."""
    more = {kind for unit in site.units for kind in unit.denominators} | organisations.kinds(connection, site.group)
    return [*OWN_KINDS, *sorted(more.difference(OWN_KINDS))]


def _next(unit: Institution | None, kind: str, before: dated.Rows, day: date, *, first: bool, others: set[str]) -> dated.Rows:
    if unit is None:
        return dated.retired_rows(before, day) if before or kind in OWN_KINDS else {}
    if kind not in OWN_KINDS:
        return dated.stated(unit, kind)
    asked = dated.wanted(unit, kind)
    if before:
        return dated.next_rows(before, asked, day)
    return {} if others else dated.first_rows(asked, dated.VALID_FROM if first else day.isoformat())


def _series(connection: sa.Connection, group: str, kind: str) -> Mapping[str, _Series]:
    """What there is of each institution of a group, by its id."""
    found: dict[str, _Series] = {}
    for row in organisations.approved(connection, group, kind):
        rows, others = found.setdefault(row.unit, ({}, set()))
        if row.by == dated.SITE_FILE:
            rows[row.valid_from] = round(Decimal(str(row.value)), 4)
        else:
            others.add(row.valid_from)
    return found


def _said(kind: str, told: dated.Told) -> str:
    old, new = ("unknown" if value is None else f"{value.normalize():f}" for value in (told.old, told.new))
    return f"{kind} {old} -> {new} from {told.at}" + (f" until {told.until}" if told.until else "")
