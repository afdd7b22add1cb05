"""A cloud that lost its stores gets back what its gateways still keep."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import httpx

from contract.clock import Clock, iso, parse_time
from simulators.stack.stack import Stack
from tests import commands

Eventually = Callable[..., Any]


def command(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = stack.processes.environment | stack.cloud_environment()
    return commands.run("cloud", *arguments, environment=environment)


def client(stack: Stack) -> httpx.Client:
    token = command(stack, "token", "test").stdout.strip()
    return httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", headers={"Authorization": f"Bearer {token}"}, timeout=10)


def test_rows_come_again_into_a_restored_store(stack: Stack, eventually: Eventually) -> None:
    """Acknowledged rows of a span, asked for with `jieyue-cloud resend`, are in the new store with the values of the old one."""
    stack.start_broker()
    stack.start_cloud()
    endpoints = stack.start_simulators()

    def stored(api: httpx.Client) -> list[dict[str, Any]]:
        now = Clock().now_ms()
        span = {"device": "em-1", "point": "energy_import", "start": iso(now - 600_000), "end": iso(now + 600_000)}
        found: list[dict[str, Any]] = api.get("/api/v1/readings", params=span).raise_for_status().json()
        return found

    with client(stack) as api:
        eventually(lambda: api.get("/healthz").status_code == 200)
        stack.start_edge("gw-1", endpoints)
        before = eventually(lambda: len(found := stored(api)) > 3 and found)
    stack.processes.stop("cloud")
    shutil.rmtree(stack.data / "cloud")
    stack.prepare_cloud()
    stack.start_cloud()
    with client(stack) as api:
        eventually(lambda: api.get("/healthz").status_code == 200)
        eventually(lambda: stored(api))
        assert before[0] not in stored(api)
        done = command(stack, "resend", "gw-1", "--from", before[0]["at"], "--to", iso(parse_time(before[-1]["at"]) + 1))
        assert (done.returncode, done.stdout, done.stderr) == (0, "asked gw-1; each says in its log how many rows it recalled\n", "")
        eventually(lambda: {r["at"]: r["value"] for r in stored(api)}.items() >= {r["at"]: r["value"] for r in before}.items())
    assert '"event": "rows recalled"' in stack.processes.log("gw-1").read_text(encoding="utf-8")


def test_what_cannot_be_asked_is_said(stack: Stack) -> None:
    """A gateway that the site does not have, a span that ends before it begins: 2; a service that does not run: 1."""
    day = ("--from", "2026-03-01T00:00:00+08:00", "--to", "2026-03-02T00:00:00+08:00")
    unknown = command(stack, "resend", "gw-9", *day)
    assert (unknown.returncode, unknown.stderr) == (2, "jieyue-cloud: expected gateways out of gw-1, got 'gw-9'\n")
    backwards = command(stack, "resend", "--from", day[3], "--to", day[1])
    assert (backwards.returncode, backwards.stderr) == (2, "jieyue-cloud: --to: expected a moment after --from\n")
    nobody = command(stack, "resend", *day)
    assert (nobody.returncode, nobody.stderr.count("\n")) == (1, 1)
    assert nobody.stderr.startswith("jieyue-cloud: nobody asked gw-1: the service does not run or has no broker")
