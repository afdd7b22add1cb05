"""Answers to commands, as gateways send them in `Command/Result`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isfinite

from cloud.texts import in_words
from contract import coded

STATES = frozenset({"done", "refused", "expired", "failed"})
_LONGEST = 4096
"""Characters; an answer is a short object."""
_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended.

    Attributes:
        group: Of the device that answers.
        device: Only its own commands count.
        id: Of the command.
        state: done, refused, expired or failed.
        read_back: What the device holds now, in the point's unit; None if it was not read.
        reason: Why it was not done; None if it was.
    """

    group: str
    device: str
    id: str
    state: str
    read_back: float | None
    reason: coded.Message | None


def parse(group: str, device: str, text: str) -> Result:
    """The answer in a `Command/Result` metric.

    Raises:
        ValueError: Not of that form, or a value that no command can have.
    """
    if len(text) > _LONGEST:  # also keeps nesting below what the parser can follow
        raise ValueError(f"longer than {_LONGEST} characters")
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object")
    name, state, read_back, reason = (found.get(key) for key in ("id", "state", "read_back", "reason"))
    if not isinstance(name, str) or not name.isprintable():
        raise ValueError(f"id: expected text, got {name!r}")
    if not isinstance(state, str) or state not in STATES:
        raise ValueError(f"state: expected one of {', '.join(sorted(STATES))}, got {state!r}")
    if not (read_back is None or (type(read_back) in {int, float} and abs(read_back) < _HUGE and isfinite(read_back))):
        raise ValueError(f"read_back: expected a number, got {read_back!r}")
    plain = "".join(filter(str.isprintable, "" if reason is None else str(reason)))[:_LONGEST_REASON]
    why = _why(found.get("code"), found.get("params"), plain) if plain else None
    return Result(group, device, name, state, None if read_back is None else float(read_back), why)


def _why(code: object, params: object, plain: str) -> coded.Message:
    """The message whose English text is the reason that was given; where a code says something else, or none is there, the text."""
    if isinstance(code, str) and isinstance(params, dict) and all(map(_plain, [code, *params, *params.values()])):
        message = coded.of_form({"code": code, "params": params})
        if in_words(message, "en")[:_LONGEST_REASON] == plain:
            return message
    return coded.Message(coded.TEXT, text=plain)


def _plain(value: object) -> bool:
    if isinstance(value, str):
        return value.isprintable()
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _HUGE


_HUGE = 10**300
