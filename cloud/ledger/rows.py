"""What was counted anew of some meters goes into the ledger: figures first, then all rows in one transaction.

A crash between the two repeats both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.devices.repository import events
from cloud.ledger import periods
from cloud.ledger.base_units import energy_of
from cloud.ledger.bills import recount
from cloud.ledger.counted import Counted
from cloud.ledger.counters import HELD, RESTING, SEAM, UNDECIDED, Parts, Provenance
from cloud.ledger.export import Change, write_back
from cloud.ledger.known_meters import Known
from cloud.ledger.model import MeterKey
from cloud.ledger.path import Kind
from cloud.ledger.periods import HOUR_MS
from cloud.ledger.repository import entries, hours, judgements, records, waiting
from cloud.ledger.repository.hours import Row
from cloud.ledger.repository.waiting import Generations
from cloud.organisations.queries import published_as
from cloud.platform.database import writing
from cloud.telemetry.base import Telemetry
from contract.clock import iso
from contract.coded import Message

UNUSABLE = "counter_unusable"
"""Kind of the event for a sample that does not fit the ledger."""
_KINDS = (UNUSABLE, *(f"counter_{kind}" for kind in Kind))
_UNTOLD = frozenset({UNDECIDED, HELD, RESTING, SEAM})
_TEXT = {provenance: provenance.value for provenance in Provenance}  # a look-up costs less than the property, and there are many


class Step(NamedTuple):
    """What was counted of one meter.

    Attributes:
        meter: Whose.
        counted: Anew.
        before: What the ledger had of all days that it touches.
        done: Touched hours that were counted, with the generation that they had.
        added: Hours (begins, ms) that were not touched and must be counted next, since something else is known from there on.
    """

    meter: Known
    counted: Counted
    before: Parts
    done: Generations
    added: Sequence[int]


def write(engine: sa.Engine, telemetry: Telemetry, steps: Sequence[Step]) -> None:
    """Write what was counted of some meters, each once among them.

    Raises:
        StoreDown: Count them again.
        sqlalchemy.exc.OperationalError: The same.
    """
    keys = [step.meter.key for step in steps]
    with engine.connect() as connection:
        entered, tags = entries.months(connection, keys), published_as(connection)
    write_back(
        telemetry,
        [_change(step, tags.get(step.meter.key.group, ""), _outside(step.counted.parts, entered[step.meter.key])) for step in steps],
    )
    with writing(engine).begin() as connection:
        entered = entries.months(connection, keys)  # a month may have been entered meanwhile
        _replace(connection, steps, entered)
        recount(connection, {step.meter.key: step.counted.ranges for step in steps})
        _record(connection, steps)
        waiting.clear(connection, {step.meter.key: step.done for step in steps})
        waiting.put_back(connection, [(step.meter.key, hour) for step in steps for hour in step.added])


def _change(step: Step, tag: str, parts: Parts) -> Change:
    """The figures that change: what an entered month has stands beside what was counted."""
    counted, before = step.counted, step.before
    replaced = {hour for hour, _ in before if counted.replaces(hour)}
    kept = {key: amount for key, amount in before.items() if key[1] is Provenance.MANUAL or key[0] not in replaced}
    return Change(step.meter, tag, kept | parts, replaced, {hour for hour, _ in parts} | replaced)


def _outside(parts: Parts, months: Collection[str]) -> Parts:
    """The parts outside of some months."""
    if not months:
        return parts
    return {key: amount for key, amount in parts.items() if f"{periods.local_date(key[0]):%Y-%m}" not in months}


def _spans(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The counted ranges as parameters."""
    return [
        {"group": step.meter.key.group, "of": step.meter.key.id, "first": first, "last": last, "end": last + HOUR_MS}
        for step in steps
        for first, last in step.counted.ranges
    ]


def _replace(connection: sa.Connection, steps: Sequence[Step], entered: Mapping[MeterKey, Collection[str]]) -> None:
    """Put the counted parts in the place of all that was counted of these hours; entered amounts are not touched."""
    hours.replace(connection, _spans(steps), [row for step in steps for row in _rows(step, entered[step.meter.key])])


def _rows(step: Step, months: Collection[str]) -> Iterator[Row]:
    meter, counted, none = step.meter.key, step.counted, (None, None)
    for (hour, provenance), amount in _outside(counted.parts, months).items():
        yield (*meter, hour, _TEXT[provenance], amount, hour in counted.provisional, *counted.levels.get(hour, none))


def _record(connection: sa.Connection, steps: Sequence[Step]) -> None:
    """Keep what was judged; judged again, it is the same row, and what late readings or a record explained is withdrawn."""
    events.forget(connection, _KINDS, _spans(steps))
    judgements.forget(connection, _spans(steps))
    judgements.put(connection, ((step.meter.key, one) for step in steps for one in step.counted.judgements.values()))
    events.put(connection, [row for step in steps for row in _events(step)])
    for meter, record, placed in ((step.meter.key, *one) for step in steps for one in step.counted.placed):
        records.place(connection, meter, record, placed)


def _events(step: Step) -> list[dict[str, object]]:
    """What was judged, for alerts and reports."""
    meter, unit = step.meter, energy_of(step.meter.energy).base_unit
    found = [
        (
            f"counter_{one.kind}",
            one.at,
            Message("reason.counter", since=iso(one.since), before=one.before, after=one.after, counted=one.amount, unit=unit),
        )
        for one in step.counted.judgements.values()
        if one.kind not in _UNTOLD
    ]
    found += [(UNUSABLE, at, why) for at, why in step.counted.unusable.items()]
    return [{"kind": k, "grp": meter.key.group, "subject": meter.id, "at": at, "detail": said.dumps()} for k, at, said in found]
