"""The load shape that a complete month taught; rows of before have none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Apply."""
    op.add_column("learnt", sa.Column("weights", sa.Text(), nullable=True))
