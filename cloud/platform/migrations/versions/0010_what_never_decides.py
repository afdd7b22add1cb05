"""From where a run of samples that nothing decides is looked at again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Apply."""
    op.add_column("judgement", sa.Column("resume", sa.BigInteger(), nullable=True))
