"""Vehicle terminals as real TCP clients: they repeat until answered, forget nothing before, and do what they are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from protocols.jt808.device.terminal import Terminal
from protocols.jt808.model import Device
from protocols.stage import Alone, Calls, Endpoints, Stage, beside

CALLS = Calls("the listener that vehicle terminals call")
ALONE = Alone(device={"phone": "013800138000"})


@asynccontextmanager
async def play(stage: Stage) -> AsyncIterator[Endpoints]:
    """Every JT/T 808 terminal of the site calls the listener until the block ends."""
    platform = stage.called.get("jt808")
    devices = [d for d in stage.site.devices if isinstance(d, Device)]
    if platform is None or not devices:
        yield {}
        return
    async with beside(*(Terminal(stage, device, platform).run() for device in devices)):
        yield {"jt808": {"host": platform.host, "port": platform.port}}
