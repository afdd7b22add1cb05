"""The series by which a meter was counted before its files named another."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "earlier_counter",
        sa.Column("grp", sa.String(), nullable=False),
        sa.Column("meter", sa.String(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("class", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("point", sa.String(), nullable=False),
        sa.Column("interval", sa.Float(), nullable=True),
        sa.Column("modulus", sa.Float(), nullable=True),
        sa.Column("max_rate", sa.Float(), nullable=True),
        sa.Column("capacity", sa.Float(), nullable=True),
        sa.Column("capacity_from", sa.String(), nullable=True),
        sa.Column("resolution", sa.Float(), nullable=True),
        sa.Column("float32", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("grp", "meter", "until", name=op.f("pk_earlier_counter")),
    )
