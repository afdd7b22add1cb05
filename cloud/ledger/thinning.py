"""Which samples of a counter stay when they are thinned: so many that counting anew gives the same hours and the same judgements.

An hour is thinned only where the counter did nothing but count. Of it stay the first sample of each quarter, the first and the
last (the neighbours of its edges), and the first at its highest value, which is the level it ended at. Everything else follows
from samples that stay side by side: a level is the highest value so far, and an hour that keeps its neighbours keeps its amount.

All amounts are base units, all times ms since 1970 in UTC.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from cloud.ledger.counters import RESTING, Judgement
from cloud.ledger.levels import CONFIRM_MS, CONFIRM_SAMPLES, RETURN_MS
from cloud.ledger.limits import Level, Limits, Sample
from cloud.ledger.path import DECIDED
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.standing import FOLLOWING

QUARTER_MS = 15 * 60_000
AROUND_MS = 3 * HOUR_MS
"""So far around a day its samples and hours must be known."""
_BESIDE_MS = HOUR_MS
"""Around what was judged all samples stay for so long, and then whole hours."""
_EXCHANGE_MS = (DAY_MS, 12 * DAY_MS)
"""Before and after a recorded exchange: its place is looked for within 12 hours, and among 240 samples that follow."""
_RATIO_MS = (8 * DAY_MS, 8 * DAY_MS)
"""The same of a ratio, which a gateway takes over within 7 days before or after its entry."""

Span = tuple[int, int]
"""From when and until when, ms, both included."""


class Quiet(NamedTuple):
    """What the ledger says of some hours of one meter.

    Attributes:
        levels: The last point of each hour that is settled for good, by begin of the hour.
        whole: Times that keep all samples.
        limits: The strictest that were ever held against its samples.
    """

    levels: Mapping[int, Level]
    whole: Sequence[Span]
    limits: Limits


def spans_of(judgements: Sequence[Judgement], exchanges: Sequence[int], ratios: Sequence[int]) -> list[Span]:
    """Times that keep all samples: around everything that was judged or recorded.

    A counter may come back to a level that it left by a decision, and a run that nothing decided yet may last until today.
    """
    found = [(at - _EXCHANGE_MS[0], at + _EXCHANGE_MS[1]) for at in exchanges]
    found += [(at - _RATIO_MS[0], at + _RATIO_MS[1]) for at in ratios]
    for one in judgements:
        if one.kind == RESTING:
            continue  # it counts only that
        until = one.until + (RETURN_MS if one.kind in DECIDED else 0)
        if one.goes_on:
            until = one.until + 100 * 366 * DAY_MS
        found.append((one.since - _BESIDE_MS, until + _BESIDE_MS))
    return found


def within(hour: int, spans: Sequence[Span]) -> bool:
    """Whether an hour (its begin, ms) has a moment in common with one of some spans."""
    return any(start < hour + HOUR_MS and hour <= end for start, end in spans)


def grid(samples: Sequence[tuple[int, float]]) -> set[int]:
    """The times that stay of samples of whole hours, ascending: the first of each quarter, and of each hour the last and the highest."""
    by_hour: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
    for sample in samples:
        by_hour[sample[0] // HOUR_MS].append(sample)
    quarters = {at // QUARTER_MS: at for at, _ in reversed(samples)}
    edges = {hour[-1][0] for hour in by_hour.values()}
    return {*quarters.values(), *edges, *(max(hour, key=lambda one: one[1])[0] for hour in by_hour.values())}


def staying(samples: Sequence[Sample], quiet: Quiet) -> set[int]:
    """The times of a counter's samples that stay.

    Args:
        samples: All good ones of some whole hours, ascending. Of the first and last hours nothing goes, for want of neighbours.
        quiet: What the ledger says of these hours.
    """
    times = [at for at, _ in samples]
    first, last = (times[0] // HOUR_MS * HOUR_MS, times[-1] // HOUR_MS * HOUR_MS) if times else (0, 0)
    bounds = {hour: (bisect_left(times, hour), bisect_left(times, hour + HOUR_MS)) for hour in range(first, last + HOUR_MS, HOUR_MS)}
    grids = {hour: grid(samples[low:high]) for hour, (low, high) in bounds.items() if low < high}
    steady = {hour for hour, (low, high) in bounds.items() if low < high and _follows(hour, samples[low:high], quiet)}
    thinned: dict[int, set[int]] = {}
    pinned: set[int] = set()
    for hour, (low, high) in bounds.items():
        if low == high:
            continue
        rise = _first_rise(hour, samples[low:high], quiet.levels)
        if rise is not None:
            pinned.update(times[max(low + rise - 1, 0) : low + rise + FOLLOWING + 2])
        beside = (grids.get(hour - HOUR_MS, ()), grids.get(hour + HOUR_MS, ()))
        undoubted = hour in steady and hour - HOUR_MS in steady
        if undoubted and all(_is_dense(sorted(one)) for one in beside) and _counts_only(hour, samples[low:high], quiet):
            thinned[hour] = grids[hour]
    stays = set(pinned)
    for hour, (low, high) in bounds.items():
        inside = times[low:high]
        kept = [sample for sample in samples[low:high] if sample[0] in pinned or sample[0] in thinned.get(hour, ())]
        stays.update((at for at, _ in kept) if hour in thinned and _follows(hour, kept, quiet) else inside)
    return stays


def _is_dense(times: Sequence[int]) -> bool:
    """Whether what stays of an hour at least is enough to decide by: what is judged on one side of it never looks to the other."""
    return len(times) > max(CONFIRM_SAMPLES, FOLLOWING) and times[-1] - times[1] >= CONFIRM_MS


def _counts_only(hour: int, samples: Sequence[Sample], quiet: Quiet) -> bool:
    """Whether the settled levels are what the samples of an hour say when nothing but counting happened."""
    before, now = quiet.levels.get(hour - HOUR_MS), quiet.levels.get(hour)
    if before is None or now is None or within(hour, quiet.whole):
        return False
    return now == (samples[-1][0], max(before[1], *(value for _, value in samples)))


def _first_rise(hour: int, samples: Sequence[Sample], levels: Mapping[int, Level]) -> int | None:
    """The index of the first sample of an hour above the level before it, where the counter may have stood for two hours until then."""
    before, earlier = levels.get(hour - HOUR_MS), levels.get(hour - 2 * HOUR_MS)
    if before is None or (earlier is not None and earlier[1] != before[1]):
        return None
    return next((index for index, (_, value) in enumerate(samples) if value > before[1]), None)


def _follows(hour: int, samples: Sequence[Sample], quiet: Quiet) -> bool:
    """Whether each of an hour's samples, or of those that stay, may follow from the level before it."""
    before = quiet.levels.get(hour - HOUR_MS)
    if before is None:
        return False
    at, level = before
    for sample in samples:
        # What stays falls no deeper than all of it did, so the rise alone is asked about.
        if not quiet.limits.agrees(at, min(level, sample[1]), sample):
            return False
        at, level = sample[0], max(level, sample[1])
    return True


def restless(hours: Collection[int], measured: Collection[int], whole: Sequence[Span]) -> set[int]:
    """Those of some hours in which a counter may have stood, or was judged by what its device drew: there its gauge has a say.

    Args:
        hours: Begins, ms.
        measured: Begins of settled hours in which something was used, all of it measured; neighbours of `hours` too.
        whole: Times that keep all samples.
    """
    beside = (-HOUR_MS, 0, HOUR_MS)
    return {hour for hour in hours if within(hour, whole) or any(hour + step not in measured for step in beside)}
