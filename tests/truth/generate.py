"""Simulated meters from a seed: each has one kind of fault, many have others beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from tests.truth.kinds import END, FIRST, KINDS, LARGE, START
from tests.truth.loads import DAY, LOADS, Use, grid, use
from tests.truth.meters import Meter

MIXED, TWICE = 0.55, 0.25
"""How many meters have a second, and how many a third fault."""


def generate(seed: int, number: int, kinds: Sequence[str] = ()) -> list[Meter]:
    """So many meters; with all kinds of faults, seeds that follow each other go through them."""
    order = list(kinds) or np.random.default_rng(20261128).permutation(sorted(KINDS)).tolist()
    return [_meter(f"m{n:02}", order[(seed * number + n) % len(order)], np.random.default_rng([seed, n])) for n in range(number)]


def _meter(name: str, kind: str, chance: Generator) -> Meter:
    load = LOADS[str(chance.choice(KINDS[kind].loads))]
    of_year = float(chance.uniform(0.92, 1.06))
    changes = [(FIRST + 365 * DAY, END, of_year), *KINDS[kind].changes(chance)]
    meter = _healthy(name, load.name, use(load, grid(START, END), chance, changes), chance)
    KINDS[kind].do(meter, chance)
    if not any(fault.innocent for fault in meter.faults):
        _mix(meter, chance)
    return meter


def _healthy(name: str, load: str, used: Use, chance: Generator) -> Meter:
    begin = FIRST - int(chance.choice([0, 7, 20])) * DAY
    meter = Meter(name, load, LOADS[load].energy, used, begin, END)
    meter.step = {"electricity": 0.01, "water": 0.001, "natural_gas": 0.001}[meter.energy]
    meter.narrow = meter.energy == "water"
    if meter.energy == "electricity" and meter.peak > LARGE:
        meter.ct, meter.step = 400.0, 4.0
    meter.start = float(np.floor(chance.uniform(10, 40_000 if meter.energy == "electricity" else 4_000)))
    meter.gauge = bool(chance.random() < 0.5)
    meter.phase = 0 if chance.random() < 0.5 else int(chance.integers(900)) * 1000
    if chance.random() < 0.15:
        meter.max_rate = float(np.ceil(2.5 * meter.peak))
    return meter


def _mix(meter: Meter, chance: Generator) -> None:
    mixing = sorted(name for name, kind in KINDS.items() if kind.mixes)
    for share in (MIXED, TWICE):
        if chance.random() < share:
            KINDS[str(chance.choice(mixing))].do(meter, chance)
