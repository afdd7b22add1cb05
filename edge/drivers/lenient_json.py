"""JSON as devices write it: one word or text that is none makes one value that is none, never a message that is none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_TOKENS = re.compile(r'"(?:[^"\\]|\\.?)*+"?|[^\s{}\[\],:"]++|:\s*+(?=[,}])|,\s*+(?=[}\]])', re.DOTALL)
"""Texts, words, a colon without a value, a comma without a follower."""
_ESCAPES = re.compile(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})?')
_WORDS = re.compile(r"true|false|null|-?(?:0|[1-9]\d{0,400})(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


def parse(raw: bytes) -> object:
    """The document in a message. A word that is no JSON (`nan`, `Infinity`, `+5`, `007`) is read as the text of it.

    UTF-8, UTF-16 or GBK; of other bytes only the texts suffer. What stands after a NUL is the rest of somebody's buffer.

    Raises:
        ValueError: No document can be made out.
    """
    for text in _texts(raw):
        clean = text.lstrip("\x00\ufeff").partition("\x00")[0]
        try:
            return _loaded(clean)
        except ValueError:
            try:
                return _loaded(_TOKENS.sub(_mended, clean))
            except ValueError:
                continue
    raise ValueError("not JSON")


def _loaded(text: str) -> object:
    try:
        document: object = json.loads(text, parse_constant=str, strict=False)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return document


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


def _mended(token: re.Match[str]) -> str:
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
