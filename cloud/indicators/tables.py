"""Tables of conversion factors; dates are ISO texts."""

from __future__ import annotations

from sqlalchemy import Column, String, Table, Text

from cloud.platform.tables import metadata

factor = Table(
    "factor",
    metadata,
    Column("set", String, primary_key=True),
    Column("energy", String, primary_key=True),
    Column("valid_from", String, primary_key=True),
    Column("valid_to", String),
    Column("unit", String, nullable=False),
    Column("kgce_per_unit", String, nullable=False),  # a decimal as text, so that no database rounds it
    Column("source", Text, nullable=False),
)
factor_co2 = Table(  # announced for data years of their own, so not a column of `factor`
    "factor_co2",
    metadata,
    Column("set", String, primary_key=True),
    Column("energy", String, primary_key=True),
    Column("valid_from", String, primary_key=True),
    Column("valid_to", String),
    Column("kgco2_per_unit", String, nullable=False),
    Column("source", Text, nullable=False),
)
