"""Odd/even stopping (单双层停靠): stops at floors that a car does not serve inside a window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from cloud.alerts.observe import Duration, Memory, Needs, Observation, Parameters, condition
from cloud.ledger.periods import local_date, midnight
from contract.operation import minute_of_day
from contract.point import POINTS
from contract.states import is_wrong

if TYPE_CHECKING:
    from cloud.alerts.ruleset import Rule
    from cloud.alerts.view import View
    from cloud.devices.model import Device
    from contract.operation import Car, ElevatorGroup

_COUNTERS = {point: str(int(point.removeprefix("stops_"))) for point in POINTS if point.startswith("stops_")}
"""The floor that each counter of stops counts at."""


class Stops(Parameters):
    """`grace`: after a window opens, a car may still end the ride it is on. `hold`: how long a stop counts as happening."""

    grace: Duration
    hold: Annotated[Duration, Field(gt=0)]


_NEEDS = Needs(classes=True, points=frozenset({"stops"}), beside=(frozenset({"stops", "mode"}),))


@condition("stop_outside_floors", Stops, annotations=("floor", "floors"), needs=_NEEDS, reads=("mode", *_COUNTERS))
def stop_outside_floors(rule: Rule, given: Stops, view: View, memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """A latched stop counter of a floor outside the car's own rose between two looks that both lie in one window.

    Judged by the counters and not by the floor, since a poll misses stops. A rise that may lie outside the window, or a
    look at which the mode was not normal or not known, says nothing.
    """
    for group in view.site.elevator_groups:
        for car in group.cars:
            device = view.devices.get(car.device)
            if device is not None and device.device_class in rule.classes and car.parity != "all":
                yield _judge(group, car, device, given, view, memory.get(car.device, {}))


def _judge(group: ElevatorGroup, car: Car, device: Device, given: Stops, view: View, kept: Memory) -> Observation:
    look = _look(view, device)
    if look is None:
        return Observation(device.id, None)
    served = {*car.served, *group.common_floors}
    wrong = kept.get("wrong")
    before = kept.get("look")
    if before is not None and _same_window(group, given, view, before["at"], look["at"]) and before["normal"] and look["normal"]:
        rose = [int(f) for f, n in look["counts"].items() if int(f) not in served and n > before["counts"].get(f, n)]
        if rose:
            wrong = {"at": view.now, "floor": rose[-1]}
    if wrong is not None:
        wrong = {**wrong, "at": min(wrong["at"], view.now)}  # the time may have moved back
    recent = wrong is not None and view.now - wrong["at"] <= given.hold
    floor = wrong["floor"] if recent and wrong else None
    annotations = {"floor": floor or 0, "floors": ", ".join(map(str, sorted(served)))}
    memory = {"look": look, "wrong": wrong if recent else None}
    return Observation(device.id, 1.0 if recent else -1.0, None if floor is None else float(floor), None, annotations, memory)


def _look(view: View, device: Device) -> dict[str, Any] | None:
    """The counters by floor, of one moment, and whether the car ran normally then: fire, inspection and rescue serve every floor."""
    total = view.good(device, "stops")
    if total is None:
        return None
    told = {floor: view.last(device, point) for point, floor in _COUNTERS.items()}
    counts = {floor: found.value for floor, found in told.items() if found is not None and found.at == total.at}
    mode = view.last(device, "mode")
    normal = mode is not None and mode.at == total.at and is_wrong(view.state(device, "mode")) is False
    return {"at": total.at, "counts": counts, "normal": normal}


def _same_window(group: ElevatorGroup, given: Stops, view: View, since: int, until: int) -> bool:
    day = local_date(until)
    begin = midnight(day)
    for window in group.windows:
        if window.days == "workdays" and day not in view.site.operation.workdays:
            continue
        if begin + _ms(window.start) + given.grace <= since <= until <= begin + _ms(window.end):
            return True
    return False


def _ms(clock: str) -> int:
    return minute_of_day(clock) * 60_000
