"""Which readings of a refused request a server will never take, found in few requests.

What servers do: 1.6.7 as tried here, and 2.7, which says the same in a 422. Lines that cannot be stored are dropped, each with
all its fields, and the other lines are stored. The answer is "partial write: REASON dropped=N": the reason of the first dropped
line, and how many lines one shard dropped; other shards may have dropped more, or still be writing. A request that is too long
(413), and in 2.x one with a line that cannot be parsed (400), stores nothing. So a reading counts as stored only after a request
that was answered with success, and all that is not refused is sent again until then.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

import orjson

from cloud.telemetry.base import DOUBTFUL_SUFFIX, QUALITY_SUFFIX, Refused, Stored
from contract.coded import Message
from contract.reading import Quality, Reading

_CONFLICT = re.compile(r'input field "(?P<field>.+)" on measurement "(?P<measurement>.+)" is type ')
_DROPPED = re.compile(r"dropped=(\d+)\s*$")
_RETENTION = "retention policy"
"""In the reason for lines that are older than the database keeps; each goes as a whole, whatever its fields."""
LONGEST_REASON = 500
"""Characters of a reason that are kept and shown."""
_WEEK_MS, _MONDAY_MS = 604_800_000, 259_200_000
"""A shard of a database that keeps everything holds 7 days from a Monday in UTC, and a field has one type in a shard."""
_Order = Callable[[Stored], tuple[str | int, ...]]


class Answer(NamedTuple):
    """What a server said about a request that it did not store whole.

    Attributes:
        reason: In its words; empty if all is stored.
        lines: How many lines were sent.
    """

    reason: str
    lines: int

    @property
    def dropped(self) -> int:
        """How many lines one shard dropped; 0 if nothing is said of that."""
        found = _DROPPED.search(self.reason)
        return int(found[1]) if found else 0


def reason_of(body: str) -> str:
    """The reason in an answer's body: `error` of 1.x, `message` of 2.x, else the body itself."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.strip()
    found = content.get("error") or content.get("message") if isinstance(content, dict) else None
    return str(found or body).strip()


def sift(batch: Sequence[Stored], answer: Answer, send: Callable[[Sequence[Stored]], Answer]) -> list[Refused]:
    """The readings that the server refuses; when this returns, all others were in a request that was stored whole.

    Args:
        batch: Readings of a request that was refused; none of them is faulty in itself.
        answer: What was said about that request.
        send: Writes some of them.
    """
    refused: list[Refused] = []
    waiting = [(batch, answer)]
    while waiting:
        suspects, said = waiting.pop()
        if _concerns_all(suspects, said):
            why = Message("text", text=said.reason[:LONGEST_REASON])
            refused += [Refused(line, why) for line in suspects]
            continue
        answers = [(part, send(part)) for part in _parts(suspects, said.reason)]
        waiting += [(part, again) for part, again in answers if again.reason]
    return refused


def _concerns_all(batch: Sequence[Stored], answer: Answer) -> bool:
    """Whether every reading is refused: all lines were dropped, and no line can have been dropped for another reading's sake."""
    whole = _RETENTION in answer.reason or len(set(map(_kind, batch))) == 1
    return len(batch) == 1 or (whole and answer.dropped == answer.lines)


def _parts(batch: Sequence[Stored], reason: str) -> list[Sequence[Stored]]:
    """The batch cut so that refused readings and others come apart: by what the reason names, then by kind, shard and time."""
    if named := _CONFLICT.search(reason):
        suspects = [line for line in batch if line.device_class == named["measurement"] and _has_field(line.reading, named["field"])]
        others = [line for line in batch if line.device_class != named["measurement"] or not _has_field(line.reading, named["field"])]
        if suspects and others:
            return [suspects, *_halves(others, _kind)]
    orders: Sequence[_Order] = (_at,) if _RETENTION in reason else (_kind, _week, _at)
    return _halves(batch, next((order for order in orders if len(set(map(order, batch))) > 1), _at))


def _halves(batch: Sequence[Stored], order: _Order) -> list[Sequence[Stored]]:
    """Two parts, cut near the middle, between readings that differ in the order where there are any; of one reading one part."""
    ordered = sorted(batch, key=order)
    keys = [order(line) for line in ordered]
    middle = len(keys) // 2
    cut = bisect_left(keys, keys[middle]) or bisect_right(keys, keys[0])
    cut = cut if cut < len(keys) else middle
    return [part for part in (ordered[:cut], ordered[cut:]) if part]


def _has_field(reading: Reading, field: str) -> bool:
    """Whether a reading becomes a field of this name, as `cloud.telemetry.line_protocol` writes it."""
    if reading.quality is Quality.GOOD:
        return field == reading.point
    return field == reading.point + QUALITY_SUFFIX or (reading.value is not None and field == reading.point + DOUBTFUL_SUFFIX)


def _kind(line: Stored) -> tuple[str | int, ...]:
    """Readings of one kind become the same fields, and no two of them one line."""
    return (line.device_class, line.reading.point, line.reading.quality is Quality.GOOD)


def _week(line: Stored) -> tuple[str | int, ...]:
    return ((line.reading.at + _MONDAY_MS) // _WEEK_MS,)


def _at(line: Stored) -> tuple[str | int, ...]:
    return (line.reading.at,)
