"""Which protocols there are: packages found by entry point, so that a new one is installed and nothing else is touched."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

GROUP = "jieyue.protocols"
"""Of entry points; each names a protocol as sites write it, and its package."""


@cache
def packages() -> Mapping[str, str]:
    """The package of each installed protocol, by the name that sites use.

    Raises:
        ValueError: Two packages claim one name.
    """
    found: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP)):
        if found.setdefault(point.name, point.value) != point.value:
            raise ValueError(f"the protocol {point.name!r} is claimed twice, by {found[point.name]} and {point.value}")
    return found
