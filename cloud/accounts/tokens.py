"""Tokens of the interface, kept as digests.

A token is 256 random bits, so a plain SHA-256 cannot be searched backwards, and looking a digest up tells nothing by its time:
whoever could steer the comparison would have to know a digest's original first.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection

import sqlalchemy as sa

from cloud.accounts import repository
from cloud.accounts.model import Principal, Role
from cloud.platform.database import writing

PREFIX = "jy_"
_BYTES = 32


def digest(text: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(text.encode()).digest()


def issue(engine: sa.Engine, name: str, role: Role, *, by: str, at: int, group: str | None = None) -> str:
    """A new token; it is shown this once and cannot be had again.

    Args:
        engine: The relational database.
        name: Who gets it; commands and audit rows carry this name.
        role: What it may do.
        by: Who issues it.
        at: Now, ms since 1970 in UTC.
        group: The district that it is for; None: every district of this cloud.

    Raises:
        ValueError: The name is empty.
    """
    if not name.strip():
        raise ValueError("a token: expected the name of who gets it")
    text = PREFIX + secrets.token_urlsafe(_BYTES)
    with writing(engine).begin() as connection:
        repository.add_token(connection, name, role.value, group, digest(text), at)
        repository.audited(connection, "token.issue", f"{name}: {role}", by, at, group=group)
    return text


def revoke(engine: sa.Engine, name: str, *, by: str, at: int, group: str | None = None) -> int:
    """Revoke all tokens of a name from now on; of a district those that are for it alone.

    Returns:
        How many there were; a token already revoked is not counted.
    """
    with writing(engine).begin() as connection:
        number = repository.revoke(connection, name, group, at)
        if number:
            repository.audited(connection, "token.revoke", name, by, at, group=group)
    return number


def find(engine: sa.Engine, text: str) -> Principal | None:
    """Whose token this is; None if there is none such, or it was revoked."""
    if not text.startswith(PREFIX):
        return None
    with engine.connect() as connection:
        held = repository.by_digest(connection, digest(text))
    return None if held is None else Principal(held.id, held.name, Role(held.role), held.group)


def holding(engine: sa.Engine, ids: Collection[int]) -> set[int]:
    """Which of some tokens that were found before were not revoked since, by their ids; one question for all."""
    with engine.connect() as connection:
        return repository.not_revoked(connection, ids)
