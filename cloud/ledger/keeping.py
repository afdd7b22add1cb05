"""Thins what is old, day by day and device by device: counters to quarters of an hour, and gauges go.

How far a device is done stands in `thinned`. A day waits while an hour that could change what was judged of it waits to be counted.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import prometheus_client
import sqlalchemy as sa
import structlog

from cloud.devices.clocks import Offset
from cloud.devices.queries import register
from cloud.devices.queries.clocks import load_offsets
from cloud.devices.repository import events
from cloud.ledger.base_units import to_base
from cloud.ledger.counters import Provenance
from cloud.ledger.known_meters import Counter, Known, load_meters
from cloud.ledger.levels import RETURN_MS
from cloud.ledger.limits import Level
from cloud.ledger.periods import DAY_MS, HOUR_MS, floor
from cloud.ledger.queries import installed
from cloud.ledger.repository import hours, thinned, waiting
from cloud.ledger.repository.settled import Settled
from cloud.ledger.thinning import AROUND_MS, Quiet, Span, grid, restless, spans_of, staying, within
from cloud.ledger.worker import in_thread
from cloud.platform import database
from cloud.platform.database import writing
from cloud.telemetry.base import MAX_MS, Sample, StoreDown, Telemetry
from contract.clock import Clock
from contract.point import POINTS, Kind

log = structlog.get_logger()
THINNED = prometheus_client.Counter("jieyue_readings_thinned", "Readings that went when they were old.", ["kind"])
LIMIT = 500
"""Days of devices in one pass; a stop waits for the pass that runs."""
EVERY = 86_400.0
"""Seconds of the clock between two passes when all is done."""
SOON, LATER = 60.0, 3600.0
"""Real seconds to the next pass while days are left or the ledger catches up, and while a store is down."""


class Keep(NamedTuple):
    """For how many days readings are kept as they came; 0 for ever."""

    counters: int = 90
    gauges: int = 400


class Pass(NamedTuple):
    """What a pass did: days of devices that it looked at, readings that are gone, and whether days may be left to look at."""

    days: int
    counters: int
    gauges: int
    left: bool


async def run(engine: sa.Engine, telemetry: Telemetry, clock: Clock, keep: Keep, settled: Callable[[], bool]) -> None:
    """Thin once a day until cancelled; a store that is down is tried again.

    A service that starts has other work first: what waited for it.

    Args:
        engine: Of the registry and ledger.
        telemetry: Readings go from it.
        clock: Of the program; what is young by the machine's own clock stays, whatever this one says.
        keep: For how long readings stay.
        settled: Whether the ledger has counted what came in.
    """
    pause = SOON
    while any(keep):
        await asyncio.sleep(pause)
        pause = SOON
        try:
            if await asyncio.to_thread(settled):
                now = min(clock.now_ms(), Clock().now_ms())  # a trial's clock makes nothing old
                done = await in_thread(partial(thin, engine, telemetry, keep, now))
                log.info("readings thinned", days=done.days, counters=done.counters, gauges=done.gauges, left=done.left)
                pause = SOON if done.left else clock.real_seconds(EVERY)
        except (StoreDown, *database.REFUSED) as error:
            log.warning("thinning waits", reason=str(error))
            pause = LATER


def thin(engine: sa.Engine, telemetry: Telemetry, keep: Keep, now: int, limit: int = LIMIT) -> Pass:
    """Let go what is older than it is kept; an interrupted pass is taken up where it was, or a little before.

    Args:
        engine: Of the registry and ledger.
        telemetry: Readings go from it.
        keep: For how long they stay.
        now: ms since 1970 in UTC.
        limit: Most days of devices to look at.

    Raises:
        StoreDown: The time-series store cannot be asked, or cannot delete.
        sqlalchemy.exc.OperationalError: The database cannot be asked.
    """
    gone, days = {Kind.COUNTER: 0, Kind.GAUGE: 0}, 0
    for kind, kept in ((Kind.COUNTER, keep.counters), (Kind.GAUGE, keep.gauges)):
        end = floor(now, "day") - kept * DAY_MS
        for device in _devices(engine, telemetry) if kept else ():
            if days == limit:
                break
            done: int | None = None
            for day in device.days(kind, end):
                if days == limit or device.waits(day):
                    break
                number = device.thin(kind, day)
                THINNED.labels(kind.value).inc(number)
                gone[kind], days, done = gone[kind] + number, days + 1, day + DAY_MS
            if done is not None:
                device.mark(kind, done)
    if keep.gauges:
        _forget_refused(engine, floor(now, "day") - keep.gauges * DAY_MS)
    return Pass(days, gone[Kind.COUNTER], gone[Kind.GAUGE], left=days == limit)


def _forget_refused(engine: sa.Engine, before: int) -> None:
    """Let go the record of what was refused before a time (ms)."""
    with writing(engine).begin() as connection:
        events.forget_rejected(connection, before)


def _devices(engine: sa.Engine, telemetry: Telemetry) -> Iterator[_Device]:
    """The devices that the registry knows, with the meters that count by them."""
    with engine.connect() as connection:
        rows = register.everywhere(connection)
        counts = installed.devices(connection)
        offsets = {
            group: load_offsets(connection, group, [row[2] for row in rows if row[0] == group]) for group in {row[0] for row in rows}
        }
        by_device: defaultdict[tuple[str, str], list[tuple[Known, Counter]]] = defaultdict(list)
        faulty = set[tuple[str, str | None]]()
        for known in load_meters(connection, counts).values():
            if known.fault:
                faulty |= {(known.key.group, device) for device in counts[known.key]}
            for _, counter in known.counter.pieces() if known.counter is not None else ():
                by_device[known.key.group, counter.device].append((known, counter))
    for group, device_class, name in rows:
        if (group, name) not in faulty:  # what it must keep is known once its meter can be counted
            yield _Device(engine, telemetry, (group, device_class, name), by_device[group, name], offsets[group].get(name, ()))


@dataclass
class _Device:
    """One device, its meters, and what is known of its clock."""

    engine: sa.Engine
    telemetry: Telemetry
    names: tuple[str, str, str]
    meters: Sequence[tuple[Known, Counter]]
    offsets: Sequence[Offset]

    def __post_init__(self) -> None:
        """Times that a clock's judgement covers, by that clock or in truth, keep everything."""
        ends = [(one.start, one.end, one.true_time(one.start), one.true_time(one.end)) for one in self.offsets]
        self.moved: list[Span] = [(min(times) - AROUND_MS, max(times) + AROUND_MS) for times in ends]
        self.points: dict[Kind, list[str]] = {}

    def days(self, kind: Kind, end: int) -> Iterator[int]:
        """Begins of the days before `end` that hold readings and are not done yet."""
        with self.engine.connect() as connection:
            until = thinned.until(connection, self.names[0], self.names[2], kind)
        start = -MAX_MS if until is None else until
        while start < end and (at := self.telemetry.oldest(*self.names, start, end)) is not None:
            if not self.points:
                known = self.telemetry.latest(*self.names)
                self.points = {one: [name for name in sorted(known) if name in POINTS and POINTS[name].kind is one] for one in Kind}
            if not self.points[kind]:
                return
            day = floor(at, "day")
            yield day
            start = day + DAY_MS

    def waits(self, day: int) -> bool:
        """Whether an hour is still to be counted that could change what was judged of a day."""
        keys = [known.key for known, _ in self.meters]
        with self.engine.connect() as connection:
            return waiting.is_any_touched(connection, keys, day - RETURN_MS, day + DAY_MS + RETURN_MS)

    def thin(self, kind: Kind, day: int) -> int:
        """Let a day's readings of a kind go; with its gauges go its thinned counters, where they are kept as one. How many went."""
        with self.engine.connect() as connection:
            quiet = {known.id: _Around(connection, known, counter, day, self.moved) for known, counter in self.meters}
        times = {name: self._counter(name, day, quiet) for name in self.points[Kind.COUNTER]}
        if kind is Kind.GAUGE:
            times |= {name: self._gauge(name, day, quiet) for name in self.points[Kind.GAUGE]}
        times = {name: of_point for name, of_point in times.items() if of_point}
        return self.telemetry.forget(*self.names, times) if times else 0

    def mark(self, kind: Kind, until: int) -> None:
        """Keep how far the readings of a kind are done; without it they are looked at again, and nothing more goes."""
        with writing(self.engine).begin() as connection:
            thinned.mark(connection, self.names[0], self.names[2], kind, until)

    def _counter(self, point: str, day: int, quiet: Mapping[str, _Around]) -> list[int]:
        """Times of a day at which a counter's good readings go; a doubtful one beside it belongs to a clock, and keeps its time."""
        low, high = day - AROUND_MS, day + DAY_MS + AROUND_MS
        found = [one for one in self.telemetry.counter_samples(*self.names, point, low, high) if low <= one[0] < high]
        counting = [(known, counter) for known, counter in self.meters if counter.point == point]
        stays = {at for at, _ in self.telemetry.doubtful_samples(*self.names, point, day, day + DAY_MS)}
        stays |= set() if counting else grid(found)
        for known, counter in counting:
            stays |= _stays(found, known, counter, quiet[known.id])
        return [at for at, _ in found if day <= at < day + DAY_MS and at not in stays and not within(floor(at, "hour"), self.moved)]

    def _gauge(self, point: str, day: int, quiet: Mapping[str, _Around]) -> list[int]:
        """Times of a day at which a gauge's readings go; where a counter stood, what its branch drew says why, and stays."""
        stays = {hour for hour in range(day, day + DAY_MS, HOUR_MS) if within(hour, self.moved)}
        for known, counter in self.meters:
            if counter.rate_point == point:
                settled = quiet[known.id]
                stays |= restless(range(day, day + DAY_MS, HOUR_MS), settled.measured, settled.quiet.whole)
        readings = self.telemetry.series(*self.names, point, day, day + DAY_MS)
        return [reading.at for reading in readings if floor(reading.at, "hour") not in stays]


def _stays(found: Sequence[Sample], known: Known, counter: Counter, settled: _Around) -> set[int]:
    """The times that stay for a meter; an hour with a value that the ledger cannot count keeps all."""
    usable, unusable = [], set()
    for at, value in found:
        try:
            usable.append((at, to_base(value, known.energy, counter.unit)))
        except ValueError:
            unusable.add(at)
    quiet = settled.quiet._replace(whole=[*settled.quiet.whole, *((at, at) for at in unusable)])
    return staying(usable, quiet) | unusable


class _Around:
    """What the ledger says of one meter around a day."""

    def __init__(self, connection: sa.Connection, known: Known, counter: Counter, day: int, moved: Sequence[Span]) -> None:
        levels: dict[int, Level] = {}
        open_hours, other, self.measured = set[int](), set[int](), set[int]()
        for one in hours.kept(connection, known.key, day - AROUND_MS, day + DAY_MS + AROUND_MS):
            if one.provisional or one.level_at is None or one.level is None:
                open_hours.add(one.hour)
            else:
                levels[one.hour] = (one.level_at, one.level)
            (self.measured if one.provenance is Provenance.MEASURED and one.amount > 0 else other).add(one.hour)
        self.measured -= other | open_hours
        rules = counter.rules
        judged = Settled(connection, known.key).reaching(day - RETURN_MS - DAY_MS, day + 2 * DAY_MS)
        seams = [one.until for one in (known.counter or counter).earlier]  # a seam may lie as far from its entry as a ratio's break
        spans = spans_of(judged, [one.at for one in rules.exchanges], [*(one.at for one in rules.ratios), *seams])
        rates = [rules.limits.rate, *(row.rate for row in counter.learnt if rules.limits.rate_is_default)]
        rate = min((one for one in rates if one is not None), default=None)
        self.quiet = Quiet(
            {begin: one for begin, one in levels.items() if begin not in open_hours}, [*spans, *moved], replace(rules.limits, rate=rate)
        )
