"""The order that keeps the promise: telemetry first, then one SQL transaction, and only then the acknowledgement."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from cloud.devices.clocks import JUDGED, SET, ClockOffset, Offset, State
from cloud.devices.model import NewEvent
from cloud.devices.own_clock import Moved
from cloud.devices.queries.clocks import judged
from cloud.devices.queries.events import number_noted
from cloud.devices.repository import clocks, events, handed, nodes, readings
from cloud.ingest.batch import MINUTE, Batch
from cloud.ingest.refused import record
from cloud.ingest.taken_back import BringForward, nobody_waits, take_back
from cloud.ledger.clock_offsets import count_anew
from cloud.ledger.repository import waiting
from cloud.operations.commands import recall
from cloud.operations.model import Standing
from cloud.operations.repository import answered
from cloud.platform.database import writing
from cloud.telemetry.base import Refused, Telemetry
from contract.coded import Message

MOST_DEATHS = 1000
"""Deaths of a node's devices within a day that are events of their own."""
_DAY = 86_400_000
_DEATH = "device_death"


def store(batch: Batch, engine: sa.Engine, telemetry: Telemetry, bring_forward: BringForward = nobody_waits) -> None:
    """Store a batch; running it again changes nothing.

    Args:
        batch: What messages ask of the stores.
        engine: The relational database.
        telemetry: The time-series store, which is written first.
        bring_forward: For those who wait for a moment, where the time that the cloud believes moves back.

    Raises:
        StoreDown: Telemetry cannot be reached.
        sqlalchemy.exc.SQLAlchemyError: The database cannot be reached, or not be written to.
    """
    refused = _written(batch, telemetry)
    for (group, _, reading), _ in refused:
        batch.polls[group, reading.device].forget(reading.point, reading.at)
    _commit(batch, engine, refused, bring_forward)


def store_whole(batch: Batch, engine: sa.Engine, telemetry: Telemetry) -> set[tuple[str, str]]:
    """Store a batch as `store` does, unless the time-series store refuses some of it: then nothing is committed.

    Returns:
        Group and device of what was refused; none where all is stored.
    """
    refused = _written(batch, telemetry)
    if not refused:
        _commit(batch, engine, refused, nobody_waits)
    return {(line.group, line.reading.device) for line, _ in refused}


def _written(batch: Batch, telemetry: Telemetry) -> list[Refused]:
    return telemetry.write(batch.lines) if batch.lines else []


def _commit(batch: Batch, engine: sa.Engine, refused: Sequence[Refused], bring_forward: BringForward) -> None:
    with writing(engine).begin() as connection:
        nodes.put_births(connection, batch.births.values())
        nodes.forget_births(connection, batch.gone)
        nodes.put_nodes(connection, batch.nodes.values())
        nodes.put_devices(connection, batch.devices.values())
        nodes.put_states(connection, batch.states.values())
        waiting.touch(connection, sorted(batch.touched))
        _take_back(connection, batch.moved, bring_forward)
        _clocks(connection, batch)
        clocks.keep_own(connection, batch.own)
        _latest(connection, batch)
        events.note(connection, [*_events(batch), *_deaths(connection, batch)])
        record(connection, batch, [*refused, *batch.rejected])
        _results(connection, batch)
        handed.hand(connection, batch.handed)


def _take_back(connection: sa.Connection, moves: Sequence[Moved], bring_forward: BringForward) -> None:
    """What was judged by a time that is not believed any more; rows that were marked suspect for nothing are asked for again."""
    again: dict[tuple[str, str], tuple[int, int]] = {}
    for moved in moves:
        for source, (first, last) in take_back(connection, moved, bring_forward).items():
            begin, end = again.get(source, (first, last))
            again[source] = min(begin, first), max(end, last)
    if again:
        recall(connection, again, JUDGED, moves[-1].moved_to)


def _clocks(connection: sa.Connection, batch: Batch) -> None:
    """Of each source the judgements that ended stay; of the one that has not, what is known now takes the place of what was.

    Judged again after a crash, a judgement takes its own place. After another power cut the clock says the same times once more,
    with another offset: that is a judgement of its own.
    """
    for (group, name), (closed, source) in batch.clocks.items():
        before = judged(connection, group, name)
        clocks.forget_unfinished(connection, group, name)
        rows = [*closed, source.row] if source.row is not None and source.row.end >= source.row.start else closed
        found = []
        for row in rows:
            offset = Offset(row.start, row.end, row.offset_from, row.offset_to)
            if row.state is not State.UNDECIDED and (again := _shown_again(offset, before)):
                count_anew(connection, group, name, again)
            clocks.forget_alike(connection, group, name, offset)
            found.append(ClockOffset(group, name, offset, row.state, JUDGED, row.why, batch.received_at or source.noted_at, row.good))
        clocks.put(connection, found)


def _shown_again(now: Offset, before: Sequence[Offset]) -> list[Offset]:
    """Those parts of other judgements whose times a judgement covers newly: what was counted through them does not count any more."""
    over = [one for one in before if one.start <= now.end and one.end >= now.start]
    same = [one for one in over if abs(one.offset_from - now.offset_from) <= SET]
    first, last = min((one.start for one in same), default=now.end + 1), max((one.end for one in same), default=now.end)
    new = [(now.start, first - 1), (last + 1, now.end)]
    spans = [(one, max(one.start, begin), min(one.end, end)) for one in over if one not in same for begin, end in new]
    return [Offset(start, end, start - one.true_time(start), end - one.true_time(end)) for one, start, end in spans if start <= end]


def _latest(connection: sa.Connection, batch: Batch) -> None:
    """The newest reading of each point of each device."""
    rows: list[readings.Values] = [
        (group, device, point, *newest[:2], int(newest.quality), *newest[3:])
        for (group, device), polls in batch.polls.items()
        for point, newest in polls.newest().items()
    ]
    readings.put_newest(connection, rows)


def _events(batch: Batch) -> list[NewEvent]:
    return [NewEvent(*key, detail, batch.received_at) for key, detail in batch.events.items()]


def _deaths(connection: sa.Connection, batch: Batch) -> list[NewEvent]:
    """The events of devices' deaths; of those that were told within a minute the last one takes the place of the others.

    Where a node's devices died often within a day, it takes the place of all that were told in it: some may be invented.
    """
    many = {key for key in {(group, node) for (group, _, _), (_, _, node) in batch.deaths.items()} if _died_often(connection, batch, *key)}
    last: dict[tuple[str, str, int], tuple[int, int, str]] = {}
    for (group, device, minute), death in batch.deaths.items():
        last[group, device, 0 if (group, death[2]) in many else minute] = death
    told = [
        {"group": g, "of": d, "first": m * MINUTE if m else told_at - _DAY, "last": told_at // MINUTE * MINUTE + MINUTE - 1}
        for (g, d, m), (_, told_at, _) in last.items()
    ]
    events.forget_noted(connection, _DEATH, told)
    return [NewEvent(_DEATH, group, device, at, _reported(node), told_at) for (group, device, _), (at, told_at, node) in last.items()]


def _died_often(connection: sa.Connection, batch: Batch, group: str, node: str) -> bool:
    """Whether the devices of a node have as many events of their deaths within a day as they may."""
    return number_noted(connection, _DEATH, group, _reported(node), batch.received_at - _DAY) >= MOST_DEATHS


def _reported(node: str) -> str:
    return Message("reason.reported_by", node=node).dumps()


def _results(connection: sa.Connection, batch: Batch) -> None:
    """Answers to commands; one for an unknown id, or from another device than was asked, changes nothing."""
    for answer in batch.results:
        answered(connection, answer.group, answer.device, answer.id, Standing(answer.state, answer.read_back, answer.reason))
