"""What somebody wants a device to do, and how that stands."""

from __future__ import annotations

from dataclasses import dataclass

from contract.coded import Message

QUEUED, SENT, DONE = "queued", "sent", "done"


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody wants a device to do.

    Attributes:
        group: District code.
        device: Id of the device.
        point: Point to write.
        value: In the point's unit, or the number of a state.
        why: The person's reason.
        by: Who orders it.
        expires_at: From then on it must not be carried out, ms since 1970 in UTC.
    """

    group: str
    device: str
    point: str
    value: float
    why: str
    by: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a command stands; `reason` says why it was not done."""

    state: str
    read_back: float | None
    reason: Message | None
