from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from cloud.ledger import tables as ledger
from cloud.organisations import queries, repository
from cloud.organisations.tree import Organisation
from cloud.platform.database import writing
from cloud.platform.schema import SLICES
from contract.site import Site
from tests.cloud import tables
from tests.cloud.district import GROUP
from tests.cloud.entering import seed

NAMING = [table for table in tables.metadata.sorted_tables if "meter" in table.c]


def test_whatever_names_a_meter_names_its_new_id(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """A row of each table with a column `meter`, most of them without a foreign key: after a rename none names the old id."""
    seed(engine, small(meters={"m1": {"units": ["u1"]}}))
    with writing(engine).begin() as connection:
        connection.execute(sa.delete(tables.meter_unit))
        for table in NAMING:
            row = {column.name: column.type.python_type(1) for column in table.c} | {"grp": GROUP, "meter": "m1"}
            connection.execute(sa.insert(table), [row | ({"unit": "u1"} if "unit" in table.c else {})])
    seed(engine, small(meters={"m1": {"id": "main", "was": "m1", "units": ["u1"]}, "oil": {"units": ["u2"]}}))
    with engine.connect() as connection:
        found = {table.name: set(connection.execute(sa.select(table.c.meter)).scalars()) for table in NAMING}
    assert found == {table.name: {"main"} for table in NAMING} | {"meter_unit": {"main", "oil"}}
    assert len(NAMING) >= 13


def test_a_rename_is_of_one_district(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """Another district's meter and institution of the same ids, with all that names them, keep theirs."""
    other = small().model_dump(mode="json") | {"group": "510811"}
    seed(engine, small())
    seed(engine, Site.model_validate(other))
    seed(engine, small(units={"u1": {"id": "n1", "was": "u1"}}, meters={"m1": {"id": "main", "was": "m1", "units": ["n1"]}, "oil": None}))
    served = tables.meter_unit.c
    with engine.connect() as connection:
        found = {tuple(row) for row in connection.execute(sa.select(served.grp, served.meter, served.unit))}
        retired = dict(connection.execute(sa.select(tables.meter.c.grp, tables.meter.c.retired_on).where(tables.meter.c.id == "oil")).all())
    assert {row for row in found if row[0] == "510811"} == {("510811", "m1", "u1"), ("510811", "m1", "u2"), ("510811", "oil", "u1")}
    assert ("510802", "main", "n1") in found
    assert retired["510811"] is None
    assert retired["510802"] is not None


def test_an_organisation_follows_the_institution_that_it_is(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """In its own district only, and not where another organisation is the new one already."""
    stated = [
        Organisation("d1", None, "district", {}, GROUP),
        Organisation("d2", None, "district", {}, "510811"),
        Organisation("a", "d1", "institution", {}, GROUP, "u1"),
        Organisation("b", "d1", "institution", {}, GROUP, "u2"),
        Organisation("c", "d1", "institution", {}, GROUP, "n2"),
        Organisation("x", "d2", "institution", {}, "510811", "u1"),
    ]
    seed(engine, small())
    with writing(engine).begin() as connection:
        repository.enter_tree(connection, stated)
    seed(engine, small(units={"u1": {"id": "n1", "was": "u1"}, "u2": {"id": "n2", "was": "u2"}}, meters={"m1": None, "oil": None}))
    with engine.connect() as connection:
        found = queries.tree(connection).by_id
    assert {name: one.unit for name, one in found.items()} == {"d1": None, "d2": None, "a": "n1", "b": "u2", "c": "n2", "x": "u1"}


def test_only_the_ledger_names_meters() -> None:
    """It renames what its own tables name; of an institution, so does the ledger in one table, and the organisations in another."""
    owners = {id(table): module for module in SLICES for table in vars(module).values() if isinstance(table, sa.Table)}
    assert {owners[id(table)] for table in NAMING} == {ledger}
    units = [table.name for table in tables.metadata.sorted_tables if "unit" in table.c and table.c.unit.foreign_keys]
    assert units == ["denominator", "meter_unit"]
