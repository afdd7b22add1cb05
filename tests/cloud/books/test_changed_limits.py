"""A site's files that state other limits of a counter: what was counted by the old ones is counted anew."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cloud.ledger import book
from cloud.ledger.entries import enter as enter_month
from cloud.ledger.periods import HOUR_MS
from cloud.platform.database import writing
from cloud.sites.entering import By, enter, enter_site
from contract.clock import parse_time
from contract.site import Site
from tests.cloud import tables
from tests.cloud.books.conftest import site_data
from tests.cloud.books.test_laws import ON_DISK, clear, faulty
from tests.cloud.district import key

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What is judged is one for both databases; test_entering.py asks both what is touched."""
BEGIN = parse_time("2026-03-02T00:00:00+08:00")
NOW = parse_time("2026-04-20T00:00:00+08:00")
KWH = 1000


def site_with(**fields: object) -> Site:
    """The small site, with other fields of the meter `far`; `interval` is its device's."""
    data: dict[str, Any] = site_data()
    interval = fields.pop("interval", 900)
    for item in (*data["meters"], *data["devices"]):
        if item["id"] == "far":
            item.update({"interval": interval} if "profile" in item else fields)
    return Site.model_validate(data)


def entering(books: Books, **fields: object) -> list[str]:
    """Enter the site with these fields, and say what its plan said."""
    plan = enter_site(books.engine, site_with(**fields), By("wang", NOW, date(2026, 4, 20)))
    return [str(change) for change in plan.changes if change.done == "recounted"]


def touched(books: Books) -> list[int]:
    return [hour for (hour,) in books.rows(sa.select(tables.touched.c.hour).order_by(tables.touched.c.hour))]


def steep() -> dict[int, float]:
    """Two days at 2 kWh an hour, with 150 kWh in one of them."""
    values = {BEGIN + n * HOUR_MS: 1000.0 + 2 * n + (148 if n > 20 else 0) for n in range(49)}
    return values | {at + HOUR_MS // 2: value + 1.0 for at, value in values.items() if at != BEGIN + 20 * HOUR_MS}


def test_a_branch_that_can_draw_less_is_judged_anew(books: Books) -> None:
    """150 kWh in an hour are use while 630 are possible, and a jump once the file says 20; said from which day, and taken back."""
    books.read("far", steep())
    books.settle()
    before = books.whole("far")
    assert sum(amount for _, _, amount in books.parts("far")) == (2 * 48 + 1 + 148) * KWH
    said = "recounted meter far: most in an hour 630 kWh (its class) -> 20 kWh; its figures from 2026-03-02 on are counted anew"
    assert entering(books, max_rate=20) == [said]
    books.settle()
    assert [kind for (kind,) in books.rows(sa.select(tables.judgement.c.kind))] == ["jump"]
    assert sum(amount for _, _, amount in books.parts("far")) < 120 * KWH
    assert entering(books) == [said.replace("630 kWh (its class) -> 20 kWh", "20 kWh -> 630 kWh (its class)")]
    books.settle()
    assert books.whole("far") == before


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rated": 40}, "most in an hour 630 kWh (its class) -> 80 kWh"),
        ({"max_rate": 630}, "most in an hour 630 kWh (its class) -> 630 kWh"),
        ({"modulus": 1_000_000}, "rollover none -> 1000000 kWh"),
        ({"interval": 3600}, "longest gap that is measured 3660 s -> 7200 s"),
    ],
)
def test_a_plan_says_what_is_counted_anew(books: Books, fields: dict[str, object], said: str) -> None:
    """Every limit is told with old and new; a plan that is taken back touches nothing, and entered again nothing is touched."""
    books.read("far", steep())
    books.settle()
    with writing(books.engine).connect() as connection, connection.begin() as transaction:
        plan = enter(connection, site_with(**fields), By("plan", NOW, date(2026, 4, 20)))
        transaction.rollback()
    line = f"recounted meter far: {said}; its figures from 2026-03-02 on are counted anew"
    assert [str(change) for change in plan.changes if change.done == "recounted"] == [line]
    assert touched(books) == []
    assert entering(books, **fields) == [line]
    assert touched(books) == [BEGIN + n * HOUR_MS for n in range(49)]
    books.settle()
    assert (entering(books, **fields), touched(books)) == ([], [])


def test_what_changes_no_limit_is_not_counted_anew(books: Books) -> None:
    """A rating behind a stated maximum, a quicker poll and another name say nothing about the hours that were counted."""
    entering(books, max_rate=50)
    books.read("far", steep())
    books.settle()
    assert entering(books, max_rate=50, rated=10, interval=60, name={"zh": "新", "en": "New"}) == []
    assert touched(books) == []


def test_an_entered_month_stays(books: Books) -> None:
    """Of a meter that counts since April, an amount entered for March is not counted anew, and the day is April's."""
    first = parse_time("2026-04-01T00:00:00+08:00")
    enter_month(books.engine, key("far"), "2026-03", Decimal(310), "li", NOW)
    books.read("far", {at + first - BEGIN: value for at, value in steep().items()})
    books.settle()
    (line,) = entering(books, max_rate=20)
    assert line.endswith("its figures from 2026-04-01 on are counted anew")
    assert touched(books)[0] == first
    books.settle()
    assert sum(amount for _, provenance, amount in books.parts("far") if provenance == "manual") == 310 * KWH


def test_hours_without_a_figure_are_counted_anew_too(books: Books) -> None:
    """What is not decided under 20 kWh an hour has no figure; with more, its hours come back."""
    entering(books, max_rate=20)
    samples = {at: value for at, value in steep().items() if at <= BEGIN + 21 * HOUR_MS}
    books.read("far", samples)
    books.settle()
    assert max(hour for hour, _, _ in books.parts("far")) == BEGIN + 19 * HOUR_MS
    entering(books)
    books.settle()
    assert max(hour for hour, _, _ in books.parts("far")) == BEGIN + 20 * HOUR_MS


LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "max_rate": st.sampled_from([1, 5, 50, 700]),
        "modulus": st.sampled_from([655.36, 10_000, 1_000_000]),
        "rated": st.sampled_from([2, 100]),
        "interval": st.sampled_from([60, 3600, 7200]),
    },
)


@settings(ON_DISK, max_examples=25, phases=[Phase.explicit, Phase.generate], report_multiple_bugs=False)
@given(faulty(), st.lists(LIMITS, min_size=2, max_size=3), st.randoms(use_true_random=False))
def test_after_other_limits_the_ledger_is_one_that_is_built_anew(
    books: Books, samples: dict[int, float], limits: list[dict[str, object]], chance: Random
) -> None:
    """Whatever the counter did and however the limits change, hours, levels, judgements and events are those of a new ledger."""
    clear(books)
    entering(books, **limits[0])
    books.read("far", samples)
    books.settle()
    for fields in limits[1:]:
        entering(books, **fields)
        while book.settle(books.engine, books.telemetry, chance.choice([3, 100_000])):
            pass
    live = books.whole("far")
    assert books.built_anew("far", samples) == live
