"""`jieyue-edge`: run a gateway, check its configuration, read a device once, scan its buses."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sqlite3
import sys
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import structlog

from contract.clock import Clock, clock_from_environment, iso
from contract.commandline import FAILED, Parser, ended, fail, seconds, units
from contract.descriptors import raise_limit
from contract.lifecycle import until_signalled
from contract.logs import LOG_EVERY, Seldom, set_up, warn_of_trial
from contract.reading import Row
from contract.site import Bus, Device, Site
from contract.timeservice import kernel_synchronised
from contract.wiring import unlike_settings
from edge import boots
from edge.app import Gateway
from edge.drivers.base import Driver, DriverError, Line, PollingDriver, ScanningDriver, drivers
from edge.drivers.orders import hints
from edge.notify import Systemd
from edge.outbox import file
from edge.outbox.lock import InUseError
from edge.outbox.looking import looked_at
from edge.outbox.outbox import Outbox
from edge.outbox.rows import DamagedError, damaged
from edge.scan import Scanned, as_json, lines, scan
from edge.settings import Settings, check_files, load_settings, located, shared_users
from edge.timekeeping import boot_id, how

log = structlog.get_logger()
_LOOK_AGAIN, _PATIENCE = 2.0, 60.0
"""Seconds between two looks at an outbox that is in use, and how long systemd is asked to wait each time."""
_TELL_EVERY = 50
"""Unit ids between two lines of progress."""


_SLAVES = range(1, 248)
"""Unit ids of a serial line; on TCP a site may have others."""
PROGRAM = "jieyue-edge"
_TRIAL = "the clock is a trial's (JIEYUE_NOW, JIEYUE_SPEED)"
_DAMAGED = "the outbox is damaged"
_MENDED = "the gateway takes over what can be read of it into a new one"
_ONE_CONNECTION = "a broker that binds client ids to users lets in one of them at a time, so each bus needs a user of its own"


def main() -> None:
    """Entry point: exit code 0 after a clean stop, 1 when a device does not answer, 2 on bad input."""
    arguments = _parser().parse_args()
    set_up()
    sys.exit(ended(PROGRAM, lambda: _command(arguments)))


def _command(arguments: argparse.Namespace) -> int:
    settings, site = load_settings(arguments.config)
    return {"run": _run, "check": _check, "read": _read, "scan": _scan, "outbox": _outbox}[arguments.command](
        settings, site, clock_from_environment(), arguments
    )


_ABOUT = {
    "run": "Read the gateway's devices and send what was read, until stopped by Ctrl-C or SIGTERM.",
    "check": "Check the configuration, its site, its password files and whether the outbox may be written, and say whether rows would wait "
    "for this machine's clock; nothing is made, asked or sent.",
    "read": "Read one device once and print its values as JSON; exit code 1 when it does not answer.",
    "scan": "Ask which Modbus unit ids of the gateway's buses answer, and what they look like. Stop the gateway first: a line has one "
    "master. Exit code 1 when a configured device does not answer.",
    "outbox": "List the boots of this machine whose rows wait for a date, which changes nothing, or date or drop those of one. Stop the "
    "gateway first. Rows of the present boot are dated when the clock is known; those of an earlier boot wait for a person who knows when "
    "it began.",
}


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description="The gateway: reads devices and sends what it read.",
        epilog="The clock is the machine's, unless JIEYUE_NOW (a date) and JIEYUE_SPEED (a number above 0) say otherwise, for trials.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in _ABOUT.items():
        command = commands.add_parser(name, help=text.split(".", maxsplit=1)[0].lower(), description=text)
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's configuration (YAML)")
        if name == "read":
            command.add_argument("device", metavar="DEVICE", help="device id, as in the site")
        if name == "outbox":
            what = command.add_mutually_exclusive_group()
            began = "date the rows of this boot, which began then, such as 2026-03-01T07:58:00+08:00"
            what.add_argument("--date", nargs=2, metavar=("BOOT", "BEGAN"), help=began)
            what.add_argument("--drop", metavar="BOOT", help="give up the rows of this boot; their readings are counted as lost")
        if name == "scan":
            command.add_argument("--bus", action="append", metavar="ID", help="only this bus; may be given several times (default all)")
            command.add_argument(
                "--units", type=units, metavar="LIST", help="unit ids such as 1-40 or 1,3,7-9 (default 1-247, and those of the site)"
            )
            command.add_argument(
                "--wait", type=seconds, default=0.5, metavar="S", help="seconds to wait for ids that the site does not have (default 0.5)"
            )
            command.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _run(settings: Settings, site: Site, clock: Clock, arguments: argparse.Namespace) -> int:
    check_files(settings, arguments.config, disk=False)
    import uvloop  # noqa: PLC0415 (only the daemon needs it)

    raise_limit()
    gateway = _gateway(settings, site, clock)
    warn_of_trial(clock)
    for bus, user in shared_users(settings, site):
        log.warning("two connections have one user", bus=bus, user=user, help=_ONE_CONNECTION)
    gc.freeze()  # site and modules stay until the end: with thousands of devices the collector walked them for half a second
    uvloop.run(_until_signalled(gateway))
    return 0


def _gateway(settings: Settings, site: Site, clock: Clock) -> Gateway:
    """The gateway; under systemd it waits for another process to leave the outbox, since to end would only be a start again.

    Raises:
        InUseError: Another process has the outbox, and nobody would start us again.
    """
    systemd, seldom = Systemd(), Seldom(LOG_EVERY)
    while True:
        try:
            return Gateway(settings, site, clock)
        except InUseError as error:
            if not systemd.there:
                raise
            if seldom.news("in use"):
                log.warning("outbox in use", reason=str(error))
            systemd.tell(f"EXTEND_TIMEOUT_USEC={_PATIENCE:.0f}000000")
            time.sleep(_LOOK_AGAIN)


async def _until_signalled(gateway: Gateway) -> None:
    await until_signalled(gateway.run())
    gateway.outbox.close()
    log.info("stopped")


def _check(settings: Settings, site: Site, clock: Clock, arguments: argparse.Namespace) -> int:
    check_files(settings, arguments.config)
    devices = site.gateway_devices(settings.gateway)
    points = sum(len(d.model.points) for d in devices)
    sys.stdout.write(f"{settings.gateway}: {len(devices)} devices, {points} points, no fault found\n")
    mine = {bus.id for bus in _buses(settings, site) if bus.protocol == "modbus" and bus.framing != "tcp"}
    for unlike in unlike_settings(site):
        if unlike.bus.id in mine:
            sys.stdout.write(f"{unlike.bus.id}: {unlike.field} is {unlike.asked}, not {unlike}; right if the devices are set to it\n")
    for bus, user in shared_users(settings, site):
        sys.stdout.write(f"{bus}: another connection of this gateway is {user} too; {_ONE_CONNECTION}\n")
    if said := _of_clock(settings, clock):
        sys.stdout.write(f"{settings.gateway}: {said}\n")
    return 0


def _of_clock(settings: Settings, clock: Clock) -> str | None:
    """What is to be said of the time that rows would get; None where they would get the machine's."""
    if settings.clock == "trusted":
        return f"{_TRIAL} and trusted, so rows would be dated {iso(clock.now_ms())}" if clock.trial else None
    if clock.trial:
        return f"{_TRIAL}, so rows would wait for the machine's: {how(clock)}"
    return None if kernel_synchronised() else f"this machine's clock is not synchronised, so rows would wait for it: {how(clock)}"


def _buses(settings: Settings, site: Site) -> list[Bus]:
    return [located(b, settings) for b in site.buses if b.gateway == settings.gateway]


def _driver(bus: Bus, devices: Sequence[Device], clock: Clock) -> Driver:
    return drivers()[bus.protocol](Line(bus, devices, clock, _no_commit, lambda _: None))


def _read(settings: Settings, site: Site, clock: Clock, arguments: argparse.Namespace) -> int:
    device = site.device_by_id.get(arguments.device)
    if device is None:
        return fail(PROGRAM, f"the site {site.id} has no device {arguments.device!r}")
    driver = _driver(located(site.bus_by_id[device.bus], settings), [device], clock)
    if not isinstance(driver, PollingDriver):
        return fail(PROGRAM, f"{device.id}: devices on {site.bus_by_id[device.bus].protocol} speak by themselves and cannot be asked")
    try:
        row = asyncio.run(_read_once(driver, device))
    except DriverError as error:
        return fail(PROGRAM, f"{device.id}: {error}", FAILED)
    shown = {"device": row.device, "at": iso(row.at), "values": row.values, "bad": row.bad}
    if doubtful := hints(device, row):
        shown["doubtful"] = doubtful
    sys.stdout.write(json.dumps(shown, ensure_ascii=False, indent=2) + "\n")
    return 0


async def _read_once(driver: PollingDriver, device: Device) -> Row:
    try:
        return await driver.read(device)
    finally:
        await driver.close()


def _outbox(settings: Settings, _site: Site, clock: Clock, arguments: argparse.Namespace) -> int:
    path = settings.outbox
    if not path.exists():
        return fail(PROGRAM, f"{path}: there is no outbox")
    try:
        sys.stdout.write(_changed(path, clock, arguments) if arguments.date or arguments.drop else _listed(path))
    except InUseError as error:
        return fail(PROGRAM, f"stop the gateway first: {error}", FAILED)
    except sqlite3.Error as error:
        return fail(PROGRAM, f"{path}: {error}", FAILED)
    return 0


def _listed(path: Path) -> str:
    """The boots whose rows wait for a date, a line each; nothing is written.

    Raises:
        InUseError: A gateway has the outbox.
        sqlite3.Error: It cannot be read, or is damaged.
    """
    try:
        with looked_at(path) as db:
            found = boots.waiting(db)
    except sqlite3.Error as error:
        if not damaged(error):
            raise
        raise DamagedError(f"{_DAMAGED}, and nothing was changed; {_MENDED} when it starts ({error})") from error
    mine = boot_id()
    lines = [f"{boot.line()}{' (the present boot)' if boot.id == mine else ''}\n" for boot in found]
    return "".join(lines) or "no row waits for a date\n"


def _changed(path: Path, clock: Clock, arguments: argparse.Namespace) -> str:
    """Do what is asked with the rows of a boot, and say what was done.

    Raises:
        InUseError: A gateway has the outbox.
        ValueError: What is asked cannot be right.
        sqlite3.Error: The outbox refuses it, or is damaged.
    """
    before = file.all_set_aside(path)
    outbox = Outbox(path)
    try:
        if aside := [found.name for found in file.all_set_aside(path) if found not in before]:
            raise DamagedError(f"{_DAMAGED}, and is {', '.join(aside)} now; {_MENDED} when it starts: ask again after that")
        if arguments.date:
            boot, began = arguments.date
            return f"{boots.date(outbox, boot, began, clock.now_ms())} rows have their date\n"
        return f"{boots.drop(outbox, arguments.drop)} rows are dropped\n"
    finally:
        outbox.close()


def _scan(settings: Settings, site: Site, clock: Clock, arguments: argparse.Namespace) -> int:
    buses = _buses(settings, site)
    known = [b.id for b in buses]
    for name in arguments.bus or []:
        if name not in known:
            return fail(PROGRAM, f"--bus: expected one of {', '.join(known)}, got {name!r}")
    chosen = [b for b in buses if b.id in (arguments.bus or known)]
    scanned = asyncio.run(_scan_all(site, chosen, clock, arguments))
    if arguments.json:
        sys.stdout.write(json.dumps([as_json(s) for s in scanned], ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.writelines(line + "\n" for s in scanned for line in lines(s))
    return 0 if all(s.complete for s in scanned if s.bus.protocol == "modbus") else FAILED


async def _scan_all(site: Site, buses: Sequence[Bus], clock: Clock, arguments: argparse.Namespace) -> list[Scanned]:
    """All buses side by side, each with one request in flight."""

    async def one(bus: Bus) -> Scanned:
        devices = [d for d in site.devices if d.bus == bus.id]
        driver = _driver(bus, devices, clock)
        if not isinstance(driver, ScanningDriver):
            return Scanned(bus, reason=f"cannot be scanned: devices on {bus.protocol} speak by themselves")
        ids = arguments.units or sorted({*_SLAVES, *(d.unit_id for d in devices if d.unit_id is not None)})
        longest = len(ids) * arguments.wait
        sys.stderr.write(f"{bus.id}: asking {len(ids)} unit ids, at most about {longest:.0f} s for the silent ones\n")
        counted = count(1)

        def asked(_unit: int) -> None:
            number = next(counted)
            if number % _TELL_EVERY == 0:
                sys.stderr.write(f"{bus.id}: {number} of {len(ids)}\n")

        try:
            return await scan(bus, devices, driver, ids, arguments.wait, asked)
        finally:
            await driver.close()

    return await asyncio.gather(*(one(bus) for bus in buses))


async def _no_commit(_rows: object) -> None:
    """A single reading for a technician's eyes is not kept."""


if __name__ == "__main__":
    main()
