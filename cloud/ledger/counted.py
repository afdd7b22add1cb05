"""From the time-series store to the hours of one meter: which samples are needed, and what they say.

A pass begins at a level that the ledger has settled, a few points before what was touched, and goes on until it meets the settled
levels again; only what lies between can have changed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, pairwise
from operator import itemgetter

from cloud.ledger import judging
from cloud.ledger.breaks import Break
from cloud.ledger.counters import RESTING, UNDECIDED, Judgement, Parts, by_hours, levels_by_hour
from cloud.ledger.judging import Judged
from cloud.ledger.known_meters import Counter, Known
from cloud.ledger.levels import CONFIRM_MS, CONFIRM_SAMPLES, RETURN_MS, follow, still_open
from cloud.ledger.limits import Level, Limits, Sample
from cloud.ledger.path import DECIDED, Open, Path, ReopenedError
from cloud.ledger.periods import DAY_MS, HOUR_MS, floor
from cloud.ledger.placing import Placing, Record
from cloud.ledger.repository.settled import Settled
from cloud.ledger.seams import hourly, samples_of, seamed
from cloud.ledger.standing import FOLLOWING, Evidence, expected_standing, held_until, is_suspected, stands_since
from cloud.ledger.usual import WEEKS_MS, YEAR_MS, Usual
from cloud.telemetry.base import Aggregate, Telemetry
from contract.coded import Message

JOINED_WITHIN = 7 * DAY_MS
"""Touched hours nearer than this are read and counted as one range: cheaper than asking the store twice."""
_ANCHORS = (1, 3, 8, 11)
"""Which of the newest settled hours to begin at; the next one where too few points lie behind it."""
_BEYOND = (8 * HOUR_MS, DAY_MS, RETURN_MS + DAY_MS)
"""How far to look for the settled levels behind what was touched, before all is read."""

AVERAGED_MS = 15 * 60_000
"""A meter may show its power as the mean of so long a time, so that much after the counter stood it says nothing of that."""


@dataclass(slots=True)
class Counted:
    """What was counted anew of one meter.

    Attributes:
        ranges: First and last hour (ms, both included) of what is replaced; they may overlap.
        parts: All parts of these hours.
        levels: The last point of each of these hours that has one.
        provisional: Hours that what follows may decide otherwise.
        judgements: What the counter did beside counting, in these hours.
        placed: Recorded changes that have another place now, and the first sample (ms) after it; None where they have none.
        unusable: Samples that do not fit the ledger, by time, and why; nothing is counted from them.
        resume: Where something else is known about the counter (ms), and up to where it must be counted from there on.
    """

    ranges: list[tuple[int, int]] = field(default_factory=list)
    parts: Parts = field(default_factory=dict)
    levels: dict[int, Level] = field(default_factory=dict)
    provisional: set[int] = field(default_factory=set)
    judgements: dict[tuple[int, str], Judgement] = field(default_factory=dict)
    placed: list[tuple[Record, int | None]] = field(default_factory=list)
    unusable: dict[int, Message] = field(default_factory=dict)
    resume: dict[int, int] = field(default_factory=dict)

    def drop(self, first: int, last: int) -> None:
        """Forget what was counted of the hours from `first` to `last` (ms): a pass that reached further back counts them whole."""
        if not any(begin <= last and first <= end for begin, end in self.ranges):
            return
        self.parts = {key: amount for key, amount in self.parts.items() if not first <= key[0] <= last}
        self.levels = {hour: level for hour, level in self.levels.items() if not first <= hour <= last}
        self.provisional -= {hour for hour in self.provisional if first <= hour <= last}
        end = last + HOUR_MS
        self.judgements = {key: one for key, one in self.judgements.items() if one.until <= first or one.since >= end}

    def replaces(self, hour: int) -> bool:
        """Whether an hour is counted anew."""
        return any(first <= hour <= last for first, last in self.ranges)


def count(meter: Known, telemetry: Telemetry, settled: Settled, touched: Sequence[int], resumed: Collection[int] = ()) -> Counted:
    """Count the touched hours of a meter anew, and with them all hours that they can change.

    Args:
        meter: Fed by hand, it has nothing to count.
        telemetry: Where its samples are.
        settled: What the ledger says of it.
        touched: Begins of hours, ascending, ms.
        resumed: Hours (ms) from which on counting was resumed already.

    Raises:
        StoreDown: The samples cannot be read.
    """
    found = Counted()
    if meter.counter is None:
        found.ranges += [(start, end - HOUR_MS) for start, end in _ranges(touched)]
        return found
    counter = seamed(meter.counter, telemetry)
    read = partial(samples_of, counter, meter.energy, telemetry, {})
    usual = Usual(partial(hourly, counter, meter.energy, telemetry), counter.rules.limits.rate)
    placing = Placing(counter.rules, lambda sample: counter.at(sample[0]).limits_of(sample), read, settled, touched, usual)
    found.placed = placing.moved()
    wanted = sorted({*touched, *_depending(settled, touched), *placing.depending()})
    cuts = sorted([*(row.valid_from for row in counter.learnt), *(one.until for one in counter.earlier), *resumed])
    for start, end in _ranges(wanted, cuts):
        if any(first <= start and end - HOUR_MS <= last for first, last in found.ranges):
            continue
        _Pass(meter.energy, counter.at(start), counter, telemetry, settled, placing, found, usual, resumed).run(start, end)
    return found


def _ranges(touched: Sequence[int], cuts: Sequence[int] = ()) -> list[tuple[int, int]]:
    """Spans [start, end) that hold all touched hours, cut where what is known about the counter changes."""
    spans: list[tuple[int, int]] = []
    for hour in touched:
        cut = bool(cuts) and bool(spans) and bisect_right(cuts, spans[-1][0]) != bisect_right(cuts, hour)
        if spans and hour - spans[-1][1] <= JOINED_WITHIN and not cut:
            spans[-1] = (spans[-1][0], max(hour + HOUR_MS, spans[-1][1]))
        else:
            spans.append((hour, hour + HOUR_MS))
    return spans


def _behind(hour: int, changes: Sequence[Break]) -> int:
    """An hour, or the next one behind the recorded change that it lies in."""
    return max([hour, *(floor(one.at, "hour") + HOUR_MS for one in changes if floor(one.since, "hour") <= hour <= one.at)])


def _depending(settled: Settled, touched: Sequence[int]) -> list[int]:
    """Hours of judgements that rest on the usual use of weeks in which something was touched: late, or another whole day."""
    found = []
    for one in settled.consulting(touched[0], touched[-1]):
        end, last, known = one.until + WEEKS_MS, floor(one.until - 1, "hour") + WEEKS_MS, one.basis or 0
        of_year = range(one.since - YEAR_MS, one.until - YEAR_MS)
        is_daily = one.goes_on or one.kind == RESTING
        for hour in touched:
            late = one.since - WEEKS_MS - HOUR_MS <= hour < known and not one.since <= hour < one.until - HOUR_MS
            more = known < floor(hour, "day") or hour == last
            another_day = more and known < end and hour <= end and not is_daily
            if late or hour in of_year or another_day:
                found += [floor(one.since, "hour"), floor(one.until - 1, "hour")]
                break
    return found


@dataclass(slots=True)
class _Pass:
    """One range of a meter, counted anew: judged by the counter of its begin, from the samples of all that the meter counted by."""

    energy: str
    counter: Counter
    whole: Counter
    telemetry: Telemetry
    settled: Settled
    placing: Placing
    found: Counted
    usual: Usual
    resumed: Collection[int]

    def run(self, start: int, end: int) -> None:
        """Count [start, end) and what follows from it."""
        standing, undecided = self.settled.standing(start), self.settled.undecided(start)
        if standing is not None and self._still_stands(standing, start, end):
            return
        if undecided is not None and self._still_open(undecided, start, end):
            return
        begin, beyond = start, 0
        while True:
            begin = self.settled.begin(begin)
            until = end + (_BEYOND[beyond] if beyond < len(_BEYOND) else 10 * RETURN_MS * (beyond - 1))
            anchor, first, samples = self._read(begin, until)
            excursion = self.settled.excursion(first)
            if excursion < (first if anchor is None else anchor[0]):  # what is told as one would be cut in two
                begin = excursion
                continue
            limits = self._limits(start, samples)
            try:
                path, judged = self._judge(anchor, samples, start, limits)
            except ReopenedError as reopened:
                begin = min(reopened.branch.at, begin - HOUR_MS)
                continue
            first = min(first, start)
            last = self._meets(path, judged, end, first)
            change = self._next_change(start, path, limits)
            if change is not None and change <= (until if last is None else last):
                last = change - HOUR_MS
                if change not in self.resumed:
                    self.found.resume[change] = max(end, change + HOUR_MS)
            elif last is None and samples and samples[-1][0] >= until:
                beyond += 1
                continue
            elif last is None:
                last = max(end - HOUR_MS, (samples[-1][0] if samples else end - HOUR_MS) // HOUR_MS * HOUR_MS)
            self._take(path, judged, first, last)
            return

    def _still_stands(self, standing: Judgement, start: int, end: int) -> bool:
        """Whether a counter that was found frozen only goes on to stand; what came before needs no other look then."""
        since, level, limits = stands_since(standing), standing.after, self.counter.limits_of((start, standing.after))
        samples = [sample for sample in self._samples(start, end) if sample[0] > since]
        if not samples or not standing.until < samples[-1][0] < end or any(abs(value - level) > limits.step for _, value in samples):
            return False
        until = samples[-1][0]
        if self.counter.rules.is_idle(since, until):
            return False
        looked_at = held_until(since, standing.until)
        if looked_at == held_until(since, until) and looked_at <= start:
            expected, basis = standing.stake, standing.basis
        else:
            evidence = Evidence(self.usual, self._drawn if self.counter.rate_point else None)
            found, basis = expected_standing(since, until, self.counter.rules, evidence)
            if found is None or not is_suspected(found, limits):
                return False
            expected = found + standing.after - standing.before
        self.found.ranges.append((start, end - HOUR_MS))
        self.found.judgements[standing.since, standing.kind] = standing._replace(until=until, stake=expected, basis=basis)
        return True

    def _still_open(self, known: Judgement, start: int, end: int) -> bool:
        """Whether a counter that nothing decides goes on to disagree; what it showed long ago needs no other look then."""
        if self.placing.depending() or self.placing.within(known.since, end):
            return False
        resume = known.resume or known.at
        samples = [sample for sample in self._samples(resume, end) if sample[0] >= resume]
        if not samples or samples[-1][0] >= end:
            return False
        run = Open(known.since, known.before, known.at, known.after, known.until, resume)
        limits = self.counter.limits_of((start, known.before))
        going_on = still_open(run, samples, limits, self.settled.branches(known.since))
        if going_on is None:
            return False
        self.found.ranges.append((start, end - HOUR_MS))
        self.found.judgements[known.since, UNDECIDED] = judging.undecided(going_on)
        return True

    def _read(self, begin: int, end: int) -> tuple[Level | None, int, list[Sample]]:
        """A settled level with enough points behind it, the first hour that the samples tell whole, and the samples.

        Without such a level all from the last sample before is read, or from the first that is settled. The samples reach to the
        first at or after the end.
        """
        levels = [one for one in self.settled.levels_before(floor(begin, "hour"), _ANCHORS[-1] + 1) if self._is_outside(one)]
        known: list[Sample] = []
        for index in _ANCHORS:
            if index >= len(levels):
                break
            anchor = levels[index]
            known = self._from(anchor[0], known, end)
            samples = [anchor, *known[bisect_right(known, anchor[0], key=itemgetter(0)) :]]
            behind = bisect_left(samples, begin, key=itemgetter(0)) - 1
            if behind >= CONFIRM_SAMPLES + FOLLOWING + 1 and samples[behind][0] - samples[1][0] >= CONFIRM_MS:
                return anchor, floor(anchor[0], "hour") + HOUR_MS, samples
        first = floor(levels[-1][0] if levels else begin, "hour")
        samples = self._from(first, known, end)
        earliest = floor(self.placing.begin(samples[0][0]), "hour") if samples else first
        return None, min(earliest, first), self._from(earliest, samples, end) if earliest < first else samples

    def _from(self, start: int, known: list[Sample], end: int) -> list[Sample]:
        """The samples in [start, end) and their neighbours; of those that are known only what is before them is read."""
        if not known:
            return self._samples(start, end)
        if known[0][0] < start:
            return known
        return [*(one for one in self._samples(start, known[0][0]) if one[0] < known[0][0]), *known]

    def _is_outside(self, level: Level) -> bool:
        """Whether a settled level is a sample's, and not one that a recorded change brought between two of them."""
        return self.placing.begin(level[0]) == level[0]

    def _limits(self, start: int, samples: Sequence[Sample]) -> Limits:
        """What the counter can do from a moment on; the steps of a float32 follow from the level before it."""
        before = self.settled.levels_before(floor(start, "hour"), 1) if self.counter.float32 else []
        levels = [level for _, level in (*before, *samples[:1])]
        return self.counter.limits_of((start, levels[0] if levels else 0))

    def _next_change(self, start: int, path: Path, limits: Limits) -> int | None:
        """The hour (ms) from which something else is known about what the counter can do; None if nothing is.

        While a counter is exchanged, what is shown is of both: its steps are those of the new one from the next hour on.
        """
        changes = self.placing.within(path.times[0], path.times[-1]) if path.times else []
        seams = [floor(one.until - 1, "hour") + HOUR_MS for one in self.whole.earlier if one.until > start]
        found = [_behind(at, changes) for at in (*seams[:1], *self._resized(start, path, limits))]
        lesson = self.counter.next_lesson(start)
        return min((one for one in (*found, lesson) if one is not None), default=None)

    def _resized(self, start: int, path: Path, limits: Limits) -> list[int]:
        """The first hour (ms) behind one after which a float32 counter moves by other steps, if there is any."""
        if not self.counter.float32:
            return []
        hours = sorted((hour, level) for hour, (_, level) in levels_by_hour(path).items() if hour >= start)
        sizes = sorted((level for _, level in hours), key=abs)
        if all(self.counter.step_of((start, level)) == limits.step for level in (*sizes[:1], *sizes[-1:])):
            return []  # steps grow with the value, so those between are of this size too
        of_size = (hour + HOUR_MS for hour, level in hours if self.counter.step_of((start, level)) != limits.step)
        return list(islice(of_size, 1))

    def _judge(self, anchor: Level | None, samples: Sequence[Sample], start: int, limits: Limits) -> tuple[Path, Judged]:
        counter = self.counter
        if not samples:
            return Path(), Judged()
        lower_at, stood, lower = (None, False, None) if anchor is None else self.settled.lower_before(anchor)
        recorded = self.placing.within(samples[0][0], samples[-1][0])
        path = follow(samples, limits, recorded, self.settled.branches(samples[0][0]), lower_at)
        evidence = Evidence(self.usual, self._drawn if counter.rate_point else None, lower_at, stood, lower, self.settled.resting(start))
        return path, judging.judge(path, counter.rules_with(limits), evidence)

    def _meets(self, path: Path, judged: Judged, end: int, first: int) -> int | None:
        """The hour behind the touched ones from which the settled levels are met again; None if there is none yet."""
        if not path.times or path.times[-1] < end:
            return None
        old, new = self.settled.levels(end, path.times[-1] + 1), levels_by_hour(path)
        judgements = self.settled.judgements(first, path.times[-1] + 1)
        again = {(one.kind, one.since) for one in judged.judgements}
        longer = [one.since for one in judgements if one.until > path.times[-1] and (one.kind, one.since) not in again]
        beyond = min(longer, default=path.times[-1] + 1)  # from there on, more samples would judge what the ledger has so already
        hours = sorted(hour for hour in {*old, *new} if end <= hour < beyond)[:-1]
        known = {one.since for one in judgements if one.kind in DECIDED}
        decided = {one.since for one in judged.judgements if one.kind in DECIDED and one.since >= first}
        least = max(known ^ decided, default=end - RETURN_MS) + RETURN_MS
        quiet = max((one.until for one in judged.judgements if one.kind not in DECIDED and one.at < path.times[-1]), default=end)
        same: list[int] = []
        for hour in hours:
            same = [*same, hour] if old.get(hour) == new.get(hour) else []
            if len(same) > 1 and same[0] >= max(least, min(quiet, path.times[-1])):
                points = bisect_left(path.times, hour) - bisect_left(path.times, same[0] + HOUR_MS)
                if points >= CONFIRM_SAMPLES and hour - same[0] - HOUR_MS >= CONFIRM_MS:
                    return hour - HOUR_MS
        return None

    def _take(self, path: Path, judged: Judged, first: int, last: int) -> None:
        found = self.found
        found.drop(first, last)
        found.ranges.append((first, last))
        for hour, amount, provenance in by_hours(judged.intervals, first, last, self.counter.rules, judged.steady):
            found.parts[hour, provenance] = amount
        found.levels.update({hour: level for hour, level in levels_by_hour(path).items() if first <= hour <= last})
        for one in judged.judgements:
            if (first <= one.since or one.until > first) and one.since < last + HOUR_MS:  # the samples reach further than what is taken
                found.judgements[one.since, one.kind] = one
            if one.kind == UNDECIDED:
                found.provisional.update(range(max(first, floor(one.since, "hour")), last + HOUR_MS, HOUR_MS))
        for since, piece in self.whole.pieces():
            for begin, end in piece.undecided:
                open_from, open_until = floor(max(begin, since), "hour"), min(end, piece.until - 1)
                found.provisional.update(range(max(first, open_from), min(last, open_until) + 1, HOUR_MS))

    def _samples(self, start: int, end: int) -> list[Sample]:
        return samples_of(self.whole, self.energy, self.telemetry, self.found.unusable, start, end)

    def _drawn(self, start: int, end: int) -> int | None:
        """What the device's power or flow says was used while the counter stood; None where it said nothing for half of the time."""
        counter, begin = self.whole.at(start), start + AVERAGED_MS + 1
        if begin >= end:
            return None
        edges: list[int] = [begin, *range(floor(begin, "hour") + HOUR_MS, end, HOUR_MS), end]
        names = (counter.group, counter.device_class, counter.device, counter.rate_point)
        means = dict(self.telemetry.windows(*names, begin, end, edges, Aggregate.MEAN))
        known = [(means[low], high - low) for low, high in pairwise(edges) if low in means]
        lasted = sum(length for _, length in known)
        if 2 * lasted < end - begin:
            return None
        used = sum(max(mean, 0.0) * length for mean, length in known) / HOUR_MS * counter.per_rate
        return round(used * ((end - start) / lasted))
