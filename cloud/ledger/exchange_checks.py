"""Whether a recorded exchange can be true: its values are held against what the ledger settled around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import sqlalchemy as sa

from cloud.ledger.above import own_most
from cloud.ledger.base_units import energy_of, to_factor_unit
from cloud.ledger.breaks import SNAP_MS
from cloud.ledger.counters import UNDECIDED
from cloud.ledger.known_meters import Known
from cloud.ledger.limits import Level, Limits
from cloud.ledger.path import DECIDED, Kind
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.recorded import RecordError
from cloud.ledger.repository import judgements, settled_levels
from cloud.ledger.usual import Usual
from contract.clock import iso

_BREAKING = {*DECIDED, Kind.EXCURSION, UNDECIDED}
_LOOKED_MS = 7 * DAY_MS
"""A time that was written down wrong is looked for so far around it."""


def check_exchange(connection: sa.Connection, meter: Known, at: int, last: int, first: int) -> None:
    """Refuse values that the settled counter around an exchange contradicts at all times to which it may belong.

    Args:
        connection: Of the ledger.
        meter: What was exchanged.
        at: When, as recorded, ms since 1970 in UTC.
        last: What the old counter showed last, base units.
        first: What the new one showed first.

    Raises:
        RecordError: What it showed, and when.
    """
    if meter.counter is None:
        return
    for field, value in (("last", last), ("first", first)):
        if value < 0:
            raise RecordError(f"{field}: expected a counter of at least 0, got {value}")
    before, after = settled_levels.around(connection, meter.key, at)
    shown = before or (at, last)
    around = at if before is None else before[0], at if after is None else after[0]
    limits = _limits(connection, meter, meter.counter.at(shown[0]).limits_of(shown), around)
    near = _Near(meter, limits, meter.counter.interval)
    if _fits_break(connection, near, at, (last, first)):
        return
    fault = None
    if before is not None and not near.follows(before, (at, last)):
        fault = near.refusal("last", before, (at, last))
    elif after is not None and after[0] - at <= SNAP_MS and not near.follows((at, first), after):
        fault = near.refusal("first", after, (at, first))
    if fault is None or any(_possible(connection, near, (at - SNAP_MS, at + SNAP_MS), (last, first), SNAP_MS)):
        return
    others = _possible(connection, near, (at - _LOOKED_MS, at + _LOOKED_MS), (last, first), 0)
    elsewhere = min(others, key=lambda since: abs(since - at), default=None)
    if elsewhere is not None:
        fault = RecordError(
            f"at: the values fit after {iso(elsewhere)}; expected a time within {SNAP_MS // HOUR_MS} hours of that, got {iso(at)}"
        )
    raise fault


def _possible(connection: sa.Connection, near: _Near, window: tuple[int, int], ends: tuple[int, int], waits: int) -> Iterator[int]:
    """Times of settled levels that a meter may have been taken out after, in a window, though nothing shows a break there.

    After the newest level nothing has told yet: the old meter may have gone on until `waits` ms after the middle of the window.
    """
    for old, new in pairwise(settled_levels.between(connection, near.meter.key, *window)):
        if old is None:
            continue
        until, (since, level) = sum(window) // 2 + waits if new is None else new[0], old
        rises = (ends[0] - level, 0 if new is None else new[1] - ends[1])
        both = sum(max(rise, 0) for rise in rises)  # the two meters share the time
        if min(rises) >= -near.limits.step and near.follows((since, 0), (until, both)):
            yield since


def _limits(connection: sa.Connection, meter: Known, limits: Limits, around: tuple[int, int]) -> Limits:
    """What a counter can do around a time, as its settled weeks tell it."""
    return own_most(limits, Usual(partial(settled_levels.by_hour, connection, meter.key), limits.rate).busiest(*around))


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
        """Whether one meter can have shown both: what it counted in between, over its end too, is what its branch can draw in that time."""
        (at, level), (until, value) = earlier, later
        turns = (0, self.limits.modulus) if self.limits.modulus is not None and value < level else (0,)
        return any(self.limits.agrees(at, level, (max(until, at + self.interval), value + more)) for more in turns)

    def refusal(self, field: str, level: Level, said: Level) -> RecordError:
        """Why a value is refused: what the counter showed, and when, and what can have been by the time that is said."""
        most = self.limits.most(max(abs(said[0] - level[0]), self.interval)) or 0
        low, high = (level[1], level[1] + most) if field == "last" else (max(level[1] - most, 0), level[1])
        expected = f"{_shown(low, self.meter)} to {_shown(high, self.meter)}"
        shown = f"the counter showed {_shown(level[1], self.meter)} at {iso(level[0])}"
        return RecordError(f"{field}: {shown}; expected {expected} at {iso(said[0])}, got {_shown(said[1], self.meter)}")


def _fits_break(connection: sa.Connection, counter: _Near, at: int, ends: tuple[int, int]) -> bool:
    """Whether the counter broke near a moment just as it is said; near, and otherwise, is a fault that tells when it broke."""
    meter = counter.meter
    rows = judgements.near(connection, meter.key, (at - SNAP_MS, at + SNAP_MS), _BREAKING)
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
