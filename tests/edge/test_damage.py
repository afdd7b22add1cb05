"""A damaged outbox: whatever was overwritten, the gateway goes on, and what it sends is what was committed."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pytest
from structlog.testing import capture_logs

from contract import sparkplug
from contract.reading import Row
from contract.sparkplug import encode_rows
from edge.outbox import dating, retention, wal
from edge.outbox.outbox import Outbox
from edge.outbox.pages import Pages
from edge.outbox.rows import DamagedError
from edge.outbox.salvage import salvage

AT = 1_790_000_000_000 // retention.HOUR * retention.HOUR
Fact = tuple[str, int, tuple[tuple[str, float | None], ...]]
"""Device, time and values: what a row says."""


def row(number: int) -> Row:
    """Of one of three devices, with values that no other row has; every hundredth is longer than a page."""
    long = {sparkplug.COMMAND_RESULT: f"{number} " * 2000} if number % 100 == 0 else {}
    return Row(f"m{number % 3}", AT + number * 1000, {"energy_import": number / 7, "power": number * 1.5}, texts=long)


def fact(of: Row) -> Fact:
    return of.device, of.at, tuple(sorted(of.values.items()))


def sent(outbox: Outbox) -> set[Fact]:
    """What the uplink would send; damage that only reading finds begins a new outbox, into which the rest is taken over."""
    try:
        return set(pending(outbox))
    except DamagedError:
        salvage(outbox)
        return set(pending(outbox))


def pending(outbox: Outbox) -> list[Fact]:
    """All unacknowledged rows."""
    found, after = [], 0
    while page := outbox.pending(after, 500):
        for kept in page:
            readings = sparkplug.readings(sparkplug.decode(kept.body), kept.device)
            found.append((kept.device, kept.at, tuple(sorted((r.point, r.value) for r in readings))))
        after = page[-1].seq
    return found


COMMITTED, ACKNOWLEDGED = 900, 300
UNSENT = {fact(row(number)) for number in range(ACKNOWLEDGED, COMMITTED)}
ALL = {fact(row(number)) for number in range(COMMITTED)}


@pytest.fixture(scope="module", params=["closed", "killed"])
def left(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an outbox whose process closed it, or was killed, with all kinds of rows: its log holds the newest ones then."""
    folder, copy = tmp_path_factory.mktemp("outbox"), tmp_path_factory.mktemp("copy") / "left"
    outbox = Outbox(folder / "outbox.db")
    for first in range(0, COMMITTED, 50):
        outbox.commit([row(number) for number in range(first, first + 50)])
        if first == COMMITTED // 2:
            outbox.acknowledge([(1, ACKNOWLEDGED)])
            retention.pack(outbox, AT + retention.HOUR)
            outbox.checkpoint()
    if request.param == "closed":
        outbox.close()
    copy.mkdir()
    for end in ("", "-wal"):
        with suppress(FileNotFoundError):
            shutil.copy(folder / f"outbox.db{end}", copy)
    yield copy
    outbox.close()


@pytest.fixture
def folder(left: Path, tmp_path: Path) -> Path:
    """A copy of it that may be damaged."""
    return shutil.copytree(left, tmp_path / "data")


def opened(folder: Path) -> Outbox:
    """As the gateway does it: open, look through, take over what a damaged file holds."""
    outbox = Outbox(folder / "outbox.db")
    with suppress(DamagedError):
        outbox.look_through()
    salvage(outbox)
    return outbox


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_overwritten_only_what_was_committed_is_sent(seed: int, folder: Path) -> None:
    """Bytes at random places of the file and its log: the outbox takes rows, and each that it gives has its value and time."""
    chance = random.Random(seed)  # noqa: S311 (which bytes are hit is no secret)
    files = sorted(folder.iterdir())
    for _ in range(chance.choice([1, 2, 8])):
        size = chance.choice([1, 4, 64, 512, 4096])
        damage = chance.choice([chance.randbytes(size), bytes(size), b"\xff" * size])
        with chance.choice(files).open("r+b") as file:
            file.seek(chance.choice([chance.randrange(4096), chance.randrange(file.seek(0, 2))]))
            file.write(damage)
    outbox = opened(folder)
    outbox.commit([row(COMMITTED)])
    found = sent(outbox)
    assert found <= ALL | {fact(row(COMMITTED))}
    assert fact(row(COMMITTED)) in found
    assert len(UNSENT - found) < len(UNSENT) / 2  # most pages were not hit
    outbox.close()


@pytest.mark.parametrize("start", [0, 60, 4096])
def test_pages_that_lead_to_others_may_be_lost(start: int, folder: Path) -> None:
    """Without the file's first pages SQLite reads nothing; every row of another page is taken over."""
    with (folder / "outbox.db").open("r+b") as file:
        file.seek(start)
        file.write(b"\xa5" * 4096)
    outbox = opened(folder)
    found = sent(outbox)
    assert found <= ALL
    assert len(UNSENT - found) <= 30
    outbox.close()


def test_a_row_whose_value_was_overwritten_is_never_sent(folder: Path) -> None:
    """SQLite does not see it; the row's checksum does, and all other rows are taken over."""
    for path in folder.iterdir():
        raw = path.read_bytes()
        (value,) = [m for m in sparkplug.decode(encode_rows([row(500)], historical=False)).metrics if m.name == "power"]
        field = value.SerializeToString()[-9:]
        path.write_bytes(raw.replace(field, field[:-1] + bytes([field[-1] ^ 1])))
    outbox = opened(folder)
    assert UNSENT - sent(outbox) == {fact(row(500))}
    assert outbox.stats().set_aside == 1
    outbox.close()


def test_a_torn_log_is_no_silent_loss(tmp_path: Path) -> None:
    """One byte of the log's beginning: SQLite would believe nothing of it, and give its positions to other rows."""
    outbox = Outbox(tmp_path / "outbox.db")
    for number in range(100):
        outbox.commit([row(number)])
    (tmp_path / "left").mkdir()
    for end in ("", "-wal"):
        shutil.copy(tmp_path / f"outbox.db{end}", tmp_path / "left")
    outbox.close()
    with (tmp_path / "left" / "outbox.db-wal").open("r+b") as log:
        log.seek(4000)
        log.write(b"\0\xff")
    again = opened(tmp_path / "left")
    assert len({fact(row(number)) for number in range(100)} - set(pending(again))) <= 30
    assert again.uuid != outbox.uuid
    again.close()


def left_by(outbox: Outbox, folder: Path) -> Path:
    """The files of an outbox as they are, as if its process was killed now."""
    folder.mkdir()
    for end in ("", "-wal"):
        shutil.copy(f"{outbox.path}{end}", folder)
    return folder / "outbox.db-wal"


def test_a_kill_between_a_new_logs_header_and_its_first_frame_is_no_damage(tmp_path: Path) -> None:
    """The header has new salts then and all frames the old ones: what they hold is in the file already."""
    outbox = Outbox(tmp_path / "outbox.db")
    for number in range(20):
        outbox.commit([row(number)])
    outbox.checkpoint()
    log = left_by(outbox, tmp_path / "left")
    outbox.commit([row(20)])
    with (tmp_path / "outbox.db-wal").open("rb") as present, log.open("r+b") as of_then:
        header = present.read(32)
        assert header != of_then.read(32)
        of_then.seek(0)
        of_then.write(header)
    again = opened(tmp_path / "left")
    assert (again.uuid, again.stats().set_aside) == (outbox.uuid, 0)
    assert set(pending(again)) == {fact(row(number)) for number in range(20)}
    again.close()
    outbox.close()


@pytest.mark.parametrize("behind", [0, 1, 2])
def test_a_last_transaction_that_a_power_cut_tore_is_no_damage(tmp_path: Path, behind: int) -> None:
    """Its last frame is on disk and an earlier one is not: nobody was told that it is committed. With others behind it, it was."""
    outbox = Outbox(tmp_path / "outbox.db")
    for number in range(20):
        outbox.commit([row(number)])
    size = (tmp_path / "outbox.db-wal").stat().st_size
    outbox.commit([row(number) for number in range(101, 150)])
    assert (tmp_path / "outbox.db-wal").stat().st_size >= size + 2 * 4120
    for number in range(behind):
        outbox.commit([row(150 + number)])
    log = left_by(outbox, tmp_path / "left")
    with log.open("r+b") as file:
        file.seek(size)
        file.write(bytes(4120))
    again = opened(tmp_path / "left")
    assert again.stats().set_aside == int(behind > 0)
    assert (again.uuid == outbox.uuid) == (behind == 0)
    assert {fact(row(number)) for number in range(20)} <= set(pending(again))
    again.close()
    outbox.close()


@pytest.mark.parametrize("left_of_it", [0.02, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("later", [0, 40])
def test_a_log_that_lost_its_end_hides_nothing_that_the_file_has(left_of_it: float, later: int, tmp_path: Path) -> None:
    """The log was written into the file and then lost its end, as on a card that forgets: its older pages must not hide the newer ones."""
    outbox = Outbox(tmp_path / "outbox.db")
    for number in range(300):
        outbox.commit([row(number)])
    outbox.acknowledge([(1, 100)])
    outbox.checkpoint()
    in_file = {fact(row(number)) for number in range(100, 300)}
    size = (tmp_path / "outbox.db-wal").stat().st_size
    for number in range(300, 300 + later):
        outbox.commit([row(number)])
    log = left_by(outbox, tmp_path / "left")
    outbox.close()
    with log.open("r+b") as file:
        file.truncate(int(size * left_of_it))
    again = opened(tmp_path / "left")
    assert in_file <= sent(again) <= ALL
    again.close()


def test_a_row_that_has_its_date_in_one_image_is_not_dated_anew(tmp_path: Path) -> None:
    """The file has the dated row and what is left of the log the one of before: by a later offset it would become another reading."""
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.commit([Row("m1", 5000, {"power": 1.0})], boot="b1")
    size = (tmp_path / "outbox.db-wal").stat().st_size
    dating.date(outbox, "b1", AT)
    outbox.checkpoint()
    log = left_by(outbox, tmp_path / "left")
    outbox.close()
    with log.open("r+b") as file:
        file.truncate(size)
    with Pages(tmp_path / "left" / "outbox.db") as pages:
        rows = [row for page in range(1, pages.number + 1) for row in pages.rows(page)]
    assert [(row.boot, row.at) for row in rows] == [(None, AT + 5000)]


def test_a_torn_transaction_that_was_written_over_is_no_damage(tmp_path: Path) -> None:
    """What a first power cut left of a long transaction stays behind shorter ones, of which a second one tears the last."""
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.commit([row(0)])
    size = (tmp_path / "outbox.db-wal").stat().st_size
    outbox.commit([row(number) for number in range(101, 150)])
    log = left_by(outbox, tmp_path / "left")
    outbox.close()
    with log.open("r+b") as file:
        file.seek(size)
        file.write(bytes(4120))
    again = Outbox(tmp_path / "left" / "outbox.db")
    again.commit([row(1)])
    second = left_by(again, tmp_path / "second")
    with second.open("r+b") as file:
        file.seek(size)
        file.write(bytes(4120))
    third = opened(tmp_path / "second")
    assert (third.uuid, third.stats().set_aside) == (outbox.uuid, 0)
    assert pending(third) == [fact(row(0))]
    third.close()
    again.close()


@pytest.mark.parametrize("readable_from", [32, 4096])
def test_a_bad_block_at_the_head_of_the_log_is_damage(tmp_path: Path, readable_from: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start goes on in a new outbox, with what the rest of the log holds."""
    outbox = Outbox(tmp_path / "outbox.db")
    for number in range(60):
        outbox.commit([row(number)])
    log, read = left_by(outbox, tmp_path / "left"), wal.read

    def bad(file: BinaryIO | None, place: int, size: int) -> bytes:
        return b"" if file is not None and str(file.name).endswith(log.suffix) and place < readable_from else read(file, place, size)

    monkeypatch.setattr(wal, "read", bad)
    again = opened(tmp_path / "left")
    assert again.stats().set_aside == 1
    assert len({fact(row(number)) for number in range(60)} - set(pending(again))) <= 30
    again.close()
    outbox.close()


def test_an_emptied_file_leaves_what_its_log_has(folder: Path) -> None:
    """A file of no length, as a file system leaves it that lost its data: SQLite would throw the log away."""
    had_log = (folder / "outbox.db-wal").exists()
    (folder / "outbox.db").write_bytes(b"")
    outbox = opened(folder)
    assert bool(pending(outbox)) == had_log
    assert set(pending(outbox)) <= ALL
    assert outbox.commit([row(1)])[0].device == "m1"
    outbox.close()


def test_a_file_that_is_no_outbox_is_kept_and_a_new_one_begun(tmp_path: Path) -> None:
    """Its bytes stay under a name with the time, which the log says once; the next start goes on with the new outbox."""
    (tmp_path / "outbox.db").write_bytes(b"garbage\n")
    with capture_logs() as logs:
        outbox = opened(tmp_path)
    outbox.commit([row(1)])
    (aside,) = tmp_path.glob("outbox.db.*.damaged")
    assert [(line["event"], line["file"]) for line in logs] == [
        ("outbox damaged, set aside", str(aside)),
        ("damaged outbox read", str(aside)),
    ]
    assert (logs[0]["reason"], logs[1]["rows"]) == ("file is not a database", 0)
    assert outbox.stats().set_aside == 1
    outbox.close()
    with capture_logs() as logs:
        again = opened(tmp_path)
    assert (again.uuid, logs, aside.read_bytes()) == (outbox.uuid, [], b"garbage\n")
    again.close()


def test_rows_of_an_older_version_are_taken_over_too(tmp_path: Path) -> None:
    """Version 1 had no checksum: rows that can be read and have their time are believed, in a whole file and in a damaged one."""
    schema = (Path(retention.__file__).parent / "schema.sql").read_text(encoding="utf-8")
    for name in ("whole", "damaged"):
        (tmp_path / name).mkdir()
        db = sqlite3.connect(tmp_path / name / "outbox.db")
        db.executescript(schema)
        rows = [(r.device, r.at, encode_rows([r], historical=False)) for r in map(row, range(1, 90))]
        db.executemany("INSERT INTO row (device, at, keep, body) VALUES (?, ?, 1, ?)", rows)
        db.commit()
        db.close()
    with (tmp_path / "damaged" / "outbox.db").open("r+b") as file:
        file.write(bytes(4096))
    for name in ("whole", "damaged"):
        outbox = opened(tmp_path / name)
        assert set(pending(outbox)) == {fact(row(number)) for number in range(1, 90)}
        outbox.close()


def test_a_salvage_goes_on_where_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended in the middle, it takes no row twice, and a start after the last page takes none at all."""
    monkeypatch.setattr("edge.outbox.salvage._TOGETHER", 8)
    path = tmp_path / "outbox.db"
    whole = Outbox(path)
    whole.commit([row(number) for number in range(COMMITTED)])
    whole.close()
    with path.open("r+b") as file:
        file.write(b"\xa5" * 100)
    outbox, adopt, calls = Outbox(path), Outbox.adopt, iter(range(100))

    def breaks(self: Outbox, *arguments: object) -> None:
        if next(calls) == 3:
            raise sqlite3.OperationalError("disk I/O error")
        adopt(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Outbox, "adopt", breaks)
    with pytest.raises(sqlite3.OperationalError):
        salvage(outbox)
    first = len(pending(outbox))
    assert 0 < salvage(outbox) == len(pending(outbox)) - first
    assert salvage(outbox) == 0
    assert len(pending(outbox)) == len(set(pending(outbox)))
    outbox.close()


def test_a_damaged_note_of_how_far_a_salvage_went_begins_it_anew(tmp_path: Path) -> None:
    """Rows that were taken over already are stored once by the cloud all the same."""
    path = tmp_path / "outbox.db"
    whole = Outbox(path)
    whole.commit([row(number) for number in range(60)])
    whole.close()
    with path.open("r+b") as file:
        file.write(b"\xa5" * 100)
    outbox = Outbox(path)
    (aside,) = tmp_path.glob("*.damaged")
    outbox.adopt([], f"salvaged {aside.name}", "1?2")
    assert salvage(outbox) == 60
    assert salvage(outbox) == 0
    outbox.close()


def test_a_damaged_row_of_an_outbox_that_is_taken_away_costs_no_other(tmp_path: Path) -> None:
    """All other rows go into the new one, and the damaged one is counted as lost."""
    path = tmp_path / "outbox.db"
    outbox = Outbox(path)
    outbox.commit([row(number) for number in range(1, 60)])
    with outbox.transaction() as db:
        db.execute("UPDATE row SET crc = crc + 1 WHERE seq = 10")
    for each in tmp_path.glob("outbox.db*"):
        each.unlink()
    with capture_logs() as logs:
        outbox.commit([])
    assert set(pending(outbox)) == {fact(row(number)) for number in range(1, 60) if number != 10}
    assert outbox.stats().lost == 1
    assert [line["damaged"] for line in logs if line["event"] == "rows of an outbox that was taken away are lost"] == [1]
    outbox.close()


def test_an_outbox_that_goes_and_returns_is_not_doubled(tmp_path: Path) -> None:
    """Nothing could be made at its place meanwhile, so what stands there then is the same file, with its rows at their positions."""
    data = tmp_path / "data"
    outbox = Outbox(data / "outbox.db")
    kept = outbox.commit([row(number) for number in range(1, 20)])
    for _ in range(2):
        data.rename(tmp_path / "away")
        data.write_bytes(b"")
        for _ in range(2):
            with pytest.raises(sqlite3.OperationalError):
                outbox.commit([row(20)])
        data.unlink()
        (tmp_path / "away").rename(data)
        assert outbox.pending(0, 100) == kept
    assert outbox.commit([row(20)])[0].seq > kept[-1].seq
    outbox.close()


def damage(outbox: Outbox, number: int) -> None:
    """Commit a row and change it, so that reading sets the file aside."""
    (kept,) = outbox.commit([row(number)])
    with outbox.transaction() as db:
        db.execute("UPDATE row SET crc = crc + 1 WHERE seq = ?", (kept.seq,))
    with pytest.raises(DamagedError):
        outbox.pending(0, 500)


def test_what_a_damaged_outbox_noted_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of an earlier boot get their date from its note, and losses are counted on, once, though two files are damaged in turn."""
    monkeypatch.setattr("edge.outbox.handle._FIRST_PAUSE", 0.0)
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.commit([Row("m1", 5_000, {"power": 1.0})], boot="earlier")
    dating.note_boot(outbox, "earlier", AT)
    outbox.adopt([], "boot torn", "17?0")
    outbox.lose(500)
    damage(outbox, 1)
    for lost in (500, 507):
        salvage(outbox)
        assert (outbox.stats().lost, outbox.stats().undated) == (lost, 1 if lost == 500 else 2)
        if lost == 500:
            outbox.lose(7)
            damage(outbox, 2)
    assert outbox.note("boot torn") is None
    assert dating.date_trusted(outbox, "later", AT + retention.DAY) == 2
    assert set(pending(outbox)) == {fact(Row("m1", AT + 5_000, {"power": 1.0}))}
    outbox.close()


def test_a_clock_that_is_trusted_dates_what_is_taken_over_later(tmp_path: Path) -> None:
    """A note of a boot outlives the dating of its rows, since more of them may come from a damaged file."""
    outbox = Outbox(tmp_path / "outbox.db")
    dating.note_boot(outbox, "earlier", AT)
    assert dating.date_trusted(outbox, "later", AT) == 0
    outbox.commit([Row("m1", 5_000, {"power": 1.0})], boot="earlier")
    assert dating.date_trusted(outbox, "later", AT) == 1
    outbox.close()


def test_positions_of_a_process_that_was_killed_are_never_given_again(tmp_path: Path) -> None:
    """Its log may have lost rows that were sent: an acknowledgement of them that comes late must not take new rows away."""
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.commit([row(number) for number in range(3)])
    (tmp_path / "left").mkdir()
    for end in ("", "-wal"):
        shutil.copy(tmp_path / f"outbox.db{end}", tmp_path / "left")
    outbox.commit([row(number) for number in range(3, 10)])
    sent = outbox.last_seq()
    again = Outbox(tmp_path / "left" / "outbox.db")
    assert again.commit([row(20)])[0].seq > sent
    assert [kept.seq for kept in again.pending(0, 3)] == [1, 2, 3]
    again.close()
    outbox.close()


def test_a_disk_that_damages_every_file_is_not_filled_with_them(tmp_path: Path) -> None:
    """The first is set aside at once, the next a minute later at the soonest; meanwhile the outbox refuses."""
    path = tmp_path / "outbox.db"
    outbox = Outbox(path)
    for _ in range(3):
        outbox.checkpoint()
        path.write_bytes(b"\xa5" * 8192)
        for _ in range(2):
            with suppress(sqlite3.DatabaseError):
                outbox.look_through()
    assert len(list(tmp_path.glob("*.damaged"))) == 1
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        outbox.look_through()
    outbox.close()
