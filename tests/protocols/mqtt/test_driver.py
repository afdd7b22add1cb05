"""The MQTT driver against a real mosquitto: acknowledged after the commit, and no message stops another."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from structlog.testing import capture_logs

from contract.clock import Clock, iso
from contract.operation import Text
from contract.reading import Row
from contract.rights import bus_user, source_user
from contract.site import Gateway, Site
from protocols.base import BusContext
from protocols.mqtt import driver as mqtt
from protocols.mqtt.driver import Driver as Mqtt
from protocols.mqtt.model import Bus, Device
from simulators.stack.broker import Broker, prepare
from simulators.stack.processes import Processes
from tests.desk import Desk
from tests.models import each, one
from tests.waiting import listens, until

NAME = Text(zh="设备", en="Device")
METER = Device(id="em", name=NAME, profile="electricity/jieyue-mqtt-meter", bus="pub", topic="meters/1")
CAR = Device(id="car", name=NAME, profile="vehicle/emqx-jt808-gateway", bus="pub", topic="jt808/car/010000000001/up", phone="010000000001")
SITE = Site(
    id="s", name=NAME, group="510802", latitude=32.4, longitude=105.8, compounds=[], units=[], gateways=[Gateway(id="gw")],
    buses=[Bus(id="pub", gateway="gw", protocol="mqtt")], devices=[METER, CAR],
)  # fmt: skip
NOW = Clock().now_ms()
HELLO = NOW - 600_000
"""Time of the messages that only find out whether the driver is there."""


class Told(Desk):
    """Leaves out the messages that only find out whether the driver is there."""

    async def commit(self, rows: Sequence[Row]) -> None:
        """As the gateway gives it to drivers."""
        await super().commit([row for row in rows if row.at != HELLO])


class Place:
    """A broker in a process of its own."""

    def __init__(self, folder: Path, site: Site = SITE) -> None:
        self.site = site
        self.broker: Broker = prepare(site, folder / "broker", "jieyue")
        self.processes = Processes(folder / "logs")

    def start(self) -> None:
        """Start the broker, and wait until it listens."""
        self.processes.start("broker", self.broker.argv)
        self.processes.wait_for("broker", lambda: listens(self.broker.port), seconds=20)

    def password(self, user: str) -> str:
        """Of a user of the broker."""
        return self.broker.password_file(user).read_text(encoding="utf-8")

    @asynccontextmanager
    async def driver(self, desk: Desk) -> AsyncIterator[None]:
        """A driver that runs until the block ends."""
        bus = one(Bus, self.site.buses[0]).model_copy(update={"host": "127.0.0.1", "port": self.broker.port})
        line = BusContext(
            bus, each(Device, self.site.devices), Clock(), desk.commit, desk.counted.append, bus_user(bus), self.password(bus_user(bus))
        )
        task = asyncio.create_task(Mqtt(line).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def publish(self, *messages: tuple[str, bytes], retain: bool = False) -> None:
        """As the bus's devices do."""
        user = source_user("pub")
        async with aiomqtt.Client("127.0.0.1", self.broker.port, username=user, password=self.password(user)) as client:
            for topic, payload in messages:
                await client.publish(topic, payload, qos=1, retain=retain)


@pytest.fixture
def place(mosquitto: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:  # noqa: ARG001 (it must be there)
    """A running mosquitto with the site's users and rights; a laptop without it skips."""
    monkeypatch.setattr(mqtt, "_LONGEST_WAIT", 0.5)
    made = Place(tmp_path)
    made.start()
    yield made
    made.processes.stop()


def meter(at: int, energy: float) -> tuple[str, bytes]:
    return METER.topic, json.dumps({"time": iso(at), "power": {"total": 1.5}, "energy": {"import": energy}}).encode()


async def test_a_message_becomes_a_row_with_its_own_time(place: Place) -> None:
    """Values follow the profile's paths and units; what the message lacks is absent."""
    desk = Told()
    async with place.driver(desk):
        await subscribed(place, desk)
        await place.publish(meter(NOW - 5000, 12.25))
        await desk.until(lambda: len(desk.rows) == 1)
    row = desk.rows[0]
    assert (row.device, row.at, row.values, row.bad) == ("em", NOW - 5000, {"power": 1500.0, "energy_import": 12.25}, {})


async def subscribed(place: Place, desk: Desk) -> None:
    """Publish until the driver hears it: from then on its session keeps everything."""
    async with asyncio.timeout(20):
        while not desk.asked.is_set():
            await place.publish(meter(HELLO, 1.0))
            try:
                async with asyncio.timeout(0.3):
                    await desk.asked.wait()
            except TimeoutError:
                continue


async def test_poison_does_not_stop_the_next_message(place: Place) -> None:
    """Wrong payloads are counted once a minute and source, acknowledged, and do not come back."""
    desk = Told()
    async with place.driver(desk):
        await subscribed(place, desk)
        poison = [(METER.topic, b"\x7b\xff"), (METER.topic, b"{" * 50_000), (CAR.topic, b'{"header": 1}')]
        await place.publish(*poison, meter(NOW - 4000, 2.0))
        await desk.until(lambda: [row.at for row in desk.rows] == [NOW - 4000])
    assert desk.counted == ["em: wrong payload", "jt808/car/010000000001/up, car: wrong position"]
    again = Told()
    async with place.driver(again):
        await place.publish(meter(NOW - 3000, 3.0))
        await again.until(lambda: len(again.rows) == 1)
    assert (again.rows[0].at, again.counted) == (NOW - 3000, [])


async def test_a_message_that_was_not_committed_comes_again(place: Place) -> None:
    """A gateway that dies between receipt and commit has acknowledged nothing."""
    first = Told()
    async with place.driver(first):
        await subscribed(place, first)
        first.asked.clear()
        first.may.clear()
        await place.publish(meter(NOW - 4000, 2.0))
        await asyncio.wait_for(first.asked.wait(), 10)
    second = Told()
    async with place.driver(second):
        await second.until(lambda: len(second.rows) == 1)
    assert (second.rows[0].at, second.rows[0].values["energy_import"]) == (NOW - 4000, 2.0)


async def test_what_came_while_the_gateway_was_away_is_kept(place: Place) -> None:
    """The broker holds the session of a stopped gateway."""
    first = Told()
    async with place.driver(first):
        await subscribed(place, first)
    await place.publish(*(meter(NOW - 10_000 + number, float(number)) for number in range(30)))
    second = Told()
    async with place.driver(second):
        await second.until(lambda: len(second.rows) == 30)
    assert [row.at for row in second.rows] == [NOW - 10_000 + number for number in range(30)]


async def test_a_refused_commit_is_tried_again(place: Place) -> None:
    """After the disk refused, the broker delivers the same message in the next session."""
    desk = Told()
    async with place.driver(desk):
        await subscribed(place, desk)
        desk.refusals = 1
        await place.publish(meter(NOW - 4000, 2.0))
        await desk.until(lambda: len(desk.rows) == 1)
    assert (desk.rows[0].at, desk.refusals) == (NOW - 4000, 0)
    assert "outbox: refused the rows" in desk.counted


async def test_a_broker_restart_is_survived(place: Place) -> None:
    """After the broker was killed and started again, readings flow without anybody's help."""
    desk = Told()
    async with place.driver(desk):
        await subscribed(place, desk)
        place.processes.kill("broker")
        place.start()
        desk.asked.clear()
        await subscribed(place, desk)
        await place.publish(meter(NOW - 4000, 2.0))
        await desk.until(lambda: [row.at for row in desk.rows] == [NOW - 4000])
    assert "broker: no session" in desk.counted


COLLECTOR = """\
maker: M
model: Collector
class: electricity
protocol: mqtt
sources: [a book]
records: meters.*
identity: sn
time: {path: $.ts, format: epoch}
points:
  energy_import: {path: kwh, unit: kWh, kind: counter}
"""


@pytest.mark.usefixtures("mosquitto")
async def test_meters_behind_one_wildcard_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two gateways' lists through a real broker and its rights: each record is its meter's, whichever gateway it came by."""
    folder = tmp_path / "profiles" / "electricity"
    folder.mkdir(parents=True)
    (folder / "collector.yaml").write_text(COLLECTOR, encoding="utf-8")
    monkeypatch.setenv("JIEYUE_PROFILES", str(tmp_path / "profiles"))
    meters = [
        Device(id=f"em-{key}", name=NAME, profile="electricity/collector", bus="pub", topic="gw/+/data", key=key) for key in ("A17", "18")
    ]
    place, desk = Place(tmp_path, SITE.model_copy(update={"devices": [METER, *meters]})), Told()
    place.start()

    def said(at: int, **kwh: str) -> bytes:
        records = ", ".join(f'{{"sn": {json.dumps(key)}, "kwh": {value}}}' for key, value in kwh.items())
        return f'{{"ts": {at}, "meters": [{records}]}}'.encode() + b"\x00"

    try:
        async with place.driver(desk):
            await subscribed(place, desk)
            await place.publish(
                ("gw/1/data", said(NOW - 3000, A17="12.5", X="1")), ("gw/2/data", said(NOW - 2000, A17="nan", **{"18": '"7.5"'}))
            )
            await place.publish(meter(NOW - 1000, 3.0))
            await desk.until(lambda: len(desk.rows) == 4)
    finally:
        place.processes.stop()
    assert [(row.device, row.at, row.values, row.bad) for row in desk.rows[:3]] == [
        ("em-A17", NOW - 3000, {"energy_import": 12.5}, {}),
        ("em-A17", NOW - 2000, {}, {"energy_import": "not a number: 'nan'"}),
        ("em-18", NOW - 2000, {"energy_import": 7.5}, {}),
    ]
    assert desk.counted == ["gw/1/data, 'X': record of no known device"]


def reasons(logs: list[MutableMapping[str, Any]]) -> list[str]:
    return [line["reason"] for line in logs if line["event"] == "bus lost"]


def online(logs: list[MutableMapping[str, Any]]) -> int:
    return sum(line["event"] == "bus online" for line in logs)


async def test_a_session_that_ends_again_and_again_is_told(place: Place) -> None:
    """Two gateways with one id throw each other off: a sentence in the log, once, that names the id."""
    told = "; the broker takes gw-pub and closes again and again: a second process with this id or with its user, or something that its "
    told += "rights forbid"
    desk, other = Told(), Told()
    with capture_logs() as logs:
        async with asyncio.timeout(60), place.driver(desk), place.driver(other):
            await until(lambda: any(reason.endswith(told) for reason in reasons(logs)), 60)
            known = online(logs)
            await until(lambda: online(logs) >= known + 2, 60)
    lost = reasons(logs)
    assert all("127.0.0.1" in reason for reason in lost if reason.endswith(told))
    assert all(lost.count(reason) <= 2 for reason in lost)  # once of each of the two


async def test_a_broker_that_ends_a_subscription_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker had accepted us, so nothing is said about TLS."""

    async def ended(self: Mqtt) -> None:
        self._accepted = True
        raise aiomqtt.MqttError("Operation timed out") from TimeoutError()

    monkeypatch.setattr(Mqtt, "_session", ended)
    monkeypatch.setattr(mqtt, "_FIRST_WAIT", 0.01)
    desk = Told()
    with capture_logs() as logs:
        running = asyncio.create_task(Mqtt(BusContext(one(Bus, SITE.buses[0]), [], Clock(), desk.commit, desk.counted.append)).run())
        async with asyncio.timeout(10):
            await until(lambda: len(logs) > 1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    first, second = reasons(logs)
    assert first == "no answer from 127.0.0.1:502"
    assert second.startswith("no answer from 127.0.0.1:502; the broker takes gw-pub and closes again and again")


async def test_a_stop_that_the_client_swallowed_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """The MQTT client may forget a cancellation; the driver ends all the same and begins no further session."""
    sessions = 0
    begun = asyncio.Event()

    async def deaf(_: Mqtt) -> None:
        nonlocal sessions
        sessions += 1
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    async def commit(_: Sequence[Row]) -> None:
        """Nothing comes."""

    monkeypatch.setattr(Mqtt, "_session", deaf)
    running = asyncio.create_task(
        Mqtt(BusContext(one(Bus, SITE.buses[0]), each(Device, SITE.devices), Clock(), commit, lambda _: None)).run()
    )
    await begun.wait()
    running.cancel()
    await asyncio.wait({running}, timeout=5)
    assert running.cancelled()
    assert sessions == 1
