"""Touched hours are counted anew in rounds, in which each meter has one turn.

A turn is the newest so many touched hours of a meter: what it costs follows from its hours, however many meters wait, and a long
history of some meters does not hold back what the others used today. Several turns are written in one transaction, so that neither
many meters nor many hours mean many transactions, and none holds the database for long: ingest writes to it too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import InitVar, dataclass, field
from typing import NamedTuple

import sqlalchemy as sa
import structlog

from cloud.ledger.counted import count
from cloud.ledger.known_meters import Known, load_meters
from cloud.ledger.learning import taught
from cloud.ledger.model import MeterKey
from cloud.ledger.periods import HOUR_MS
from cloud.ledger.repository import records, waiting
from cloud.ledger.repository.hours import parts_of_days
from cloud.ledger.repository.settled import Settled
from cloud.ledger.repository.waiting import Generations
from cloud.ledger.rows import Step, write
from cloud.platform.database import writing
from cloud.telemetry.base import Telemetry
from contract.logs import Seldom

log = structlog.get_logger()
ROUND, TURN, LONGEST = 100_000, 1000, 10_000
"""Touched hours of a round, shared out evenly among the meters; the least and the most that a meter may then take in a turn. Each turn
reads samples beside its own, so shorter ones cost more in all."""
SAMPLES = 500_000
"""Most samples that a turn reads, as far as the interval of the meter's device tells; some 100 bytes each."""
_INTERVAL_MS = 60_000
"""Of a device whose interval is not known."""
BATCH, METERS = 4000, 100
"""Touched hours, and meters, after which what was counted is written: less than a second of counting, much less of writing."""
_FAULTS = Seldom(3600.0)
"""Of meters that cannot be counted: the same one is told once an hour."""


class Taken(NamedTuple):
    """What left the list at once: how many touched hours, and whether its meters have more that waited before."""

    hours: int
    more: bool


def round_of_turns(engine: sa.Engine, telemetry: Telemetry, limit: int | None = None) -> Iterator[Taken]:
    """Give each meter that waits one turn, the meter with the newest touched hour first; what is yielded is written.

    Hours of a meter with a fault stay until its settings are right.

    Args:
        engine: Of the registry and ledger.
        telemetry: Samples come from it, figures go to it.
        limit: Most touched hours to take; None for no limit.

    Raises:
        StoreDown: The time-series store cannot be asked; what was yielded stays done.
        sqlalchemy.exc.OperationalError: The database cannot be asked; the same.
    """
    with engine.connect() as connection:
        names = deque(waiting.meters(connection))
    left, most = limit, min(max(TURN, ROUND // max(len(names), 1)), LONGEST)
    while names and left != 0:
        with engine.connect() as connection:
            hours = _next(connection, names, most, left)
            known = load_meters(connection, hours)
        turns = [_Turn(known[name], of_meter, most) for name, of_meter in hours.items() if name in known and _is_sound(known[name])]
        gone = {name: of_meter for name, of_meter in hours.items() if name not in known}
        done = Taken(
            sum(len(turn.hours) for turn in turns) + sum(map(len, gone.values())),
            any(turn.more for turn in turns) or any(len(of_meter) == most for of_meter in gone.values()),
        )
        _settle(engine, telemetry, turns)
        if gone:
            with writing(engine).begin() as connection:
                waiting.clear(connection, gone)
        left = None if left is None else left - done.hours
        if done.hours:
            yield done


def _next(connection: sa.Connection, names: deque[MeterKey], most: int, limit: int | None) -> dict[MeterKey, Generations]:
    """The hours of the next meters, so many as are written at once, and at most so many of each.

    They are read before the meters: what is recorded about a meter later touches its hours again.
    """
    found: dict[MeterKey, Generations] = {}
    taken = 0
    while names and taken < BATCH and taken != limit and len(found) < METERS:
        name = names.popleft()
        hours = waiting.newest(connection, name, most if limit is None else min(most, limit - taken))
        if hours:  # a meter may have been taken out meanwhile
            found[name] = hours
        taken += len(hours)
    return found


def _is_sound(meter: Known) -> bool:
    """Whether a meter can be counted; else it is told why not."""
    if meter.fault and _FAULTS.news((meter.key, meter.fault)):
        log.error(
            "a meter cannot be counted; its hours wait until its settings are right",
            group=meter.key.group,
            meter=meter.id,
            reason=meter.fault,
        )
    return not meter.fault


def _settle(engine: sa.Engine, telemetry: Telemetry, turns: list[_Turn]) -> None:
    """Count the turns and write them; those for which something else holds from a moment on go on from there, as often as needed."""
    going_on = turns
    while going_on:
        with engine.connect() as connection:
            steps = [turn.count(connection, telemetry) for turn in going_on]
        write(engine, telemetry, steps)
        going_on = [turn for turn in going_on if turn.hours]
    with engine.connect() as connection:
        found = [(turn.meter, taught(connection, telemetry, turn.meter, turn.first)) for turn in turns]
    lessons = [(meter.key, lesson) for meter, lesson in found if lesson is not None]
    if lessons:
        with writing(engine).begin() as connection:
            records.learn(connection, lessons)


@dataclass(slots=True)
class _Turn:
    """The touched hours of a meter that are counted now: from one lesson of the counter to the next, and from one size of its steps.

    Each part is counted from what the ledger says of the one before, so that is written first. What is still to be counted is on
    the list of touched hours until then, so a crash in between loses nothing.
    """

    meter: Known
    generations: Generations
    most: InitVar[int]
    hours: list[int] = field(init=False)
    first: int = field(init=False)
    more: bool = field(init=False)
    _resumed: set[int] = field(init=False, default_factory=set)
    """Where counting went on already."""

    def __post_init__(self, most: int) -> None:
        read = most
        if self.meter.counter is not None:
            most = min(most, max(SAMPLES * (self.meter.counter.interval or _INTERVAL_MS) // HOUR_MS, 1))
        self.more = len(self.generations) > most or len(self.generations) == read  # of which there may be more
        self.generations = dict(sorted(self.generations.items())[-most:])
        self.hours = sorted(self.generations)
        self.first = self.hours[0]

    def count(self, connection: sa.Connection, telemetry: Telemetry) -> Step:
        """Count the next part; `hours` are then those that are left."""
        change = None if self.meter.counter is None else self.meter.counter.next_lesson(self.hours[0])
        part = [hour for hour in self.hours if change is None or hour < change]
        counted = count(self.meter, telemetry, Settled(connection, self.meter.key), part, self._resumed)
        before = parts_of_days(connection, self.meter.key, counted.ranges)
        resumed = [hour for at, end in counted.resume.items() for hour in range(at, end, HOUR_MS)]
        done = {hour: self.generations.pop(hour) for hour in {*part} - {*resumed} if hour in self.generations}
        added = [hour for hour in resumed if hour not in self.generations]
        self._resumed.update(counted.resume)
        self.generations.update(dict.fromkeys(added, 1))
        self.hours = sorted({*self.hours[len(part) :], *resumed})
        return Step(self.meter, counted, before, done, added)
