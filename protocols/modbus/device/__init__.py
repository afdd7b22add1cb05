"""Simulated devices that are asked by Modbus: a real server a bus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from protocols.modbus.device.server import serve_bus
from protocols.modbus.model import Bus, Device
from protocols.stage import Endpoints, Stage


@asynccontextmanager
async def play(stage: Stage) -> AsyncIterator[Endpoints]:
    """Every Modbus bus at a port of its own; a serial bus is reached as by a serial server, with framing rtu_over_tcp."""
    async with AsyncExitStack() as stack:
        reached: list[dict[str, object]] = []
        for number, bus in enumerate(b for b in stage.site.buses if isinstance(b, Bus)):
            framing = "tcp" if bus.framing == "tcp" else "rtu_over_tcp"
            wanted = stage.listens.port and stage.listens.port + number
            here = bus.model_copy(update={"host": stage.listens.host, "port": wanted, "framing": framing})
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
