"""What died is offline and stale until it is born again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from cloud.alerts import view
from cloud.api import events
from cloud.api.wall.snapshot import Wall
from cloud.platform.database import upsert, writing
from tests.cloud import tables

if TYPE_CHECKING:
    from tests.cloud.api.conftest import Served

GROUP, HOUR = "510802", 3_600_000
pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


def died(served: Served, device: str, age: int | None) -> None:
    """A death so many ms ago, or a birth, told just now."""
    now = served.context.clock.now_ms()
    row = {"grp": GROUP, "device": device, "dead_at": None if age is None else now - age, "changed_at": now}
    with writing(served.context.engine).begin() as connection:
        upsert(connection, tables.device_state, [row])


async def seen(served: Served, device: str) -> tuple[bool, dict[str, str]]:
    """Whether it is online, and the quality of each point."""
    rows = (await served.get("/api/v1/readings/latest", {"device": device})).json()
    return (await served.get(f"/api/v1/devices/{device}")).json()["online"], {row["point"]: row["quality"] for row in rows}


async def test_a_dead_device_is_offline_and_its_good_readings_are_stale(served: Served) -> None:
    """At once, not only after a silence; what was bad stays bad; a birth takes it back; others are not touched.

    tck-id-operational-behavior-edge-node-termination-host-action-ndeath-devices-offline, -ndeath-devices-tags-stale,
    -ddeath-devices-offline, -ddeath-devices-tags-stale.
    """
    assert await seen(served, "ac") == (True, {"setpoint": "good"})
    before = await seen(served, "e1")
    died(served, "ac", 0)
    assert await seen(served, "ac") == (False, {"setpoint": "stale"})
    assert await seen(served, "e1") == before
    died(served, "e1", 0)
    assert (await seen(served, "e1"))[1] == {"energy_import": "stale", "power": "bad", "strange": "suspect"}
    died(served, "ac", None)
    assert await seen(served, "ac") == (True, {"setpoint": "good"})


async def test_a_reading_from_after_the_death_shows_life(served: Served) -> None:
    """A birth that was missed does not keep a device dead that is measured."""
    died(served, "ac", 16_000)  # its newest reading is 15 s old
    assert await seen(served, "ac") == (True, {"setpoint": "good"})


async def test_wall_and_alert_rules_see_a_death_as_the_interface_does(served: Served) -> None:
    """The set-point of a switch that died is shown with its age and judged by no rule, though it is only 15 s old."""
    context = served.context
    now = context.clock.now_ms()

    def seen_elsewhere() -> tuple[int, bool, bool]:
        snapshot, looked_at = Wall(context).snapshot(), view.load(context.engine, context.site, now)
        (zone,) = snapshot.zones
        return snapshot.data.online, zone.setpoint.since is None, looked_at.good(looked_at.devices["ac"], "setpoint") is not None

    assert seen_elsewhere() == (2, True, True)
    died(served, "ac", 0)
    assert seen_elsewhere() == (1, False, False)
    died(served, "ac", None)
    assert seen_elsewhere() == (2, True, True)


async def test_live_pages_hear_of_a_death(served: Served) -> None:
    """The stream tells what became stale though no reading came."""
    feed = events.Readings(served.context)
    feed.look()
    assert b'"stale"' not in feed.whole()
    died(served, "ac", 0)
    with served.context.engine.connect() as connection:
        assert connection.execute(sa.select(tables.device_state.c.device)).scalars().all() == ["ac"]
    told = feed.look()
    assert b'"device":"ac"' in told
    assert b'"quality":"stale"' in told
