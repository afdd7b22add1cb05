"""The site as it was entered, what is retired, and ratios that changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "entered_site",
        sa.Column("grp", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("entered_by", sa.String(), nullable=False),
        sa.Column("entered_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grp", name=op.f("pk_entered_site")),
    )
    op.create_table(
        "ratio_change",
        sa.Column("grp", sa.String(), nullable=False),
        sa.Column("meter", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("factor", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grp", "meter", "at", name=op.f("pk_ratio_change")),
    )
    for table in ("unit", "device", "meter"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            if table == "meter":
                batch_op.add_column(sa.Column("ratio", sa.String(), nullable=True))
            batch_op.add_column(sa.Column("retired_on", sa.String(), nullable=True))
