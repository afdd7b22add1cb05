"""What files say of the trial protocol: a greeting, stations and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from contract import profile, site
from contract.addressing import Address, End
from contract.fault import Fault
from protocols.buses import Networked


class Bus(Networked):
    """A server that answers whoever greets it rightly."""

    protocol: Literal["trial"]
    greeting: Annotated[str, Field(pattern="^[a-z]+$")]

    def end(self) -> End:
        """What is connected to."""
        return End("connect", "port", self.host, self.port)


class Device(site.Device):
    """A station behind the server."""

    station: Annotated[int, Field(ge=1, le=9)] | None = None

    if TYPE_CHECKING:

        @property
        def model(self) -> Profile:
            """Its profile."""

    def address(self, bus: site.Bus) -> Address:
        """Its station."""
        del bus
        return Address("station", self.station, self.station)


class Point(profile.PointMap):
    """What a point is called."""

    word: str


class Profile(profile.Profile):
    """Words that a model knows."""

    protocol: Literal["trial"]
    points: Mapping[str, Point] = Field(min_length=1)

    def misfits(self) -> Iterator[Fault]:
        """A word is one point's."""
        yield from profile.overlaps(self.points, "word", {name: [(mapped.word,)] for name, mapped in self.points.items()})
