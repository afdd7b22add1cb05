"""Faults that only the whole of a file shows, each told at its own field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Place = tuple[str | int, ...]
"""Where a field stands: keys and list positions from the top of the file."""


class Fault(NamedTuple):
    """Something that only the whole model shows.

    Attributes:
        place: Where it stands.
        message: What was expected.
        given: What stands there.
    """

    place: Place
    message: str
    given: object


def located(faults: Sequence[Fault], beside: ValidationError | None = None) -> ValidationError:
    """The faults, each at its own field, so that a person is sent to the right line; after those that were found `beside` them."""
    details = [_told(error["type"], error["msg"], error["loc"], error["input"]) for error in (beside.errors() if beside else ())]
    details += [_told("config", fault.message, fault.place, fault.given) for fault in faults]
    return ValidationError.from_exception_data("config", details)


def twice(named: Iterable[tuple[Place, str]], expected: str, field: str = "id") -> Iterator[Fault]:
    """What stands under one field of several parts of a file and may stand once only, each but the first.

    Args:
        named: Each part with what stands there.
        expected: In its place, such as `an id that no other meter has`.
        field: Of the parts.
    """
    seen: set[str] = set()
    for place, name in named:
        if name in seen:
            yield Fault((*place, field), f"stands twice; expected {expected}", name)
        seen.add(name)


def absent(field: str, given: object) -> ValidationError:
    """That a field must be there."""
    return ValidationError.from_exception_data("config", [InitErrorDetails(type="missing", loc=(field,), input=given)])


def _told(kind: str, message: str, place: Place, given: object) -> InitErrorDetails:
    error = PydanticCustomError(kind, "{message}", {"message": message})
    return InitErrorDetails(type=error, loc=place, input=given)
