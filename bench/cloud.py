"""The interface of a stack under measure."""

from __future__ import annotations

import httpx

from simulators.stack.stack import Stack


def client(stack: Stack) -> httpx.Client:
    """A client with a token of its own."""
    token = stack.command("token", "bench", "--role", "viewer")
    return httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", headers={"Authorization": f"Bearer {token}"}, timeout=30)


def ready(api: httpx.Client) -> bool:
    """Whether the service says that it can be used."""
    try:
        return api.get("/healthz").is_success
    except httpx.TransportError:
        return False
