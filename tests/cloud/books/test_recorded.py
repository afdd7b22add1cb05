from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from cloud.ledger.counters import RecordedShape
from cloud.ledger.exchanges import Change, record_exchange
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.recorded import RecordError, record_profile
from contract.clock import parse_time
from tests.cloud import tables
from tests.cloud.district import key

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

BEGIN = parse_time("2026-03-02T00:00:00+08:00")
"""A Monday."""
NOW = BEGIN + 30 * DAY_MS
MINUTE = 60_000
OFFICE = tuple(10 if day < 5 and 8 <= hour < 18 else 1 for day in range(7) for hour in range(24))


def amounts(books: Books, meter: str = "power") -> list[tuple[str, int]]:
    return [(provenance, amount) for _, provenance, amount in books.parts(meter)]


def test_an_exchange_recorded_later_mends_what_was_settled(books: Books) -> None:
    """A new meter first looks like a reset; once somebody records the exchange, both meters count and the rest stays."""
    books.read(
        "power", {BEGIN: 5000.0, BEGIN + 15 * MINUTE: 5001.0, BEGIN + 45 * MINUTE: 2.5, BEGIN + HOUR_MS: 3.0, BEGIN + 2 * HOUR_MS: 9.0}
    )
    books.settle()
    assert amounts(books) == [("estimated", 2500), ("measured", 1500), ("measured", 6000)]
    assert books.rows(sa.select(tables.event.c.kind)) == [("counter_reset",)]
    record_exchange(books.engine, Change(key("power"), BEGIN + 30 * MINUTE, 5001.75, 1.25, "new meter"), "wang", NOW)
    assert books.settle() == 1
    assert amounts(books) == [("measured", 1000 + 750 + 1250 + 500), ("measured", 6000)]
    assert books.rows(sa.select(tables.event.c.kind)) == []
    audit = books.rows(sa.select(tables.audit.c.by, tables.audit.c.action, tables.audit.c.detail).where(tables.audit.c.action != "site"))
    assert audit[0][:2] == ("wang", "exchange")
    assert json.loads(audit[0][2])["why"] == "new meter"


def test_new_transformers_change_the_ratio_and_count_nothing(books: Books) -> None:
    """A ratio of 40 that becomes 80 doubles what the same register says; the step is no consumption."""
    display = [100.0, 100.5, 101.0]
    books.limit("power", 200.0)
    books.read("power", {BEGIN: display[0] * 40, BEGIN + 30 * MINUTE: display[1] * 40, BEGIN + HOUR_MS: display[2] * 80})
    record_exchange(
        books.engine, Change(key("power"), BEGIN + 30 * MINUTE, display[1] * 40, display[1] * 80, "CT 200/5 to 400/5"), "li", NOW
    )
    books.settle()
    assert amounts(books) == [("measured", 20_000 + 40_000)]


def test_an_exchange_may_be_corrected(books: Books) -> None:
    """Recorded again for the same moment, the new values hold, and the ledger follows."""
    books.read("power", {BEGIN: 500.0, BEGIN + HOUR_MS: 3.0})
    for last in (600.0, 501.0):
        record_exchange(books.engine, Change(key("power"), BEGIN + MINUTE, last, 0.0, "x"), "li", NOW)
        books.settle()
    assert sum(amount for _, amount in amounts(books)) == 4000
    assert len(books.rows(sa.select(tables.exchange.c.meter))) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change(key("none"), BEGIN, 1.0, 0.0, "x"), "meter: no meter 'none'"),
        (Change(key("cars"), BEGIN, 1.0, 0.0, "x"), "meter: expected one that a device counts; cars is fed by hand"),
        (Change(key("power"), NOW + 1, 1.0, 0.0, "x"), "at: expected a time until"),
        (Change(key("power"), BEGIN, 1.0, 0.0, " "), "reason: expected why"),
        (Change(key("power"), BEGIN, float("nan"), 0.0, "x"), "last, first: electricity: expected a finite value"),
        (Change(key("power"), BEGIN, 1.0, 1e30, "x"), "last, first: electricity: 1e[+]30 kWh does not fit the ledger"),
    ],
)
def test_a_wrong_exchange_is_refused(books: Books, change: Change, said: str) -> None:
    """The fault names the field, and nothing is kept or touched."""
    with pytest.raises(RecordError, match=said):
        record_exchange(books.engine, change, "wang", NOW)
    assert books.rows(sa.select(tables.exchange.c.meter)) == books.rows(sa.select(tables.touched.c.meter)) == []


def test_a_gap_follows_the_profile_of_its_begin_for_ever(books: Books) -> None:
    """A gap of a working day is spread as recorded before; a profile recorded later changes nothing that was settled."""
    record_profile(books.engine, key("power"), RecordedShape(BEGIN, OFFICE), "wang", NOW)
    books.read("power", {BEGIN + 6 * HOUR_MS: 1000.0, BEGIN + 10 * HOUR_MS: 1022.0})
    books.settle()
    before = amounts(books)
    assert before == [("distributed", amount) for amount in (1000, 1000, 10_000, 10_000)]
    for valid_from in (BEGIN, BEGIN + 9 * HOUR_MS, BEGIN + 5 * HOUR_MS):
        with pytest.raises(RecordError, match="from: expected a time after the last hour counted of power"):
            record_profile(books.engine, key("power"), RecordedShape(valid_from, (1,) * 168), "wang", NOW)
    record_profile(books.engine, key("power"), RecordedShape(BEGIN + 10 * HOUR_MS, (1,) * 168), "wang", NOW)
    books.read("power", {BEGIN + 14 * HOUR_MS: 1062.0})
    books.read("power", {BEGIN + 6 * HOUR_MS: 1000.0})
    books.settle()
    assert amounts(books) == before + [("distributed", 10_000)] * 4


def test_a_maximum_rate_of_the_meter_judges_its_counter(books: Books) -> None:
    """A rise that the branch cannot have used counts nothing where its usual use is not known, and somebody is asked."""
    books.limit("power", 100.0)
    books.read("power", {BEGIN: 500.0, BEGIN + HOUR_MS: 600.0, **{BEGIN + n * HOUR_MS: 5_000.0 for n in (2, 3, 4)}})
    books.settle()
    assert amounts(books) == [("measured", 100_000), ("estimated", 0), ("measured", 0), ("measured", 0)]
    assert books.rows(sa.select(tables.event.c.kind)) == [("counter_jump",)]
    assert [(one.meter, one.kind, one.amount, one.state) for one in books.findings(NOW)] == [("power", "jump", 4_400_000, "open")]
