"""Vehicle terminals that report every ten seconds: how long a gateway takes to commit a report and answer it.

`JIEYUE_TERMINALS` (1000,5000,10000) says how many.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from pathlib import Path

from bench import figures, site
from contract import descriptors
from contract.clock import Clock
from protocols.jt808.codec.location import Location
from protocols.jt808.codec.session_bodies import OK, Auth, PlatformResponse, RegisterResponse
from protocols.jt808.device.link import Link, registration
from protocols.jt808.model import Device
from simulators.stack.stack import Stack

NUMBERS = "1000,5000,10000"
EVERY, SECONDS = 10.0, 60.0
_CALLS_AT_ONCE = 100
_SETTLED = 2.0
"""Seconds between the last call and the first report that counts."""


def run(folder: Path) -> None:
    """One gateway after the other, each with more terminals."""
    descriptors.raise_limit()
    for number in map(int, (os.environ.get("JIEYUE_TERMINALS") or NUMBERS).split(",")):
        _one(folder / str(number), number)


def _one(folder: Path, number: int) -> None:
    folder.mkdir()
    buses = [{"id": "cars", "gateway": "gw", "protocol": "jt808"}]
    devices = [
        {
            "id": f"car-{index}",
            "profile": "vehicle/jtt808-terminal",
            "bus": "cars",
            "phone": f"{13000000000 + index:012d}",
            "interval": EVERY,
            "vehicle": {"plate": f"川H{index:05d}", "kind": "sedan", "unit": "u1", "protocol_year": 2013},
        }
        for index in range(number)
    ]
    stack = Stack(site.write(folder / "site", ["gw"], buses, devices, metered=False), folder / "data", Clock())
    try:
        stack.start_broker()
        stack.start_edge("gw", {})
        pid = stack.processes.pid("gw")
        took, used = asyncio.run(_reports(stack.called["jt808"], [d for d in stack.site.devices if isinstance(d, Device)], pid))
    finally:
        stack.processes.stop()
    what = f"{number} terminals, a report each {EVERY:g} s for {SECONDS:g} s, from the report to its answer; {len(took)} reports"
    for share in (50, 99):
        figures.tell(f"terminals.{number}.p{share}", figures.quantile(took, share / 100) * 1000, "ms", what)
    figures.tell(f"terminals.{number}.cpu", used / SECONDS * 100, "% of a core", what)


async def _reports(port: int, devices: list[Device], pid: int) -> tuple[list[float], float]:
    """Seconds of each report, and the CPU seconds of the gateway meanwhile."""
    took: list[float] = []
    begin: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    calls = asyncio.Semaphore(_CALLS_AT_ONCE)
    called = asyncio.Barrier(len(devices) + 1)

    async def one(index: int, device: Device) -> None:
        async with calls:
            link, hearing = await _called(port, device)
        await called.wait()
        await asyncio.sleep(await begin - time.monotonic() + EVERY * index / len(devices))
        for _ in range(int(SECONDS / EVERY)):
            asked = time.monotonic()
            answer = await link.ask(Location.of(int(time.time() * 1000), 32.4, 105.8))
            if not isinstance(answer, PlatformResponse) or answer.result != OK:
                raise RuntimeError(f"{device.id}: the report was refused")
            took.append(time.monotonic() - asked)
            await asyncio.sleep(max(asked + EVERY - time.monotonic(), 0))
        hearing.cancel()

    async with asyncio.TaskGroup() as tasks:
        for index, device in enumerate(devices):
            tasks.create_task(one(index, device))
        await called.wait()
        gc.freeze()  # our own collector must not be what is measured
        before = figures.cpu(pid)
        begin.set_result(time.monotonic() + _SETTLED)
    return took, (figures.cpu(pid) - before).total


async def _called(port: int, device: Device) -> tuple[Link, asyncio.Task[None]]:
    """A terminal that is known to the gateway; at first that may not listen yet."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except ConnectionRefusedError:
            await asyncio.sleep(0.2)
    link = Link(reader, writer, device, Clock())
    hearing = asyncio.create_task(link.hear())
    registered = await link.ask(registration(device))
    if not isinstance(registered, RegisterResponse) or registered.result != OK:
        raise RuntimeError(f"{device.id}: the registration was refused")
    await link.ask(Auth(registered.code, imei="0" * 15, software="bench"))
    return link, hearing
