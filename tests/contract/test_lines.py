"""Settings of lines and forms of numbers that cannot be, each refused at its field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from contract.profile import Profile
from contract.site import Site, load_site
from contract.yamlfile import ConfigError
from tests.sites import fields

NAME = {"zh": "试验", "en": "Trial"}


def site(bus: dict[str, Any], unit: int) -> dict[str, Any]:
    line = {"id": "line", "gateway": "gw", "protocol": "modbus", "serial_port": "/dev/ttyS9"} | bus
    return fields(buses=[line], devices=[{"id": "d", "name": NAME, "profile": "hvac/beca-bac-002aln", "bus": "line", "unit_id": unit}])


def load(folder: Path, bus: dict[str, Any], unit: int = 1) -> Site:
    (folder / "site.yaml").write_text(yaml.safe_dump(site(bus, unit)), encoding="utf-8")
    return load_site(folder)


@pytest.mark.parametrize(
    ("bus", "unit"),
    [
        ({"framing": "tcp", "transaction_ids": "ignored", "unit_ids": "ignored"}, 255),
        ({"framing": "tcp", "pause_after_connect_ms": 1000, "keep_alive": 1.5, "guard_ms": 100, "connections": "each"}, 248),
        ({"framing": "rtu", "echo": True}, 247),
        ({"framing": "rtu_over_tcp", "echo": True, "guard_ms": 0}, 1),
    ],
)
def test_a_line_may_have_what_its_framing_knows(bus: dict[str, Any], unit: int, tmp_path: Path) -> None:
    """Each setting where it means something, and ids above 247 on TCP."""
    found = load(tmp_path, bus, unit)
    assert {name: getattr(found.buses[0], name) for name in bus} == bus
    assert found.devices[0].model_dump()["unit_id"] == unit


@pytest.mark.parametrize(
    ("bus", "unit", "said"),
    [
        ({"framing": "tcp", "echo": True}, 1, "buses.0.echo: expected none on tcp"),
        ({"framing": "rtu", "transaction_ids": "ignored"}, 1, "buses.0.transaction_ids: expected none on rtu"),
        ({"framing": "rtu_over_tcp", "unit_ids": "ignored"}, 1, "buses.0.unit_ids: expected none on rtu_over_tcp"),
        ({"framing": "rtu", "connections": "each"}, 1, "buses.0.connections: expected none on rtu"),
        ({"protocol": "mqtt", "connections": "each"}, 1, "buses.0.connections: expected none on mqtt"),
        ({"protocol": "mqtt", "keep_alive": 5}, 1, "buses.0.keep_alive: expected none on mqtt"),
        ({"framing": "rtu"}, 248, "devices.0.unit_id: expected 1 to 247, since line is a serial line"),
    ],
)
def test_a_line_may_not_have_what_its_framing_does_not_know(bus: dict[str, Any], unit: int, said: str, tmp_path: Path) -> None:
    """One line with the field and what was expected."""
    with pytest.raises(ConfigError) as told:
        load(tmp_path, bus, unit)
    assert said in str(told.value)


FRACTION, SCALE = {"address": 2, "scale": 0.1}, {"address": 2}


@pytest.mark.parametrize(
    ("mapped", "said"),
    [
        ({"type": "int16", "fraction": FRACTION}, "without sign"),
        ({"type": "float32", "fraction": FRACTION}, "without sign"),
        ({"fraction": FRACTION | {"type": "int16"}}, "without sign"),
        ({"fraction": FRACTION | {"scale": 1}}, "less than 1"),
        ({"fraction": FRACTION, "scale_register": SCALE}, "not both"),
        ({"scale_register": SCALE | {"type": "float32"}}, "an exponent"),
        ({"scale_register": SCALE | {"type": "uint32", "mask": 255}}, "16-bit"),
        ({"scale_register": SCALE, "writable": True, "limits": {"min": 0, "max": 1}}, "cannot set both"),
        ({"scale_register": {"address": 200}}, "one read of 120 can hold"),
        ({"table": "coil", "type": "bool", "scale_register": SCALE}, "holds bits"),
        ({"type": "bcd32", "mask": 255}, "16-bit register"),
    ],
)
def test_a_form_that_cannot_be_is_refused(mapped: dict[str, Any], said: str) -> None:
    """At load, with what was expected, and not while a device is read."""
    model = {"maker": "M", "model": "T", "class": "electricity", "protocol": "modbus", "sources": ["test"]}
    with pytest.raises(ValidationError, match=said):
        Profile.model_validate(model | {"points": {"status": {"address": 0} | mapped}})
