"""Which times of a payload are not believed, and what that says of the clocks they come from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from cloud.devices.clocks import TOLERANCE, State
from cloud.ingest.doubt import ENOUGH, weigh
from cloud.ingest.judging import DRIFT, Row, Source
from cloud.ingest.node_cache import Known
from cloud.ledger.periods import HOUR_MS
from cloud.telemetry.base import MAX_MS
from contract import sparkplug
from contract.clock import EARLIEST
from contract.coded import Message
from contract.reading import Reading
from contract.sparkplug_b_pb2 import Payload
from contract.topics import Topic

if TYPE_CHECKING:
    from cloud.ingest.batch import Batch

_NONE: tuple[int, ...] = ()
UNDECIDED_FOR = 24 * HOUR_MS
"""After so long (ms) without a further reading, what came late counts as late: it was all that there was."""


def doubtful_times(
    batch: Batch,
    known: Known,
    topic: Topic,
    payload: Payload,
    received_at: int,
    good: Collection[int],
    others: Sequence[Reading],
    *,
    live: bool,
    ours: bool,
) -> Collection[int]:
    """Those of a payload's times of measurement that are not believed.

    Of a node of ours the lag of its gateway is the age of the payload, since that is stamped when it is sent, and so without the
    wait in the outbox. A device that dates itself is judged by the age that its reading had when the gateway took it over. Of a
    foreign node only live readings can be judged: nothing says how long it kept others.

    Args:
        batch: Takes judgements, events and touched hours.
        known: Has the clocks.
        topic: Where the payload came from.
        payload: With a time that can be.
        received_at: Ms, by the cloud's clock.
        good: Times of its good readings, ms.
        others: Its other readings.
        live: Whether an old time of a foreign node says something of its clock.
        ours: Whether the node has an outbox.
    """
    sent = received_at - payload.timestamp
    taken = sparkplug.taken(payload) if ours else {}
    group, node, device = topic.group, topic.node, topic.device or topic.node
    _hear(known, topic, payload, received_at, live=ours or live)
    quiet = -DRIFT <= sent <= DRIFT and (group, node) not in known.clocks
    if ours and quiet and not taken and not others and max(good, default=0) <= received_at + TOLERANCE:
        return _NONE  # as nearly all are
    times = {*good, *(reading.at for reading in others)}
    found = known.own.found
    judge = _Judge(batch, known, group, device, received_at)
    wrong = {at for at in times if at > MAX_MS}  # no store holds them, so they say nothing of a clock
    times = _of_now(payload, taken, times) if ours else times
    if ours and not times and payload.timestamp < EARLIEST:
        return wrong
    if ours or live or sent < -TOLERANCE:
        gated = times - taken.keys() - wrong
        doubted = judge(node, payload.timestamp, sent, gated)
        if judge.news and weigh(batch, known, received_at):
            received_at -= known.own.found - found
            return doubtful_times(batch, known, topic, payload, received_at, good, others, live=live, ours=ours)
        if doubted:
            wrong |= gated
    for at in sorted(times - wrong):
        lag = received_at - at
        if at in taken:
            lag = sent + taken[at] - at
        elif lag >= -TOLERANCE and (ours or not live or device == node or abs(sent) > TOLERANCE):
            continue
        if judge(device, at, lag, [at]):
            wrong.add(at)
    return wrong


def _hear(known: Known, topic: Topic, payload: Payload, received_at: int, *, live: bool) -> None:
    """Note when a gateway of the site last showed what it takes for the time."""
    key = topic.group, topic.node
    dated = payload.timestamp >= EARLIEST and (topic.device != "" or not sparkplug.undated(payload))
    if live and dated and key in known.gateways:
        known.heard[key] = received_at


def _of_now(payload: Payload, taken: Mapping[int, int], times: set[int]) -> set[int]:
    """Those times that the gateway's clock is to be judged by.

    One that was started and does not know the time yet stamps what it sends by the time since its start: that says nothing of rows that
    it dated before.
    """
    return times if payload.timestamp >= EARLIEST else {at for at in times if taken.get(at, at) < EARLIEST}


class _Judge:
    """Judges sources by one payload of a device."""

    def __init__(self, batch: Batch, known: Known, group: str, device: str, received_at: int) -> None:
        self._batch, self._known, self._group, self._device, self._received_at = batch, known, group, device, received_at
        self.news = False
        """Whether something else is known of a clock now."""

    def __call__(self, name: str, at: int, lag: int, times: Iterable[int]) -> bool:
        """Take a measurement of a source; whether its clock is not believed."""
        key = (self._group, name)
        source = self._known.clocks.get(key)
        if source is None:
            if abs(lag) <= DRIFT:
                return False
            source = self._known.clocks[key] = Source()
        before, said = source.row, source.said()
        wrong = source.take(at, lag, self._device, times)
        self.news |= source.said() != said
        self._noted(key, source, before)
        hour = self._received_at // HOUR_MS * HOUR_MS
        if wrong:
            self._batch.events["clock_fault", *key, hour] = _blame(self._known, lag).dumps()
        elif source.drifting:
            drift = Message("reason.runs_off", off=round(source.drifting / 1000))
            self._batch.events["clock_drift", *key, hour] = drift.dumps()
        if wrong and source.row is not None and source.row.state is State.OPEN:
            _touch(self._batch, self._known, key, source.row, self._device, times)
        if source.idle():
            del self._known.clocks[key]
        return wrong

    def _noted(self, key: tuple[str, str], source: Source, before: Row | None) -> None:
        """Keep what changed, and count the hours anew of which another thing is known now."""
        if source.row is None and before is None and not source.closed:
            return
        note(self._batch, key, source, self._received_at)
        if before is not None and before is not source.row and before.state is State.UNDECIDED:
            _touch(self._batch, self._known, key, before, None, _hours(before))
        if source.row is not None and source.row is not before:
            for device, stored in source.row.good.items():
                _touch(self._batch, self._known, key, source.row, device, stored)
        if before is not None and before.state is State.CLOSED and before.offset_to != before.offset_from:
            _touch(self._batch, self._known, key, before, None, _hours(before))


def _blame(known: Known, lag: int) -> Message:
    """What an event says of a clock; with few gateways it may be ours as well."""
    off = round(-lag / 1000)
    sure = len(known.heard) >= ENOUGH or known.own.kept_by_service() is not False
    return Message("reason.off_receipt", off=off) if sure else Message("reason.off_receipt_unsure", off=off)


def note(batch: Batch, key: tuple[str, str], source: Source, at: int) -> None:
    """Put a source's judgements into the batch."""
    closed, _ = batch.clocks.get(key, ([], source))
    batch.clocks[key] = (closed, source)
    closed.extend(source.closed)
    source.closed.clear()
    source.noted_at = at


def decide_late(batch: Batch, known: Known, now: int) -> None:
    """What came late and stayed undecided for long is late."""
    for key, source in list(known.clocks.items()):
        row = source.row
        if row is not None and row.state is State.UNDECIDED and now - source.noted_at > UNDECIDED_FOR:
            source.row = None
            note(batch, key, source, now)
            _touch(batch, known, key, row, None, _hours(row))


def _hours(row: Row) -> range:
    return range(row.start // HOUR_MS * HOUR_MS, row.end + 1, HOUR_MS)


def _touch(batch: Batch, known: Known, key: tuple[str, str], row: Row, device: str | None, times: Iterable[int]) -> None:
    """Mark the hours of times, by the clock and in truth, for the meters of a device, or of all that the source may date."""
    group, name = key
    dated = [device] if device else [of for (grp, of), placed in known.devices.items() if grp == group and name in {of, placed.gateway}]
    meters = {meter for of in dated for counting in known.meters.get((group, of), {}).values() for meter in counting}
    for at in times if meters else ():
        for when in (at, row.true_time(at)):
            batch.touched.update((meter, when // HOUR_MS * HOUR_MS) for meter in meters)
