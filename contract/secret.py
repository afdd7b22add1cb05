"""Passwords and tokens that stand in files of their own."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from contract.yamlfile import ConfigError

_ENDS = re.compile(r"[\r\n]+")
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class SecretError(ValueError):
    """A file that does not hold one line of text; what stands in it is not shown."""


def read_secret(path: Path) -> str:
    """The one line that a file of a password or token holds, without the white space around it; lines of nothing else do not count.

    A byte order mark, as some editors write, is no part of it; one of UTF-16 says how the text is to be read.

    Args:
        path: Of the file, in UTF-8, or in UTF-16 with its mark.

    Raises:
        OSError: It cannot be read.
        SecretError: It is no text, or holds none or several lines.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-16" if content.startswith(_MARKS) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise SecretError(f"not UTF-8 at byte {error.start}") from None  # that error holds what stands there
    lines = [line for line in map(str.strip, _ENDS.split(text)) if line]
    if len(lines) != 1:
        raise SecretError(f"expected one line, got {len(lines) or 'none'}")
    return lines[0]


def configured(path: Path | None) -> str | None:
    """The secret of a file that settings name; None where they name none.

    Raises:
        ConfigError: It cannot be read, or does not hold one line; with the file.
    """
    if path is None:
        return None
    try:
        return read_secret(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except SecretError as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


def named_secret(path: Path) -> str:
    """The same, where nobody else says which file it was.

    Raises:
        OSError: It cannot be read.
        SecretError: As `read_secret`, with the file.
    """
    try:
        return read_secret(path)
    except SecretError as error:
        raise SecretError(f"{path}: cannot be read: {error}") from None
