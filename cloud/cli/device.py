"""`jieyue-cloud device`: how a device stands, and what is known of why it is offline."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import sqlalchemy as sa

from cloud.alerts.queries import Listed, open_of
from cloud.cli.shared import add, add_group, database
from cloud.devices.model import Device, seen
from cloud.devices.queries import readings, register
from cloud.devices.queries.nodes import nodes
from cloud.opening import chosen_group, entered_site
from cloud.settings import Settings, command_clock
from contract.clock import Clock, iso
from contract.commandline import Commands, Parser
from contract.site import Site

_ABOUT = (
    "Prints whether a device is online, when it gave its newest good reading, whether its gateway is online, and the open alerts about it, "
    "its bus and its gateway, of which one usually says why it is offline. Reads only; the exit code is 0 however the device stands."
)


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "device", "say how a device stands, and what is known of why it is offline", run, _ABOUT)
    parser.add_argument("device", metavar="DEVICE", help="id of the device, as in the site's files")
    add_group(parser)


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Print how it stands.

    Raises:
        ValueError: The district has no such device.
    """
    with database(settings) as engine:
        group = chosen_group(engine, arguments.group)
        lines = list(_lines(engine, entered_site(engine, group), arguments.device, command_clock(settings, clock).now_ms()))
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def _lines(engine: sa.Engine, site: Site, name: str, now: int) -> Iterator[str]:
    placed = site.device_by_id.get(name)
    with engine.connect() as connection:
        device = register.one(connection, site.group, name)
        if device is None:
            raise ValueError(f"expected the id of a device of {site.group}, got {name!r}; /api/v1/devices lists them")
        last = seen(readings.newest(connection, site.group, [name])[name].values())
        about = [name, device.gateway, *([placed.bus] if placed else [])]
        alerts = open_of(connection, site.group, about)
    yield f"{name} ({device.name['zh']}, {device.name['en']}): {device.device_class}, gateway {device.gateway}" + (
        f", bus {placed.bus}" if placed else ""
    )
    yield from _standing(device, last, now)
    yield from _gateway(engine, site.group, device.gateway)
    yield from map(_alert, alerts)
    if not alerts:
        yield "no alert is open about it, its bus or its gateway"
    yield f"to ask it: jieyue-edge read --config FILE {name}, on its gateway"


def _standing(device: Device, last: int | None, now: int) -> Iterator[str]:
    longest = device.life.longest_silence / 1000
    if last is None:
        yield "offline: it never gave a good reading"
        return
    state = "online" if device.life.is_fresh(last, now) else "offline"
    ago = max(now - last, 0) / 1000
    yield f"{state}: its newest good reading is of {iso(last)}, {ago:.0f} s ago; it is offline after {longest:.0f} s without one"
    if device.life.dead_at is not None:
        yield f"its gateway says that it gives no answer, since {iso(device.life.dead_at)}"


def _gateway(engine: sa.Engine, group: str, gateway: str) -> Iterator[str]:
    found = next((node for node in nodes(engine) if (node.group, node.id) == (group, gateway)), None)
    if found is None:
        yield f"gateway {gateway}: never connected"
    else:
        yield f"gateway {gateway}: {'online' if found.online else 'offline'} since {iso(found.changed_at)}"


def _alert(alert: Listed) -> str:
    by = f", explained by {alert.inhibitor.rule} of {alert.inhibitor.subject}" if alert.inhibitor else ""
    return f"alert {alert.rule} of {alert.subject} since {iso(alert.since)}{by}: {alert.detail['en']}"
