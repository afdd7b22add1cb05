"""Drivers are found by entry point, each only when a bus asks for it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from contract import protocol
from protocols.base import NoDriverError, driver_of

_WITHOUT_SERIAL = """
import sys
sys.modules["serial"] = None  # as on a machine without pyserial
from protocols.base import NoDriverError, driver_of
print(driver_of("jt808").__name__, "protocols.modbus.driver" in sys.modules)
try:
    driver_of("modbus")
except NoDriverError as error:
    print(error)
"""


def test_each_protocol_that_ships_has_a_driver() -> None:
    """A site may name these three."""
    assert [driver_of(name).__module__.split(".")[1] for name in ("jt808", "modbus", "mqtt")] == ["jt808", "modbus", "mqtt"]


def test_a_protocol_that_is_not_installed_is_named_beside_those_that_are() -> None:
    """Whoever mistyped a name sees the right ones."""
    with pytest.raises(NoDriverError, match=r"^no driver for 'modbsu'; there are jt808, modbus, mqtt$"):
        driver_of("modbsu")


def test_a_missing_library_stops_only_its_own_protocol() -> None:
    """Without the serial library vehicles are still heard; only who asks for Modbus is told."""
    done = subprocess.run([sys.executable, "-c", _WITHOUT_SERIAL], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[0] == "Listener False"
    assert done.stdout.splitlines()[1].startswith("the driver of modbus cannot be loaded: ")


@pytest.mark.parametrize(
    ("packages", "said"),
    [
        ([("a", "one"), ("a", "two")], "the protocol 'a' is claimed twice, by one and two"),
        ([], "no protocol is installed: the installation is older than its code; install it anew"),
    ],
)
def test_an_installation_that_cannot_be_is_told(packages: list[tuple[str, str]], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two packages under one name, and code that was changed without being installed anew."""
    found = [EntryPoint(name, value, protocol.GROUP) for name, value in packages]
    monkeypatch.setattr(protocol, "entry_points", lambda group: found if group == protocol.GROUP else [])
    with pytest.raises(ValueError, match=f"^{said}$"):
        protocol.packages.__wrapped__()
