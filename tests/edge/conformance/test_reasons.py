"""A session that ends is told with its cause."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

import aiomqtt
from structlog.testing import capture_logs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.edge.conformance.conftest import Bench


def _subscribed(bench: Bench, link: int) -> bool:
    return bool(bench.proxy.of("SUBSCRIBE", link=link))


_SUSPECTED = "a second process with this id"


async def test_a_second_client_with_our_id_is_told(bench: Bench, broker_port: int) -> None:
    """Another process with the gateway's id throws it off each time; after three times the line says what it looks like, and not before."""
    lost: list[str] = []
    with capture_logs() as logs:
        await bench.online()
        for links in range(1, 4):
            lost = _reasons(logs)
            with contextlib.suppress(aiomqtt.MqttError):  # the gateway throws it off in its turn
                async with aiomqtt.Client("127.0.0.1", broker_port, identifier="510802-gw-1"):
                    await bench.proxy.until(partial(_subscribed, bench, links))
        await bench.until(lambda: _SUSPECTED in " ".join(_reasons(logs)))
    assert lost, "the first two losses are told"
    assert all(f"127.0.0.1:{bench.proxy.port}" in reason for reason in _reasons(logs))
    assert not any(_SUSPECTED in reason for reason in lost)


def _reasons(logs: Sequence[Mapping[str, object]]) -> list[str]:
    return [str(line["reason"]) for line in logs if line["event"] == "uplink lost"]
