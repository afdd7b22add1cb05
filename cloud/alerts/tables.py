"""Tables of alerts: where rules stand, alerts, their history, and what people are told. Times are ms since 1970 in UTC."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from cloud.platform.tables import metadata

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
alert_revision = Table(  # how often where the rules of a district stand was changed; no row before the first time
    "alert_revision",
    metadata,
    Column("grp", String, primary_key=True),
    Column("number", BigInteger, nullable=False),
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
    Column("reason", Text),  # why it was not sent, a message as JSON: {code, params}
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
