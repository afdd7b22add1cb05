"""What is wrong with the parameters of a request, as one message: in the words of the catalogue where these say what pydantic says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloud.texts import CodedError, in_words
from contract import coded
from contract.coded import Message

_OWN = "Value error, "
"""Pydantic's words before a sentence of a validator of ours."""


class WrongError(CodedError, ValueError):
    """A parameter is not what was expected; a validator raises it."""


def place(fault: Mapping[str, Any]) -> tuple[str, str]:
    """Where a value stands (query, path, header or body), and its name there."""
    where, *names = fault["loc"]
    return str(where), ".".join(map(str, names))


def sentence(fault: Mapping[str, Any]) -> str:
    """What was expected, in English."""
    return str(fault["msg"]).removeprefix(_OWN)


def message(faults: Sequence[Mapping[str, Any]]) -> Message:
    """All faults, as a tree of pairs: a caller may make thousands at once."""
    if len(faults) == 1:
        where, name = place(faults[0])
        return Message("invalid.field", name=name or where, why=_why(faults[0]))
    half = len(faults) // 2
    return Message("invalid.and", first=message(faults[:half]), then=message(faults[half:]))


def _why(fault: Mapping[str, Any]) -> Message:
    """By the kind of the fault; of a kind that the catalogue does not know, or says otherwise, the English sentence."""
    given: Mapping[str, Any] = fault.get("ctx", {})
    own = given.get("error")
    if isinstance(own, WrongError):
        return own.message
    params = {name: value for name, value in given.items() if isinstance(value, str | int | float)}
    for code in (f"invalid.{fault['type']}", f"invalid.{fault['type']}.one"):
        found = coded.of_form({"code": code, "params": params})
        if in_words(found, "en") == fault["msg"]:
            return found
    return Message("text", text=sentence(fault))
