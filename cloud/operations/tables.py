"""Tables of what devices are told to do. Times are ms since 1970 in UTC."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, String, Table, Text

from cloud.platform.tables import metadata

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
