"""Rows that were read before the clock was known and then damaged: each gets its date once, or the same one again."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from contract.reading import Row
from edge.outbox import dating, retention
from edge.outbox.outbox import Outbox
from edge.outbox.positions import Positions
from edge.outbox.rows import DamagedError
from edge.outbox.salvage import salvage

AT = 1_790_000_000_000 // retention.HOUR * retention.HOUR


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several files are set aside one after the other."""
    monkeypatch.setattr("edge.outbox.handle._FIRST_PAUSE", 0.0)


def undated(number: int) -> list[Row]:
    return [Row(f"m{i % 3}", 1000 + 200 * i, {"power": i / 7, "energy_import": i * 1.5}) for i in range(number)]


def pending(outbox: Outbox) -> list[tuple[str, int]]:
    """Device and time of each row that would be sent."""
    return sorted((kept.device, kept.at) for kept in outbox.pending(0, 10_000))


def dated(rows: list[Row], offset: int) -> list[tuple[str, int]]:
    return sorted((row.device, row.at + offset) for row in rows)


def set_aside(outbox: Outbox) -> None:
    """As a row does whose checksum is wrong."""
    with suppress(DamagedError), outbox._file.using():
        raise DamagedError("found by a test")


@pytest.mark.parametrize("checkpoints", [0, 1, 2])
def test_rows_that_have_their_date_do_not_come_back_without_one(checkpoints: int, tmp_path: Path) -> None:
    """Dating makes rows longer and moves them to other pages; their images of before stand in the file still."""
    outbox, rows = Outbox(tmp_path / "outbox.db"), undated(300)
    outbox.commit(rows, boot="b1")
    for _ in range(min(checkpoints, 1)):
        outbox.checkpoint()
    dating.date(outbox, "b1", AT)
    for _ in range(checkpoints - 1):
        outbox.checkpoint()
    set_aside(outbox)
    assert salvage(outbox) == 300
    dating.date(outbox, "b1", AT + 3)
    assert pending(outbox) == dated(rows, AT)
    outbox.close()


def test_rows_that_were_packed_do_not_come_back_without_a_date(tmp_path: Path) -> None:
    """Dated, stored by the cloud and packed: the pages on which they were once lie unused in the file as they were before."""
    outbox, rows = Outbox(tmp_path / "outbox.db"), undated(300)
    outbox.commit(rows, boot="b1")
    outbox.checkpoint()
    dating.date(outbox, "b1", AT)
    outbox.acknowledge([(1, 300)])
    assert retention.pack(outbox, AT + retention.HOUR) == 300
    set_aside(outbox)
    assert salvage(outbox) == 0
    assert outbox.stats().undated == 0
    outbox.close()


def taken_over(outbox: Outbox) -> int:
    """As the gateway does once a minute; returns how many rows came."""
    number = salvage(outbox)
    dating.date_noted(outbox)
    return number


def test_a_second_damage_gives_no_row_another_date(tmp_path: Path) -> None:
    """The first file is read anew, since nobody knows which of its rows went with the second; they get the date that they had."""
    outbox, rows = Outbox(tmp_path / "outbox.db"), undated(20)
    outbox.commit(rows, boot="b1")
    set_aside(outbox)
    assert taken_over(outbox) == 20
    dating.date(outbox, "b1", AT)
    assert outbox.acknowledge([(1, outbox.last_seq())]) == 20
    set_aside(outbox)
    assert taken_over(outbox) == 20
    assert outbox.stats().undated == 0
    dating.date(outbox, "b1", AT + 3)
    dating.date_trusted(outbox, "b1", AT + 5)
    assert pending(outbox) == dated(rows, AT)
    outbox.close()


def test_rows_that_went_with_a_second_damage_are_found_in_the_first_file(tmp_path: Path) -> None:
    """The second file lost all its rows and kept its notes: each row comes from the first one, with the date of its boot."""
    outbox, rows = Outbox(tmp_path / "outbox.db"), undated(20)
    outbox.commit(rows, boot="b1")
    set_aside(outbox)
    taken_over(outbox)
    dating.date(outbox, "b1", AT)
    with outbox.transaction() as db:
        db.execute("UPDATE row SET crc = crc + 1")
    set_aside(outbox)
    assert taken_over(outbox) == 20
    assert pending(outbox) == dated(rows, AT)
    outbox.close()


def test_what_a_power_cut_left_without_a_date_gets_that_of_its_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the rows were dated when it came: the others get the same date at the next start, in whatever boot that is."""
    monkeypatch.setattr(dating, "_PAGE", 10)
    outbox, rows = Outbox(tmp_path / "outbox.db"), undated(25)
    outbox.commit(rows, boot="b1")
    with outbox.transaction() as db:
        dating._page(db, "b1", AT)
    assert outbox.stats().undated == 15
    assert dating.date_noted(outbox) == 15
    assert pending(outbox) == dated(rows, AT)
    outbox.close()


def test_a_boot_has_one_offset(tmp_path: Path) -> None:
    """What waited for the disk, and comes when the first rows of its boot have their date, is dated as they were."""
    outbox = Outbox(tmp_path / "outbox.db")
    for offset in (AT, AT + 3):
        outbox.commit([Row("m1", 5000, {"power": 1.0})], boot="b1")
        assert dating.date(outbox, "b1", offset) == 1
    assert pending(outbox) == [("m1", AT + 5000)] * 2
    outbox.close()


def test_a_damaged_note_of_a_date_is_no_date(tmp_path: Path) -> None:
    """It is not believed, and another one takes its place."""
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.adopt([], "dated b1", f"{AT + 7} 12345")
    outbox.commit([Row("m1", 5000, {"power": 1.0})], boot="b1")
    assert dating.date_noted(outbox) == 0
    assert dating.date(outbox, "b1", AT) == 1
    assert pending(outbox) == [("m1", AT + 5000)]
    outbox.close()


def test_positions_are_remembered_in_little_room() -> None:
    """A million of them that follow each other take some 128 kB; what was not put in is not there."""
    found = Positions()
    for seq in (*range(1, 1_000_001), 1 << 40):
        found.add(seq)
    assert all(seq in found for seq in (1, 7, 65_535, 65_536, 1_000_000, 1 << 40))
    assert not any(seq in found for seq in (0, 1_000_001, (1 << 40) + 1, 1 << 41))
    assert found.size < 200_000
