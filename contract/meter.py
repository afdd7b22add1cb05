"""A counting place of the ledger, as a site's files describe it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from contract.day import Day
from contract.operation import Id, Text
from contract.yamlfile import Strict

Energy = Literal["electricity", "water", "natural_gas", "petrol", "diesel", "heat", "coal", "lpg", "other"]
"""What a meter counts: `water` or a name of the factor table; `other` is in standard coal already."""


class Meter(Strict):
    """A counting place of the ledger; without a device it is fed by hand."""

    id: Id
    name: Text
    energy: Energy
    device: Id | None = None
    point: str | None = None
    parent: Id | None = None
    main: bool = False
    """Counted in totals; sub-meters are not."""
    item: str = ""
    """Sub-item code such as 01C10."""
    compound: Id | None = None
    units: list[Id] = []
    vehicle_fuel: bool = False
    """Fuel of cars: in the total, not in the per-area indicator."""
    modulus: Annotated[float, Field(gt=0)] | None = None
    """Where the counter rolls over, if the profile cannot know: in the point's unit, ratios included."""
    max_rate: Annotated[float, Field(gt=0)] | None = None
    """Most it can count in an hour, in the point's unit; without it, it follows from `rated`, the transformers or the class."""
    rated: Annotated[float, Field(gt=0)] | None = None
    """Rated power of its branch in kW, or rated flow in m3/h."""
    commissioned: Day | None = None
    """First day on which it counts."""
    taken_out: Day | None = None
    """First day on which it counts no more."""
    was: Id | None = None
    """Its id before it was renamed; its history follows."""
