"""Enters a site: the one way by which what its files say comes into the registry, on record and in the caller's transaction.

What the files no longer have is retired and stays, since its history counts. A number of people or a floor area that changed
holds from a day on. An id that changed (`was`) takes its history along.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from cloud.accounts.repository import audited
from cloud.devices import tables as devices_tables
from cloud.ledger import tables as ledger_tables
from cloud.organisations import tables as organisations_tables
from cloud.platform.database import upsert, writing
from cloud.registry import dated
from cloud.registry.changes import Change, Document, differences, suspected
from cloud.registry.renaming import reference, renamed
from cloud.registry.replaced import replaced
from cloud.registry.seed import rows_of, served
from cloud.registry.stated import recounted
from contract.institution import Unit
from contract.meter import Meter
from contract.site import Site

HOUR_MS = 3_600_000
_TOLD = 200
"""Changes that the audit names one by one."""


class EntryRefused(ValueError):  # noqa: N818 (the field's word)
    """A site that cannot be entered here; one line with what was expected."""


@dataclass(frozen=True, slots=True)
class Entered:
    """A site as it was entered.

    Attributes:
        site: What the files said.
        at: When, ms since 1970 in UTC.
    """

    site: Site
    at: int


@dataclass(frozen=True, slots=True)
class By:
    """Who enters a site, and when.

    Attributes:
        name: Who.
        now: ms since 1970 in UTC.
        day: From when new numbers hold, and what is new or gone is there or not.
    """

    name: str
    now: int
    day: date


@dataclass(frozen=True, slots=True)
class Plan:
    """What entering a site changes.

    Attributes:
        first: Nothing was entered before.
        changes: In words.
        doubts: What the files probably mean otherwise.
        units: New ids of units by old.
    """

    first: bool
    changes: Sequence[Change]
    doubts: Sequence[str]
    units: Mapping[str, str]


def entered(connection: sa.Connection) -> Entered | None:
    """The site that was entered last; None if there is none.

    Raises:
        EntryRefused: This version cannot read it.
    """
    row = connection.execute(sa.select(organisations_tables.entered_site)).mappings().first()
    if row is None:
        return None
    try:
        return Entered(Site.model_validate_json(row["document"]), row["entered_at"])
    except ValidationError as error:
        raise EntryRefused("the site that was entered does not fit this version; enter it anew: jieyue-cloud site apply FOLDER") from error


def document(site: Site) -> dict[str, Any]:
    """A site as JSON, to be kept and compared."""
    found: dict[str, Any] = site.model_dump(mode="json")
    return found


def enter_site(engine: sa.Engine, site: Site, by: By, planned: Sequence[Change] | None = None) -> Plan:
    """Enter a site in one transaction.

    Args:
        engine: Of the registry.
        site: From its files.
        by: Who, when, and from which day on.
        planned: What somebody agreed to; None where nobody was asked.

    Raises:
        EntryRefused: As `enter`, or something else would change than what was agreed to.
    """
    with writing(engine).begin() as connection:
        plan = enter(connection, site, by)
        if planned is not None and plan.changes != planned:
            raise EntryRefused("the registry was changed meanwhile; nothing was entered, look again: jieyue-cloud site plan FOLDER")
    return plan


def enter(connection: sa.Connection, site: Site, by: By) -> Plan:
    """Enter a site; done again, it changes nothing.

    Args:
        connection: In a transaction that writes. Rolled back, it was a plan.
        site: From its files.
        by: Who, when, and from which day on.

    Raises:
        EntryRefused: Another district's site was entered, the day lies before one that has a value already, or a unit lost its first day
            or would lose what changed before it, or has a change before it.
    """
    kept, old = _before(connection, site.group)
    names = {
        table.name: _renames(connection, table, items)
        for table, items in ((organisations_tables.unit, site.units), (ledger_tables.meter, site.meters))
    }
    for table in (organisations_tables.unit, ledger_tables.meter):
        for was, name in names[table.name].items():
            renamed(connection, table, was, name)
    new = document(site)
    before = None if old is None else reference(old, names["unit"], names["meter"])
    _begun(before, site.units)
    changes = [Change("renamed", kind, name, f"was {was}") for kind, found in names.items() for was, name in found.items()]
    changes += () if before is None else differences(before, new)
    changes += _ratios(connection, site, by)
    changes += replaced(connection, site, by.now)
    changes += recounted(connection, site)
    known = set(connection.execute(sa.select(ledger_tables.meter.c.id)).scalars())
    _rows(connection, site, by.day)
    added = [] if before is None else [m.id for m in site.meters if m.id not in known and m.device is not None]
    connection.execute(sa.update(ledger_tables.meter).where(ledger_tables.meter.c.id.in_(added)).values(added_on=by.day.isoformat()))
    changes += _people(connection, site, by, first=before is None)
    if changes or kept != new:
        _record(connection, site, new, changes, by)
    return Plan(before is None, changes, () if before is None else list(suspected(changes, before, new)), names["unit"])


def _before(connection: sa.Connection, group: str) -> tuple[Document | None, Document | None]:
    """The document that was entered last, as it stands and with the fields that came since.

    Of a registry from before there were any, the second is what its tables say.
    """
    other = connection.execute(sa.select(organisations_tables.site.c.grp).where(organisations_tables.site.c.grp != group)).scalar()
    if other is not None:
        raise EntryRefused(f"group: expected {other}, whose site this database holds, got {group}")
    text = connection.execute(
        sa.select(organisations_tables.entered_site.c.document).where(organisations_tables.entered_site.c.grp == group)
    ).scalar()
    if text is not None:
        kept: Document = json.loads(text)
        try:
            return kept, document(Site.model_validate(kept))
        except ValidationError:
            return kept, kept
    if connection.execute(sa.select(organisations_tables.unit.c.id).limit(1)).first() is None:
        return None, None
    lists = {
        "units": organisations_tables.unit,
        "devices": devices_tables.device,
        "meters": ledger_tables.meter,
        "compounds": organisations_tables.compound,
    }
    return None, {field: list(_items(connection, table)) for field, table in lists.items()}


def _begun(before: Document | None, units: Sequence[Unit]) -> None:
    """Refuse a unit whose first day was taken out of the files: was it always there, or is the day still right?"""
    known = {unit["id"]: unit.get("since") for unit in (before or {}).get("units", ())}
    for unit in units:
        if unit.since is None and known.get(unit.id) is not None:
            said = f"expected {known[unit.id]}, as it was entered, or another day ({dated.VALID_FROM} if it was always there), got none"
            raise EntryRefused(f"units: {unit.id}: since: {said}")


def _items(connection: sa.Connection, table: sa.Table) -> Iterator[dict[str, Any]]:
    """Rows as a document has them, as far as both say the same; devices that only a birth made known are no site's."""
    same = {"id", "name", "compound", "profile", "device", "point", "energy", "parent", "item", "max_rate"}
    for row in connection.execute(sa.select(table).order_by(table.c.id)).mappings():
        if table is not devices_tables.device or row["interval"] is not None:
            yield {field: value for field, value in row.items() if field in same} | {"name": json.loads(row["name"])}


def _renames(connection: sa.Connection, table: sa.Table, items: Sequence[Unit] | Sequence[Meter]) -> dict[str, str]:
    """New ids by old, of what the registry still has under the old one."""
    asked = {item.was: item.id for item in items if item.was is not None}
    known = connection.execute(sa.select(table.c.id).where(table.c.id.in_(list(asked)))).scalars()
    return {was: asked[was] for was in known}


def _rows(connection: sa.Connection, site: Site, day: date) -> None:
    """Enter what stands in the registry once, retire what the files no longer have."""
    connection.execute(sa.delete(organisations_tables.site).where(organisations_tables.site.c.id != site.id))
    for table, rows in rows_of(site).items():
        retires = "retired_on" in table.c
        upsert(connection, table, [row | ({"retired_on": None} if retires else {}) for row in rows])
        if retires:
            ids = [row["id"] for row in rows]
            gone = [table.c.id.not_in(ids), table.c.retired_on.is_(None)]
            gone += [table.c.interval.is_not(None)] if table is devices_tables.device else []
            connection.execute(sa.update(table).where(*gone).values(retired_on=day.isoformat()))
    _served(connection, site)


def _served(connection: sa.Connection, site: Site) -> None:
    """Which units a meter serves is replaced as a whole; a unit that is gone keeps its part of what it used."""
    table, rows = ledger_tables.meter_unit, served(site)
    mine = table.c.meter.in_([meter.id for meter in site.meters])
    still = sa.select(organisations_tables.unit.c.id).where(organisations_tables.unit.c.retired_on.is_(None))
    connection.execute(sa.delete(table).where(mine, table.c.unit.in_(still)))
    if rows:
        connection.execute(sa.insert(table), rows)


def _people(connection: sa.Connection, site: Site, by: By, *, first: bool) -> Iterator[Change]:
    """Headcounts and areas as dated rows; those of a unit that is gone end."""
    units = {unit.id: unit for unit in site.units}
    gone = (
        connection.execute(sa.select(organisations_tables.unit.c.id).where(organisations_tables.unit.c.retired_on == by.day.isoformat()))
        .scalars()
        .all()
    )
    for kind in dated.KINDS:
        kept = _series(connection, kind)
        for name in (*units, *gone):
            before, others = kept.get(name, ({}, set()))
            try:
                after = _next(units.get(name), kind, before, by, first=first, others=others)
            except dated.DayError as error:
                place = f"--from: {name}" if error.field == "--from" else f"units: {name}: {error.field}"
                raise EntryRefused(f"{place}: {kind}: {error}") from error
            _denominators(connection, name, kind, before, {at: value for at, value in after.items() if at not in others})
            if not first:
                yield from (Change("changed", "unit", name, _said(kind, found)) for found in dated.told(before, after))


def _next(unit: Unit | None, kind: str, before: dated.Rows, by: By, *, first: bool, others: set[str]) -> dated.Rows:
    if unit is None:
        return dated.retired_rows(before, by.day)
    asked = dated.wanted(unit, kind)
    if before:
        return dated.next_rows(before, asked, by.day)
    return {} if others else dated.first_rows(asked, dated.VALID_FROM if first else by.day.isoformat())


def _denominators(connection: sa.Connection, unit: str, kind: str, before: dated.Rows, after: dated.Rows) -> None:
    table = organisations_tables.denominator
    gone = [at for at in before if at not in after]
    connection.execute(sa.delete(table).where(table.c.unit == unit, table.c.kind == kind, table.c.valid_from.in_(gone)))
    row = {"unit": unit, "kind": kind, "approved_by": dated.SITE_FILE}
    upsert(connection, table, [row | {"valid_from": at, "value": value} for at, value in after.items()])


def _series(connection: sa.Connection, kind: str) -> dict[str, tuple[dated.Rows, set[str]]]:
    """By unit: the rows of the files, and the days that have a value of somebody else."""
    table = organisations_tables.denominator.c
    found: dict[str, tuple[dated.Rows, set[str]]] = {}
    for row in connection.execute(sa.select(organisations_tables.denominator).where(table.kind == kind)):
        rows, others = found.setdefault(row.unit, ({}, set()))
        if row.approved_by == dated.SITE_FILE:
            rows[row.valid_from] = round(Decimal(str(row.value)), 4)
        else:
            others.add(row.valid_from)
    return found


def _said(kind: str, told: dated.Told) -> str:
    old, new = ("unknown" if value is None else f"{value.normalize():f}" for value in (told.old, told.new))
    return f"{kind} {old} -> {new} from {told.at}" + (f" until {told.until}" if told.until else "")


def _ratios(connection: sa.Connection, site: Site, by: By) -> Iterator[Change]:
    """Ratios and scales that changed become dated rows, which the ledger reads: a counter that shows more has not counted more.

    A meter that got another device or another model is an exchange, which somebody records.
    """
    known = {row["id"]: row for row in connection.execute(sa.select(ledger_tables.meter)).mappings()}
    profiles = {row.id: row.profile for row in connection.execute(sa.select(devices_tables.device.c.id, devices_tables.device.c.profile))}
    for new in rows_of(site)[ledger_tables.meter]:
        old = known.get(new["id"])
        if old is None or old["ratio"] is None or new["ratio"] is None or old["ratio"] == new["ratio"]:
            continue
        device = site.device_by_id[new["device"]]
        if (old["device"], old["point"]) != (new["device"], new["point"]) or profiles.get(device.id) != device.profile:
            continue
        factor = f"{(Decimal(new['ratio']) / Decimal(old['ratio'])).normalize():f}"
        row = {"grp": site.group, "meter": new["id"], "at": by.now, "factor": factor}
        why = f"a step of the register was worth {old['ratio']}, now {new['ratio']}"
        upsert(connection, ledger_tables.ratio_change, [row | {"reason": why, "recorded_by": by.name, "recorded_at": by.now}])
        hour = {"meter": new["id"], "hour": by.now // HOUR_MS * HOUR_MS, "generation": 1}
        upsert(connection, ledger_tables.touched, [hour], add="generation")
        yield Change("recorded", "ratio of meter", new["id"], f"{why} (times {factor})")


def _record(connection: sa.Connection, site: Site, new: Document, changes: Sequence[Change], by: By) -> None:
    text = json.dumps(new, ensure_ascii=False)
    upsert(
        connection, organisations_tables.entered_site, [{"grp": site.group, "document": text, "entered_by": by.name, "entered_at": by.now}]
    )
    said = [str(change) for change in changes]
    detail = {"site": site.id, "from": by.day.isoformat(), "changes": said[:_TOLD], "more": max(len(said) - _TOLD, 0)}
    audited(connection, "site", detail, by.name, by.now)
