"""What an outbox has committed stays until it is acknowledged."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import sparkplug
from contract.reading import Row
from contract.store import Ack, parse_ack, parse_resend, ranges
from edge.outbox.lock import InUseError
from edge.outbox.outbox import Outbox
from edge.outbox.retention import recall

AT = 1_790_000_000_000


def _rows(number: int) -> list[Row]:
    return [Row("m1", AT + i, {"energy_import": float(i)}) for i in range(number)]


def test_rows_survive_a_new_process_and_keep_their_positions(tmp_path: Path) -> None:
    """Opened again, the outbox has the same uuid and the same rows, and gives later positions only."""
    first = Outbox(tmp_path / "o.db")
    assert [k.seq for k in first.commit(_rows(3))] == [1, 2, 3]
    first.close()
    again = Outbox(tmp_path / "o.db")
    assert again.uuid == first.uuid
    assert [(k.seq, k.at) for k in again.pending(0, 10)] == [(1, AT), (2, AT + 1), (3, AT + 2)]
    assert [k.seq for k in again.commit(_rows(1))] == [4]
    again.close()


def test_acknowledged_rows_are_no_longer_pending_but_can_be_recalled(tmp_path: Path) -> None:
    """The cloud's word moves rows out of the queue, not off the disk."""
    outbox = Outbox(tmp_path / "o.db")
    outbox.commit(_rows(5))
    assert outbox.acknowledge([(1, 2), (4, 4)]) == 3
    assert [k.seq for k in outbox.pending(0, 10)] == [3, 5]
    assert outbox.acknowledge([(1, 2)]) == 0
    assert recall(outbox, AT + 1, AT + 4) == 2
    assert [k.seq for k in outbox.pending(0, 10)] == [2, 3, 4, 5]
    outbox.close()


def test_a_body_holds_the_reading_as_it_was_read(tmp_path: Path) -> None:
    """What lies on disk decodes to the value and time of the poll."""
    outbox = Outbox(tmp_path / "o.db")
    (kept,) = outbox.commit([Row("m1", AT, {"power": 230.47})])
    (reading,) = sparkplug.readings(sparkplug.decode(kept.body), "m1")
    assert (reading.value, reading.at) == (230.47, AT)
    outbox.close()


def test_a_late_row_is_historical_from_the_disk_on(tmp_path: Path) -> None:
    """Its body says so whenever it is sent, also when a full outbox left its gauges out; other rows are live."""
    outbox = Outbox(tmp_path / "o.db")
    rows = [Row("c1", AT, {"speed": 36.5, "odometer": 1234.5}, late=late) for late in (True, False)]
    outbox.commit(rows)
    outbox.full = True
    outbox.commit(rows)
    found = [[(m.name, m.is_historical) for m in sparkplug.decode(kept.body).metrics] for kept in outbox.pending(0, 10)]
    both = [[("speed", late), ("odometer", late)] for late in (True, False)]
    assert found == [*both, *([("odometer", late)] for late in (True, False))]
    outbox.close()


def test_the_session_number_rises_over_restarts(tmp_path: Path) -> None:
    """The session number starts at 0 and grows by one, so the late death of an old process is told apart."""
    outbox = Outbox(tmp_path / "o.db")
    assert [outbox.next_session(), outbox.next_session()] == [0, 1]
    outbox.close()
    again = Outbox(tmp_path / "o.db")
    assert again.next_session() == 2
    again.close()


def test_the_session_number_wraps_and_counts_only_what_was_said(tmp_path: Path) -> None:
    """0 follows 255; a number that never left the machine in a CONNECT is given again, the very first too."""
    outbox = Outbox(tmp_path / "o.db")
    assert outbox.next_session() == 0
    outbox.take_back_session()
    assert [outbox.next_session() for _ in range(257)] == [*range(256), 0]
    outbox.take_back_session()
    assert outbox.next_session() == 0
    outbox.close()


def test_the_session_number_goes_on_behind_the_one_on_disk_after_a_hang(tmp_path: Path) -> None:
    """Counted from 0 while the disk did not say what it was, it never falls back behind what earlier processes said."""
    outbox = Outbox(tmp_path / "o.db")
    assert [outbox.next_session() for _ in range(5)][-1] == 4
    outbox.close()
    again, note = Outbox(tmp_path / "o.db"), Outbox.note
    numbers = list[int]()

    def hangs(of: Outbox, key: str) -> str | None:
        numbers.append(of.next_session_unkept())
        return note(of, key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Outbox, "note", hangs)
        numbers.append(again.next_session())
    assert [*numbers, again.next_session()] == [0, 5, 6]
    again.close()


@given(st.sets(st.integers(0, 200)))
def test_ranges_hold_exactly_their_numbers(numbers: set[int]) -> None:
    """No position is acknowledged that was not stored."""
    spans = ranges(numbers)
    assert {n for a, b in spans for n in range(a, b + 1)} == numbers
    assert all(b + 1 < c for (_, b), (c, _) in pairwise(spans))


def test_an_acknowledgement_survives_its_text() -> None:
    """Cloud and gateway read the same ranges."""
    ack = Ack("u-1", ((1, 5), (7, 7)))
    assert parse_ack(ack.text()) == ack
    assert parse_resend('{"from": 1, "to": 2}') == (1, 2)


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"outbox": 1, "stored": []}', '{"outbox": "u", "stored": [[2, 1]]}', '{"outbox": "u", "stored": [[true, 2]]}',
        '{"outbox": "u", "stored": [[-1, 2]]}', '{"outbox": "u", "stored": [[1, 9223372036854775808]]}',
        '{"outbox": "u", "stored": [[1, 1' + "0" * 5000 + "]]}", "[" * 100_000,
    ],
)  # fmt: skip
def test_a_broken_acknowledgement_is_refused(text: str) -> None:
    """Half an acknowledgement acknowledges nothing."""
    with pytest.raises(ValueError, match=r"expected|JSON"):
        parse_ack(text)


@pytest.mark.parametrize("text", ["", "{}", '{"from": true, "to": 2}', '{"from": 2, "to": 1}', '{"from": 0, "to": 1e999}', "[" * 100_000])
def test_a_broken_wish_for_rows_is_refused(text: str) -> None:
    """Nothing is recalled for a span that is none."""
    with pytest.raises(ValueError, match=r"expected|JSON"):
        parse_resend(text)


def test_a_folder_where_the_outbox_should_be_is_told_and_left_alone(tmp_path: Path) -> None:
    """Every use is refused with the reason until the folder is moved away; then the outbox is made."""
    path = tmp_path / "o.db"
    path.mkdir()
    outbox = Outbox(path)
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match="unable to open database file"):
            outbox.commit(_rows(1))
    path.rmdir()
    assert [kept.seq for kept in outbox.commit(_rows(1))] == [1]
    outbox.close()


def test_one_outbox_has_one_process(tmp_path: Path) -> None:
    """A second process is refused with the first one's number, and gets the outbox when the first is gone, however it went."""
    path = tmp_path / "o.db"
    code = "import sys, pathlib, edge.outbox.outbox as o; a = o.Outbox(pathlib.Path(sys.argv[1])); print('open', flush=True); input()"
    argv = [sys.executable, "-c", code, str(path)]
    held = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert held.stdin is not None
    assert held.stdout is not None
    with held, held.stdin, held.stdout:
        assert held.stdout.readline() == "open\n"
        with pytest.raises(InUseError, match=f"o.db: process {held.pid} has this outbox open; a second gateway needs a data folder"):
            Outbox(path)
        held.kill()
        held.wait()
    outbox = Outbox(path)
    outbox.close()
    Outbox(path).close()
