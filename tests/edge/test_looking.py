"""`jieyue-edge outbox` without a wish: it says what waits, and leaves every byte of the outbox's folder as it was."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from contract.clock import Clock
from contract.commandline import FAILED
from contract.reading import Row
from contract.site import Site
from edge.__main__ import _parser
from edge.cli import outbox as command
from edge.outbox import handle
from edge.outbox.outbox import Outbox
from edge.settings import Settings

SAID = "earlier: 3 rows, read 12 s to 14 s after its start\n"


def asked(folder: Path, *arguments: str) -> int:
    """The exit code."""
    settings = cast("Settings", SimpleNamespace(outbox=folder / "outbox.db"))
    return command.run(settings, cast("Site", None), Clock(), _parser().parse_args(["outbox", "--config", "x", *arguments]))


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    """What stands in a folder: names, bytes and when they were written."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def _filled(folder: Path) -> Outbox:
    folder.mkdir()
    outbox = Outbox(folder / "outbox.db")
    outbox.commit([Row("m1", 12_000, {"power": 0.5})], boot="earlier")
    outbox.checkpoint()
    for i in (1, 2):
        outbox.commit([Row("m1", 12_000 + i * 1000, {"power": float(i)})], boot="earlier")
    return outbox


def closed(folder: Path) -> None:
    """As a gateway leaves it that was stopped."""
    _filled(folder).close()


def killed(folder: Path) -> None:
    """As a gateway leaves it that was killed: two of the three rows are in the log only."""
    outbox = _filled(folder.with_name("running"))
    shutil.copytree(folder.with_name("running"), folder)
    outbox.close()
    assert (folder / "outbox.db-wal").stat().st_size > 0
    assert (folder / "outbox.db-shm").exists()


def switched_off(folder: Path) -> None:
    """As a power cut leaves it, without what was in memory alone."""
    killed(folder)
    (folder / "outbox.db-shm").unlink()


def begun(folder: Path) -> None:
    """With a log that was begun anew and in which nothing stands yet."""
    killed(folder)
    header = (folder / "outbox.db-wal").read_bytes()[:32]
    shutil.rmtree(folder)
    _filled(folder).close()
    (folder / "outbox.db-wal").write_bytes(header)


def alone(folder: Path) -> None:
    """The file alone, as somebody copied it from a card."""
    closed(folder)
    for path in folder.iterdir():
        if path.name != "outbox.db":
            path.unlink()


def old(folder: Path) -> None:
    """Of version 1, without checksums and the index of rows without a date."""
    folder.mkdir()
    with sqlite3.connect(folder / "outbox.db") as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(Path(handle.__file__).with_name("schema.sql").read_text(encoding="utf-8") + "PRAGMA user_version = 1;")
        db.executemany("INSERT INTO row VALUES (NULL, 'm1', ?, 0, 0, 'earlier', x'00')", [(at,) for at in (12_000, 13_000, 14_000)])
    db.close()


LEFT = [closed, killed, switched_off, begun, alone, old]


@pytest.mark.parametrize("left", LEFT, ids=lambda left: left.__name__)
def test_a_listing_writes_nothing(left: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It made a reserve, brought an older file to the present version and moved the log into the file; rows in the log are listed too."""
    folder = tmp_path / "data"
    left(folder)
    before = content(folder)
    assert asked(folder) == 0
    assert capsys.readouterr().out == SAID
    assert content(folder) == before


@pytest.mark.parametrize("left", [closed, alone, old], ids=lambda left: left.__name__)
def test_a_listing_of_a_damaged_outbox_says_so(left: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It set the file aside, said that no row waits and ended well; now it is one line and exit code 1, and the file stays."""
    folder = tmp_path / "data"
    left(folder)
    with (folder / "outbox.db").open("r+b") as file:
        file.write(b"\xa5" * 100)
    before = content(folder)
    assert asked(folder) == FAILED
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"jieyue-edge: {folder / 'outbox.db'}: the outbox is damaged, and nothing was changed; the gateway takes over what can be read of "
        "it into a new one when it starts (file is not a database)\n"
    )
    assert content(folder) == before


@pytest.mark.parametrize("overwritten", [0, 64])
def test_a_listing_misses_no_row_that_a_log_lost(overwritten: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that lost its pages while its log stayed, and a log with an overwritten frame, are damaged: SQLite would find fewer rows."""
    folder = tmp_path / "data"
    killed(folder)
    if overwritten:
        with (folder / "outbox.db-wal").open("r+b") as file:
            file.seek(100)
            file.write(b"\xa5" * overwritten)
    else:
        (folder / "outbox.db").write_bytes(b"")
    before = content(folder)
    assert asked(folder) == FAILED
    assert "the outbox is damaged, and nothing was changed" in capsys.readouterr().err
    assert content(folder) == before


def test_a_listing_of_another_database_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tables were made in whatever database stood there."""
    with sqlite3.connect(tmp_path / "outbox.db") as db:
        db.execute("CREATE TABLE other (a)")
    db.close()
    before = content(tmp_path)
    assert asked(tmp_path) == FAILED
    assert "the outbox is damaged, and nothing was changed" in capsys.readouterr().err
    assert content(tmp_path) == before


def test_nothing_waits_in_an_empty_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gateway would make an outbox of it; a listing leaves it empty."""
    (tmp_path / "outbox.db").touch()
    before = content(tmp_path)
    assert asked(tmp_path) == 0
    assert capsys.readouterr().out == "no row waits for a date\n"
    assert content(tmp_path) == before


@pytest.mark.parametrize("arguments", [(), ("--drop", "earlier")], ids=["listed", "dropped"])
def test_a_gateway_that_runs_is_left_alone(arguments: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """While it has the outbox nobody else looks into it, and it can start while nobody does."""
    outbox = _filled(tmp_path / "data")
    assert asked(tmp_path / "data", *arguments) == FAILED
    assert "stop the gateway first: " in capsys.readouterr().err
    outbox.close()
    assert asked(tmp_path / "data") == 0
    Outbox(tmp_path / "data" / "outbox.db").close()


@pytest.mark.parametrize("arguments", [("--date", "earlier", "2026-03-01T07:58:00+08:00"), ("--drop", "earlier")], ids=["date", "drop"])
def test_who_dates_or_drops_rows_of_a_damaged_outbox_is_told(
    arguments: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer was that no row waits, which was said of the empty file made in its place."""
    folder = tmp_path / "data"
    closed(folder)
    with (folder / "outbox.db").open("r+b") as file:
        file.write(b"\xa5" * 100)
    assert asked(folder, *arguments) == FAILED
    (aside,) = folder.glob("*.damaged")
    out, err = capsys.readouterr()
    assert "have their date" not in out
    assert "are dropped" not in out
    assert err.splitlines()[-1].startswith(f"jieyue-edge: {folder / 'outbox.db'}: the outbox is damaged, and is {aside.name} now; ")
