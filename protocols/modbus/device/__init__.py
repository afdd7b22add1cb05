"""Simulated devices that are asked by Modbus: a real server a bus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from protocols.modbus.device.server import serve_bus
from protocols.modbus.model import Bus, Device
from protocols.stage import Alone, Endpoints, Stage

ALONE = Alone({"framing": "tcp"}, {"unit_id": 1})


@asynccontextmanager
async def play(stage: Stage) -> AsyncIterator[Endpoints]:
    """Every Modbus bus at a port of its own; a serial bus is reached as by a serial server, with framing rtu_over_tcp."""
    async with AsyncExitStack() as stack:
        reached: list[dict[str, object]] = []
        for bus in (b for b in stage.site.buses if isinstance(b, Bus)):
            framing = "tcp" if bus.framing == "tcp" else "rtu_over_tcp"
            there = stage.listen()
            here = bus.model_copy(update={"host": there.host, "port": there.port, "framing": framing})
            devices = [d for d in stage.site.devices if isinstance(d, Device) and d.bus == bus.id]
            host, port = await stack.enter_async_context(serve_bus(here, devices, stage.world, stage.clock, stage.journal, stage.faults))
            reached += [
                {
                    "device": d.id,
                    "bus": bus.id,
                    "host": host,
                    "port": port,
                    "framing": framing,
                    "echo": False,
                    "unit": d.unit_id or 1,
                    "profile": d.profile,
                }
                for d in devices
            ]
        yield {"modbus": reached}
