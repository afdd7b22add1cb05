"""Points that are one bit of another point's number, such as an alarm in a word of alarms: whoever has the profile can tell them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from contract.yamlfile import Strict

_HIGHEST = 52
"""Of a float, which holds whole numbers of so many bits."""


class Flag(Strict):
    """One bit of the whole number that another point of the profile is; the lowest bit is 0."""

    of: str
    bit: Annotated[int, Field(ge=0, le=_HIGHEST)]


def add_flags(flags: Mapping[str, Flag], values: dict[str, float]) -> None:
    """Add points to values whose number has their bit: 1 where it is set, else 0. A point that is there already stays.

    Args:
        flags: By point, as `Profile.flags` has them.
        values: Good values of one moment, by point.
    """
    for point, flag in flags.items():
        if point not in values and (number := values.get(flag.of)) is not None and number.is_integer():
            values[point] = float(int(number) >> flag.bit & 1)
