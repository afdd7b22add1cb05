from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloud.api import events
from cloud.api.context import Context
from cloud.api.devices import one_device
from cloud.registry import tables
from cloud.registry.database import writing

if TYPE_CHECKING:
    from tests.cloud.api.conftest import Served


async def test_events_say_all_first_and_then_what_changed(context: Context, golden: dict[str, Any]) -> None:
    """The first event has every newest reading, the next only the one that changed, a look without change a comment."""
    stream = events.stream(context, lambda: True, rounds=3, period=0.01)
    assert await anext(stream) == b"retry: 1000\n\n"
    first = _data(await anext(stream))
    assert len(first) == 7
    assert [item for item in first if item["device"] == "e1"] == golden["readings-latest"]
    assert await anext(stream) == b": nothing changed\n\n"
    with writing(context.engine).begin() as connection:
        changed = tables.latest.c.device == "ac"
        connection.execute(tables.latest.update().where(changed).values(value=25.0, at=1773194400000, received_at=1773194400100))
    assert [(item["device"], item["value"]) for item in _data(await anext(stream))] == [("ac", 25.0)]
    assert [part async for part in stream] == []


def _data(event: bytes) -> list[dict[str, Any]]:
    head, data, *rest = event.decode().split("\n")
    assert (head, rest) == ("event: readings", ["", ""])
    found: list[dict[str, Any]] = json.loads(data.removeprefix("data: "))
    return found


async def test_a_device_is_online_for_three_intervals(context: Context) -> None:
    """A good reading of three intervals ago counts, one a millisecond older does not; bad readings never do."""
    for age, online in ((15_000, True), (15_001, False)):
        with writing(context.engine).begin() as connection:
            connection.execute(tables.latest.update().where(tables.latest.c.device == "ac").values(good_at=context.clock.now_ms() - age))
        assert one_device(context, "ac").online is online
    assert one_device(context, "e1").online is False


async def test_metrics_count_requests_by_route_and_devices_by_state(served: Served) -> None:
    """Prometheus gets its text format, with routes and never paths as labels."""
    await served.get("/api/v1/devices/ac")
    await served.get("/api/v1/secret-path-of-mine")
    answer = await served.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = answer.text.splitlines()
    assert 'jieyue_devices{class="hvac",online="yes"} 1.0' in lines
    assert 'jieyue_devices{class="electricity",online="no"} 2.0' in lines
    assert "jieyue_ready 1.0" in lines
    assert any(line.startswith('jieyue_http_requests_total{method="GET",route="/api/v1/devices/{device}",status="200"}') for line in lines)
    assert "secret-path-of-mine" not in answer.text
