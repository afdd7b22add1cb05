"""What the product said beside what was true: a line for each month of each meter, and whatever breaks a promise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tests.truth.kinds import END, FIRST, YEAR
from tests.truth.loads import DAY, HOUR, Floats, month_edges, text
from tests.truth.meters import Dark, Fault, Meter
from tests.truth.product import Event, Finding, Parts
from tests.truth.story import Story

KNOWN, MOSTLY, MOSTLY_HOURS = 0.001, 0.03, 0.1
"""How far a month may be off: where data exist, and where at most so many of its hours are unknown."""
NEAR = 2 * DAY
"""What is told of a fault is dated so near to it."""
SHARES = ("measured", "distributed", "estimated", "manual")


@dataclass(frozen=True)
class Line:
    """One month of one meter.

    Attributes:
        truth: Used in the hours that the ledger has.
        whole: Used in the whole month.
        got: What the ledger says; None: nothing.
        unknown: Part of its hours of which samples do not tell what was used.
        missing: Hours that have data and are not in the ledger.
        limit: How far it may be off; None where that is only printed.
        faults: What went wrong in it.
    """

    meter: Meter
    start: int
    end: int
    truth: float
    whole: float
    got: float | None
    shares: dict[str, float]
    unknown: float
    missing: int
    limit: float | None
    faults: list[Fault]

    @property
    def error(self) -> float:
        """Part by which it is off; of a month without use, of one step."""
        return 0.0 if self.got is None else (self.got - self.truth) / (self.whole or self.meter.step)

    @property
    def off(self) -> bool:
        """Whether the month is further off than where data exist."""
        return self.got is not None and abs(self.got - self.truth) > KNOWN * self.truth + grain(self.meter, self.end)

    def __str__(self) -> str:
        said = "nothing" if self.got is None else f"{self.got:.3f}"
        parts = " ".join(f"{name} {100 * share:.2f}%" for name, share in self.shares.items() if share)
        faults = ", ".join(fault.kind for fault in self.faults) or "-"
        bound = "printed" if self.limit is None else f"limit {self.limit:.3f}"
        return (
            f"{self.meter.name} {self.meter.load:9} {text(self.start)[:7]} truth {self.truth:.3f} got {said} "
            f"error {100 * self.error:+.3f}% ({bound}, unknown {100 * self.unknown:.1f}%) {parts or '-'} [{faults}]"
        )


def grain(meter: Meter, at: int) -> float:
    """What the counter cannot show: a step, its float32's spacing, and one more where the last digit flickers."""
    level = meter.start + meter.use.at(at)
    spacing = float(np.spacing(np.float32(level))) if meter.narrow else 0.0
    return max(meter.step, spacing) * (2 if any(fault.kind == "flicker" for fault in meter.faults) else 1)


def lines(story: Story) -> Iterator[Line]:
    """All months of all meters."""
    for meter in story.meters:
        hours = np.arange(FIRST, month_edges(YEAR - 1, 2)[-1] + 1, HOUR, dtype=np.int64)
        used = np.diff(meter.use.until(hours))
        parts = story.looks[-1].parts[meter.name]
        covered = np.array([int(hour) in parts for hour in hours[:-1]])
        for start, end in pairwise(month_edges(YEAR - 1, 2)):
            if end > meter.begin and start < meter.end:
                yield _line(story, meter, start, end, used, covered)


def _line(story: Story, meter: Meter, start: int, end: int, used: Floats, covered: np.ndarray) -> Line:
    inside = slice((start - FIRST) // HOUR, (end - FIRST) // HOUR)
    said = story.months[meter.name].get(start)
    unknown = _unknown(meter, start, end)
    whole, truth = float(used[inside].sum()), float(used[inside][covered[inside]].sum())
    slack = grain(meter, end)
    limit = KNOWN * truth + slack if unknown == 0 else MOSTLY * truth + slack if unknown <= MOSTLY_HOURS else None
    began, ended = max(start, meter.begin + HOUR), min([end, meter.end - HOUR, *(d.start - HOUR for d in meter.darks if d.open)])
    expected = (np.arange(start, end, HOUR) >= began) & (np.arange(start, end, HOUR) + HOUR <= ended)
    faults = [f for f in meter.faults if f.start < end and f.end >= start]
    shares = {} if said is None else said.shares
    got = None if said is None else said.value
    return Line(meter, start, end, truth, whole, got, shares, unknown, int((expected & ~covered[inside]).sum()), limit, faults)


def _unknown(meter: Meter, start: int, end: int) -> float:
    """Part of the hours of which samples do not tell: lost ones, and those in the dark across an edge."""
    number = 0
    for dark in meter.darks:
        if dark.lost or dark.start < start < dark.end or dark.start < end < dark.end:
            number += max(0, min(dark.end, end) - max(dark.start, start))
    return min(1.0, number / (end - start))


def faults_of(story: Story, found: list[Line]) -> Iterator[str]:
    """Every promise about months that is broken, a sentence each."""
    for line in found:
        if line.limit is not None and line.got is not None and abs(line.got - line.truth) > line.limit:
            yield f"off: {line}"
        if line.missing > 1:
            yield f"missing {line.missing} hours: {line}"
        if line.got and abs(sum(line.shares.values()) - 1) > 1e-9:
            yield f"shares sum to {sum(line.shares.values())!r}: {line}"
    for meter in story.meters:
        yield from _measured_in_the_dark(meter, story.looks[-1].parts[meter.name])
        mine = [line for line in found if line.meter is meter]
        yield from _untold(meter, mine, story.events, story.findings)
        yield from _asked_in_vain(meter, mine, story.findings)
    yield from (f"record: {what}" for what in story.wrong)
    if not story.rebuilt:
        yield "rebuild: all hours counted anew are not the same"


def _measured_in_the_dark(meter: Meter, parts: Parts) -> Iterator[str]:
    """Nothing that was not measured says measured."""
    for dark in meter.darks:
        hours = range((dark.start // HOUR + 2) * HOUR, dark.end // HOUR * HOUR - HOUR, HOUR)
        said = [parts[hour]["measured"] for hour in hours if "measured" in parts.get(hour, {})]
        if said:
            of = _names(meter, dark)
            yield f"measured in the dark: {meter.name} {text(dark.start)} to {text(dark.end)}: {len(said)} of {len(hours)} hours [{of}]"


def _names(meter: Meter, dark: Dark) -> str:
    return ", ".join(str(f) for f in meter.faults if f.start <= dark.end and f.end >= dark.start)


def _untold(meter: Meter, mine: list[Line], events: list[Event], findings: list[Finding]) -> Iterator[str]:
    """Every fault that moved a figure is told."""
    for fault in meter.faults:
        moved = next((line for line in mine if fault in line.faults and line.off), None)
        if fault.innocent or not (fault.told or moved):
            continue
        first, last = fault.start - NEAR, fault.end + NEAR
        told = any(e.meter == meter.name and first <= e.at <= last for e in events)
        told |= any(f.meter == meter.name and f.start <= last and f.end >= first for f in findings)
        if not told:
            yield f"not told: {meter.name} {fault}" + (f"; it moved {moved}" if moved else "")


def _asked_in_vain(meter: Meter, mine: list[Line], findings: list[Finding]) -> Iterator[str]:
    """Nobody is asked about what is no fault, and nothing of it is estimated."""
    wrongs = [f for f in meter.faults if not f.innocent]
    for finding in findings:
        near = (f.start - NEAR <= finding.end and f.end + NEAR >= finding.start for f in wrongs)
        if finding.meter == meter.name and not any(near):
            of = ", ".join(str(f) for f in meter.faults)
            yield f"asked in vain: {meter.name} {finding.kind} {text(finding.start)} to {text(min(finding.end, END))} [{of}]"
    if not wrongs:
        yield from (f"estimated without a fault: {line}" for line in mine if line.shares.get("estimated", 0) > KNOWN)
