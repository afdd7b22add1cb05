"""Bills of months that a counter counted, beside its figure."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "bill",
        sa.Column("grp", sa.String(), nullable=False),
        sa.Column("meter", sa.String(), nullable=False),
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("counted", sa.BigInteger(), nullable=False),
        sa.Column("entered_by", sa.String(), nullable=False),
        sa.Column("entered_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grp", "meter", "month", name=op.f("pk_bill")),
    )
