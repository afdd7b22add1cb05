"""Drivers are found by entry point, each only when a bus asks for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from protocols.base import driver_of

_WITHOUT_SERIAL = """
import sys
sys.modules["serial"] = None  # as on a machine without pyserial
from protocols.base import driver_of
print(driver_of("jt808").__name__, "protocols.modbus.driver" in sys.modules)
try:
    driver_of("modbus")
except ImportError as error:
    print(error.name)
"""


def test_each_protocol_that_ships_has_a_driver() -> None:
    """A site may name these three."""
    assert [driver_of(name).__module__.split(".")[1] for name in ("jt808", "modbus", "mqtt")] == ["jt808", "modbus", "mqtt"]


def test_a_protocol_that_is_not_installed_is_named_beside_those_that_are() -> None:
    """Whoever mistyped a name sees the right ones."""
    with pytest.raises(LookupError, match=r"^no driver for 'modbsu'; there are jt808, modbus, mqtt$"):
        driver_of("modbsu")


def test_a_missing_library_stops_only_its_own_protocol() -> None:
    """Without the serial library vehicles are still heard; only who asks for Modbus is told."""
    done = subprocess.run([sys.executable, "-c", _WITHOUT_SERIAL], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["Listener", "False", "serial"]
