"""All devices with their newest readings, read at once, and how one of them may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from cloud.api.context import Context
from cloud.api.wall.schemas import Data, Shown
from cloud.devices import model
from cloud.devices.model import Device, Reading
from cloud.devices.queries import readings, register
from contract import states
from contract.clock import iso
from contract.reading import Quality

GOOD = int(Quality.GOOD)
_NAMED = 3
"""Silent devices that are named; the rest are counted."""
NOTHING = Shown(value=None, since=None)


@dataclass(frozen=True, slots=True)
class Newest:
    """Devices and readings at a moment (ms)."""

    now: int
    devices: dict[str, Device]
    readings: Mapping[str, Mapping[str, Reading]]

    def shown(self, name: str, point: str) -> Shown:
        """How a point's newest reading may be shown."""
        row = self.readings.get(name, {}).get(point)
        if row is None or name not in self.devices:
            return NOTHING
        if row.quality != GOOD:
            return Shown(value=None, since=None if row.good_at is None else iso(row.good_at))
        return Shown(value=row.value, since=None if self._speaks_of_now(name, row.at) else iso(row.at))

    def current(self, name: str, point: str) -> float | None:
        """A point's value if it is good and not too old."""
        found = self.shown(name, point)
        return found.value if found.since is None else None

    def meaning(self, name: str, point: str) -> str | None:
        """The name of a point's current state; None where it is not known, or its number has no name."""
        return states.meaning(self.devices[name].profile, point, self.current(name, point)) if name in self.devices else None

    def runs(self, name: str, point: str) -> bool | None:
        """Whether what a point says of runs now; None where nothing says it."""
        return states.runs(self.devices[name].profile, point, self.current(name, point)) if name in self.devices else None

    def state(self, name: str, point: str) -> str | None:
        """The same to be read: its number where that has no name."""
        value = self.current(name, point)
        return None if value is None else self.meaning(name, point) or f"{value:g}"

    def seen(self, name: str) -> int | None:
        """Time (ms) of a device's newest good reading."""
        return model.seen(self.readings.get(name, {}).values())

    def online(self, name: str) -> bool:
        """Whether a device was heard of lately, by the rule of `/api/v1/devices`."""
        return self._speaks_of_now(name, self.seen(name))

    def _speaks_of_now(self, name: str, at: int | None) -> bool:
        return self.devices[name].life.is_fresh(at, self.now)

    def of_class(self, device_class: str) -> list[Device]:
        """The devices of a class, by id."""
        return [device for device in self.devices.values() if device.device_class == device_class]

    def data(self) -> Data:
        """How fresh all of it is."""
        silent = [name for name in self.devices if not self.online(name)]
        at = max((seen for name in self.devices if (seen := self.seen(name)) is not None), default=None)
        number = len(self.devices)
        return Data(at=None if at is None else iso(at), devices=number, online=number - len(silent), silent=silent[:_NAMED])


def newest(context: Context, connection: sa.Connection) -> Newest:
    """Everything as it is now; two queries."""
    now = context.clock.now_ms()
    by_id = {device.id: device for device in register.devices(connection, context.group)}
    return Newest(now, by_id, readings.newest(connection, context.group))
