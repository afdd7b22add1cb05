"""The interface of a stack under measure."""

from __future__ import annotations

import subprocess
import sys

import httpx

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
