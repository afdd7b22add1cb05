"""A broker, and the devices that publish to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from contract import site
from contract.addressing import Address
from protocols.buses import Networked
from protocols.jt808.model.phone import PHONE_PATTERN
from protocols.mqtt.model.topics import heard_at, literal, overlap, topic_fault

if TYPE_CHECKING:
    from protocols.mqtt.model.profile import Profile


class Bus(Networked):
    """A broker that the gateway is a client of; it has room for many."""

    protocol: Literal["mqtt"]

    @property
    def broker(self) -> str:
        """Its host."""
        return self.host

    def mistaken(self, devices: Sequence[site.Device]) -> Iterator[tuple[site.Device, str, str]]:
        """Devices that would both take one message: a topic may be both's, and the key is the same."""
        literals: dict[tuple[str, str], Device] = {}
        wild: dict[str, list[tuple[str, Device]]] = {}
        for device in devices:
            if not isinstance(device, Device):
                continue
            who = device.key.strip()
            for topic in device.topics():
                others = [other for known, other in wild.get(who, []) if overlap(known, topic)]
                if literal(topic):
                    others.append(literals.setdefault((who, topic), device))
                else:
                    others += [other for (whose, known), other in literals.items() if whose == who and overlap(topic, known)]
                    wild.setdefault(who, []).append((topic, device))
                twice = next((other for other in others if other is not device), None)
                if twice is not None:
                    yield device, "key" if device.key else "topic", twice.id
                    break
        yield from _overheard(devices)


def _overheard(devices: Sequence[site.Device]) -> Iterator[tuple[site.Device, str, str]]:
    """Devices whose commands the gateway would take for messages of another one."""
    heard: dict[str, site.Device] = {}
    for device in devices:
        heard.update((topic, device) for topic in device.topics())
    wild = [(topic, device) for topic, device in heard.items() if not literal(topic)]
    for device in devices:
        for topic in device.command_topics():
            others = [heard[topic]] if topic in heard else [other for known, other in wild if overlap(topic, known)]
            if others and others[0] is not device:
                yield device, "command_topic", others[0].id
                break


class Device(site.Device):
    """One device that publishes, or a terminal behind EMQX's JT/T 808 gateway."""

    topic: str = ""
    """MQTT topic that the device publishes to; with + and # where its messages name it (`identity` in its profile)."""
    command_topic: str = ""
    """Where the device takes commands; absent, its topic, and the levels below it that its profile names."""
    key: str = ""
    """What stands in this device's messages where its profile's `identity` points."""
    phone: Annotated[str, Field(pattern=PHONE_PATTERN)] = ""
    """The identity of a terminal behind EMQX, which others' messages are told from."""

    if TYPE_CHECKING:

        @property
        def model(self) -> Profile:
            """Its profile, which the loader has found to be one of MQTT."""

    @classmethod
    def elsewhere(cls, field: str, given: object, protocol: str) -> tuple[str, object]:
        """A device that is reached in another way may still have its topic in the file."""
        del field, protocol
        return "", given

    def address(self, bus: site.Bus) -> Address:
        """Its key; whether a message may be two devices' is not seen at one of them, see `Bus.mistaken`."""
        del bus
        if not self.topic:
            return Address("topic", self.topic, None)
        named = self.model.identity is not None
        fault = topic_fault(self.topic, named=named)
        if fault:
            return Address("topic", self.topic, self.id, fault)
        if not named and self.key:
            fault = "expected none, since its profile names no identity"
        elif named and not self.key.strip():
            fault = f"expected what stands at {self.model.identity!r} in this device's messages"
        return Address("key", self.key, self.id, fault)

    def topics(self) -> list[str]:
        """What it is heard at: its topic, or the topics below it that its points name."""
        if not self.topic:
            return []
        return list(dict.fromkeys(heard_at(self.topic, mapped.subtopic) for mapped in self.model.points.values() if mapped.path))

    def command_topics(self) -> list[str]:
        """Where it is written to."""
        topic = self.command_topic or self.topic
        writes = [mapped.write for mapped in self.model.points.values() if mapped.write is not None]
        return list(dict.fromkeys(heard_at(topic, write.subtopic) for write in writes)) if topic else []

    def misuses(self, bus: site.Bus) -> Iterator[tuple[str, str]]:
        """A topic for commands that is none, or at which the gateway would take its own command for an answer."""
        if self.model.protocol != bus.protocol:
            return  # nothing is known of what it can be told
        for topic in self.command_topics():
            if not literal(topic) or topic_fault(topic, named=False):
                yield "command_topic", "expected a topic without + and #, at which this device alone takes commands"
            elif any(overlap(topic, heard) for heard in self.topics()):
                yield "command_topic", "expected another topic than those that the device publishes to"

    def publishes(self) -> bool:
        """Not a terminal, for which EMQX does, and not at a topic with wildcards, which is that of every meter it may be behind."""
        return bool(self.topic) and not self.phone and literal(self.topic)
