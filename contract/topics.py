"""MQTT topic names of Sparkplug B 3.0 (section 4): built and parsed here and nowhere else; and what MQTT carries at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from pydantic import AfterValidator

NAMESPACE = "spBv1.0"
EVERYTHING = f"{NAMESPACE}/#"
FROM_EDGE = ("NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH")
"""What edge nodes say."""
_FROM_HOSTS = frozenset({"NCMD", "DCMD"})
_FORBIDDEN = frozenset("+/#")
_OUTSIDE_MQTT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef]")
_NO_CHARACTER = 0xFFFE
"""Of each plane the last two code points."""
_LONGEST_ID = 200


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


def sendable(text: str) -> bool:
    """Whether MQTT can carry a text (3.1.1, section 1.5.3): a broker ends the session of whoever sends anything else."""
    return not _OUTSIDE_MQTT.search(text) and all(ord(sign) & _NO_CHARACTER != _NO_CHARACTER for sign in text)


def check_id(name: str) -> str:
    """`name` itself, if it may stand in a topic (tck-id-topic-structure).

    Raises:
        ValueError: Empty, longer than any is, holding `+`, `/` or `#`, or what MQTT does not carry.
    """
    if not 0 < len(name) <= _LONGEST_ID or _FORBIDDEN & set(name) or not sendable(name):
        raise ValueError(f"expected an id of 1 to {_LONGEST_ID} signs without + / # and control characters")
    return name


HostId = Annotated[str, AfterValidator(check_id)]
"""The id of a Sparkplug host application."""


class NodeId(NamedTuple):
    """An edge node: Sparkplug group id and edge node id."""

    group: str
    node: str


def node_id(text: str) -> NodeId:
    """An edge node written as `GROUP/NODE`.

    Raises:
        ValueError: With what was expected.
    """
    group, slash, node = text.partition("/")
    if not slash:
        raise ValueError(f"expected GROUP/NODE, got {text!r}")
    return NodeId(check_id(group), check_id(node))


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
