"""What a site's files state about meters, and what of it the ledger judges each sample of a counter by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from cloud.ledger.model import MeterKey
from cloud.ledger.periods import HOUR_MS

LEAST_MEASURED_GAP = HOUR_MS + 60_000
"""Ms. History is kept by the hour, and a sample may be late by a minute; such hours are measured."""


class StatedMeter(NamedTuple):
    """A meter; amounts in the unit of its point, days as ISO dates.

    Attributes:
        id: Unique in its group.
        name: What people call it, in `zh` and `en`.
        group: Its district's.
        device: By which it counts; None where somebody enters its months.
        point: Of that device; None likewise.
        energy: Such as `electricity`.
        parent: Meter that counts it too; None if none does.
        main: It is in totals.
        item: What its energy is used for.
        compound: That it belongs to; None if it belongs to none.
        vehicle_fuel: Cars use it.
        modulus: Where the counter starts again at 0; None if nowhere.
        max_rate: Most in an hour, as the site says it.
        ratio: What one step of the register is worth, a decimal.
        capacity: Most in an hour by transformers, rating or class.
        capacity_from: `current_transformer`, `rated` or `class`.
        resolution: Smallest step that the profile states.
        float32: Its steps grow with its value.
        commissioned: First day that it counts.
        taken_out: First day that it counts no more.
    """

    id: str
    name: dict[str, str]
    group: str
    device: str | None
    point: str | None
    energy: str
    parent: str | None
    main: bool
    item: str
    compound: str | None
    vehicle_fuel: bool
    modulus: float | None
    max_rate: float | None
    ratio: str | None
    capacity: float | None
    capacity_from: str | None
    resolution: float | None
    float32: bool
    commissioned: str | None
    taken_out: str | None

    @property
    def key(self) -> MeterKey:
        """Its group and id."""
        return MeterKey(self.group, self.id)


@dataclass(frozen=True, slots=True)
class Stated:
    """What the files state about one counter; amounts in the unit of its point.

    Attributes:
        most: Most in an hour, as the site says it, else by transformers, rating or class; None if anything can be.
        by_class: `most` is that of the meter's class.
        modulus: Where the counter starts again at 0; None if nowhere.
        resolution: Smallest step that the profile states; None if it states none.
        float32: Its steps grow with its value.
        measured_gap: Longest time between two samples that still counts as measured, ms.
    """

    most: float | None
    by_class: bool
    modulus: float | None
    resolution: float | None
    float32: bool
    measured_gap: int


def stated(meter: Mapping[Any, Any], interval: float | None) -> Stated:
    """What is stated about the counter of a meter, or about one that counted it before.

    Args:
        meter: A row or a record by field, with all that `StatedMeter` has of a counter.
        interval: Seconds between two polls of its device; None if that is not known.
    """
    own = meter["max_rate"] is not None
    return Stated(
        most=meter["max_rate"] if own else meter["capacity"],
        by_class=not own and meter["capacity_from"] == "class",
        modulus=meter["modulus"],
        resolution=meter["resolution"],
        float32=meter["float32"],
        measured_gap=max(int(2000 * (interval or 0)), LEAST_MEASURED_GAP),
    )
