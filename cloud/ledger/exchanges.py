"""What people record that changes what a counter means: another meter or other transformers, and times out of use.

An exchange is checked against what the ledger settled around it: a value that no counter showed would add a meter's life.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from cloud.accounts.repository import audited
from cloud.ledger.base_units import to_base
from cloud.ledger.breaks import SNAP_MS, Exchange
from cloud.ledger.exchange_checks import check_exchange
from cloud.ledger.known_meters import load_meters
from cloud.ledger.model import MeterKey
from cloud.ledger.periods import HOUR_MS
from cloud.ledger.recorded import RecordError, counted_as
from cloud.ledger.repository import hours, judgements, records, waiting
from cloud.platform.database import writing
from contract.clock import iso


@dataclass(frozen=True, slots=True)
class Change:
    """An exchange of a meter or of its transformers, as somebody reports it.

    Attributes:
        meter: Which meter.
        at: When, ms since 1970 in UTC.
        last: What the counter showed last, in the point's unit and with the old ratio.
        first: What it showed first afterwards, with the new ratio.
        why: The person's reason.
    """

    meter: MeterKey
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
        meter = load_meters(connection, [change.meter])[change.meter]
        if meter.fault:
            raise RecordError(f"meter: expected one that the ledger can count: {meter.fault}")
        check_exchange(connection, meter, change.at, last, first)
        _check_single(connection, change)
        records.put_exchange(connection, change.meter, Exchange(change.at, last, first), change.why, by, now)
        waiting.touch(connection, [(change.meter, change.at // HOUR_MS * HOUR_MS)])
        detail = {"meter": change.meter.id, "at": change.at, "old_last": last, "new_first": first, "why": change.why}
        audited(connection, "exchange", detail, by, now, group=change.meter.group)


@dataclass(frozen=True, slots=True)
class OutOfUse:
    """A time in which a meter was not used, as somebody reports it.

    Attributes:
        meter: Which meter.
        start: From when, ms since 1970 in UTC.
        end: Until when, exclusive; None until further notice.
        why: The person's reason.
    """

    meter: MeterKey
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
    for field, given in (("from", time.start), ("to", time.end)):
        if given is not None and given > now:
            raise RecordError(f"{field}: expected a time until {iso(now)}, got {iso(given)}")
    if time.end is not None and time.end <= time.start:
        raise RecordError(f"to: expected a time after {iso(time.start)}, got {iso(time.end)}")
    if not time.why.strip():
        raise RecordError("reason: expected why the meter was out of use")
    with writing(engine).begin() as connection:
        counted_as(connection, time.meter)
        end = max(_ends(connection, time, now))
        records.put_out_of_use(connection, time.meter, (time.start, time.end), time.why, by, now)
        _touch(connection, time, end)
        detail = {"grp": time.meter.group, "meter": time.meter.id, "start": time.start, "end": time.end, "reason": time.why}
        audited(connection, "out_of_use", detail, by, now, group=time.meter.group)


def _ends(connection: sa.Connection, time: OutOfUse, now: int) -> Iterator[int]:
    """Until when a record is about hours that were counted, ms: as it says, and as it said before it was corrected."""
    for end in (time.end, *records.ends_out_of_use(connection, time.meter, time.start)):
        yield now if end is None else min(end, now)


def _touch(connection: sa.Connection, time: OutOfUse, end: int) -> None:
    """Touch what was counted from the begin of a record until an end, and the begin of what was judged since then."""
    counted = hours.begins(connection, time.meter, time.start // HOUR_MS * HOUR_MS, end)
    counted += [since // HOUR_MS * HOUR_MS for since in judgements.begins(connection, time.meter, time.start)]
    waiting.touch(connection, [(time.meter, hour) for hour in set(counted)])


def _check_single(connection: sa.Connection, change: Change) -> None:
    """Refuse a second record of one exchange: its break is taken.

    Raises:
        RecordError: When it was recorded for, so that it can be corrected there.
    """
    other = records.other_exchange(connection, change.meter, change.at, SNAP_MS)
    if other is not None:
        raise RecordError(f"at: an exchange of {change.meter} is recorded for {iso(other)}; expected that time to correct it")
