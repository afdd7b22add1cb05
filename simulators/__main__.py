"""The command jieyue-sim: devices to read, alone or as a whole site, their past, and what is wrong with them."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

from tqdm import tqdm

from contract.clock import Clock, clock_from_environment
from contract.commandline import FAILED, Parser, ended, fail, port, unit
from contract.profile import load_profile
from contract.site import load_site
from contract.sitefolder import shipped_site
from protocols.stage import Address, Called
from simulators.alone import lone_device, play_alone, setting
from simulators.control import Controls
from simulators.faults import parsed
from simulators.history import Access, HistoryError, expected, send, write_fuel
from simulators.parts import calls
from simulators.site import simulate
from simulators.world.site_world import SiteWorld

PROGRAM = "jieyue-sim"


def _address(text: str) -> Address:
    host, colon, number = text.rpartition(":")
    if not (colon and host):
        raise argparse.ArgumentTypeError(f"expected HOST:PORT, got {text!r}")
    return Address(host, port(number))


def _setting(text: str) -> tuple[str, object]:
    try:
        return setting(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _calls_parser(of: argparse.ArgumentParser) -> None:
    """Where devices find the product that speak by themselves, an option a protocol."""
    for protocol, them in calls().items():
        of.add_argument(f"--{protocol}", type=_address, metavar="HOST:PORT", help=f"{them.whom} (none: they are silent)")
        if them.passwords:
            of.add_argument(f"--{protocol}-passwords", type=Path, metavar="DIR", help="a file for each user there, named like it")


def _called(args: argparse.Namespace) -> dict[str, Called]:
    given = vars(args)
    found = {protocol: given[protocol.replace("-", "_")] for protocol in calls()}
    folders = {protocol: given.get(f"{protocol}_passwords".replace("-", "_")) for protocol in found}
    return {protocol: Called(there.host, there.port, folders[protocol]) for protocol, there in found.items() if there is not None}


def parser() -> Parser:
    """The command line."""
    top = Parser(
        prog=PROGRAM,
        description="Devices that speak the real protocols, for trials, tests and the demo.",
        epilog="The clock is the machine's, unless JIEYUE_NOW (a date) and JIEYUE_SPEED (a number above 0) say otherwise.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    site = commands.add_parser("site", help="all devices of a site", description="Serve all devices of a site at free ports until stopped.")
    site.add_argument("--site", required=True, metavar="FOLDER", help="folder with the site's *.yaml, or the name of a shipped site")
    site.add_argument("--data", required=True, type=Path, metavar="DIR", help="where writes, journal and endpoints.json are kept")
    site.add_argument("--seed", type=int, default=1, metavar="N", help="another world for another number (default 1)")
    site.add_argument("--flush-each", action="store_true", help="write each journal line before its answer is sent")
    _calls_parser(site)
    site.add_argument(
        "--listen",
        type=_address,
        default="127.0.0.1:0",
        metavar="HOST:PORT",
        help="the first bus of devices that are asked, in the order of the site; each further one is a port higher (default 127.0.0.1, "
        "free ports)",
    )
    site.add_argument("--gateway", metavar="ID", help="only the devices of this gateway")
    site.add_argument("--counting", action="store_true", help="for checks: counters rise by one with each answer")
    device = commands.add_parser(
        "device", help="one device", description="Let one device of a profile, of any protocol, speak until stopped."
    )
    device.add_argument("--profile", required=True, metavar="NAME", help="path below profiles/ without .yaml")
    device.add_argument("--port", type=port, metavar="N", help="TCP port of a device that is asked; 0 takes a free one")
    device.add_argument("--host", default="127.0.0.1", metavar="HOST", help="where to listen (default 127.0.0.1)")
    _calls_parser(device)
    device.add_argument("--unit", dest="unit_id", type=unit, metavar="N", help="Modbus unit id (default 1)")
    device.add_argument("--framing", choices=["tcp", "rtu_over_tcp"], help="of Modbus (default tcp)")
    device.add_argument(
        "--set",
        action="append",
        default=[],
        type=_setting,
        metavar="FIELD=VALUE",
        help="a field of the device or its bus as a site has it, such as phone=013800138000 or topic=meters/1; may stand several times",
    )
    device.add_argument("--seed", type=int, default=1, metavar="N", help="another world for another number (default 1)")
    history = commands.add_parser(
        "history", help="the past of all meters", description="Send the counters of all meters, hourly, for last year and this one."
    )
    history.add_argument("--site", required=True, metavar="FOLDER", help="folder with the site's *.yaml, or the name of a shipped site")
    history.add_argument("--mqtt", required=True, type=_address, metavar="HOST:PORT", help="the broker")
    history.add_argument("--passwords", required=True, type=Path, metavar="DIR", help="a file for each gateway's user, named like it")
    history.add_argument("--fuel", type=Path, metavar="FILE", help="also write the fuel of cars as a CSV for jieyue-cloud import")
    history.add_argument("--seed", type=int, default=1, metavar="N", help="another world for another number (default 1)")
    _faults_parser(commands.add_parser("faults", help="what is wrong with devices", description=_ABOUT_FAULTS))
    return top


_ABOUT_FAULTS = "List, set and clear faults of a site's devices. A running site shows them at once, and keeps them over a restart."


def _faults_parser(faults: argparse.ArgumentParser) -> None:
    faults.add_argument("--data", required=True, type=Path, metavar="DIR", help="the --data of jieyue-sim site, or that of the demo")
    actions = faults.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="what is wrong now, and which faults there are", description="Print what is wrong and what could be.")
    change = actions.add_parser("set", help="let a device have a fault", description="Let a device have a fault from now on.")
    clear = actions.add_parser("clear", help="take a fault away", description="Take a fault of a device away, or all of them.")
    for action in (change, clear):
        action.add_argument("device", metavar="DEVICE", help="device id, as in the site")
    change.add_argument("fault", metavar="FAULT", help="its name, as `list` prints it")
    change.add_argument("value", metavar="VALUE", nargs="?", help="what it means depends on the fault; `list` says it")
    clear.add_argument("fault", metavar="FAULT", nargs="?", help="its name (default all of the device)")


async def _stopped() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def _folder(name: str) -> Path:
    """The folder itself, else the shipped site of that name."""
    shipped = shipped_site(name)
    return shipped if not Path(name).exists() and shipped.is_dir() else Path(name)


async def _site(args: argparse.Namespace, clock: Clock) -> None:
    site = load_site(_folder(args.site))
    called = _called(args)
    flags = {"flush_each": args.flush_each, "counting": args.counting}
    async with simulate(site, args.data, clock, seed=args.seed, called=called, gateway=args.gateway, listens=args.listen, **flags):
        sys.stdout.write(f"{site.id}: {len(site.devices)} devices, see {args.data / 'endpoints.json'}\n")
        sys.stdout.flush()
        await _stopped()


async def _unless_stopped(sending: Coroutine[object, object, None], leave: Callable[[], None]) -> None:
    """Send the past, or leave at once at Ctrl-C or SIGTERM: a client that is stopped while it connects complains of the closed loop."""
    work, stopping = asyncio.ensure_future(sending), asyncio.ensure_future(_stopped())
    await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not work.done():
        leave()
        fail(PROGRAM, "stopped before all of the past was stored; run it again", FAILED)
        sys.stderr.flush()
        os._exit(FAILED)
    stopping.cancel()
    work.result()


async def _device(args: argparse.Namespace, clock: Clock) -> None:
    named = {field: value for field in ("unit_id", "framing") if (value := getattr(args, field)) is not None}
    protocol = load_profile(args.profile).protocol
    if args.port is None and protocol not in calls():
        raise ValueError(f"--port: expected a number, since a device of {protocol} is asked there")
    site = lone_device(args.profile, **named | dict(args.set))
    async with play_alone(site, clock, args.seed, _called(args), Address(args.host, args.port or 0)) as where:
        sys.stdout.write(f"{where}\n")
        sys.stdout.flush()
        await _stopped()


async def _history(args: argparse.Namespace, clock: Clock) -> None:
    site = load_site(_folder(args.site))
    access = Access(args.mqtt.host, args.mqtt.port, args.passwords)
    world = SiteWorld(site, args.seed)
    started = time.monotonic()
    with tqdm(total=expected(site, clock.now_ms()), unit=" readings", unit_scale=True, desc="history") as bar:

        def stored(readings: int) -> None:
            bar.update(readings)

        await _unless_stopped(send(site, world, access, clock, stored), bar.close)
        sent = bar.n
    seconds = time.monotonic() - started
    sys.stdout.write(f"history: {sent} readings in {seconds:.1f} s, {sent / seconds:.0f} readings/s\n")
    if args.fuel:
        write_fuel(site, world, clock.now_ms(), args.fuel)


def _faults(args: argparse.Namespace) -> int:
    controls = Controls(args.data)
    if args.action == "list":
        sys.stdout.writelines(line + "\n" for line in controls.lines())
    elif args.action == "set":
        value = controls.set(args.device, args.fault, None if args.value is None else parsed(args.value))
        sys.stdout.write(f"{args.device}: {args.fault} {value:g}\n" if value else f"{args.device}: {args.fault}\n")
    else:
        gone = controls.clear(args.device, args.fault)
        sys.stdout.write(f"{args.device}: {', '.join(gone)} cleared\n" if gone else f"{args.device}: nothing to clear\n")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 after Ctrl-C or SIGTERM, 2 with a line on bad input, 1 when the machine refuses or not all of the past was sent."""
    args = parser().parse_args(argv)
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # what matters of it is said in one line
    return ended(PROGRAM, lambda: _faults(args) if args.command == "faults" else _served(args))


def _served(args: argparse.Namespace) -> int:
    try:
        asyncio.run({"site": _site, "device": _device, "history": _history}[args.command](args, clock_from_environment()))
    except HistoryError as error:
        return fail(PROGRAM, error, FAILED)
    except KeyboardInterrupt:
        return fail(PROGRAM, "stopped before it began", FAILED)
    return 0


if __name__ == "__main__":
    sys.exit(main())
