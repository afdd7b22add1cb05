"""`jieyue-edge`: run a gateway, check its configuration, read a device once."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

import structlog

from contract.clock import clock_from_environment, iso
from contract.lifecycle import until_signalled
from contract.logs import set_up
from contract.reading import Row
from contract.site import Site
from contract.yamlfile import ConfigError
from edge.app import Gateway
from edge.drivers.base import DriverError, Line, PollingDriver, drivers
from edge.settings import Settings, load_settings, located

log = structlog.get_logger()


def main() -> None:
    """Entry point: exit code 0 after a clean stop, 1 when a device does not answer, 2 on bad input."""
    arguments = _parser().parse_args()
    set_up()
    try:
        settings, site = load_settings(arguments.config)
        sys.exit({"run": _run, "check": _check, "read": _read}[arguments.command](settings, site, arguments))
    except (ConfigError, ValueError) as error:
        sys.exit(_fail(str(error)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="jieyue-edge", description="The gateway: reads devices and sends what it read.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("run", "read and send until stopped"), ("check", "check the configuration"), ("read", "read one device once")):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's configuration")
        if name == "read":
            command.add_argument("device", help="device id, as in the site")
    return parser


def _fail(message: str) -> int:
    sys.stderr.write(f"jieyue-edge: {message}\n")
    return 2


def _run(settings: Settings, site: Site, _arguments: argparse.Namespace) -> int:
    import uvloop  # noqa: PLC0415 (only the daemon needs it)

    uvloop.run(_until_signalled(Gateway(settings, site, clock_from_environment())))
    return 0


async def _until_signalled(gateway: Gateway) -> None:
    await until_signalled(gateway.run())
    gateway.outbox.close()
    log.info("stopped")


def _check(settings: Settings, site: Site, _arguments: argparse.Namespace) -> int:
    devices = site.gateway_devices(settings.gateway)
    points = sum(len(d.model.points) for d in devices)
    sys.stdout.write(f"{settings.gateway}: {len(devices)} devices, {points} points, no fault found\n")
    return 0


def _read(settings: Settings, site: Site, arguments: argparse.Namespace) -> int:
    device = site.device_by_id.get(arguments.device)
    if device is None:
        return _fail(f"the site {site.id} has no device {arguments.device!r}")
    try:
        row = asyncio.run(_read_once(settings, site, arguments.device))
    except DriverError as error:
        sys.stderr.write(f"jieyue-edge: {device.id}: {error}\n")
        return 1
    shown = {"device": row.device, "at": iso(row.at), "values": row.values, "bad": row.bad}
    sys.stdout.write(json.dumps(shown, ensure_ascii=False, indent=2) + "\n")
    return 0


async def _read_once(settings: Settings, site: Site, name: str) -> Row:
    device = site.device_by_id[name]
    line = Line(located(site.bus_by_id[device.bus], settings), [device], clock_from_environment(), _no_commit, lambda _: None)
    driver = drivers()[line.bus.protocol](line)
    if not isinstance(driver, PollingDriver):
        raise DriverError(f"devices on {line.bus.protocol} speak by themselves and cannot be asked")
    try:
        return await driver.read(device)
    finally:
        await driver.close()


async def _no_commit(_rows: object) -> None:
    """A single reading for a technician's eyes is not kept."""


if __name__ == "__main__":
    main()
