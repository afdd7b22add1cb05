"""However much waits in an outbox, no use of it keeps a commit waiting for all of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.clock import Clock
from contract.reading import Row
from edge import health
from edge.outbox import dating, retention, waiting
from edge.outbox.handle import Handle
from edge.outbox.outbox import Outbox

HOUR, DAY = retention.HOUR, retention.DAY
AT = 1_790_000_000_000 // HOUR * HOUR
PAGE = 20


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((dating, "_PAGE"), (retention, "_PAGE"), (retention, "_PACKS_AT_ONCE"), (waiting, "PAGE")):
        monkeypatch.setattr(module, name, PAGE)


@contextmanager
def uses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Steps of SQLite's machine in each use of an outbox, which others wait for."""
    found: list[int] = []
    using = Handle.using

    @contextmanager
    def counted(self: Handle) -> Iterator[sqlite3.Connection]:
        with using(self) as db:
            found.append(0)

            def step() -> None:
                found[-1] += 1

            db.set_progress_handler(step, 1)
            try:
                yield db
            finally:
                db.set_progress_handler(None, 1)

    with monkeypatch.context() as patch:
        patch.setattr(Handle, "using", counted)
        yield found


def filled(path: Path, rows: int, kind: str) -> None:
    """An outbox with so many rows of a kind, one a second, and a few that the cloud does not have."""
    outbox = Outbox(path)
    every = HOUR if kind == "packed" else 1000
    times = [AT + every * number for number in range(rows)]
    if kind == "undated":
        outbox.commit([Row("m1", at - AT, {"power": 1.0}) for at in times], boot="earlier")
        dating.note_boot(outbox, "earlier", AT)
    else:
        outbox.commit([Row("m1", at, {"power": 1.0}) for at in times])
    if kind in {"acknowledged", "packed"}:
        outbox.acknowledge([(1, rows)])
    if kind == "packed":
        retention.pack(outbox, times[-1] + HOUR)
    outbox.commit([Row("m1", times[-1], {"power": 1.0}) for _ in range(3)])
    outbox.close()


WORK: dict[str, Callable[[Outbox], object]] = {
    "health": lambda outbox: health.row("gw", outbox, health.Faults(), Clock()),
    "count": Outbox.count,
    "pending": lambda outbox: outbox.pending(0, PAGE),
    "tidy": lambda outbox: retention.enforce(outbox, AT + 20 * DAY, 30, 1 << 40),
    "forget": lambda outbox: retention.enforce(outbox, AT + 9000 * DAY, 30, 1 << 40),
    "make room": lambda outbox: retention.enforce(outbox, AT + 20 * DAY, 30, 1),
    "make room without a clock": lambda outbox: retention.enforce(outbox, 20 * DAY, 30, 1, boot="present"),
    "recall": lambda outbox: retention.recall(outbox, AT, AT + 9000 * DAY),
    "date": lambda outbox: dating.date(outbox, "earlier", AT),
    "trust": lambda outbox: dating.date_trusted(outbox, "present", AT),
    "session": Outbox.next_session,
}


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("kind", ["pending", "undated", "acknowledged", "packed"])
@pytest.mark.parametrize("work", WORK)
def test_no_use_grows_with_what_waits(work: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times the rows are more uses, or as many, and none of them is longer: a commit waits for one page at most."""
    longest = []
    for rows in (200, 800):
        filled(tmp_path / f"{rows}.db", rows, kind)
        outbox = Outbox(tmp_path / f"{rows}.db")
        with uses(monkeypatch) as found:
            WORK[work](outbox)
        longest.append(max(found))
        outbox.close()
    assert 0 < longest[1] <= 1.5 * longest[0]


@pytest.mark.usefixtures("small_pages")
def test_what_waits_is_absent_until_it_is_counted(tmp_path: Path) -> None:
    """A start with a large backlog says nothing of its size rather than a part of it; once counted, it is there at once."""
    filled(tmp_path / "o.db", 100, "pending")
    outbox = Outbox(tmp_path / "o.db")
    said = health.row("gw", outbox, health.Faults(), Clock()).values
    assert {"outbox_depth", "outbox_oldest_age", "outbox_undated"}.isdisjoint(said)
    assert said["outbox_refuses"] == 0.0
    outbox.count()
    assert (outbox.stats().depth, outbox.stats().oldest_at) == (103, AT)
    outbox.close()


def asked(outbox: Outbox) -> tuple[int, int | None, int]:
    """Depth, oldest time and undated rows, as the file itself says them."""
    with outbox.transaction() as db:
        depth, oldest = db.execute("SELECT count(*), min(at) FROM row WHERE acknowledged = 0 AND boot IS NULL").fetchone()
        (undated,) = db.execute("SELECT count(*) FROM row WHERE acknowledged = 0 AND boot IS NOT NULL").fetchone()
    return depth, oldest, undated


def refused(outbox: Outbox, number: int) -> None:
    """A transaction that is rolled back after it took rows out."""
    with suppress(sqlite3.OperationalError), outbox.transaction() as db:
        db.execute("UPDATE row SET acknowledged = 1 WHERE seq <= ?", (number,))
        db.execute("DELETE FROM row WHERE seq % 3 = 0")
        db.execute("no statement")


STEPS: dict[str, Callable[[Outbox, int], object]] = {
    "commit": lambda outbox, n: outbox.commit([Row(f"m{i % 2}", AT + n * HOUR + i * 7000, {"power": 1.0}) for i in range(n)]),
    "late": lambda outbox, n: outbox.commit([Row("m1", AT - n * DAY, {"energy_import": 1.0}, late=True)]),
    "waits": lambda outbox, n: outbox.commit([Row("m1", n * 1000 + i, {"power": 1.0}) for i in range(n)], boot=f"b{n % 2}"),
    "refused": refused,
    "acknowledge": lambda outbox, n: outbox.acknowledge([(n, 3 * n), (n, n)]),
    "pack": lambda outbox, n: retention.pack(outbox, AT + n * HOUR),
    "recall": lambda outbox, n: retention.recall(outbox, AT, AT + n * HOUR),
    "thin": lambda outbox, n: retention.enforce(outbox, AT + n * DAY, 30, 1),
    "date": lambda outbox, n: dating.date(outbox, f"b{n % 2}", AT + n),
    "count": lambda outbox, _: outbox.stats(),
    "again": lambda outbox, _: outbox._file.close(),
}


@settings(max_examples=60)
@given(steps=st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(1, 30)), max_size=25), page=st.integers(1, 40))
def test_what_is_counted_is_what_the_file_has(steps: list[tuple[str, int]], page: int) -> None:
    """Whatever comes, goes, is rolled back or opened anew, also while the counting is under way."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "PAGE", page)
        outbox = Outbox(Path(folder) / "o.db")
        for name, number in steps:
            STEPS[name](outbox, number)
        outbox.count()
        depth, oldest, undated = asked(outbox)
        patch.setattr(waiting, "PAGE", 2000)
        told = outbox.stats()
        assert (told.depth, told.oldest_at, told.undated) == (depth, oldest, undated)
        outbox.close()


def test_times_far_apart_take_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices that date themselves may say anything; what is told of the oldest row stays right."""
    monkeypatch.setattr(waiting, "MOST_SPANS", 8)
    outbox = Outbox(tmp_path / "o.db")
    for number in range(100):
        outbox.commit([Row("m1", AT + number * DAY, {"power": 1.0})])
    assert len(outbox._file.waiting._whole.spans) <= 8
    assert (outbox.stats().depth, outbox.stats().oldest_at) == (100, AT)
    outbox.acknowledge([(1, 99)])
    assert (outbox.stats().depth, outbox.stats().oldest_at) == (1, AT + 99 * DAY)
    outbox.close()


def test_a_damaged_boot_keeps_no_row_from_its_acknowledgement(tmp_path: Path) -> None:
    """Python takes no text with a wrong byte as an argument: each acknowledgement across the row failed, for ever."""
    outbox = Outbox(tmp_path / "o.db")
    outbox.commit([Row("m1", AT + number, {"power": 1.0}) for number in range(10)])
    outbox.count()
    with outbox.transaction() as db:
        db.execute("UPDATE row SET boot = CAST(x'ff' AS TEXT) WHERE seq = 5")
    assert outbox.acknowledge([(1, 10)]) == 10
    assert (outbox.stats().depth, outbox.stats().undated_by) == (0, {})
    outbox.close()


def test_the_oldest_of_more_than_a_page_is_never_told_too_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a page of later rows of its minute it is not looked for; the begin of the minute is told."""
    monkeypatch.setattr(waiting, "PAGE", 4)
    outbox = Outbox(tmp_path / "o.db")
    outbox.commit([Row("m1", AT + 59_000 - number * 1000, {"power": 1.0}) for number in range(40)])
    outbox.count()
    assert outbox.stats().oldest_at == AT
    outbox.close()
