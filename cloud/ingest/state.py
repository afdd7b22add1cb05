"""STATE of a host application (Sparkplug 3.0, section 6.4.30): what we say, and what others say in our name."""

from __future__ import annotations

import json

import aiomqtt

from cloud.telemetry.base import MAX_MS


class Superseded(Exception):  # noqa: N818 (not a fault of ours)
    """Somebody said, dated later than our session began, that we are offline: edge nodes will not believe this session any more."""

    def __init__(self, at: int) -> None:
        """`at` is that date, ms."""
        super().__init__(f"our STATE was dated {at}")
        self.at = at


def state(*, online: bool, at: int) -> bytes:
    """The payload (tck-id-host-topic-phid-birth-payload, -death-payload)."""
    return json.dumps({"online": online, "timestamp": at}).encode()


async def online_again(client: aiomqtt.Client, topic: str, raw: bytes, born_at: int) -> None:
    """Answer a STATE in our name: whoever says that we are offline is wrong (tck-id-message-flow-hid-sparkplug-state-message-delivered).

    Raises:
        Superseded: It was dated later than our birth. The specification wants the birth again as it was; edge nodes ignore it then
            (tck-id-message-flow-edge-node-birth-publish-phid-wait-timestamp), so a new session has to follow.
    """
    try:
        said = json.loads(raw)
        online, at = said["online"] is True, int(said["timestamp"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        online, at = False, 0
    if online:
        return
    await client.publish(topic, state(online=True, at=born_at), qos=1, retain=True)
    if born_at < at <= MAX_MS:
        raise Superseded(at)
