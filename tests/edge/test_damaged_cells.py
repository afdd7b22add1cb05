"""A cell of an outbox that is of another type or value than was written: nobody believes it, and the gateway goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import sparkplug
from contract.clock import Clock
from contract.reading import Row
from edge import health
from edge.outbox import dating, retention
from edge.outbox.outbox import Outbox
from edge.outbox.salvage import salvage
from tests.cells import records

HOUR = retention.HOUR
AT = 1_790_000_000_000 // HOUR * HOUR


def row(number: int) -> Row:
    return Row(f"m{number % 3}", AT + number * 1000, {"energy_import": number / 7, "power": number * 1.5})


def values(outbox: Outbox) -> set[tuple[str, int, str, float | None]]:
    """What would be sent: device, time, point and value."""
    return {
        (kept.device, reading.at, reading.point, reading.value)
        for kept in outbox.pending(0, 1000)
        for reading in sparkplug.readings(sparkplug.decode(kept.body), kept.device)
    }


def facts(*rows: Row) -> set[tuple[str, int, str, float | None]]:
    return {(r.device, r.at, point, value) for r in rows for point, value in r.values.items()}


def made(path: Path) -> None:
    """An outbox with something in each of its tables: rows that wait for the cloud and for a date, a pack, every kind of note."""
    outbox = Outbox(path)
    outbox.commit([row(number) for number in range(9)])
    outbox.acknowledge([(1, 3)])
    retention.pack(outbox, AT + HOUR)
    outbox.acknowledge([(4, 4)])
    outbox.commit([row(100)], boot="now")
    outbox.commit([row(101)], boot="earlier")
    dating.note_boot(outbox, "earlier", AT)
    outbox.next_session()
    outbox.lose(5)
    outbox.adopt([], "salvaged outbox.db.20260101T000000.000000Z.damaged", "7")
    outbox.commit([])
    outbox.close()


BOOTS = [Row(r.device, r.at + AT, r.values) for r in (row(100), row(101))]
COMMITTED = facts(*map(row, range(9)), *BOOTS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file as it was closed."""
    path = tmp_path_factory.mktemp("whole") / "outbox.db"
    made(path)
    return path.read_bytes()


def lives(path: Path) -> Outbox:
    """What a gateway does with its outbox from the start on; that it refuses is no end, anything else is."""
    outbox = Outbox(path)
    work: list[Callable[[], object]] = [
        lambda: health.row("gw", outbox, health.Faults(), Clock()),
        outbox.next_session,
        outbox.look_through,
        lambda: salvage(outbox),
        lambda: dating.date(outbox, "now", AT),
        lambda: dating.date_trusted(outbox, "now", AT),
        lambda: outbox.pending(0, 1000),
        lambda: outbox.acknowledge([(5, 5)]),
        lambda: retention.enforce(outbox, AT + 3 * retention.DAY, 30, 1),
        lambda: retention.recall(outbox, AT, AT + HOUR),
        lambda: retention.enforce(outbox, AT + 50 * retention.DAY, 30, 10**9),
        outbox.stats,
        lambda: salvage(outbox),
    ]
    for each in work:
        with suppress(sqlite3.Error):
            each()
    return outbox


def bears(data: bytes) -> None:
    """An outbox with these bytes is opened, set aside if need be, takes a row and gives nothing that was not committed."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "outbox.db"
        path.write_bytes(data)
        outbox = lives(path)
        outbox.full = False
        for _ in range(2):  # damage that only the write finds begins a new outbox, which takes the row, as it is written then
            with suppress(sqlite3.Error):
                outbox.commit([row(500)])
                break
        salvage(outbox)
        found = values(outbox)
        assert facts(row(500)) <= found <= COMMITTED | facts(row(500))
        outbox.close()


@settings(max_examples=60)
@given(st.data())
def test_one_bit_of_any_cell_ends_nothing(whole: bytes, data: st.DataObject) -> None:
    """Types and values of every table and index: the gateway goes on, and what it gives was committed."""
    damaged = bytearray(whole)
    places = [place for begin, end in records(whole) for place in range(begin, end)]
    damaged[data.draw(st.sampled_from(places))] ^= 1 << data.draw(st.integers(0, 7))
    bears(bytes(damaged))


OTHER = {
    "the uuid is a blob": "UPDATE meta SET value = CAST(value AS BLOB) WHERE key = 'uuid'",
    "the uuid is a number": "UPDATE meta SET value = x'31' WHERE key = 'uuid'",
    "the greatest position is a text": "UPDATE sqlite_sequence SET seq = 'abc'",
    "the greatest position is a fraction": "UPDATE sqlite_sequence SET seq = 7.5",
    "the greatest position is beyond all": "UPDATE sqlite_sequence SET seq = 9223372036854775807",
    "the greatest position is absent": "UPDATE sqlite_sequence SET seq = NULL",
    "the greatest position leaves none behind it": "UPDATE sqlite_sequence SET seq = 1 << 62",
    "a time is a text": "UPDATE row SET at = 'abc'",
    "a time is a blob": "UPDATE row SET at = x'00'",
    "the losses are a text": "UPDATE meta SET value = 'abc' WHERE key = 'lost'",
    "the losses are beyond all": "UPDATE meta SET value = '99999999999999999999' WHERE key = 'lost'",
    "the session's number is a blob": "UPDATE meta SET value = x'00' WHERE key = 'bd_seq'",
    "a boot's note is a blob": "UPDATE meta SET value = x'00' WHERE key LIKE 'boot %'",
    "a digit of a boot's note": "UPDATE meta SET value = '1' || value WHERE key LIKE 'boot %'",
    "another digit of it": "UPDATE meta SET value = replace(value, '0', '8') WHERE key LIKE 'boot %'",
    "a boot's note lost its end": "UPDATE meta SET value = substr(value, 1, 9) WHERE key LIKE 'boot %'",
    "a boot's name is a blob": "UPDATE meta SET key = CAST(key AS BLOB) WHERE key LIKE 'boot %'",
    "a note of a salvage is a blob": "UPDATE meta SET value = x'00' WHERE key LIKE 'salvaged %'",
    "a pack's times are texts": "UPDATE pack SET first_at = 'a', last_at = 'b', rows = 'c'",
    "a pack is a text": "UPDATE pack SET body = 'abc'",
}


def changed(whole: bytes, statement: str, folder: Path) -> Path:
    """The file with something in it changed by SQLite."""
    path = folder / "outbox.db"
    path.write_bytes(whole)
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement)
        db.commit()
    return path


@pytest.mark.parametrize("damage", OTHER.values(), ids=OTHER)
def test_a_value_of_another_type_ends_nothing(damage: str, whole: bytes, tmp_path: Path) -> None:
    """What no bit alone does, a page of a failing card may: the type of each cell is looked at before it is believed."""
    bears(changed(whole, damage, tmp_path).read_bytes())


@pytest.mark.parametrize("damage", [damage for name, damage in OTHER.items() if "uuid" in name or "greatest" in name])
def test_a_damaged_name_or_greatest_position_is_set_aside_at_the_start(damage: str, whole: bytes, tmp_path: Path) -> None:
    """The rows go into a new outbox, whose name is another, so that nothing said of the old positions concerns them."""
    outbox = Outbox(changed(whole, damage, tmp_path))
    assert salvage(outbox) == 7
    assert (outbox.stats().set_aside, outbox.stats().undated, outbox.last_seq()) == (1, 2, 7)
    assert values(outbox) == facts(*map(row, range(4, 9)))
    outbox.close()
