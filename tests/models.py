"""A site's buses, devices and profiles as the protocol has them that a test is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def one(kind: type[T], thing: object) -> T:
    """The thing, which must be of this model."""
    assert isinstance(thing, kind)
    return thing


def each(kind: type[T], things: Iterable[object]) -> list[T]:
    """The same of all of them."""
    return [one(kind, thing) for thing in things]
