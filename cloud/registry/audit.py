"""What was changed, by whom and when, in the append-only log."""

from __future__ import annotations

import json
from collections.abc import Mapping

import sqlalchemy as sa

from cloud.registry import tables


def audited(connection: sa.Connection, action: str, detail: Mapping[str, object], by: str, now: int) -> None:
    """Write a row of the audit log.

    Args:
        connection: In the transaction that makes the change.
        action: What was done, such as `exchange`.
        detail: With what; JSON.
        by: Who did it.
        now: ms since 1970 in UTC.
    """
    text = json.dumps(detail, ensure_ascii=False)
    connection.execute(sa.insert(tables.audit), [{"at": now, "by": by, "action": action, "detail": text}])
