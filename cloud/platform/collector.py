"""Python's collector of circles, as a service that makes objects by the ten thousand wants it."""

from __future__ import annotations

import gc

_YOUNG = 10_000
"""New objects before it looks at them. A round of rules over thousands of alerts makes a hundred times Python's 700, and they stay."""


def spare() -> None:
    """What there is now stays until the end and is not looked at again, and what is new is looked at more rarely: once all is loaded."""
    gc.freeze()
    gc.set_threshold(_YOUNG)
