"""JSON as devices write it: one word, text or line that is none makes one value or line that is none, never a whole message."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_WORD = r'[^\s{}\[\],:"]++'
_TOKENS = re.compile(rf'"(?:[^"\\]|\\.?)*+"?|{_WORD}(?:[ \t]++{_WORD})*+|:\s*+(?=[,}}])|,\s*+(?=[}}\]])', re.DOTALL)
"""Texts, words such as `nan` or `12 kWh`, a colon without a value, a comma without a follower."""
_ESCAPES = re.compile(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})?')
_WORDS = re.compile(r"true|false|null|-?(?:0|[1-9]\d{0,400})(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_BLANK = "".join(map(chr, (*range(0x21), *range(0x7F, 0xA1), 0x3000, 0xFEFF)))
"""Spaces, control characters and byte order marks: they say nothing around a document."""
_INK = re.compile(f"[^{re.escape(_BLANK)}]")
_LINES = re.compile(r"[\r\n\x1e]++")
"""Ends of lines, and the record separator of RFC 7464."""
_MOST_BAD = 1000
"""Parts that are none, after which no more lines are tried: noise must not keep the others waiting."""


class Message(NamedTuple):
    """What stands in a message.

    Attributes:
        documents: In their order.
        rest: Parts that are none.
    """

    documents: list[object]
    rest: list[str]


def parse(raw: bytes) -> Message:
    """The documents in a message: one, or objects and arrays behind each other, such as JSON lines.

    A word that is no JSON (`nan`, `Infinity`, `+5`, `007`) is read as the text of it. UTF-8, UTF-16 or GBK; of other bytes only
    the texts suffer. What stands after a NUL is the rest of somebody's buffer.

    Raises:
        ValueError: No document can be made out.
    """
    best: Message | None = None
    for text in _texts(raw):
        clean = text.lstrip(_BLANK).partition("\x00")[0].rstrip(_BLANK)
        for mend in (False, True):
            found = _read(_mended(clean) if mend else clean)
            if found.documents and not found.rest:
                return found
            if found.documents and (best is None or _length(found.rest) < _length(best.rest)):
                best = found
    if best is None:
        raise ValueError("not JSON")
    return best


def _length(parts: list[str]) -> int:
    return sum(map(len, parts))


def _read(text: str) -> Message:
    """Documents from the front; behind one that is none, those that have a line of their own.

    A line is read by itself, so that no text without an end reaches into the next one, and from its first column, so that a part
    of a document that was cut off is hardly taken for one.
    """
    found = _front(text)
    if not found.rest:
        return found
    rest: list[str] = []
    for line in filter(_INK.search, _LINES.split(found.rest[0])):
        tried = len(rest) < _MOST_BAD and line.startswith(("{", "["))
        part = _front(_mended(line)) if tried else Message([], [line])
        found.documents.extend(part.documents)
        rest.extend(part.rest)
    return Message(found.documents, rest)


def _front(text: str) -> Message:
    """As many documents as stand at the front, and what follows.

    A bare value is one only where nothing else stands: of `1,234.5` the 1 is none.
    """
    documents: list[object] = []
    at = 0
    while at < len(text):
        try:
            document, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return Message(documents, [text[at:]])
        if not isinstance(document, dict | list) and (at, end) != (0, len(text)):
            return Message(documents, [text[at:]])
        documents.append(document)
        ink = _INK.search(text, end)
        at = ink.start() if ink else len(text)
    return Message(documents, [])


def _object(pairs: Iterable[tuple[str, object]], into: dict[str, object] | None = None) -> dict[str, object]:
    """An object. Of a key that stands there twice with different values nobody knows which is meant, so it has a text of both."""
    found: dict[str, object] = {} if into is None else into
    for key, value in pairs:
        earlier = found.setdefault(key, value)
        if earlier is value or _same(earlier, value):
            continue
        if isinstance(earlier, dict) and isinstance(value, dict):
            _object(value.items(), earlier)
        else:
            found[key] = f"twice: {earlier!r:.40} and {value!r:.40}"
    return found


def _same(one: object, other: object) -> bool:
    """Whether two values say the same; 0 and false do not, though Python finds them equal."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return isinstance(one, bool) == isinstance(other, bool) and one == other


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=str, strict=False)


def _texts(raw: bytes) -> Iterator[str]:
    """What the bytes may say, the likeliest first; a wrong name must not take the numbers beside it."""
    try:
        yield raw.decode(json.detect_encoding(raw))
    except UnicodeDecodeError:
        try:
            yield raw.decode("gb18030")
        except UnicodeDecodeError:
            yield raw.decode("utf-8", errors="replace")
            yield raw.decode("gb18030", errors="replace")


def _mended(text: str) -> str:
    return _TOKENS.sub(_token, text)


def _token(token: re.Match[str]) -> str:
    text = token[0]
    match text[0]:
        case '"':
            return _ESCAPES.sub(lambda found: found[0] if found[1] else "\\\\", text)
        case ":":
            return ':""'
        case ",":
            return ""
        case _:
            return text if _WORDS.fullmatch(text) else json.dumps(text)
