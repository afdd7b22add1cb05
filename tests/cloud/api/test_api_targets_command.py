"""`jieyue-cloud targets` prints what the interface answers."""

from __future__ import annotations

import json
import os
import subprocess
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloud.indicators.figures import targets_of
from cloud.printed import table
from contract.clock import parse_time
from tests import commands
from tests.cloud.district import GROUP

if TYPE_CHECKING:
    from cloud.api.context import Context
    from tests.cloud.api.conftest import Served


def targets(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"JIEYUE_DATA": str(folder), "JIEYUE_NOW": "2026-03-11T02:00:00Z"}
    return commands.run("cloud", "targets", *options, environment=environment)


async def test_the_json_is_the_interfaces_answer(served: Served, golden: dict[str, Any], tmp_path: Path) -> None:
    """One code path: the command and the route give the same object, to the last digit."""
    printed = targets(tmp_path, "--year", "2026", "--scope", "unit:u1", "--json")
    assert (printed.returncode, printed.stderr) == (0, "")
    answered = (await served.get("/api/v1/targets", {"year": "2026", "scope": "unit:u1"})).json()
    assert json.loads(printed.stdout) == answered == golden["targets"]


async def test_a_day_that_is_over_is_as_it_stood_at_its_end(
    served: Served, golden: dict[str, Any], context: Context, tmp_path: Path
) -> None:
    """`on` asks for the figures of a quarter that is over, in command and interface; a day to come has the figures of now."""
    printed = json.loads(targets(tmp_path, "--on", "2026-02-15", "--scope", "unit:u1", "--json").stdout)
    answered = (await served.get("/api/v1/targets", {"on": "2026-02-15", "scope": "unit:u1"})).json()
    then = targets_of(context.engine, GROUP, 2026, "unit:u1", parse_time("2026-02-16T00:00:00+08:00"))
    assert printed == answered == then.model_dump(mode="json")
    water = next(one for one in printed["indicators"] if one["id"] == "water_per_capita")
    assert water["actual"]["end"] == "2026-02-15T16:00:00.000Z"
    now = next(one for one in golden["targets"]["indicators"] if one["id"] == "water_per_capita")
    assert water["actual"]["value"] != now["actual"]["value"]
    assert (await served.get("/api/v1/targets", {"on": "2026-12-31", "scope": "unit:u1"})).json() == golden["targets"]
    last = (await served.get("/api/v1/targets", {"on": "2025-12-31", "scope": "unit:u1"})).json()
    assert last["year"] == 2025
    assert (await served.get("/api/v1/targets", {"on": "2027-01-01", "scope": "unit:u1"})).json() == golden["targets"]


@pytest.mark.parametrize(
    ("language", "heading", "columns", "water"),
    [
        ("zh", "年度节能目标 2026 · unit:u1 · 数据截至 2026-03-10", ["指标", "本年累计", "上年同期"], "人均水耗"),
        (
            "en",
            "Targets of the year 2026 · unit:u1 · As of 2026-03-10",
            ["Indicator", "This year", "Same span last year"],
            "Water per person",
        ),
    ],
)
def test_the_table_shows_the_same_figures(
    language: str, heading: str, columns: list[str], water: str, context: Context, tmp_path: Path
) -> None:
    """Heading, columns in line, each figure rounded to what a person reads, and why a figure is missing."""
    printed = targets(tmp_path, "--scope", "unit:u1", "--lang", language)
    assert (printed.returncode, printed.stderr) == (0, "")
    said = printed.stdout.splitlines()
    assert said[0] == heading
    assert said[1].split("  ")[0] == columns[0]
    assert all(column in said[1] for column in columns)
    found = targets_of(context.engine, GROUP, 2026, "unit:u1", context.clock.now_ms())
    row = next(line for line in said[2:] if line.startswith(water))
    indicator = next(i for i in found.indicators if i.id == "water_per_capita")
    assert indicator.actual.value is not None
    assert indicator.change is not None
    assert f"{indicator.actual.value:,.2f} " in row
    assert f"{indicator.change:+.1%}" in row
    assert "-3.0%" in row
    assert row.count(f"{indicator.change:+.1%}") == 1  # the change so far is not called a forecast as well
    missing = {"zh": "fuel：2026-01 无数据", "en": "fuel: nothing known for 2026-01"}  # noqa: RUF001 (as Chinese is written)
    assert any(missing[language] in line for line in said)


def test_columns_stand_below_each_other_in_both_languages(context: Context) -> None:
    """A Chinese character takes two columns of a terminal, and the last column begins at the same place in every row."""
    found = targets_of(context.engine, GROUP, 2026, "unit:u1", context.clock.now_ms())
    for language in ("zh", "en"):
        rows = list(table(found, "zh" if language == "zh" else "en"))[1:5]
        starts = {sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in row[: row.rindex("  ") + 2]) for row in rows}
        assert len(starts) == 1, language


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--scope", "unit:nobody"],
            "jieyue-cloud: --scope: no scope 'unit:nobody'; expected district, compound:ID, unit:ID or organisation:ID",
        ),
        (["--scope", "moon"], "jieyue-cloud: --scope: no scope 'moon'"),
        (["--year", "1999"], "jieyue-cloud targets: argument --year: expected a year from 2000 to 2099, got '1999'"),
        (["--on", "2026-02-30"], "jieyue-cloud targets: argument --on: expected a day such as 2026-03-01, got '2026-02-30'"),
        (["--lang", "fr"], "jieyue-cloud targets: argument --lang: invalid choice: 'fr'"),
    ],
)
def test_an_unknown_scope_year_day_or_language_is_one_line(options: list[str], said: str, context: Context, tmp_path: Path) -> None:
    """What cannot be asked ends with exit code 2 and says what was expected."""
    assert context.engine.dialect.name == "sqlite"
    printed = targets(tmp_path, *options)
    assert (printed.returncode, printed.stdout) == (2, "")
    assert printed.stderr.startswith(said)
    assert printed.stderr.count("\n") == 1
