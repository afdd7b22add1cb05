"""A meter, as those who do not count see it."""

from __future__ import annotations

from typing import NamedTuple


class Meter(NamedTuple):
    """A counting place of the ledger; the device and point that count it are None where somebody enters its months."""

    id: str
    name: dict[str, str]
    energy: str
    device: str | None
    point: str | None
    main: bool
    parent: str | None = None
