"""A stack under measure, and its interface."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench import site
from contract.clock import Clock
from simulators.stack.broker import free_port
from simulators.stack.stack import Stack


def client(stack: Stack) -> httpx.Client:
    """A client with a token of its own; older stacks, which are measured beside this one, have no way to run a command."""
    command = [sys.executable, "-m", "cloud", "token", "bench", "--role", "viewer"]
    environment = stack.processes.environment | stack.cloud_environment()
    token = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 (our own program)
    return httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", headers={"Authorization": f"Bearer {token}"}, timeout=30)


def ready(api: httpx.Client) -> bool:
    """Whether the service says that it can be used."""
    try:
        return api.get("/healthz").is_success
    except httpx.TransportError:
        return False


@contextmanager
def polling(
    folder: Path, devices: int, floats: int, *, buses: int = 1, interval: float = 1.0, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[Stack, httpx.Client]]:
    """A gateway that reads so many devices of so many floats, and a cloud that is ready; the environment is the cloud's."""
    ports = [free_port() for _ in range(buses)]
    profile = site.profile(folder / "floats.yaml", floats)
    lines = [{"id": f"b{n}", "gateway": "gw", "protocol": "modbus", "port": port} for n, port in enumerate(ports)]
    polled = [{"id": f"d{n}", "profile": profile, "bus": f"b{n % buses}", "unit_id": n + 1, "interval": interval} for n in range(devices)]
    stack = Stack(site.write(folder / "site", ["gw"], lines, polled), folder / "data", Clock(), environment=dict(environment or {}))
    try:
        stack.processes.python("registers", "bench.registers", *map(str, ports))
        stack.start_broker()
        stack.start_cloud()
        stack.start_edge("gw", {})
        with client(stack) as api:
            stack.processes.wait_for("cloud", lambda: ready(api), seconds=60)
            yield stack, api
    finally:
        stack.processes.stop()
