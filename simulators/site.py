"""A whole site: its world, its journal, and real servers and clients of its buses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from contract.clock import Clock
from contract.site import Site
from protocols.stage import Address, Called, Endpoints
from simulators import control
from simulators.faults import FILE, Faults
from simulators.faulty import FaultyWorld
from simulators.files import replace_file
from simulators.journal import Journal
from simulators.parts import players
from simulators.stage import FREE_PORTS, Stage
from simulators.world.counting import CountingWorld
from simulators.world.site_world import SiteWorld
from simulators.world.written import Written


@asynccontextmanager
async def simulate(
    site: Site,
    data: Path,
    clock: Clock,
    *,
    seed: int = 1,
    flush_each: bool = False,
    counting: bool = False,
    called: Mapping[str, Called] | None = None,
    gateway: str | None = None,
    listens: Address = FREE_PORTS,
) -> AsyncIterator[Endpoints]:
    """Run all devices of a site until the block ends; `data` keeps writes, journals and endpoints.json.

    With `gateway` only its devices run; their world is that of the whole site, so several such processes agree.
    Buses of devices that are asked listen where `listens` says, each a port above the one before it, or at free ports.
    Devices that speak by themselves do so where `called` says, by protocol, and are silent without it.
    With `counting` every answer of a device differs from all others, so that a check can tell readings apart.

    Raises:
        OSError: A port or a file cannot be opened.
        ValueError: The file of writes or that of faults is damaged.
    """
    played = site if gateway is None else _behind(site, gateway)
    faults = Faults(data / FILE)
    faults.all_active()
    world = CountingWorld(site) if counting else FaultyWorld(_physical(site, played, data, clock, seed), site, faults)
    async with AsyncExitStack() as stack:
        journal = stack.enter_context(Journal(data / "journal.jsonl", flush_each=flush_each))
        said = stack.enter_context(Journal(data / "said.jsonl", flush_each=flush_each))
        stage = Stage(played, world, clock, journal, said, called or {}, listens, faults)
        control.remember(data, played, clock)
        endpoints: Endpoints = {}
        for player in players():
            endpoints |= await stack.enter_async_context(player(stage))
        write_endpoints(data / "endpoints.json", endpoints)
        yield endpoints


def _behind(site: Site, gateway: str) -> Site:
    """The buses and devices of one gateway."""
    if gateway not in {g.id for g in site.gateways}:
        raise ValueError(f"the site {site.id} has no gateway {gateway!r}")
    buses = [b for b in site.buses if b.gateway == gateway]
    return site.model_copy(update={"buses": buses, "devices": site.gateway_devices(gateway)})


def _physical(site: Site, played: Site, data: Path, clock: Clock, seed: int) -> SiteWorld:
    world = SiteWorld(site, seed, Written(data / "written.jsonl"))
    world.warm(clock.now_ms(), [d.id for d in played.devices])
    return world


def write_endpoints(path: Path, endpoints: Endpoints) -> None:
    """Say where devices are reached."""
    replace_file(path, json.dumps(endpoints, indent=1) + "\n")
