"""Field fault A10: new transformers in the site's file, whenever a gateway takes them over, and a ratio that none takes over."""

from __future__ import annotations

from datetime import date
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from cloud.ledger import book
from cloud.ledger.exchanges import Change, record_exchange
from cloud.ledger.findings import explain
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.timed import Series, counter_samples
from cloud.platform.database import writing
from cloud.sites.entering import By, enter_site
from contract.clock import parse_time
from contract.site import Site
from tests.cloud import tables
from tests.cloud.books.conftest import site_data
from tests.cloud.district import GROUP, key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloud.devices.clocks import Offset
    from cloud.telemetry.base import Telemetry
    from tests.cloud.books.conftest import Books

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
KWH = 1000
BEGIN = parse_time("2026-03-05T00:00:00+08:00")
"""When the new ratio is entered; so early in a month that nothing is learnt meanwhile."""
START, END = BEGIN - 3 * DAY_MS, BEGIN + 9 * DAY_MS
RATIOS = sa.select(tables.ratio_change.c.at, tables.ratio_change.c.factor, tables.ratio_change.c.placed_at)


def changed_site(ct: float) -> Site:
    """The small site with other transformers at the far meter."""
    data: dict[str, Any] = site_data()
    for row in data["devices"]:
        if row["id"] == "far":
            row.update(ct=ct, profile="electricity/acrel-adl400")
    return Site.model_validate(data)


def entered(books: Books, *ratios: tuple[int, float]) -> None:
    """Transformers of 40 long ago, then others at some times."""
    for at, ct in ((BEGIN - 40 * DAY_MS, 40.0), *ratios):
        enter_site(books.engine, changed_site(ct), By("wang", at, date(2026, 3, 1)))


def shown(*ratios: tuple[int, float], start: int = START, end: int = END, every: int = HOUR_MS) -> dict[int, float]:
    """A register that rises by 0.2 kWh an hour from 500, times 40 and from each of some times times another ratio."""
    found = {}
    for at in range(start, end + 1, every):
        ct = next((ct for since, ct in reversed(ratios) if at > since), 40.0)
        found[at] = round((500 + 0.2 * (at - START) / HOUR_MS) * ct, 2)
    return found


def used(*ratios: tuple[int, float]) -> int:
    """What the same register counted in truth, Wh; an hour with a change is the new ratio's."""
    hours = range(START + HOUR_MS, END + 1, HOUR_MS)
    return sum(round(200 * next((ct for since, ct in reversed(ratios) if at > since), 40.0)) for at in hours)


@pytest.mark.parametrize("away", [-61 * HOUR_MS, -5 * HOUR_MS, 0, HOUR_MS, 3 * DAY_MS, 6 * DAY_MS])
@pytest.mark.parametrize(("ct", "factor"), [(60.0, "1.5"), (20.0, "0.5")])
@pytest.mark.parametrize("live", [False, True])
def test_new_transformers_in_the_site_file_count_nothing(books: Books, away: int, ct: float, factor: str, *, live: bool) -> None:
    """A gateway that takes a ratio over days before or after its entry changes what the register is worth, and none of it is use."""
    taken_over = BEGIN + away
    samples = shown((taken_over, ct))
    before = {at: value for at, value in samples.items() if at <= BEGIN}
    entered(books)
    if live:
        books.read("far", before)
        books.settle()
    entered(books, (BEGIN, ct))
    for day in range(BEGIN, END, DAY_MS) if live else ():
        books.read("far", {at: value for at, value in samples.items() if day < at <= day + DAY_MS})
        books.settle()
    books.read("far", samples)
    books.settle()
    assert books.rows(RATIOS) == [(BEGIN, factor, taken_over + HOUR_MS)]
    assert books.total("far") == used((taken_over, ct))
    assert {provenance for _, provenance, _ in books.parts("far")} == {"measured"}
    assert books.findings() == []


def test_each_ratio_takes_its_own_break(books: Books) -> None:
    """Of two entries with one factor, each takes the break that is left nearest to it."""
    ratios = ((BEGIN - 30 * HOUR_MS, 80.0), (BEGIN + 20 * HOUR_MS, 160.0))
    entered(books, (BEGIN, 80.0), (BEGIN + DAY_MS, 160.0))
    books.read("far", shown(*ratios))
    books.settle()
    assert [placed for _, _, placed in books.rows(RATIOS)] == [ratios[1][0] + HOUR_MS, ratios[0][0] + HOUR_MS]
    assert books.total("far") == used(*ratios)
    assert books.findings() == []


def test_the_break_nearest_to_the_entry_wins(books: Books) -> None:
    """A counter that fell to the half days before its ratio was halved had another reason, which is asked about as ever."""
    fallen, taken_over = BEGIN - 2 * DAY_MS, BEGIN + 5 * HOUR_MS
    entered(books, (BEGIN, 20.0))
    samples = {at: value / (2 if at > fallen else 1) for at, value in shown((taken_over, 20.0)).items()}
    books.read("far", samples)
    books.settle()
    assert [placed for _, _, placed in books.rows(RATIOS)] == [taken_over + HOUR_MS]
    assert [(one.kind, one.start) for one in books.findings(END)] == [("fall", fallen)]


def test_what_a_long_gap_may_have_counted_is_no_new_ratio(books: Books) -> None:
    """A young counter that rises over a gap by what its branch can draw has counted; the ratio waits for a break that is clear."""
    entered(books, (BEGIN, 60.0))
    taken_over = BEGIN + 2 * DAY_MS
    steps = {BEGIN - 5 * HOUR_MS: 100.0, BEGIN - 4 * HOUR_MS: 102.0, BEGIN + HOUR_MS: 155.0}
    rising = {BEGIN + n * HOUR_MS: 153.0 + 20 * n for n in range(2, 49)}
    anew = {taken_over + n * HOUR_MS: 1.5 * (153.0 + 20 * (48 + n)) for n in range(1, 20)}
    books.read("far", steps | rising)
    books.settle()
    assert [placed for _, _, placed in books.rows(RATIOS)] == [None]
    books.read("far", anew)
    books.settle()
    assert [placed for _, _, placed in books.rows(RATIOS)] == [taken_over + HOUR_MS]
    assert books.total("far") == (153 + 20 * 48 - 100 + 19 * 30) * KWH


def test_a_ratio_that_no_gateway_takes_over_is_asked_about(books: Books) -> None:
    """After seven days somebody is asked, with the part of what was counted since that the factor makes; a note answers it."""
    entered(books, (BEGIN, 60.0))
    books.read("far", shown())
    books.settle()
    assert books.findings(BEGIN + 7 * DAY_MS - 1) == []
    (found,) = books.findings(BEGIN + 7 * DAY_MS)
    assert ((found.meter, found.start, found.kind), found.state) == (("far", BEGIN, "ratio_pending"), "open")
    assert (found.end, found.counted, found.amount) == (END, 9 * 24 * 8 * KWH, 9 * 24 * 4 * KWH)
    explain(books.engine, books.site.group, ("far", BEGIN, "ratio_pending"), "the gateway is read by hand", "li", END)
    (said,) = books.findings(END)
    assert (said.state, said.note, said.by, said.at) == ("explained", "the gateway is read by hand", "li", END)


def test_a_ratio_that_is_taken_over_late_is_asked_no_more(books: Books) -> None:
    """The question goes by itself when late samples show the break."""
    entered(books, (BEGIN, 60.0))
    samples = shown((BEGIN + 6 * DAY_MS, 60.0))
    books.read("far", {at: value for at, value in samples.items() if at < BEGIN + 6 * DAY_MS})
    books.settle()
    assert [one.kind for one in books.findings(END)] == ["ratio_pending"]
    books.read("far", samples)
    books.settle()
    assert books.findings() == []


def test_a_placed_ratio_is_not_looked_for_again(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is placed, hours that come in live are counted alone, though the entry is days old; late ones before it look again."""
    samples = shown((BEGIN - 5 * HOUR_MS, 60.0))
    late = BEGIN + 3 * HOUR_MS
    entered(books, (BEGIN, 60.0))
    books.read("far", {at: value for at, value in samples.items() if at < BEGIN + DAY_MS and at != late})
    books.settle()
    asked: list[int] = []

    def watched(store: Telemetry, series: Series, start: int, end: int, offsets: Sequence[Offset]) -> list[tuple[int, float]]:
        asked.append(start)
        return counter_samples(store, series, start, end, offsets)

    monkeypatch.setattr("cloud.ledger.seams.counter_samples", watched)
    for at in range(BEGIN + DAY_MS, BEGIN + 3 * DAY_MS, HOUR_MS):
        books.read("far", {at: samples[at]})
        books.settle()
        assert min(asked) > at - 12 * HOUR_MS
        asked.clear()
    books.read("far", {late: samples[late]})
    books.settle()
    assert min(asked) == BEGIN - 7 * DAY_MS


def test_an_exchange_stays_placed_when_the_hours_behind_it_come(books: Books) -> None:
    """A pass that begins after the break sees half of its window; what it does not see has not gone."""
    changed = BEGIN
    old = {at: value for at, value in shown().items() if at <= changed}
    record_exchange(books.engine, Change(key("far"), changed + 11 * HOUR_MS, old[changed], 0.0, "new meter"), "li", END)
    new = {changed + n * HOUR_MS: 8.0 * n for n in range(1, 40)}
    books.read("far", old | {at: value for at, value in new.items() if at < changed + 20 * HOUR_MS})
    books.settle()
    for at in range(changed + 20 * HOUR_MS, changed + 40 * HOUR_MS, HOUR_MS):
        books.read("far", {at: new[at]})
        books.settle()
        assert books.rows(sa.select(tables.exchange.c.placed_at)) == [(changed + HOUR_MS,)]


def test_a_corrected_exchange_leaves_its_old_place(books: Books) -> None:
    """Recorded anew with values of another break, an exchange is counted there, and what it explained before is a question again."""
    first, second = BEGIN, BEGIN + 10 * HOUR_MS
    samples = shown(end=BEGIN + DAY_MS)
    samples |= {at: value - 8_000.0 for at, value in samples.items() if at > first}
    samples |= {at: value - 8_000.0 for at, value in samples.items() if at > second}
    books.read("far", samples)
    books.settle()
    assert [one.kind for one in books.findings()] == ["fall", "fall"]
    at = BEGIN + 5 * HOUR_MS
    for since, left in ((first, second), (second, first)):
        record_exchange(books.engine, Change(key("far"), at, samples[since], samples[since + HOUR_MS] - 4.0, "new meter"), "li", END)
        books.settle()
        assert books.rows(sa.select(tables.exchange.c.placed_at)) == [(since + HOUR_MS,)]
        assert [(one.kind, one.start) for one in books.findings()] == [("fall", left)]


def book_of(books: Books) -> list[list[Any]]:
    """All that the ledger holds of the meter, and where its records are."""
    hour, judged, event = tables.ledger_hour, tables.judgement, tables.event
    return [
        books.rows(sa.select(hour).where(hour.c.meter == "far").order_by(hour.c.hour, hour.c.provenance)),
        books.rows(sa.select(judged).where(judged.c.meter == "far").order_by(judged.c.since, judged.c.kind)),
        books.rows(sa.select(event.c.kind, event.c.at, event.c.detail).where(event.c.subject == "far").order_by(event.c.at, event.c.kind)),
        books.rows(RATIOS),
        books.rows(sa.select(tables.exchange.c.at, tables.exchange.c.placed_at)),
    ]


def rebuilt(books: Books, samples: dict[int, float]) -> list[list[Any]]:
    """The same from an empty ledger, all at once."""
    books.empty()
    with writing(books.engine).begin() as connection:
        for table in (tables.ratio_change, tables.exchange):
            connection.execute(sa.update(table).values(placed_at=None))
    books.read("far", samples)
    books.settle()
    return book_of(books)


@pytest.mark.parametrize("seed", range(24))
def test_records_in_any_order_with_their_samples_are_what_is_counted_anew(books: Books, seed: int) -> None:
    """Ratios and an exchange entered between batches of samples, with gaps and late ones, leave the ledger of all at once."""
    chance = Random(seed)  # noqa: S311 (the same story at each run)
    ratios = [(BEGIN + chance.randint(-60, 70) * HOUR_MS + 1, 60.0), (BEGIN + chance.randint(90, 150) * HOUR_MS + 1, 30.0)]
    changed = chance.choice([at for at, _ in ratios] + [BEGIN + 80 * HOUR_MS])
    samples = shown(*ratios, end=BEGIN + 8 * DAY_MS, every=chance.choice([15, 30, 60]) * 60_000)
    old = [value for at, value in samples.items() if at <= changed]
    samples = {at: value if at <= changed else round(value - old[-1] + 40.0, 2) for at, value in samples.items()}
    samples = {at: max(value, 0.0) for at, value in samples.items() if chance.random() > 0.02}
    for _ in range(chance.randint(0, 3)):
        gap = chance.randint(START, BEGIN + 7 * DAY_MS)
        samples = {at: value for at, value in samples.items() if not gap < at <= gap + chance.randint(1, 70) * HOUR_MS}
    coming = sorted(samples, key=lambda at: at + (chance.randint(0, 9 * DAY_MS) if chance.random() < 0.1 else 0))
    entries = [(BEGIN, 60.0), (BEGIN + chance.randint(60, 160) * HOUR_MS, 30.0)]
    exchange = Change(key("far"), changed + chance.randint(-11, 11) * HOUR_MS, old[-1], 40.0, "x")
    entered(books)
    due = sorted([*entries, (chance.choice([BEGIN + DAY_MS, BEGIN + 9 * DAY_MS]), 0.0)])
    while coming or due:
        batch = [coming.pop(0) for _ in range(min(len(coming), chance.choice([1, 7, 40, 100])))]
        books.read("far", {at: samples[at] for at in batch})
        while due and (not coming or due[0][0] <= max(batch, default=0)):
            at, ct = due.pop(0)
            if ct:
                enter_site(books.engine, changed_site(ct), By("wang", at, date(2026, 3, 1)))
            else:
                recorded(books, exchange)
        while book.settle(books.engine, books.telemetry, chance.choice([3, 100_000])):
            pass
    live = book_of(books)
    assert rebuilt(books, samples) == live


def recorded(books: Books, change: Change) -> None:
    """An exchange as it was recorded, whatever the counter says of it: one that is refused has no place to find."""
    row = {
        "grp": GROUP,
        "meter": change.meter.id,
        "at": change.at,
        "old_last": round(change.last * KWH),
        "new_first": round(change.first * KWH),
    }
    with writing(books.engine).begin() as connection:
        more = {"reason": change.why, "recorded_by": "li", "recorded_at": END}
        connection.execute(sa.insert(tables.exchange), [row | more])
        hour = {"grp": GROUP, "meter": "far", "hour": change.at // HOUR_MS * HOUR_MS, "generation": 1}
        connection.execute(sa.delete(tables.touched).where(tables.touched.c.meter == "far", tables.touched.c.hour == hour["hour"]))
        connection.execute(sa.insert(tables.touched), [hour])
