"""Acknowledgements on their way to a disk that refuses: none is forgotten that fits, and none is of another outbox."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contract.reading import Row
from edge.outbox import marking
from edge.outbox.marking import Marks, Spans
from edge.outbox.outbox import Outbox
from tests.waiting import until

AT = 1_790_000_000_000


class Refusing(Outbox):
    """An outbox that takes no acknowledgements until the test lets it."""

    refuses = True

    def acknowledge(self, ranges: Iterable[tuple[int, int]], *, of: str | None = None) -> int:
        """Refuse, or mark."""
        if self.refuses:
            raise sqlite3.OperationalError("disk I/O error")
        return super().acknowledge(ranges, of=of)


class Heard:
    """What was told."""

    def __init__(self) -> None:
        self.marked, self.refused = list[tuple[int, int]](), list[str]()


@asynccontextmanager
async def marking_of(outbox: Outbox) -> AsyncIterator[tuple[Marks, Heard]]:
    heard = Heard()

    def marked(spans: Spans) -> None:
        heard.marked += spans

    marks = Marks(outbox, marked, lambda error: heard.refused.append(str(error)))
    task = asyncio.create_task(marks.run())
    try:
        yield marks, heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        outbox.close()


def filled(path: Path) -> Refusing:
    outbox = Refusing(path)
    outbox.commit([Row("m1", AT + i, {"energy_import": float(i)}) for i in range(6)])
    return outbox


async def test_what_a_disk_refused_to_mark_is_marked_with_the_next(tmp_path: Path) -> None:
    """The error is told, nothing of it is sent again meanwhile, and the next acknowledgement brings it to the disk."""
    outbox = filled(tmp_path / "o.db")
    async with marking_of(outbox) as (marks, heard):
        marks.add(outbox.uuid, [(1, 2)])
        await until(lambda: heard.marked == [(1, 2)])
        assert (heard.refused, outbox.stats().depth) == (["disk I/O error"], 6)
        outbox.refuses = False
        marks.add(outbox.uuid, [(4, 4)])
        await until(lambda: heard.marked == [(1, 2), (1, 2), (4, 4)])
        assert [kept.seq for kept in outbox.pending(0, 10)] == [3, 5, 6]


async def test_what_is_owed_to_another_outbox_means_nothing(tmp_path: Path) -> None:
    """Its positions are of other rows here."""
    outbox = filled(tmp_path / "o.db")
    async with marking_of(outbox) as (marks, heard):
        marks.add(outbox.uuid, [(1, 2)])
        await until(lambda: heard.refused)
        outbox.refuses = False
        marks.add("another", [(3, 3)])
        marks.add(outbox.uuid, [(4, 4)])
        await until(lambda: (4, 4) in heard.marked)
        assert [kept.seq for kept in outbox.pending(0, 10)] == [1, 2, 3, 5, 6]


async def test_what_is_owed_to_a_disk_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest beyond the limit are not marked: those rows stay, and are sent again."""
    monkeypatch.setattr(marking, "MOST_UNMARKED", 2)
    outbox = filled(tmp_path / "o.db")
    async with marking_of(outbox) as (marks, heard):
        for number, seq in enumerate((1, 3, 5), 1):
            marks.add(outbox.uuid, [(seq, seq)])
            await until(lambda: len(heard.refused) == number)  # noqa: B023
        outbox.refuses = False
        marks.add(outbox.uuid, [(6, 6)])
        await until(lambda: (6, 6) in heard.marked)
        assert [kept.seq for kept in outbox.pending(0, 10)] == [1, 2, 3, 4]
