"""The relational tables (SQLite or PostgreSQL). Times are ms since 1970 in UTC, dates ISO texts, amounts int64 base units."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s"}
)

# -- the site, seeded from its files ------------------------------------------------------------------------------------

site = Table(
    "site", metadata, Column("id", String, primary_key=True), Column("grp", String, nullable=False), Column("name", Text, nullable=False)
)
entered_site = Table(  # what `site apply` entered last
    "entered_site",
    metadata,
    Column("grp", String, primary_key=True),
    Column("document", Text, nullable=False),  # JSON: the site as its files said it
    Column("entered_by", String, nullable=False),
    Column("entered_at", BigInteger, nullable=False),
)
store_check = Table(  # a row a name, written to see whether the database can be written, or to say that a process stores
    "store_check", metadata, Column("name", String, primary_key=True), Column("at", BigInteger, nullable=False)
)
compound = Table("compound", metadata, Column("id", String, primary_key=True), Column("name", Text, nullable=False))
unit = Table(
    "unit",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("compound", ForeignKey("compound.id"), nullable=False),
    Column("retired_on", String),  # first day on which the site no longer had it, ISO date
)
denominator = Table(
    "denominator",
    metadata,
    Column("unit", ForeignKey("unit.id"), primary_key=True),
    Column("kind", String, primary_key=True),  # headcount | area
    Column("valid_from", String, primary_key=True),
    Column("value", sa.Numeric(18, 4, asdecimal=False), nullable=False),
    Column("approved_by", String, nullable=False),
)
device = Table(
    "device",
    metadata,
    Column("grp", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("class", String, nullable=False),
    Column("name", Text, nullable=False),
    Column("compound", String),
    Column("gateway", String, nullable=False),
    Column("profile", String),
    Column("interval", Float),  # seconds; none for a device that only a birth made known
    Column("retired_on", String),
)
meter = Table(
    "meter",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("grp", String, nullable=False),
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
    Column("meter", ForeignKey("meter.id"), primary_key=True),
    Column("unit", ForeignKey("unit.id"), primary_key=True),
)
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

# -- what gateways said ---------------------------------------------------------------------------------------------------

birth = Table(
    "birth",
    metadata,
    Column("grp", String, primary_key=True),
    Column("node", String, primary_key=True),
    Column("device", String, primary_key=True),  # empty for the node itself
    Column("at", BigInteger, primary_key=True),
    Column("bd_seq", Integer),
    Column("metrics", Text, nullable=False),  # JSON: {name: [datatype, alias]}
)
node = Table(
    "node",
    metadata,
    Column("grp", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("outbox", String),
    Column("bd_seq", Integer),
    Column("online", Boolean, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
device_state = Table(
    "device_state",
    metadata,
    Column("grp", String, primary_key=True),
    Column("device", String, primary_key=True),
    Column("dead_at", BigInteger),  # none while it is born; what was measured until then is stale
    Column("changed_at", BigInteger, nullable=False),
)
latest = Table(
    "latest",
    metadata,
    Column("grp", String, primary_key=True),
    Column("device", String, primary_key=True),
    Column("point", String, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("value", Float),
    Column("quality", Integer, nullable=False),
    Column("reason", String, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("good_at", BigInteger),  # time of the newest good reading; none if there never was one
)
rejected_reading = Table(
    "rejected_reading",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("grp", String, nullable=False),
    Column("class", String, nullable=False),
    Column("device", String, nullable=False),
    Column("point", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("value", Float),
    Column("quality", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    sa.UniqueConstraint("grp", "device", "point", "at"),
    Index("ix_rejected_reading_received_at", "received_at"),
)
event = Table(
    "event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("grp", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
    Column("noted_at", BigInteger),  # when it was received last; `at` follows the device's clock, which may be what is wrong
    sa.UniqueConstraint("kind", "grp", "subject", "at"),
    Index("ix_event_noted_at", "noted_at", "at"),
)
clock_offset = Table(  # how far a source's clock was off; telemetry keeps what it said, the ledger reads through these rows
    "clock_offset",
    metadata,
    Column("grp", String, primary_key=True),
    Column("source", String, primary_key=True),  # device, terminal, bridge or gateway
    Column("valid_from", BigInteger, primary_key=True),  # first time by that clock
    Column("by", String, primary_key=True),  # judged, or who recorded it
    Column("began_at", BigInteger, primary_key=True, server_default="0"),  # in truth, of a judged one; 0 of a recorded one
    Column("valid_to", BigInteger, nullable=False),  # last time by that clock, included
    Column("offset_from_ms", BigInteger, nullable=False),  # clock minus truth; linear between both ends
    Column("offset_to_ms", BigInteger, nullable=False),
    Column("state", String, nullable=False),  # undecided | open | closed
    Column("whole", Boolean, nullable=False),  # holds for readings stored as good too
    Column("good", Text, nullable=False),  # JSON: times of single good readings that it holds for, by device
    Column("why", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
)

# -- the ledger -------------------------------------------------------------------------------------------------------------

touched = Table(
    "touched",
    metadata,
    Column("meter", String, primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    Column("generation", Integer, nullable=False),
)
ledger_hour = Table(
    "ledger_hour",
    metadata,
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
    Column("meter", ForeignKey("meter.id"), primary_key=True),
    Column("month", String, primary_key=True),  # YYYY-MM
    Column("amount", BigInteger, nullable=False),
    Column("entered_by", String, nullable=False),
    Column("entered_at", BigInteger, nullable=False),
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
    Column("meter", ForeignKey("meter.id"), primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("old_last", BigInteger, nullable=False),
    Column("new_first", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recorded_by", String, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("placed_at", BigInteger),  # where the samples break; none while it waits for them
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
    Column("meter", ForeignKey("meter.id"), primary_key=True),
    Column("valid_from", BigInteger, primary_key=True),
    Column("weights", Text, nullable=False),  # JSON: 168 whole numbers, Monday 00:00 in Shanghai first
    Column("recorded_by", String, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
)

# -- alerts -----------------------------------------------------------------------------------------------------------------

_OPEN_ALERT = sa.text("state IN ('firing', 'acknowledged')")
alert_state = Table(  # where each rule stands for each subject that it has something to say of
    "alert_state",
    metadata,
    Column("grp", String, primary_key=True),
    Column("rule", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("phase", String, nullable=False),
    Column("since", BigInteger),
    Column("clear_since", BigInteger),
    Column("seen", BigInteger),
    Column("alert", String),  # the one that is open
    Column("memory", Text, nullable=False),  # JSON: what the condition keeps
)
alert = Table(
    "alert",
    metadata,
    Column("id", String, primary_key=True),
    Column("grp", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("state", String, nullable=False),  # firing | acknowledged | resolved
    Column("subject", String, nullable=False),
    Column("subject_name", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("value", Float),
    Column("limit_value", Float),
    Column("unit", String, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("fired_at", BigInteger, nullable=False),
    Column("resolved_at", BigInteger),
    Column("acknowledged_at", BigInteger),
    Column("acknowledged_by", String),
    Column("note", Text),
    Column("inhibited_by", String),  # the open alert that explains it: nobody is told of this one
    Column("released_at", BigInteger),  # when it no longer was inhibited
    Index("ix_alert_open", "grp", "rule", "subject", unique=True, sqlite_where=_OPEN_ALERT, postgresql_where=_OPEN_ALERT),
    Index("ix_alert_state_resolved_at", "state", "resolved_at"),
)
alert_history = Table(
    "alert_history",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("alert", ForeignKey("alert.id"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("event", String, nullable=False),  # fired | acknowledged | resolved | inhibited | released | told | not_told
    Column("reason", Text, nullable=False),
    Column("by", String, nullable=False),
)
notification = Table(  # the outbox of what people are told
    "notification",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String, nullable=False, unique=True),  # travels along, so that a receiver can tell a repetition
    Column("alert", ForeignKey("alert.id"), nullable=False),
    Column("event", String, nullable=False),  # fired | resolved
    Column("channel", String, nullable=False),
    Column("state", String, nullable=False),  # waiting | sent | failed
    Column("made_at", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_try", BigInteger),  # none once it was sent or given up
    Column("at", BigInteger),  # of the last try
    Column("reason", Text),
    Column("message", String),  # the key of the message that tells of it, alone or with others; none while it waits for one
    Index("ix_notification_due", "channel", "next_try"),
    Index("ix_notification_alert", "alert"),
    Index("ix_notification_message", "message"),
)
channel_brake = Table(  # how often each channel was told something lately
    "channel_brake",
    metadata,
    Column("channel", String, primary_key=True),
    Column("full_at", BigInteger, nullable=False),  # from when its whole burst may be sent again
)

# -- people and orders --------------------------------------------------------------------------------------------------------

token = Table(
    "token",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)
command = Table(
    "command",
    metadata,
    Column("id", String, primary_key=True),
    Column("grp", String, nullable=False),
    Column("device", String, nullable=False),
    Column("point", String, nullable=False),
    Column("value", Float, nullable=False),
    Column("why", Text, nullable=False),
    Column("by", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("state", String, nullable=False),  # queued | sent | done | refused | expired | failed
    Column("read_back", Float),
    Column("reason", Text, nullable=False),
    Index("ix_command_state", "state"),
)
audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("by", String, nullable=False),
    Column("action", String, nullable=False),
    Column("detail", Text, nullable=False),
)
