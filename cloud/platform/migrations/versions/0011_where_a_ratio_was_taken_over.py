"""Where a gateway took a new ratio over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply. Of ratios that were entered before, the ledger finds the place anew where their hour is touched."""
    op.add_column("ratio_change", sa.Column("placed_at", sa.BigInteger()))
    op.execute(  # an hour may have several, and PostgreSQL updates no row twice in one statement
        "INSERT INTO touched (meter, hour, generation) SELECT DISTINCT meter, at - at % 3600000, 1 FROM ratio_change WHERE true "
        "ON CONFLICT (meter, hour) DO UPDATE SET generation = touched.generation + 1"
    )
