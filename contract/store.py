"""The store-and-forward extension: its messages as text, and ranges of outbox positions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

MAX_ROWS_IN_FLIGHT = 500
MAX_BYTES_IN_FLIGHT = 4 * 1024 * 1024
_GREATEST = 2**63 - 1
"""What fits into a position or a time on disk."""
RESEND_AFTER = 10.0
"""Seconds without an acknowledgement before a row is sent again, for the first time."""
_LONGEST_WAIT = 300.0
_MOST_DOUBLINGS = 10
"""More of them lead beyond the longest wait anyhow, and after some days beyond what a float holds."""
LATE_AFTER = 50.0
"""Seconds (of the site's clock) after which a row that was not sent goes as historical, and a stored position of a terminal is
late. A row may be almost so old when it comes and wait almost as long again: together less than the 120 s after which ingest
doubts the time of a live row.
"""
_SHOWN = 60
"""Characters of a faulty range that stand in the message about it."""


def resend_wait(sent: int) -> float:
    """Seconds until a row that was sent so many times goes again: each time twice as long, since it burdens a host that is slow."""
    return float(min(RESEND_AFTER * 2 ** min(sent - 1, _MOST_DOUBLINGS), _LONGEST_WAIT))


@dataclass(frozen=True, slots=True)
class Ack:
    """The cloud has stored these closed ranges of an outbox's positions."""

    outbox: str
    stored: tuple[tuple[int, int], ...]

    def text(self) -> str:
        """As in the metric `Store/Ack`."""
        return json.dumps({"outbox": self.outbox, "stored": [list(span) for span in self.stored]})


def parse_ack(text: str) -> Ack:
    """The acknowledgement in a `Store/Ack` metric.

    Raises:
        ValueError: Not of that form.
    """
    found = _object(text)
    outbox, stored = found.get("outbox"), found.get("stored")
    if not isinstance(outbox, str) or not isinstance(stored, list):
        raise ValueError('expected {"outbox": uuid, "stored": [[a, b]]}')
    spans = []
    for span in stored:
        if not (isinstance(span, list) and [type(n) for n in span] == [int, int] and 0 <= span[0] <= span[1] <= _GREATEST):
            raise ValueError(f"expected a closed range [a, b] of positions, got {str(span)[:_SHOWN]}")
        spans.append((span[0], span[1]))
    return Ack(outbox, tuple(spans))


def parse_resend(text: str) -> tuple[int, int]:
    """(from, to) in ms of a `Store/Resend` metric.

    Raises:
        ValueError: Not of that form.
    """
    found = _object(text)
    start, end = found.get("from"), found.get("to")
    if type(start) is not int or type(end) is not int or not 0 <= start <= end <= _GREATEST:
        raise ValueError('expected {"from": ms, "to": ms}')
    return start, end


def _object(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError alone: digits without end
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object")
    return found


def ranges(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Closed ranges that hold exactly these numbers, in order."""
    spans: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if spans and number == spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    return tuple(spans)
