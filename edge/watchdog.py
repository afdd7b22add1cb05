"""What systemd is told: that the gateway is up, that it still lives, that it stops (sd_notify(3)); only where systemd asks."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping

import structlog

log = structlog.get_logger()
_ROUNDS = 3
"""Signs of life in one watchdog time: two may be late before systemd restarts the gateway."""


class Systemd:
    """The socket that systemd named; without one nothing is told, and nothing waits."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """Look at `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` (sd_watchdog_enabled(3))."""
        env = os.environ if environ is None else environ
        self._address = env.get("NOTIFY_SOCKET", "")
        ours = env.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog = int(env.get("WATCHDOG_USEC", "0")) / 1_000_000 if ours and self._address else 0.0
        """Seconds without a sign of life after which systemd restarts us; 0: it does not watch."""

    @property
    def there(self) -> bool:
        """Whether systemd started us."""
        return bool(self._address)

    def tell(self, what: str) -> None:
        """One datagram, such as `READY=1`; that it cannot be sent is logged, and no reason to stop reading devices."""
        if not self._address:
            return
        name = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.connect(name)
                out.sendall(what.encode())
        except OSError as error:
            log.warning("systemd does not hear us", reason=str(error))

    async def run(self, stuck: Callable[[], float]) -> None:
        """Say that we are ready, then give signs of life until cancelled, then say that we stop.

        Args:
            stuck: Seconds for which the gateway has not got on with work that another start would mend. Beyond the watchdog's time
                no sign is given, and a loop that stands still gives none by itself.
        """
        self.tell("READY=1")
        try:
            while self.watchdog:
                if stuck() < self.watchdog:
                    self.tell("WATCHDOG=1")
                await asyncio.sleep(self.watchdog / _ROUNDS)
            await asyncio.Event().wait()
        finally:
            self.tell("STOPPING=1")
