"""Devices that publish to a broker: meters with JSON of their own, and vehicles behind EMQX's JT/T 808 gateway."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiomqtt

from contract import rights
from contract.clock import iso
from contract.flag import add_flags
from contract.lifecycle import heed_cancellation
from contract.profile import engineering
from contract.profile import raw as raw_of
from contract.secret import named_secret
from protocols.jt808.codec import fix
from protocols.jt808.codec import location as loc
from protocols.jt808.codec.bodies import Id
from protocols.jt808.codec.location import Location
from protocols.memory import Memory, Said, grid
from protocols.mqtt import json_path
from protocols.mqtt.codec.orders import ordered
from protocols.mqtt.model import Bus, Device, Point
from protocols.mqtt.model.times import MessageTime
from protocols.mqtt.model.topics import heard_at
from protocols.mqtt_client import PATIENT, MqttClient
from protocols.stage import Alone, Called, Calls, Endpoints, Stage, beside

CALLS = Calls("the broker of devices that publish", passwords=True)
ALONE = Alone(device={"topic": "devices/1"})
Messages = tuple[tuple[str, bytes], ...]
"""Topics and payloads of one measurement."""


class Publisher:
    """The devices of one MQTT bus, behind one connection; what the broker has not acknowledged is published again."""

    def __init__(self, stage: Stage, bus: Bus, broker: Called) -> None:
        """Read the password of the bus's user.

        Raises:
            OSError: There is no such file.
        """
        self._stage, self._bus, self._broker = stage, bus, broker
        folder = broker.passwords
        self._user = rights.source_user(bus.id)
        self._password = named_secret(folder / self._user) if folder else None
        self._devices = [d for d in stage.site.devices if isinstance(d, Device) and d.bus == bus.id]
        self.memory: Memory[Messages] = Memory(stage.said, stage.clock)

    async def run(self) -> None:
        """Measure and publish until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for device in self._devices:
                tasks.create_task(self._measure(device))
            tasks.create_task(self._publish())

    async def _measure(self, device: Device) -> None:
        step = 1000 if device.model.messages == "emqx_jt808" or _in_seconds(device.model.time) else 1
        async for at in grid(self._stage.clock, device.id, device.poll_interval, step):
            if self._stage.speaks(device.id, at):
                self.memory.add(said(device, self._stage.world.values(device.id, at), self._stage.dated(device.id, at)))

    async def _publish(self) -> None:
        while True:
            with contextlib.suppress(aiomqtt.MqttError, OSError):  # called again below, with what was not acknowledged
                await self._session()
            heed_cancellation()
            await asyncio.sleep(0.2 + secrets.randbelow(1000) / 1000)

    async def _session(self) -> None:
        user = self._user if self._password is not None else None
        async with MqttClient(
            self._broker.host, self._broker.port, user=user, password=self._password, client_id=self._user, keep_alive=PATIENT
        ) as client:
            obeying = asyncio.create_task(self._obey(client), name="obey")
            try:
                await self._speak(client)
            finally:
                obeying.cancel()
                await asyncio.gather(obeying, return_exceptions=True)

    async def _obey(self, client: MqttClient) -> None:
        """Do what messages ask of the devices, and say at once what they are then; until the connection breaks."""
        topics = {topic for device in self._devices for topic in device.command_topics()}
        if not topics:
            return
        await client.subscribe([(topic, 1) for topic in topics])
        async for message in client.messages:
            for device in self._devices:
                if not message.retain:  # an order of last year
                    self._take(device, ordered(device, str(message.topic), bytes(message.payload or b"")))

    def _take(self, device: Device, asked: dict[str, float]) -> None:
        now = self._stage.clock.now_ms()
        allowed = {point: value for point, value in asked.items() if device.model.points[point].allows(value)}
        for point, value in allowed.items():
            self._stage.world.write(device.id, point, value, now)
        if asked and self._stage.speaks(device.id, now):
            self.memory.add(said(device, self._stage.world.values(device.id, now), self._stage.dated(device.id, now)))

    async def _speak(self, client: MqttClient) -> None:
        """Publish what was measured, until the connection breaks."""
        while True:
            await self.memory.any.wait()
            taken = self.memory.take(1)
            stored = False
            try:
                for topic, payload in taken[0].message:
                    await client.publish(topic, payload, qos=1)
                stored = True
            finally:
                if stored:
                    self.memory.thanked(taken)
                else:
                    self.memory.give_back(taken)
            heed_cancellation()


def said(device: Device, values: dict[str, float | None], at: int) -> Said[Messages]:
    """What a device publishes about a moment."""
    if device.model.messages == "emqx_jt808":
        location = fix.measured(values, at)
        return Said(device.id, at, fix.understood(device, location), ((device.topic, emqx(device, location)),))
    understood: dict[str, float] = {}
    messages: dict[str, object] = {}
    for point, mapped in device.model.points.items():
        found = values.get(point)
        if found is None or mapped.path is None:
            continue
        number = _number(device, point, mapped, found)
        understood[point] = engineering(number, mapped, point, device.ct, device.pt)
        topic = heard_at(device.topic, mapped.subtopic).replace("+", device.id).replace("#", device.id)
        messages[topic] = _with(device, messages.get(topic), mapped.path, number)
    for topic, document in messages.items():
        messages[topic] = _headed(device, document, at)
    add_flags(device.model.flags, understood)
    return Said(device.id, at, understood, tuple((topic, json.dumps(document).encode()) for topic, document in messages.items()))


def _with(device: Device, message: object, path: str, found: object) -> object:
    """A message with a value where the profile's path says: in the device's record, or with `$.` in front in the message itself."""
    parsed = json_path.parse(path)
    record = () if parsed.whole or device.model.records is None else json_path.parse(device.model.records).steps
    # An array holds this device alone; where records stand under names, it stands under its own.
    name = device.key if device.model.identity == "*" else "0"
    return json_path.placed((*record, *parsed.steps), message, found, name=name)


def _headed(device: Device, message: object, at: int) -> object:
    """The message with its time and the name of the device, as far as its profile has them."""
    if device.model.time is not None:
        message = _with(device, message, device.model.time.path, _time(device.model.time, at))
    if device.model.identity not in {None, "*"}:
        message = _with(device, message, device.model.identity or "", device.key)
    return message


def _number(device: Device, point: str, mapped: Point, value: float) -> float:
    """As a meter would print it: six decimals are more than any has."""
    return round(raw_of(value, mapped, point, device.ct, device.pt), 6)


def _in_seconds(field: MessageTime | None) -> bool:
    return field is not None and field.format == "YYMMDDhhmmss"


def _time(field: MessageTime, at: int) -> str | int:
    if field.format == "epoch":
        return at
    local = datetime.fromtimestamp(at / 1000, field.timezone or UTC)
    if field.format == "YYMMDDhhmmss":
        return f"{local:%y%m%d%H%M%S}"
    return iso(at) if field.timezone is None else local.replace(tzinfo=None).isoformat(timespec="milliseconds")


def emqx(device: Device, location: Location) -> bytes:
    """A position as EMQX's gateway writes it (emqx_jt808_frame.erl): the numbers of the wire under names."""
    header = {"msg_id": int(Id.LOCATION), "encrypt": 0, "len": loc.BASE_BYTES, "phone": device.phone, "msg_sn": secrets.randbelow(0x10000)}
    extra = {name: location.number(item, size) for name, item, size in _EXTRA}
    body = {
        "alarm": location.alarm,
        "status": location.status,
        "latitude": location.latitude_e6,
        "longitude": location.longitude_e6,
        "altitude": location.altitude & 0xFFFF,
        "speed": location.speed_tenths,
        "direction": location.course,
        "time": location.time,
        "extra": {name: number for name, number in extra.items() if number is not None},
    }
    return json.dumps({"header": header, "body": body}).encode()


_EXTRA = (("mileage", loc.MILEAGE, 4), ("fuel_meter", loc.FUEL, 2), ("rssi", loc.SIGNAL, 1), ("gnss_sat_num", loc.SATELLITES, 1))


@asynccontextmanager
async def play(stage: Stage) -> AsyncIterator[Endpoints]:
    """Every device of the site's MQTT buses publishes until the block ends.

    Raises:
        OSError: A password file is missing.
    """
    broker = stage.called.get("mqtt")
    buses = [b for b in stage.site.buses if isinstance(b, Bus)]
    if broker is None or not buses:
        yield {}
        return
    async with beside(*(Publisher(stage, bus, broker).run() for bus in buses)):
        yield {"mqtt": {"host": broker.host, "port": broker.port}}
