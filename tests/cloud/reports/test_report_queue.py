"""Reports of the interface are made by processes: one at a time, once for all who ask, and whatever happens to one stays there."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
import sqlalchemy as sa

from cloud.accounts import tokens
from cloud.accounts.model import Role
from cloud.api.app import create_app
from cloud.api.context import Context
from cloud.reports import queue
from cloud.reports.base import Step
from cloud.reports.queue import ENDED, Limits, ReportQueue
from cloud.reports.worker import Fault
from cloud.telemetry.sqlite import SqliteTelemetry
from cloud.texts import catalogue
from contract.clock import Clock
from contract.site import Site
from tests.cloud.tables import audit

YEAR = "/api/v1/reports/targets?year=2026&format=xlsx"
HELD = """
import json, os, sys
order = json.load(sys.stdin)
open(os.environ["PIDS"], "a").write(f"{os.getpid()}\\n")
print('{"step": "figures"}', flush=True)
open(os.environ["GATE"]).read()
print(json.dumps({"as_of": order["now"], "size": 4}), flush=True)
sys.stdout.write("PK" + str(order["asked"]["period"]["year"])[2:])
"""
"""A process that makes its file when the gate is opened."""


@pytest.fixture
async def interface(
    engine: sa.Engine, now: int, small_site: dict[str, Any], tmp_path: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, Context]]:
    """The interface over the small site, with room for two reports that wait."""
    telemetry = SqliteTelemetry(tmp_path / "telemetry.db")
    context = Context(engine, telemetry, Clock(origin_ms=now, speed=0.0), "510802", lambda: None, Site.model_validate(small_site))
    context = replace(context, reports=ReportQueue(Limits(waiting=2, kept=2)))
    token = tokens.issue(engine, "clerk", Role.CLERK, by="test", at=now)
    transport, bearer = httpx.ASGITransport(create_app(context)), {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://jieyue.test", headers=bearer, timeout=90) as client:
        yield client, context
    telemetry.close()


@pytest.fixture
def http(interface: tuple[httpx.AsyncClient, Context]) -> httpx.AsyncClient:
    return interface[0]


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipe that holds each process until somebody writes to it; `pids` beside it lists them."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    monkeypatch.setenv("GATE", str(path))
    monkeypatch.setenv("PIDS", str(tmp_path / "pids"))
    monkeypatch.setattr(queue, "_COMMAND", (sys.executable, "-c", HELD))
    return path


async def opened(gate: Path) -> None:
    """Let the next process go on."""
    await asyncio.to_thread(gate.write_text, "go")


async def reached(http: httpx.AsyncClient, path: str, **wanted: object) -> dict[str, Any]:
    """The state of a report when it says what is wanted."""
    while True:
        found: dict[str, Any] = (await http.get(path)).json()
        if wanted.items() <= found.items():
            return found
        await asyncio.sleep(0.01)


def on_record(context: Context) -> int:
    with context.engine.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(audit).where(audit.c.action == "report")).scalar_one()


async def test_a_report_is_asked_for_and_fetched_later(interface: tuple[httpx.AsyncClient, Context]) -> None:
    """The real process makes it: 202 with the place of its state, then a file that is the one of the route that waits."""
    http, context = interface
    asked = await http.post(YEAR)
    assert (asked.status_code, asked.json()["state"], asked.json()["path"]) == (
        202,
        "making" if not asked.json()["place"] else "waiting",
        None,
    )
    state = asked.headers["location"]
    assert state == f"/api/v1/reports/jobs/{asked.json()['id']}"
    done = await reached(http, state, state="done")
    assert (done["path"], done["step"], done["place"], done["detail"]) == (f"{state}/file", None, None, None)
    assert on_record(context) == 0
    file = await http.get(done["path"])
    assert file.headers["content-disposition"] == 'attachment; filename="targets-2026-district-zh.xlsx"'
    assert file.content == (await http.get(YEAR)).content
    assert on_record(context) == 2


async def test_the_same_report_is_made_once(http: httpx.AsyncClient, gate: Path, tmp_path: Path) -> None:
    """Whoever asks while it waits or is made gets the same file, however they ask; one process made it."""
    made = ENDED.labels("done")._value.get()
    asked = await http.post(YEAR)
    waiting = [asyncio.create_task(http.get(YEAR)) for _ in range(3)]
    await reached(http, asked.headers["location"], state="making", step="figures")
    assert (await http.post(YEAR)).json()["id"] == asked.json()["id"]
    await opened(gate)
    answers = await asyncio.gather(*waiting)
    assert [answer.content for answer in answers] == [b"PK26"] * 3
    assert len((tmp_path / "pids").read_text().splitlines()) == 1
    assert ENDED.labels("done")._value.get() == made + 1


async def test_who_waits_is_told_the_place_and_too_many_are_refused(http: httpx.AsyncClient, gate: Path) -> None:
    """One is made, two wait, the fourth is a problem with `Retry-After`; the list shows all, and all come in their order."""
    jobs = [(await http.post(f"/api/v1/reports/targets?year={year}")).headers["location"] for year in (2024, 2025, 2026)]
    await reached(http, jobs[0], state="making", step="figures")
    assert [(await http.get(job)).json()["place"] for job in jobs] == [None, 1, 2]
    for method in ("POST", "GET"):
        refused = await http.request(method, "/api/v1/reports/targets?year=2023")
        assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
        assert refused.headers["retry-after"] == "30"
    assert (await http.get(f"{jobs[2]}/file")).status_code == 409
    assert [job["year"] for job in (await http.get("/api/v1/reports")).json()[0]["jobs"]] == [2024, 2025, 2026]
    for job, content in zip(jobs, (b"PK24", b"PK25", b"PK26"), strict=True):
        await opened(gate)
        assert (await http.get((await reached(http, job, state="done"))["path"])).content == content
    assert (await http.get(jobs[0])).status_code == 404  # of those that ended, two are kept


async def test_a_report_that_hangs_is_stopped(interface: tuple[httpx.AsyncClient, Context], gate: Path, tmp_path: Path) -> None:
    """After its time the process is gone and the caller is told; the next report is made."""
    http, context = interface
    context.reports.limits = Limits(seconds=1)
    answer = await http.get(YEAR)
    assert (answer.status_code, answer.json()["detail"]) == (503, "the report took longer than 1 s and was stopped")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pids").read_text()), 0)
    context.reports.limits = Limits()
    after = asyncio.create_task(http.get(YEAR))
    await opened(gate)
    assert (await after).content == b"PK26"


@pytest.mark.parametrize(
    "program",
    [
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "raise SystemExit(3)",
        "print('no news')",
        'print(\'{"size": 99}\'); print("short")',
        "print('{\"size\": 99999999999}')",
    ],
    ids=["killed", "ended", "nonsense", "cut short", "too large"],
)
async def test_a_process_that_fails_takes_nothing_with_it(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """The caller gets a problem without the inside, its state says the same, and the interface answers as before."""
    monkeypatch.setattr(queue, "_COMMAND", (sys.executable, "-c", program))
    answer = await http.get(YEAR)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["detail"] == "the report's process ended without a file; the service's log says why"
    (job,) = (await http.get("/api/v1/reports")).json()[0]["jobs"]
    assert (job["state"], job["path"], job["code"], job["detail"]) == ("failed", None, "failed", answer.json()["detail"])


async def test_an_error_that_nobody_foresaw_costs_one_report(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread for a process, or no memory: that report fails with a word, and the ones behind it and later ones are made."""
    start, errors = asyncio.create_subprocess_exec, [RuntimeError("can't start new thread"), MemoryError()]

    async def starved(*command: str, stdin: int, stdout: int) -> asyncio.subprocess.Process:
        if errors:
            raise errors.pop(0)
        return await start(*command, stdin=stdin, stdout=stdout)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", starved)
    jobs = [(await http.post(f"/api/v1/reports/targets?year={year}")).headers["location"] for year in (2025, 2026)]
    for job in jobs:
        failed = await reached(http, job, state="failed")
        assert (failed["code"], failed["detail"]) == ("failed", "the report's process ended without a file; the service's log says why")
    assert (await http.get(YEAR)).status_code == 200


def test_the_page_has_words_for_every_step_and_fault() -> None:
    """In both languages, as the process names them."""
    keys = [f"report.step.{step}" for step in get_args(Step)] + [f"report.failed.{fault}" for fault in get_args(Fault)]
    assert len(keys) == 10
    assert set(keys) <= set(catalogue())


async def test_a_report_has_its_memory(interface: tuple[httpx.AsyncClient, Context], monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that wants more than its limit fails alone."""
    http, context = interface
    context.reports.limits = Limits(memory_mb=64)
    hungry = "import cloud.reports.worker as worker; worker.make = lambda *_more: bytearray(256 << 20); worker.main()"
    monkeypatch.setattr(queue, "_COMMAND", (sys.executable, "-c", hungry))
    assert (await http.get(YEAR)).status_code == 500


@pytest.mark.usefixtures("gate")
async def test_a_service_that_stops_ends_its_reports(interface: tuple[httpx.AsyncClient, Context], tmp_path: Path) -> None:
    """The process does not outlive the task that waits for it."""
    http, context = interface
    asked = await http.post(YEAR)
    await reached(http, asked.headers["location"], step="figures")
    (worker,) = context.reports._workers
    assert worker is not None
    worker.cancel()
    await asyncio.wait({worker})
    assert (await http.get(asked.headers["location"])).json()["state"] == "failed"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pids").read_text()), 0)
