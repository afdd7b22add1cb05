"""Whom a site has."""

from __future__ import annotations

from typing import NamedTuple


class Site(NamedTuple):
    """A site, its district's group, and what people call it."""

    id: str
    group: str
    name: dict[str, str]


class Compound(NamedTuple):
    """A compound of buildings, and what people call it."""

    id: str
    name: dict[str, str]


class Institution(NamedTuple):
    """An institution, the compound it sits in, and what people call it."""

    id: str
    name: dict[str, str]
    compound: str


class Stated(NamedTuple):
    """A headcount, an area (m2) or another denominator of an institution from a day (ISO) on."""

    unit: str
    kind: str
    valid_from: str
    value: float


class Approved(NamedTuple):
    """The same of one kind, with who approved it."""

    unit: str
    valid_from: str
    value: float
    by: str


class EnteredSite(NamedTuple):
    """What a site's files said (JSON) when it was entered, and when that was (ms)."""

    document: str
    entered_at: int
