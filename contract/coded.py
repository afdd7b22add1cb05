"""What a program has to tell, as a code with parameters. The words come from a catalogue, where somebody reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

TEXT = "text"
"""The code of a message that is nothing but a text."""
Param: TypeAlias = "str | int | float | Message"


@dataclass(frozen=True, slots=True, init=False)
class Message:
    """A code, and what the text of that code is filled with. It never changes, and equals another of the same code and parameters.

    Attributes:
        code: Key of a text of the catalogue, such as `reason.nothing_known`.
        items: The parameters in the order of their names. Ids, dates and times (RFC 3339) are texts; a parameter may be a message too.
    """

    code: str
    items: tuple[tuple[str, Param], ...]

    def __init__(self, code: str, /, **params: Param) -> None:
        """It is made at once, with all parameters by name."""
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "items", tuple(sorted(params.items())))

    @property
    def params(self) -> dict[str, Param]:
        """The parameters by name."""
        return dict(self.items)

    def form(self) -> dict[str, Any]:
        """As JSON has it: `{"code": …, "params": {…}}`."""
        return {"code": self.code, "params": {name: value.form() if isinstance(value, Message) else value for name, value in self.items}}

    def dumps(self) -> str:
        """As JSON text; equal messages give the same text."""
        return json.dumps(self.form(), ensure_ascii=False)


def of_form(form: Mapping[str, Any]) -> Message:
    """The message that JSON has in the form of `Message.form`.

    Raises:
        KeyError: It is another form.
        TypeError: It is another form.
    """
    params = {name: of_form(value) if isinstance(value, Mapping) else value for name, value in form["params"].items()}
    return Message(form["code"], **params)


def loads(text: str) -> Message:
    """The message that `Message.dumps` wrote.

    Raises:
        ValueError: The text is none.
    """
    form = json.loads(text)
    try:
        return of_form(form)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"expected a code with parameters, got {text[:80]!r}") from error


def read(text: str) -> Message:
    """What somebody stored, be it an earlier version: text that is no message is the parameter of one whose code is `text`."""
    try:
        return loads(text)
    except ValueError:
        return Message(TEXT, text=text)
