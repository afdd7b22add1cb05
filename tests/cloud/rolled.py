"""Districts whose ledgers are written as they are to be, the tree above them, and what both are to add up to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from cloud.indicators.figures import seed_factors
from cloud.ledger.periods import HOUR_MS, month_start
from cloud.organisations import repository
from cloud.organisations.tree import Kind, Organisation
from cloud.platform.database import writing
from contract.clock import parse_time
from tests.cloud import tables

FIRST, SECOND, THIRD = "510802", "510811", "510812"
NOW = parse_time("2026-05-20T13:00:00+08:00")
AS_OF = parse_time("2026-05-20T00:00:00+08:00")
BEGIN, THIS = month_start(2025, 1), month_start(2026, 1)
_NAME = json.dumps({"zh": "名", "en": "Name"})


@dataclass(frozen=True)
class District:
    """A district of two institutions that share its meters.

    Attributes:
        group: Its code.
        heads: People of each institution.
        areas: Square metres of each.
        meters: What each meter used, in base units by hour and provenance; its id is the name of its energy.
    """

    group: str
    heads: tuple[int, int] = (80, 20)
    areas: tuple[Decimal, Decimal] = (Decimal(3000), Decimal(1000))
    meters: Mapping[str, Mapping[tuple[int, str], int]] = field(default_factory=dict)

    def used(self, energy: str, start: int, end: int) -> int:
        """What it used of an energy over a span, in base units."""
        return sum(amount for (hour, _), amount in self.meters.get(energy, {}).items() if start <= hour < end)

    def rows(self) -> list[tuple[sa.Table, list[dict[str, Any]]]]:
        """As the registry and the ledger have it."""
        units = ("u1", "u2")
        values = {"headcount": self.heads, "area": self.areas}
        meter = {"name": _NAME, "grp": self.group, "main": True, "item": "", "compound": "c", "vehicle_fuel": False}
        series = [
            {"unit": unit, "kind": kind, "valid_from": "2020-01-01", "value": value, "approved_by": "site file"}
            for kind, both in values.items()
            for unit, value in zip(units, both, strict=True)
        ]
        hours = [
            {"meter": of, "hour": hour, "provenance": provenance, "amount": amount}
            for of, by_hour in self.meters.items()
            for (hour, provenance), amount in by_hour.items()
        ]
        found: dict[sa.Table, list[dict[str, Any]]] = {
            tables.site: [{"id": "s", "name": _NAME}],
            tables.compound: [{"id": "c", "name": _NAME}],
            tables.unit: [{"id": unit, "name": _NAME, "compound": "c"} for unit in units],
            tables.denominator: series,
            tables.meter: [meter | {"id": energy, "energy": energy, "device": f"d-{energy}", "point": "volume"} for energy in self.meters],
            tables.meter_unit: [{"meter": energy, "unit": unit} for energy in self.meters for unit in units],
            tables.ledger_hour: hours,
        }
        return [(table, [row | {"grp": self.group} for row in rows]) for table, rows in found.items() if rows]


def counted(this: int, last: int, *, until: int = AS_OF, since: int = BEGIN) -> dict[tuple[int, str], int]:
    """The hours of a meter that used so much in February of this year and of the last one, counted from one time up to another."""
    hours = {(since, "measured"): 0, (until - HOUR_MS, "measured"): 0, (month_start(2026, 2), "measured"): this}
    return hours | {(month_start(2025, 2), "measured"): last}


def enter(engine: sa.Engine, districts: Sequence[District], tree: Sequence[Organisation]) -> None:
    """Put districts and a tree, in their order, in the place of what a registry has."""
    with writing(engine).begin() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            connection.execute(sa.delete(table))
        for table, rows in (one for district in districts for one in district.rows()):
            connection.execute(sa.insert(table), rows)
        repository.enter_tree(connection, tree)
    seed_factors(engine)


def organisation(of: str, kind: Kind, parent: str | None = None, group: str | None = None, unit: str | None = None) -> Organisation:
    """An organisation that is called by its id."""
    return Organisation(of, parent, kind, {"zh": of, "en": of}, group, unit)
