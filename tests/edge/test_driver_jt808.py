"""The JT/T 808 listener on real sockets: who may speak, and that an answer means the fix is on disk."""

from __future__ import annotations

import asyncio
import random
import socket
import sqlite3
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop
from structlog.testing import capture_logs

from contract.clock import Clock
from contract.jt808 import reassembly
from contract.jt808.bodies import Body, Heartbeat, Other, TimeQuery, decode_body, message
from contract.jt808.frame import Frame, Splitter, Version, encode, split_message
from contract.jt808.limits import TerminalLimits
from contract.jt808.location import Batch, Item, Location
from contract.jt808.session import Auth, PlatformResponse, Register, RegisterResponse, ResendRequest, ServerTime, TerminalResponse
from contract.operation import Text
from contract.reading import Row
from contract.site import Bus, Device
from edge.drivers.base import Line
from edge.drivers.jt808 import Listener, listener

NAME = Text(zh="车", en="Car")
CAR = Device(id="car-1", name=NAME, profile="vehicle/jtt808-terminal", bus="cars", phone="010000000001")
OTHER = Device(id="car-2", name=NAME, profile="vehicle/jtt808-terminal", bus="cars", phone="00000000010000000002")
BUS = Bus(id="cars", gateway="gw", protocol="jt808", host="127.0.0.1", port=0)
LOCATION, BATCH, HEARTBEAT = 0x0200, 0x0704, 0x0002


class Disk:
    """Takes rows, refuses them, or makes the driver wait, as a test wants."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.refusals = 0
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
        self.rows += rows


class Client:
    """A terminal in the hands of a test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, phone: str, version: Version) -> None:
        self.reader, self.writer, self.phone, self.version = reader, writer, phone, version
        self._splitter, self._found, self._seq = Splitter(), list[Frame](), 0

    def send(self, body: Body) -> int:
        """Send a message, in packages if it is long; the sequence number of its first frame."""
        first = self._seq
        frames = split_message(message(body, self.phone, first, self.version))
        self._seq += len(frames)
        self.writer.write(b"".join(encode(frame) for frame in frames))
        return first

    def packages(self, body: Body) -> list[Frame]:
        """A long message as the frames that carry it, not sent yet."""
        frames = split_message(message(body, self.phone, self._seq, self.version))
        self._seq += len(frames)
        return frames

    async def ask_package(self, frame: Frame) -> Body:
        """Send one frame, and take the next message."""
        self.writer.write(encode(frame))
        return await self.answer()

    async def answer(self) -> Body:
        """The platform's next message."""
        async with asyncio.timeout(10):
            while not self._found:
                data = await self.reader.read(4096)
                if not data:
                    raise ConnectionResetError
                self._found += [found for found in self._splitter.feed(data) if isinstance(found, Frame)]
        return decode_body(self._found.pop(0))

    async def ask(self, body: Body) -> Body:
        """Send, and take the next message."""
        self.send(body)
        return await self.answer()

    async def open(self) -> str:
        """Register and authenticate; the code that was given."""
        given = await self.ask(Register(51, 800, "M", "m", "1", 1, "川H00001", self.version))
        assert isinstance(given, RegisterResponse)
        assert given.result == 0
        assert await self.ask(Auth(given.code)) == PlatformResponse(1, 0x0102, 0)
        return given.code

    async def closed(self) -> bool:
        """Whether the platform ends the link; waits for it."""
        async with asyncio.timeout(10):
            try:
                while await self.reader.read(4096):
                    pass
            except ConnectionError:
                pass
        return True


class Platform:
    """A listener under test and what it did."""

    def __init__(self, folder: Path, clock: Clock, devices: Sequence[Device], bus: Bus) -> None:
        self.disk, self.clock = Disk(), clock
        self.counted: list[str] = []
        self.listener = Listener(Line(bus, devices, clock, self.disk.commit, self.counted.append, folder=folder))
        self._clients: list[asyncio.StreamWriter] = []

    async def call(self, device: Device = CAR, version: Version = 2019, phone: str = "") -> Client:
        """A new connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port)
        self._clients.append(writer)
        return Client(reader, writer, phone or device.phone, version)

    @staticmethod
    def cut(client: Client) -> None:
        """Reset a connection, as a terminal does whose power goes."""
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.writer.transport.abort()

    @staticmethod
    async def until(condition: Callable[[], bool]) -> None:
        """Wait for what the listener does by itself."""
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 (the listener sets no event for it)
                await asyncio.sleep(0.01)

    def hang_up(self) -> None:
        """Leave no connection open."""
        for writer in self._clients:
            writer.transport.abort()


@asynccontextmanager
async def running(
    folder: Path, clock: Clock | None = None, devices: Sequence[Device] = (CAR, OTHER), bus: Bus = BUS
) -> AsyncIterator[Platform]:
    platform = Platform(folder, clock or Clock(), devices, bus)
    task = asyncio.create_task(platform.listener.run())
    async with asyncio.timeout(10):
        await platform.listener.listening.wait()
    try:
        yield platform
    finally:
        platform.hang_up()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    async with running(tmp_path) as made:
        yield made


def fix(at: int, **more: int) -> Location:
    return Location.of(at, 32.43, 105.84, speed=36.5, course=90, altitude=480, items=(Item(0x01, (12345).to_bytes(4, "big")),), **more)


def whole_second(clock: Clock) -> int:
    return clock.now_ms() // 1000 * 1000


@pytest.mark.parametrize(("device", "version"), [(CAR, 2013), (OTHER, 2019)])
async def test_a_terminal_registers_authenticates_and_sends(platform: Platform, device: Device, version: Version) -> None:
    """A fix of either edition becomes one row with its own time and the values that were sent."""
    client = await platform.call(device, version)
    await client.open()
    at = whole_second(platform.clock) - 3000
    assert await client.ask(fix(at)) == PlatformResponse(2, LOCATION, 0)
    (row,) = platform.disk.rows
    assert (row.device, row.at, row.bad) == (device.id, at, {})
    assert row.values == {
        "latitude": 32.43, "longitude": 105.84, "altitude": 480.0, "speed": 36.5, "course": 90.0, "located": 1.0,
        "ignition": 0.0, "alarms": 0.0, "status": 2.0, "odometer": 1234.5,
    }  # fmt: skip


async def test_an_answer_comes_only_after_the_commit(platform: Platform) -> None:
    """While the disk works, the terminal hears nothing."""
    client = await platform.call()
    await client.open()
    platform.disk.may.clear()
    waiting = asyncio.create_task(client.ask(fix(whole_second(platform.clock))))
    await asyncio.wait_for(platform.disk.asked.wait(), 10)
    assert not waiting.done()
    assert platform.disk.rows == []
    platform.disk.may.set()
    assert await waiting == PlatformResponse(2, LOCATION, 0)
    assert len(platform.disk.rows) == 1


async def test_a_commit_that_fails_gives_no_answer_and_the_repetition_is_stored(platform: Platform) -> None:
    """The next thing the terminal hears is the answer to what it sent later; repeated, the fix is stored."""
    client = await platform.call()
    await client.open()
    platform.disk.refusals = 1
    at = whole_second(platform.clock)
    client.send(fix(at))
    await asyncio.wait_for(platform.disk.asked.wait(), 10)
    assert await client.ask(Heartbeat()) == PlatformResponse(3, HEARTBEAT, 0)
    assert platform.disk.rows == []
    assert await client.ask(fix(at)) == PlatformResponse(4, LOCATION, 0)
    assert [row.at for row in platform.disk.rows] == [at]
    assert platform.counted == ["outbox: refused the rows"]


async def test_an_unknown_terminal_is_refused_and_counted_once(platform: Platform) -> None:
    """Whoever is not in the site gets result 4, and a flood of it counts once a minute."""
    client = await platform.call(phone="019999999999", version=2013)
    for seq in range(3):
        assert await client.ask(Register(51, 800, "M", "m", "1", 1, "x")) == RegisterResponse(seq, 4)
    assert await client.ask(fix(whole_second(platform.clock))) == PlatformResponse(3, LOCATION, 1)
    assert platform.disk.rows == []
    assert platform.counted == ["127.0.0.1, phone 019999999999: unknown terminal"]


async def test_nothing_is_taken_before_authentication_or_with_a_wrong_code(platform: Platform) -> None:
    """A registered phone alone stores nothing; a guessed code stays outside."""
    client = await platform.call()
    assert await client.ask(fix(whole_second(platform.clock))) == PlatformResponse(0, LOCATION, 1)
    assert await client.ask(Auth("guess")) == PlatformResponse(1, 0x0102, 1)
    assert await client.ask(Heartbeat()) == PlatformResponse(2, HEARTBEAT, 1)
    assert platform.disk.rows == []
    assert "car-1: wrong authentication code" in platform.counted


async def test_a_code_is_known_after_a_restart(tmp_path: Path) -> None:
    """The secret lies in the gateway's folder, for its owner only."""
    async with running(tmp_path) as first:
        code = await (await first.call()).open()
    async with running(tmp_path) as second:
        client = await second.call()
        assert await client.ask(Auth(code)) == PlatformResponse(0, 0x0102, 0)
    assert (tmp_path / "jt808-secret").stat().st_mode & 0o777 == 0o600


async def test_garbage_does_not_end_a_session(platform: Platform) -> None:
    """After noise, broken frames and 50 random messages with a right check byte the same link still stores a fix."""
    client = await platform.call()
    await client.open()
    chance = random.Random(8)  # noqa: S311 (a test's noise)
    client.writer.write(b"\x7e\x00\x7e\x7e(hello)\x7e" + chance.randbytes(20_000) + b"\x7e")
    for number in range(50):
        noise = Frame(chance.choice([LOCATION, BATCH, 0x0100, 0x0201, 0x0900]), client.phone, 1000 + number, 2019, chance.randbytes(number))
        client.writer.write(encode(noise))
    stored = len(platform.disk.rows)
    at = whole_second(platform.clock)
    client.send(fix(at))
    answer = await client.answer()
    while answer != PlatformResponse(2, LOCATION, 0):
        answer = await client.answer()
    assert platform.disk.rows[-1].at == at
    assert len(platform.disk.rows) > stored


async def test_a_new_call_replaces_the_old_one(platform: Platform) -> None:
    """The terminal's old link ends, and the new one works."""
    old, new = await platform.call(), await platform.call()
    code = await old.open()
    await new.ask(Auth(code))
    assert await old.closed()
    assert await new.ask(Heartbeat()) == PlatformResponse(1, HEARTBEAT, 0)


def long_batch(at: int, count: int = 70) -> tuple[list[int], Batch]:
    """The times of a blind area's positions and the batch of them, which needs three packages."""
    times = [at - 3_600_000 + 10_000 * number for number in range(count)]
    return times, Batch(1, tuple(fix(at) for at in reversed(times)))


async def test_each_package_is_answered_as_it_comes_and_the_last_after_the_commit(platform: Platform) -> None:
    """A terminal that sends the next package only after an answer gets on, and positions are stored with their own times."""
    client = await platform.call()
    await client.open()
    times, batch = long_batch(whole_second(platform.clock))
    first, second, third = client.packages(batch)
    assert await client.ask_package(first) == PlatformResponse(first.seq, BATCH, 0)
    assert await client.ask_package(second) == PlatformResponse(second.seq, BATCH, 0)
    platform.disk.may.clear()
    waiting = asyncio.create_task(client.ask_package(third))
    await asyncio.wait_for(platform.disk.asked.wait(), 10)
    assert not waiting.done()
    platform.disk.may.set()
    assert await waiting == PlatformResponse(third.seq, BATCH, 0)
    assert [row.at for row in platform.disk.rows] == times


async def test_a_heartbeat_between_packages_harms_neither(platform: Platform) -> None:
    """It takes a number of the sequence, so the packages are not numbered one after the other."""
    client = await platform.call()
    await client.open()
    times, batch = long_batch(whole_second(platform.clock))
    for number, package in enumerate(client.packages(batch)):
        later = replace(package, seq=package.seq + 2 * number)
        assert await client.ask_package(later) == PlatformResponse(later.seq, BATCH, 0)
        beat = Frame(HEARTBEAT, client.phone, later.seq + 1, 2019)
        assert await client.ask_package(beat) == PlatformResponse(beat.seq, HEARTBEAT, 0)
    assert [row.at for row in platform.disk.rows] == times


@pytest.mark.parametrize("version", [2013, 2019])
async def test_packages_that_lack_are_asked_for(platform: Platform, version: Version) -> None:
    """0x8003 names the first number and the packages; sent again as they were, they make the message whole."""
    client = await platform.call(version=version)
    await client.open()
    times, batch = long_batch(whole_second(platform.clock), 100)
    first, second, third, fourth = client.packages(batch)
    await client.ask_package(first)
    assert await client.ask_package(fourth) == PlatformResponse(fourth.seq, BATCH, 0)
    assert await client.answer() == ResendRequest(first.seq, (2, 3))
    await client.ask_package(second)
    assert platform.disk.rows == []
    assert await client.ask_package(third) == PlatformResponse(third.seq, BATCH, 0)
    assert [row.at for row in platform.disk.rows] == times


async def test_a_message_goes_on_after_the_link_broke(platform: Platform) -> None:
    """What came over the old link counts; a gateway that was started anew asks for it."""
    client = await platform.call()
    code = await client.open()
    times, batch = long_batch(whole_second(platform.clock))
    first, second, third = client.packages(batch)
    await client.ask_package(first)
    again = await platform.call()
    await again.ask(Auth(code))
    await again.ask_package(second)
    assert await again.ask_package(third) == PlatformResponse(third.seq, BATCH, 0)
    assert [row.at for row in platform.disk.rows] == times


async def test_a_last_package_that_was_not_committed_is_taken_when_it_comes_again(platform: Platform) -> None:
    """The disk refused, so it was not answered; the terminal repeats only that one."""
    client = await platform.call()
    await client.open()
    times, batch = long_batch(whole_second(platform.clock))
    *before, last = client.packages(batch)
    for package in before:
        await client.ask_package(package)
    platform.disk.refusals = 1
    client.writer.write(encode(last))
    await asyncio.wait_for(platform.disk.asked.wait(), 10)
    assert await client.ask_package(last) == PlatformResponse(last.seq, BATCH, 0)
    assert [row.at for row in platform.disk.rows] == times


async def test_a_silence_within_a_message_is_asked_about_and_its_end_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal stopped after its first package: the rest is asked for, and what never comes is told with car and message."""
    monkeypatch.setattr(listener, "TIDY_EVERY", 0.01)
    monkeypatch.setattr(reassembly, "ASK_AFTER_MS", 50)
    bus = BUS.model_copy(update={"terminals": TerminalLimits(long_message_seconds=0.5)})
    async with running(tmp_path, bus=bus) as platform:
        client = await platform.call()
        await client.open()
        first = client.packages(long_batch(whole_second(platform.clock))[1])[0]
        await client.ask_package(first)
        assert [await client.answer() for _ in range(3)] == [ResendRequest(first.seq, (2, 3))] * 3
        await platform.until(lambda: platform.counted == ["car-1, message 0x0704: long message given up, packages missing"])
        assert await client.ask(Heartbeat()) == PlatformResponse(5, HEARTBEAT, 0)


async def test_packages_of_what_is_not_kept_are_refused_one_by_one(platform: Platform) -> None:
    """A picture (0x0801) or an encrypted batch is not collected in memory first."""
    client = await platform.call()
    await client.open()
    for package in split_message(Frame(0x0801, client.phone, 2, 2019, bytes(3000))):
        assert await client.ask_package(package) == PlatformResponse(package.seq, 0x0801, 3)
    for package in client.packages(long_batch(whole_second(platform.clock))[1]):
        assert await client.ask_package(replace(package, marks=0x0400)) == PlatformResponse(package.seq, BATCH, 3)
    assert platform.counted == ["car-1, message 0x0801: not supported", "car-1: encrypted message"]


async def test_what_a_terminal_had_stored_is_late_and_what_it_says_now_is_not(platform: Platform) -> None:
    """Positions of a minute ago and before are late and fresh ones live, whether they came in a 0x0704 or alone."""
    client = await platform.call()
    await client.open()
    now = whole_second(platform.clock)
    ages = [180_000, 60_000, 30_000, 0]
    await client.ask(Batch(1, tuple(fix(now - age) for age in ages)))
    await client.ask(Batch(0, (fix(now - 170_000), fix(now - 1000))))
    await client.ask(fix(now - 160_000))
    found = {now - row.at: row.late for row in platform.disk.rows}
    assert found == {180_000: True, 60_000: True, 30_000: False, 0: False, 170_000: True, 1000: False, 160_000: True}
    assert all(row.taken is not None and abs(row.taken - now) < 60_000 for row in platform.disk.rows)


async def test_a_place_that_is_no_fix_draws_no_track(platform: Platform) -> None:
    """Without a fix a row has neither latitude nor longitude."""
    client = await platform.call()
    await client.open()
    await client.ask(fix(whole_second(platform.clock), status=0))
    (unlocated,) = platform.disk.rows
    assert not {"latitude", "longitude"} & unlocated.values.keys()
    assert unlocated.values["located"] == 0.0


@pytest.mark.parametrize("days", [-1.0, 91.0, 400.0, 7000.0])
async def test_a_fix_is_never_dated_now(platform: Platform, days: float) -> None:
    """A batch of 100 days ago, a clock of 2007, a clock of tomorrow: each row stands at its own time, and the cloud may doubt it."""
    client = await platform.call()
    await client.open()
    at = whole_second(platform.clock) - int(days * 86_400_000)
    assert await client.ask(fix(at)) == PlatformResponse(2, LOCATION, 0)
    assert await client.ask(Batch(1, (fix(at - 60_000), fix(at - 50_000)))) == PlatformResponse(3, BATCH, 0)
    assert [(row.at, row.late) for row in platform.disk.rows] == [(when, days > 0) for when in (at, at - 60_000, at - 50_000)]
    assert all(row.taken is not None for row in platform.disk.rows)


async def test_a_fix_without_a_date_is_told_and_not_stored(platform: Platform) -> None:
    """Nobody knows when it was measured: result 2 where nothing is left to keep, and the rest of a batch is kept."""
    client = await platform.call()
    await client.open()
    at = whole_second(platform.clock)
    undated = replace(fix(at), time="000000000000")
    assert await client.ask(undated) == PlatformResponse(2, LOCATION, 2)
    assert await client.ask(Batch(0, (undated, fix(at)))) == PlatformResponse(3, BATCH, 0)
    assert [row.at for row in platform.disk.rows] == [at]
    assert platform.counted == ["car-1: positions that cannot be read or have no date"]


@pytest.mark.parametrize("msg_id", [0x0210, 0x0104, 0x0702, 0x0705, 0x0900, 0x5501, 0x8103])
async def test_a_message_of_which_nothing_is_kept_is_not_supported(platform: Platform, msg_id: int) -> None:
    """Result 3, for 0 would say that it is stored; each kind is counted by its id."""
    client = await platform.call()
    await client.open()
    assert await client.ask(Other(msg_id, b"abc")) == PlatformResponse(2, msg_id, 3)
    assert platform.counted == [f"car-1, message 0x{msg_id:04X}: not supported"]


async def test_answers_are_not_answered(platform: Platform) -> None:
    """A general answer from whoever is at the other end begins no endless talk: the next thing heard belongs to the next question."""
    client = await platform.call()
    await client.open()
    client.send(PlatformResponse(1, HEARTBEAT, 0))
    client.send(TerminalResponse(1, 0x8201, 0))
    assert await client.ask(Heartbeat()) == PlatformResponse(4, HEARTBEAT, 0)


async def test_the_question_for_the_time_is_answered(platform: Platform) -> None:
    """0x0004 gets the platform's time."""
    client = await platform.call()
    await client.open()
    told = await client.ask(TimeQuery())
    assert isinstance(told, ServerTime)
    assert abs(told.at - platform.clock.now_ms()) < 5000


@pytest.mark.parametrize(("written", "sent"), [("0863012045067A1c", "863012045067a1C"), ("13800138000", "0" * 9 + "13800138000")])
async def test_a_phone_may_hold_letters_and_be_padded_as_it_likes(tmp_path: Path, written: str, sent: str) -> None:
    """What the site file and the header have in common is the identity: zeros in front and capital letters do not count."""
    car = CAR.model_copy(update={"phone": written})
    async with running(tmp_path, devices=[car]) as platform:
        client = await platform.call(phone=sent)
        await client.open()
        at = whole_second(platform.clock)
        assert await client.ask(fix(at)) == PlatformResponse(2, LOCATION, 0)
        assert [(row.device, row.at) for row in platform.disk.rows] == [("car-1", at)]


async def test_idle_connections_keep_nobody_out(platform: Platform) -> None:
    """260 connections of one address that say nothing: a terminal of the same address is served at once, and none was pushed out."""
    first = await platform.call()
    await first.open()
    for _ in range(260):
        await platform.call()
    other = await platform.call(OTHER)
    await other.open()
    assert len(platform.listener.connections) == platform.listener.connections.most_per_address == 20
    assert platform.counted == ["127.0.0.1: too many connections"]
    assert await first.ask(Heartbeat()) == PlatformResponse(2, HEARTBEAT, 0)


async def test_who_named_a_known_phone_is_the_last_to_go(tmp_path: Path) -> None:
    """Of the connections that have not authenticated a registered terminal stays while others say nothing, however old it is."""
    bus = BUS.model_copy(update={"terminals": TerminalLimits(connections_per_address=3)})
    async with running(tmp_path, bus=bus) as platform:
        client = await platform.call()
        given = await client.ask(Register(51, 800, "M", "m", "1", 1, "x", 2019))
        assert isinstance(given, RegisterResponse)
        idle = [await platform.call() for _ in range(9)]
        assert await idle[0].closed()
        assert await client.ask(Auth(given.code)) == PlatformResponse(1, 0x0102, 0)
        assert platform.counted == ["127.0.0.1: too many connections"]


async def test_terminals_are_not_pushed_out_by_others(tmp_path: Path) -> None:
    """Where all that is allowed belongs to terminals, the newcomer goes."""
    bus = BUS.model_copy(update={"terminals": TerminalLimits(connections=2)})
    async with running(tmp_path, bus=bus) as platform:
        first, second = await platform.call(), await platform.call(OTHER)
        await first.open()
        await second.open()
        assert await (await platform.call()).closed()
        assert platform.counted == ["127.0.0.1: too many connections"]
        assert await first.ask(Heartbeat()) == PlatformResponse(2, HEARTBEAT, 0)
        assert await second.ask(Heartbeat()) == PlatformResponse(2, HEARTBEAT, 0)


async def test_a_silent_link_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After 180 s of the site's clock without a byte the link is dead."""
    monkeypatch.setattr(listener, "SHORTEST", 0.1)
    bus = BUS.model_copy(update={"terminals": TerminalLimits(opening_seconds=10_000)})
    assert bus.terminals.silence_seconds == 180.0
    fast = Clock(speed=1000.0, origin_ms=Clock().now_ms(), real_origin=Clock().now_ms() / 1000)
    async with running(tmp_path, fast, bus=bus) as platform:
        client = await platform.call()
        await client.open()
        assert await client.closed()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_terminal_that_hangs_up_is_no_fault_of_ours(
    run: Callable[[Coroutine[None, None, None]], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Reset while its positions are committed, replaced by its next call, closed before a word: nothing is counted and no trace logged."""

    async def scenario() -> None:
        async with running(tmp_path) as platform:
            for _ in range(10):
                platform.cut(await platform.call())
            client = await platform.call()
            code = await client.open()
            platform.disk.may.clear()
            for number in range(300):
                client.send(fix(whole_second(platform.clock) - number * 1000))
            await client.writer.drain()
            await asyncio.wait_for(platform.disk.asked.wait(), 10)
            again = await platform.call()
            await again.ask(Auth(code))  # the first link is aborted while its rows wait for the disk
            platform.cut(client)
            platform.disk.may.set()
            assert await again.ask(Heartbeat()) == PlatformResponse(1, HEARTBEAT, 0)
            await platform.until(lambda: len(platform.listener.connections) == 1)
            assert platform.disk.rows
            assert platform.counted == []

    with capture_logs() as logs:
        run(scenario())
    assert {entry["event"] for entry in logs} == {"listening", "terminal gone", "terminal called again"}
    assert caplog.records == []
