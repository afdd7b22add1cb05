"""`jieyue-edge run`: the gateway itself."""

from __future__ import annotations

import argparse
import ctypes
import gc
import time

import structlog

from contract.clock import Clock
from contract.commandline import Commands, Parser
from contract.descriptors import raise_limit
from contract.lifecycle import until_signalled
from contract.logs import LOG_EVERY, Seldom, warn_of_trial
from contract.site import Site
from edge.app import Gateway
from edge.cli.shared import ONE_CONNECTION, add
from edge.outbox.lock import InUseError
from edge.settings import Settings, check_files, shared_users
from edge.watchdog import Systemd

log = structlog.get_logger()
_ABOUT = "Read the gateway's devices and send what was read, until stopped by Ctrl-C or SIGTERM."
_ARENAS = -8
"""M_ARENA_MAX of glibc's malloc.h."""
_LOOK_AGAIN, _PATIENCE = 2.0, 60.0
"""Seconds between two looks at an outbox that is in use, and how long systemd is asked to wait each time."""


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    add(commands, "run", _ABOUT, run)


def run(settings: Settings, site: Site, clock: Clock, arguments: argparse.Namespace) -> int:
    """Run the gateway until it is asked to stop."""
    check_files(settings, arguments.config, disk=False)
    import uvloop  # noqa: PLC0415 (only the daemon needs it)

    raise_limit()
    _share_memory()
    gateway = _gateway(settings, site, clock)
    warn_of_trial(clock)
    for bus, user in shared_users(settings, site):
        log.warning("two connections have one user", bus=bus, user=user, help=ONE_CONNECTION)
    gc.freeze()  # site and modules stay until the end: with thousands of devices the collector walked them for half a second
    uvloop.run(_until_signalled(gateway))
    return 0


def _share_memory() -> None:
    """Let all threads take memory of one arena, where the C library is glibc: each keeps what was given back, and ours wait in turn."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_ARENAS, 1)


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
