"""Counter samples at the time when they were truly measured: the store's, read through what is known of clocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from cloud.devices.clocks import Offset, corrected, good_corrected
from cloud.ledger.periods import HOUR_MS
from cloud.telemetry.base import Sample, Telemetry

_WIDER = 4
"""The search for a neighbour begins with an hour and takes so many times more at each step: most are near."""


class Series(NamedTuple):
    """One series of the store."""

    group: str
    device_class: str
    device: str
    point: str


def counter_samples(telemetry: Telemetry, series: Series, start: int, end: int, offsets: Sequence[Offset]) -> list[Sample]:
    """What `Telemetry.counter_samples` says, by true times: samples in [start, end) and their neighbours, ascending.

    A doubtful reading whose clock is explained by an offset counts at its true time; others, and those that may be of
    either of two times, do not count. Of two samples
    of one true time the one that was good by itself counts.

    Args:
        telemetry: Where the samples are.
        series: Whose they are.
        start: ms since 1970 in UTC, true time.
        end: ms, exclusive.
        offsets: Of the device, from `cloud.devices.queries.clocks.load_offsets`; mostly none.

    Raises:
        StoreDown: The samples cannot be read.
    """
    if not offsets:
        return telemetry.counter_samples(*series, start, end)
    good, moved = _Good(telemetry, series, offsets), _Moved(telemetry, series, offsets)
    inside = dict(moved.between(start, end)) | good.between(start, end)
    before, after = good.before(start), good.after(end)
    first = _nearest(before, moved.before(start, before), max)
    last = _nearest(after, moved.after(end, after), min)
    return [*first, *sorted(inside.items()), *last]


def _nearest(good: Sample | None, moved: Sample | None, choose: Callable[..., Sample]) -> list[Sample]:
    """The nearer of two neighbours; of the same time the good one."""
    found = [sample for sample in (good, moved) if sample is not None]
    return [choose(found, key=lambda sample: sample[0])] if found else []


class _Good(NamedTuple):
    """Good samples that keep their time."""

    telemetry: Telemetry
    series: Series
    offsets: Sequence[Offset]

    def between(self, start: int, end: int) -> dict[int, float]:
        found = self.telemetry.counter_samples(*self.series, start, end)
        return {at: value for at, value in found if start <= at < end and self._stays(at)}

    def before(self, start: int) -> Sample | None:
        """The last before a time; rows that move all of their span are passed at once."""
        edge = start
        while True:
            found = [sample for sample in self.telemetry.counter_samples(*self.series, edge, edge) if sample[0] < edge]
            if not found or self._stays(found[0][0]):
                return found[0] if found else None
            edge = min([found[0][0], *(row.start for row in self._moving(found[0][0]))])

    def after(self, end: int) -> Sample | None:
        """The first at or after a time."""
        edge = end
        while True:
            found = [sample for sample in self.telemetry.counter_samples(*self.series, edge, edge) if sample[0] >= edge]
            if not found or self._stays(found[0][0]):
                return found[0] if found else None
            edge = max([found[0][0], *(row.end for row in self._moving(found[0][0]))]) + 1

    def _stays(self, at: int) -> bool:
        return good_corrected(at, self.offsets) == at

    def _moving(self, at: int) -> list[Offset]:
        return [row for row in self.offsets if row.whole and row.start <= at <= row.end]


class _Moved(NamedTuple):
    """Samples that an offset explains, by true time."""

    telemetry: Telemetry
    series: Series
    offsets: Sequence[Offset]

    def between(self, start: int, end: int) -> list[Sample]:
        """Those with a true time in [start, end), ascending."""
        found: dict[int, float] = {}
        for row in self.offsets:
            least, most = sorted((row.offset_from, row.offset_to))
            first, last = max(row.start, start + least - 1), min(row.end, end + most + 1)
            if first <= last:
                found.update(self._read(row, first, last))
        return sorted((at, value) for at, value in found.items() if start <= at < end)

    def _read(self, row: Offset, first: int, last: int) -> dict[int, float]:
        """What the clock dated from `first` to `last`, by true time."""
        found = {}
        if row.whole or row.good:
            good = self.telemetry.counter_samples(*self.series, first, last + 1)
            moved = [(at, good_corrected(at, self.offsets), value) for at, value in good if first <= at <= last]
            found = {true: value for at, true, value in moved if true != at}
        doubtful = self.telemetry.doubtful_samples(*self.series, first, last + 1)
        timed = ((corrected(at, self.offsets), value) for at, value in doubtful)
        return found | {true: value for true, value in timed if true is not None}

    def before(self, start: int, limit: Sample | None) -> Sample | None:
        """The last before a time, if it is later than `limit`."""
        least = min(row.true_time(row.start) for row in self.offsets)
        least = least if limit is None else max(least, limit[0])
        edge, width = start, HOUR_MS
        while edge > least:
            found = self.between(max(edge - width, least), edge)
            if found:
                return found[-1]
            edge, width = edge - width, width * _WIDER
        return None

    def after(self, end: int, limit: Sample | None) -> Sample | None:
        """The first at or after a time, if it is earlier than `limit`."""
        most = max(row.true_time(row.end) for row in self.offsets) + 1
        most = most if limit is None else min(most, limit[0])
        edge, width = end, HOUR_MS
        while edge < most:
            found = self.between(edge, min(edge + width, most))
            if found:
                return found[0]
            edge, width = edge + width, width * _WIDER
        return None
