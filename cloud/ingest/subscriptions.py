"""What the host application asks the broker for (Sparkplug 3.0, section 5.3)."""

from __future__ import annotations

from collections.abc import Sequence

import aiomqtt
import structlog
from paho.mqtt.reasoncodes import ReasonCode

from contract import topics

log = structlog.get_logger()
SHARED = f"$share/ingest/{topics.NAMESPACE}/+/DDATA/#"
"""What ingest workers have in common."""
_FAILURE = 0x80
"""SUBACK: the first code that says no."""


async def subscribe(client: aiomqtt.Client, own_state: str) -> None:
    """Subscribe our own STATE and the whole namespace (tck-id-message-flow-phid-sparkplug-subscription).

    A broker that refuses a filter wider than what may be read is asked for what edge nodes say, kind by kind.
    """
    if not await _refused(client, [(own_state, 1), (topics.EVERYTHING, 0)]):
        return
    kinds = [(f"{topics.NAMESPACE}/+/{kind}/#", 0) for kind in topics.FROM_EDGE]
    for topic in await _refused(client, [(own_state, 1), *kinds]):
        log.error("the broker refuses a subscription; what is said there is not heard", topic=topic)


async def share(client: aiomqtt.Client) -> None:
    """Subscribe a share of what devices behind edge nodes say; the broker gives each message to one of all who do.

    Raises:
        aiomqtt.MqttError: The broker refuses it.
    """
    if await _refused(client, [(SHARED, 0)]):
        raise aiomqtt.MqttError(f"the broker refuses the subscription {SHARED}")


async def _refused(client: aiomqtt.Client, wanted: list[tuple[str, int]]) -> list[str]:
    """Subscribe, and give back what the broker refuses."""
    granted: Sequence[int | ReasonCode] = await client.subscribe(wanted)
    codes = [code if isinstance(code, int) else code.value for code in granted]
    return [topic for (topic, _), code in zip(wanted, codes, strict=True) if code >= _FAILURE]
