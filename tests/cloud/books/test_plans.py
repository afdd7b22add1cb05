"""What counting and reports ask of long tables goes down the key: group, meter, hour."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from cloud.ledger.model import MeterKey
from cloud.ledger.periods import DAY_MS
from cloud.ledger.queries import consumption
from cloud.ledger.queries import hours as of_hours
from cloud.ledger.queries import meters as of_meters
from cloud.ledger.repository import entries, hours, records, settled, settled_levels, waiting

MINE, OTHER = MeterKey("a", "m"), MeterKey("b", "m")
ASKED: dict[str, Callable[[sa.Connection], Any]] = {
    "meters that wait": waiting.meters,
    "the oldest hour": waiting.oldest,
    "newest touched": lambda c: waiting.newest(c, MINE, 10),
    "is touched": lambda c: waiting.is_touched(c, MINE, 0, 1),
    "any of two districts touched": lambda c: waiting.is_any_touched(c, [MINE, OTHER], 0, 1),
    "clear": lambda c: waiting.clear(c, {MINE: {0: 1}}),
    "parts": lambda c: hours.parts_of_days(c, MINE, [(0, 0)]),
    "replace": lambda c: hours.replace(c, [{"group": "a", "of": "m", "first": 0, "last": 1}], []),
    "newest hour": lambda c: hours.newest(c, MINE),
    "a month": lambda c: hours.total(c, MINE, 0, DAY_MS),
    "levels before": lambda c: settled.Settled(c, MINE).levels_before(DAY_MS, 3),
    "levels": lambda c: settled_levels.around(c, MINE, DAY_MS),
    "totals": lambda c: consumption.totals(c, "a", ["m", "n"], [(0, DAY_MS), (DAY_MS, 2 * DAY_MS)]),
    "by period": lambda c: consumption.by_period(c, "a", ["m", "n"], 0, DAY_MS, "day"),
    "hourly": lambda c: of_hours.hourly(c, "a", ["m"], 0, DAY_MS),
    "ends of main meters": lambda c: of_meters.counted(c, "a", main=True),
    "records of two districts": lambda c: records.load(c, [MINE, OTHER]),
    "entered months": lambda c: entries.months(c, [MINE, OTHER]),
}
LONG = ("touched", "ledger_hour", "entry", "exchange", "learnt", "out_of_use", "ratio_change", "spread_profile", "judgement")


@contextmanager
def explained(engine: sa.Engine) -> Iterator[list[str]]:
    """How SQLite would answer each statement that is executed meanwhile."""
    plans: list[str] = []

    def before(connection: Any, _cursor: object, statement: str, parameters: Any, _context: object, many: bool) -> None:  # noqa: ANN401, FBT001 (SQLAlchemy's)
        raw = connection.connection.cursor()
        plans.extend(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters[0] if many else parameters))

    sa.event.listen(engine, "before_cursor_execute", before)
    yield plans
    sa.event.remove(engine, "before_cursor_execute", before)


@pytest.mark.parametrize("name", ASKED)
def test_no_long_table_is_read_whole(open_registry: Callable[[str], sa.Engine], name: str) -> None:
    """Each question names the group and the meter, or steps from one to the next, and SQLite searches by them."""
    engine = open_registry("sqlite")
    with engine.connect() as connection, explained(engine) as plans:
        ASKED[name](connection)
    searched = [plan for plan in plans if any(f" {table} " in f"{plan} " for table in LONG)]
    assert searched
    for plan in searched:
        assert plan.startswith("SEARCH"), plan
        assert "grp" in plan or "(min)" in plan.lower() or plan.endswith(("pk_touched", "sqlite_autoindex_touched_1")), plan
        assert "meter" in plan or name in {"meters that wait", "the oldest hour"}, plan
