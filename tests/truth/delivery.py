"""How the samples of simulated meters come in: in batches, out of order, some late, some twice, some under a wrong time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tests.truth.loads import DAY, Floats, Times
from tests.truth.meters import Meter

PIECE, JITTER = 10 * DAY, 25 * DAY
"""What comes together of one meter, and how far it may come after what is younger."""
LATE_BY = 20 * DAY
"""A backlog comes so long after its last sample."""


@dataclass(frozen=True)
class Piece:
    """Samples of one meter that come together: the times they are stored under, counter, rate (or none), and whether they are believed."""

    meter: int
    times: Times
    values: Floats
    rates: Floats | None
    good: bool


def rounds(meters: Sequence[Meter], chance: Generator, start: int, end: int, number: int) -> Iterator[tuple[int, list[Piece]]]:
    """What arrives in [start, end), as so many batches; each with the moment at which it is complete."""
    arriving = [(arrival, piece) for n, meter in enumerate(meters) for arrival, piece in _pieces(n, meter, chance)]
    edges = np.linspace(start, end, number + 1).astype(np.int64).tolist()
    for first, last in pairwise(edges):
        mine = [(float(chance.random()), piece) for arrival, piece in arriving if first <= arrival < last]
        yield last, [piece for _, piece in sorted(mine, key=lambda pair: pair[0])]


def _pieces(number: int, meter: Meter, chance: Generator) -> Iterator[tuple[int, Piece]]:
    """All pieces of a meter and when each arrives."""
    own = np.random.default_rng([number, 7])
    times, values = meter.samples(own)
    rates = meter.rate(times) if meter.gauge else None
    arrival = times + 1
    for start, end in meter.late:
        arrival = np.where((times >= start) & (times < end), end + LATE_BY, arrival)
    stored, good = times.copy(), np.ones(len(times), dtype=bool)
    for shift in meter.shifted:
        within = (times >= shift.start) & (times < shift.end)
        stored = np.where(within, times + shift.off, stored)
        good &= ~(within & shift.suspect)
    key = times // PIECE * 4 + 2 * (arrival > times + 1) + good
    for mark in np.unique(key):
        mine: NDArray[np.bool_] = key == mark
        piece = Piece(number, stored[mine], values[mine], None if rates is None else rates[mine], bool(mark % 2))
        comes = int(arrival[mine].max())
        yield comes + int(own.uniform(0, JITTER) if piece.good and chance.random() < 0.3 else 0), piece
        if any(start < times[mine][-1] and times[mine][0] < end for start, end in meter.doubled):
            yield comes + int(own.uniform(0, 3 * JITTER)), piece
