"""The sending order: live first, resends when due, the backlog at its rate, never more in flight than allowed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from contract.reading import Row
from contract.store import MAX_BYTES_IN_FLIGHT, MAX_ROWS_IN_FLIGHT, RESEND_AFTER
from edge.outbox.outbox import Outbox
from edge.outbox.rows import Kept
from edge.send_window import PAGE, REFUSED_FOR, TRIES, Window


def _row(at: int) -> Row:
    return Row("m1", at, {"power": 1.0})


def _next(window: Window, outbox: Outbox, now: float) -> tuple[Kept, bool] | None:
    """As the uplink does: what the window wants of the backlog is read for it."""
    while (item := window.next(now)) is None and (span := window.wants(now)) is not None:
        window.give(span, outbox.pending(span.after, PAGE, before=span.before))
    return item


def _drain(window: Window, outbox: Outbox, now: float) -> list[tuple[int, bool]]:
    found = []
    while (item := _next(window, outbox, now)) is not None:
        found.append((item[0].seq, item[1]))
    return found


def test_live_rows_go_before_the_backlog(tmp_path: Path) -> None:
    """After an outage the wall is current at once; the backlog follows, marked historical."""
    outbox = Outbox(tmp_path / "o.db")
    outbox.commit([_row(i) for i in range(3)])
    window = Window(outbox, 1000.0, now=0.0)
    window.committed(outbox.commit([_row(10)]), 0.0)
    assert _drain(window, outbox, 1.0) == [(4, False), (1, True), (2, True), (3, True)]
    outbox.close()


def test_a_row_that_waited_long_goes_as_historical(tmp_path: Path) -> None:
    """Full for a minute, the window then gives old rows out as historical, in their order, and fresh ones as live."""
    outbox = Outbox(tmp_path / "o.db")
    window = Window(outbox, 1000.0, now=0.0)
    window.committed(outbox.commit([_row(i) for i in range(MAX_ROWS_IN_FLIGHT + 1)]), 0.0)
    assert {historical for _, historical in _drain(window, outbox, 1.0)} == {False}
    window.committed(outbox.commit([_row(1000)]), 11.0)
    window.acknowledged(((1, MAX_ROWS_IN_FLIGHT),))
    assert _drain(window, outbox, 1.0 + 60.0) == [(MAX_ROWS_IN_FLIGHT + 1, True), (MAX_ROWS_IN_FLIGHT + 2, False)]
    outbox.close()


def test_a_row_goes_again_after_ten_seconds_and_then_more_rarely(tmp_path: Path) -> None:
    """A lost acknowledgement costs a resend, and a dead cloud does not cost a flood."""
    outbox = Outbox(tmp_path / "o.db")
    window = Window(outbox, 1000.0, now=0.0)
    window.committed(outbox.commit([_row(1)]), 0.0)
    story = [(0.0, [(1, False)]), (9.9, []), (10.0, [(1, True)]), (29.0, []), (30.0, [(1, True)])]
    for now, expected in story:
        assert _drain(window, outbox, now) == expected, f"second {now}"
    window.acknowledged(((1, 1),))
    assert _drain(window, outbox, 1000.0) == []
    outbox.close()


def test_no_more_rows_are_in_flight_than_allowed(tmp_path: Path) -> None:
    """500 rows wait for their acknowledgement; each that comes lets one more out."""
    outbox = Outbox(tmp_path / "o.db")
    window = Window(outbox, 1e9, now=0.0)
    window.committed(outbox.commit([_row(i) for i in range(MAX_ROWS_IN_FLIGHT + 50)]), 0.0)
    assert len(_drain(window, outbox, 1.0)) == MAX_ROWS_IN_FLIGHT
    window.acknowledged(((1, 10),))
    assert [seq for seq, _ in _drain(window, outbox, 1.0)] == list(range(MAX_ROWS_IN_FLIGHT + 1, MAX_ROWS_IN_FLIGHT + 11))
    outbox.close()


def test_the_backlog_keeps_its_rate(tmp_path: Path) -> None:
    """A full outbox does not drown the link: 100 rows a second are 100 rows a second."""
    outbox = Outbox(tmp_path / "o.db")
    outbox.commit([_row(i) for i in range(400)])
    window = Window(outbox, 100.0, now=0.0)
    assert sum(len(_drain(window, outbox, step / 100)) for step in range(201)) == 200
    outbox.close()


def test_what_memory_cannot_hold_comes_from_disk(tmp_path: Path) -> None:
    """Thousands of rows while the window is closed become backlog; none is lost."""
    outbox = Outbox(tmp_path / "o.db")
    window = Window(outbox, 1e9, now=0.0)
    for start in range(0, 5000, 500):
        window.committed(outbox.commit([_row(start + i) for i in range(500)]), 0.0)
    seen: set[int] = set()
    for step in range(1, 40):
        sent = [seq for seq, _ in _drain(window, outbox, step / 10)]
        seen |= set(sent)
        window.acknowledged(tuple((s, s) for s in sent))
        outbox.acknowledge((s, s) for s in sent)
    assert seen == set(range(1, 5001))
    outbox.close()


def test_no_more_bytes_are_in_flight_than_allowed(tmp_path: Path) -> None:
    """Large rows close the window at 4 MB; what is acknowledged opens it by its own size."""
    outbox = Outbox(tmp_path / "o.db")
    window = Window(outbox, 1e9, now=0.0)
    kept = outbox.commit([Row("m1", i, {}, texts={"Command/Result": "x" * 100_000}) for i in range(60)])
    window.committed(kept, 0.0)
    sent = _drain(window, outbox, 1.0)
    assert len(sent) == -(-MAX_BYTES_IN_FLIGHT // len(kept[0].body))
    window.acknowledged(((1, 2),))
    assert [seq for seq, _ in _drain(window, outbox, 1.0)] == [len(sent) + 1, len(sent) + 2]
    outbox.close()


def test_a_row_committed_while_the_session_began_goes_once(tmp_path: Path) -> None:
    """Already on disk when the backlog was measured, told of afterwards: acknowledged at once, it still does not go twice."""
    outbox = Outbox(tmp_path / "o.db")
    kept = outbox.commit([_row(i) for i in range(3)])
    window = Window(outbox, 1000.0, now=0.0)
    window.committed(kept, 0.0)
    sent = []
    for step in range(1, 20):
        while (item := _next(window, outbox, step / 10)) is not None:
            sent.append((item[0].seq, item[1]))
            window.acknowledged(((item[0].seq, item[0].seq),))
            outbox.acknowledge(((item[0].seq, item[0].seq),))
    assert sent == [(1, True), (2, True), (3, True)]
    assert window._bytes == 0
    outbox.close()


def test_a_recalled_row_that_is_in_flight_is_counted_once(tmp_path: Path) -> None:
    """Rows pending on disk come with the backlog that begins anew; those in flight are neither sent nor counted twice."""
    outbox = Outbox(tmp_path / "o.db")
    window = Window(outbox, 1000.0, now=0.0)
    window.committed(outbox.commit([_row(i) for i in range(3)]), 0.0)
    _drain(window, outbox, 1.0)
    window.recalled()
    assert _drain(window, outbox, 2.0) == []
    window.acknowledged(((1, 3),))
    assert window._bytes == 0
    outbox.close()


def test_rows_go_again_in_the_order_in_which_they_are_due(tmp_path: Path) -> None:
    """An acknowledged row does not go again, those due together keep their order, and `wait` ends at the first due."""
    outbox = Outbox(tmp_path / "o.db")
    window = Window(outbox, 1000.0, now=0.0)
    window.committed(outbox.commit([_row(i) for i in range(3)]), 0.0)
    _drain(window, outbox, 0.0)
    window.committed(outbox.commit([_row(3)]), 0.0)
    _drain(window, outbox, 4.0)
    window.acknowledged(((2, 2),))
    assert window.wait(9.5) == 0.5
    assert _drain(window, outbox, 10.0) == [(1, True), (3, True)]
    assert _drain(window, outbox, 14.0) == [(4, True)]
    window.acknowledged(((1, 2**62),))
    assert window.wait(29.9) == 1.0
    outbox.close()


def test_what_was_acknowledged_leaves_nothing_behind(tmp_path: Path) -> None:
    """The order of resends holds the rows of the last ten seconds, not those of the whole session."""
    outbox = Outbox(tmp_path / "o.db")
    window = Window(outbox, 1000.0, now=0.0)
    for second in range(100):
        window.committed(outbox.commit([_row(second * 10 + i) for i in range(10)]), float(second))
        sent = _drain(window, outbox, float(second))
        window.acknowledged(tuple((seq, seq) for seq, _ in sent if seq != 1))
    assert len(window._dues) <= 10 * RESEND_AFTER
    window.acknowledged(((1, 1),))
    assert window.wait(100.0) == 1.0
    assert window._dues == []
    outbox.close()


def test_whose_rows_wait_is_known(tmp_path: Path) -> None:
    """A device that is gone is declared dead only after its last row was acknowledged."""
    outbox = Outbox(tmp_path / "o.db")
    outbox.commit([_row(1), Row("m2", 2, {"power": 1.0})])
    window = Window(outbox, 1000.0, now=0.0)
    assert window.holds("m2")
    _drain(window, outbox, 1.0)
    window.acknowledged(((1, 1),))
    outbox.acknowledge(((1, 1),))
    assert [window.holds(device) for device in ("m1", "m2")] == [False, True]
    window.acknowledged(((2, 2),))
    assert not window.holds("m2")
    outbox.close()


def test_refused_rows_stand_in_nobodys_way(tmp_path: Path) -> None:
    """One device's rows are never stored: 500 of them kept all others back for good. Now they leave, and come again after an hour."""
    outbox, sent = Outbox(tmp_path / "o.db"), Counter[str]()
    outbox.commit([Row("refused", at, {"power": 1.0}) for at in range(2 * MAX_ROWS_IN_FLIGHT)])
    outbox.commit([_row(at) for at in range(100)])
    window = Window(outbox, 1000.0, now=0.0)

    def go_on(until: int, since: int) -> None:
        for now in range(since, until, 10):
            window.committed(outbox.commit([_row(now)]), float(now))
            while (item := _next(window, outbox, float(now))) is not None:
                row, _ = item
                sent[row.device] += 1
                if row.device == "m1":
                    outbox.acknowledge([(row.seq, row.seq)])
                    window.acknowledged([(row.seq, row.seq)])

    go_on(1000, 0)
    assert sent["m1"] == 100 + 1000 // 10
    assert 2 * MAX_ROWS_IN_FLIGHT <= sent["refused"] <= 2 * TRIES * MAX_ROWS_IN_FLIGHT
    before = sent["refused"]
    go_on(int(REFUSED_FOR), 1000)
    assert sent["refused"] - before <= TRIES * MAX_ROWS_IN_FLIGHT
    before = sent["refused"]
    go_on(int(REFUSED_FOR) + 1000, int(REFUSED_FOR))
    assert sent["refused"] - before >= 2 * MAX_ROWS_IN_FLIGHT
    assert sent["m1"] == 100 + (int(REFUSED_FOR) + 1000) // 10
    outbox.close()


def test_while_nothing_is_stored_nothing_counts_as_refused(tmp_path: Path) -> None:
    """The cloud's store is away for a week: the rows in flight stay those, and go again every five minutes."""
    outbox = Outbox(tmp_path / "o.db")
    window = Window(outbox, 1000.0, now=0.0)
    window.committed(outbox.commit([_row(at) for at in range(3)]), 0.0)
    assert len(_drain(window, outbox, 0.0)) == 3
    for now in range(300, 7 * 86_400, 300):
        assert [seq for seq, _ in _drain(window, outbox, float(now))] == [1, 2, 3]
    outbox.close()


def test_a_slow_cloud_refuses_nothing(tmp_path: Path) -> None:
    """It stores in order, 200 s late: what it has not come to yet stays in flight, however often it was sent."""
    outbox = Outbox(tmp_path / "o.db")
    window = Window(outbox, 1000.0, now=0.0)
    sent: dict[int, float] = {}
    for now in map(float, range(450)):
        window.committed(outbox.commit([_row(int(now))]), now)
        for seq, _ in _drain(window, outbox, now):
            sent.setdefault(seq, now)
        stored = [seq for seq, at in sent.items() if at <= now - 200]
        assert set(sent) - set(stored) == set(window._sent) - set(stored)
        window.acknowledged([(seq, seq) for seq in stored])
    outbox.close()
