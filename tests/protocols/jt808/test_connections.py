"""Connections: who replaces whom, who has to go, and that whoever hangs up harms nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING

import pytest
import uvloop
from structlog.testing import capture_logs

from contract.clock import Clock
from protocols.jt808.codec.bodies import Heartbeat
from protocols.jt808.codec.session_bodies import Auth, PlatformResponse, Register, RegisterResponse
from protocols.jt808.driver import listener
from protocols.jt808.model.limits import TerminalLimits

if TYPE_CHECKING:
    from tests.protocols.jt808.conftest import Platform, Start

HEARTBEAT = 0x0002


async def test_a_new_call_replaces_the_old_one(platform: Platform) -> None:
    """The terminal's old link ends, and the new one works."""
    old, new = await platform.call(), await platform.call()
    code = await old.open()
    await new.ask(Auth(code))
    assert await old.closed()
    assert await new.ask(Heartbeat()) == PlatformResponse(1, HEARTBEAT, 0)


async def test_idle_connections_keep_nobody_out(platform: Platform) -> None:
    """260 connections of one address that say nothing: a terminal of the same address is served at once, and none was pushed out."""
    first = await platform.call()
    await first.open()
    for _ in range(260):
        await platform.call()
    other = await platform.call(platform.devices[1])
    await other.open()
    assert len(platform.listener.connections) == platform.listener.connections.most_per_address == 20
    assert platform.counted == ["127.0.0.1: too many connections"]
    assert await first.ask(Heartbeat()) == PlatformResponse(2, HEARTBEAT, 0)


async def test_who_named_a_known_phone_is_the_last_to_go(start: Start) -> None:
    """Of the connections that have not authenticated a registered terminal stays while others say nothing, however old it is."""
    limits = TerminalLimits(connections_per_address=3)
    async with start(limits=limits) as platform:
        client = await platform.call()
        given = await client.ask(Register(51, 800, "M", "m", "1", 1, "x", 2019))
        assert isinstance(given, RegisterResponse)
        idle = [await platform.call() for _ in range(9)]
        assert await idle[0].closed()
        assert await client.ask(Auth(given.code)) == PlatformResponse(1, 0x0102, 0)
        assert platform.counted == ["127.0.0.1: too many connections"]


async def test_terminals_are_not_pushed_out_by_others(start: Start) -> None:
    """Where all that is allowed belongs to terminals, the newcomer goes."""
    limits = TerminalLimits(connections=2)
    async with start(limits=limits) as platform:
        first, second = await platform.call(), await platform.call(platform.devices[1])
        await first.open()
        await second.open()
        assert await (await platform.call()).closed()
        assert platform.counted == ["127.0.0.1: too many connections"]
        assert await first.ask(Heartbeat()) == PlatformResponse(2, HEARTBEAT, 0)
        assert await second.ask(Heartbeat()) == PlatformResponse(2, HEARTBEAT, 0)


async def test_a_silent_link_is_closed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """After 180 s of the site's clock without a byte the link is dead."""
    monkeypatch.setattr(listener, "SHORTEST", 0.1)
    limits = TerminalLimits(opening_seconds=10_000)
    assert limits.silence_seconds == 180.0
    fast = Clock(speed=1000.0, origin_ms=Clock().now_ms(), real_origin=Clock().now_ms() / 1000)
    async with start(fast, limits=limits) as platform:
        client = await platform.call()
        await client.open()
        assert await client.closed()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_terminal_that_hangs_up_is_no_fault_of_ours(
    run: Callable[[Coroutine[None, None, None]], None], start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """Reset while its positions are committed, replaced by its next call, closed before a word: nothing is counted and no trace logged."""

    async def scenario() -> None:
        async with start() as platform:
            for _ in range(10):
                platform.cut(await platform.call())
            client = await platform.call()
            code = await client.open()
            platform.disk.may.clear()
            for number in range(300):
                client.send(platform.fix(platform.second() - number * 1000))
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
