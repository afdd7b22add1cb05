"""The ledger in SQL: touched hours are counted anew, and consumption is read from what stands there.

One settler works at a time (any number of readers and of ingest workers beside it): a touched hour leaves the list only
if its generation is the one that was read before the samples were, so what comes in meanwhile is counted the next time.

An entered month counts instead of the counter: of one meter and hour, only one source is ever in the ledger.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypedDict

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite

from cloud.ledger import periods
from cloud.ledger.base_units import energy_of, to_factor_unit
from cloud.ledger.bills import recount
from cloud.ledger.breaks import Exchange
from cloud.ledger.counted import Counted, Parts, count
from cloud.ledger.counters import HELD, RESTING, SEAM, UNDECIDED, Provenance, shares
from cloud.ledger.known_meters import Known, load_meters
from cloud.ledger.learning import learn, untaught
from cloud.ledger.path import Kind
from cloud.ledger.periods import HOUR_MS, Every
from cloud.ledger.settled import Settled
from cloud.ledger.written import write_back
from cloud.registry import tables
from cloud.registry.database import upsert, writing
from cloud.telemetry.base import Telemetry
from contract.clock import iso
from contract.logs import Seldom

log = structlog.get_logger()
UNUSABLE = "counter_unusable"
"""Kind of the event for a sample that does not fit the ledger."""
_KINDS = (UNUSABLE, *(f"counter_{kind}" for kind in Kind))
_SHANGHAI_MS = 8 * HOUR_MS
_LEDGER = tables.ledger_hour.c
_MANUAL = Provenance.MANUAL.value
_TEXT = {provenance: provenance.value for provenance in Provenance}  # a look-up costs less than the property, and there are many
_Generations = dict[int, int]
_COLUMNS = ("meter", "hour", "provenance", "amount", "provisional", "level_at", "level")
_INSERT = {
    style: f"INSERT INTO ledger_hour ({', '.join(_COLUMNS)}) VALUES ({', '.join([mark] * len(_COLUMNS))})"  # noqa: S608 (names of our own)
    for style, mark in (("qmark", "?"), ("pyformat", "%s"))
}
"""By the driver's way to write a parameter: years of hours go in at once, and to build a statement for each costs more than it."""


_FAULTS = Seldom(3600.0)
"""Of meters that cannot be counted: the same one is told once an hour."""


class UnknownMeterError(LookupError):
    """The registry has no such meter."""


class Consumption(TypedDict):
    """What one meter used in one period; `value` in the factor's unit, `provenance` as shares from 0 to 1.

    `provisional`: what follows may still decide one of its hours otherwise.
    """

    start: str
    value: float
    unit: str
    provenance: dict[str, float]
    provisional: bool


def backlog(engine: sa.Engine) -> int:
    """Number of touched hours that wait to be counted."""
    with engine.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(tables.touched)).scalar_one()


def settle(engine: sa.Engine, telemetry: Telemetry, limit: int) -> int:
    """Count touched hours anew, the newest first so that a long backlog never hides today, and write them back.

    Each meter is one transaction, and its figures are written before it: a crash between the two repeats both.

    Args:
        engine: Of the registry and ledger.
        telemetry: Samples come from it, figures go to it.
        limit: Most touched hours to take.

    Returns:
        How many were taken; fewer than `limit` means that nothing else waits.

    Raises:
        StoreDown: The time-series store cannot be asked; meters done until then stay done.
        sqlalchemy.exc.OperationalError: The database cannot be asked.
    """
    with engine.connect() as connection:
        waiting, known = _waiting(connection, limit)
    taken = sum(map(len, waiting.values()))
    for name, generations in waiting.items():
        if name in known:
            _settle_meter(engine, telemetry, known[name], generations)
        else:
            with writing(engine).begin() as connection:
                _clear(connection, name, generations)
    return taken


def _waiting(connection: sa.Connection, limit: int) -> tuple[Mapping[str, _Generations], Mapping[str, Known]]:
    """The newest touched hours by meter, and the meters.

    Hours of a meter with a fault stay until its settings are right; taken among the others, they would keep these out for ever.
    """
    touched, left = tables.touched.c, set[str]()
    newest = sa.select(touched.meter, touched.hour, touched.generation).order_by(touched.hour.desc()).limit(limit)
    while True:
        waiting: defaultdict[str, _Generations] = defaultdict(dict)
        for meter, hour, generation in connection.execute(newest.where(touched.meter.not_in(left)) if left else newest):
            waiting[meter][hour] = generation
        known = load_meters(connection, waiting)
        faulty = {name: meter.fault for name, meter in known.items() if meter.fault}
        if not faulty:
            return waiting, known
        for name, fault in faulty.items():
            if _FAULTS.news((name, fault)):
                log.error("a meter cannot be counted; its hours wait until its settings are right", meter=name, reason=fault)
        left |= faulty.keys()


def _settle_meter(engine: sa.Engine, telemetry: Telemetry, meter: Known, generations: _Generations) -> None:
    """Count from one lesson of the counter to the next, and from one size of its steps; each from what the ledger says of before."""
    first, hours, done = min(generations), sorted(generations), set[int]()
    while hours:
        change = None if meter.counter is None else meter.counter.next_lesson(hours[0])
        part = [hour for hour in hours if change is None or hour < change]
        waiting = _settle_hours(engine, telemetry, meter, part, generations, done)
        hours = sorted({*hours[len(part) :], *waiting})
    _learn(engine, telemetry, meter, first)


def _settle_hours(
    engine: sa.Engine, telemetry: Telemetry, meter: Known, hours: Sequence[int], generations: _Generations, done: set[int]
) -> Sequence[int]:
    """Count some hours (begins, ms, ascending) anew; the hours that must be counted next, since something else is known from there on.

    These are on the list of touched hours until they were counted, so that a crash in between loses nothing. `done` has where
    counting went on already.
    """
    with engine.connect() as connection:
        counted = count(meter, telemetry, Settled(connection, meter.group, meter.id), hours, done)
        counted.parts = _without_entered(connection, meter.id, counted.parts)
        before = _stored(connection, meter.id, counted)
    replaced = {hour for hour, _ in before if counted.replaces(hour)}
    merged = {key: amount for key, amount in before.items() if key[1] is Provenance.MANUAL or key[0] not in replaced} | counted.parts
    changed = {hour for hour, _ in counted.parts} | replaced
    write_back(telemetry, meter, merged, replaced, changed)
    with writing(engine).begin() as connection:
        counted.parts = _without_entered(connection, meter.id, counted.parts)  # a month may have been entered meanwhile
        _replace(connection, meter.id, counted)
        recount(connection, meter.id, counted.ranges)
        _record(connection, meter, counted)
        waiting = [hour for at, end in counted.resume.items() for hour in range(at, end, HOUR_MS)]
        _clear(connection, meter.id, {hour: generations.pop(hour) for hour in {*hours} - {*waiting} if hour in generations})
        upsert(connection, tables.touched, [{"meter": meter.id, "hour": hour, "generation": 1} for hour in waiting], keep=True)
    done.update(counted.resume)
    generations.update({hour: 1 for hour in waiting if hour not in generations})
    return waiting


def _learn(engine: sa.Engine, telemetry: Telemetry, meter: Known, first: int) -> None:
    """Keep what the last complete month taught; it holds for what is counted from now on. `first` hour (ms) was settled just now."""
    if meter.counter is None:
        return
    with engine.connect() as connection:
        newest = untaught(connection, meter, first)
    if newest is not None:
        with writing(engine).begin() as connection:
            learn(connection, telemetry, meter, newest)


def _without_entered(connection: sa.Connection, meter: str, parts: Parts) -> Parts:
    """The parts outside of the months that were entered by hand."""
    months = connection.execute(sa.select(tables.entry.c.month).where(tables.entry.c.meter == meter)).scalars().all()
    if not months:
        return parts
    entered = set(months)
    return {key: amount for key, amount in parts.items() if f"{periods.local_date(key[0]):%Y-%m}" not in entered}


def _stored(connection: sa.Connection, meter: str, counted: Counted) -> Parts:
    """What the ledger has for all days that the counted ranges touch."""
    found: Parts = {}
    for first, last in counted.ranges:
        within = sa.and_(_LEDGER.hour >= periods.floor(first, "day"), _LEDGER.hour < periods.following(last, "day"))
        rows = connection.execute(sa.select(_LEDGER.hour, _LEDGER.provenance, _LEDGER.amount).where(_LEDGER.meter == meter, within))
        found.update(((hour, Provenance(provenance)), amount) for hour, provenance, amount in rows)
    return found


def _replace(connection: sa.Connection, meter: str, counted: Counted) -> None:
    """Put the counted parts in the place of all that was counted of these hours; entered amounts are not touched."""
    for first, last in counted.ranges:
        within = sa.and_(_LEDGER.meter == meter, _LEDGER.hour >= first, _LEDGER.hour <= last)
        connection.execute(sa.delete(tables.ledger_hour).where(within, _LEDGER.provenance != _MANUAL))
    if counted.parts:
        levels, open_hours, none = counted.levels, counted.provisional, (None, None)
        rows = [
            (meter, hour, _TEXT[provenance], amount, hour in open_hours, *levels.get(hour, none))
            for (hour, provenance), amount in counted.parts.items()
        ]
        connection.exec_driver_sql(_INSERT[connection.dialect.paramstyle], rows)


def _record(connection: sa.Connection, meter: Known, counted: Counted) -> None:
    """Keep what was judged; judged again, it is the same row, and what late readings or a record explained is withdrawn."""
    event, judged = tables.event.c, tables.judgement.c
    for first, last in counted.ranges:
        within = sa.and_(event.grp == meter.group, event.subject == meter.id, event.at > first, event.at <= last + HOUR_MS)
        connection.execute(sa.delete(tables.event).where(event.kind.in_(_KINDS), within))
        mine = sa.and_(judged.grp == meter.group, judged.meter == meter.id, judged.until > first, judged.since <= last + HOUR_MS)
        connection.execute(sa.delete(tables.judgement).where(mine))
    rows = [{"grp": meter.group, "meter": meter.id} | one._asdict() for one in counted.judgements.values()]
    upsert(connection, tables.judgement, rows)
    _tell(connection, meter, counted)
    for record, placed in counted.placed:
        table = tables.exchange if isinstance(record, Exchange) else tables.ratio_change
        connection.execute(sa.update(table).where(table.c.meter == meter.id, table.c.at == record.at).values(placed_at=placed))


def _tell(connection: sa.Connection, meter: Known, counted: Counted) -> None:
    """Events of what was judged, for alerts and reports."""
    unit = energy_of(meter.energy).base_unit
    found = [
        (
            f"counter_{one.kind}",
            one.at,
            {"since": iso(one.since), "before": one.before, "after": one.after, "counted": one.amount, "unit": unit},
        )
        for one in counted.judgements.values()
        if one.kind not in {UNDECIDED, HELD, RESTING, SEAM}
    ]
    found += [(UNUSABLE, at, {"reason": why}) for at, why in counted.unusable.items()]
    rows = [{"kind": k, "grp": meter.group, "subject": meter.id, "at": at, "detail": json.dumps(detail)} for k, at, detail in found]
    if rows:
        insert = (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(tables.event)
        keys = ["kind", "grp", "subject", "at"]
        connection.execute(insert.on_conflict_do_update(index_elements=keys, set_={"detail": insert.excluded.detail}), rows)


def _clear(connection: sa.Connection, meter: str, generations: _Generations) -> None:
    """Take the hours off the list that nobody touched since; neighbours of one generation in one statement."""
    table = tables.touched.c
    runs: list[tuple[int, int, int]] = []
    for hour, seen in sorted(generations.items()):
        if runs and runs[-1][1:] == (hour - HOUR_MS, seen):
            runs[-1] = (runs[-1][0], hour, seen)
        else:
            runs.append((hour, hour, seen))
    within = table.hour.between(sa.bindparam("first"), sa.bindparam("last"))
    same = sa.and_(table.meter == meter, within, table.generation == sa.bindparam("seen"))
    rows = [{"first": first, "last": last, "seen": seen} for first, last, seen in runs]
    if rows:
        connection.execute(sa.delete(tables.touched).where(same), rows)


def totals(connection: sa.Connection, meters: Sequence[str], start: int, end: int) -> dict[str, dict[Provenance, int]]:
    """What each of some meters used in [start, end), base units by provenance; one query.

    A meter without any ledger hour in the span is absent.
    """
    within = sa.and_(_LEDGER.meter.in_(list(meters)), _LEDGER.hour >= start, _LEDGER.hour < end)
    columns = (_LEDGER.meter, _LEDGER.provenance, sa.func.sum(_LEDGER.amount))
    found: defaultdict[str, dict[Provenance, int]] = defaultdict(dict)
    for meter, provenance, amount in connection.execute(sa.select(*columns).where(within).group_by(*columns[:2])):
        found[meter][Provenance(provenance)] = int(amount)
    return dict(found)


def provisional(connection: sa.Connection, meters: Sequence[str], start: int, end: int) -> frozenset[str]:
    """Those of some meters of which an hour of [start, end) may still be decided otherwise."""
    within = sa.and_(_LEDGER.meter.in_(list(meters)), _LEDGER.hour >= start, _LEDGER.hour < end, _LEDGER.provisional.is_(True))
    return frozenset(connection.execute(sa.select(_LEDGER.meter).where(within).distinct()).scalars())


def consumption(engine: sa.Engine, meter: str, start: int, end: int, every: Every) -> list[Consumption]:
    """What a meter used in [start, end), by period; a period of which nothing is known is absent.

    Periods are cut in Asia/Shanghai. One that begins before `start` or ends after `end` holds only its hours within.

    Args:
        engine: Of the ledger.
        meter: Its id.
        start: ms since 1970 in UTC.
        end: ms, exclusive.
        every: Length of a period.

    Raises:
        UnknownMeterError: There is no such meter.
    """
    with engine.connect() as connection:
        energy = connection.execute(sa.select(tables.meter.c.energy).where(tables.meter.c.id == meter)).scalar()
        if energy is None:
            raise UnknownMeterError(f"no meter {meter!r}")
        amounts = by_period(connection, [meter], start, end, every).get(meter, {})
        mine = sa.and_(_LEDGER.meter == meter, _LEDGER.hour >= start, _LEDGER.hour < end, _LEDGER.provisional.is_(True))
        waiting = {periods.floor(hour, every) for hour in connection.execute(sa.select(_LEDGER.hour).where(mine).distinct()).scalars()}
    unit = energy_of(energy).factor_unit
    return [_period(at, by_provenance, energy, unit, provisional=at in waiting) for at, by_provenance in amounts.items()]


def _period(at: int, amounts: Mapping[Provenance, int], energy: str, unit: str, *, provisional: bool) -> Consumption:
    value = float(to_factor_unit(sum(amounts.values()), energy))
    return {"start": iso(at), "value": value, "unit": unit, "provenance": shares(amounts), "provisional": provisional}


def by_period(
    connection: sa.Connection, meters: Sequence[str], start: int, end: int, every: Every
) -> dict[str, dict[int, dict[Provenance, int]]]:
    """What each of some meters used in [start, end), base units by begin of period (ascending) and provenance; one query.

    The database adds up days, so a year is 365 rows and not 8760. What is not known is absent.
    """
    length = HOUR_MS if every == "hour" else periods.DAY_MS
    # Written out, since PostgreSQL takes two parameters of one value for two expressions and then refuses the grouping.
    offset, divisor = (sa.literal_column(str(n), sa.BigInteger) for n in (_SHANGHAI_MS, length))
    number = ((_LEDGER.hour + offset) // divisor).label("number")
    within = sa.and_(_LEDGER.meter.in_(list(meters)), _LEDGER.hour >= start, _LEDGER.hour < end)
    query = sa.select(_LEDGER.meter, number, _LEDGER.provenance, sa.func.sum(_LEDGER.amount)).where(within)
    found: defaultdict[str, dict[int, dict[Provenance, int]]] = defaultdict(dict)
    for meter, index, provenance, amount in connection.execute(query.group_by(_LEDGER.meter, number, _LEDGER.provenance).order_by(number)):
        of_period = found[meter].setdefault(periods.floor(index * length - _SHANGHAI_MS, every), {})
        of_period[Provenance(provenance)] = of_period.get(Provenance(provenance), 0) + int(amount)
    return dict(found)
