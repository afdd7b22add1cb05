"""The parameters that a simulated terminal keeps: those of its profile, which are points of the world."""

from __future__ import annotations

from contract.clock import Clock
from protocols.jt808.codec.parameters import Parameter
from protocols.jt808.codec.session_bodies import BAD_MESSAGE, OK, UNSUPPORTED
from protocols.jt808.codec.settings import parameter, setting
from protocols.jt808.model import Device
from protocols.stage import World


class Kept:
    """Parameters of one terminal; who sets one writes to the world."""

    def __init__(self, device: Device, world: World, clock: Clock) -> None:
        self._device, self._world, self._clock = device, world, clock
        self.changes = 0
        """How often something was set."""
        self._points = {mapped.parameter.id: point for point, mapped in device.model.points.items() if mapped.parameter is not None}

    def told(self) -> tuple[Parameter, ...]:
        """All that it has, as 0x0104 tells them."""
        values = self._world.values(self._device.id, self._clock.now_ms())
        return tuple(parameter(self._device, point, value) for point in self._points.values() if (value := values[point]) is not None)

    def take(self, given: tuple[Parameter, ...]) -> int:
        """Set some (0x8103), all or none of them; the result for 0x0001."""
        named = [point for one in given if (point := self._points.get(one.id)) is not None]
        if len(named) < len(given):
            return UNSUPPORTED
        try:
            found = [(point, setting(self._device, point, given)) for point in named]
        except ValueError:
            return BAD_MESSAGE
        if not all(value is not None and self._device.model.points[point].allows(value) for point, value in found):
            return BAD_MESSAGE
        for point, value in found:
            self._world.write(self._device.id, point, value or 0.0, self._clock.now_ms())
        self.changes += 1
        return OK
