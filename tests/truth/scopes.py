"""How much better than the truth the change of each scope looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cloud.indicators.model import Indicator
from tests.truth import site as files
from tests.truth.kinds import LAST
from tests.truth.loads import HOUR, text
from tests.truth.meters import Meter
from tests.truth.story import Look, Story
from tests.truth.verdict import grain

KGCE = {"electricity": 0.1229, "natural_gas": 1.33}
SURE, DOUBTFUL = 0.01, 0.05
"""Estimated shares up to which a change is held to a tenth of a point, and above which `met` needs a reason."""
POINT, A_TENTH = 0.1, 0.1


@dataclass(frozen=True)
class Change:
    """One indicator of one scope at one moment.

    Attributes:
        truth: The true change; None where the interface gives none.
        estimated: The larger estimated share of both sides, as the hours say.
        of_actual: That of this year's side.
        shown: Points that the last digits of the counters' displays are worth, at most one on each side.
    """

    now: int
    scope: str
    indicator: Indicator
    truth: float | None
    estimated: float
    of_actual: float
    shown: float = 0.0

    @property
    def better(self) -> float | None:
        """Points by which it looks better than the truth."""
        if self.truth is None or self.indicator.change is None:
            return None
        return 100 * (self.truth - self.indicator.change)

    @property
    def limit(self) -> float:
        """Points by which it may."""
        return self.shown + (POINT if self.estimated <= SURE else A_TENTH * 100 * self.estimated)

    def __str__(self) -> str:
        i, better = self.indicator, self.better
        said = "no change" if i.change is None else f"change {100 * i.change:+.3f}%"
        more = "" if better is None else f" truth {100 * (self.truth or 0):+.3f}% better by {better:+.3f} points (limit {self.limit:.3f})"
        return (
            f"{text(self.now)[:10]} {self.scope:13} {i.id:17} {said}{more} estimated {100 * self.estimated:.2f}% {i.status}"
            f"{f' ({i.reason})' if i.reason else ''}"
        )


def changes(story: Story) -> Iterator[Change]:
    """Every indicator of every scope that counts a meter, at every moment."""
    for look in story.looks:
        for answer in look.targets:
            for indicator in answer.indicators:
                counted = _counted(story, answer.scope, indicator)
                if counted:
                    yield _change(look, answer.scope, indicator, counted)


def broken(found: list[Change]) -> Iterator[str]:
    """Every promise about scopes that is broken, a sentence each."""
    for change in found:
        closed, status, shares = change.now >= LAST, change.indicator.status, change.indicator.provenance
        if change.indicator.actual.value and change.truth is not None:
            if abs(sum(shares.values()) - 1) > 1e-9:
                yield f"shares sum to {sum(shares.values())!r}: {change}"
            if abs(shares["estimated"] - change.of_actual) > 1e-6:
                yield f"estimated says {shares['estimated']:.6f}, and the hours {change.of_actual:.6f}: {change}"
        if change.better is not None and change.better > change.limit:
            yield f"better than the truth: {change}"
        if status == "met" and change.estimated > DOUBTFUL and not change.indicator.reason:
            yield f"met without a word about estimates: {change}"
        if closed and status in {"ahead", "at_risk"}:
            yield f"a closed year that is not closed: {change}"
        if closed and change.indicator.change is None and not change.scope.startswith("unit:"):
            yield f"no change: {change}"


def _counted(story: Story, scope: str, indicator: Indicator) -> list[Meter]:
    units = files.units_of(story.meters)
    kind, _, name = scope.partition(":")
    mine = [
        m
        for n, m in enumerate(story.meters)
        if kind == "district" or name == (files.compound_of(n) if kind == "compound" else units[m.name])
    ]
    return [m for m in mine if (m.energy == "water") == (indicator.id == "water_per_capita")]


def _change(look: Look, scope: str, indicator: Indicator, counted: list[Meter]) -> Change:
    sides, shares = [], []
    for side in (indicator.actual, indicator.baseline):
        if side.start is None or side.end is None:
            return Change(look.now, scope, indicator, None, 0.0, 0.0)
        start, end = (int(datetime.fromisoformat(at).timestamp() * 1000) for at in (side.start, side.end))
        sides.append(sum(KGCE.get(m.energy, 1.0) * m.use.between(start, end) for m in counted))
        shares.append(_estimated(look, counted, start, end))
    truth = sides[0] / sides[1] - 1 if sides[1] else None
    shown = 100 * 2 * sum(KGCE.get(m.energy, 1.0) * grain(m, look.now) for m in counted) / sides[1] if sides[1] else 0.0
    return Change(look.now, scope, indicator, truth, max(shares), shares[0], shown)


def _estimated(look: Look, counted: list[Meter], start: int, end: int) -> float:
    whole = doubtful = 0.0
    for meter in counted:
        parts, factor = look.parts[meter.name], KGCE.get(meter.energy, 1.0)
        for hour in range(start, end, HOUR):
            of_hour = parts.get(hour)
            if of_hour:
                whole += factor * sum(of_hour.values())
                doubtful += factor * of_hour.get("estimated", 0.0)
    return doubtful / whole if whole else 0.0
