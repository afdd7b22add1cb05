"""A gateway whose disk is full, read-only, damaged or gone: it lives, polls on, counts what it loses, and goes on by itself."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from contract import sparkplug
from contract.clock import Clock
from contract.reading import Row
from contract.site import Site
from edge import app, health
from edge.app import Gateway
from edge.outbox import dating, retention
from edge.outbox.outbox import Outbox
from edge.outbox.rows import Kept
from edge.settings import Settings
from tests.modbus_devices import device, profile
from tests.sites import fields

if TYPE_CHECKING:
    from tests.edge.conftest import SmallDisk
    from tests.slave import Slave

AT = 1_790_000_000_000 // retention.HOUR * retention.HOUR
PROFILE = profile({"voltage_a": {"address": 0, "unit": "V"}})


class Running:
    """A gateway that polls one device twenty times a second, with a broker that refuses it."""

    def __init__(self, gateway: Gateway, slave: Slave, task: asyncio.Task[None]) -> None:
        self.gateway, self.slave, self._task = gateway, slave, task

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something; the gateway must not end meanwhile."""
        async with asyncio.timeout(30):
            while not condition():
                assert not self._task.done(), self._task
                await asyncio.sleep(0.02)

    async def polls(self, number: int = 5) -> None:
        """So many polls more."""
        asked = len(self.slave.asked)
        await self.until(lambda: len(self.slave.asked) >= asked + number)

    async def takes(self, number: int = 3) -> None:
        """So many rows more on disk."""
        last = self.gateway.outbox.last_seq()
        await self.until(lambda: self.gateway.outbox.last_seq() >= last + number and not self.gateway._writer.refusal)

    async def refuses(self) -> None:
        """The disk refuses rows, and readings are lost."""
        lost = self.gateway.outbox._lost
        await self.until(lambda: self.gateway._writer.refusal and self.gateway.outbox._lost >= lost + 3)


@asynccontextmanager
async def running(slave: Slave, data: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    monkeypatch.setattr("contract.site.load_profile", lambda _: PROFILE)
    monkeypatch.setattr(health, "INTERVAL", 0.1)
    monkeypatch.setattr(app, "KEEP_EVERY", 0.1)
    monkeypatch.setattr("edge.outbox.writer._LONGEST_PAUSE", 0.2)
    async with slave.bus() as bus:
        site = Site.model_validate(fields(buses=[bus.model_dump()], devices=[device(1, 0.05).model_dump()]))
        settings = Settings.model_validate({"gateway": "gw", "site": "s", "data": data, "clock": "trusted", "broker": {"port": 1}})
        gateway = Gateway(settings, site, Clock())
        task = asyncio.create_task(gateway.run())
        try:
            yield Running(gateway, slave, task)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            gateway.outbox.close()


def told(logs: Sequence[Mapping[str, object]]) -> list[str]:
    """The lines about the outbox, without those about the broker."""
    return [str(line["event"]) for line in logs if line.get("source") == "outbox" or "outbox" in str(line["event"])]


async def test_a_full_disk_is_lived_through(make_slave: type[Slave], small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Polls go on, what is lost is counted and told once a minute in one line, and with room rows are committed again."""
    with capture_logs() as logs:
        async with running(make_slave("tcp"), small_disk.folder / "data", monkeypatch) as run:
            await run.takes()
            small_disk.fill()
            await run.takes()  # into the room that was held back
            await run.until(lambda: not (small_disk.folder / "data" / "outbox.db.reserve").exists())
            small_disk.fill()
            await run.refuses()
            await run.polls()
            assert health.row("gw", run.gateway.outbox, run.gateway.faults, Clock(), "full").values["outbox_refuses"] == 1.0
            small_disk.free()
            await run.takes()
            await run.until((small_disk.folder / "data" / "outbox.db.reserve").exists)
            stats = run.gateway.outbox.stats()
            assert (stats.lost >= 3, stats.set_aside) == (True, 0)
    assert told(logs) == ["fault", "outbox takes rows again"]
    (fault,) = [line for line in logs if line.get("source") == "outbox"]
    assert fault["reason"] == "database or disk is full"


def unpacked(outbox: Outbox) -> int:
    """Rows that the cloud has and that are in no pack yet."""
    with outbox.transaction() as db:
        number: int = db.execute("SELECT count(*) FROM row WHERE acknowledged = 1").fetchone()[0]
    return number


async def test_a_disk_filled_by_others_gives_way_to_new_rows(
    make_slave: type[Slave], small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the cloud has goes first: no reading is lost as long as there is such a row, however often the disk is filled."""
    data = small_disk.folder / "data"
    outbox = Outbox(data / "outbox.db")
    outbox.commit([Row("d1", AT + i, {}, texts={sparkplug.COMMAND_RESULT: f"{i} " * 200}) for i in range(2500)])
    outbox.acknowledge([(1, 2500)])
    outbox.close()
    async with running(make_slave("tcp"), data, monkeypatch) as run:
        await run.takes()
        await run.until(lambda: unpacked(run.gateway.outbox) == 0)  # before that, new rows may need room behind the file's end
        for _ in range(3):
            small_disk.fill()
            await run.takes(20)
        assert run.gateway.outbox.stats().lost == 0
        assert run.gateway.outbox._lost == 0


async def test_a_disk_that_can_only_be_read_is_waited_for(
    make_slave: type[Slave], small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start on it is a start all the same; the outbox is opened once the disk takes writes, and loses none of its rows."""
    data = small_disk.folder / "data"
    outbox = Outbox(data / "outbox.db")
    (kept,) = outbox.commit([Row("d1", AT, {"voltage_a": 1.0})])
    outbox.close()
    small_disk.remount("ro")
    with capture_logs() as logs:
        async with running(make_slave("tcp"), data, monkeypatch) as run:
            await run.refuses()
            small_disk.remount("rw")
            await run.takes()
            assert run.gateway.outbox.pending(0, 1) == [kept]
            assert run.gateway.outbox.uuid == outbox.uuid
    assert told(logs) == ["fault", "outbox takes rows again"]


async def test_a_disk_that_is_pulled_out_and_put_back_loses_no_row(
    make_slave: type[Slave], small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time an outbox is taken away its rows go into the one that stands there then."""
    data = small_disk.folder / "data"
    async with running(make_slave("tcp"), data, monkeypatch) as run:
        outbox = run.gateway.outbox
        await run.takes()
        first = {kept.at for kept in outbox.pending(0, 3)}
        names = {outbox.uuid}
        small_disk.unmount()
        await run.takes()
        assert first <= {kept.at for kept in outbox.pending(0, 1000)}
        names.add(outbox.uuid)
        small_disk.mount()
        await run.takes()
        assert first <= {kept.at for kept in outbox.pending(0, 1000)}
        names.add(outbox.uuid)
        assert len(names) == 3
        seqs = [kept.seq for kept in outbox.pending(0, 1000)]
        assert len(seqs) == len(set(seqs))


async def test_a_folder_that_vanishes_and_comes_back_keeps_its_outbox(
    make_slave: type[Slave], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moved away it is made anew with the rows of the old one; moved back, the old one is used again with the rows of the new one."""
    data, away = tmp_path / "data", tmp_path / "away"
    async with running(make_slave("tcp"), data, monkeypatch) as run:
        await run.takes()
        outbox, name = run.gateway.outbox, run.gateway.outbox.uuid
        data.rename(away)
        await run.takes()
        assert outbox.uuid != name
        fresh = {kept.at for kept in outbox.pending(0, 1000)}
        data.rename(tmp_path / "second")
        away.rename(data)
        await run.takes()
        assert outbox.uuid == name
        assert fresh <= {kept.at for kept in outbox.pending(0, 1000)}


async def test_damage_while_it_runs_begins_a_new_outbox(make_slave: type[Slave], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that are overwritten under the gateway: the file is set aside, rows that can be read go on, none is changed."""
    monkeypatch.setattr(app, "KEEP_EVERY", 0.1)
    file = tmp_path / "data" / "outbox.db"
    async with running(make_slave("tcp"), tmp_path / "data", monkeypatch) as run:
        await run.takes()
        outbox, name = run.gateway.outbox, run.gateway.outbox.uuid
        committed = {kept.body for kept in outbox.pending(0, 1000)}
        outbox.checkpoint()
        with file.open("r+b") as raw:
            raw.write(b"\xa5" * 4096)
        with pytest.raises(sqlite3.DatabaseError):
            outbox.look_through()
        await run.takes()
        await run.until(lambda: committed <= {kept.body for kept in outbox.pending(0, 1000)})
        assert outbox.uuid != name
        assert outbox.stats().set_aside == 1


async def test_a_folder_that_cannot_be_listed_ends_nothing(
    make_slave: type[Slave], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad block below the folder: rows are committed, the fault is told, and what the outbox cannot say of itself is absent."""
    data, scandir, asked = tmp_path / "data", os.scandir, []

    def bad(path: str | Path) -> object:
        if Path(path) == data:
            asked.append(path)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return scandir(path)

    with capture_logs() as logs:
        async with running(make_slave("tcp"), data, monkeypatch) as run:
            await run.takes()
            monkeypatch.setattr(os, "scandir", bad)
            await run.until(lambda: len(asked) >= 4)
            await run.takes()
            values = health.row("gw", run.gateway.outbox, run.gateway.faults, Clock()).values
            assert (values["outbox_refuses"], "outbox_depth" in values) == (1.0, False)
    (fault,) = [line for line in logs if line.get("source") == "outbox"]
    assert fault["reason"] == f"{data}: Input/output error"


class Hanging(Outbox):
    """An outbox whose disk does not answer until the test lets it."""

    def __init__(self, path: Path, *, now: bool = True) -> None:
        super().__init__(path, now=now)
        self.may = threading.Event()
        self.may.set()

    def commit(self, rows: Sequence[Row], **more: object) -> list[Kept]:
        """Hang, then commit."""
        self.may.wait(60)
        return super().commit(rows, **more)  # type: ignore[arg-type]


async def test_a_disk_that_hangs_stops_no_poll_and_no_watchdog(
    make_slave: type[Slave], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some rows wait in memory, later ones are lost and counted; systemd is not asked to start anew, and all goes on with the disk."""
    monkeypatch.setattr(app, "Outbox", Hanging)
    monkeypatch.setattr("edge.poller._MOST_WAITING", 5)
    monkeypatch.setattr("edge.poller.PATIENCE", 0.1)
    async with running(make_slave("tcp"), tmp_path / "data", monkeypatch) as run:
        outbox = run.gateway.outbox
        assert isinstance(outbox, Hanging)
        await run.takes()
        outbox.may.clear()
        last = outbox.last_seq()
        await run.until(lambda: outbox._lost >= 5)
        await run.polls()
        assert run.gateway._overdue() < 0
        outbox.may.set()
        await run.until(lambda: outbox.last_seq() > last)
        await run.takes()
        assert outbox.stats().lost >= 5


async def test_a_disk_that_hangs_leaves_the_threads_of_the_network_alone(
    make_slave: type[Slave], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every use of the outbox waits for it, and names are still resolved: else a session that the hang ended could not begin anew."""
    monkeypatch.setattr(app, "Outbox", Hanging)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    async with running(make_slave("tcp"), tmp_path / "data", monkeypatch) as run:
        outbox = run.gateway.outbox
        assert isinstance(outbox, Hanging)
        await run.takes()
        outbox.may.clear()
        await run.until(lambda: run.gateway._writer.stuck() > 0.5)
        async with asyncio.timeout(10):
            assert await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 1)
        outbox.may.set()
        await run.takes()


async def test_recalls_come_one_at_a_time(make_slave: type[Slave], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many that the cloud asks for one works, the same span once; the others wait, up to a limit, and the writer goes on."""
    may, spans, working = threading.Event(), [], []

    def recall(_outbox: Outbox, start: int, end: int) -> int:
        working.append(threading.get_ident())
        most.append(len(working))
        may.wait(30)
        spans.append((start, end))
        working.pop()
        return 0

    most: list[int] = []
    monkeypatch.setattr("edge.uplink.recall", recall)
    monkeypatch.setattr("edge.uplink._MOST_RECALLS", 20)
    async with running(make_slave("tcp"), tmp_path / "data", monkeypatch) as run:
        for number in (*range(20), 0, 19):
            run.gateway.uplink._begin_recall(number, number + 1)
        with pytest.raises(ValueError, match="20 recalls are under way"):
            run.gateway.uplink._begin_recall(20, 21)
        await run.takes()
        may.set()
        await run.until(lambda: len(spans) >= 20 and not run.gateway.uplink._recalls)
    assert spans == [(number, number + 1) for number in range(20)]
    assert set(most) == {1}


async def test_a_database_that_another_program_has_locked_is_waited_for(
    make_slave: type[Slave], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody looks into the file with a tool that writes: rows wait, and are committed when it lets go."""
    async with running(make_slave("tcp"), tmp_path / "data", monkeypatch) as run:
        await run.takes()
        other = sqlite3.connect(tmp_path / "data" / "outbox.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        last = run.gateway.outbox.last_seq()
        await run.polls()
        assert run.gateway.outbox.last_seq() == last
        other.execute("ROLLBACK")
        other.close()
        await run.takes()
        assert run.gateway.outbox.stats().set_aside == 0


async def test_a_backlog_is_counted_beside_the_polls(make_slave: type[Slave], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look takes two rows here, and nobody asks for health so often: the gateway goes on counting by itself."""
    monkeypatch.setattr("edge.outbox.waiting.PAGE", 2)
    before = Outbox(tmp_path / "data" / "outbox.db")
    before.commit([Row("em-1", AT + number, {"power": 1.0}) for number in range(500)])
    before.close()
    async with running(make_slave("tcp"), tmp_path / "data", monkeypatch) as run:
        await run.takes()
        handle = run.gateway.outbox._file
        await run.until(lambda: handle.waiting.depth >= 500 and handle.waiting._reached is None)


async def test_rows_whose_dating_the_disk_refused_get_their_date_later(
    make_slave: type[Slave], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried in each turn: once at the start was all there was, and the rows stood still until a restart."""
    before = Outbox(tmp_path / "data" / "outbox.db")
    before.commit([Row("em-1", 1000, {"power": 1.0})], boot="earlier")
    dating.date(before, "earlier", AT)
    before.commit([Row("em-1", 2000, {"power": 1.0})], boot="earlier")
    before.close()
    tried, date_noted = list[int](), dating.date_noted

    def refusing(outbox: Outbox) -> int:
        tried.append(1)
        if len(tried) == 1:
            raise sqlite3.OperationalError("disk I/O error")
        return date_noted(outbox)

    monkeypatch.setattr(dating, "date_noted", refusing)
    async with running(make_slave("tcp"), tmp_path / "data", monkeypatch) as run:
        await run.until(lambda: len(tried) > 1)
        await run.until(lambda: AT + 2000 in {kept.at for kept in run.gateway.outbox.pending(0, 10)})
        assert run.gateway.outbox.note("dated earlier") is not None
