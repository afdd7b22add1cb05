"""Messages are kept as a code with parameters: what happened, why readings were refused, why nobody was told.

They were English sentences, or figures as JSON. This is the only place where a sentence is read back; one that it does not know becomes
a message `text` with itself as the parameter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_ROWS = 10_000
"""Rows that are turned at once."""
_SENTENCES = {
    "reason.runs_off": "runs {off} s off",
    "reason.off_receipt_unsure": "measured {off} s off its receipt; no time service keeps the cloud's clock, "
    "so that may be the one that is off",
    "reason.off_receipt": "measured {off} s off its receipt",
    "reason.reported_by": "reported by {node}",
    "reason.too_many_points": "{node} has more than {most} points for it; {number} were left out",
    "reason.handover": "{node} speaks for a device of {gateway}; record a handover to allow it",
    "reason.emergency": "JT/T 808 alarm bit 0",
    "reason.no_fit": "{energy}: {value} {unit} does not fit the ledger (int64 of {base})",
    "reason.no_number": "{energy}: expected a finite value, got {value}",
    "reason.no_value": "good, but without a value",
    "reason.not_finite": "{value} is not a finite number",
    "reason.not_a_time": "time {at} ms is outside what can be stored",
    "reason.own_name": "{name} is a name of the store's own",
    "reason.comment": "{name} would read as a comment",
    "reason.empty_name": "a name is empty",
    "reason.long_name": "{name} is longer than {most} characters",
    "reason.unprintable": "{name} holds a backslash, a line break or another unprintable character",
    "reason.refused_again": "readings that are not on record were refused {number} times, measured from {first} to {last} ({why}); "
    "once that is mended: jieyue-cloud resend {node} --from {begin} --to {end}",
    "reason.refused_gone": "readings that are not on record were refused {number} times, measured from {first} to {last} ({why}); "
    "nobody keeps them",
    "told.not_understood": "its address is not understood",
    "told.unreachable": "the receiver cannot be reached or refused it",
    "told.mail_server": "the mail server cannot be reached or refused it ({error})",
    "told.sender": "a fault of the sender ({error})",
}
"""As the service wrote them, by code; none of these lines is changed any more."""
_NUMBERS = frozenset({"off", "most", "number", "at"})
_FIGURES = frozenset({"before", "after", "counted", "unit"})
_TOLD = frozenset({"reason", "detail", "number"})


def _pattern(sentence: str) -> re.Pattern[str]:
    parts = re.split(r"{(\w+)}", sentence)
    return re.compile("".join(f"(?P<{part}>.+)" if index % 2 else re.escape(part) for index, part in enumerate(parts)))


_PATTERNS = [(_pattern(sentence), code) for code, sentence in _SENTENCES.items()]


def _message(code: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"code": code, "params": dict(sorted(params.items()))}


def _said(text: str) -> dict[str, Any]:
    """The message of a sentence."""
    for pattern, code in _PATTERNS:
        if found := pattern.fullmatch(text):
            return _message(code, {name: _param(name, value) for name, value in found.groupdict().items()})
    return _message("text", {"text": text})


def _param(name: str, text: str) -> object:
    if name == "why":
        return _said(text)
    if name == "value":
        return _number(text)
    return int(text) if name in _NUMBERS and re.fullmatch(r"[+-]?\d{1,25}", text) else text


def _number(text: str) -> float | str:
    """A finite number as such, if it is written again as it stands here."""
    try:
        value = float(text)
    except ValueError:
        return text
    return value if str(value) == text and text not in {"nan", "inf", "-inf"} else text


def _happened(detail: str) -> dict[str, Any]:
    """The message of an event."""
    try:
        found = json.loads(detail)
    except ValueError:
        return _said(detail)
    if not isinstance(found, dict):
        return _said(detail)
    if found.keys() >= _FIGURES:
        return _message("reason.counter", found)
    if found.keys() == _TOLD:
        return _message(f"broker.{found['reason']}", {"detail": found["detail"], "number": found["number"]})
    said = _said(str(found["reason"])) if "reason" in found else _message("text", {"text": detail})
    span = found.get("span")
    return _message(said["code"], said["params"] | {"point": span["point"], "at": span["at"]}) if span else said


def _turn(table: str, column: str, turned: Callable[[str], dict[str, Any]]) -> None:
    """Every text of a column as a message; where there is none there is still none."""
    connection, kept = op.get_bind(), sa.table(table, sa.column("id"), sa.column(column))
    text, last = kept.c[column], 0
    turn = sa.update(kept).where(kept.c.id == sa.bindparam("of")).values({column: sa.bindparam("said")})
    some = sa.select(kept.c.id, text).where(text.is_not(None)).order_by(kept.c.id).limit(_ROWS)
    while rows := connection.execute(some.where(kept.c.id > last)).all():
        connection.execute(turn, [{"of": of, "said": json.dumps(turned(said), ensure_ascii=False)} for of, said in rows])
        last = rows[-1][0]


def upgrade() -> None:
    """Apply; some ten thousand rows a second."""
    _turn("event", "detail", _happened)
    _turn("rejected_reading", "reason", _said)
    _turn("notification", "reason", _said)
