"""Nodes whose data ingest workers leave to the leader."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "handed",
        sa.Column("grp", sa.String, primary_key=True),
        sa.Column("node", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
    )
