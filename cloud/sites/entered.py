"""The site that was entered last, as its files said it then."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from cloud.devices.model import RegisteredDevice
from cloud.ledger.stated import StatedMeter
from cloud.organisations import queries as organisations
from cloud.organisations.model import Compound, Institution
from cloud.sites.changes import Document
from cloud.sites.register import kept
from contract.site import Site

_SAME = {"id", "name", "compound", "profile", "device", "point", "energy", "parent", "item", "max_rate"}
"""Fields that a document and a table have alike."""


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


def entered(connection: sa.Connection, group: str) -> Entered | None:
    """The site that was entered last for a group; None if there is none.

    Raises:
        EntryRefused: This version cannot read it.
    """
    found = organisations.entered(connection, group)
    if found is None:
        return None
    try:
        return Entered(Site.model_validate_json(found.document), found.entered_at)
    except ValidationError as error:
        raise EntryRefused("the site that was entered does not fit this version; enter it anew: jieyue-cloud site apply FOLDER") from error


def all_entered(connection: sa.Connection) -> dict[str, Entered]:
    """What was entered last for each district, by group.

    Raises:
        EntryRefused: This version cannot read one of them.
    """
    found = ((group, entered(connection, group)) for group in organisations.entered_groups(connection))
    return {group: one for group, one in found if one is not None}


def document(site: Site) -> dict[str, Any]:
    """A site as JSON, to be kept and compared."""
    found: dict[str, Any] = site.model_dump(mode="json")
    return found


def documents(connection: sa.Connection, group: str) -> tuple[Document | None, Document | None]:
    """The document that was entered last, as it stands and with the fields that came since; both None if nothing was.

    Of a registry from before there were any, the second is what its tables say.
    """
    found = organisations.entered(connection, group)
    if found is not None:
        as_kept: Document = json.loads(found.document)
        try:
            return as_kept, document(Site.model_validate(as_kept))
        except ValidationError:
            return as_kept, as_kept
    return None, _of_tables(connection, group) if organisations.has_units(connection, group) else None


def _of_tables(connection: sa.Connection, group: str) -> Document:
    """What the tables say, as far as a site's document says the same; devices that only a birth made known are no site's."""
    register = kept(connection, group)
    return {
        "units": _items(organisations.units(connection, group)),
        "devices": _items(one for one in register.devices.values() if one.interval is not None),
        "meters": _items(register.meters.values()),
        "compounds": _items(organisations.all_compounds(connection, group)),
    }


def _items(rows: Iterable[Compound | Institution | RegisteredDevice | StatedMeter]) -> list[dict[str, Any]]:
    return [{field: value for field, value in row._asdict().items() if field in _SAME} for row in rows]
