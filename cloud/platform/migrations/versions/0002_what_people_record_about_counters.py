"""What people record about counters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "exchange",
        sa.Column("meter", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("old_last", sa.BigInteger(), nullable=False),
        sa.Column("new_first", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name=op.f("fk_exchange_meter")),
        sa.PrimaryKeyConstraint("meter", "at", name=op.f("pk_exchange")),
    )
    op.create_table(
        "spread_profile",
        sa.Column("meter", sa.String(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("weights", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name=op.f("fk_spread_profile_meter")),
        sa.PrimaryKeyConstraint("meter", "valid_from", name=op.f("pk_spread_profile")),
    )
    with op.batch_alter_table("meter", schema=None) as batch_op:
        batch_op.add_column(sa.Column("max_rate", sa.Float(), nullable=True))
