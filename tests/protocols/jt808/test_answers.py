"""Who may speak, and that an answer means the fix is on disk."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract.operation import Text
from protocols.jt808.codec.bodies import Heartbeat, Other, TimeQuery
from protocols.jt808.codec.frame import Frame, Version, encode
from protocols.jt808.codec.location import Batch
from protocols.jt808.codec.session_bodies import Auth, PlatformResponse, Register, RegisterResponse, ServerTime, TerminalResponse
from protocols.jt808.model import Device
from protocols.jt808.model.phone import identity

if TYPE_CHECKING:
    from tests.protocols.jt808.conftest import Platform, Start

LOCATION, BATCH, HEARTBEAT = 0x0200, 0x0704, 0x0002


@pytest.mark.parametrize(("number", "version"), [(0, 2013), (1, 2019)])
async def test_a_terminal_registers_authenticates_and_sends(platform: Platform, number: int, version: Version) -> None:
    """A fix of either edition becomes one row with its own time and the values that were sent."""
    device = platform.devices[number]
    client = await platform.call(device, version)
    await client.open()
    at = platform.second() - 3000
    assert await client.ask(platform.fix(at)) == PlatformResponse(2, LOCATION, 0)
    (row,) = platform.disk.rows
    assert (row.device, row.at, row.bad) == (device.id, at, {})
    assert row.values == {
        "latitude": 32.43, "longitude": 105.84, "altitude": 480.0, "speed": 36.5, "course": 90.0, "located": 1.0,
        "ignition": 0.0, "alarms": 0.0, "status": 2.0, "odometer": 1234.5, "emergency_alarm": 0.0, "overspeed_alarm": 0.0,
    }  # fmt: skip


async def test_an_answer_comes_only_after_the_commit(platform: Platform) -> None:
    """While the disk works, the terminal hears nothing."""
    client = await platform.call()
    await client.open()
    platform.disk.may.clear()
    waiting = asyncio.create_task(client.ask(platform.fix(platform.second())))
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
    at = platform.second()
    client.send(platform.fix(at))
    await asyncio.wait_for(platform.disk.asked.wait(), 10)
    assert await client.ask(Heartbeat()) == PlatformResponse(3, HEARTBEAT, 0)
    assert platform.disk.rows == []
    assert await client.ask(platform.fix(at)) == PlatformResponse(4, LOCATION, 0)
    assert [row.at for row in platform.disk.rows] == [at]
    assert platform.counted == ["outbox: refused the rows"]


async def test_an_unknown_terminal_is_refused_and_counted_once(platform: Platform) -> None:
    """Whoever is not in the site gets result 4, and a flood of it counts once a minute."""
    client = await platform.call(phone="019999999999", version=2013)
    for seq in range(3):
        assert await client.ask(Register(51, 800, "M", "m", "1", 1, "x")) == RegisterResponse(seq, 4)
    assert await client.ask(platform.fix(platform.second())) == PlatformResponse(3, LOCATION, 1)
    assert platform.disk.rows == []
    assert platform.counted == ["127.0.0.1, phone 019999999999: unknown terminal"]


async def test_nothing_is_taken_before_authentication_or_with_a_wrong_code(platform: Platform) -> None:
    """A registered phone alone stores nothing; a guessed code stays outside."""
    client = await platform.call()
    assert await client.ask(platform.fix(platform.second())) == PlatformResponse(0, LOCATION, 1)
    assert await client.ask(Auth("guess")) == PlatformResponse(1, 0x0102, 1)
    assert await client.ask(Heartbeat()) == PlatformResponse(2, HEARTBEAT, 1)
    assert platform.disk.rows == []
    assert "car-1: wrong authentication code" in platform.counted


async def test_a_code_is_known_after_a_restart(start: Start, tmp_path: Path) -> None:
    """The secret lies in the gateway's folder, for its owner only."""
    async with start() as first:
        code = await (await first.call()).open()
    async with start() as second:
        client = await second.call()
        assert await client.ask(Auth(code)) == PlatformResponse(0, 0x0102, 0)
    assert (tmp_path / "jt808-secret").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)], ids=["empty", "short", "long"])
async def test_a_damaged_secret_is_set_aside_and_terminals_register_anew(start: Start, tmp_path: Path, content: bytes) -> None:
    """With an empty secret anybody could work out codes; the listener starts all the same, and the code of before is refused."""
    (tmp_path / "jt808-secret").write_bytes(content)
    async with start() as platform:
        client = await platform.call()
        guessed = hmac.new(content, identity(client.phone).encode(), hashlib.sha256).hexdigest()[:16]
        assert await client.ask(Auth(guessed)) == PlatformResponse(0, 0x0102, 1)
        await (await platform.call()).open()
    (aside,) = [path for path in tmp_path.iterdir() if path.name.endswith(".damaged")]  # noqa: ASYNC240 (a test may wait for its disk)
    assert aside.read_bytes() == content
    assert len((tmp_path / "jt808-secret").read_bytes()) == 32


async def test_a_secret_that_no_disk_takes_lives_with_the_process(start: Start, tmp_path: Path) -> None:
    """Terminals are served meanwhile, and the secret is kept as soon as the disk takes it, so that a restart knows the same codes."""
    (tmp_path / "jt808-secret").mkdir()
    async with start() as first:
        code = await (await first.call()).open()
        (tmp_path / "jt808-secret").rmdir()
        assert await (await first.call()).open() == code
    async with start() as second:
        assert await (await second.call()).ask(Auth(code)) == PlatformResponse(0, 0x0102, 0)


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
    at = platform.second()
    client.send(platform.fix(at))
    answer = await client.answer()
    while answer != PlatformResponse(2, LOCATION, 0):
        answer = await client.answer()
    assert platform.disk.rows[-1].at == at
    assert len(platform.disk.rows) > stored


async def test_what_a_terminal_had_stored_is_late_and_what_it_says_now_is_not(platform: Platform) -> None:
    """Positions of a minute ago and before are late and fresh ones live, whether they came in a 0x0704 or alone."""
    client = await platform.call()
    await client.open()
    now = platform.second()
    ages = [180_000, 60_000, 30_000, 0]
    await client.ask(Batch(1, tuple(platform.fix(now - age) for age in ages)))
    await client.ask(Batch(0, (platform.fix(now - 170_000), platform.fix(now - 1000))))
    await client.ask(platform.fix(now - 160_000))
    found = {now - row.at: row.late for row in platform.disk.rows}
    assert found == {180_000: True, 60_000: True, 30_000: False, 0: False, 170_000: True, 1000: False, 160_000: True}
    assert all(row.taken is not None and abs(row.taken - now) < 60_000 for row in platform.disk.rows)


async def test_a_place_that_is_no_fix_draws_no_track(platform: Platform) -> None:
    """Without a fix a row has neither latitude nor longitude."""
    client = await platform.call()
    await client.open()
    await client.ask(platform.fix(platform.second(), status=0))
    (unlocated,) = platform.disk.rows
    assert not {"latitude", "longitude"} & unlocated.values.keys()
    assert unlocated.values["located"] == 0.0


@pytest.mark.parametrize("days", [-1.0, 91.0, 400.0, 7000.0])
async def test_a_fix_is_never_dated_now(platform: Platform, days: float) -> None:
    """A batch of 100 days ago, a clock of 2007, a clock of tomorrow: each row stands at its own time, and the cloud may doubt it."""
    client = await platform.call()
    await client.open()
    at = platform.second() - int(days * 86_400_000)
    assert await client.ask(platform.fix(at)) == PlatformResponse(2, LOCATION, 0)
    assert await client.ask(Batch(1, (platform.fix(at - 60_000), platform.fix(at - 50_000)))) == PlatformResponse(3, BATCH, 0)
    assert [(row.at, row.late) for row in platform.disk.rows] == [(when, days > 0) for when in (at, at - 60_000, at - 50_000)]
    assert all(row.taken is not None for row in platform.disk.rows)


async def test_a_fix_without_a_date_is_told_and_not_stored(platform: Platform) -> None:
    """Nobody knows when it was measured: result 2 where nothing is left to keep, and the rest of a batch is kept."""
    client = await platform.call()
    await client.open()
    at = platform.second()
    undated = replace(platform.fix(at), time="000000000000")
    assert await client.ask(undated) == PlatformResponse(2, LOCATION, 2)
    assert await client.ask(Batch(0, (undated, platform.fix(at)))) == PlatformResponse(3, BATCH, 0)
    assert [row.at for row in platform.disk.rows] == [at]
    assert platform.counted == ["car-1: positions that cannot be read or have no date"]


@pytest.mark.parametrize("msg_id", [0x0210, 0x0107, 0x0702, 0x0705, 0x0900, 0x5501, 0x8105])
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
async def test_a_phone_may_hold_letters_and_be_padded_as_it_likes(start: Start, written: str, sent: str) -> None:
    """What the site file and the header have in common is the identity: zeros in front and capital letters do not count."""
    car = Device(id="car-1", name=Text(zh="车", en="Car"), profile="vehicle/jtt808-terminal", bus="cars", phone=written)
    async with start(devices=[car]) as platform:
        client = await platform.call(car, phone=sent)
        await client.open()
        at = platform.second()
        assert await client.ask(platform.fix(at)) == PlatformResponse(2, LOCATION, 0)
        assert [(row.device, row.at) for row in platform.disk.rows] == [("car-1", at)]
