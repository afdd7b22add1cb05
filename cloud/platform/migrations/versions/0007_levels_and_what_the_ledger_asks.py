"""The settled level of each hour, what the ledger judged and asks, and what is known about a counter."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_TOUCH = (
    "INSERT INTO touched (meter, hour, generation) SELECT DISTINCT meter, hour, 1 FROM ledger_hour WHERE provenance <> 'manual' "
    "ON CONFLICT (meter, hour) DO NOTHING"
)
"""Hours that were judged by pairs of samples are counted anew by levels."""


def upgrade() -> None:
    """Apply."""
    _key("judgement", ("at", "until", "before", "after", "amount", "stake"), sa.Column("basis", sa.BigInteger()))
    op.create_index(op.f("ix_judgement_stake"), "judgement", ["grp", "stake"])
    _key("finding_note", ("at",), sa.Column("note", sa.Text(), nullable=False), sa.Column("by", sa.String(), nullable=False))
    op.create_table(
        "out_of_use",
        sa.Column("grp", sa.String(), nullable=False),
        sa.Column("meter", sa.String(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grp", "meter", "start", name=op.f("pk_out_of_use")),
    )
    op.create_table(
        "learnt",
        sa.Column("grp", sa.String(), nullable=False),
        sa.Column("meter", sa.String(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("rate", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grp", "meter", "valid_from", name=op.f("pk_learnt")),
    )
    with op.batch_alter_table("ledger_hour", schema=None) as batch_op:
        batch_op.add_column(sa.Column("provisional", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("level_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("level", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("exchange", schema=None) as batch_op:
        batch_op.add_column(sa.Column("placed_at", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("meter", schema=None) as batch_op:
        batch_op.add_column(sa.Column("capacity", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("capacity_from", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("resolution", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("float32", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("commissioned", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("taken_out", sa.String(), nullable=True))
    op.execute(_TOUCH)


def _key(table: str, numbers: tuple[str, ...], *more: sa.Column[Any]) -> None:
    """A table whose key is a judgement's."""
    key: list[sa.Column[Any]] = [sa.Column(name, sa.String(), nullable=False) for name in ("grp", "meter")]
    key += [sa.Column("since", sa.BigInteger(), nullable=False), sa.Column("kind", sa.String(), nullable=False)]
    columns = [sa.Column(name, sa.BigInteger(), nullable=False) for name in numbers]
    op.create_table(table, *key, *columns, *more, sa.PrimaryKeyConstraint("grp", "meter", "since", "kind", name=op.f(f"pk_{table}")))
