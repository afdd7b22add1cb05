"""Where a message says when it was measured, and in which zone."""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict

_OFFSET = re.compile(r"([+-])(0\d|1[0-4]):([0-5]\d)", re.ASCII)
_NO_ZONES = frozenset({"localtime", "posixrules", "Factory"})
"""Files beside the zones that differ from machine to machine, or say none."""
_ZONE = "expected Z, an offset such as +08:00, or a name such as Asia/Shanghai"
_CHINA = "+08:00"


def zone(name: str) -> tzinfo:
    """A time zone from `Z`, an offset such as +08:00, or a name such as Asia/Shanghai.

    Raises:
        ValueError: None of these.
    """
    if name == "Z":
        return UTC
    offset = _OFFSET.fullmatch(name)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3])
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    try:
        if name not in _NO_ZONES:
            return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(_ZONE) from error
    raise ValueError(_ZONE)


def _zone(name: str) -> str:
    zone(name)
    return name


class MessageTime(BaseModel):
    """Where a message that a device sends by itself says when it measured."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    """In the record; with `$.` in front in the whole message."""
    format: Literal["rfc3339", "epoch", "YYMMDDhhmmss"]
    """`epoch`: seconds or milliseconds since 1970, told apart by their size. `rfc3339` takes a space for the T as well."""
    zone: Annotated[str, AfterValidator(_zone)] | None = None
    """Of times that say none; without it such a time is not read, but for YYMMDDhhmmss, which is in GMT+8."""

    @property
    def timezone(self) -> tzinfo | None:
        """Zone of a time that says none; None where nothing is known."""
        stated = self.zone or (_CHINA if self.format == "YYMMDDhhmmss" else None)
        return None if stated is None else zone(stated)
