"""A whole small system under a storm: its parts, its links, its disks, and the faults that they may have."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
import yaml

from contract import rights
from contract.clock import Clock
from simulators.stack.broker import free_port
from simulators.stack.chaos import Fault, hangs, kills, storm
from simulators.stack.influxd import start_influxd
from simulators.stack.postgres import find_postgres, start_postgres
from simulators.stack.stack import HOST_ID, Stack
from simulators.stack.store_faults import StoreFault, full_disk, influx_faults, postgres_faults
from tests import commands
from tests.storm.accounts import Measured, committed_in, emptied
from tests.storm.damage import Damage
from tests.storm.faults import STRANGER, flood, garbage, poison, refusals
from tests.storm.network import network
from tests.storm.parts import Parts
from tests.storm.site import GATEWAY, POLL, write_site

RELAY = Path(__file__).with_name("relay.py")
LONGEST = 5.0
"""Seconds that a fault of a storm lasts at most."""
Eventually = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """What kind of system.

    Attributes:
        servers: InfluxDB and PostgreSQL; else SQLite.
        privileged: Small disks, and a network of the gateway's own: root may make them.
        disk: Size of each disk, as mount(8) has it.
        buses: Of meters.
        poll: Seconds between two polls of a meter.
    """

    servers: bool = False
    privileged: bool = True
    disk: str = "96m"
    buses: int = 3
    poll: float = POLL


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds: memory in MiB, descriptors, threads."""

    memory: float
    descriptors: int
    threads: int


@dataclass
class World:
    """The running parts.

    Attributes:
        stack: Broker, simulators, gateway and cloud.
        telemetry: Address of the time-series store.
        address: Where the gateway finds the broker, or the link to it.
        damage: Of the outbox.
        faults: All that may happen.
        restart: How each part is started again.
    """

    stack: Stack
    telemetry: str
    address: str
    damage: Damage
    faults: list[Fault] = field(default_factory=list)
    restart: dict[str, Callable[..., None]] = field(default_factory=dict)

    @property
    def outbox(self) -> Path:
        """The gateway's."""
        return outbox(self.stack)

    def storm(self, seed: int, seconds: float) -> Counter[str]:
        """Let it storm, then start what lies down."""
        done = storm(self.faults, seed=seed, seconds=seconds, longest=LONGEST, tend=self.tend)
        self.tend()
        return done

    def tend(self) -> None:
        """Start again what ended by itself, as systemd and Docker do."""
        for name in self.stack.processes.dead():
            self.stack.processes.release(name)
            self.restart[name]()

    def well(self) -> bool:
        """Whether the service says so; parts that ended meanwhile are started again."""
        self.tend()
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{self.stack.port}/healthz", timeout=2).status_code == 200
        return False

    def held(self) -> Held:
        """What the cloud holds."""
        process = Path(f"/proc/{self.stack.processes.pid('cloud')}")
        pages = int((process / "statm").read_text(encoding="ascii").split()[1])
        return Held(
            pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))
        )

    def start_gateway(self, broker_port: int, endpoints: dict[str, Any], **settings: Any) -> None:  # noqa: ANN401 (settings of a file)
        """Start the gateway; it takes its time from the machine while a time service keeps that."""
        password = str(self.stack.broker.password_file(GATEWAY))
        broker = {"host": self.address, "port": broker_port, "user": GATEWAY, "password_file": password}
        self.stack.start_edge(GATEWAY, endpoints, broker=broker, clock="synchronised", **settings)

    def settle(self, eventually: Eventually) -> None:
        """Let the gateway empty its outbox without devices, and stop it."""
        self.stack.processes.stop(GATEWAY)
        self.restart[GATEWAY](buses={}, site=str(_silent(self.stack)))
        eventually(self._emptied, seconds=120)
        self.stack.processes.stop(GATEWAY)

    def _emptied(self) -> bool:
        self.tend()
        return emptied(self.outbox)

    def committed(self) -> set[Measured]:
        """Every reading that the gateway ever committed, once its outbox is empty."""
        return committed_in(self.outbox) | self.damage.committed()


def outbox(stack: Stack) -> Path:
    """The gateway's."""
    return stack.data / "edge" / GATEWAY / "outbox.db"


def _silent(stack: Stack) -> Path:
    """The same site without devices."""
    site = yaml.safe_load((stack.folder / "site.yaml").read_text(encoding="utf-8"))
    site["devices"], site["meters"], site["buses"] = [], [], []
    folder = stack.data / "silent"
    folder.mkdir(exist_ok=True)
    (folder / "site.yaml").write_text(yaml.safe_dump(site), encoding="utf-8")
    return folder


@contextmanager
def world(folder: Path, kind: Kind, *, serve: Callable[[Stack], None] = Stack.start_cloud) -> Iterator[World]:
    """Start everything below a folder; it is stopped afterwards, whatever hangs then. `serve` starts the cloud."""
    with ExitStack() as stack:
        environment, faults = _servers(stack, folder) if kind.servers else ({}, [])
        before: tuple[str, ...] = ()
        disks: list[StoreFault] = []
        data, address = folder / "data", "127.0.0.1"
        if kind.privileged:
            folders = [data / "edge" / GATEWAY, *([] if kind.servers else [data / "cloud"])]
            disks = [full_disk(stack.enter_context(_disk(one, kind.disk))) for one in folders]
            cable = stack.enter_context(network())
            faults.append(cable.pulled())
            before, address = cable.before, cable.here
        port = free_port()
        site = write_site(folder / "site", buses_in_all=kind.buses, poll=kind.poll)
        made = Stack(site, data, Clock(), environment=environment | {"JIEYUE_MQTT_PORT": str(port)}, run=commands.run)
        within = dict.fromkeys((GATEWAY, f"simulators-{GATEWAY}"), before)
        made.processes = parts = Parts(folder / "logs", folder / "clocks", ("cloud", GATEWAY), within)
        rights.write_files(rights.rights(made.site, HOST_ID, [STRANGER]), made.broker.folder)
        stack.callback(parts.stop)
        telemetry = environment.get("JIEYUE_TELEMETRY", f"sqlite:///{data / 'cloud' / 'telemetry.db'}")
        here = World(made, telemetry, address, Damage(outbox(made), folder / "copies", random.Random(0)))  # noqa: S311 (no secret)
        faults += [here.damage.remembering(disk) for disk in disks]
        _start(here, port, serve)
        here.faults = [*faults, *_faults(here, parts, before)]
        yield here


def _start(here: World, cloud_port: int, serve: Callable[[Stack], None]) -> None:
    stack, edge_port = here.stack, free_port()
    endpoints = stack.start_simulators("--counting")

    def link(name: str, address: str, port: int) -> None:
        stack.processes.start(name, [sys.executable, str(RELAY), address, str(port), str(stack.broker.port)])

    here.restart = {
        "broker": stack.start_broker,
        "link of the cloud": partial(link, "link of the cloud", "127.0.0.1", cloud_port),
        "link of the gateway": partial(link, "link of the gateway", here.address, edge_port),
        "cloud": partial(serve, stack),
        GATEWAY: partial(here.start_gateway, edge_port, endpoints),
    }
    for start in here.restart.values():
        start()


def _faults(here: World, parts: Parts, before: tuple[str, ...]) -> list[Fault]:
    stack = here.stack
    return [
        *kills(parts, here.restart),
        *hangs(parts, list(here.restart)),
        *parts.jumps(),
        *refusals(stack.broker, parts, (GATEWAY, rights.CLOUD_USER)),
        here.damage.fault(GATEWAY, partial(parts.kill, GATEWAY), here.restart[GATEWAY]),
        flood(stack.port),
        poison(stack.broker),
        garbage(stack.called["jt808"], before),
    ]


def _servers(stack: ExitStack, folder: Path) -> tuple[dict[str, str], list[Fault]]:
    (folder / "influxd").mkdir()
    influxd = start_influxd(folder / "influxd")
    stack.callback(influxd.kill)
    programs = find_postgres()
    assert programs is not None
    postgres = start_postgres(programs)
    stack.callback(postgres.stop)
    stack.callback(postgres.resume)
    with sa.create_engine(postgres.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE site")
    environment = {"JIEYUE_TELEMETRY": influxd.url(), "JIEYUE_DATABASE": postgres.url("site")}
    return environment, [*influx_faults(influxd), *postgres_faults(postgres, "site")]


@contextmanager
def _disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own, which can be full without filling the machine's; root may mount one."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def told(log: Path) -> Counter[str]:
    """How often each event stands in a log, and that every line is one."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return Counter(json.loads(line)["event"] for line in lines)
