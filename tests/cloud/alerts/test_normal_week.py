"""A week in which nothing is wrong: no alert that an engineer would call false."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from cloud.ingest.node_cache import Known
from contract.clock import parse_time
from tests.cloud import tables

if TYPE_CHECKING:
    from tests.cloud.alerts.conftest import House

MINUTE = 60_000
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
WEEKS = {
    "summer, with a make-up Sunday and a holiday": ("2026-09-19T00:00:00+08:00", 7, "cooling", 26.0),
    "a working day of winter": ("2026-01-12T00:00:00+08:00", 1, "heating", 20.0),
}
BUSY = range(7, 19)
"""Hours of a day in which people, plant and lifts change."""
OF_CARS = 7
"""One car of so many: all are told the same by the same rules, and only of what they do themselves."""


def without_most_cars(house: House) -> None:
    """The whole site but for most of its cars; every model of a terminal stays."""
    cars = [device for device in house.site.devices if device.vehicle is not None]
    kept = cars[::OF_CARS]
    assert {car.profile for car in kept} == {car.profile for car in cars}
    gone = {car.id for car in cars} - {car.id for car in kept}
    house.devices = [device for device in house.site.devices if device.id not in gone]
    with house.engine.begin() as connection:
        connection.execute(sa.delete(tables.device).where(tables.device.c.id.in_(gone)))
    house.known = Known(house.engine)


def feed_nights(house: House, start: int) -> None:
    """The water meters of two weeks before, by the full hour, through the same ingest."""
    water = [device for device in house.site.devices if device.model.device_class == "water"]
    everything, house.devices = house.devices, water
    house.now = start - 15 * DAY_MS
    while house.now < start:
        house.publish()
        house.now += HOUR_MS
    house.devices, house.now = everything, start
    house.settle()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("title", WEEKS)
def test_a_normal_week_gives_no_false_alert(title: str, house: House) -> None:
    """Every kind of device, looked at every 5 minutes by day and 15 by night: all that fires is set beyond the limit, once each."""
    begin, days, season, limit = WEEKS[title]
    start = parse_time(begin)
    without_most_cars(house)
    feed_nights(house, start)
    while house.now < start + days * DAY_MS:
        busy = (house.now // HOUR_MS + 8) % 24 in BUSY
        house.run((house.now // HOUR_MS + 1) * HOUR_MS, (5 if busy else 15) * MINUTE)

    noon = start + 36 * HOUR_MS
    settings = {d.id: house.world.values(d.id, noon)["setpoint"] for d in house.site.devices if d.model.device_class == "hvac"}
    beyond = {d for d, value in settings.items() if value is not None and (value < limit if season == "cooling" else value > limit)}
    assert 0 < len(beyond) < len(settings)
    fired = Counter((alert.rule, alert.subject) for alert in house.alerts())
    assert {subject for rule, subject in fired if rule == "hvac_setpoint"} == beyond
    assert {subject for rule, subject in fired if rule == "hvac_room_temperature"} <= beyond
    assert {rule for rule, _ in fired} <= {"hvac_setpoint", "hvac_room_temperature"}
    assert set(fired.values()) == {1}
    with house.engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.alert_state)).scalar_one() < 100
