"""Rows of an earlier boot in which the time was never known: told by themselves, and dated or dropped by a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.clock import Clock
from contract.reading import Row
from edge import boots, health
from edge.__main__ import _parser
from edge.cli.outbox import changed, listed
from edge.outbox import dating, retention
from edge.outbox.outbox import Outbox
from edge.timekeeping import GatewayClock, boot_id

AT = 1_790_000_000_000 // retention.HOUR * retention.HOUR


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    """With rows of an earlier boot, of one of which nothing was noted, and of the present one."""
    made = Outbox(tmp_path / "o.db")
    made.commit([Row("m1", 12_000 + i * 1000, {"power": 1.0, "energy_import": float(i)}) for i in range(3)], boot="earlier")
    made.commit([Row("m1", AT, {"power": 1.0}, taken=7_000)], boot="unknown")
    made.commit([Row("m1", 5_000, {"power": 1.0})], boot=boot_id())
    dating.note_boot(made, "earlier", AT - retention.DAY)
    return made


def asked(outbox: Outbox, *arguments: str) -> str:
    """What the command says, which needs the outbox for itself; the next call that uses the outbox opens it again."""
    outbox.close()
    given = _parser().parse_args(["outbox", "--config", "x", *arguments])
    return changed(outbox.path, Clock(), given) if arguments else listed(outbox.path)


@pytest.mark.parametrize("clock", [Clock(), GatewayClock()], ids=["trusted", "synchronised"])
def test_rows_of_earlier_boots_do_not_wait_for_this_clock(clock: Clock, outbox: Outbox) -> None:
    """`outbox_undated`, by which the alert and the silence of others go, counts the present boot; the others have a point of their own."""
    said = health.row("gw", outbox, health.Faults(), clock).values
    assert (said["outbox_undated"], said["outbox_undatable"]) == (1.0, 4.0)
    dating.date(outbox, boot_id(), AT)
    said = health.row("gw", outbox, health.Faults(), clock).values
    assert (said["outbox_undated"], said["outbox_undatable"]) == (0.0, 4.0)
    outbox.close()


def test_without_a_clock_nobody_says_how_old_a_row_is(tmp_path: Path) -> None:
    """The oldest age was 0 while the time was not known, though rows with a date waited; it is absent, and 0 only where nothing waits."""
    outbox, clock = Outbox(tmp_path / "o.db"), GatewayClock()
    said = health.row("gw", outbox, health.Faults(), clock).values
    assert (said["outbox_depth"], said["outbox_oldest_age"]) == (0.0, 0.0)
    outbox.commit([Row("m1", AT, {"power": 1.0})])
    said = health.row("gw", outbox, health.Faults(), clock).values
    assert said["outbox_depth"] == 1.0
    assert "outbox_oldest_age" not in said
    clock.look(lambda: True, lambda: AT / 1000 + 60.0)
    assert health.row("gw", outbox, health.Faults(), clock).values["outbox_oldest_age"] == pytest.approx(60.0, abs=20.0)
    outbox.close()


def test_the_boots_are_listed_with_what_is_known_of_them(outbox: Outbox) -> None:
    """How many rows, when they were read, and what the machine's clock showed, which may help and is not believed."""
    lines = dict(line.split(": ", 1) for line in asked(outbox).splitlines())
    assert lines == {
        "earlier": "3 rows, read 12 s to 14 s after its start; the machine's clock, which was not synchronised, showed "
        "2026-09-20T14:00:00.000Z at the start",
        "unknown": "1 rows",
        boot_id(): "1 rows, read 5 s to 5 s after its start (the present boot)",
    }
    outbox.close()


def test_a_person_dates_the_rows_of_a_boot(outbox: Outbox) -> None:
    """Each gets when it was read after the start that is said; other boots wait on."""
    assert asked(outbox, "--date", "earlier", "2026-03-01T07:58:00+08:00") == "3 rows have their date\n"
    began = 1_772_323_080_000
    assert [row.at - began for row in outbox.pending(0, 10)] == [12_000, 13_000, 14_000]
    with outbox.transaction() as db:
        assert {boot.id for boot in boots.waiting(db)} == {"unknown", boot_id()}
    outbox.close()


def test_a_person_drops_the_rows_of_a_boot(outbox: Outbox) -> None:
    """They are gone, and counted: three rows of two readings. When none is left, that is said."""
    assert asked(outbox, "--drop", "earlier") == "3 rows are dropped\n"
    assert (outbox.stats().lost, outbox.stats().undated) == (6, 2)
    for boot in ("unknown", boot_id()):
        asked(outbox, "--drop", boot)
    assert asked(outbox) == "no row waits for a date\n"
    outbox.close()


def test_what_is_no_reading_is_not_lost_when_rows_are_dropped(outbox: Outbox) -> None:
    """One reading of a row is counted; its time of taking over, a value that could not be read and a text were counted as well."""
    outbox.commit([Row("m1", AT, {"power": 1.0}, {"current_a": "timeout"}, {"Command/Result": "{}"}, taken=8_000)], boot="mixed")
    assert asked(outbox, "--drop", "mixed") == "1 rows are dropped\n"
    assert asked(outbox, "--drop", "unknown") == "1 rows are dropped\n"
    assert outbox.stats().lost == 2
    outbox.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--date", "other", "2026-03-01T07:58:00+08:00"), "no row waits for the date of a boot 'other'"),
        (("--drop", "other"), "no row waits for the date of a boot 'other'"),
        (("--date", "earlier", "2099-03-01T07:58:00+08:00"), "so that its rows are not of the future"),
        (("--date", "earlier", "yesterday"), "yesterday"),
        (("--date", boot_id(), "2026-03-01T07:58:00+08:00"), "expected an earlier boot"),
    ],
)
def test_what_cannot_be_right_changes_nothing(arguments: tuple[str, ...], said: str, outbox: Outbox) -> None:
    """The answer says what is wrong."""
    with pytest.raises(ValueError, match=said):
        asked(outbox, *arguments)
    assert (outbox.stats().undated, outbox.stats().lost) == (5, 0)
    outbox.close()
