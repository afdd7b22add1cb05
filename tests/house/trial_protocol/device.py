"""The simulated side: a server a bus, whose stations say what the world has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from protocols.stage import Address, Alone, Endpoints, Stage

from .model import Bus, Device

ALONE = Alone({"greeting": "hello"}, {"station": 1})


@asynccontextmanager
async def play(stage: Stage) -> AsyncIterator[Endpoints]:
    """All stations of the site, each bus at a port of its own."""
    async with AsyncExitStack() as stack:
        reached = []
        for bus in stage.site.buses:
            if isinstance(bus, Bus):
                devices = [d for d in stage.site.devices if isinstance(d, Device) and d.bus == bus.id]
                port = await stack.enter_async_context(_served(stage, bus, devices, stage.listen()))
                reached += [{"device": d.id, "bus": bus.id, "host": "127.0.0.1", "port": port} for d in devices]
        yield {"trial": reached}


@asynccontextmanager
async def _served(stage: Stage, bus: Bus, devices: list[Device], there: Address) -> AsyncIterator[int]:
    by_station = {str(device.station): device for device in devices}

    async def told(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        words = (await reader.readline()).decode().split()
        if words == [bus.greeting, "listen"]:
            writer.writelines(f"{station} 1\n".encode() for station in by_station)
            await reader.read()
        elif len(words) == 3 and words[0] == bus.greeting and words[1] in by_station:
            writer.write(f"{_said(stage, by_station[words[1]], words[2])}\n".encode())
        writer.close()

    server = await asyncio.start_server(told, there.host, there.port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def _said(stage: Stage, device: Device, word: str) -> str:
    word, _, wanted = word.partition("=")
    now = stage.clock.now_ms()
    for name, mapped in device.model.points.items():
        if mapped.word == word:
            if wanted:
                stage.world.write(device.id, name, float(wanted), now)
            return str(stage.world.values(device.id, now)[name])
    return "0" if word == "here" else "?"
