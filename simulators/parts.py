"""The simulated side of each protocol: its package's `device`, where it has one."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import cast

from contract.protocol import packages
from protocols.stage import Alone, Calls, Player


def device_of(protocol: str) -> ModuleType | None:
    """What plays the devices of an installed protocol; None where it has nothing that does.

    Raises:
        ImportError: It cannot be loaded.
    """
    package = packages()[protocol]
    return import_module(f"{package}.device") if find_spec(f"{package}.device") is not None else None


def players() -> Iterator[Player]:
    """What plays the devices of each protocol."""
    for protocol in packages():
        if (device := device_of(protocol)) is not None:
            yield device.play


def calls() -> dict[str, Calls]:
    """Whom the devices of each protocol call that are not asked; one that cannot be loaded has no devices."""
    found: dict[str, Calls] = {}
    for protocol in packages():
        try:
            device = device_of(protocol)
        except ImportError:
            continue
        if hasattr(device, "CALLS"):
            found[protocol] = cast("Calls", getattr(device, "CALLS"))  # noqa: B009 (of whichever module it is)
    return found


def alone(protocol: str) -> Alone:
    """What a bus and a device of a protocol need that is played alone."""
    return cast("Alone", getattr(device_of(protocol), "ALONE", Alone()))
