"""Rows stay as long as promised, and what is given up for want of room is counted."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import sparkplug
from contract.reading import Row
from edge.outbox import dating, retention
from edge.outbox.outbox import Outbox

HOUR = retention.HOUR
AT = 1_790_000_000_000 // HOUR * HOUR


def _values(outbox: Outbox) -> list[tuple[int, int, float | None]]:
    found = []
    for kept in outbox.pending(0, 10_000):
        found += [(kept.seq, r.at, r.value) for r in sparkplug.readings(sparkplug.decode(kept.body), kept.device)]
    return found


def test_packed_rows_come_back_as_they_were(tmp_path: Path) -> None:
    """A cloud restored from a backup gets the same positions, times and values, also from packs."""
    outbox = Outbox(tmp_path / "o.db")
    outbox.commit([Row("m1", AT + i * HOUR // 4, {"energy_import": i / 3}) for i in range(40)])
    before = _values(outbox)
    outbox.acknowledge([(1, 40)])
    assert retention.pack(outbox, AT + 8 * HOUR) == 32
    assert retention.recall(outbox, AT, AT + 10 * HOUR) == 40
    assert _values(outbox) == before
    outbox.close()


def test_a_pack_that_was_recalled_in_part_loses_nothing(tmp_path: Path) -> None:
    """Recalled, acknowledged and packed again, the rows that stayed behind are still there for the next recall."""
    outbox = Outbox(tmp_path / "o.db")
    outbox.commit([Row("m1", AT + i * 60_000, {"energy_import": float(i)}) for i in range(10)])
    before = _values(outbox)
    outbox.acknowledge([(1, 10)])
    retention.pack(outbox, AT + HOUR)
    assert retention.recall(outbox, AT, AT + 3 * 60_000) == 3
    assert [seq for seq, _, _ in _values(outbox)] == [1, 2, 3]
    outbox.acknowledge([(1, 3)])
    retention.pack(outbox, AT + HOUR)
    assert retention.recall(outbox, AT, AT + HOUR) == 10
    assert _values(outbox) == before
    outbox.close()


def test_a_recalled_gauge_may_be_thinned_and_a_recalled_counter_may_not(tmp_path: Path) -> None:
    """A full outbox tells rows that came out of a pack apart as it does fresh ones."""
    outbox = Outbox(tmp_path / "o.db")
    for name in ("power", "energy_import"):
        outbox.commit([Row("m1", AT + i * 1000, {name: float(i)}, {"current_a": "timeout"}) for i in range(20)])
    outbox.commit([Row("m1", AT + i * 1000, {}, texts={sparkplug.COMMAND_RESULT: "{}"}) for i in range(20)])
    outbox.acknowledge([(1, 60)])
    retention.pack(outbox, AT + HOUR)
    assert retention.recall(outbox, AT, AT + HOUR) == 60
    retention.enforce(outbox, AT + 3 * retention.DAY, 30, 1)
    assert [kept.seq for kept in outbox.pending(0, 100)] == [1, *range(21, 61)]
    outbox.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=6))
def test_no_order_of_recalls_and_packs_loses_or_doubles_a_row(recalls: list[tuple[int, int]]) -> None:
    """However often parts of packs are recalled, acknowledged and packed, every row is there once, as it was."""
    with TemporaryDirectory() as folder:
        outbox = Outbox(Path(folder) / "o.db")
        outbox.commit([Row("m1", AT + i * HOUR // 4, {"energy_import": i / 3}) for i in range(12)])
        before = _values(outbox)
        for start, end in recalls:
            outbox.acknowledge([(1, 12)])
            retention.pack(outbox, AT + 2 * HOUR)
            assert retention.recall(outbox, AT + start * HOUR // 4, AT + end * HOUR // 4) == max(0, end - start)
        outbox.acknowledge([(1, 12)])
        retention.recall(outbox, AT, AT + 3 * HOUR)
        assert _values(outbox) == before
        outbox.close()


def test_acknowledged_rows_are_kept_for_their_days_and_no_longer(tmp_path: Path) -> None:
    """Thirty days of rows can be asked for again; older ones are gone."""
    outbox = Outbox(tmp_path / "o.db")
    outbox.commit([Row("m1", AT + day * retention.DAY, {"energy_import": float(day)}) for day in range(40)])
    outbox.acknowledge([(1, 40)])
    retention.enforce(outbox, AT + 40 * retention.DAY, 30, 10**9)
    assert retention.recall(outbox, 0, AT + 100 * retention.DAY) == 30
    outbox.close()


def test_what_is_not_acknowledged_is_never_packed_nor_forgotten(tmp_path: Path) -> None:
    """A month without a link loses nothing while there is room."""
    outbox = Outbox(tmp_path / "o.db")
    outbox.commit([Row("m1", AT + day * retention.DAY, {"power": 1.0}) for day in range(40)])
    retention.enforce(outbox, AT + 400 * retention.DAY, 30, 10**9)
    assert len(_values(outbox)) == 40
    assert outbox.stats().lost == 0
    outbox.close()


def test_a_full_outbox_thins_old_gauges_keeps_counters_and_counts_the_loss(tmp_path: Path) -> None:
    """When the disk is full the figures for the bill survive, and the gateway says what it gave up."""
    outbox = Outbox(tmp_path / "o.db")
    outbox.commit([Row("g", AT + i * 60_000, {"power": float(i)}) for i in range(600)])
    outbox.commit([Row("c", AT + i * 60_000, {"energy_import": float(i)}) for i in range(600)])
    retention.enforce(outbox, AT + 3 * retention.DAY, 30, 1)
    rows = outbox.pending(0, 10_000)
    assert sum(r.device == "c" for r in rows) == 600
    assert sum(r.device == "g" for r in rows) == 40
    assert outbox.stats().lost == 560
    assert outbox.full
    assert outbox.commit([Row("g", AT, {"power": 1.0})]) == []
    (kept,) = outbox.commit([Row("c", AT, {"energy_import": 5.0, "power": 2.0})])
    assert [r.point for r in sparkplug.readings(sparkplug.decode(kept.body), "c")] == ["energy_import"]
    assert outbox.stats().lost == 562
    outbox.close()


def test_what_is_no_reading_is_not_lost_when_gauges_are_thinned(tmp_path: Path) -> None:
    """What could not be read, and when a row with its device's time was taken over, were counted as readings that are lost."""
    outbox = Outbox(tmp_path / "o.db")
    outbox.commit([Row("g", AT + i * 1000, {"power": float(i)}, {"current_a": "timeout"}, taken=AT + i * 1000) for i in range(20)])
    retention.enforce(outbox, AT + 3 * retention.DAY, 30, 1)
    assert len(outbox.pending(0, 100)) == 1
    assert outbox.stats().lost == 19
    outbox.close()


def test_packs_go_before_anything_unsent(tmp_path: Path) -> None:
    """Room is first made from what the cloud already has."""
    outbox = Outbox(tmp_path / "o.db")
    outbox.commit([Row("g", AT + i * 1000, {"power": i / 7}) for i in range(20_000)])
    outbox.acknowledge([(1, 19_000)])
    retention.enforce(outbox, AT + 3 * retention.DAY, 30, 400_000)
    assert len(outbox.pending(0, 100_000)) == 1000
    assert outbox.stats().lost == 0
    outbox.close()


def test_what_a_device_dated_itself_keeps_its_time_when_the_clock_is_set(tmp_path: Path) -> None:
    """It waits like all rows of the boot; only when it was taken over is known now, and the cloud can judge by it."""
    outbox = Outbox(tmp_path / "o.db")
    outbox.commit([Row("m1", AT - 7_000, {"power": 1.5}, taken=5_000), Row("m2", 5_000, {"power": 2.5})], boot="b1")
    assert dating.date(outbox, "b1", AT) == 2
    own, other = outbox.pending(0, 10)
    assert (own.at, other.at) == (AT - 7_000, AT + 5_000)
    assert sparkplug.taken(sparkplug.decode(own.body)) == {AT - 7_000: AT + 5_000}
    assert [r.at for r in sparkplug.readings(sparkplug.decode(own.body), "m1")] == [AT - 7_000]
    assert sparkplug.taken(sparkplug.decode(other.body)) == {}
    outbox.close()


def test_rows_before_the_first_synchronisation_wait_and_then_get_their_time(tmp_path: Path) -> None:
    """A gateway without a set clock reads on; nothing is sent with a wrong time."""
    outbox = Outbox(tmp_path / "o.db")
    assert outbox.commit([Row("m1", 5_000, {"power": 1.5})], boot="b1") == []
    assert outbox.pending(0, 10) == []
    assert outbox.stats().undated == 1
    assert dating.date(outbox, "b1", AT) == 1
    assert _values(outbox) == [(1, AT + 5_000, 1.5)]
    outbox.close()


def test_rows_of_earlier_boots_are_dated_by_what_the_clock_showed_then_once_it_is_trusted(tmp_path: Path) -> None:
    """After a reboot too; of a boot of which nothing is known rows go on waiting, and nothing is dated twice."""
    outbox = Outbox(tmp_path / "o.db")
    for boot in ("b1", "b2", "b3"):
        outbox.commit([Row(boot, 5_000, {"power": 1.0})], boot=boot)
    dating.note_boot(outbox, "b1", AT - 60_000)
    dating.note_boot(outbox, "b1", AT)
    assert dating.date_trusted(outbox, "b2", AT + 3_600_000) == 2
    assert {row.device: row.at for row in outbox.pending(0, 10)} == {"b1": AT + 5_000, "b2": AT + 3_605_000}
    assert outbox.stats().undated == 1
    assert dating.date_trusted(outbox, "b2", AT) == 0
    outbox.close()


@pytest.mark.parametrize("note", ["x?1", "", "-1700000000000", "9" * 30])
def test_a_damaged_note_of_a_boot_is_skipped(tmp_path: Path, note: str) -> None:
    """Its rows go on waiting, and those of other boots get their time."""
    outbox = Outbox(tmp_path / "o.db")
    for boot in ("b1", "b2", "b3"):
        outbox.commit([Row(boot, 5_000, {"power": 1.0})], boot=boot)
    dating.note_boot(outbox, "b1", AT)
    outbox.adopt([], "boot b2", note)
    assert dating.date_trusted(outbox, "b3", AT) == 2
    assert {row.device for row in outbox.pending(0, 10)} == {"b1", "b3"}
    assert outbox.stats().undated == 1
    outbox.close()


def test_no_look_for_rows_without_a_date_reads_the_whole_table(tmp_path: Path) -> None:
    """It is done every 30 s, also by a gateway whose outbox holds a month; a file of version 2 gets the index when it is opened."""
    path = tmp_path / "o.db"
    Outbox(path).close()
    db = sqlite3.connect(path)
    db.executescript("DROP INDEX IF EXISTS undated; PRAGMA user_version = 2")
    db.close()
    outbox = Outbox(path)
    outbox.commit([Row("m1", 5_000, {"power": 1.0})], boot="b1")
    said: list[str] = []
    with outbox.transaction() as db:
        db.set_trace_callback(said.append)
    assert dating.date(outbox, "b1", AT) == 1
    with outbox.transaction() as db:
        db.set_trace_callback(None)
        looks = [each for each in said if each.startswith("SELECT") and "boot = " in each]
        plans = [str(step[3]) for look in looks for step in db.execute(f"EXPLAIN QUERY PLAN {look}")]
    assert len(plans) == 1
    assert all("INDEX undated" in plan for plan in plans), plans
    outbox.close()
