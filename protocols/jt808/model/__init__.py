"""What files say of JT/T 808: where the gateway listens, what terminals may take of it, and the phone of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from contract import profile, site
from contract.addressing import Address, End
from contract.register import Mask
from contract.yamlfile import Strict
from protocols.buses import Networked
from protocols.jt808.model.limits import TerminalLimits
from protocols.jt808.model.phone import PHONE_PATTERN, identity
from protocols.jt808.model.standard import named


class Bus(Networked):
    """A listener that terminals call."""

    local: ClassVar[frozenset[str]] = Networked.local | {"terminals"}

    protocol: Literal["jt808"]
    terminals: TerminalLimits = TerminalLimits()
    """What its terminals may take of the gateway."""

    @classmethod
    def elsewhere(cls, field: str, given: object, protocol: str) -> tuple[str, object]:
        """Limits of terminals that no bus has are passed over."""
        del field, protocol
        return "", given

    def end(self) -> End:
        """Where it listens."""
        return End("listen", "port", self.host, self.port)


class Device(site.Device):
    """One terminal."""

    phone: Annotated[str, Field(pattern=PHONE_PATTERN)] = ""
    """The identity that a JT/T 808 terminal sends: up to 20 digits, which may be hexadecimal; zeros in front do not count."""

    @classmethod
    def elsewhere(cls, field: str, given: object, protocol: str) -> tuple[str, object]:
        """A phone is no use elsewhere, and no harm."""
        del field, protocol
        return "", given

    if TYPE_CHECKING:

        @property
        def model(self) -> Profile:
            """Its profile, which the loader has found to be one of JT/T 808."""

    def address(self, bus: site.Bus) -> Address:
        """Its phone, without the zeros that pad it."""
        del bus
        meaning = identity(self.phone)
        fault = "expected a phone other than zeros, which terminals without one send" if self.phone and not meaning else ""
        return Address("phone", self.phone, meaning if self.phone else None, fault)


class Parameter(Strict):
    """A parameter of the terminal that can be set (0x8103); a whole number, with a sign where the point's `type` has one."""

    id: Annotated[int, Field(ge=1, le=0xFFFFFFFF)]
    bytes: Literal[1, 2, 4] = 4


class Point(profile.PointMap):
    """A point that the protocol itself places; a profile says how its numbers are scaled."""

    mask: Mask | None = None
    """Which bits of the message's number it is."""
    parameter: Parameter | None = None
    """What is set and read back where the point is written."""


class Profile(profile.Profile):
    """All that is known of one model of terminals."""

    dates_itself: ClassVar[bool] = True

    protocol: Literal["jt808"]
    points: Mapping[str, Point] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _with_standard_bits(cls, given: object) -> object:
        return named(given)
