"""Commands to devices that publish: a message by the profile, through a real mosquitto and its rights, and what the device says then."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from contract import yamlfile
from contract.clock import Clock, iso
from contract.operation import Text
from contract.profile import Profile
from contract.rights import device_user, rights, source_user
from contract.site import Gateway, Site
from protocols.base import BusContext, DriverError, NoAnswerError
from protocols.mqtt import driver as mqtt
from protocols.mqtt.codec.orders import order, ordered
from protocols.mqtt.driver import Driver as Mqtt
from protocols.mqtt.model import Bus, Device
from tests import sites
from tests.models import each, one
from tests.protocols.mqtt.test_driver import Place, Told
from tests.waiting import until

PROFILE = """\
maker: M
model: Thermostat
class: hvac
protocol: mqtt
sources: [this test]
timeout: 1.5
time: {path: ts, format: rfc3339}
points:
  setpoint: {path: state.setpoint, unit: degC, writable: true, limits: {min: 5, max: 35}, write: {subtopic: set, path: target.setpoint}}
  "on":
    path: state.power
    values: {0: "OFF", 1: "ON"}
    writable: true
    write: {subtopic: cmd/power, path: power, form: name, also: {method: set, "params.who": $key}}
  lock: {path: state.lock, values: {0: open, 1: locked}, writable: true, write: {subtopic: lock, form: truth}}
  mode: {path: state.mode, values: {0: cool, 1: heat}, writable: true}
  room_temperature: {path: state.room, unit: degC}
"""
NAME = Text(zh="设备", en="Device")
AC = Device(id="ac", name=NAME, profile="hvac/thermostat", bus="pub", topic="ac/1/state", command_topic="ac/1")
SITE = Site(
    id="s", name=NAME, group="510802", latitude=32.4, longitude=105.8, compounds=[], units=[], gateways=[Gateway(id="gw")],
    buses=[Bus(id="pub", gateway="gw", protocol="mqtt")], devices=[AC],
)  # fmt: skip


@pytest.fixture(autouse=True)
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that can be written to, in a folder of the site's own."""
    folder = tmp_path / "profiles" / "hvac"
    folder.mkdir(parents=True)
    (folder / "thermostat.yaml").write_text(PROFILE, encoding="utf-8")
    monkeypatch.setenv("JIEYUE_PROFILES", str(tmp_path / "profiles"))
    return folder


@pytest.fixture
def place(mosquitto: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:  # noqa: ARG001 (it must be there)
    """A running mosquitto with the site's users and rights; a laptop without it skips."""
    monkeypatch.setattr(mqtt, "_LONGEST_WAIT", 0.5)
    made = Place(tmp_path, SITE)
    made.start()
    yield made
    made.processes.stop()


def state(at: int | None = None, **values: object) -> bytes:
    """What the device publishes."""
    return json.dumps({"ts": iso(Clock().now_ms() if at is None else at), "state": values}).encode()


Answer = Callable[[aiomqtt.Client, aiomqtt.Message], Awaitable[None]]


async def commanded(place: Place, point: str, value: float, answer: Answer, before: bytes | None = None) -> tuple[float | str, list[Any]]:
    """What a command led to, with a device that answers in its own way by its own user; and what it was told."""
    told: list[Any] = []
    desk, ready = Told(), asyncio.Event()
    user = device_user("ac")

    async def device() -> None:
        async with aiomqtt.Client("127.0.0.1", place.broker.port, username=user, password=place.password(user)) as client:
            await client.subscribe("ac/1/#", qos=1)
            if before is not None:
                await client.publish(AC.topic, before, qos=1, retain=True)
            ready.set()
            async for message in client.messages:
                told.append((str(message.topic), json.loads(bytes(message.payload)), message.retain))
                await answer(client, message)

    bus = one(Bus, SITE.buses[0]).model_copy(update={"host": "127.0.0.1", "port": place.broker.port})
    driver = Mqtt(
        BusContext(bus, each(Device, SITE.devices), Clock(), desk.commit, desk.counted.append, "gw-pub", place.password("gw-pub"))
    )
    tasks = [asyncio.create_task(device())]
    try:
        await asyncio.wait_for(ready.wait(), 20)
        tasks.append(asyncio.create_task(driver.run()))
        await until(lambda: driver._client is not None)
        try:
            return await driver.write(AC, point, value), told
        except DriverError as error:
            return str(error), told
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_command_is_published_and_read_back(place: Place) -> None:
    """The value stands where the profile says, the message is not retained, and the device's next message is what is given back."""

    async def obey(client: aiomqtt.Client, message: aiomqtt.Message) -> None:
        asked = json.loads(bytes(message.payload))
        await client.publish(AC.topic, state(setpoint=asked["target"]["setpoint"], room=20.0), qos=1)

    assert await commanded(place, "setpoint", 24.5, obey) == (24.5, [("ac/1/set", {"target": {"setpoint": 24.5}}, False)])


async def test_a_report_that_was_on_its_way_is_no_answer(place: Place) -> None:
    """The first message says the value of before; the one that says the new value counts. One that comes twice changes nothing."""

    async def obey(client: aiomqtt.Client, _: aiomqtt.Message) -> None:
        for setpoint in (20.0, 24.5, 24.5, 20.0):
            await client.publish(AC.topic, state(setpoint=setpoint), qos=1)

    found, _ = await commanded(place, "setpoint", 24.5, obey)
    assert found == 24.5


async def test_another_value_is_what_the_device_says(place: Place) -> None:
    """It kept its own: that is given back once the time is over, and the gateway does not call it done."""

    async def refuse(client: aiomqtt.Client, _: aiomqtt.Message) -> None:
        await client.publish(AC.topic, state(setpoint=26.0), qos=1)

    found, _ = await commanded(place, "setpoint", 24.5, refuse)
    assert found == 26.0


async def test_a_device_that_says_nothing_of_the_point_fails(place: Place) -> None:
    """Silence, another point, a late message and one of a device that nobody knows are no answers."""

    async def mumble(client: aiomqtt.Client, _: aiomqtt.Message) -> None:
        await client.publish(AC.topic, state(room=20.0), qos=1)
        await client.publish(AC.topic, state(Clock().now_ms() - 120_000, setpoint=24.5), qos=1)
        await client.publish(AC.topic, b"?", qos=1)

    found, _ = await commanded(place, "setpoint", 24.5, mumble)
    assert found == "no message of the device said setpoint within 1.5 s"


async def test_a_retained_message_is_no_answer(place: Place) -> None:
    """The broker hands it to the driver after the command, as it does at each new session; it says nothing of now."""

    async def nothing(_client: aiomqtt.Client, _message: aiomqtt.Message) -> None:
        """Say nothing."""

    found, _ = await commanded(place, "setpoint", 24.5, nothing, before=state(setpoint=24.5))
    assert found == "no message of the device said setpoint within 1.5 s"


async def test_a_device_that_is_away_does_not_get_the_command_later(place: Place) -> None:
    """Its persistent session keeps what is sent with quality 1; a command that failed hours ago must not move anything."""

    def session(user: str) -> aiomqtt.Client:
        return aiomqtt.Client(
            "127.0.0.1", place.broker.port, username=user, password=place.password(user), identifier=user, clean_session=False
        )

    async def nothing(_client: aiomqtt.Client, _message: aiomqtt.Message) -> None:
        """Say nothing."""

    away = source_user("pub")  # by the broker's rights a client that hears the same commands
    async with session(away) as client:
        await client.subscribe("ac/1/set", qos=1)
    found, told = await commanded(place, "setpoint", 24.5, nothing)
    assert (found, len(told)) == ("no message of the device said setpoint within 1.5 s", 1)
    async with session("gw-pub") as bus:
        await bus.publish("ac/1/set", b"now", qos=1)
    async with session(away) as client, asyncio.timeout(20):
        assert (await anext(client.messages)).payload == b"now"


def test_a_message_that_the_broker_kept_is_not_heard_as_an_answer(place: Place) -> None:
    """Delivered while a command waits, a retained message does not end the wait, and the same message that is not retained does."""

    async def heard() -> list[bool]:
        bus, desk = one(Bus, place.site.buses[0]), Told()
        driver = Mqtt(BusContext(bus, each(Device, SITE.devices), Clock(), desk.commit, desk.counted.append))
        awaited = mqtt.Awaited("ac", "setpoint", 24.5)
        driver._waiting.add(awaited)
        done = []
        for retained in (True, False):
            await driver._store([aiomqtt.Message(AC.topic, state(setpoint=24.5), 1, retained, 1, None)])
            done.append(awaited.said.done())
        return done

    assert asyncio.run(heard()) == [False, True]


async def test_without_a_session_nothing_is_sent() -> None:
    """The gateway has no broker: the command fails at once."""
    desk = Told()
    driver = Mqtt(BusContext(one(Bus, SITE.buses[0]), [AC], Clock(), desk.commit, desk.counted.append))
    with pytest.raises(NoAnswerError, match=r"^no session at the broker$"):
        await driver.write(AC, "setpoint", 24.5)
    with pytest.raises(DriverError, match=r"^the profile does not say how mode is written$"):
        await driver.write(AC, "mode", 1.0)


@pytest.mark.parametrize(
    ("point", "value", "topic", "message"),
    [
        ("setpoint", 24.0, "ac/1/set", b'{"target": {"setpoint": 24}}'),
        ("on", 1.0, "ac/1/cmd/power", b'{"method": "set", "params": {"who": "A7"}, "power": "ON"}'),
        ("lock", 1.0, "ac/1/lock", b"true"),
        ("lock", 0.0, "ac/1/lock", b"false"),
    ],
)
def test_a_message_is_as_the_profile_has_it_and_a_device_understands_it(point: str, value: float, topic: str, message: bytes) -> None:
    """A number, the name of a state, a truth value; beside it what never changes, and the device's key."""
    device = AC.model_copy(update={"key": "A7"})
    assert order(device, point, value) == (topic, message)
    assert ordered(device, topic, message) == {point: value}
    assert ordered(device, "ac/1/other", message) == ordered(device, topic, b"{") == {}


def test_who_may_write_at_the_broker() -> None:
    """The gateway's bus may command, the device may hear its commands; nobody else."""
    found = rights(SITE, "host")
    told = ["ac/1/set", "ac/1/cmd/power", "ac/1/lock"]
    assert found["gw-pub"] == ["topic read ac/1/state", *(f"topic write {topic}" for topic in told)]
    assert found["device-ac"] == found["devices-pub"] == ["topic write ac/1/state", *(f"topic read {topic}" for topic in told)]
    assert not any("ac/1/set" in line for user in ("gw", "cloud", "cloud-watch") for line in found[user])


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("writable: true, limits: {min: 5, max: 35}, write", "write", "points.setpoint.write: expected none, since the point is not `wri"),
        ("path: target.setpoint}", "path: target.*}", "points.setpoint.write.path: expected no *, which only records may have"),
        ("subtopic: set,", "subtopic: set/+,", "points.setpoint.write.subtopic: expected levels below the device's topic"),
        ("unit: degC, writable", "mask: 1, unit: degC, writable", "points.setpoint.write: expected a point without mask"),
        ("subtopic: set, path: target.setpoint", "form: name", "points.setpoint.write: expected `values`, whose names are written"),
        ("values: {0: open, 1: locked}", "values: {0: open, 2: locked}", "points.lock.write: expected `values` for 0 and 1"),
        ("lock, form: truth", "lock, form: truth, also: {a: 1}", "points.lock.write: expected a path, since the message holds more"),
        ('"params.who": $key', '"params..who": $key', "points.on.write.also.params..who: expected keys joined by dots"),
    ],
)
def test_a_write_that_cannot_be_is_refused_at_its_line(before: str, after: str, fault: str, profiles: Path) -> None:
    """File, line, field and what was expected."""
    path = profiles / "wrong.yaml"
    path.write_text(sites.changed(PROFILE, (before, after)), encoding="utf-8")
    with pytest.raises(yamlfile.ConfigError) as told:
        yamlfile.load(Profile, path)
    assert fault in str(told.value)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"topic": "ac/1/set", "command_topic": "ac/1"}, "devices.0.command_topic: expected another topic than those that the device publ"),
        ({"topic": "gw/ac", "command_topic": "ac/+"}, "devices.0.command_topic: expected a topic without + and #"),
        ({"topic": "ac/1/state", "command_topic": ""}, ""),
    ],
)
def test_a_topic_for_commands_is_one_topic_and_not_the_device_s_own(fields: dict[str, str], fault: str, tmp_path: Path) -> None:
    """At its own topic the gateway would hear its command, and take it for the answer."""
    folder = tmp_path / "site"
    folder.mkdir()
    buses = [{"id": "pub", "gateway": "gw", "protocol": "mqtt"}]
    devices = [{"id": "ac", "name": {"zh": "a", "en": "a"}, "profile": "hvac/thermostat", "bus": "pub"} | fields]
    text = json.dumps(sites.fields(buses=buses, devices=devices, zones=[{"id": "z", "name": {"zh": "a", "en": "a"}, "device": "ac"}]))
    if not fault:
        assert sites.load(folder, text).devices[0].command_topics() == ["ac/1/state/set", "ac/1/state/cmd/power", "ac/1/state/lock"]
        return
    with pytest.raises(yamlfile.ConfigError) as told:
        sites.load(folder, text)
    assert fault in str(told.value)


@pytest.mark.parametrize("topic", ["ac/1/set", "ac/+/set"])
def test_commands_are_not_heard_as_another_device_s_messages(topic: str, tmp_path: Path, profiles: Path) -> None:
    """The other one publishes where this one is told: the gateway would keep the command as its reading."""
    (profiles / "named.yaml").write_text(sites.changed(PROFILE, ("points:", "identity: sn\npoints:")), encoding="utf-8")
    folder = tmp_path / "site"
    folder.mkdir()
    name = {"zh": "a", "en": "a"}
    one = {"id": "ac", "name": name, "profile": "hvac/thermostat", "bus": "pub", "topic": "ac/1/state", "command_topic": "ac/1"}
    other = {"id": "b", "name": name, "profile": "hvac/named", "bus": "pub", "topic": topic, "key": "k", "command_topic": "b"}
    zones = [{"id": f"z-{device}", "name": name, "device": device} for device in ("ac", "b")]
    text = json.dumps(sites.fields(buses=[{"id": "pub", "gateway": "gw", "protocol": "mqtt"}], devices=[one, other], zones=zones))
    with pytest.raises(
        yamlfile.ConfigError, match=r"devices\.0\.command_topic: expected a command_topic that no other device of pub has; b takes it"
    ):
        sites.load(folder, text)
