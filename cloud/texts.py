"""The one catalogue of everything that users see, in both languages: pages, alerts and reports take their words from it.

The code of a message is the key of its text. `{names}` in a text stand for parameters; behind a colon stands how one is written:
a format of Python for a number, `local` for a time (RFC 3339) as date and time of day in Shanghai.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from contract.clock import SHANGHAI
from contract.coded import Message, Param

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
_FILE = Path(__file__).parent / "web" / "messages.json"
_SENTENCE = "reason."


@lru_cache(maxsize=1)
def catalogue() -> dict[str, dict[Language, str]]:
    """Every text in both languages, by its key."""
    found: dict[str, dict[Language, str]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


def say(key: str, language: Language, **values: object) -> str:
    """A text of the catalogue, with its `{names}` filled.

    Raises:
        KeyError: There is no such text.
    """
    return catalogue()[key][language].format_map(values)


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    found = []
    for key, both in catalogue().items():
        if key.startswith(_SENTENCE):
            parts = re.split(r"{(\w+)}", both["en"])
            wanted = "".join(f"(?P<{part}>.+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
            found.append((re.compile(wanted), key))
    return found


def sentence(text: str, language: Language, names: Mapping[str, str] | None = None) -> str:
    """An English sentence of the service in a language, as the first pattern that fits it says; unknown ones stay as they are.

    Args:
        text: Such as a reason of an indicator.
        language: To say it in.
        names: Names of what the sentence calls by an id.
    """
    for pattern, key in _patterns():
        found = pattern.fullmatch(text)
        if found:
            values = {name: sentence(value, language, names) for name, value in found.groupdict().items()}
            return say(key, language, **values)
    return (names or {}).get(text, text)


class _Text(str):
    """A text parameter, which may be a time."""

    __slots__ = ()

    def __format__(self, how: str) -> str:
        """The text itself; with `local` the time that it is."""
        if how == "local":
            return f"{datetime.fromisoformat(self).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
        return super().__format__(how)


def in_words(message: Message, language: Language, names: Mapping[str, str] | None = None) -> str:
    """A message in a language.

    Args:
        message: Its code is a key of the catalogue.
        language: To say it in.
        names: Names of what the message calls by an id.

    Raises:
        KeyError: There is no such text, or it wants a parameter that the message does not have.
    """

    def written(value: Param) -> object:
        if isinstance(value, Message):
            return in_words(value, language, names)
        return _Text((names or {}).get(value, value)) if isinstance(value, str) else value

    return say(message.code, language, **{name: written(value) for name, value in message.items})


def in_both(message: Message) -> dict[Language, str]:
    """A message in each language."""
    return {language: in_words(message, language) for language in LANGUAGES}


def event_sentence(detail: str) -> str:
    """What an event says, as an English sentence; events of counters keep their figures as JSON."""
    try:
        found = json.loads(detail)
    except ValueError:
        return detail
    if not isinstance(found, dict) or "before" not in found:
        return str(found.get("reason", detail)) if isinstance(found, dict) else detail
    return "from {before} to {after} {unit}, {counted} counted".format_map(found)


def printable(text: str, most: int) -> str:
    """Text from outside as it may stand in a log, an alert or a table: nothing that a screen does not show, and cut to so many signs."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text[:most])
