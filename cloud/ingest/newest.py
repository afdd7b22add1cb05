"""The newest reading of each point of one device among the messages of a batch, however they came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from contract.reading import Quality, Reading


class Newest(NamedTuple):
    """What is known last of a point.

    Attributes:
        at: Time of measurement, ms since 1970 in UTC.
        value: In the point's unit; None if nothing was read.
        quality: How far it can be trusted.
        reason: Why it is not good.
        received_at: When the cloud received it, ms.
        good_at: Time of the newest good reading; None if there was none.
    """

    at: int
    value: float | None
    quality: Quality
    reason: str
    received_at: int
    good_at: int | None


class _Poll(NamedTuple):
    at: int
    received_at: int
    values: Mapping[str, float]


@dataclass(slots=True)
class Polls:
    """What a batch has of one device: polls in the order they came, without those that a later one covers."""

    good: list[_Poll] = field(default_factory=list)
    others: list[tuple[Reading, int]] = field(default_factory=list)

    def take(self, at: int, received_at: int, values: Mapping[str, float]) -> None:
        """Good values of one time. Most polls repeat the points of the one before, so they are compared as a whole."""
        if self.good:
            last = self.good[-1]
            if at >= last.at and last.values.keys() <= values.keys():
                self.good.pop()
            elif at < last.at and values.keys() <= last.values.keys():
                return
        self.good.append(_Poll(at, received_at, values))

    def other(self, reading: Reading, received_at: int) -> None:
        """A reading that is not good."""
        self.others.append((reading, received_at))

    def forget(self, point: str, at: int) -> None:
        """Leave out what the store refused."""
        self.good = [
            poll._replace(values={name: value for name, value in poll.values.items() if name != point}) if poll.at == at else poll
            for poll in self.good
        ]
        self.others = [(reading, came) for reading, came in self.others if (reading.point, reading.at) != (point, at)]

    def shift(self, ms: int) -> None:
        """The clock by which they were received was off."""
        self.good = [poll._replace(received_at=poll.received_at + ms) for poll in self.good]
        self.others = [(reading, came + ms) for reading, came in self.others]

    def newest(self) -> dict[str, Newest]:
        """Every point once. Of several readings of one time the good one counts, then the later received."""
        found: dict[str, Newest] = {}
        for at, received_at, values in sorted(self.good, key=lambda poll: poll.at):
            for point, value in values.items():
                found[point] = Newest(at, value, Quality.GOOD, "", received_at, at)
        for reading, received_at in sorted(self.others, key=lambda other: other[0].at):
            known = found.get(reading.point)
            good_at = known.good_at if known else None
            if known is None or reading.at > known.at or (reading.at == known.at and known.quality is not Quality.GOOD):
                found[reading.point] = Newest(reading.at, reading.value, reading.quality, reading.reason, received_at, good_at)
        return found
