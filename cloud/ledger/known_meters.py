"""The registry's meters as the ledger counts them: their counter, what it can do, and what people recorded about it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import sqlalchemy as sa

from cloud.devices.clocks import Offset
from cloud.devices.queries.clocks import load_offsets, undecided
from cloud.ledger.base_units import ENERGIES, INT64_MAX, to_base
from cloud.ledger.counters import Rules
from cloud.ledger.limits import Limits, Sample
from cloud.ledger.model import Learnt, MeterKey, Recorded
from cloud.ledger.queries import installed
from cloud.ledger.queries.installed import Installed
from cloud.ledger.repository import records
from cloud.ledger.shapes import LoadShape
from cloud.ledger.stated import stated
from cloud.telemetry.base import MAX_MS
from contract.point import POINTS

_RATE_POINTS = MappingProxyType({"energy_import": ("power", 1.0), "volume": ("flow", 1000.0)})
"""Of a counter: the point that says how fast it counts, and base units in an hour at 1 of its unit (W: Wh, m3/h: L or dm3)."""
_FLOAT32_BITS = 24


@dataclass(frozen=True, slots=True)
class Counter:
    """A meter's counter in the time-series store.

    Attributes:
        unit: Of the point.
        rules: What is known about it.
        float32: Its steps grow with its value.
        rate_point: The device's point that says how fast the counter counts; empty if it has none.
        per_rate: Base units in an hour at 1 of that point's unit.
        interval: Time between two polls of its device, ms; 0 if that is not known.
        until: When another counter took its place, ms, exclusive.
        earlier: Those before it, each with nothing earlier of its own; by time.
    """

    group: str
    device_class: str
    device: str
    point: str
    unit: str
    rules: Rules
    float32: bool = False
    learnt: tuple[Learnt, ...] = ()
    undecided: tuple[tuple[int, int], ...] = ()
    """First and last time (ms) of readings that came late and of whose clock nothing is decided."""
    offsets: tuple[Offset, ...] = ()
    """Through which its samples' times are read."""
    rate_point: str = ""
    per_rate: float = 1.0
    per_unit: int = 1
    interval: int = 0
    until: int = INT64_MAX
    earlier: tuple[Counter, ...] = ()

    def pieces(self) -> Iterator[tuple[int, Counter]]:
        """The counters of the meter one after another, each with the time (ms) from which on it counts."""
        since = -MAX_MS
        for one in (*self.earlier, self):
            yield since, one
            since = one.until

    def at(self, moment: int) -> Counter:
        """The counter by which the meter counts at a moment (ms)."""
        return next((one for one in self.earlier if moment < one.until), self)

    def limits_of(self, sample: Sample) -> Limits:
        """What the counter can do from a sample on: with what was learnt until then, and what a float32 of its size shows."""
        limits, known = self.rules.limits, self._known(sample[0])
        if known is not None and limits.rate_is_default:
            limits = replace(limits, rate=known.rate, ceiling=limits.rate)
        return replace(limits, step=self.step_of(sample))

    def step_of(self, sample: Sample) -> int:
        """The smallest step of these limits alone."""
        step, known = self.rules.limits.step, self._known(sample[0])
        if known is not None:
            step = max(step, known.step)
        if self.float32 and sample[1]:
            exponent = math.frexp(abs(sample[1]) / self.per_unit)[1]
            step = max(step, math.ceil(self.per_unit * 2.0 ** (exponent - _FLOAT32_BITS)))
        return step

    def _known(self, at: int) -> Learnt | None:
        """What was learnt last until a moment."""
        return next((row for row in reversed(self.learnt) if row.valid_from <= at), None)

    def next_lesson(self, at: int) -> int | None:
        """From when on (ms), after a moment, something that it taught holds; None if nothing does."""
        return next((row.valid_from for row in self.learnt if row.valid_from > at), None)

    def rules_with(self, limits: Limits) -> Rules:
        """The rules with other limits."""
        return replace(self.rules, limits=limits)


@dataclass(frozen=True, slots=True)
class Known:
    """A meter as the registry has it; without a counter it was always fed by hand.

    Attributes:
        fault: Why it cannot be counted by what was entered of it; empty if it can.
    """

    key: MeterKey
    energy: str
    counter: Counter | None
    fault: str = ""

    @property
    def id(self) -> str:
        """Unique in its group."""
        return self.key.id


def load_meters(connection: sa.Connection, keys: Collection[MeterKey]) -> dict[MeterKey, Known]:
    """Those of some meters that the registry has; one whose settings the ledger cannot take says why, and harms no other."""
    newest = installed.newest(connection, keys)
    found = [one.meter for one in newest]
    recorded, earlier = records.load(connection, found), installed.earlier(connection, found)
    devices: defaultdict[str, list[str]] = defaultdict(list)
    for one in (*newest, *(past for of_meter in earlier.values() for past in of_meter)):
        devices[one.meter.group] += [] if one.device is None else [one.device]
    clocks = {group: load_offsets(connection, group, known) for group, known in devices.items()}
    late = {group: undecided(connection, group, known) for group, known in devices.items()}
    return {
        one.meter: _known((*earlier[one.meter], one), recorded[one.meter], clocks[one.meter.group], late[one.meter.group]) for one in newest
    }


def _known(
    of_meter: Sequence[Installed],
    recorded: Recorded,
    clocks: Mapping[str, tuple[Offset, ...]],
    late: Mapping[str, tuple[tuple[int, int], ...]],
) -> Known:
    """A meter with all that counted it, by time; the last one is what counts it now."""
    of_time, newest = [], of_meter[-1]
    for one in of_meter:
        try:
            counter = _counter(one, recorded, clocks, late)
        except ValueError as error:
            return Known(newest.meter, newest.energy, None, str(error))
        if counter is not None:
            of_time.append(counter)
    counting = replace(of_time[-1], earlier=tuple(of_time[:-1])) if of_time else None
    return Known(newest.meter, newest.energy, counting)


def _counter(
    one: Installed,
    recorded: Recorded,
    clocks: Mapping[str, tuple[Offset, ...]],
    late: Mapping[str, tuple[tuple[int, int], ...]],
) -> Counter | None:
    """The counter of a meter; None if it has none, or the ledger cannot count that point as this energy.

    Raises:
        ValueError: An amount that was entered does not fit the ledger.
    """
    point = None if one.point is None else POINTS.get(one.point)
    if one.device is None or one.device_class is None or one.point is None or point is None:
        return None
    energy, unit = one.energy, point.unit.value
    if energy not in ENERGIES or unit not in ENERGIES[energy].scales:
        return None
    said = stated(one._asdict(), one.interval)
    amounts = (said.resolution, said.most, said.modulus)
    step, rate, modulus = (None if value is None else to_base(value, energy, unit) for value in amounts)
    limits = Limits(step or 0, rate, modulus, said.measured_gap, said.by_class)
    shapes = tuple(LoadShape(row.valid_from, row.weights) for row in recorded.learnt if row.weights is not None)
    rules = Rules(limits, recorded.profiles, shapes, recorded.exchanges, recorded.ratios, _joined(recorded.idle))
    rate_point, per_rate = _RATE_POINTS.get(one.point, ("", 1.0))
    return Counter(
        group=one.meter.group,
        device_class=one.device_class,
        device=one.device,
        point=one.point,
        unit=unit,
        rules=rules,
        float32=said.float32,
        learnt=recorded.learnt,
        undecided=late.get(one.device, ()),
        offsets=clocks.get(one.device, ()),
        rate_point=rate_point,
        per_rate=per_rate,
        per_unit=int(ENERGIES[energy].scales[unit]),
        interval=int(1000 * (one.interval or 0)),
        until=one.until,
    )


def _joined(times: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Times ([start, end), ms), ascending, with those that touch or overlap as one: a counter stands through all of them at once."""
    found: list[tuple[int, int]] = []
    for start, end in times:
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)
