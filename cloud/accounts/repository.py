"""Tokens and the append-only audit log in SQL; each function works on the caller's connection."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import sqlalchemy as sa

from cloud.accounts.tables import audit, token


class Audited(NamedTuple):
    """A row of the audit log: when (ms), by whom, and what, JSON or a sentence."""

    at: int
    by: str
    detail: str


class Held(NamedTuple):
    """Whose a token is, and the district that it is for; None: every district of this cloud."""

    id: int
    name: str
    role: str
    group: str | None


def audited(connection: sa.Connection, action: str, detail: Mapping[str, object] | str, by: str, now: int, *, group: str | None) -> None:
    """Write a row of the audit log.

    Args:
        connection: In the transaction that makes the change.
        action: What was done, such as `exchange`.
        detail: With what; kept as JSON, a text as it is.
        by: Who did it.
        now: ms since 1970 in UTC.
        group: The district that it is about; None where it is about the cloud as a whole.
    """
    text = detail if isinstance(detail, str) else json.dumps(detail, ensure_ascii=False)
    connection.execute(sa.insert(audit), [{"at": now, "by": by, "action": action, "detail": text, "grp": group}])


def done(
    connection: sa.Connection, action: str, *, at: int | None = None, limit: int | None = None, group: str | None = None
) -> Iterator[Audited]:
    """The rows of an action, the newest first; only those of a moment (ms) or a district if one is given."""
    query = sa.select(audit.c.at, audit.c.by, audit.c.detail).where(audit.c.action == action)
    query = query if at is None else query.where(audit.c.at == at)
    query = query if group is None else query.where(audit.c.grp == group)
    return map(Audited._make, connection.execute(query.order_by(audit.c.id.desc()).limit(limit)))


def add_token(connection: sa.Connection, name: str, role: str, group: str | None, digest: bytes, at: int) -> None:
    """Keep a new token's digest; for a district, or for all of them."""
    connection.execute(token.insert().values(name=name, role=role, grp=group, digest=digest, created_at=at))


def revoke(connection: sa.Connection, name: str, group: str | None, at: int) -> int:
    """Revoke all tokens of a name, or those for one district; returns how many were not revoked before."""
    mine = sa.and_(token.c.name == name, token.c.revoked_at.is_(None), sa.true() if group is None else token.c.grp == group)
    return connection.execute(token.update().where(mine).values(revoked_at=at)).rowcount


def by_digest(connection: sa.Connection, digest: bytes) -> Held | None:
    """The token of a digest, if it was not revoked."""
    query = sa.select(token.c.id, token.c.name, token.c.role, token.c.grp).where(token.c.digest == digest, token.c.revoked_at.is_(None))
    row = connection.execute(query).one_or_none()
    return None if row is None else Held._make(row)


def not_revoked(connection: sa.Connection, ids: Collection[int]) -> set[int]:
    """Which of some tokens were not revoked."""
    return set(connection.execute(sa.select(token.c.id).where(token.c.id.in_(ids), token.c.revoked_at.is_(None))).scalars())
