"""What compose would run in containers, run as plain processes: the same commands, files and variables, other paths and ports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import sqlalchemy as sa

from contract.rights import secret_file
from contract.site import Site, load_site
from contract.sitefolder import shipped_site
from simulators.stack.broker import free_port
from simulators.stack.influxd import PASSWORD, Influxd
from simulators.stack.postgres import Postgres
from simulators.stack.processes import Processes
from tests.waiting import wait

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


class Started:
    """The services of docker-compose.yml on this machine."""

    def __init__(
        self, compose: dict[str, Any], ours: dict[str, dict[str, Any]], prepared: Path, folder: Path, stores: dict[str, str]
    ) -> None:
        """`stores` are variables of the cloud that say where the stores really are."""
        self.compose, self.ours, self.folder = compose, ours, folder
        self.prepared, self.stores = prepared, stores
        self.site: Site = load_site(shipped_site("lizhou"))
        self.processes = Processes(folder / "logs")
        self.ports = {str(p): free_port() for p in (1883, 8883, 6808, 8080)}
        buses = sum(b.protocol == "modbus" for b in self.site.buses)
        first = next(p for p in iter(free_port, 0) if p + buses < 32_000)
        self.ports |= {str(15001 + i): first + i for i in range(buses)}

    def translated(self, text: str, service: str) -> str:
        """Names, ports and paths of a container, as they are here."""
        own = self.folder / service
        own.mkdir(exist_ok=True)
        text = re.sub(r"\b(mosquitto|edge-vehicles|simulators)\b(?=:\d|,|\n|$)", "127.0.0.1", text).replace("0.0.0.0", "127.0.0.1")  # noqa: S104 (what is replaced)
        for name in self.compose["services"][service].get("secrets", []):
            text = text.replace(f"/run/secrets/{name}", str(self.prepared / self.compose["secrets"][name]["file"]))
        text = text.replace("/etc/jieyue/site", str(ROOT / "firmware_configs/sites/lizhou"))
        text = text.replace("/etc/jieyue/gateway.yaml", str(own / "gateway.yaml")).replace("/var/lib/jieyue", str(own))
        text = text.replace("/etc/jieyue/channels", str(self.prepared / "deploy/secrets/channels"))
        text = text.replace("/run/passwords", str(self.prepared / "deploy/secrets/jieyue/passwords"))
        text = text.replace("/etc/mosquitto/jieyue", str(self.prepared / "deploy/secrets/mosquitto")).replace("/mosquitto/data", str(own))
        text = text.replace("/etc/mosquitto/conf.d", str(own / "conf.d"))
        return re.sub(r"(?<![\w.])(" + "|".join(self.ports) + r")\b", lambda m: str(self.ports[m[1]]), text)

    def argv(self, service: str) -> list[str]:
        """Entry point of the image with the service's command, or the image's."""
        image = self.ours[service]
        command = self.compose["services"][service].get("command", image["cmd"])
        return [str(BIN / image["entrypoint"][0]), *(self.translated(word, service) for word in command)]

    def environment(self, service: str) -> dict[str, str]:
        """Variables of the image and of the service."""
        given = self.ours[service]["environment"] | self.compose["services"][service].get("environment", {})
        found = {k: self.translated(v, service) for k, v in given.items() if k.startswith("JIEYUE_")}
        return found | {k: v for k, v in self.stores.items() if k in found}

    def broker(self) -> None:
        """Mosquitto with the files that its container would mount."""
        own = self.folder / "mosquitto"
        (own / "conf.d").mkdir(parents=True)
        for volume in self.compose["services"]["mosquitto"]["volumes"]:
            source, _, target = volume.removesuffix(":ro").rpartition(":")
            if target.endswith(".conf"):
                text = self.translated((ROOT / source).read_text(encoding="utf-8"), "mosquitto")
                place = own / ("conf.d" if "conf.d" in target else "") / Path(target).name
                place.write_text(text + ("user root\n" if place.parent == own and os.geteuid() == 0 else ""), encoding="utf-8")
        self.processes.start("mosquitto", ["mosquitto", "-c", str(own / "mosquitto.conf")])

    def start(self, service: str) -> None:
        """One of ours."""
        own = self.folder / service
        own.mkdir(exist_ok=True)
        for volume in self.compose["services"][service]["volumes"]:
            source, _, target = volume.removesuffix(":ro").rpartition(":")
            if target == "/etc/jieyue/gateway.yaml":
                (own / "gateway.yaml").write_text(self.translated((ROOT / source).read_text(encoding="utf-8"), service), encoding="utf-8")
        self.processes.start(service, self.argv(service), self.environment(service))

    def run(self, service: str, *arguments: str) -> str:
        """A step that ends by itself, or another command of a service; what it prints."""
        argv = [self.argv(service)[0], *arguments] if arguments else self.argv(service)
        done = subprocess.run(argv, env=os.environ | self.environment(service), capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def healthy(self, service: str) -> bool:
        """What Docker would find out."""
        check = [self.translated(word, service) for word in self.ours[service]["healthcheck"]]
        environment = os.environ | self.environment(service) | {"PATH": f"{BIN}:{os.environ['PATH']}"}
        return subprocess.run(check, env=environment, capture_output=True, timeout=20, check=False).returncode == 0


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """An empty database of its own."""
    engine = sa.create_engine(postgres.url("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE composed"))
        yield postgres.url("composed")
        connection.execute(sa.text("DROP DATABASE composed WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def started(
    compose: dict[str, Any],
    ours: dict[str, dict[str, Any]],
    prepared: Path,
    tmp_path: Path,
    database: str,
    influxd: Influxd,
    mosquitto: None,
) -> Iterator[Started]:
    """The broker runs, on the stores that compose has, as far as they can be installed here: a real PostgreSQL and InfluxDB 1.x."""
    _ = mosquitto
    influx = urlsplit(influxd.url("composed"))
    stores = {
        "JIEYUE_DATABASE": database.replace("postgres@", "postgres:wrong@"),
        "JIEYUE_DATABASE_PASSWORD_FILE": str(secret_file(tmp_path / "postgres", "not asked for\n")),
        "JIEYUE_TELEMETRY": f"{influx.scheme}://{influx.username}@{influx.hostname}:{influx.port}{influx.path}",
        "JIEYUE_TELEMETRY_PASSWORD_FILE": str(secret_file(tmp_path / "influx", PASSWORD + "\n")),
    }
    made = Started(compose, ours, prepared, tmp_path, stores)
    made.broker()
    yield made
    made.processes.stop()


@pytest.mark.timeout(240)
def test_the_whole_site_runs_with_the_commands_of_compose(started: Started) -> None:
    """All services but Grafana: migrated on PostgreSQL, readings of every gateway over TLS in InfluxDB, each health check content."""
    assert started.run("migrate") == ""
    assert started.run("site") == "the first site: lizhou, 32 units, 43 meters, 167 devices, 4 gateways\nentered"
    assert started.run("site") == ""
    token = started.run("cloud", "token", "test")
    gateways = [s for s in started.compose["services"] if s.startswith("edge-")]
    assert not any(started.healthy(service) for service in ("cloud", "simulators", *gateways))
    for service in ("simulators", "cloud", *gateways):
        started.start(service)
    base, headers = f"http://127.0.0.1:{started.ports['8080']}", {"Authorization": f"Bearer {token}"}

    def answer(path: str) -> httpx.Response | None:
        assert not started.processes.dead(), [started.processes.ended(name) for name in started.processes.dead()]
        try:
            return httpx.get(base + path, headers=headers, timeout=10)
        except httpx.TransportError:
            return None

    wait(lambda: (found := answer("/healthz")) is not None and found.status_code == 200, "the cloud is not ready", seconds=90)

    def heard() -> set[str]:
        found = answer("/api/v1/devices")
        assert found is not None
        return {d["gateway"] for d in found.json() if d["online"]}

    wanted = {g.id for g in started.site.gateways}
    wait(lambda: heard() >= wanted, f"only {heard()}", seconds=90)

    def good(device: str) -> bool:
        found = answer(f"/api/v1/readings/latest?device={device}")
        readings = found.json() if found is not None else []
        return any((r["point"], r["unit"], r["quality"]) == ("energy_import", "kWh", "good") for r in readings)

    for device in ("c1-e-main", "c1-e-charger", "c3-e-main-1"):
        wait(partial(good, device), f"no good reading of {device}", seconds=60)
    for service in ("cloud", "simulators", *gateways):
        wait(partial(started.healthy, service), f"{service} is not healthy", seconds=30)
