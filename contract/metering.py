"""What a site's meters must agree on, so that nothing is counted twice or never."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from contract.fault import Fault
from contract.point import POINTS, Kind
from contract.yamlfile import nearest

if TYPE_CHECKING:
    from contract.meter import Meter
    from contract.site import Site


def unread(site: Site) -> Iterator[Fault]:
    """Meters whose point no device has."""
    for i, meter in enumerate(site.meters):
        place = ("meters", i, "point")
        if meter.device is None:
            if meter.point is not None:
                yield Fault(place, "expected a device beside it; a meter that is fed by hand has neither", meter.point)
            continue
        points = site.device_by_id[meter.device].model.points
        if meter.point not in points:
            yield Fault(place, f"expected a point of {meter.device}, got {meter.point!r}{nearest(meter.point or '', points)}", meter.point)


def misdated(site: Site) -> Iterator[Fault]:
    """Meters without a day on which they count."""
    for i, meter in enumerate(site.meters):
        if meter.commissioned is not None and meter.taken_out is not None and meter.taken_out <= meter.commissioned:
            yield Fault(("meters", i, "taken_out"), f"expected a day after commissioned ({meter.commissioned})", str(meter.taken_out))


def miscounted(site: Site) -> Iterator[Fault]:
    """Meters that would be counted twice, or from what is no counter.

    The meters' parents must be known.
    """
    by_id = {meter.id: meter for meter in site.meters}
    taken: dict[tuple[str, str], str] = {}
    for i, meter in enumerate(site.meters):
        place = ("meters", i)
        above = _above(meter, by_id)
        if meter in above:
            yield Fault((*place, "parent"), "expected a tree; this meter stands above itself", meter.parent)
            continue
        if above and above[0].energy != meter.energy:
            yield Fault((*place, "parent"), f"expected a meter of {meter.energy}; that one counts {above[0].energy}", meter.parent)
        if meter.main and (mains := [upper.id for upper in above if upper.main]):
            yield Fault((*place, "main"), f"expected false: it is counted in {mains[0]} already, which is main", meter.main)
        if meter.device is None or meter.point is None:
            continue
        if meter.point in POINTS and POINTS[meter.point].kind is not Kind.COUNTER:
            yield Fault((*place, "point"), "expected a counter", meter.point)
        mapped = site.device_by_id[meter.device].model.points.get(meter.point)
        if meter.main and mapped is not None and mapped.counter == "net":
            yield Fault((*place, "point"), "expected a counter that only rises; a net counter takes off what is fed in", meter.point)
        other = taken.setdefault((meter.device, meter.point), meter.id)
        if other != meter.id:
            yield Fault((*place, "point"), f"expected a counter that no other meter has; {other} counts it", meter.point)


def _above(meter: Meter, by_id: dict[str, Meter]) -> list[Meter]:
    """The meters above one, nearest first; in a ring, up to the first that comes again."""
    found: list[Meter] = []
    while meter.parent is not None and by_id[meter.parent] not in found:
        meter = by_id[meter.parent]
        found.append(meter)
    return found
