"""Who somebody is, and what a role may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


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
    """Who a token belongs to, and the district that it is for; None: every district of this cloud."""

    id: int
    name: str
    role: Role
    group: str | None = None

    def may(self, permission: Permission) -> bool:
        """Whether the role has the permission."""
        return permission in PERMISSIONS[self.role]
