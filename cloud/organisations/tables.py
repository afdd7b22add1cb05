"""Tables of whom a site has: the site as it was entered, its compounds, institutions, what they are divided by, and the tree above.

`grp` is the code of the district; other ids need be unique in it only. Times are ms since 1970 in UTC, dates ISO texts.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, String, Table, Text

from cloud.platform.tables import metadata

site = Table(
    "site",
    metadata,
    Column("grp", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("published_as", String, nullable=False, server_default=""),  # tag `group` of its published figures; empty of the first one
)
entered_site = Table(  # what `site apply` entered last
    "entered_site",
    metadata,
    Column("grp", String, primary_key=True),
    Column("document", Text, nullable=False),  # JSON: the site as its files said it
    Column("entered_by", String, nullable=False),
    Column("entered_at", BigInteger, nullable=False),
)
compound = Table(
    "compound",
    metadata,
    Column("grp", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("name", Text, nullable=False),
)
unit = Table(
    "unit",
    metadata,
    Column("grp", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("compound", String, nullable=False),
    Column("retired_on", String),  # first day on which the site no longer had it, ISO date
    sa.ForeignKeyConstraint(["grp", "compound"], ["compound.grp", "compound.id"], name="fk_unit_compound"),
)
denominator = Table(
    "denominator",
    metadata,
    Column("grp", String, primary_key=True),
    Column("unit", String, primary_key=True),
    Column("kind", String, primary_key=True),  # headcount | area | what else the site's files state
    Column("valid_from", String, primary_key=True),
    Column("value", sa.Numeric(18, 4, asdecimal=False), nullable=False),
    Column("approved_by", String, nullable=False),
    sa.ForeignKeyConstraint(["grp", "unit"], ["unit.grp", "unit.id"], name="fk_denominator_unit"),
)
organisation = Table(  # above districts and below them; its id is one of the whole cloud
    "organisation",
    metadata,
    Column("id", String, primary_key=True),
    Column("parent", String),
    Column("kind", String, nullable=False),  # province | city | district | institution | sub_institution
    Column("name", Text, nullable=False),
    Column("grp", String),  # of a district and what is below it; its site may be entered later, so no key refers to it
    Column("unit", String),  # the institution of that site; likewise
    sa.ForeignKeyConstraint(["parent"], ["organisation.id"], name="fk_organisation_parent"),
)
