"""Tables of what is there and what it said: devices, births, newest readings, events and clocks.

Times are ms since 1970 in UTC, dates ISO texts.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, String, Table, Text

from cloud.platform.tables import metadata

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
    Column("reason", Text, nullable=False),  # a message as JSON: {code, params}
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
    Column("detail", Text, nullable=False),  # a message as JSON: {code, params}
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
handed = Table(  # nodes whose data workers leave to the leader, since it needs more than one message to be judged
    "handed",
    metadata,
    Column("grp", String, primary_key=True),
    Column("node", String, primary_key=True),
    Column("number", Integer, nullable=False),  # how often it was left; the leader gives back what was not left again
)
