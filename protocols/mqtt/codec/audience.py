"""For which devices a topic's messages are: one, or those that the messages name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from protocols.mqtt.model import Device, Point, Profile
from protocols.mqtt.model.topics import heard_at, overlap


@dataclass(frozen=True)
class Listeners:
    """Devices of one profile that hear one topic.

    Attributes:
        profile: Theirs.
        points: Those of its points that this topic carries.
        devices: By what a record names them with; under the empty text the only one, where the profile names no identity.
    """

    profile: Profile
    points: Mapping[str, Point]
    devices: dict[str, Device] = field(default_factory=dict)


class Audience:
    """All devices of a bus by the topics they are heard at."""

    def __init__(self, devices: Iterable[Device]) -> None:
        """Lay out who hears what."""
        self._by_filter: dict[str, dict[str, Listeners]] = {}
        for device in devices:
            for topic in device.topics():
                points = {name: m for name, m in device.model.points.items() if m.path and heard_at(device.topic, m.subtopic) == topic}
                listeners = self._by_filter.setdefault(topic, {}).setdefault(device.profile, Listeners(device.model, points))
                listeners.devices[device.key.strip()] = device
        self._wild = [topic for topic in self._by_filter if set(topic) & set("+#")]

    @property
    def filters(self) -> list[str]:
        """What to subscribe to."""
        return list(self._by_filter)

    def of(self, topic: str) -> list[Listeners]:
        """Who hears a message of a topic; nobody for one that an older configuration subscribed to."""
        exact = [topic] if topic in self._by_filter else []
        wild = [known for known in self._wild if known != topic and overlap(known, topic)]
        return [listeners for known in (*exact, *wild) for listeners in self._by_filter[known].values()]
