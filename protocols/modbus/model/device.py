"""A Modbus device: the unit id by which it is found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from contract import site
from contract.addressing import Address
from protocols.buses import SerialBus

if TYPE_CHECKING:
    from protocols.modbus.model.profile import Profile

LAST_SLAVE = 247
"""248 to 255 are reserved on a serial line (MODBUS over Serial Line V1.02); on TCP a device may be called so."""


class Device(site.Device):
    """One slave."""

    unit_id: Annotated[int, Field(ge=0, le=255)] | None = None
    """Modbus unit id; on tcp 0 and 255 mean the device that was connected to, whatever it calls itself."""

    if TYPE_CHECKING:

        @property
        def model(self) -> Profile:
            """Its profile, which the loader has found to be one of Modbus."""

    @classmethod
    def elsewhere(cls, field: str, given: object, protocol: str) -> tuple[str, object]:
        """A device that is reached in another way may still have its unit id in the file."""
        del field, protocol
        return "", given

    def address(self, bus: site.Bus) -> Address:
        """Its unit id; on a serial line 0 is everybody."""
        everybody = self.unit_id == 0 and _serial(bus)
        fault = "expected 1 to 247: on a serial line everybody hears 0 and nobody answers" if everybody else ""
        return Address("unit_id", self.unit_id, self.unit_id, fault)

    def misuses(self, bus: site.Bus) -> Iterator[tuple[str, str]]:
        """A unit id that a serial line does not know."""
        if _serial(bus) and (self.unit_id or 0) > LAST_SLAVE:
            yield "unit_id", f"expected 1 to 247, since {bus.id} is a serial line"


def _serial(bus: site.Bus) -> bool:
    return isinstance(bus, SerialBus) and bus.serial_line
