"""The interface flooded from many addresses: whether the site's data keep flowing, and whether anything is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from bench import figures
from bench.cloud import polling
from bench.looking import Looking
from simulators.stack.stack import Stack

DEVICES = 8
CALM, AFTER = 15.0, 45.0
"""Seconds before the flood, and until what it left is looked at."""
HALF_OPEN, STREAMS, HEALTH = 1_000, 1_000, 100_000
ADDRESSES = [f"127.0.1.{number}" for number in range(1, 11)]
"""Of the callers; the bench itself asks from 127.0.0.1."""
LOOK_EVERY = 0.02
AT_ONCE = 16


def run(folder: Path) -> None:
    """8 devices each second on SQLite, flooded until 100 000 requests are answered."""
    with polling(folder, DEVICES, 60) as (stack, api):
        _measured(stack, api)


class _Delays(Looking):
    """Looks at the newest readings where ingest writes them, past the interface."""

    def __init__(self, database: Path) -> None:
        self.seen: list[tuple[float, float]] = []
        """(moment, seconds from a reading's measurement until it stood there)."""
        self._database = database
        super().__init__()

    def run(self) -> None:
        """Note each reading that is newer than the last of its device."""
        newest: dict[str, int] = {}
        with contextlib.closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            while not self.ended.wait(LOOK_EVERY):
                now = time.time()
                for device, at in connection.execute("SELECT device, max(at) FROM latest WHERE device LIKE 'd%' GROUP BY device"):
                    if newest.get(device, 0) < at:
                        newest[device] = at
                        self.seen.append((time.monotonic(), now - at / 1000))

    def within(self, begin: float, end: float) -> list[float]:
        """Delays seen between two moments."""
        return [delay for at, delay in self.seen if begin <= at < end]


def _measured(stack: Stack, api: httpx.Client) -> None:
    pid = stack.processes.pid("cloud")
    delays = _Delays(stack.data / "cloud" / "registry.db")
    calm = time.monotonic()
    time.sleep(CALM)
    before, began = _held(pid), time.monotonic()
    peaks: list[float] = []
    answered = asyncio.run(_flood(stack.port, api.headers["authorization"], lambda: peaks.append(_held(pid)[0])))
    ended = time.monotonic()
    time.sleep(AFTER)
    after = _held(pid)
    delays.stop()
    what = f"{HALF_OPEN} half-open connections, {STREAMS} streams asked for, endless headers and {HEALTH} /healthz in {ended - began:.0f} s"
    for name, span in (("calm", (calm, began)), ("flooded", (began, ended))):
        figures.tell(f"flood.delay.{name}.p99", figures.quantile(delays.within(*span), 0.99), "s", f"measured until stored; {what}")
    figures.tell("flood.healthz.answered", answered["200"], "", f"with 200, of {HEALTH}; others: {answered}")
    figures.tell("flood.streams.open", answered["streams"], "", f"of {STREAMS} asked for by one token")
    figures.tell("flood.memory.peak", max(peaks) - before[0], "MiB", "more than before the flood")
    for name, number, unit in (("memory", 0, "MiB"), ("descriptors", 1, ""), ("threads", 2, "")):
        figures.tell(f"flood.{name}.left", after[number] - before[number], unit, f"more {AFTER:.0f} s after the flood than before it")


def _held(pid: int) -> tuple[float, int, int]:
    """Memory in MiB, descriptors and threads of a process."""
    process = Path(f"/proc/{pid}")
    return figures.resident_mib(pid), len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))


async def _flood(port: int, token: str, look: Callable[[], None]) -> dict[str, int]:
    answered = {"200": 0, "streams": 0}
    opened: list[asyncio.StreamWriter] = []
    await asyncio.gather(*(_half_open(port, number, opened) for number in range(HALF_OPEN)))
    streams = [asyncio.create_task(_stream(port, token, number, answered)) for number in range(STREAMS)]
    endless = asyncio.create_task(_endless(port))
    watching = asyncio.create_task(_look(look))
    left = iter(range(HEALTH))
    await asyncio.gather(*(_healthz(port, worker, left, answered) for worker in range(AT_ONCE)))
    for task in (*streams, endless, watching):
        task.cancel()
    await asyncio.gather(*streams, endless, watching, return_exceptions=True)
    for writer in opened:
        writer.close()
    return answered


async def _look(look: Callable[[], None]) -> None:
    while True:
        look()
        await asyncio.sleep(0.5)


async def _opened(port: int, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(ADDRESSES[number % len(ADDRESSES)], 0))


async def _half_open(port: int, number: int, opened: list[asyncio.StreamWriter]) -> None:
    with contextlib.suppress(OSError):
        _, writer = await _opened(port, number)
        writer.write(b"GET /api/v1/devices HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        opened.append(writer)


async def _stream(port: int, token: str, number: int, answered: dict[str, int]) -> None:
    with contextlib.suppress(OSError):
        reader, writer = await _opened(port, number)
        writer.write(f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n".encode())
        try:
            if b" 200 " in await reader.readline():
                answered["streams"] += 1
            while await reader.read(65_536):
                pass
        finally:
            writer.close()


async def _endless(port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            _, writer = await _opened(port, 0)
            writer.write(b"GET / HTTP/1.1\r\nX-Long: ")
            try:
                while True:
                    writer.write(b"a" * 65_536)
                    await writer.drain()
            finally:
                writer.close()
        await asyncio.sleep(0.05)


async def _healthz(port: int, worker: int, left: Iterator[int], answered: dict[str, int]) -> None:
    reader = writer = None
    for _ in left:
        try:
            if writer is None or reader is None:
                reader, writer = await _opened(port, worker)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
            await reader.readexactly(int(head.lower().split("content-length: ")[1].split("\r\n")[0]))
            answered[head.split(" ")[1]] = answered.get(head.split(" ")[1], 0) + 1
        except (OSError, EOFError):
            answered["lost"] = answered.get("lost", 0) + 1
            writer = None
