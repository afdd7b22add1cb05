"""What a process that only serves knows of the one that stores."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from cloud import storing
from cloud.alerts import nothing_stored
from cloud.alerts.direct import Direct
from cloud.app import Service
from cloud.platform import database
from cloud.settings import Settings
from contract.clock import Clock
from tests.waiting import beside, until


@pytest.fixture
def service(tmp_path: Path, entered: Callable[..., Path]) -> Service:
    """A service in which the first site was entered; nothing runs yet."""
    return Service(Settings(data=entered(tmp_path)), Clock())


async def test_health_is_lost_with_the_process_that_stores(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """`serve --no-ingest` is ready while another process stores, and says `ingest` before that begins and after it was killed."""
    monkeypatch.setattr(storing, "LIMIT", 0.5)
    monkeypatch.setattr(storing, "EVERY", 0.02)
    async with beside(service.run(())):
        await until(lambda: service.not_ready() == "ingest")
        async with beside(storing.tell(service.engine, service.clock, lambda: True)):
            await until(lambda: service.not_ready() is None)
        await until(lambda: service.not_ready() == "ingest")
    service.close()


async def test_channels_are_told_that_the_other_process_stores_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ingest` was killed and can tell nobody: the process that only serves tells it, and that it is over."""
    told: list[str] = []
    monkeypatch.setattr(Direct, "send", lambda _self, _channel, title, _text: told.append(title))
    monkeypatch.setattr(nothing_stored, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(nothing_stored, "AFTER", 0.1)
    monkeypatch.setattr(storing, "LIMIT", 0.5)
    monkeypatch.setattr(storing, "EVERY", 0.02)
    service.channels = [SimpleNamespace(name="duty", language="en")]  # type: ignore[list-item]
    async with beside(service.run(())):
        await until(lambda: told)
        async with beside(storing.tell(service.engine, service.clock, lambda: True)):
            await until(lambda: len(told) > 1)
    assert [title.split(": ")[-1] for title in told[:2]] == ["nothing is stored", "stored again · resolved"]
    service.close()


async def test_the_service_knows_whom_it_told_before_its_restart(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong may be mended by a restart; who heard of it hears that it is over, and no more is kept of it."""
    told: list[str] = []
    monkeypatch.setattr(Direct, "send", lambda _self, _channel, title, _text: told.append(title))
    monkeypatch.setattr(nothing_stored, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(storing, "EVERY", 0.02)
    file = service.settings.data / "told-by-serve.json"
    file.write_text('{"why": "telemetry", "told": ["duty"]}', encoding="utf-8")
    service.channels = [SimpleNamespace(name="duty", language="en")]  # type: ignore[list-item]
    async with beside(service.run(())), beside(storing.tell(service.engine, service.clock, lambda: True)):
        await until(lambda: "duty" not in file.read_text(encoding="utf-8"))
    assert [title.split(": ")[-1] for title in told] == ["stored again · resolved"]
    service.close()


def test_no_clock_is_compared(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts that the row changes: the process that stores may live an hour ahead, or its time may move back."""
    at = [100.0]
    monkeypatch.setattr("cloud.storing.time", SimpleNamespace(monotonic=lambda: at[0]))
    database.try_write(service.engine, 5_000_000, storing.NAME)
    known = storing.Elsewhere(service.engine)
    known.look()
    assert known.down() == "starting"  # the row may be an old one
    for now, wrote, down in ((101.0, 8_600_000, None), (116.0, None, None), (116.1, None, "ingest"), (117.0, 4_000_000, None)):
        at[0] = now
        if wrote is not None:
            database.try_write(service.engine, wrote, storing.NAME)
        known.look()
        assert (now, known.down()) == (now, down)
    service.close()


async def test_who_cannot_store_does_not_say_that_it_does(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """No row is written while there is no broker or a store refuses."""
    monkeypatch.setattr(storing, "EVERY", 0.01)
    known, looks = storing.Elsewhere(service.engine), iter([False, False, False])
    seen: list[str | None] = []

    def stores() -> bool:
        known.look()
        seen.append(known.down())
        return next(looks, True)

    async with beside(storing.tell(service.engine, service.clock, stores)):
        await until(lambda: seen and seen[-1] is None)
    assert seen[:4] == ["starting"] * 4
    service.close()


def test_a_worker_that_left_the_broker_says_which_store_is_down(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no broker since a store takes nothing; while it is not known what is wrong with the stores, the broker is what lacks."""
    down: list[str | None] = ["telemetry", "starting", None]
    monkeypatch.setattr(service.health, "down", lambda: down.pop(0))
    service.worker = SimpleNamespace(online=asyncio.Event())  # type: ignore[assignment]
    assert [service.not_ready() for _ in range(3)] == ["telemetry", "no broker", "no broker"]
    service.close()


async def test_a_worker_waits_for_the_database_when_it_begins(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so once, and begins when the database is back."""
    away = [sa.exc.OperationalError("", None, RuntimeError("gone")) for _ in range(2)]
    ran = asyncio.Event()

    async def run() -> None:
        ran.set()

    def worker() -> SimpleNamespace:
        if away:
            raise away.pop()
        return SimpleNamespace(run=run, stores=lambda: False, name="worker w1")

    monkeypatch.setattr("cloud.app.WAIT", 0.0)
    monkeypatch.setattr(service, "_worker", worker)
    with capture_logs() as log:
        async with beside(service._work()):
            await asyncio.wait_for(ran.wait(), 20)
    assert [found["reason"] for found in log if found["event"] == "the role waits for the database"] == ["(builtins.RuntimeError) gone"]
    service.close()
