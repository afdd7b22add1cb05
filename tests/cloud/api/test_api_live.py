from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloud.api import events
from cloud.api.context import Context
from cloud.api.devices import one_device
from cloud.devices.clocks import State
from cloud.devices.own_clock import OwnRow
from cloud.devices.repository.clocks import keep_own
from cloud.platform.database import writing
from tests.cloud import tables
from tests.cloud.district import GROUP

if TYPE_CHECKING:
    from tests.cloud.api.conftest import Served


def test_events_say_all_first_and_then_what_changed(context: Context, golden: dict[str, Any]) -> None:
    """The first event has every newest reading, the next only the one that changed, a look without change nothing."""
    feed = events.Readings(context)
    feed.look()
    first = _data(feed.whole())
    assert len(first) == 7
    assert [item for item in first if item["device"] == "e1"] == golden["readings-latest"]
    assert feed.look() == b""
    with writing(context.engine).begin() as connection:
        changed = tables.latest.c.device == "ac"
        connection.execute(tables.latest.update().where(changed).values(value=25.0, at=1773194400000, received_at=1773194400100))
    assert [(item["device"], item["value"]) for item in _data(feed.look())] == [("ac", 25.0)]
    assert {item["value"] for item in _data(feed.whole()) if item["device"] == "ac"} == {25.0}


def _data(text: bytes) -> list[dict[str, Any]]:
    head, data, *_rest = text.decode().split("\n")
    assert head == "event: readings"
    found: list[dict[str, Any]] = json.loads(data.removeprefix("data: "))
    return found


async def test_a_device_is_online_for_three_intervals(context: Context) -> None:
    """A good reading of three intervals ago counts, one a millisecond older does not; bad readings never do."""
    for age, online in ((15_000, True), (15_001, False)):
        with writing(context.engine).begin() as connection:
            connection.execute(tables.latest.update().where(tables.latest.c.device == "ac").values(good_at=context.clock.now_ms() - age))
        assert one_device(context, "ac").online is online
    assert one_device(context, "e1").online is False


async def test_metrics_say_how_far_the_cloud_s_clock_is_off(served: Served, context: Context) -> None:
    """0 while it is right; ahead is above 0."""
    assert "jieyue_cloud_clock_offset_seconds 0.0" in (await served.get("/metrics")).text.splitlines()
    with writing(context.engine).begin() as connection:
        keep_own(connection, [OwnRow(2_000, 3_000, 90_500, State.OPEN)])
    assert "jieyue_cloud_clock_offset_seconds 90.5" in (await served.get("/metrics")).text.splitlines()


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


async def test_metrics_tell_the_oldest_hour_that_waits(served: Served, context: Context) -> None:
    """Its begin in seconds, of all meters; without hours that wait there is no sample, and never a 0."""
    name = "jieyue_ledger_oldest_waiting_hour_seconds"

    async def samples() -> list[str]:
        return [line for line in (await served.get("/metrics")).text.splitlines() if line.startswith(name)]

    with writing(context.engine).begin() as connection:
        connection.execute(tables.touched.delete())
    assert await samples() == []
    waits = [("e1", 7_200_000), ("e1", 3_600_000), ("w1", 10_800_000)]
    with writing(context.engine).begin() as connection:
        rows = [{"grp": GROUP, "meter": meter, "hour": hour, "generation": 1} for meter, hour in waits]
        connection.execute(tables.touched.insert(), rows)
    assert await samples() == [f"{name} 3600.0"]
