"""The district of most tests: its code, and the keys of its meters."""

from __future__ import annotations

from cloud.ledger.model import MeterKey

GROUP = "510802"


def key(meter: str) -> MeterKey:
    """The key of a meter of this district."""
    return MeterKey(GROUP, meter)
