"""One site, end to end, on this machine: its files, and how each part is started."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from contract import rights
from contract.clock import Clock
from contract.site import Site, load_site
from simulators.parts import calls
from simulators.site import write_endpoints
from simulators.stack.broker import Broker, free_port, prepare
from simulators.stack.processes import Processes, StartError, clock_environment

HOST_ID = "jieyue"
Run = Callable[..., subprocess.CompletedProcess[str]]
"""Runs a program of ours until its end, as `in_a_process` does."""


def in_a_process(module: str, *arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """What `python -m module arguments` prints in an environment, and its exit code."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 (our own program)


class Stack:
    """The parts of a system in a data folder; each can be started, stopped and killed alone."""

    def __init__(
        self,
        folder: Path,
        data: Path,
        clock: Clock,
        *,
        port: int = 0,
        environment: dict[str, str] | None = None,
        run: Run = in_a_process,
    ) -> None:
        """Nothing runs yet.

        Args:
            folder: The site.
            data: Where everything is kept.
            clock: What all parts go by.
            port: Of the interface; 0 takes a free one.
            environment: Added to the cloud's.
            run: How commands of the service are run.
        """
        self.folder, self.data, self.clock = folder.resolve(), data.resolve(), clock
        self.site: Site = load_site(folder)
        self.port = port or free_port()
        self.processes = Processes(self.data / "logs", clock_environment(clock))
        self.broker: Broker = prepare(self.site, self.data / "broker", HOST_ID)
        self.called = {name: self.broker.port if one.passwords else free_port() for name, one in calls().items()}
        """Which port devices call that speak by themselves, by protocol: the broker's, where they have users, else a gateway's listener."""
        self._runs = run
        self._cloud = {
            "JIEYUE_DATA": str(self.data / "cloud"),
            "JIEYUE_SITE": str(self.folder),
            "JIEYUE_MQTT_PORT": str(self.broker.port),
            "JIEYUE_MQTT_USER": rights.CLOUD_USER,
            "JIEYUE_MQTT_PASSWORD_FILE": str(self.broker.password_file(rights.CLOUD_USER)),
            "JIEYUE_MQTT_WATCH_USER": rights.WATCH_USER,
            "JIEYUE_MQTT_WATCH_PASSWORD_FILE": str(self.broker.password_file(rights.WATCH_USER)),
            "JIEYUE_HOST_ID": HOST_ID,
            "JIEYUE_PORT": str(self.port),
            **(environment or {}),
        }
        self._prepared = False

    def start_broker(self) -> None:
        """Start the broker and wait for its port."""
        self.processes.start("broker", self.broker.argv)
        self.processes.wait_for("broker", lambda: _open(self.broker.port), seconds=20)

    def start_simulators(self, *options: str) -> dict[str, Any]:
        """Start all devices, a process a gateway, with options of `jieyue-sim site`; returns and writes their endpoints."""
        started = {g.id: self.simulator_data(g.id) for g in self.site.gateways}
        for gateway, data in started.items():
            (data / "endpoints.json").unlink(missing_ok=True)
            arguments = ["--site", str(self.folder), "--gateway", gateway, "--data", str(data), "--flush-each", *options]
            for protocol, one in calls().items():
                arguments += [f"--{protocol}", f"127.0.0.1:{self.called[protocol]}"]
                arguments += [f"--{protocol}-passwords", str(self.broker.folder / "passwords")] if one.passwords else []
            self.processes.python(f"simulators-{gateway}", "simulators", "site", *arguments)
        for gateway, data in started.items():
            self.processes.wait_for(f"simulators-{gateway}", (data / "endpoints.json").exists, seconds=60)
        found = merged([json.loads((data / "endpoints.json").read_text(encoding="utf-8")) for data in started.values()])
        write_endpoints(self.data / "endpoints.json", found)
        return found

    def simulator_data(self, gateway: str) -> Path:
        """Where the simulated devices of a gateway keep their journals and writes."""
        return self.data / "simulators" / gateway

    def start_cloud(self) -> None:
        """Start the service; it is ready when /healthz says so."""
        self.processes.python("cloud", "cloud", "serve", environment=self.cloud_environment())

    def cloud_environment(self) -> dict[str, str]:
        """The settings of the service, for its commands; the first time its database is made and the site entered."""
        if not self._prepared:
            self.prepare_cloud()
        return dict(self._cloud)

    def prepare_cloud(self) -> None:
        """Make the cloud's database and enter the site: a step of its own, which no other command does."""
        for command in (("migrate",), ("site", "apply", str(self.folder), "--yes")):
            self._run(self._cloud, *command)
        self._prepared = True

    def command(self, *arguments: str) -> str:
        """Run a command of the service and return what it prints.

        Raises:
            StartError: It failed.
        """
        return self._run(self.cloud_environment(), *arguments)

    def _run(self, environment: dict[str, str], *arguments: str) -> str:
        done = self._runs("cloud", *arguments, environment=self.processes.environment | environment)
        if done.returncode:
            raise StartError(f"jieyue-cloud {arguments[0]} failed: {done.stderr.strip().splitlines()[-1]}")
        return done.stdout.strip()

    def start_edge(self, gateway: str, endpoints: dict[str, Any], *, broker_port: int | None = None, **settings: object) -> None:
        """Start a gateway with the addresses of the simulated devices; `broker_port` is that of a link to the broker."""
        config = self.data / "edge" / f"{gateway}.yaml"
        config.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "gateway": gateway,
            "site": str(self.folder),
            "data": str(self.data / "edge" / gateway),
            "broker": {"port": broker_port or self.broker.port, "user": gateway, "password_file": str(self.broker.password_file(gateway))},
            "host_id": HOST_ID,
            "clock": "trusted",
            "buses": self._addresses(gateway, endpoints),
            **settings,
        }
        config.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        self.processes.python(gateway, "edge", "run", "--config", str(config))

    def _addresses(self, gateway: str, endpoints: dict[str, Any]) -> dict[str, dict[str, object]]:
        mine = {b.id: b for b in self.site.buses if b.gateway == gateway}
        served = {e["bus"]: e for there in endpoints.values() if isinstance(there, list) for e in there}
        found: dict[str, dict[str, object]] = {
            bus: {field: e[field] for field in mine[bus].local if field in e} for bus, e in served.items() if bus in mine
        }
        whom = calls()
        for bus in (bus for bus in mine.values() if bus.protocol in whom):
            found[bus.id] = {"host": "127.0.0.1", "port": self.called[bus.protocol]}
            if whom[bus.protocol].passwords:
                user = rights.bus_user(bus)
                found[bus.id] |= {"user": user, "password_file": str(self.broker.password_file(user))}
        return found


def merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The endpoints of several processes as one: lists joined, addresses taken from whoever has one."""
    found: dict[str, Any] = {"modbus": []}
    for part in parts:
        for key, value in part.items():
            if isinstance(value, list):
                found[key] = [*found.get(key, []), *value]
            elif value:
                found[key] = value
    return found


def _open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
