"""Who may do what: tokens of the interface, kept as digests, and the permissions of their roles.

A token is 256 random bits, so a plain SHA-256 cannot be searched backwards, and looking a digest up tells nothing by its time:
whoever could steer the comparison would have to know a digest's original first.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import sqlalchemy as sa

from cloud.registry.database import writing
from cloud.registry.tables import audit, token

PREFIX = "jy_"
_BYTES = 32


class Permission(StrEnum):
    """What somebody may do."""

    WATCH = "watch"
    """See the wall, and nothing else."""
    READ = "read"
    COMMAND = "command"
    """Write to devices."""
    ACKNOWLEDGE = "acknowledge"
    """Say that an alert is being looked after."""
    ENTER = "enter"
    """Enter amounts, headcounts and areas, and submit reports."""
    ADMINISTER = "administer"
    """Issue and revoke tokens."""


class Role(StrEnum):
    """Who somebody is; no role contains another by itself, see `PERMISSIONS`."""

    WALL = "wall"
    VIEWER = "viewer"
    OPERATOR = "operator"
    CLERK = "clerk"
    ADMIN = "admin"


PERMISSIONS: MappingProxyType[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.WALL: frozenset({Permission.WATCH}),
        Role.VIEWER: frozenset({Permission.WATCH, Permission.READ}),
        Role.OPERATOR: frozenset({Permission.WATCH, Permission.READ, Permission.COMMAND, Permission.ACKNOWLEDGE}),
        Role.CLERK: frozenset({Permission.WATCH, Permission.READ, Permission.ENTER}),
        Role.ADMIN: frozenset(Permission),
    }
)
"""Who runs devices does not enter figures, and the other way round."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a token belongs to."""

    id: int
    name: str
    role: Role

    def may(self, permission: Permission) -> bool:
        """Whether the role has the permission."""
        return permission in PERMISSIONS[self.role]


def digest(text: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(text.encode()).digest()


def issue(engine: sa.Engine, name: str, role: Role, *, by: str, at: int) -> str:
    """A new token; it is shown this once and cannot be had again.

    Args:
        engine: The relational database.
        name: Who gets it; commands and audit rows carry this name.
        role: What it may do.
        by: Who issues it.
        at: Now, ms since 1970 in UTC.

    Raises:
        ValueError: The name is empty.
    """
    if not name.strip():
        raise ValueError("a token: expected the name of who gets it")
    text = PREFIX + secrets.token_urlsafe(_BYTES)
    with writing(engine).begin() as connection:
        connection.execute(token.insert().values(name=name, role=role.value, digest=digest(text), created_at=at))
        connection.execute(audit.insert().values(at=at, by=by, action="token.issue", detail=f"{name}: {role}"))
    return text


def revoke(engine: sa.Engine, name: str, *, by: str, at: int) -> int:
    """Revoke all tokens of a name, from now on.

    Returns:
        How many there were; a token already revoked is not counted.
    """
    statement = token.update().where(token.c.name == name, token.c.revoked_at.is_(None)).values(revoked_at=at)
    with writing(engine).begin() as connection:
        number = connection.execute(statement).rowcount
        if number:
            connection.execute(audit.insert().values(at=at, by=by, action="token.revoke", detail=name))
    return number


def find(engine: sa.Engine, text: str) -> Principal | None:
    """Whose token this is; None if there is none such, or it was revoked."""
    if not text.startswith(PREFIX):
        return None
    query = sa.select(token.c.id, token.c.name, token.c.role).where(token.c.digest == digest(text), token.c.revoked_at.is_(None))
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else Principal(row.id, row.name, Role(row.role))


def holding(engine: sa.Engine, ids: Collection[int]) -> set[int]:
    """Which of some tokens that were found before were not revoked since, by their ids; one question for all."""
    query = sa.select(token.c.id).where(token.c.id.in_(ids), token.c.revoked_at.is_(None))
    with engine.connect() as connection:
        return set(connection.execute(query).scalars())
