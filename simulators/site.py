"""A whole site: its world, its journal, and a real server for each of its buses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from contract.clock import Clock
from contract.operation import Car, ElevatorGroup, Text, Window
from contract.protocol import packages
from contract.site import Building as House
from contract.site import Compound, Gateway, Site
from protocols.modbus.model import Bus, Device
from protocols.stage import Address, Called, Endpoints, Player
from simulators import control
from simulators.faults import FILE, Faults
from simulators.faulty import FaultyWorld
from simulators.files import replace_file
from simulators.journal import Journal
from simulators.stage import FREE_PORTS, Stage
from simulators.world.counting import CountingWorld
from simulators.world.site_world import SiteWorld
from simulators.world.written import Written


def players() -> Iterator[Player]:
    """What plays the devices of each protocol: `play` of its package's `device`, where it has one."""
    for package in packages().values():
        if find_spec(f"{package}.device") is not None:
            yield import_module(f"{package}.device").play


@asynccontextmanager
async def simulate(
    site: Site,
    data: Path,
    clock: Clock,
    *,
    seed: int = 1,
    flush_each: bool = False,
    counting: bool = False,
    called: Called | None = None,
    gateway: str | None = None,
    listens: Address = FREE_PORTS,
) -> AsyncIterator[Endpoints]:
    """Run all devices of a site until the block ends; `data` keeps writes, journals and endpoints.json.

    With `gateway` only its devices run; their world is that of the whole site, so several such processes agree.
    Modbus buses listen where `listens` says, each a port above the one before it, or at free ports.
    Devices that speak by themselves do so where `called` says, and are silent without it.
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
        stage = Stage(played, world, clock, journal, said, called or Called(), listens, faults)
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


def lone_device(profile: str, *, port: int, unit: int = 1, framing: str = "tcp", host: str = "127.0.0.1") -> Site:
    """A site of one house with one device, to try a profile with any tool."""
    name = Text(zh="试验", en="Trial")
    bus = Bus.model_validate({"id": "bus", "gateway": "gateway", "protocol": "modbus", "framing": framing, "host": host, "port": port})
    device = Device(id="device", name=name, profile=profile, bus="bus", unit_id=unit, compound="compound", building="house")
    house = House(id="house", name=name, floors=8, area=6000.0)
    window = Window(start="08:00", end="18:00")
    group = ElevatorGroup(id="group", building="house", cars=[Car(device="device", parity="odd", served=[1, 3, 5, 7])], windows=[window])
    return Site(
        id="trial",
        name=name,
        group="510802",
        latitude=32.4386,
        longitude=105.8456,
        compounds=[Compound(id="compound", name=name, buildings=[house])],
        units=[],
        gateways=[Gateway(id="gateway")],
        buses=[bus],
        devices=[device],
        elevator_groups=[group],
    )
