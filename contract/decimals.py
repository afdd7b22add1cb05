"""Numbers as people write them."""

from __future__ import annotations

import re
from decimal import Decimal

_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)", re.ASCII)
_MOST = 40
"""Characters: more than any amount needs, few enough for a line."""


def decimal(text: str) -> Decimal:
    """A number in the digits 0 to 9, with a sign and a point where it needs them; not `1e3`, `1_0`, `1,5` or full-width digits.

    Raises:
        ValueError: With what was expected.
    """
    if len(text) > _MOST:
        raise ValueError(f"expected a number of at most {_MOST} characters, got {len(text)}")
    if not _PLAIN.fullmatch(text):
        raise ValueError(f"expected a number such as 1234.5, got {text!r}")
    return Decimal(text)
