"""Days of rows that wait for a date or for room are worked off in pages, beside everybody else; a kill in between doubles nothing."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contract import sparkplug
from contract.reading import Row
from edge.outbox import dating, retention
from edge.outbox.outbox import Outbox

AT = 1_790_000_000_000 // retention.HOUR * retention.HOUR
MINUTE = 60_000


def values(outbox: Outbox) -> list[tuple[str, int, float | None]]:
    """Device, time and value of each row that would be sent."""
    rows = outbox.pending(0, 100_000)
    return [(k.device, r.at, r.value) for k in rows for r in sparkplug.readings(sparkplug.decode(k.body), k.device)]


def small_pages(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    for module in (dating, retention):
        monkeypatch.setattr(module, "_PAGE", rows)


@contextmanager
def ends_after(outbox: Outbox, transactions: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a process that is killed: the transaction behind so many others does not come about."""
    whole, left = outbox.transaction, iter(range(transactions))

    @contextmanager
    def transaction() -> Iterator[sqlite3.Connection]:
        if next(left, None) is None:
            raise sqlite3.OperationalError("killed")
        with whole() as db:
            yield db

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "transaction", transaction)
        yield


def test_days_of_rows_are_dated_in_pages_and_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended between two pages, the first are dated and the others wait; the next call goes on with these."""
    small_pages(monkeypatch, 100)
    outbox = Outbox(tmp_path / "o.db")
    outbox.commit([Row("m1", i, {"power": float(i)}) for i in range(350)], boot="b1")
    with ends_after(outbox, 2, monkeypatch), pytest.raises(sqlite3.OperationalError, match="killed"):
        dating.date(outbox, "b1", AT)
    assert (outbox.stats().undated, outbox.stats().depth) == (150, 200)
    assert dating.date(outbox, "b1", AT) == 150
    assert values(outbox) == [("m1", AT + i, float(i)) for i in range(350)]
    outbox.close()


def old(outbox: Outbox) -> list[tuple[str, int, float | None]]:
    """Commit ten hours of gauges of two devices by the minute; returns what is left of them when they are thinned."""
    outbox.commit([Row(device, AT + i * MINUTE, {"power": float(i)}) for i in range(600) for device in ("g1", "g2")])
    return [(device, AT + i * MINUTE, float(i)) for i in range(0, 600, 15) for device in ("g1", "g2")]


def test_old_gauges_are_thinned_in_pages_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended between two pages, what is left is thinned by the next call as if there had been one, and each loss is counted once."""
    small_pages(monkeypatch, 100)
    outbox = Outbox(tmp_path / "o.db")
    left = old(outbox)
    with ends_after(outbox, 9, monkeypatch), pytest.raises(sqlite3.OperationalError, match="killed"):
        retention.enforce(outbox, AT + 3 * retention.DAY, 30, 1)
    assert 0 < outbox.stats().lost < 1120
    retention.enforce(outbox, AT + 3 * retention.DAY, 30, 1)
    assert values(outbox) == left
    assert outbox.stats().lost == 1120
    outbox.close()


def test_what_is_remembered_of_rows_that_stayed_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More may stay then than one row of a quarter of an hour, and never fewer."""
    small_pages(monkeypatch, 100)
    monkeypatch.setattr(retention, "MOST_FIRSTS", 8)
    outbox = Outbox(tmp_path / "o.db")
    left = old(outbox)
    retention.enforce(outbox, AT + 3 * retention.DAY, 30, 1)
    assert set(left) < set(values(outbox))
    assert 1000 < outbox.stats().lost < 1120
    outbox.close()


@pytest.mark.parametrize("boot", ["b1", None], ids=["dated", "thinned"])
def test_a_poll_does_not_wait_for_all_pages(boot: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten commits are on disk long before the work has ended."""
    small_pages(monkeypatch, 100)
    outbox = Outbox(tmp_path / "o.db")
    outbox.commit([Row("m1", (0 if boot else AT) + i, {"power": float(i)}) for i in range(20_000)], boot=boot)
    work: Callable[[], object] = (
        (lambda: dating.date(outbox, "b1", AT)) if boot else (lambda: retention.enforce(outbox, AT + 3 * retention.DAY, 30, 1))
    )
    began, ended = threading.Event(), threading.Event()
    insides, whole = [], outbox.transaction

    @contextmanager
    def transaction() -> Iterator[sqlite3.Connection]:
        with whole() as db:
            began.set()
            yield db
        insides.append(began)

    monkeypatch.setattr(outbox, "transaction", transaction)

    def works() -> None:
        work()
        ended.set()

    beside = threading.Thread(target=works)
    beside.start()
    assert began.wait(10)
    for _ in range(10):
        outbox.commit([Row("m2", AT, {"energy_import": 1.0})])
    assert not ended.is_set()
    assert len(insides) < 150
    beside.join()
    assert ended.is_set()
    outbox.close()


def test_who_waits_for_the_file_comes_before_who_just_had_it(tmp_path: Path) -> None:
    """Else the next page of long work is often sooner than whoever waits."""
    outbox, order = Outbox(tmp_path / "o.db"), list[str]()

    def other() -> None:
        with outbox.transaction():
            order.append("waited")

    beside = threading.Thread(target=other)
    with outbox.transaction():
        beside.start()
        deadline = time.monotonic() + 10
        while not outbox._file._next.locked():
            assert time.monotonic() < deadline
    with outbox.transaction():
        order.append("had it")
    beside.join()
    assert order == ["waited", "had it"]
    outbox.close()


def waits(outbox: Outbox) -> None:
    """Rows that a boot's clock counts: gauges of two days by the minute, a counter by the hour."""
    outbox.commit([Row("g", i * MINUTE, {"power": float(i)}) for i in range(2 * 1440)], boot="b2")
    outbox.commit([Row("c", i * retention.HOUR, {"energy_import": float(i)}) for i in range(48)], boot="b2")


def test_the_limit_holds_while_rows_wait_for_the_clock(tmp_path: Path) -> None:
    """What is older than a day by the boot's clock is thinned, then gauges are no longer taken; counters stay, losses are counted."""
    outbox = Outbox(tmp_path / "o.db")
    waits(outbox)
    retention.enforce(outbox, 2 * retention.DAY, 30, 1, boot="b2")
    assert outbox.full
    assert outbox.stats().lost == 1440 - 96
    assert outbox.stats().undated == 96 + 1440 + 48
    assert outbox.commit([Row("g", 2 * retention.DAY, {"power": 1.0})], boot="b2") == []
    assert outbox.stats().lost == 1440 - 96 + 1
    assert dating.date(outbox, "b2", AT) == 96 + 1440 + 48
    kept = [i for i in range(2880) if i % 15 == 0 or i >= 1440]
    assert [each for each in values(outbox) if each[0] == "g"] == [("g", AT + i * MINUTE, float(i)) for i in kept]
    outbox.close()


@pytest.mark.parametrize(("up", "thinned"), [(retention.DAY - 1, 0), (retention.DAY, 2 * 14)])
def test_rows_of_before_the_boot_are_as_old_as_it_at_least(up: int, thinned: int, tmp_path: Path) -> None:
    """How long the machine was off nobody knows: with or without a date, they are older than a day once the boot is a day old."""
    outbox = Outbox(tmp_path / "o.db")
    outbox.commit([Row("g", AT + i * MINUTE, {"power": float(i)}) for i in range(15)])
    outbox.commit([Row("g", 5 * retention.DAY + i * MINUTE, {"power": float(i)}) for i in range(15)], boot="b1")
    retention.enforce(outbox, up, 30, 1, boot="b2")
    assert outbox.stats().lost == thinned
    assert outbox.full
    outbox.close()


def test_what_the_cloud_has_goes_first_while_the_clock_waits(tmp_path: Path) -> None:
    """It is not packed without a clock, since its age is not known; it goes all the same before anything is thinned."""
    outbox = Outbox(tmp_path / "o.db")
    waits(outbox)
    room = outbox.used_bytes()
    outbox.commit([Row("g", AT + i * MINUTE, {"power": float(i)}) for i in range(2000)])
    outbox.acknowledge([(2 * 1440 + 48 + 1, 10_000)])
    retention.enforce(outbox, 2 * retention.DAY, 30, room + 8192, boot="b2")
    assert (outbox.stats().lost, outbox.stats().undated, outbox.full) == (0, 2 * 1440 + 48, False)
    with outbox.transaction() as db:
        assert db.execute("SELECT count(*) FROM row WHERE acknowledged = 1").fetchone() == (0,)
    outbox.close()
