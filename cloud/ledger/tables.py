"""Tables of the ledger: meters, what is to be counted anew, hours, judgements, entries, bills, and what people recorded of meters.

`grp` is the code of the district; other ids need be unique in it only. Times are ms since 1970 in UTC, dates ISO texts, amounts int64
base units.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, String, Table, Text

from cloud.platform.tables import metadata


def _of(table: str, column: str = "meter") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["grp", column], [f"{column}.grp", f"{column}.id"], name=f"fk_{table}_{column}")


meter = Table(
    "meter",
    metadata,
    Column("grp", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("device", String),
    Column("point", String),
    Column("energy", String, nullable=False),
    Column("parent", String),
    Column("main", Boolean, nullable=False),
    Column("item", String, nullable=False),
    Column("compound", String),
    Column("vehicle_fuel", Boolean, nullable=False),
    Column("modulus", Float),  # in the point's unit; the ledger converts it
    Column("max_rate", Float),  # most in an hour, in the point's unit
    Column("ratio", String),  # a decimal: what one step of the register is worth, in the point's unit
    Column("added_on", String),  # ISO date, if a device counts it and it was not in the first site
    Column("retired_on", String),
    Column("capacity", Float),  # the same by transformers, rating or class, in the point's unit
    Column("capacity_from", String),  # current_transformer | rated | class
    Column("resolution", Float),  # smallest step that the profile states, in the point's unit
    Column("float32", Boolean, nullable=False, server_default=sa.false()),  # its steps grow with its value
    Column("commissioned", String),  # first day it counts, ISO date
    Column("taken_out", String),  # first day it counts no more
)
meter_unit = Table(
    "meter_unit",
    metadata,
    Column("grp", String, primary_key=True),
    Column("meter", String, primary_key=True),
    Column("unit", String, primary_key=True),
    _of("meter_unit"),
    _of("meter_unit", "unit"),
)
touched = Table(
    "touched",
    metadata,
    Column("grp", String, primary_key=True),
    Column("meter", String, primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    Column("generation", Integer, nullable=False),
)
ledger_hour = Table(
    "ledger_hour",
    metadata,
    Column("grp", String, primary_key=True),
    Column("meter", String, primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    Column("provenance", String, primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("provisional", Boolean, nullable=False, server_default=sa.false()),  # what follows may decide otherwise
    Column("level_at", BigInteger),  # the counter's last point in this hour; none where it has none, or for an entry
    Column("level", BigInteger),
    sqlite_with_rowid=False,
)
judgement = Table(
    "judgement",  # what a counter did beside counting; a stake above 0 asks a person
    metadata,
    Column("grp", String, primary_key=True),
    Column("meter", String, primary_key=True),
    Column("since", BigInteger, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("before", BigInteger, nullable=False),
    Column("after", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("stake", BigInteger, nullable=False),
    Column("basis", BigInteger),  # end of the weeks its usual use was taken from, while these are not over
    Column("resume", BigInteger),  # of what is not decided: samples before it say no more about what follows
    Index("ix_judgement_stake", "grp", "stake"),
)
finding_note = Table(
    "finding_note",  # what a person said about a question of the ledger
    metadata,
    Column("grp", String, primary_key=True),
    Column("meter", String, primary_key=True),
    Column("since", BigInteger, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("note", Text, nullable=False),
    Column("by", String, nullable=False),
    Column("at", BigInteger, nullable=False),
)
out_of_use = Table(
    "out_of_use",
    metadata,
    Column("grp", String, primary_key=True),
    Column("meter", String, primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("end", BigInteger),  # none until further notice
    Column("reason", Text, nullable=False),
    Column("recorded_by", String, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
)
learnt = Table(
    "learnt",  # of a meter's own complete months; written once
    metadata,
    Column("grp", String, primary_key=True),
    Column("meter", String, primary_key=True),
    Column("valid_from", BigInteger, primary_key=True),
    Column("rate", BigInteger, nullable=False),  # most in an hour, base units
    Column("step", BigInteger, nullable=False),  # smallest step that the counter showed, base units
    Column("weights", Text),  # of its load shape, JSON: 24 hours of working days, 24 of days off; none where too little says it
)
thinned = Table(
    "thinned",  # how far the readings of a device were thinned
    metadata,
    Column("grp", String, primary_key=True),
    Column("device", String, primary_key=True),
    Column("kind", String, primary_key=True),  # counter | gauge
    Column("until", BigInteger, nullable=False),
)
entry = Table(
    "entry",
    metadata,
    Column("grp", String, primary_key=True),
    Column("meter", String, primary_key=True),
    Column("month", String, primary_key=True),  # YYYY-MM
    Column("amount", BigInteger, nullable=False),
    Column("entered_by", String, nullable=False),
    Column("entered_at", BigInteger, nullable=False),
    _of("entry"),
)
bill = Table(
    "bill",  # of a month that a counter counted; beside its figure, never added to it
    metadata,
    Column("grp", String, primary_key=True),
    Column("meter", String, primary_key=True),
    Column("month", String, primary_key=True),  # YYYY-MM
    Column("amount", BigInteger, nullable=False),
    Column("counted", BigInteger, nullable=False),  # what the ledger has of the month; the settler keeps it
    Column("entered_by", String, nullable=False),
    Column("entered_at", BigInteger, nullable=False),
)
exchange = Table(
    "exchange",  # of a meter or of its transformers
    metadata,
    Column("grp", String, primary_key=True),
    Column("meter", String, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("old_last", BigInteger, nullable=False),
    Column("new_first", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recorded_by", String, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("placed_at", BigInteger),  # where the samples break; none while it waits for them
    _of("exchange"),
)
ratio_change = Table(
    "ratio_change",  # of a transformer's ratio or a profile's scale: the counter shows `factor` times what it showed before
    metadata,
    Column("grp", String, primary_key=True),
    Column("meter", String, primary_key=True),
    Column("at", BigInteger, primary_key=True),  # when it was entered
    Column("factor", String, nullable=False),  # a decimal, new / old
    Column("reason", Text, nullable=False),
    Column("recorded_by", String, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("placed_at", BigInteger),  # where the samples break; none while no gateway was seen to take it over
)
earlier_counter = Table(
    "earlier_counter",  # by which a meter was counted before its files named another device or point, and what they stated about it
    metadata,
    Column("grp", String, primary_key=True),
    Column("meter", String, primary_key=True),
    Column("until", BigInteger, primary_key=True),  # when the other one was entered
    Column("class", String, nullable=False),
    Column("device", String, nullable=False),
    Column("point", String, nullable=False),
    Column("interval", Float),
    Column("modulus", Float),
    Column("max_rate", Float),
    Column("capacity", Float),
    Column("capacity_from", String),
    Column("resolution", Float),
    Column("float32", Boolean, nullable=False, server_default=sa.false()),
)
spread_profile = Table(
    "spread_profile",
    metadata,
    Column("grp", String, primary_key=True),
    Column("meter", String, primary_key=True),
    Column("valid_from", BigInteger, primary_key=True),
    Column("weights", Text, nullable=False),  # JSON: 168 whole numbers, Monday 00:00 in Shanghai first
    Column("recorded_by", String, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    _of("spread_profile"),
)
