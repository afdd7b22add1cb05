"""Whether a device lives, as births and deaths say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "device_state",
        sa.Column("grp", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("dead_at", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grp", "device", name=op.f("pk_device_state")),
    )
