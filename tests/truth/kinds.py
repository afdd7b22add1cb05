"""The faults of the field, each with a random place, size and length; and what only looks like one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from tests.truth.loads import DAY, HOUR, QUARTER, Floats, Times, day, midnight
from tests.truth.meters import Dark, Jump, Meter, Record, Shifted

YEAR = 2026
START, FIRST, TURN, LAST, END = (
    midnight(YEAR - 2, 12, 1),
    midnight(YEAR - 1, 1, 1),
    midnight(YEAR, 1, 1),
    midnight(YEAR + 1, 1, 1),
    midnight(YEAR + 1, 1, 13),
)
"""Where the use begins, the baseline year, the year, its end, and the end of all samples."""
MINUTE, SLACK = 60_000, 30_000
APART = 3 * DAY
"""Two faults of one meter are so far from each other."""
LARGE = 500.0
"""kW of a branch above which its transformers, or its rating, stand in the site's file."""
POWER, WATER = ("office", "data_room", "plant"), ("office", "data_room", "water")


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    Attributes:
        do: Puts it on a meter.
        loads: What it is put on.
        changes: Real changes of the use that it stands for: from, to, factor.
        mixes: It may be put on a meter that has another.
    """

    do: Callable[[Meter, Generator], None]
    loads: tuple[str, ...] = WATER
    changes: Callable[[Generator], list[tuple[int, int, float]]] = field(default=lambda _: [])
    mixes: bool = False


def place(meter: Meter, chance: Generator, length: int, within: tuple[int, int] | None = None) -> int:
    """A random begin for something of a length, away from the meter's other faults; baseline or year."""
    years = [(max(meter.begin, FIRST) + 40 * DAY, TURN), (max(TURN, meter.begin + 40 * DAY), min(LAST, meter.end) - 12 * DAY)]
    start, end = within or years[int(chance.integers(2))]
    for _ in range(200):
        at = int(chance.uniform(start, max(start + 1, end - length))) // 1000 * 1000
        if all(at + length + APART < fault.start or at > fault.end + APART for fault in meter.faults):
            return at
    raise ValueError(f"{meter.name}: no room for {length / DAY:.1f} days beside {len(meter.faults)} faults")


def _over(start: int, end: int, change: Callable[[Floats], Floats]) -> Callable[[Times, Floats, Generator], Floats]:
    """Change what is shown in [start, end]; at least one sample."""

    def disturb(times: Times, values: Floats, _: Generator) -> Floats:
        first = int(np.searchsorted(times, start))
        last = max(int(np.searchsorted(times, end)), first + 1)
        return np.concatenate([values[:first], change(values[first:last]), values[last:]])

    return disturb


# -- samples that are wrong -----------------------------------------------------------------------------------------------


def _zeros(kind: str, shortest: int, longest: int) -> Kind:
    def do(meter: Meter, chance: Generator) -> None:
        length = int(chance.uniform(shortest, longest))
        at = place(meter, chance, length)
        meter.disturbances.append(_over(at, at + length, np.zeros_like))
        meter.blame(kind, at, at + length)

    return Kind(do, (*WATER, "canteen"), mixes=True)


def _zero_nights(meter: Meter, chance: Generator) -> None:
    at = place(meter, chance, 3 * DAY)
    first = at - (at + 8 * HOUR) % DAY + DAY
    for night in range(first, first + 3 * DAY, DAY):
        meter.disturbances.append(_over(night, night + 6 * HOUR, np.zeros_like))
        meter.darks.append(Dark(night - QUARTER, night + 6 * HOUR + SLACK))
        meter.dense += [night, night + 6 * HOUR]
    meter.blame("zero_nights", first, first + 2 * DAY + 6 * HOUR)


def _wrong_word(kind: str, words: Callable[[Meter, Floats], Floats]) -> Kind:
    def do(meter: Meter, chance: Generator) -> None:
        length = int(chance.choice([0, 16_000, 70_000]))
        at = place(meter, chance, length)
        meter.disturbances.append(_over(at, at + length, lambda values: words(meter, values)))
        meter.blame(kind, at, at + length)

    return Kind(do, mixes=True)


def _alternate_low(meter: Meter, chance: Generator) -> None:
    length = int(chance.uniform(3 * HOUR, 3 * DAY))
    at = place(meter, chance, length)
    low = np.ceil(meter.use.between(at, at + length) / (length / QUARTER) * chance.uniform(0.2, 3) / meter.step + 3) * meter.step

    def every_second(values: Floats) -> Floats:
        return np.where(np.arange(len(values)) % 2 == 1, np.maximum(np.round(values - low, 6), 0), values)

    meter.disturbances.append(_over(at, at + length, every_second))
    meter.blame("alternate_low", at, at + length)


# -- counters that stand still, and silence ----------------------------------------------------------------------------------


def _freeze(kind: str, shortest: int, longest: int, *, mixes: bool = False) -> Kind:
    def do(meter: Meter, chance: Generator) -> None:
        length = int(chance.uniform(shortest, longest))
        at = place(meter, chance, length)
        meter.disturbances.append(_over(at, at + length, lambda values: np.full_like(values, values[0])))
        meter.darks.append(Dark(at, at + length + SLACK))
        meter.blame(kind, at, at + length, told=meter.use.between(at, at + length) > 40 * meter.step)

    return Kind(do, mixes=mixes)


def _freeze_end(meter: Meter, chance: Generator) -> None:
    at = place(meter, chance, DAY, (midnight(YEAR, 9, 1), midnight(YEAR, 11, 25)))
    meter.disturbances.append(_over(at, END, lambda values: np.full_like(values, values[0])))
    meter.darks.append(Dark(at, END, lost=True, open=True))
    meter.blame("freeze_end", at, END, told=True)


def _gap(kind: str, shortest: int, longest: int, *, mixes: bool = False) -> Kind:
    def do(meter: Meter, chance: Generator) -> None:
        length = int(chance.uniform(shortest, longest))
        at = place(meter, chance, length)
        _silent(meter, at, at + length)
        meter.blame(kind, at, at + length)

    return Kind(do, (*WATER, "plant"), mixes=mixes)


def _silent(meter: Meter, start: int, end: int, *, lost: bool = False) -> None:
    meter.gaps.append((start, end))
    meter.darks.append(Dark(start - QUARTER, end + QUARTER, lost=lost))


# -- resets and turns -----------------------------------------------------------------------------------------------------------


def _reset(meter: Meter, chance: Generator) -> None:
    at = place(meter, chance, 0)
    meter.jumps.append(Jump(at, 0.0))
    meter.blame("reset", at, at, told=True)


def _reset_in_gap(meter: Meter, chance: Generator) -> None:
    length = int(chance.uniform(1.5 * DAY, 14 * DAY))
    at = place(meter, chance, length)
    meter.jumps.append(Jump(int(at + chance.uniform(0.05, 0.95) * length), 0.0))
    _silent(meter, at, at + length, lost=True)
    meter.blame("reset_in_gap", at, at + length, told=True)


def _rollover_in_gap(meter: Meter, chance: Generator) -> None:
    length = int(chance.uniform(3 * DAY, 12 * DAY))
    at = place(meter, chance, length)
    used = meter.use.between(at, at + length)
    step = next(step for step in (0.001, 0.01, 0.1, 1.0, 10.0, 100.0) if step * 2**16 > used)
    _shows(meter, step, step * 2**16)
    turn = int(at + chance.uniform(0.05, 0.95) * length)
    meter.start = -meter.use.at(turn) % (step * 2**16)
    _silent(meter, at, at + length, lost=True)
    meter.blame("rollover_in_gap", at, at + length)


def _hidden_reset(meter: Meter, chance: Generator) -> None:
    before, length = int(chance.uniform(14 * DAY, 25 * DAY)), int(chance.uniform(45 * DAY, 65 * DAY))
    begun = place(meter, chance, before + length)
    at = begun + before
    meter.jumps.append(Jump(begun, 0.0))
    meter.records.append(Record(begun, begun, 0.0, begun + 2 * DAY))
    reset = int(at + chance.uniform(0.02, 0.2) * length)
    meter.jumps.append(Jump(reset, 0.0))
    _silent(meter, at, at + length, lost=True)
    meter.dense.append(begun)
    meter.blame("hidden_reset", begun, at + length, told=True)


# -- exchanges and ratios ---------------------------------------------------------------------------------------------------------


def _exchange(kind: str, *, off: tuple[int, int] = (0, 0), absurd: bool = False) -> Kind:
    def do(meter: Meter, chance: Generator) -> None:
        at = place(meter, chance, 0)
        first = float(np.round(np.floor(chance.uniform(0, 60) / meter.step) * meter.step, 6))
        meter.jumps.append(Jump(at, first))
        believed = at + int(chance.choice([-1, 1]) if kind == "exchange_off" else 1) * int(chance.uniform(*off)) // MINUTE * MINUTE
        noted = max(at, believed) + int(chance.uniform(HOUR, 20 * DAY))
        if absurd:
            nonsense = float(chance.choice([99_999_999.0, -5.0, 5_000_000.0]))
            meter.records.append(Record(at, at, first, noted - MINUTE, absurd=nonsense))
        meter.records.append(Record(believed, at, first, noted))
        meter.blame(kind, at, at)

    return Kind(do, mixes=not absurd)


def _exchange_unrecorded(meter: Meter, chance: Generator) -> None:
    at = place(meter, chance, 0)
    meter.jumps.append(Jump(at, float(np.floor(chance.uniform(0, 40)))))
    meter.blame("exchange_unrecorded", at, at, told=True)


def _replaced_higher(meter: Meter, chance: Generator) -> None:
    at = place(meter, chance, 0)
    usual = meter.use.at(END) / ((END - START) / DAY)
    meter.jumps.append(Jump(at, float(np.floor(meter.shown_at(at) + usual * chance.uniform(3, 300)))))
    meter.blame("replaced_higher", at, at, told=True)


def _transformers(kind: str, *, known: bool) -> Kind:
    def do(meter: Meter, chance: Generator) -> None:
        if meter.ct == 1:
            meter.ct, meter.step = (40.0, 0.4) if meter.peak < LARGE / 5 else (150.0, 1.5)
        meter.start = float(np.floor(chance.uniform(1e4, 3e5)))
        at = place(meter, chance, 0)
        meter.jumps.append(Jump(at, times=1.5))
        if known:
            meter.ratios.append((at, 1.5 * meter.ct))
        meter.blame(kind, at, at, told=not known)

    return Kind(do, ("office", "data_room"))


# -- displays -----------------------------------------------------------------------------------------------------------------------


def _shows(meter: Meter, step: float, modulus: float | None = None) -> None:
    """Another display; without transformers in the site's file, a large branch has its rating there."""
    meter.step, meter.modulus, meter.ct = step, modulus, 1.0
    if meter.energy == "electricity" and meter.peak > LARGE:
        meter.max_rate = float(np.ceil(2 * meter.peak))


def _display(meter: Meter, _: Generator) -> None:
    _shows(meter, 1.0)
    meter.blame("display_1_kwh", FIRST, END, innocent=True, dense=False)


def _float32(meter: Meter, chance: Generator) -> None:
    _shows(meter, 1.0)
    meter.narrow, meter.start = True, float(chance.uniform(17.5e6, 18.5e6))
    meter.blame("float32_18_gwh", FIRST, END, innocent=True, dense=False)


def _flicker(meter: Meter, chance: Generator) -> None:
    share = chance.uniform(0.1, 0.5)

    def last_digit(_: Times, values: Floats, own: Generator) -> Floats:
        return np.maximum(np.round(values - meter.step * (own.random(len(values)) < share), 6), 0)

    meter.disturbances.append(last_digit)
    meter.blame("flicker", FIRST, END, innocent=True, dense=False)


def _turns(name: str, modulus: float, step: float) -> Kind:
    def do(meter: Meter, chance: Generator) -> None:
        _shows(meter, step, modulus)
        at = place(meter, chance, 0)
        meter.start = -meter.use.at(at) % modulus
        meter.dense.append(at)
        meter.blame(name, FIRST, END, innocent=True, dense=False)

    return Kind(do, POWER)


# -- arrival and clocks -----------------------------------------------------------------------------------------------------------


def _backlog(meter: Meter, chance: Generator) -> None:
    length = int(chance.uniform(DAY, 25 * DAY))
    at = place(meter, chance, length)
    meter.late.append((at, at + length))
    meter.blame("backlog", at, at + length, dense=False)


def _doubled(meter: Meter, chance: Generator) -> None:
    length = int(chance.uniform(DAY, 60 * DAY))
    at = place(meter, chance, length)
    meter.doubled.append((at, at + length))
    meter.blame("duplicates", at, at + length, dense=False, innocent=True)


def _clock(kind: str, *, suspect: bool) -> Kind:
    def do(meter: Meter, chance: Generator) -> None:
        at = place(meter, chance, DAY)
        off = int(chance.choice([-8, 8])) * HOUR
        meter.shifted.append(Shifted(at, at + DAY, off + 37_000, suspect, at + int(chance.uniform(2 * DAY, 20 * DAY))))
        if not suspect:  # what was stored as good can be told from the rest only where that is silent
            _silent(meter, *((at + DAY, at + DAY + off + MINUTE) if off > 0 else (at + off - MINUTE, at)))
        meter.blame(kind, at - 9 * HOUR, at + DAY + 9 * HOUR, dense=False)

    return Kind(do)


# -- dates, and what is no fault ---------------------------------------------------------------------------------------------------


def _commissioned(meter: Meter, chance: Generator) -> None:
    meter.begin = midnight(YEAR, 6, int(chance.integers(2, 29))) + int(chance.uniform(8, 17) * 60) * MINUTE
    meter.use.total[:] = np.maximum(meter.use.total - meter.use.at(meter.begin), 0)
    meter.first_day = day(meter.begin)
    meter.blame("commissioned", meter.begin, meter.begin, innocent=True, dense=False)


def _taken_out(meter: Meter, chance: Generator) -> None:
    meter.end = midnight(YEAR, 8, int(chance.integers(3, 29))) + int(chance.uniform(8, 17) * 4) * QUARTER  # loads are known by the quarter
    meter.use.total[:] = np.minimum(meter.use.total, meter.use.at(meter.end))
    meter.day_after = day(meter.end + DAY)
    meter.blame("taken_out", meter.end, meter.end, innocent=True)


def _first_late(meter: Meter, _: Generator) -> None:
    meter.begin, meter.phase = FIRST + 20 * MINUTE, 0
    meter.blame("first_at_0020", meter.begin, meter.begin, innocent=True, dense=False)


def _nothing(name: str) -> Callable[[Meter, Generator], None]:
    def do(meter: Meter, _: Generator) -> None:
        meter.blame(name, FIRST, END, innocent=True, dense=False)

    return do


def _saving(chance: Generator) -> list[tuple[int, int, float]]:
    return [(int(chance.uniform(FIRST + 90 * DAY, LAST - 60 * DAY)), END, float(chance.uniform(0.55, 0.85)))]


def _holiday(chance: Generator) -> list[tuple[int, int, float]]:
    at = int(chance.uniform(FIRST + 90 * DAY, LAST - 60 * DAY))
    return [(at, at + int(chance.uniform(14 * DAY, 40 * DAY)), float(chance.uniform(0.15, 0.4)))]


KINDS: dict[str, Kind] = {
    "zero_one": _zeros("zero_one", 0, 1),
    "zero_minutes": _zeros("zero_minutes", 2 * MINUTE, 50 * MINUTE),
    "zero_nights": Kind(_zero_nights, mixes=True),
    "torn": _wrong_word("torn", lambda meter, values: np.round(values + meter.step * 2**16, 6)),
    "torn_low": _wrong_word("torn_low", lambda meter, values: (values % (meter.step * 65536.0)).round(6)),
    "all_ones": _wrong_word("all_ones", lambda meter, values: np.full_like(values, round((2**32 - 1) * meter.step, 6))),
    "alternate_low": Kind(_alternate_low, mixes=True),
    "freeze_hours": _freeze("freeze_hours", 4 * HOUR, 30 * HOUR, mixes=True),
    "freeze_weeks": _freeze("freeze_weeks", 5 * DAY, 25 * DAY),
    "freeze_end": Kind(_freeze_end),
    "gap_hours": _gap("gap_hours", 2 * HOUR, 20 * HOUR, mixes=True),
    "gap_days": _gap("gap_days", DAY, 6 * DAY, mixes=True),
    "gap_weeks": _gap("gap_weeks", 8 * DAY, 30 * DAY),
    "reset": Kind(_reset, mixes=True),
    "reset_in_gap": Kind(_reset_in_gap),
    "rollover_in_gap": Kind(_rollover_in_gap),
    "hidden_reset": Kind(_hidden_reset),
    "exchange": _exchange("exchange"),
    "exchange_off": _exchange("exchange_off", off=(5 * MINUTE, 90 * MINUTE)),
    "exchange_absurd": _exchange("exchange_absurd", absurd=True),
    "exchange_unrecorded": Kind(_exchange_unrecorded),
    "replaced_higher": Kind(_replaced_higher),
    "ct_recorded": _transformers("ct_recorded", known=True),
    "ct_unrecorded": _transformers("ct_unrecorded", known=False),
    "display_1_kwh": Kind(_display, ("stairs",)),
    "float32_18_gwh": Kind(_float32, POWER),
    "flicker": Kind(_flicker),
    "turn_99999_9": _turns("turn_99999_9", 100_000.0, 0.1),
    "turn_999999_99": _turns("turn_999999_99", 1_000_000.0, 0.01),
    "turn_2_16": _turns("turn_2_16", 65_536.0, 1.0),
    "turn_2_32": _turns("turn_2_32", 42_949_672.96, 0.01),
    "backlog": Kind(_backlog, mixes=True),
    "duplicates": Kind(_doubled, mixes=True),
    "clock_suspect": _clock("clock_suspect", suspect=True),
    "clock_wrong": _clock("clock_wrong", suspect=False),
    "commissioned": Kind(_commissioned),
    "taken_out": Kind(_taken_out),
    "first_at_0020": Kind(_first_late),
    "garden": Kind(_nothing("garden"), ("garden",)),
    "canteen": Kind(_nothing("canteen"), ("canteen",)),
    "saving": Kind(_nothing("saving"), changes=_saving),
    "holiday": Kind(_nothing("holiday"), changes=_holiday),
    "healthy": Kind(_nothing("healthy"), (*WATER, "plant")),
}
