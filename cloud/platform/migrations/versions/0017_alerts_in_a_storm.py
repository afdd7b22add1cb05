"""Alerts in a storm: what inhibits an alert, which message told of it, and how often each channel was told something."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Apply."""
    op.add_column("alert", sa.Column("inhibited_by", sa.String(), nullable=True))
    op.add_column("alert", sa.Column("released_at", sa.BigInteger(), nullable=True))
    op.add_column("notification", sa.Column("message", sa.String(), nullable=True))
    op.create_index("ix_notification_message", "notification", ["message"])
    op.create_table(
        "channel_brake",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("full_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_channel_brake")),
    )
