"""One device of a profile, of whichever protocol, in a site of one house."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module

from pydantic import ValidationError

from contract.addressing import misused, unreachable
from contract.clock import Clock
from contract.profile import Profile, load_profile
from contract.protocol import packages
from contract.site import Site
from contract.yamlfile import worded
from protocols.stage import Address, Called
from simulators.parts import alone, calls, device_of
from simulators.stage import Stage
from simulators.world.site_world import SiteWorld

_NAME = {"zh": "试验", "en": "Trial"}
_PLACE = {"compound": "compound", "building": "house"}
_HOUSE = {"id": "house", "name": _NAME, "floors": 8, "area": 6000.0}
_LIFTS = {
    "id": "group",
    "building": "house",
    "cars": [{"device": "device", "parity": "odd", "served": [1, 3, 5, 7]}],
    "windows": [{"start": "08:00", "end": "18:00"}],
}
_SITE = {
    "id": "trial",
    "name": _NAME,
    "group": "510802",
    "latitude": 32.4386,
    "longitude": 105.8456,
    "compounds": [{"id": "compound", "name": _NAME, "buildings": [_HOUSE]}],
    "units": [],
    "gateways": [{"id": "gateway"}],
    "elevator_groups": [_LIFTS],
}


def lone_device(profile: str, **settings: object) -> Site:
    """A site of one house with one device, to try a profile with any tool.

    Args:
        profile: Path below profiles/ without .yaml.
        settings: Fields of the device or its bus, whichever has them; others are as its protocol's `device` says.

    Raises:
        ValueError: No such field, or a fault in one.
    """
    protocol = load_profile(profile).protocol
    usual, model = alone(protocol), import_module(f"{packages()[protocol]}.model")
    bus, device = dict(usual.bus), dict(usual.device)
    for field, value in settings.items():
        if field in model.Device.model_fields:
            device[field] = value
        elif field in model.Bus.model_fields:
            bus[field] = value
        else:
            raise ValueError(f"{field}: expected a field that a bus or a device of {protocol} has")
    bus = {"id": "bus", "gateway": "gateway", "protocol": protocol} | bus
    device = {"id": "device", "name": _NAME, "profile": profile, "bus": "bus"} | _PLACE | device
    try:
        site = Site.model_validate(_SITE | {"buses": [bus], "devices": [device]})
    except ValidationError as error:
        faults = [f"{fault['loc'][-1]}: {worded(fault['msg'], fault.get('input'))}" for fault in error.errors()]
        raise ValueError("\n".join(faults)) from error
    unfit = [f"{place[-1]}: {worded(said, given)}" for place, said, given in (*unreachable(site), *misused(site))]
    if unfit:
        raise ValueError("\n".join(unfit))
    return site


def setting(text: str) -> tuple[str, object]:
    """Field and value of `FIELD=VALUE`; a value in brackets or braces is JSON.

    Raises:
        ValueError: Not of that form.
    """
    field, sign, value = text.partition("=")
    if not (field and sign):
        raise ValueError(f"expected FIELD=VALUE, got {text!r}")
    return field, json.loads(value) if value.startswith(("[", "{")) else value


class _Unkept:
    """A device that is played alone keeps no journal."""

    def __call__(self, _answer: object) -> None:
        """An answer to a request."""

    def said(self, device: str, at: int, values: Mapping[str, float], acknowledged: int | None) -> None:
        """What it said by itself."""


@asynccontextmanager
async def play_alone(site: Site, clock: Clock, seed: int, called: Mapping[str, Called], listens: Address) -> AsyncIterator[str]:
    """Play the device of a site that `lone_device` made until the block ends; gives in words where it is.

    Raises:
        ValueError: Its protocol has no simulated devices, or it calls somebody and nobody says whom.
        OSError: A port or a file cannot be opened.
    """
    (bus,) = site.buses
    player, whom = device_of(bus.protocol), calls().get(bus.protocol)
    if player is None:
        raise ValueError(f"{bus.protocol} has no simulated devices")
    if whom is not None and bus.protocol not in called:
        raise ValueError(f"--{bus.protocol}: expected HOST:PORT, {whom.whom}")
    world = SiteWorld(site, seed)
    world.warm(clock.now_ms())
    async with player.play(Stage(site, world, clock, _Unkept(), _Unkept(), called, listens)) as endpoints:
        yield _where(site.devices[0].model, endpoints[bus.protocol])


def _where(model: Profile, reached: object) -> str:
    """Where a device that is asked is, with what else leads to it; or whom it calls."""
    name = f"{model.maker} {model.model}"
    if isinstance(reached, dict):
        return f"{name} calls {reached['host']}:{reached['port']}"
    (entry,) = reached if isinstance(reached, list) else [{}]
    more = {key: value for key, value in entry.items() if key not in {"device", "bus", "host", "port", "profile", "echo"}}
    said = [str(value) if isinstance(value, str) else f"{key} {value}" for key, value in more.items()]
    return ", ".join([f"{name} at {entry['host']}:{entry['port']}", *said])
