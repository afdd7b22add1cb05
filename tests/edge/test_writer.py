"""Many pollers, one commit: nobody goes on before the disk has the row, and everybody hears of a refusal."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contract.reading import Row
from edge.outbox import dating
from edge.outbox.outbox import Outbox
from edge.outbox.rows import Kept
from edge.outbox.writer import Writer
from edge.timekeeping import GatewayClock


def row(number: int) -> Row:
    return Row("m", 1_790_000_000_000 + number, {"power": float(number)})


class Slow(Outbox):
    """An outbox whose disk waits until the test lets it, and can be full."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.began, self.may = threading.Event(), threading.Event()
        self.commits: list[int] = []
        self.broken = False

    def commit(self, rows: Sequence[Row], *, boot: str | None = None) -> list[Kept]:
        """Wait, then commit or refuse."""
        self.began.set()
        self.may.wait(10)
        self.commits.append(len(rows))
        if self.broken:
            raise sqlite3.OperationalError("database or disk is full")
        return super().commit(rows, boot=boot)


@asynccontextmanager
async def writing(outbox: Outbox, told: list[int], since: list[float] | None = None) -> AsyncIterator[Writer]:
    def committed(_: Sequence[Row], kept: list[Kept], first: float) -> None:
        told.extend(k.seq for k in kept)
        if since is not None:
            since.append(first)

    writer = Writer(outbox, committed, lambda _: None)
    task = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        outbox.close()


async def test_put_returns_only_after_the_commit(tmp_path: Path) -> None:
    """While the disk works nobody is told anything; afterwards the row is on it."""
    outbox, told = Slow(tmp_path / "o.db"), list[int]()
    async with writing(outbox, told) as writer:
        put = writer.put([row(1)])
        await asyncio.to_thread(outbox.began.wait, 10)
        assert (put.done(), told) == (False, [])
        outbox.may.set()
        await put
        assert [k.seq for k in outbox.pending(0, 10)] == [1]
    assert told == [1]


async def test_how_long_a_row_waited_for_the_disk_is_told(tmp_path: Path) -> None:
    """A batch is as old as the first of its rows, from when that came and not from when it was on disk."""
    outbox, since = Slow(tmp_path / "o.db"), list[float]()
    async with writing(outbox, [], since) as writer:
        times = [time.monotonic()]
        puts = [writer.put([row(1)])]
        await asyncio.to_thread(outbox.began.wait, 10)
        for number in (2, 3):
            times.append(time.monotonic())
            puts.append(writer.put([row(number)]))
            await asyncio.wait([puts[-1]], timeout=0.02)
        outbox.may.set()
        await asyncio.gather(*puts)
    assert outbox.commits == [1, 2]
    assert times[0] <= since[0] < times[1] <= since[1] < times[2]


async def test_a_disk_that_does_not_answer_is_noticed(tmp_path: Path) -> None:
    """The time since a commit began is told as long as it lasts, and is 0 before and after."""
    outbox = Slow(tmp_path / "o.db")
    async with writing(outbox, []) as writer:
        assert writer.stuck() == 0.0
        put = writer.put([row(1)])
        await asyncio.to_thread(outbox.began.wait, 10)
        before = writer.stuck()
        await asyncio.wait([put], timeout=0.02)
        assert writer.stuck() >= before + 0.02
        outbox.may.set()
        await put
        assert writer.stuck() == 0.0


async def test_rows_of_many_pollers_go_to_the_disk_together(tmp_path: Path) -> None:
    """What comes while the disk works is one commit, in the order in which it came."""
    outbox, told = Slow(tmp_path / "o.db"), list[int]()
    async with writing(outbox, told) as writer:
        first = writer.put([row(0)])
        await asyncio.to_thread(outbox.began.wait, 10)
        others = [writer.put([row(n)]) for n in range(1, 21)]
        await asyncio.wait([first], timeout=0)
        outbox.may.set()
        await asyncio.gather(first, *others)
        assert outbox.commits == [1, 20]
        assert [k.at for k in outbox.pending(0, 50)] == [row(n).at for n in range(21)]
    assert told == list(range(1, 22))


async def test_a_refusal_reaches_every_waiter_and_the_writer_goes_on(tmp_path: Path) -> None:
    """All whose rows were in the refused commit hear it, nothing is announced, and the next commit is tried."""
    outbox, told = Slow(tmp_path / "o.db"), list[int]()
    outbox.broken = True
    outbox.may.set()
    async with writing(outbox, told) as writer:
        refused = await asyncio.gather(*(writer.put([row(n)]) for n in range(3)), return_exceptions=True)
        assert [type(e) for e in refused] == [sqlite3.OperationalError] * 3
        outbox.broken = False
        await writer.put([row(9)])
    assert told == [1]


async def test_a_poller_that_gives_up_does_not_stop_the_others(tmp_path: Path) -> None:
    """A cancelled wait is no one else's concern; its row is committed all the same."""
    outbox, told = Slow(tmp_path / "o.db"), list[int]()
    async with writing(outbox, told) as writer:
        gone = writer.put([row(1)])
        stays = writer.put([row(2)])
        await asyncio.to_thread(outbox.began.wait, 10)
        gone.cancel()
        outbox.may.set()
        await stays
        with pytest.raises(asyncio.CancelledError):
            await gone
    assert told == [1, 2]


async def test_a_row_that_was_read_before_the_clock_was_set_waits_for_its_date(tmp_path: Path) -> None:
    """It is put after that, together with one that has its date: each is kept as what it is, and gets the time at which it was read."""
    outbox, clock = Outbox(tmp_path / "o.db"), GatewayClock(boot="b1")
    before = Row("m1", clock.now_ms(), {"power": 1.0})
    taken = Row("m2", 1_600_000_000_000, {"power": 2.0}, taken=clock.now_ms())
    own = Row("m3", 1_600_000_000_000, {"power": 4.0})
    offset = clock.look(lambda: True, lambda: 1_790_000_000.0)
    assert offset is not None
    after = Row("m1", clock.now_ms(), {"power": 3.0})
    writer = Writer(outbox, lambda *_: None, clock.boot_of)
    task = asyncio.create_task(writer.run())
    await writer.put([before, taken, own, after])
    assert [(k.device, k.at) for k in outbox.pending(0, 10)] == [("m3", own.at), ("m1", after.at)]
    assert dating.date(outbox, "b1", offset) == 2
    assert [(k.device, k.at) for k in outbox.pending(0, 10)] == [
        ("m1", before.at + offset), ("m2", taken.at), ("m3", own.at), ("m1", after.at),
    ]  # fmt: skip
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    outbox.close()
