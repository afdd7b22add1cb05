from __future__ import annotations

import base64

import pytest
import sqlalchemy as sa

from cloud.accounts import tokens
from cloud.accounts.model import Permission, Principal, Role
from tests.cloud import tables

MATRIX = {
    Role.WALL: {"watch"},
    Role.VIEWER: {"watch", "read"},
    Role.OPERATOR: {"watch", "read", "command", "acknowledge"},
    Role.CLERK: {"watch", "read", "enter"},
    Role.ADMIN: {"watch", "read", "command", "acknowledge", "enter", "administer"},
}


def test_a_token_is_found_by_its_text(engine: sa.Engine) -> None:
    """Who has the text is who it was issued to."""
    text = tokens.issue(engine, "wall", Role.VIEWER, by="admin", at=5)
    found = tokens.find(engine, text)
    assert found is not None
    assert (found.name, found.role) == ("wall", Role.VIEWER)
    assert tokens.find(engine, text[:-1]) is None
    assert tokens.find(engine, text.removeprefix("jy_")) is None
    assert tokens.find(engine, "") is None


def test_a_token_has_256_random_bits_and_is_never_kept(engine: sa.Engine) -> None:
    """The database holds a digest of 32 bytes and not the text."""
    texts = {tokens.issue(engine, "x", Role.VIEWER, by="admin", at=5) for _ in range(20)}
    assert len(texts) == 20
    assert {len(base64.urlsafe_b64decode(text.removeprefix("jy_") + "=")) for text in texts} == {32}
    with engine.connect() as connection:
        rows = connection.execute(sa.select(tables.token)).all()
    assert {len(row.digest) for row in rows} == {32}
    assert not any(text in repr(rows) for text in texts)


def test_revoking_ends_all_tokens_of_a_name_and_no_other(engine: sa.Engine) -> None:
    """Two tokens of a name end together, once; another's stays."""
    first, second = (tokens.issue(engine, "li", Role.CLERK, by="admin", at=5) for _ in range(2))
    other = tokens.issue(engine, "wang", Role.CLERK, by="admin", at=5)
    assert tokens.revoke(engine, "li", by="admin", at=9) == 2
    assert tokens.revoke(engine, "li", by="admin", at=10) == 0
    assert [tokens.find(engine, text) is not None for text in (first, second, other)] == [False, False, True]


def test_revoking_those_of_a_district_leaves_the_others(engine: sa.Engine) -> None:
    """Names such as that of a wall are equal everywhere: the district's token ends, with a line about it, and the others stay."""
    mine, other, every = (tokens.issue(engine, "wall", Role.WALL, by="admin", at=5, group=group) for group in ("510802", "510811", None))
    assert tokens.revoke(engine, "wall", by="admin", at=9, group="510802") == 1
    assert [tokens.find(engine, text) is not None for text in (mine, other, every)] == [False, True, True]
    with engine.connect() as connection:
        groups = connection.execute(sa.select(tables.audit.c.grp).where(tables.audit.c.action == "token.revoke")).scalars().all()
    assert groups == ["510802"]


def test_issuing_and_revoking_leave_a_trail(engine: sa.Engine) -> None:
    """Who gave which role to whom can be read afterwards; the token itself cannot."""
    tokens.issue(engine, "li", Role.CLERK, by="admin", at=5)
    tokens.revoke(engine, "li", by="chief", at=9)
    log = tables.audit.c
    with engine.connect() as connection:
        trail = connection.execute(sa.select(log.at, log.by, log.action, log.detail).order_by(log.id)).all()
    assert [tuple(row) for row in trail] == [(5, "admin", "token.issue", "li: clerk"), (9, "chief", "token.revoke", "li")]


@pytest.mark.parametrize("name", ["", "  "])
def test_a_token_belongs_to_somebody(name: str, engine: sa.Engine) -> None:
    """A token without a name is refused, since commands carry it."""
    with pytest.raises(ValueError, match="expected the name of who gets it"):
        tokens.issue(engine, name, Role.VIEWER, by="admin", at=5)


@pytest.mark.parametrize("role", Role)
def test_roles_may_what_the_table_says(role: Role) -> None:
    """No role has a permission by accident."""
    principal = Principal(1, "x", role)
    assert {permission.value for permission in Permission if principal.may(permission)} == MATRIX[role]
