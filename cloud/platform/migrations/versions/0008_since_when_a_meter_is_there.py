"""Since when a meter is there that was added to a site later."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("meter", schema=None) as batch_op:
        batch_op.add_column(sa.Column("added_on", sa.String(), nullable=True))
