"""The world as its devices show it: with what is wrong with them."""

from __future__ import annotations

from contract.point import POINTS, Kind
from contract.site import Site
from protocols.stage import World
from simulators.faults import CATALOGUE, RESET, STUCK, Faults, Scene, Span, Values


class FaultyWorld:
    """A world behind faults; still a function of (seed, time), of what was written and of the faults' file."""

    def __init__(self, world: World, site: Site, faults: Faults) -> None:
        """`site` says what kind of device each is."""
        self._world, self._faults = world, faults
        self._scenes = _scenes(site)

    def values(self, device_id: str, at_ms: int) -> Values:
        """Every point of a device at a time, in the point's unit."""
        values = self._world.values(device_id, at_ms)
        spans = [s for s in self._faults.of(device_id) if s.start <= at_ms]
        if not spans:
            return values
        scene = self._scenes[device_id]
        values = self._counted(scene, spans, values, at_ms)
        for span in spans:
            shown = CATALOGUE[span.fault].shown
            if shown is not None and span.holds(at_ms):
                values |= {point: value for point, value in shown(scene, span, values, at_ms).items() if point in values}
        return values

    def write(self, device_id: str, point: str, value: float, at_ms: int) -> None:
        """A value that was written to a device, in the point's unit."""
        self._world.write(device_id, point, value, at_ms)

    def _counted(self, scene: Scene, spans: list[Span], values: Values, at: int) -> Values:
        """Counters with what was counted in excess, and without what was not counted or was forgotten."""
        shown = _with_excess(scene, spans, values, at)
        lost = dict.fromkeys(_counters(shown), 0.0)
        since = 0
        for span in spans:
            if span.fault == RESET:
                lost, since = self._true(scene, spans, span.start), span.start
            elif span.fault == STUCK:
                end = at if span.end is None else min(span.end, at)
                before, after = self._true(scene, spans, max(span.start, since)), self._true(scene, spans, end)
                lost = {point: lost[point] + after[point] - before[point] for point in lost}
        return shown | {point: (shown[point] or 0.0) - lost[point] for point in lost}

    def _true(self, scene: Scene, spans: list[Span], at: int) -> dict[str, float]:
        return _counters(_with_excess(scene, spans, self._world.values(scene.device.id, at), at))


def _with_excess(scene: Scene, spans: list[Span], values: Values, at: int) -> Values:
    found = dict(values)
    for span in spans:
        added = CATALOGUE[span.fault].added
        if added is None or span.start > at:
            continue
        for point, excess in added(scene, span, at if span.end is None else min(span.end, at)).items():
            if (known := found.get(point)) is not None:
                found[point] = known + excess
    return found


def _counters(values: Values) -> dict[str, float]:
    return {point: value for point, value in values.items() if value is not None and POINTS[point].kind is Kind.COUNTER}


def _scenes(site: Site) -> dict[str, Scene]:
    scenes = {d.id: Scene(d) for d in site.devices}
    floors = {b.id: b.floors for c in site.compounds for b in c.buildings}
    for group in site.elevator_groups:
        for car in group.cars:
            if car.device in scenes:
                allowed = frozenset({*car.served, *group.common_floors})
                scenes[car.device] = Scene(scenes[car.device].device, floors.get(group.building, 0), allowed)
    return scenes
