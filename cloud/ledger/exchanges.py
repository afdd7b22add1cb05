"""What people record that changes what a counter means: another meter or other transformers, and times out of use.

An exchange is checked against what the ledger settled around it: a value that no counter showed would add a meter's life.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from cloud.ledger.base_units import energy_of, to_base, to_factor_unit
from cloud.ledger.breaks import SNAP_MS
from cloud.ledger.counters import UNDECIDED
from cloud.ledger.known_meters import Known, load_meters
from cloud.ledger.limits import Limits
from cloud.ledger.path import Kind
from cloud.ledger.periods import HOUR_MS
from cloud.ledger.recorded import RecordError, counted_as
from cloud.ledger.settled import DECIDED, Level
from cloud.registry import tables
from cloud.registry.audit import audited
from cloud.registry.database import upsert, writing
from contract.clock import iso

_BREAKING = {*DECIDED, Kind.EXCURSION, UNDECIDED}


@dataclass(frozen=True, slots=True)
class Change:
    """An exchange of a meter or of its transformers, as somebody reports it.

    Attributes:
        meter: Id of the meter.
        at: When, ms since 1970 in UTC.
        last: What the counter showed last, in the point's unit and with the old ratio.
        first: What it showed first afterwards, with the new ratio.
        why: The person's reason.
    """

    meter: str
    at: int
    last: float
    first: float
    why: str


def record_exchange(engine: sa.Engine, change: Change, by: str, now: int) -> None:
    """Record an exchange; recorded again for the same moment, it is corrected. The hours around it are counted anew.

    Args:
        engine: Of the ledger.
        change: What was done.
        by: Who records it.
        now: ms since 1970 in UTC.

    Raises:
        RecordError: What is wrong, and with which field.
    """
    if change.at > now:
        raise RecordError(f"at: expected a time until {iso(now)}, got {iso(change.at)}")
    if not change.why.strip():
        raise RecordError("reason: expected why the meter or its transformers were changed")
    with writing(engine).begin() as connection:
        energy, unit = counted_as(connection, change.meter)
        try:
            last, first = (to_base(value, energy, unit) for value in (change.last, change.first))
        except ValueError as error:
            raise RecordError(f"last, first: {error}") from error
        row = {"meter": change.meter, "at": change.at, "old_last": last, "new_first": first}
        _check(connection, load_meters(connection, [change.meter])[change.meter], change, last, first)
        _check_single(connection, change)
        upsert(connection, tables.exchange, [row | {"reason": change.why, "recorded_by": by, "recorded_at": now}])
        hour = {"meter": change.meter, "hour": change.at // HOUR_MS * HOUR_MS, "generation": 1}
        upsert(connection, tables.touched, [hour], add="generation")
        audited(connection, "exchange", row | {"why": change.why}, by, now)


@dataclass(frozen=True, slots=True)
class OutOfUse:
    """A time in which a meter was not used, as somebody reports it.

    Attributes:
        meter: Id of the meter.
        start: From when, ms since 1970 in UTC.
        end: Until when, exclusive; None until further notice.
        why: The person's reason.
    """

    meter: str
    start: int
    end: int | None
    why: str


def record_out_of_use(engine: sa.Engine, time: OutOfUse, by: str, now: int) -> None:
    """Record that a meter was out of use: a counter that stands then has truly counted 0. Recorded again, it is corrected.

    Args:
        engine: Of the ledger.
        time: Which meter, from when and until when.
        by: Who records it.
        now: ms since 1970 in UTC.

    Raises:
        RecordError: What is wrong, and with which field.
    """
    if time.end is not None and time.end <= time.start:
        raise RecordError(f"to: expected a time after {iso(time.start)}, got {iso(time.end)}")
    if not time.why.strip():
        raise RecordError("reason: expected why the meter was out of use")
    with writing(engine).begin() as connection:
        counted_as(connection, time.meter)
        group = connection.execute(sa.select(tables.meter.c.grp).where(tables.meter.c.id == time.meter)).scalar_one()
        row = {"grp": group, "meter": time.meter, "start": time.start, "end": time.end, "reason": time.why}
        end = max(_ends(connection, group, time, now))
        upsert(connection, tables.out_of_use, [row | {"recorded_by": by, "recorded_at": now}])
        _touch(connection, group, time, end)
        audited(connection, "out_of_use", row, by, now)


def _ends(connection: sa.Connection, group: str, time: OutOfUse, now: int) -> Iterator[int]:
    """Until when a record is about hours that were counted, ms: as it says, and as it said before it was corrected."""
    known = tables.out_of_use.c
    same = sa.and_(known.grp == group, known.meter == time.meter, known.start == time.start)
    for end in (time.end, *connection.execute(sa.select(known.end).where(same)).scalars()):
        yield now if end is None else min(end, now)


def _touch(connection: sa.Connection, group: str, time: OutOfUse, end: int) -> None:
    """Touch what was counted from the begin of a record until an end, and the begin of what was judged since then."""
    hour, judged = tables.ledger_hour.c, tables.judgement.c
    mine = sa.and_(hour.meter == time.meter, hour.hour >= time.start // HOUR_MS * HOUR_MS, hour.hour < end)
    asked = sa.select(judged.since).where(judged.grp == group, judged.meter == time.meter, judged.until >= time.start)
    counted = [*connection.execute(sa.select(hour.hour).where(mine).distinct()).scalars()]
    counted += [since // HOUR_MS * HOUR_MS for since in connection.execute(asked).scalars()]
    upsert(connection, tables.touched, [{"meter": time.meter, "hour": at, "generation": 1} for at in set(counted)], add="generation")


def _check(connection: sa.Connection, meter: Known, change: Change, last: int, first: int) -> None:
    """Refuse values that the settled counter around the exchange contradicts.

    Raises:
        RecordError: What it showed, and when.
    """
    if meter.counter is None:
        return
    for field, value in (("last", last), ("first", first)):
        if value < 0:
            raise RecordError(f"{field}: expected a counter of at least 0, got {value}")
    before, after = _around(connection, meter.id, change.at)
    limits = meter.counter.limits_of(before or (change.at, last))
    near = _Near(meter, limits, meter.counter.interval)
    if _fits_break(connection, near, change.at, (last, first)):
        return
    if before is not None and not near.follows(before, (change.at, last)):
        raise near.refusal("last", before, last)
    if after is not None and after[0] - change.at <= SNAP_MS and not near.follows((change.at, first), after):
        raise near.refusal("first", after, first)


def _check_single(connection: sa.Connection, change: Change) -> None:
    """Refuse a second record of one exchange: its break is taken.

    Raises:
        RecordError: When it was recorded for, so that it can be corrected there.
    """
    row = tables.exchange.c
    near = sa.and_(row.meter == change.meter, row.at != change.at, row.at.between(change.at - SNAP_MS, change.at + SNAP_MS))
    other = connection.execute(sa.select(row.at).where(near).limit(1)).scalar()
    if other is not None:
        raise RecordError(f"at: an exchange of {change.meter} is recorded for {iso(other)}; expected that time to correct it")


def _around(connection: sa.Connection, meter: str, at: int) -> tuple[Level | None, Level | None]:
    """The settled levels next to a moment, at or before it and after it."""
    hour = tables.ledger_hour.c
    known = sa.select(hour.level_at, hour.level).where(hour.meter == meter, hour.level_at.is_not(None))
    before = connection.execute(known.where(hour.level_at <= at, hour.hour <= at).order_by(hour.hour.desc()).limit(1)).one_or_none()
    after = connection.execute(known.where(hour.level_at > at, hour.hour >= at - HOUR_MS).order_by(hour.hour).limit(1)).one_or_none()
    return (None if before is None else (before[0], before[1])), (None if after is None else (after[0], after[1]))


@dataclass(frozen=True, slots=True)
class _Near:
    """What a counter can do near an exchange.

    Attributes:
        meter: Whose counter.
        limits: What it can do.
        interval: Between two polls, ms. A recorded time is as good as that at best, since no sample tells what was in between.
    """

    meter: Known
    limits: Limits
    interval: int

    def follows(self, earlier: Level, later: Level) -> bool:
        """Whether one meter can have shown both: what it counted in between is what its branch can draw in that time."""
        at, level = earlier
        return self.limits.agrees(at, level, (max(later[0], at + self.interval), later[1]))

    def refusal(self, field: str, level: Level, value: int) -> RecordError:
        """Why a value is refused: what the counter showed, and when."""
        shown, wrong = _shown(level[1], self.meter), _shown(value, self.meter)
        return RecordError(f"{field}: the counter showed {shown} at {iso(level[0])}; {wrong} cannot be")


def _fits_break(connection: sa.Connection, counter: _Near, at: int, ends: tuple[int, int]) -> bool:
    """Whether the counter broke near a moment just as it is said; near, and otherwise, is a fault that tells when it broke."""
    judged, meter = tables.judgement.c, counter.meter
    near = sa.and_(judged.since <= at + SNAP_MS, judged.until >= at - SNAP_MS, judged.kind.in_([str(kind) for kind in _BREAKING]))
    mine = sa.and_(judged.grp == meter.group, judged.meter == meter.id, near)
    rows = connection.execute(sa.select(judged.since, judged.at, judged.before, judged.after).where(mine).order_by(judged.at)).all()
    for since, shown_at, before, after in rows:
        old, new = ends[0] - before, after - ends[1]
        both = max(old, 0) + max(new, 0)  # the two meters share the time of the break
        if min(old, new) >= -counter.limits.step and counter.follows((since, before), (shown_at, before + both)):
            return True
    if rows and all(row.at - row.since <= SNAP_MS for row in rows):
        _, shown_at, before, after = min(rows, key=lambda row: abs(row.at - at))
        raise RecordError(
            f"last, first: the counter broke at {iso(shown_at)}, from {_shown(before, meter)} to {_shown(after, meter)}; "
            f"expected about these, got {_shown(ends[0], meter)} and {_shown(ends[1], meter)}"
        )
    return False


def _shown(amount: int, meter: Known) -> str:
    return f"{to_factor_unit(amount, meter.energy):f} {energy_of(meter.energy).factor_unit}"
