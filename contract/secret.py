"""Passwords and tokens that stand in files of their own."""

from __future__ import annotations

import codecs
from pathlib import Path

_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class SecretError(ValueError):
    """A file that holds no text; what stands in it is not shown."""


def read_secret(path: Path) -> str:
    """What a file of a password or token holds, without the white space around it.

    A byte order mark, as some editors write, is no part of it; one of UTF-16 says how the text is to be read.

    Args:
        path: Of the file, in UTF-8, or in UTF-16 with its mark.

    Raises:
        OSError: It cannot be read.
        SecretError: It is no text.
    """
    content = path.read_bytes()
    try:
        return content.decode("utf-16" if content.startswith(_MARKS) else "utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise SecretError(f"not UTF-8 at byte {error.start}") from None  # that error holds what stands there
