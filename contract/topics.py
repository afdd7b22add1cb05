"""MQTT topic names of Sparkplug B 3.0 (section 4): built and parsed here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

NAMESPACE = "spBv1.0"
_FORBIDDEN = frozenset("+/#")


@dataclass(frozen=True, slots=True)
class Topic:
    """A Sparkplug topic: `spBv1.0/<group>/<kind>/<node>[/<device>]`; kind is NBIRTH, DDATA, NCMD and so on."""

    group: str
    kind: str
    node: str
    device: str = ""

    def __str__(self) -> str:
        tail = f"/{self.device}" if self.device else ""
        return f"{NAMESPACE}/{self.group}/{self.kind}/{self.node}{tail}"


def check_id(name: str) -> str:
    """`name` itself, if it may stand in a topic (tck-id-topic-structure).

    Raises:
        ValueError: Empty, or holding `+`, `/` or `#`.
    """
    if not name or _FORBIDDEN & set(name):
        raise ValueError(f"{name!r} cannot be an id on MQTT: expected a name without + / #")
    return name


def parse(topic: str) -> Topic | None:
    """The parts of a Sparkplug topic; None for anything else, STATE included."""
    parts = topic.split("/")
    if parts[0] != NAMESPACE or len(parts) not in {4, 5} or not all(parts):
        return None
    device = parts[4] if len(parts) == 5 else ""  # noqa: PLR2004 (namespace, group, kind, node, device)
    if parts[2].startswith("D") != bool(device):
        return None
    return Topic(parts[1], parts[2], parts[3], device)


def state(host: str) -> str:
    """Where a host application says whether it is online."""
    return f"{NAMESPACE}/STATE/{host}"
