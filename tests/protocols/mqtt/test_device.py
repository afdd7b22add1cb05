"""Simulated devices that publish: what they say is what the driver stores, through a real mosquitto."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import aiomqtt
import pytest

from contract.clock import Clock
from contract.operation import Text
from contract.reading import Row
from contract.rights import bus_user, source_user
from contract.site import Gateway, Site
from protocols.base import BusContext
from protocols.mqtt.codec.audience import Audience
from protocols.mqtt.codec.payloads import heard
from protocols.mqtt.device import said
from protocols.mqtt.driver import Driver as Mqtt
from protocols.mqtt.model import Bus, Device
from protocols.stage import Called
from simulators.site import simulate
from simulators.stack.broker import prepare
from simulators.stack.processes import Processes
from tests.models import each, one
from tests.simulators.conftest import journal
from tests.waiting import listens, until

NAME = Text(zh="设备", en="Device")
METER = Device(id="em", name=NAME, profile="electricity/jieyue-mqtt-meter", bus="pub", topic="meters/1")
CAR = Device(id="car", name=NAME, profile="vehicle/emqx-jt808-gateway", bus="pub", topic="jt808/car/010000000001/up", phone="010000000001")
SITE = Site(
    id="s", name=NAME, group="510802", latitude=32.43, longitude=105.84, compounds=[], units=[], gateways=[Gateway(id="gw")],
    buses=[Bus(id="pub", gateway="gw", protocol="mqtt")], devices=[METER, CAR],
)  # fmt: skip
AT = 1_790_000_000_000


@pytest.mark.parametrize(
    ("device", "values"),
    [
        (METER, {"power": -1234.5, "energy_import": 12345.678, "voltage_a": 229.9, "voltage_b": None}),
        (
            CAR,
            {"latitude": 32.438601, "longitude": 105.8456, "speed": 36.5, "ignition": 1.0, "located": 1.0, "status": 3.0, "odometer": 7.1},
        ),
    ],
)
def test_a_message_says_what_the_journal_says(device: Device, values: dict[str, float | None]) -> None:
    """The driver reads a message back as the time and the values that were noted for it, and those are the world's."""
    made = said(device, values, AT)
    ((topic, payload),) = made.message
    (row,) = heard(Audience([device]).of(topic), payload, AT).rows
    assert (row.device, row.at, row.values, row.bad) == (device.id, AT, made.values, {})
    assert {point: row.values[point] for point, value in values.items() if value is not None} == {
        point: value for point, value in values.items() if value is not None
    }


@pytest.mark.usefixtures("mosquitto")
async def test_what_devices_said_is_stored_also_over_a_broker_that_went_away(tmp_path: Path) -> None:
    """Nothing that the broker acknowledged to a device is missing, before and after it was stopped."""
    broker, processes = prepare(SITE, tmp_path / "broker", "jieyue"), Processes(tmp_path / "logs")
    clock = Clock(Clock().now_ms(), Clock().now_ms() / 1000, 40.0)
    stored: list[Row] = []

    async def commit(found: Sequence[Row]) -> None:
        stored.extend(found)

    def start() -> None:
        processes.start("broker", broker.argv)
        processes.wait_for("broker", lambda: listens(broker.port), seconds=20)

    called = {"mqtt": Called("127.0.0.1", broker.port, broker.folder / "passwords")}
    bus = one(Bus, SITE.buses[0]).model_copy(update={"host": "127.0.0.1", "port": broker.port})
    password = broker.password_file(bus_user(bus)).read_text(encoding="utf-8")
    driver = asyncio.create_task(
        Mqtt(BusContext(bus, each(Device, SITE.devices), clock, commit, lambda _: None, bus_user(bus), password)).run()
    )
    try:
        start()
        async with simulate(SITE, tmp_path, clock, flush_each=True, called=called) as endpoints:
            assert endpoints["mqtt"] == {"host": "127.0.0.1", "port": broker.port}
            await until(lambda: {row.device for row in stored} == {"em", "car"})
            processes.stop("broker")
            quiet = len(journal(tmp_path))
            await until(lambda: len(journal(tmp_path)) >= quiet + 6)
            start()
            await until(lambda: {s["at"] for s in journal(tmp_path)[quiet : quiet + 6]} <= {row.at for row in stored})
    finally:
        driver.cancel()
        await asyncio.gather(driver, return_exceptions=True)
        processes.stop()
    by_time = {(row.device, row.at): row.values for row in stored}
    matched = [by_time[s["device"], s["at"]] == s["values"] for s in journal(tmp_path) if (s["device"], s["at"]) in by_time]
    assert len(matched) >= 8
    assert all(matched)
    assert (broker.folder / "passwords" / source_user("pub")).exists()


@pytest.mark.usefixtures("mosquitto")
async def test_one_gateway_cannot_speak_as_another(tmp_path: Path) -> None:
    """The demo's broker drops what a gateway publishes in the name of another, and passes on what it publishes as itself."""
    site = SITE.model_copy(update={"gateways": [Gateway(id="gw"), Gateway(id="gw2")]})
    broker, processes = prepare(site, tmp_path / "broker", "jieyue"), Processes(tmp_path / "logs")
    processes.start("broker", broker.argv)
    processes.wait_for("broker", lambda: listens(broker.port), seconds=20)

    def client(user: str) -> aiomqtt.Client:
        return aiomqtt.Client("127.0.0.1", broker.port, username=user, password=broker.password_file(user).read_text(encoding="utf-8"))

    topics = [f"spBv1.0/510802/DDATA/{node}/nobody" for node in ("gw2", "gw")]
    try:
        async with client("cloud") as host:
            await host.subscribe("spBv1.0/+/DDATA/+/nobody")
            for topic in topics:
                async with client("gw") as gateway:  # a connection each: a broker may close one that oversteps
                    await gateway.publish(topic, b"x", qos=0)
            assert str((await anext(aiter(host.messages))).topic) == topics[1]
    finally:
        processes.stop()
