r"""Where a value stands in a JSON document: the paths that profiles are written with.

`a.b` is a key in an object in a key; a number is a place in an array, from 0, where there is one; `\.` is a dot that belongs to
a key. `#(name=Ua)` is the element of an array in which the path `name` holds the text Ua. `*` is each element of an array or of
an object, for finding the records of a message. `$` at the front is the whole message, not only its record; alone it is the
document itself, such as a bare number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_PARTS = re.compile(r"#\((?P<where>(?:\\.|[^\\=])+)=(?P<text>(?:\\.|[^\\)])*)\)|(?P<key>(?:\\.|[^\\.])+)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
MOST_STEPS = 32


class Pick(NamedTuple):
    """The element of an array that holds a text at a path."""

    where: tuple[Step, ...]
    text: str


class Each(NamedTuple):
    """Every element of an array or of an object."""


Step = str | Pick | Each


class Path(NamedTuple):
    """A parsed path.

    Attributes:
        steps: From the outside in.
        whole: Whether it begins at the message instead of at its record.
    """

    steps: tuple[Step, ...]
    whole: bool = False


@lru_cache(maxsize=4096)
def parse(path: str) -> Path:
    """A path from its text.

    Raises:
        ValueError: Not a path, in words for a person.
    """
    whole = path == "$" or path.startswith("$.")
    steps = _steps(path[2:] if whole else path)
    if not steps and not whole:
        raise ValueError("expected a path such as energy.import")
    if len(steps) > MOST_STEPS:
        raise ValueError(f"expected at most {MOST_STEPS} steps")
    return Path(steps, whole)


def _steps(text: str) -> tuple[Step, ...]:
    steps: list[Step] = []
    at = 0
    while at < len(text):
        found = _PARTS.match(text, at)
        if found is None or (found["key"] or "").startswith("#("):
            raise ValueError(f"expected keys joined by dots, and #(name=text) for an element of an array, at {text[at:]!r}")
        steps.append(_step(found))
        at = found.end()
        if at < len(text):
            if text[at] != "." or at + 1 == len(text):
                raise ValueError(f"expected a dot and a key after {text[:at]!r}")
            at += 1
    return tuple(steps)


def _step(found: re.Match[str]) -> Step:
    key = found["key"]
    if key is None:
        return Pick(_steps(_plain(found["where"])), _plain(found["text"]))
    return Each() if key == "*" else _plain(key)


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def value(path: Path, record: object, message: object) -> object:
    """What stands at a path; None when it is not there. `*` is the first element."""
    document = message if path.whole else record
    for at, step in enumerate(path.steps):
        if isinstance(step, Each):
            return next((found for _, found in _walk(path.steps[at:], document, "")), None)
        # Most steps are keys, so these are taken without a call.
        document = document.get(step) if isinstance(document, dict) and isinstance(step, str) else _stepped(step, document)
    return document


def records(path: Path, message: object) -> Iterator[tuple[str, object]]:
    """Each record of a message that is there, with the key or place of its innermost `*`; the empty text where there is none."""
    return _walk(path.steps, message, "")


def _walk(steps: tuple[Step, ...], document: object, name: str) -> Iterator[tuple[str, object]]:
    for at, step in enumerate(steps):
        if isinstance(step, Each):
            for inner, element in _elements(document):
                yield from _walk(steps[at + 1 :], element, inner)
            return
        document = _stepped(step, document)
    if document is not None:
        yield name, document


def _stepped(key: str | Pick, document: object) -> object:
    """What stands at one step; None where nothing does."""
    if isinstance(key, Pick):
        return _picked(key, document)
    if isinstance(document, dict):
        return document.get(key)
    if isinstance(document, list) and key.isascii() and key.isdigit() and len(key) < 10:  # noqa: PLR2004 (no message is longer)
        return document[int(key)] if int(key) < len(document) else None
    return None


def _picked(pick: Pick, document: object) -> object:
    if not isinstance(document, list):
        return None
    return next((one for one in document if text(next((v for _, v in _walk(pick.where, one, "")), None)) == pick.text), None)


def _elements(document: object) -> Iterator[tuple[str, object]]:
    if isinstance(document, dict):
        yield from ((str(key), element) for key, element in document.items())
    elif isinstance(document, list):
        yield from ((str(place), element) for place, element in enumerate(document))


def text(found: object) -> str | None:
    """A name as text: 7, 7.0 and "7" are one, since meters write their numbers as either; None for what is no name."""
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return None
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    return str(found).strip()


def placed(path: tuple[Step, ...], document: object, found: object, *, name: str = "0") -> object:
    """A document with a value at a path, as a device would write it: what is not there yet is made.

    Args:
        path: Steps from the outside in.
        document: What there is already; None for nothing.
        found: The value.
        name: Key or place for each `*`.
    """
    if not path:
        return found
    step, rest = path[0], path[1:]
    if isinstance(step, Pick):
        elements = document if isinstance(document, list) else []
        mine = _picked(step, elements)
        if mine is None:
            mine = placed(step.where, None, step.text)
            elements.append(mine)
        placed(rest, mine, found, name=name)
        return elements
    key = name if isinstance(step, Each) else step
    if isinstance(document, dict) or (document is None and not key.isdigit()):
        made = document if isinstance(document, dict) else {}
        made[key] = placed(rest, made.get(key), found, name=name)
        return made
    if not key.isdigit() or not (document is None or isinstance(document, list)):
        raise ValueError(f"{key} would stand in a value")
    places = document or []
    places += [None] * (int(key) + 1 - len(places))
    places[int(key)] = placed(rest, places[int(key)], found, name=name)
    return places
