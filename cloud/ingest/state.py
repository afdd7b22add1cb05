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


class OwnState:
    """Answers whoever says in our name that we are offline, for one session.

    Subscriptions overlap, so a broker may deliver one STATE twice; it is answered once until our own birth comes back.
    """

    def __init__(self, topic: str, born_at: int) -> None:
        """`born_at` is the time of the session's birth, ms."""
        self._topic, self._born_at = topic, born_at
        self._answered: bytes | None = None

    async def heard(self, client: aiomqtt.Client, raw: bytes) -> None:
        """A STATE in our name: one that says offline is wrong (tck-id-message-flow-hid-sparkplug-state-message-delivered).

        Raises:
            Superseded: It was dated later than our birth. The specification wants the birth again as it was; edge nodes ignore it then
                (tck-id-message-flow-edge-node-birth-publish-phid-wait-timestamp), so a new session has to follow.
        """
        online, at = _said(raw)
        if online:
            self._answered = None
        elif raw != self._answered:
            self._answered = raw
            await client.publish(self._topic, state(online=True, at=self._born_at), qos=1, retain=True)
            if self._born_at < at <= MAX_MS:
                raise Superseded(at)


def _said(raw: bytes) -> tuple[bool, int]:
    """Online and its date; what cannot be understood says offline and no date."""
    try:
        said = json.loads(raw)
        return said["online"] is True, int(said["timestamp"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return False, 0
