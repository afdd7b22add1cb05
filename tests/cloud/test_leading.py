"""A role is one process's at a time; another takes it over when that one ends, hangs or is cut off."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import sqlalchemy as sa

from cloud.platform import database, migrating
from cloud.platform.database import schema_fault, writing
from cloud.platform.leading import LOOK_EVERY, SILENCE, NotLeadingError, fenced, lead_of, while_leading
from cloud.platform.migrating import migrate
from tests.cloud import tables
from tests.waiting import until

_END = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid NOT IN (pg_backend_pid(), :mine)"
)
_OTHER = """
import sys, time
from cloud.platform.database import open_database
from cloud.platform.leading import lead_of
lead = lead_of(open_database(sys.argv[1]), "settlement")
assert lead.take()
print("taken", flush=True)
while lead.held():
    time.sleep(0.2)
print("lost", flush=True)
time.sleep(60)
"""


@pytest.fixture
def other(database: sa.Engine) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the role."""
    url = database.url.render_as_string(hide_password=False)
    with subprocess.Popen([sys.executable, "-c", _OTHER, url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        yield process
        process.send_signal(signal.SIGCONT)
        process.kill()


def _taken_within(database: sa.Engine, seconds: float) -> bool:
    lead, until = lead_of(database, "settlement"), time.monotonic() + seconds
    while not lead.take():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    lead.leave()
    return True


@pytest.mark.usefixtures("other")
def test_a_role_that_is_held_is_no_one_elses(database: sa.Engine) -> None:
    """Who does not hold a role gets no lock and may write nothing; another role is free."""
    mine, free = lead_of(database, "settlement"), lead_of(database, "alerting")

    assert not mine.take()
    assert not mine.held()
    with pytest.raises(NotLeadingError, match="another process has the role settlement"), writing(fenced(database, mine)).begin():
        pass
    with pytest.raises(NotLeadingError), fenced(database, mine).connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    assert free.take()
    with writing(fenced(database, free)).begin() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    with writing(database).begin() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    free.leave()
    assert not free.held()


def test_a_role_is_taken_over_when_its_holder_is_killed(database: sa.Engine, other: subprocess.Popen[str]) -> None:
    """A killed process holds nothing."""
    other.kill()

    assert _taken_within(database, 10)


def test_a_role_is_taken_over_when_its_holder_hangs(database: sa.Engine, other: subprocess.Popen[str]) -> None:
    """On PostgreSQL a stopped process loses the role within ten seconds, and knows it when it goes on; SQLite's file stays its own."""
    os.kill(other.pid, signal.SIGSTOP)
    if database.dialect.name == "sqlite":
        assert not lead_of(database, "settlement").take()
        return

    mine, until = lead_of(database, "settlement"), time.monotonic() + SILENCE + 3
    while not mine.take():
        assert time.monotonic() < until
        time.sleep(0.1)
    os.kill(other.pid, signal.SIGCONT)
    assert other.stdout is not None
    assert other.stdout.readline() == "lost\n"
    mine.leave()


def test_a_holder_whose_session_ended_takes_the_role_again(open_registry: Callable[[str], sa.Engine]) -> None:
    """The database was away, and nobody else wanted the role meanwhile: the work goes on, and may write again."""
    database = open_registry("postgresql")
    lead = lead_of(database, "settlement")
    assert lead.take()
    with database.connect() as killer:
        killer.execute(_END, {"mine": 0})
    with pytest.raises(NotLeadingError), writing(fenced(database, lead)).begin():
        pass

    assert lead.held()
    with writing(fenced(database, lead)).begin() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    lead.leave()
    assert not lead.held()


def test_what_was_replaced_writes_nothing(open_registry: Callable[[str], sa.Engine]) -> None:
    """A holder whose session PostgreSQL ended may write no more, before it knows that; what it was writing is waited for."""
    database = open_registry("postgresql")
    old, new = lead_of(database, "settlement"), lead_of(database, "settlement")
    assert old.take()
    with ThreadPoolExecutor(1) as aside, writing(fenced(database, old)).begin() as connection:
        connection.execute(tables.store_check.insert().values(name="written", at=1))
        with database.connect() as killer:
            killer.execute(_END, {"mine": connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()})
        taking = aside.submit(new.take)
        with pytest.raises(TimeoutError):
            taking.result(0.5)
    assert taking.result(5)

    with pytest.raises(NotLeadingError), writing(fenced(database, old)).begin():
        pass
    with writing(fenced(database, new)).begin() as connection:
        assert connection.execute(sa.select(tables.store_check.c.at).where(tables.store_check.c.name == "written")).scalar() == 1
    old.leave()
    new.leave()


class _Two:
    """Two that want a role, and who works."""

    def __init__(self, database: sa.Engine) -> None:
        self.at_work: list[str] = []
        self.together = 0
        self.changed = asyncio.Event()
        self.tasks = {
            name: asyncio.create_task(while_leading(lead_of(database, "settlement"), name, partial(self._work, name))) for name in "ab"
        }

    async def _work(self, name: str) -> None:
        self.at_work.append(name)
        self.together = max(self.together, len(self.at_work))
        self.changed.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.at_work.remove(name)

    async def winner(self) -> str:
        """Who began to work."""
        async with asyncio.timeout(10 * LOOK_EVERY):
            await self.changed.wait()
        self.changed.clear()
        return self.at_work[0]

    async def stop(self, name: str) -> None:
        """Tell one to stop."""
        self.tasks[name].cancel()
        await asyncio.wait({self.tasks[name]})


async def test_the_work_runs_where_the_role_is_and_only_there(database: sa.Engine) -> None:
    """Of two that want a role one works; when it is told to stop, the other goes on, and at no time both did."""
    two = _Two(database)
    first = await two.winner()
    await two.stop(first)
    second = await two.winner()
    await two.stop(second)

    assert {first, second} == {"a", "b"}
    assert two.together == 1
    assert two.at_work == []


def test_several_that_migrate_at_once_bring_the_schema_up_once(bare_database: sa.Engine) -> None:
    """Of four services that start at once one migrates, and the others find it done."""
    with ThreadPoolExecutor(4) as starting:
        for done in [starting.submit(migrate, bare_database) for _ in range(4)]:
            done.result()

    assert schema_fault(bare_database) is None


def test_a_role_that_another_had_meanwhile_is_lost(open_registry: Callable[[str], sa.Engine]) -> None:
    """The session ended, another took the role, wrote and gave it back: what the first knows is old, so its turn is over."""
    database = open_registry("postgresql")
    first, second = lead_of(database, "settlement"), lead_of(database, "settlement")
    assert first.take()
    with database.connect() as killer:
        killer.execute(_END, {"mine": 0})
    assert second.take()
    second.leave()

    assert not first.held()
    assert first.take()
    first.leave()


def test_a_holder_that_hangs_while_it_writes_holds_nobody_up(open_registry: Callable[[str], sa.Engine]) -> None:
    """Its transaction is taken back after two seconds, and who takes over sees what was written before, and writes."""
    database = open_registry("postgresql")
    old, new = lead_of(database, "settlement"), lead_of(database, "settlement")
    assert old.take()
    hanging = writing(fenced(database, old)).connect()
    hanging.begin()
    mine = hanging.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with database.connect() as killer:
        killer.execute(_END, {"mine": mine})
    began = time.monotonic()
    while not new.take():
        time.sleep(0.05)

    assert time.monotonic() - began < 10
    with writing(fenced(database, new)).begin() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    with pytest.raises(sa.exc.OperationalError):
        hanging.exec_driver_sql("SELECT 1")
    hanging.invalidate()
    hanging.close()
    old.leave()
    new.leave()


async def test_a_role_is_kept_though_no_thread_is_free(open_registry: Callable[[str], sa.Engine]) -> None:
    """All threads that others share hang: the holder goes on to say that it lives."""
    database = open_registry("postgresql")
    over, begun = threading.Event(), asyncio.Event()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(while_leading(lead_of(database, "settlement"), "settlement", work))
    await begun.wait()
    hanging = asyncio.get_running_loop().run_in_executor(None, over.wait)
    other, until = lead_of(database, "settlement"), time.monotonic() + SILENCE + 2
    with ThreadPoolExecutor(1) as aside:
        while time.monotonic() < until:
            assert not await asyncio.get_running_loop().run_in_executor(aside, other.take)
            await asyncio.sleep(0.2)
    over.set()
    await hanging
    task.cancel()
    await asyncio.wait({task})


@pytest.mark.parametrize("bare_database", ["postgresql"], indirect=True)
def test_who_migrates_waits_as_long_as_another_does(bare_database: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large ledger takes longer than the server lets anybody wait for a lock; here that is a tenth of a second."""
    monkeypatch.setattr(database, "_REACHING", {**database._REACHING, "options": "-c lock_timeout=100ms"})
    hasty = database.open_database(bare_database.url)
    with writing(bare_database).begin() as connection, ThreadPoolExecutor(1) as aside:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(migrating._LOCK)))
        waiting = aside.submit(migrate, hasty)
        with pytest.raises(TimeoutError):
            waiting.result(1)
        connection.rollback()
        waiting.result(60)
    assert schema_fault(bare_database) is None
    hasty.dispose()


async def test_work_that_fails_fails_for_whoever_runs_it(database: sa.Engine) -> None:
    """An error of the work ends the role and is not swallowed."""

    async def work() -> None:
        raise ValueError("wrong")

    lead = lead_of(database, "settlement")
    with pytest.raises(ValueError, match="wrong"):
        await while_leading(lead, "settlement", work)
    await until(lambda: not lead.held())
