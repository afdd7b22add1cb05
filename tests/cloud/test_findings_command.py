"""`jieyue-cloud findings` and `out-of-use`: what the ledger asks, at the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud.platform.database import open_database, writing
from contract.clock import parse_time
from tests.cloud import tables
from tests.cloud.district import GROUP
from tests.cloud.folder import rows, run

SINCE = parse_time("2026-02-20T10:00:00+08:00")
START = "2026-02-20T02:00:00.000Z"
OUT = ["out-of-use", "c1-e-main", "--from", "2026-02-20T09:30:00+08:00", "--reason", "empty"]


@pytest.fixture
def data(tmp_path: Path, entered: Callable[..., Path]) -> Path:
    """The first site, and one question about its first meter."""
    folder = entered(tmp_path)
    row = {
        "grp": GROUP,
        "meter": "c1-e-main",
        "since": SINCE,
        "kind": "jump",
        "at": SINCE + 900_000,
        "until": SINCE + 900_000,
        "before": 5_000_000,
    }
    engine = open_database(f"sqlite:///{folder / 'registry.db'}")
    with writing(engine).begin() as connection:
        row |= {"grp": connection.execute(sa.select(tables.site.c.grp)).scalar_one(), "after": 9_000_000, "amount": 2500}
        connection.execute(sa.insert(tables.judgement), [row | {"stake": 4_000_000}])
    engine.dispose()
    return folder


def test_a_question_is_listed_and_explained_as_the_list_names_it(data: Path) -> None:
    """A line with meter, begin, kind, stake and what is counted; the note closes it, and --all shows it with its note."""
    line = f"c1-e-main {START} jump: 4000 kWh at stake, 2.5 counted"
    assert run(data, "findings").stdout == f"{line}\n1 open\n"
    (said,) = json.loads(run(data, "findings", "--json").stdout)
    assert (said["meter"], said["start"], said["amount"], said["state"]) == ("c1-e-main", START, 4000.0, "open")
    done = run(data, "findings", "--explain", "c1-e-main", START, "jump", "--note", "a test", "--by", "wang")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert run(data, "findings").stdout == "0 open\n"
    assert run(data, "findings", "--all").stdout == f"{line} (explained by wang: a test)\n0 open\n"
    assert ("wang", "finding") in [(row["by"], row["action"]) for row in rows(data, tables.audit)]


def test_a_time_out_of_use_is_recorded_and_corrected(data: Path) -> None:
    """What was asked about that time waits for the ledger; recorded again for the same begin it has another end."""
    assert run(data, *OUT, "--by", "wang").returncode == 0
    assert [(row["meter"], row["hour"]) for row in rows(data, tables.touched)] == [("c1-e-main", SINCE)]
    assert run(data, *OUT, "--to", "2026-02-28T12:00:00+08:00").returncode == 0
    (row,) = rows(data, tables.out_of_use)
    assert (row["meter"], row["end"], row["recorded_by"]) == ("c1-e-main", parse_time("2026-02-28T12:00:00+08:00"), "command line")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["findings", "--explain", "c1-e-main", START, "fall", "--note", "x"], "finding: no fall of c1-e-main that begins then"),
        (["findings", "--explain", "c1-e-main", START, "jump"], "note: expected 1 to 500 characters, got 0"),
        (["findings", "--explain", "c1-e-main", "soon", "jump", "--note", "x"], "expected a time as RFC 3339"),
        (["findings", "--explain", "c1-e-main"], "--explain: expected 3 arguments"),
        ([*OUT[:1], "none", *OUT[2:]], "meter: no meter 'none'"),
        ([*OUT, "--to", "2026-02-20T09:00:00+08:00"], "to: expected a time after 2026-02-20T01:30:00.000Z"),
        ([*OUT[:3], "soon", *OUT[4:]], "--from: expected a time as RFC 3339"),
        ([*OUT[:5], " "], "reason: expected why"),
    ],
)
def test_a_wrong_answer_ends_with_one_line(data: Path, arguments: list[str], said: str) -> None:
    """Exit code 2, one line, and nothing is kept."""
    done = run(data, *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr
    assert rows(data, tables.finding_note) == rows(data, tables.out_of_use) == []


def test_a_bill_is_compared_and_withdrawn(data: Path, tmp_path: Path) -> None:
    """`import` says that it is kept beside the counter, `bills` lists both, `findings` asks; withdrawn, nothing is left of it."""
    begin = parse_time("2026-01-01T00:00:00+08:00")
    row = {"grp": GROUP, "meter": "c1-e-main", "provenance": "measured", "amount": 1000, "provisional": False}
    engine = open_database(f"sqlite:///{data / 'registry.db'}")
    with writing(engine).begin() as connection:
        connection.execute(sa.insert(tables.ledger_hour), [row | {"hour": begin + n * 3_600_000} for n in range(31 * 24)])
    engine.dispose()
    path = tmp_path / "bill.csv"
    path.write_text("meter,month,amount\nc1-e-main,2026-01,800.5\n", encoding="utf-8")
    done = run(data, "import", str(path))
    assert (done.stdout, done.stderr) == (
        "0 amounts entered\n1 bills kept beside what a device counted; see: jieyue-cloud bills\n",
        "",
    )
    assert run(data, "bills").stdout == "c1-e-main 2026-01: 800.5 kWh billed, 744 counted, +56.5\n"
    asked = "c1-e-main 2025-12-31T16:00:00.000Z bill_differs: 56.5 kWh at stake, 744 counted"
    assert run(data, "findings").stdout.splitlines()[0] == asked
    assert run(data, "bills", "--withdraw", "c1-e-main", "2026-01").returncode == 0
    assert run(data, "bills").stdout == "no bills\n"
    again = run(data, "bills", "--withdraw", "c1-e-main", "2026-01")
    assert (again.returncode, "month: no bill of c1-e-main for 2026-01" in again.stderr) == (2, True)
