"""The one catalogue of everything that users see, in both languages: pages, alerts and reports take their words from it.

The code of a message is the key of its text. `{names}` in a text stand for parameters; behind a colon stands how one is written:
a format of Python for a number, `local` for a time (RFC 3339) as date and time of day in Shanghai, `id` for an id that a command takes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self, cast

from cloud.definitions import definitions
from contract.clock import SHANGHAI
from contract.coded import Message, Param
from contract.indicator import texts

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
_FILE = Path(__file__).parent / "web" / "messages.json"


@lru_cache(maxsize=1)
def catalogue() -> dict[str, dict[Language, str]]:
    """Every text in both languages, by its key: those of the one file, and what the files of the indicators say of these.

    Raises:
        ConfigError: A file of an indicator is wrong.
    """
    found: dict[str, dict[Language, str]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found | cast("dict[str, dict[Language, str]]", texts(definitions()))


def say(key: str, language: Language, **values: object) -> str:
    """A text of the catalogue, with its `{names}` filled.

    Raises:
        KeyError: There is no such text.
    """
    return catalogue()[key][language].format_map(values)


class _Text(str):
    """A text parameter as it is shown: an id by its name."""

    __slots__ = ("given",)
    given: str

    def __new__(cls, given: str, shown: str) -> Self:
        """The text that is given, and what is shown for it."""
        made = super().__new__(cls, shown)
        made.given = given
        return made

    def __format__(self, how: str) -> str:
        """The text as it is shown; with `local` the time that it is, with `id` as it was given."""
        if how == "id":
            return self.given
        if how == "local":
            return f"{datetime.fromisoformat(self.given).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
        return super().__format__(how)


def in_words(message: Message, language: Language, names: Mapping[str, str] | None = None) -> str:
    """A message in a language; one that another version stored, and whose text is not known here or wants more, by its code.

    Args:
        message: Its code is a key of the catalogue.
        language: To say it in.
        names: Names of what the message calls by an id.
    """

    def written(value: Param) -> object:
        if isinstance(value, Message):
            return in_words(value, language, names)
        return _Text(value, (names or {}).get(value, value)) if isinstance(value, str) else value

    try:
        return catalogue()[message.code][language].format_map({name: written(value) for name, value in message.items})
    except (KeyError, ValueError, TypeError):
        return " ".join([message.code, *(f"{name}={written(value)}" for name, value in message.items)])


class CodedError(Exception):
    """What went wrong, as a message; as text it is the English one."""

    def __init__(self, message: Message) -> None:
        super().__init__(in_words(message, "en"))
        self.message = message


def in_both(message: Message) -> dict[str, str]:
    """A message in each language."""
    return {language: in_words(message, language) for language in LANGUAGES}


def because(message: Message | None) -> dict[str, Any]:
    """Why, as the interface gives it: `reason` in English with its `code` and `params`."""
    if message is None:
        return {"reason": None, "code": None, "params": {}}
    return {"reason": in_words(message, "en")} | message.form()


def printable(text: str, most: int) -> str:
    """Text from outside as it may stand in a log, an alert or a table: nothing that a screen does not show, and cut to so many signs."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text[:most])
