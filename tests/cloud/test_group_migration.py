"""The group in every key: databases that earlier versions wrote are brought there, on each kind of database, and say the same."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cloud.indicators.figures import seed_factors, targets_of
from cloud.ledger import book, findings
from cloud.ledger.model import MeterKey
from cloud.platform.database import schema_fault, writing
from cloud.platform.migrating import migrate
from tests.cloud import tables
from tests.cloud.district import GROUP

CASES = Path(__file__).parents[1] / "cases" / "databases"
"""Each as the version of that commit wrote it from the small site of tests/cloud/books, with what it said of targets and consumption."""
KEYS = (
    "site", "compound", "unit", "denominator", "meter", "meter_unit", "touched", "ledger_hour", "entry", "exchange", "spread_profile",
)  # fmt: skip


def kept(commit: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The rows that a version wrote, by table."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        connection.executescript((CASES / f"{commit}.sql").read_text(encoding="utf-8"))
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            yield name, [dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')]  # noqa: S608 (a table's name)


def fill(engine: sa.Engine, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Write rows into a database of their schema."""
    known = sa.MetaData()
    known.reflect(engine)
    with writing(engine).begin() as connection:
        for table in known.sorted_tables:
            if table.name != "alembic_version" and rows.get(table.name):
                flags = [column.name for column in table.columns if isinstance(column.type, sa.Boolean)]
                connection.execute(sa.insert(table), [row | {flag: bool(row[flag]) for flag in flags} for row in rows[table.name]])


def restored(engine: sa.Engine, commit: str) -> dict[str, list[dict[str, Any]]]:
    """Fill a bare database as a version left its own; returns the rows."""
    rows = dict(kept(commit))
    migrate(engine, rows["alembic_version"][0]["version_num"])
    fill(engine, rows)
    return rows


@pytest.mark.parametrize("commit", ["e8fb30f", "c56a548"])
def test_figures_are_equal_to_the_last_digit(bare_database: sa.Engine, commit: str) -> None:
    """Targets of every scope and what each meter used by day are what the version that wrote them said."""
    restored(bare_database, commit)
    migrate(bare_database)
    seed_factors(bare_database)
    assert schema_fault(bare_database) is None
    said = json.loads((CASES / f"{commit}.json").read_text(encoding="utf-8"))
    for asked, answer in said["targets"].items():
        year, scope = asked.split()
        found = targets_of(bare_database, GROUP, int(year), scope, said["now"]).model_dump()
        for before, now in zip(answer["indicators"], found["indicators"], strict=True):
            assert {name: now[name] for name in before} == before, asked
    for meter, by_length in said["consumption"].items():
        for every, rows in by_length.items():
            now = map(dict, book.consumption(bare_database, MeterKey(GROUP, meter), said["start"], said["end"], every))
            assert [{name: one[name] for name in before} for before, one in zip(rows, now, strict=True)] == rows


def test_every_row_stays_and_has_its_group(bare_database: sa.Engine) -> None:
    """All columns of all tables are as they were; the group stands first in each key, and questions of the ledger stay open."""
    before = restored(bare_database, "c56a548")
    migrate(bare_database)
    with bare_database.connect() as connection:
        for name in KEYS:
            table = tables.metadata.tables[name]
            assert next(iter(table.primary_key.columns)).name == "grp"
            found = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            assert {row["grp"] for row in found} <= {GROUP}
            wanted = [{"grp": GROUP} | row for row in before[name]]
            assert _sorted([{key: row[key] for key in wanted[0]} for row in found] if wanted else found) == _sorted(wanted), name
        assert [(one.meter, one.kind, one.state) for one in findings.listed(connection, GROUP)] == [("far", "fall", "explained")]
        assert set(connection.execute(sa.select(tables.audit.c.grp)).scalars()) == {GROUP}


def _sorted(rows: list[dict[str, Any]]) -> list[str]:
    """By all columns; a database may give a number as a whole one or as a float."""
    plain = [{name: float(value) if isinstance(value, int) else value for name, value in row.items()} for row in rows]
    return sorted(json.dumps(row, sort_keys=True) for row in plain)


def test_two_districts_may_have_the_same_ids(bare_database: sa.Engine) -> None:
    """After the migration a compound, an institution, a meter and its hours of another district stand beside those of the first."""
    restored(bare_database, "c56a548")
    migrate(bare_database)
    rows: dict[str, list[dict[str, Any]]] = {}
    with bare_database.connect() as connection:
        for name in KEYS:
            found = connection.execute(sa.select(tables.metadata.tables[name])).mappings()
            rows[name] = [dict(row) | {"grp": "510803"} for row in found]
    fill(bare_database, rows)
    with bare_database.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.meter)).scalar_one() == 12
    with pytest.raises(sa.exc.IntegrityError):
        fill(bare_database, {"meter_unit": [{"grp": "510804", "meter": "far", "unit": "c"}]})


def test_hours_of_a_meter_that_nobody_knows_are_the_only_districts(bare_database: sa.Engine) -> None:
    """Where no meter says the group, it is the one that was entered; nothing is dropped where there is none."""
    migrate(bare_database, "0019")
    hours = [{"meter": "gone", "hour": 0, "provenance": "measured", "amount": 1, "provisional": False}]
    fill(bare_database, {"ledger_hour": hours, "touched": [{"meter": "gone", "hour": 0, "generation": 3}]})
    migrate(bare_database)
    with bare_database.connect() as connection:
        assert connection.execute(sa.select(tables.ledger_hour.c.grp, tables.ledger_hour.c.amount)).all() == [("", 1)]
        assert connection.execute(sa.select(tables.touched.c.grp, tables.touched.c.generation)).all() == [("", 3)]


def test_audit_says_what_can_be_known(bare_database: sa.Engine) -> None:
    """A line about a node has its group, of a command or an alert that of the row; those of a token and the cloud's clock none."""
    migrate(bare_database, "0019")
    command, alert = "c" * 36, "a" * 32
    said = {
        "site": "{}", "forget": '{"group": "elsewhere"}', "command": f"{command}: d p = 1: why", "alert.acknowledge": f"{alert}: seen",
        "token.issue": "li: viewer", "clock_taken_back": "{}", "clock_offset": '{"source": "em"}',
    }  # fmt: skip
    texts = dict.fromkeys(("rule", "severity", "subject", "subject_name", "title", "detail", "unit"), "x")
    number = dict.fromkeys(("valid_from", "valid_to", "offset_from_ms", "offset_to_ms", "recorded_at"), 1)
    fill(
        bare_database,
        {
            "site": [{"id": "s", "grp": GROUP, "name": "{}"}],
            "audit": [{"at": 1, "by": "x", "action": action, "detail": detail} for action, detail in said.items()],
            "command": [
                {"id": command, "grp": "foreign", "device": "d", "point": "p", "value": 1, "why": "", "by": "x", "created_at": 1}
                | {"expires_at": 1, "state": "done", "reason": ""}
            ],
            "alert": [texts | {"id": alert, "grp": "of_alert", "state": "resolved", "since": 1, "fired_at": 1}],
            "clock_offset": [number | {"grp": "of_clock", "source": "em", "by": "x", "state": "closed", "whole": 0, "good": "", "why": ""}],
        },
    )
    migrate(bare_database)
    with bare_database.connect() as connection:
        found = dict(connection.execute(sa.select(tables.audit.c.action, tables.audit.c.grp)).all())
    assert found == {
        "site": GROUP, "forget": "elsewhere", "command": "foreign", "alert.acknowledge": "of_alert", "token.issue": None,
        "clock_taken_back": None, "clock_offset": "of_clock",
    }  # fmt: skip


def test_an_institution_of_no_known_district_is_refused(bare_database: sa.Engine) -> None:
    """Sites of two groups and a meter of one of them: whose the institution is nobody says, and nothing is changed."""
    migrate(bare_database, "0019")
    meter = {"id": "m", "name": "{}", "grp": "a", "energy": "water", "main": True, "item": "", "vehicle_fuel": False, "float32": False}
    fill(
        bare_database,
        {
            "site": [{"id": group, "grp": group, "name": "{}"} for group in "ab"],
            "compound": [{"id": "c", "name": "{}"}],
            "unit": [{"id": "u", "name": "{}", "compound": "c"}],
            "meter": [meter],
            "meter_unit": [{"meter": "m", "unit": "u"}],
        },
    )
    with pytest.raises(ValueError, match="meter m of the group a serves u, which is of no known group"):
        migrate(bare_database)
    assert schema_fault(bare_database) is not None
    with bare_database.connect() as connection:
        assert connection.exec_driver_sql("SELECT id FROM unit").scalars().all() == ["u"]
