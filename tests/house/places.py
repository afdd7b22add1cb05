"""A folder with a right site and a right gateway, which a test spoils, and what a refusal looks like."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests import commands
from tests.sites import changed, whole

NAME = {"zh": "试验", "en": "Trial"}
SITE = whole("""\
compounds: [{id: c, name: {zh: 院, en: Yard}, buildings: []}]
units: [{id: u, name: {zh: 局, en: Bureau}, compound: c, headcount: 5, area: 90}]
gateways: [{id: gw}]
buses:
  - {id: line, gateway: gw, protocol: modbus, port: 1}
  - {id: pub, gateway: gw, protocol: mqtt}
devices:
  - {id: em, name: {zh: 表, en: Meter}, profile: electricity/chint-dtsu666, bus: line, unit_id: 1}
  - {id: pm, name: {zh: 表, en: Meter}, profile: electricity/jieyue-mqtt-meter, bus: pub, topic: meters/1}
meters:
  - {id: m, name: {zh: 表, en: Meter}, energy: electricity, device: em, point: energy_import, main: true, units: [u]}
  - {id: oil, name: {zh: 油, en: Oil}, energy: diesel, main: true, units: [u]}
""")
GATEWAY: dict[str, Any] = {"gateway": "gw", "site": "./site", "data": "edge"}


class Place:
    """A folder with a right site and a right gateway, which a test spoils."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "site").mkdir()
        self.site()
        self.gateway()

    def site(self, before: str = "", after: str = "") -> None:
        """Write the site, with one text replaced."""
        text = changed(SITE, (before, after)) if before else SITE
        (self.folder / "site" / "site.yaml").write_text(text, encoding="utf-8")

    def gateway(self, **fields: object) -> None:
        """Write the gateway's configuration, with fields replaced or added."""
        (self.folder / "gw.yaml").write_text(yaml.safe_dump(GATEWAY | fields, sort_keys=False), encoding="utf-8")

    def run(self, program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A real command, in the folder; fails if it says anything but lines of its own, or a traceback."""
        variables = {k: v for k, v in os.environ.items() if not k.startswith("JIEYUE_")}
        variables |= {"JIEYUE_DATA": "cloud", "JIEYUE_SITE": "./site"} | environment
        done = commands.run(program, *arguments, environment=variables, folder=self.folder)
        names = {"edge": "jieyue-edge", "cloud": "jieyue-cloud", "simulators": "jieyue-sim", "simulators.stack.demo": "demo"}
        assert "Traceback" not in done.stderr
        assert all(line.startswith(names[program]) for line in done.stderr.splitlines()), done.stderr
        return done


def refused(done: subprocess.CompletedProcess[str], said: str, code: int = 2) -> None:
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert said in done.stderr
