"""Time as the program sees it: real, or started elsewhere and sped up for demonstrations and tests."""

from __future__ import annotations

import math
import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China has kept UTC+8 all year since 1992, so no zone database is needed."""
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})")
_EPOCH, _MS = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
EARLIEST, LATEST = 946_684_800_000, 4_102_444_800_000
"""2000-01-01 and 2100-01-01: no reading of a site is older, and no list of intervals may grow without end."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that ran `origin_ms` at the real time `real_origin` (s) and goes `speed` times as fast.

    The default is the machine's own clock. All processes of a demonstration get the same three numbers, so they agree.
    """

    origin_ms: float = 0.0
    real_origin: float = 0.0
    speed: float = 1.0

    def now_ms(self) -> int:
        """Milliseconds since 1970 in UTC."""
        return int(self.origin_ms + (time.time() - self.real_origin) * 1000.0 * self.speed)

    @property
    def trial(self) -> bool:
        """Whether this is another clock than the machine's."""
        return (self.origin_ms, self.real_origin, self.speed) != (0.0, 0.0, 1.0)

    def real_seconds(self, seconds: float) -> float:
        """How long `seconds` of this clock take on the wall: intervals and time-outs shrink with the speed."""
        return seconds / self.speed


def clock_from_environment(environ: dict[str, str] | None = None) -> Clock:
    """The clock that `JIEYUE_NOW`, `JIEYUE_SPEED` and `JIEYUE_ANCHOR` describe.

    `JIEYUE_ANCHOR` is the real time (s since 1970) at which `JIEYUE_NOW` was true; who starts several processes sets it once.

    Raises:
        ValueError: A variable is not a date or a number; the message names it.
    """
    env = os.environ if environ is None else environ
    speed = _number(env, "JIEYUE_SPEED", 1.0)
    if not 0 < speed < math.inf:
        raise ValueError(f"JIEYUE_SPEED: expected a number above 0, got {speed:g}")
    anchor = _number(env, "JIEYUE_ANCHOR", time.time())
    start = env.get("JIEYUE_NOW", "")
    if not start:
        return Clock(anchor * 1000.0, anchor, speed) if speed != 1.0 else Clock()
    try:
        origin = parse_time(start)
    except ValueError as error:
        raise ValueError(f"JIEYUE_NOW: expected a date such as 2026-03-01 or 2026-03-01T08:00:00Z, got {start!r}") from error
    return Clock(float(origin), anchor, speed)


def _number(env: os._Environ[str] | dict[str, str], name: str, default: float) -> float:
    text = env.get(name, "")
    try:
        return float(text) if text else default
    except ValueError as error:
        raise ValueError(f"{name}: expected a number, got {text!r}") from error


def kept_time(path: Path) -> float:
    """The time at which a demo was stopped, ms since 1970, from the file that keeps it.

    Raises:
        ValueError: The file holds something else; the message names it and says what to do.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        at = float(text)
    except ValueError:
        at = math.nan
    if not EARLIEST <= at <= LATEST:
        raise ValueError(f"{path}: expected the time at which the demo was stopped, in ms since 1970, got {text[:40]!r}; remove the file")
    return at


def parse_time(text: str) -> int:
    """RFC 3339 text to ms since 1970; a time without a zone is UTC.

    Raises:
        ValueError: Not a date.
    """
    parsed = datetime.fromisoformat(text)
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MS


class FarTimeError(ValueError):
    """A time before `EARLIEST` or after `LATEST`."""


def moment(text: object) -> int:
    """RFC 3339 with a zone as ms since 1970 in UTC.

    Raises:
        ValueError: With what was expected.
    """
    wanted = "expected a time as RFC 3339, such as 2026-03-01T00:00:00Z (a + in an address is written %2B)"
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise ValueError(wanted)
    try:
        at = parse_time(text.upper())
    except (ValueError, OverflowError):
        raise ValueError(wanted) from None
    if not EARLIEST <= at <= LATEST:
        raise FarTimeError(f"expected a time from {iso(EARLIEST)} to {iso(LATEST)}")
    return at


def iso(at: int) -> str:
    """Ms since 1970 as RFC 3339 in UTC with `Z` and milliseconds."""
    return (_EPOCH + at * _MS).isoformat(timespec="milliseconds").replace("+00:00", "Z")
