"""Text files that people write."""

from __future__ import annotations

from pathlib import Path


def read_text(path: Path) -> str:
    """What a file says, without a byte order mark.

    Raises:
        ValueError: It cannot be read, or is not UTF-8; one line with the file.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: cannot be read: expected UTF-8, got another encoding at byte {error.start}") from error
