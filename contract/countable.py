"""What the ledger can count: a meter's energy beside its device, and amounts that fit its whole numbers."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING

from contract.energies import ENERGIES, INT64_MAX
from contract.fault import Fault
from contract.point import POINTS, Kind

if TYPE_CHECKING:
    from contract.meter import Meter
    from contract.site import Site

RATED_MARGIN = 2.0
"""The sub-metering guide of 2008 (分项能耗数据采集技术导则) is quoted as saying twice the branch's rated power; its text was not at
hand."""
_BY_CLASS = MappingProxyType(
    {"electricity": ("electricity",), "water": ("water", "petrol", "diesel"), "gas": ("natural_gas",), "heat": ("heat", "water")}
)
"""What a device of a class can count: liquid fuels have no class but that of water, and a heat meter knows the water too. A device of
another class, such as an air conditioner, counts whatever its point's unit allows."""


def uncountable(site: Site) -> Iterator[Fault]:
    """Meters of an energy that their device cannot count, or with amounts that are nothing or too much in the ledger's numbers."""
    for i, meter in enumerate(site.meters):
        model = None if meter.device is None else site.device_by_id[meter.device].model
        if model is None or meter.point is None or meter.point not in model.points or POINTS[meter.point].kind is not Kind.COUNTER:
            continue
        kind, unit = model.device_class, POINTS[meter.point].unit.value
        able = _BY_CLASS.get(kind, tuple(ENERGIES))
        if meter.energy not in able:
            yield Fault(("meters", i, "energy"), f"expected {' or '.join(able)}, since {meter.device} is of class {kind}", meter.energy)
        elif unit not in ENERGIES[meter.energy].scales:
            yield Fault(("meters", i, "point"), f"expected a counter in {' or '.join(ENERGIES[meter.energy].scales)}", meter.point)
        else:
            yield from _unfitting(site, i, meter, float(ENERGIES[meter.energy].scales[unit]))


def _unfitting(site: Site, number: int, meter: Meter, per_unit: float) -> Iterator[Fault]:
    """Amounts below one base unit, or beyond an int64 of them."""
    amounts = [("max_rate", "rate", meter.max_rate, 1.0), ("rated", "rating", meter.rated, RATED_MARGIN)]
    amounts += [("modulus" if meter.modulus is not None else "point", "modulus", site.rollover(meter), 1.0)]
    for field, what, given, factor in amounts:
        least, most = 1 / per_unit / factor, INT64_MAX / per_unit / factor
        if given is not None and not least <= given <= most:
            said = f"expected a {what} from {least:.3g} to {most:.3g}, which the ledger can count"
            yield Fault(("meters", number, field), said, given)
