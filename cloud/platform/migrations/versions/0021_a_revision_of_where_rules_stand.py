"""A revision counts the changes of where a district's rules stand, so that a round sees at once whether somebody was quicker."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "alert_revision",
        sa.Column("grp", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grp", name=op.f("pk_alert_revision")),
    )
    op.execute("INSERT INTO alert_revision (grp, number) SELECT DISTINCT grp, 1 FROM alert_state")
