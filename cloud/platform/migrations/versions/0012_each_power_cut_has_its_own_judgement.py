"""A clock that begins at the same time after each power cut keeps a judgement for each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("clock_offset", recreate="auto") as batch_op:
        batch_op.add_column(sa.Column("began_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE clock_offset SET began_at = valid_from - offset_from_ms WHERE by = 'judged'")
    with op.batch_alter_table("clock_offset", recreate="auto") as batch_op:
        batch_op.drop_constraint(op.f("pk_clock_offset"), type_="primary")
        batch_op.create_primary_key(op.f("pk_clock_offset"), ["grp", "source", "valid_from", "by", "began_at"])
