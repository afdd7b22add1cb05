"""MQTT topic names of Sparkplug B 3.0 (section 4): built and parsed here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

NAMESPACE = "spBv1.0"
EVERYTHING = f"{NAMESPACE}/#"
FROM_EDGE = ("NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH")
"""What edge nodes say."""
_FROM_HOSTS = frozenset({"NCMD", "DCMD"})
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


def from_host(topic: str) -> bool:
    """Whether a host application says this: a command, or STATE. Looked at before anything else, so it costs little."""
    parts = topic.split("/", 3)
    return len(parts) > 2 and parts[0] == NAMESPACE and (parts[2] in _FROM_HOSTS or parts[1] == "STATE")  # noqa: PLR2004 (namespace, group, kind)


def state(host: str) -> str:
    """Where a host application says whether it is online."""
    return f"{NAMESPACE}/STATE/{host}"
