"""The MQTT driver against a real mosquitto: acknowledged after the commit, and no message stops another."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from contract.clock import Clock, iso
from contract.jt808.wire import digits_of
from contract.operation import Text
from contract.reading import Row
from contract.rights import source_user
from contract.site import Bus, Device, Gateway, Site
from edge.drivers import mqtt
from edge.drivers.base import Line
from edge.drivers.mqtt import Mqtt
from edge.drivers.payloads import PayloadError, rows
from simulators.stack.broker import Broker, prepare
from simulators.stack.processes import Processes

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


class Desk:
    """Takes rows, refuses them, or never answers, as a test wants."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.counted: list[str] = []
        self.refusals = 0
        self.changed = asyncio.Condition()
        self.asked = asyncio.Event()
        self.may = asyncio.Event()
        self.may.set()

    async def commit(self, rows: Sequence[Row]) -> None:
        """As the gateway gives it to drivers."""
        self.asked.set()
        await self.may.wait()
        if self.refusals:
            self.refusals -= 1
            raise sqlite3.OperationalError("disk full")
        async with self.changed:
            self.rows += [row for row in rows if row.at != HELLO]
            self.changed.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for rows."""
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(condition)


class Place:
    """A broker in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.broker: Broker = prepare(SITE, folder / "broker", "jieyue")
        self.processes = Processes(folder / "logs")

    def start(self) -> None:
        """Start the broker, and wait until it listens."""
        self.processes.start("broker", self.broker.argv)
        self.processes.wait_for("broker", self._open, seconds=20)

    def _open(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.broker.port)) == 0

    def password(self, user: str) -> str:
        """Of a user of the broker."""
        return self.broker.password_file(user).read_text(encoding="utf-8")

    @asynccontextmanager
    async def driver(self, desk: Desk) -> AsyncIterator[None]:
        """A driver that runs until the block ends."""
        bus = SITE.buses[0].model_copy(update={"host": "127.0.0.1", "port": self.broker.port})
        line = Line(bus, SITE.devices, Clock(), desk.commit, desk.counted.append, "gw", self.password("gw"))
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


def body(at: int = NOW, **more: Any) -> dict[str, Any]:  # noqa: ANN401 (whatever a test puts into the JSON)
    return {
        "alarm": 0, "status": 3, "latitude": 32_430_000, "longitude": 105_840_000, "altitude": 480, "speed": 365, "direction": 90,
        "time": digits_of(at), "extra": {"mileage": 12345}, **more,
    }  # fmt: skip


def position(inner: object, msg_id: int = 0x0200, phone: str = CAR.phone) -> bytes:
    return json.dumps({"header": {"msg_id": msg_id, "phone": phone, "msg_sn": 1}, "body": inner}).encode()


async def test_a_message_becomes_a_row_with_its_own_time(place: Place) -> None:
    """Values follow the profile's paths and units; what the message lacks is absent."""
    desk = Desk()
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
    desk = Desk()
    async with place.driver(desk):
        await subscribed(place, desk)
        poison = [(METER.topic, b"\x00\xff"), (METER.topic, b"[1]"), (METER.topic, b"{" * 50_000), (CAR.topic, b'{"header": 1}')]
        await place.publish(*poison, meter(NOW - 4000, 2.0))
        await desk.until(lambda: [row.at for row in desk.rows] == [NOW - 4000])
    assert desk.counted == ["em: wrong payload", "car: wrong payload"]
    again = Desk()
    async with place.driver(again):
        await place.publish(meter(NOW - 3000, 3.0))
        await again.until(lambda: len(again.rows) == 1)
    assert (again.rows[0].at, again.counted) == (NOW - 3000, [])


async def test_a_message_that_was_not_committed_comes_again(place: Place) -> None:
    """A gateway that dies between receipt and commit has acknowledged nothing."""
    first = Desk()
    async with place.driver(first):
        await subscribed(place, first)
        first.asked.clear()
        first.may.clear()
        await place.publish(meter(NOW - 4000, 2.0))
        await asyncio.wait_for(first.asked.wait(), 10)
    second = Desk()
    async with place.driver(second):
        await second.until(lambda: len(second.rows) == 1)
    assert (second.rows[0].at, second.rows[0].values["energy_import"]) == (NOW - 4000, 2.0)


async def test_what_came_while_the_gateway_was_away_is_kept(place: Place) -> None:
    """The broker holds the session of a stopped gateway."""
    first = Desk()
    async with place.driver(first):
        await subscribed(place, first)
    await place.publish(*(meter(NOW - 10_000 + number, float(number)) for number in range(30)))
    second = Desk()
    async with place.driver(second):
        await second.until(lambda: len(second.rows) == 30)
    assert [row.at for row in second.rows] == [NOW - 10_000 + number for number in range(30)]


async def test_a_refused_commit_is_tried_again(place: Place) -> None:
    """After the disk refused, the broker delivers the same message in the next session."""
    desk = Desk()
    async with place.driver(desk):
        await subscribed(place, desk)
        desk.refusals = 1
        await place.publish(meter(NOW - 4000, 2.0))
        await desk.until(lambda: len(desk.rows) == 1)
    assert (desk.rows[0].at, desk.refusals) == (NOW - 4000, 0)
    assert "outbox: refused the rows" in desk.counted


async def test_a_broker_restart_is_survived(place: Place) -> None:
    """After the broker was killed and started again, readings flow without anybody's help."""
    desk = Desk()
    async with place.driver(desk):
        await subscribed(place, desk)
        place.processes.kill("broker")
        place.start()
        desk.asked.clear()
        await subscribed(place, desk)
        await place.publish(meter(NOW - 4000, 2.0))
        await desk.until(lambda: [row.at for row in desk.rows] == [NOW - 4000])
    assert "broker: no session" in desk.counted


def test_emqx_positions_are_fixes_also_when_they_come_late() -> None:
    """0x0200 is one row, 0x0704 one a position; another message id is none, and another phone is refused."""
    at = NOW // 1000 * 1000
    (row,) = rows(CAR, position(body(at)), NOW)
    assert (row.at, row.values["latitude"], row.values["speed"], row.values["odometer"]) == (at, 32.43, 36.5, 1234.5)
    late = rows(CAR, position({"location": [body(at - 180_000), body(at - 10_000)]}, msg_id=0x0704), NOW)
    assert [(r.at, r.late) for r in late] == [(at - 180_000, True), (at - 10_000, False)]
    assert [(r.late, r.taken) for r in rows(CAR, position(body(at - 180_000)), NOW)] == [(True, NOW)]
    assert rows(CAR, position({}, msg_id=0x0002), NOW) == []
    with pytest.raises(PayloadError, match="no date"):
        rows(CAR, position(body(at) | {"time": "000000000000"}), NOW)
    with pytest.raises(PayloadError, match="another terminal"):
        rows(CAR, position(body(at), phone="010000000002"), NOW)


@pytest.mark.parametrize("at", [0, NOW - 100 * 86_400_000, NOW + 86_400_000])
def test_a_time_that_cannot_be_true_is_never_replaced_by_the_time_of_receipt(at: int) -> None:
    """A clock at 1970, a year behind or a day ahead: the row stands where the meter put it, and the cloud may judge it."""
    (row,) = rows(METER, meter(at, 2.0)[1], NOW)
    assert (row.at, row.late, row.taken) == (at or 1, at < NOW, NOW)
    assert [r.at for r in rows(METER, meter(NOW - 9000, 2.0)[1], NOW, retained=True)] == [NOW - 9000]


def test_what_a_broker_kept_is_late_and_what_says_nothing_of_a_clock_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Old is historical, whoever kept it; a retained message, a device that hands over batches, and one without a time are not judged."""
    old = meter(NOW - 600_000, 2.0)[1]
    judged = rows(METER, old, NOW)
    retained = rows(METER, old, NOW, retained=True)
    profile = METER.model.model_copy(update={"arrives": "batch"})
    fresh = rows(METER, meter(NOW - 9000, 2.0)[1], NOW)
    monkeypatch.setattr(Device, "model", property(lambda _: profile))
    batch, ahead = rows(METER, old, NOW), rows(METER, meter(NOW + 600_000, 2.0)[1], NOW)
    assert [(r.at, r.late, r.taken) for r in (*judged, *retained, *batch, *fresh, *ahead)] == [
        (NOW - 600_000, True, NOW), (NOW - 600_000, True, None), (NOW - 600_000, True, None), (NOW - 9000, False, NOW),
        (NOW + 600_000, False, NOW),
    ]  # fmt: skip


@pytest.mark.parametrize("time", ["null", '"soon"', "1e300", "true", "-5", '"9999-99-99T00:00:00Z"'])
def test_a_message_whose_time_cannot_be_read_is_refused(time: str) -> None:
    """The profile says that the message has a time; without it nobody knows when the meter measured."""
    with pytest.raises(PayloadError, match="no time"):
        rows(METER, f'{{"time": {time}, "frequency": 50.0}}'.encode(), NOW)


@pytest.mark.parametrize(
    ("number", "reason"),
    [("1e999", "not a number: inf"), ('"x"', "not a number: 'x'"), ("-5", "not plausible: -5"), ("[]", "not a number: []")],
)
def test_a_value_that_is_none_is_bad_with_its_reason(number: str, reason: str) -> None:
    """Never 0, and the other values of the message are read."""
    raw = f'{{"time": "{iso(NOW)}", "frequency": 50.0, "energy": {{"import": {number}}}}}'.encode()
    (row,) = rows(METER, raw, NOW)
    assert (row.values, row.bad) == ({"frequency": 50.0}, {"energy_import": reason})


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
    running = asyncio.create_task(Mqtt(Line(SITE.buses[0], SITE.devices, Clock(), commit, lambda _: None)).run())
    await begun.wait()
    running.cancel()
    await asyncio.wait({running}, timeout=5)
    assert running.cancelled()
    assert sessions == 1
