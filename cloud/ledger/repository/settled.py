"""What the ledger already says of a meter, as far as counting anew needs it: levels to begin at and judgements to reopen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from cloud.ledger import tables
from cloud.ledger.base_units import INT64_MAX
from cloud.ledger.counters import RESTING, UNDECIDED, Judgement
from cloud.ledger.levels import RETURN_MS
from cloud.ledger.limits import Level
from cloud.ledger.model import MeterKey
from cloud.ledger.path import DECIDED, Branch, Kind
from cloud.ledger.periods import HOUR_MS
from cloud.ledger.repository.waiting import is_touched
from cloud.ledger.selecting import of, of_parameters
from cloud.ledger.standing import held_until
from cloud.ledger.usual import WEEKS_MS, YEAR_MS

_HOUR, _JUDGED = tables.ledger_hour.c, tables.judgement.c
_COLUMNS = [_JUDGED[name] for name in Judgement._fields]
_GOES_ON = sa.or_(_JUDGED.kind == UNDECIDED, sa.and_(_JUDGED.kind == Kind.FROZEN, _JUDGED.amount == 0))
"""What nothing ended yet."""
_START, _END = (sa.bindparam(name, type_=sa.BigInteger) for name in ("start", "end"))
_LEVELS = sa.select(_HOUR.level_at, _HOUR.level).where(of_parameters(tables.ledger_hour), _HOUR.level_at.is_not(None))
_BEFORE = _LEVELS.where(_HOUR.hour < _END).order_by(_HOUR.hour.desc())
_NEWEST_BEFORE = _BEFORE.limit(sa.bindparam("most", type_=sa.Integer))
_BY_HOUR = _LEVELS.add_columns(_HOUR.hour).where(_HOUR.hour >= _START, _HOUR.hour < _END)
_OF_METER = sa.select(*_COLUMNS).where(of_parameters(tables.judgement))
_ENDING_AFTER = _OF_METER.where(sa.or_(_JUDGED.until >= _START, _GOES_ON)).order_by(_JUDGED.since, _JUDGED.kind)
# Built once: a pass asks them for each meter, and to build a statement costs more than to execute it.


@dataclass(slots=True)
class Settled:
    """The ledger's rows of one meter, read on one connection; judgements are read once for a time and kept."""

    connection: sa.Connection
    meter: MeterKey
    _since: int = INT64_MAX
    _known: list[Judgement] = field(default_factory=list)

    def _asked(self, **parameters: int) -> dict[str, str | int]:
        """Parameters of a statement, with the meter's own."""
        return {"group": self.meter.group, "of": self.meter.id, **parameters}

    def levels_before(self, hour: int, number: int) -> list[Level]:
        """The last points of the newest hours before one, newest first; none if hours in between still wait to be counted."""
        found = self.connection.execute(_NEWEST_BEFORE, self._asked(end=hour, most=2 * number)).all()
        levels = list(dict.fromkeys((at, level) for at, level in found))[:number]
        if levels and is_touched(self.connection, self.meter, levels[-1][0] // HOUR_MS * HOUR_MS, hour):
            return []
        return levels

    def levels(self, start: int, end: int) -> dict[int, Level]:
        """The last point of each hour of [start, end) that has one, by begin of the hour."""
        rows = self.connection.execute(_BY_HOUR, self._asked(start=start, end=end)).all()
        return {hour: (at, level) for at, level, hour in rows}

    def lower_before(self, anchor: Level) -> tuple[int, bool, int | None]:
        """When the counter last showed another level than a settled one, whether it stood there before, and that other level.

        The level is None if there was no other; the time is then the first hour that is settled. Where it came to its level by one step
        over a longer time (a gap, a counter that caught up), it stood there from then on.
        """
        at, level = anchor
        before = self._asked(end=at // HOUR_MS * HOUR_MS)
        last = self.connection.execute(_NEWEST_BEFORE, before | {"most": 1}).one_or_none()
        if last is None:
            return at // HOUR_MS * HOUR_MS, False, None
        stood = last.level == level
        lower = self.connection.execute(_BEFORE.where(_HOUR.level != level).limit(1), before).one_or_none() if stood else last
        if lower is None:  # it stood since its first sample
            first = _LEVELS.where(_HOUR.hour < _END).with_only_columns(sa.func.min(_HOUR.hour))
            return self.connection.execute(first, before).scalar_one(), stood, None
        came = [one.until for one in self.judgements(lower.level_at, at) if one.after == level and one.until <= at]
        return max(came, default=lower.level_at), stood, lower.level

    def judgements(self, start: int, end: int) -> list[Judgement]:
        """The judgements that begin in [start, end)."""
        return [one for one in self._from(start) if start <= one.since < end]

    def begin(self, start: int) -> int:
        """Where to begin, so that nothing that was going on at a moment is cut in two."""
        reaches = start
        while True:
            going_on = [one.since for one in self._from(start) if one.since < start and (one.until >= reaches or one.goes_on)]
            if not going_on:
                return start
            start = min(going_on)
            reaches = start + 1  # where one excursion ends and the next begins, the counter was at its level

    def excursion(self, at: int) -> int:
        """Since when excursions that are told as one reach over a moment; the moment itself if none do."""
        return min((one.since for one in self._from(at) if one.kind == Kind.EXCURSION and one.since < at < one.until), default=at)

    def standing(self, start: int) -> Judgement | None:
        """The judgement that a counter is frozen and has not moved again, of one that stood before a moment."""
        frozen = [one for one in self._from(start) if one.kind == Kind.FROZEN and not one.amount and one.since < start]
        later = sa.select(_HOUR.hour).where(of(tables.ledger_hour, self.meter), _HOUR.hour >= start).limit(1)
        return None if not frozen or self.connection.execute(later).first() else frozen[-1]

    def resting(self, start: int) -> Judgement | None:
        """The judgement that a counter rests, of one that did before the day of a moment."""
        found = [one for one in self._from(start) if one.kind == RESTING and held_until(one.since, one.until) <= start]
        return found[-1] if found else None

    def undecided(self, start: int) -> Judgement | None:
        """The judgement that nothing decided yet, if what was suspected before a moment says no more about what follows."""
        found = (one for one in self._from(start) if one.kind == UNDECIDED and one.resume is not None and one.resume <= start)
        return next(found, None)

    def branches(self, before: int) -> list[Branch]:
        """Levels that were left in the time before a moment, and that the counter may come back to."""
        return [Branch(one.since, one.before, one.after) for one in self.judgements(before - RETURN_MS, before) if one.kind in DECIDED]

    def consulting(self, first: int, last: int) -> Sequence[Judgement]:
        """Judgements that rest on the usual use of weeks, or of a year before, which the hours from `first` to `last` touch."""
        low, high = first - WEEKS_MS - HOUR_MS, last + WEEKS_MS + HOUR_MS
        return [
            one
            for one in self._from(low)
            if one.basis is not None
            and ((one.since <= high and one.until >= low) or (one.since - YEAR_MS <= last and one.until - YEAR_MS >= first))
        ]

    def _from(self, start: int) -> list[Judgement]:
        """The judgements that end after a moment, with room for what a return reopens, and those that nothing ended yet, by time."""
        if start - RETURN_MS < self._since:
            self._since = start - 2 * RETURN_MS
            self._known = [Judgement(*row) for row in self.connection.execute(_ENDING_AFTER, self._asked(start=self._since))]
        return self._known

    def reaching(self, start: int, end: int) -> list[Judgement]:
        """The judgements that lie in [start, end) or reach into it, and those that nothing ended yet."""
        mine = sa.and_(of(tables.judgement, self.meter), _JUDGED.since < end)
        near = sa.or_(_JUDGED.until >= start, _GOES_ON)
        return [Judgement(*row) for row in self.connection.execute(sa.select(*_COLUMNS).where(mine, near))]
