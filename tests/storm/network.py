"""A network of its own for the gateway and its devices, with one cable to here, which can be pulled."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from simulators.stack.chaos import Fault


@dataclass(frozen=True, slots=True)
class Network:
    """One network.

    Attributes:
        before: Words before a command that shall run within it.
        here: Our address, seen from there.
        cable: The end of the cable that is here.
    """

    before: tuple[str, ...]
    here: str
    cable: str

    def pulled(self) -> Fault:
        """Packets vanish, and no connection is told of it."""
        return Fault("the cable of the gateway is pulled", "cable", lambda: _ip("link", "set", self.cable, "down"), self._plug)

    def _plug(self) -> None:
        _ip("link", "set", self.cable, "up")


@contextmanager
def network() -> Iterator[Network]:
    """Make one; root may, and it goes with everything in it.

    Raises:
        subprocess.CalledProcessError: It may not be made here.
    """
    number = os.getpid()
    name, outside, inside = f"jieyue-{number}", f"jy{number}a", f"jy{number}b"
    link = f"169.254.{number // 64 % 250 + 1}.{number % 64 * 4}".rsplit(".", 1)
    here, there = (f"{link[0]}.{int(link[1]) + end}" for end in (1, 2))
    within = ("ip", "netns", "exec", name)
    _ip("netns", "add", name)
    try:
        _ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", name)
        _ip("address", "add", f"{here}/30", "dev", outside)
        _ip("link", "set", outside, "up")
        _ip("-netns", name, "address", "add", f"{there}/30", "dev", inside)
        for device in (inside, "lo"):
            _ip("-netns", name, "link", "set", device, "up")
        yield Network(within, here, outside)
    finally:
        _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
