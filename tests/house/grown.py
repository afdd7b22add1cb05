"""The product with things added to it: a copy of the source tree, in which each thing is what "one place to touch" says it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

import cloud
from contract import rights
from contract.clock import Clock
from simulators.stack.stack import Stack
from tests.sites import fields
from tests.waiting import wait

SOURCE = Path(cloud.__path__[0]).parent
PACKAGES = ("contract", "protocols", "edge", "cloud", "simulators", "firmware_configs")
GENERATOR = Path(__file__).parents[2] / "dashboards"
NAME = {"zh": "试验电表", "en": "Trial meter"}
THINGS = Path(__file__).with_name("added")
CATALOGUE = Path("cloud/web/messages.json")
TEXTS = {
    "report.trial.title": {"zh": "试验报告", "en": "A trial's report"},
    "grafana.board.trial": {"zh": "试验看板", "en": "A trial's board"},
    "grafana.about.trial": {"zh": "试验。", "en": "For trial."},
}
SITE = fields(
    compounds=[{"id": "c", "name": NAME, "buildings": []}],
    units=[{"id": "u", "name": NAME, "compound": "c", "headcount": 5, "area": 90}],
    buses=[{"id": "b", "gateway": "gw", "protocol": "modbus"}],
    devices=[{"id": "em", "name": NAME, "profile": "electricity/trial-em9", "bus": "b", "unit_id": 1, "interval": 1, "compound": "c"}],
    meters=[
        {"id": "m", "name": NAME, "energy": "electricity", "device": "em", "point": "energy_import", "main": True}
        | {"compound": "c", "units": ["u"]}
    ],
)


class Grown:
    """A copy of the product in a folder, with all that `tests/house/added` holds at the same place, and texts in the catalogue."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in PACKAGES:
            shutil.copytree(SOURCE / name, folder / name)
        shutil.copytree(GENERATOR, folder / "dashboards", ignore=shutil.ignore_patterns("grafana"))
        self.added = [path.relative_to(THINGS) for path in sorted(THINGS.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
        for path in self.added:
            assert not (folder / path).exists(), f"{path} is there already: the thing would change a file, not add one"
        shutil.copytree(THINGS, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        texts = json.loads((folder / CATALOGUE).read_text(encoding="utf-8")) | TEXTS
        (folder / CATALOGUE).write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")
        self.environment = {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}

    def python(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """`python ARGUMENTS` with the copy; whoever asks looks at the exit code."""
        given = {k: v for k, v in os.environ.items() if not k.startswith("JIEYUE_")} | self.environment | environment
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=given, cwd=self.folder, capture_output=True, text=True, timeout=100, check=False)

    @contextmanager
    def running(self) -> Iterator[Running]:
        """A site with a meter of the new model: broker, simulated device, gateway and service."""
        site = self.folder / "site"
        site.mkdir()
        (site / "site.yaml").write_text(yaml.safe_dump(SITE, allow_unicode=True), encoding="utf-8")
        stack = Stack(site, self.folder / "data", Clock())
        stack.processes.environment |= self.environment
        try:
            stack.start_broker()
            stack.start_cloud()
            stack.start_edge("gw", stack.start_simulators())
            with httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", timeout=30) as client:
                client.headers["Authorization"] = f"Bearer {stack.command('token', 'test', '--role', 'admin').splitlines()[-1]}"
                wait(lambda: _answers(client), "the service is ready")
                yield Running(stack, client)
        finally:
            stack.processes.stop()


class Running:
    """The system while it runs."""

    def __init__(self, stack: Stack, client: httpx.Client) -> None:
        self.stack, self.client = stack, client
        self.password_file = stack.broker.password_file(rights.CLOUD_USER)

    def got(self, path: str) -> Any:  # noqa: ANN401 (whatever JSON it is)
        """What the interface answers."""
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def alert(self, rule: str) -> dict[str, Any]:
        """The alert of a rule, once it fires."""
        found: list[dict[str, Any]] = []

        def fires() -> bool:
            found[:] = [alert for alert in self.got("/api/v1/alerts?state=firing") if alert["rule"] == rule]
            return bool(found)

        wait(fires, f"{rule} fires")
        return found[0]


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False
