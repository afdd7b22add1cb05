"""Two districts in one ledger, with the same ids: each is settled, recorded, published and thinned by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy as sa

from cloud.indicators.figures import publish, publish_closed, targets_of
from cloud.ingest.batch import Batch
from cloud.ingest.commit import store
from cloud.ingest.node_cache import Known
from cloud.ledger import book, entries
from cloud.ledger.exchanges import Change, record_exchange
from cloud.ledger.findings import listed
from cloud.ledger.keeping import Keep, thin
from cloud.ledger.model import MeterKey
from cloud.ledger.periods import DAY_MS, HOUR_MS, month_start
from cloud.ledger.queries.consumption import by_period
from cloud.ledger.repository import waiting
from cloud.sites.entering import By, enter_site
from cloud.telemetry.base import Line, Polled
from contract.site import Site
from tests.cloud import tables
from tests.cloud.books import entered
from tests.cloud.books.conftest import Books, site_data
from tests.cloud.district import GROUP

SECOND = "510811"
BEGIN = month_start(2026, 1)
HOURS = 48
NOW = BEGIN + HOURS * HOUR_MS + 60_000


@pytest.fixture
def both(books: Books) -> Books:
    """The small site in two districts, two days of each main meter of electricity: 1 kWh an hour in the first, 3 in the second."""
    enter_site(books.engine, Site.model_validate(site_data() | {"group": SECOND}), By("test", 0, date(2020, 1, 1)))
    for group, rate in ((GROUP, 1.0), (SECOND, 3.0)):
        read(books, group, {BEGIN + n * HOUR_MS: 100.0 + n * rate for n in range(HOURS + 1)})
    return books


def read(books: Books, group: str, samples: dict[int, float]) -> None:
    """Commit readings of `far` of a district, as ingest finds its meters."""
    known = Known(books.engine)
    lines: list[Line] = [Polled(group, "electricity", "far", at, {"energy_import": value}) for at, value in samples.items()]
    meters = known.meters[group, "far"]["energy_import"]
    assert meters == [MeterKey(group, "far")]
    store(
        Batch(lines=lines, touched={(meter, at // HOUR_MS * HOUR_MS) for meter in meters for at in samples}), books.engine, books.telemetry
    )


def used(books: Books, group: str) -> int:
    """What the ledger has of the meter, kWh."""
    with books.engine.connect() as connection:
        found = by_period(connection, group, ["far"], BEGIN, BEGIN + 100 * DAY_MS, "year").get("far", {})
    return sum(sum(amounts.values()) for amounts in found.values()) // 1000


def test_each_is_settled_by_its_own_readings(both: Books) -> None:
    """The list names the district of each meter; one round settles both, and neither has anything of the other."""
    with both.engine.connect() as connection:
        assert set(waiting.meters(connection)) == {MeterKey(GROUP, "far"), MeterKey(SECOND, "far")}
        assert (waiting.number(connection), waiting.oldest(connection)) == (2 * (HOURS + 1), BEGIN)
    assert both.settle() == 2 * (HOURS + 1)
    assert (used(both, GROUP), used(both, SECOND)) == (HOURS, 3 * HOURS)
    days = [book.consumption(both.engine, MeterKey(group, "far"), BEGIN, NOW, "day") for group in (GROUP, SECOND)]
    assert [[row["value"] for row in of] for of in days] == [[24.0, 24.0], [72.0, 72.0]]
    with pytest.raises(book.UnknownMeterError):
        book.consumption(both.engine, MeterKey("510812", "far"), BEGIN, NOW, "day")


def test_what_is_recorded_of_one_is_none_of_the_other(both: Books) -> None:
    """An entered month and an exchange of the second: its figures change, the first one's hours are not even touched."""
    both.settle()
    before = both.rows(sa.select(tables.ledger_hour).where(tables.ledger_hour.c.grp == GROUP))
    entries.enter(both.engine, MeterKey(SECOND, "cars"), "2026-01", 100, "li", NOW)
    record_exchange(both.engine, Change(MeterKey(SECOND, "far"), NOW - 60_000, 244.0, 0.0, "worn"), "li", NOW)
    with both.engine.connect() as connection:
        assert {meter.group for meter in waiting.meters(connection)} == {SECOND}
    both.settle()
    assert both.rows(sa.select(tables.ledger_hour).where(tables.ledger_hour.c.grp == GROUP)) == before
    assert entered.months(both.engine, MeterKey(GROUP, "cars")) == []
    assert [row["value"] for row in entered.months(both.engine, MeterKey(SECOND, "cars"))] == [100.0]
    with both.engine.connect() as connection:
        assert [one.kind for one in listed(connection, SECOND)] == ["exchange_pending"]
        assert listed(connection, GROUP) == []
    about = both.rows(sa.select(tables.audit.c.action, tables.audit.c.grp).where(tables.audit.c.by == "li"))
    assert sorted(about) == [("entry", SECOND), ("exchange", SECOND)]


def test_published_figures_are_apart(both: Books) -> None:
    """Those of the first have no tag `group`, as before there were two; targets of both are written, each with its own value."""
    both.settle()
    hours = [both.figures("ledger_hour", tags, BEGIN) for tags in (_tags("far"), _tags("far", SECOND))]
    assert [fields["value"] for fields in hours] == [1.0, 3.0]
    number = publish(both.engine, both.telemetry, NOW)
    assert number % 2 == 0
    assert publish_closed(both.engine, both.telemetry, NOW) >= 0
    for group, tag, used_by_then in ((GROUP, "", 48), (SECOND, f'"group": "{SECOND}", ', 144)):
        tags = f'{{{tag}"indicator": "energy_per_area", "scope": "compound:c2"}}'
        figure = 0.1229 * used_by_then / 2000
        assert both.figures("indicator", tags, BEGIN + DAY_MS)["actual"] == pytest.approx(figure)
        assert targets_of(both.engine, group, 2026, "compound:c2", NOW).indicators[1].actual.value == pytest.approx(figure)


def _tags(meter: str, group: str = "") -> str:
    """As the store keeps them."""
    own = f'"group": "{group}", ' if group else ""
    return f'{{"energy": "electricity", {own}"meter": "{meter}"}}'


def test_readings_are_thinned_of_each(both: Books) -> None:
    """A day waits for touched hours of its own district alone."""
    both.settle()
    store(Batch(touched={(MeterKey(SECOND, "far"), BEGIN + HOUR_MS)}), both.engine, both.telemetry)
    thin(both.engine, both.telemetry, Keep(), NOW + 100 * DAY_MS)
    done = {row[0] for row in both.rows(sa.select(tables.thinned.c.grp))}
    assert done == {GROUP}
    both.settle()
    thin(both.engine, both.telemetry, Keep(), NOW + 100 * DAY_MS)
    assert {row[0] for row in both.rows(sa.select(tables.thinned.c.grp))} == {GROUP, SECOND}


def test_a_meter_that_cannot_be_counted_holds_up_no_other_district(both: Books) -> None:
    """Its hours wait, and the same id elsewhere is counted."""
    with both.engine.begin() as connection:
        connection.execute(sa.update(tables.meter).where(tables.meter.c.grp == GROUP, tables.meter.c.id == "far").values(max_rate=1e300))
    assert both.settle() == HOURS + 1
    assert (used(both, GROUP), used(both, SECOND)) == (0, 3 * HOURS)


def test_the_books_of_one_are_those_of_it_alone(both: Books) -> None:
    """Whatever stands beside it: ledger and judgements of the second are those of the first with the same readings."""
    both.settle()
    third = replace(both, site=Site.model_validate(site_data() | {"group": "510812"}))
    enter_site(third.engine, third.site, By("test", 0, date(2020, 1, 1)))
    read(third, "510812", {BEGIN + n * HOUR_MS: 100.0 + n * 3.0 for n in range(HOURS + 1)})
    third.settle()
    hour = tables.ledger_hour
    columns = [column for column in hour.c if column is not hour.c.grp]
    second, alike = (both.rows(sa.select(*columns).where(hour.c.grp == group).order_by(*columns[:3])) for group in (SECOND, "510812"))
    assert second == alike
