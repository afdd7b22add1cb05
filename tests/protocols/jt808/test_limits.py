"""What terminals may take is a setting of the bus, which a gateway's own file may change."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
import yaml

from contract import yamlfile
from edge.settings import Settings, load_settings, located
from protocols.jt808.driver.connections import Connections
from protocols.jt808.model import Bus
from protocols.jt808.model.limits import TerminalLimits
from tests.sites import fields

BUS = Bus(id="cars", gateway="gw", protocol="jt808")
HEAD = "gateway: gw\nsite: ./site\ndata: ./outbox\n"


def settings(folder: Path, terminals: str) -> Settings:
    (folder / "site").mkdir()
    (folder / "site" / "site.yaml").write_text(yaml.safe_dump(fields(buses=[BUS.model_dump()], devices=[])), encoding="utf-8")
    path = folder / "gateway.yaml"
    path.write_text(f"{HEAD}buses:\n  cars:\n    port: 6809\n    terminals: {terminals}\n", encoding="utf-8")
    return load_settings(path)[0]


def test_a_gateway_s_file_changes_the_limits_of_its_machine(tmp_path: Path) -> None:
    """What it names holds, what it does not name has its default, and the port is the gateway's too."""
    bus = located(BUS, settings(tmp_path, "{connections: 7, long_message_bytes: 65536}"))
    assert (bus.port, bus.terminals) == (6809, TerminalLimits(connections=7, long_message_bytes=65536))
    assert Connections(bus.terminals, 105).most == 7
    assert Connections(bus.terminals, 105).most_per_address == 226


@pytest.mark.parametrize(("files", "most"), [(1024, 896), (100, 1), (resource.RLIM_INFINITY, 1200)])
def test_the_default_fits_the_site_and_the_process(monkeypatch: pytest.MonkeyPatch, files: int, most: int) -> None:
    """Twice the terminals and some more, but never the files that the gateway's own disk and lines need."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert Connections(TerminalLimits(), 472).most == most


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{connections: 0}", ":7: buses.cars.terminals.connections: Input should be greater than or equal to 1, got 0"),
        ("{silence_seconds: -1}", ":7: buses.cars.terminals.silence_seconds: Input should be greater than 0, got -1"),
        ("{most: 5}", ":7: buses.cars.terminals.most: Extra inputs are not permitted, got 5"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(tmp_path: Path, given: str, said: str) -> None:
    """With file, line, field and what was expected."""
    with pytest.raises(yamlfile.ConfigError) as refused:
        settings(tmp_path, given)
    assert str(refused.value) == f"{tmp_path / 'gateway.yaml'}{said}"
