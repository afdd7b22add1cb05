"""Long messages in packages: answered as they come, asked for where they lack, told where they never end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from protocols.jt808.codec import reassembly
from protocols.jt808.codec.bodies import Heartbeat
from protocols.jt808.codec.frame import Frame, Version, encode, split_message
from protocols.jt808.codec.session_bodies import Auth, PlatformResponse, ResendRequest
from protocols.jt808.driver import listener
from protocols.jt808.model.limits import TerminalLimits

if TYPE_CHECKING:
    from tests.protocols.jt808.conftest import Platform, Start

BATCH, HEARTBEAT = 0x0704, 0x0002


async def test_each_package_is_answered_as_it_comes_and_the_last_after_the_commit(platform: Platform) -> None:
    """A terminal that sends the next package only after an answer gets on, and positions are stored with their own times."""
    client = await platform.call()
    await client.open()
    times, batch = platform.long_batch()
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
    times, batch = platform.long_batch()
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
    times, batch = platform.long_batch(100)
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
    times, batch = platform.long_batch()
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
    times, batch = platform.long_batch()
    *before, last = client.packages(batch)
    for package in before:
        await client.ask_package(package)
    platform.disk.refusals = 1
    client.writer.write(encode(last))
    await asyncio.wait_for(platform.disk.asked.wait(), 10)
    assert await client.ask_package(last) == PlatformResponse(last.seq, BATCH, 0)
    assert [row.at for row in platform.disk.rows] == times


async def test_a_silence_within_a_message_is_asked_about_and_its_end_is_counted(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal stopped after its first package: the rest is asked for, and what never comes is told with car and message."""
    monkeypatch.setattr(listener, "TIDY_EVERY", 0.01)
    monkeypatch.setattr(reassembly, "ASK_AFTER_MS", 50)
    limits = TerminalLimits(long_message_seconds=0.5)
    async with start(limits=limits) as platform:
        client = await platform.call()
        await client.open()
        first = client.packages(platform.long_batch()[1])[0]
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
    for package in client.packages(platform.long_batch()[1]):
        assert await client.ask_package(replace(package, marks=0x0400)) == PlatformResponse(package.seq, BATCH, 3)
    assert platform.counted == ["car-1, message 0x0801: not supported", "car-1: encrypted message"]
