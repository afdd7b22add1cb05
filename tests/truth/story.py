"""Two years of some meters, lived through: samples come, people record, the ledger settles, and figures are read on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cloud.indicators.model import Targets
from tests.truth.delivery import rounds
from tests.truth.generate import generate
from tests.truth.kinds import END, FIRST, LAST, START, YEAR
from tests.truth.loads import DAY, midnight
from tests.truth.meters import Meter, Record, Shifted
from tests.truth.product import Event, Finding, Parts, Product

NOWS = (midnight(YEAR, 7, 1) + 600_000, midnight(YEAR, 11, 20) + 600_000, END + 60 * DAY)
"""When figures are read; the last when all is in."""
ROUNDS = 5
"""Batches between two of them."""


@dataclass(frozen=True)
class Look:
    """What stood there at a moment: targets of all scopes, and all hours by meter."""

    now: int
    targets: list[Targets]
    parts: dict[str, Parts]


@dataclass(frozen=True)
class Month:
    """What the interface says of one month of a meter."""

    value: float
    shares: dict[str, float]


@dataclass(frozen=True)
class Story:
    """How it ended.

    Attributes:
        meters: As they really were.
        looks: At each moment.
        months: By meter and begin of the month.
        events: What the ledger found.
        findings: What it asks.
        wrong: Records that were treated wrongly.
        rebuilt: Whether all hours, counted anew, were the same.
    """

    meters: Sequence[Meter]
    looks: list[Look]
    months: dict[str, dict[int, Month]]
    events: list[Event]
    findings: list[Finding]
    wrong: list[str]
    rebuilt: bool


def live(folder: Path, seed: int, number: int, kinds: Sequence[str] = (), telemetry_url: str = "") -> Story:
    """The story of so many meters from a seed, on stores in a folder; with these kinds of faults, or all in turn."""
    meters = generate(seed, number, kinds)
    product = Product(folder, meters, telemetry_url)
    try:
        looks, begin = [], START
        chance = np.random.default_rng([seed, 9])
        for now in NOWS:
            _until(product, begin, now, chance)
            looks.append(Look(now, product.targets(YEAR, now), {m.name: product.parts(m.name) for m in meters}))
            begin = now
        product.rebuild()
        rebuilt = all(product.parts(m.name) == looks[-1].parts[m.name] for m in meters)
        return Story(meters, looks, _months(product), product.events(), product.findings(), product.wrong, rebuilt)
    finally:
        product.close()


def _until(product: Product, begin: int, now: int, chance: np.random.Generator) -> None:
    """All that happens in [begin, now)."""
    noted: list[tuple[Meter, Record | Shifted]] = []
    for meter in product.meters:
        noted += [(meter, record) for record in meter.records]
        noted += [(meter, shifted) for shifted in meter.shifted]
    noted = [(meter, known) for meter, known in noted if begin <= known.noted < now]
    noted.sort(key=lambda entry: entry[1].noted)
    entered = sorted(at for m in product.meters for at, _ in m.ratios if begin <= at < now)
    for complete, pieces in rounds(product.meters, np.random.default_rng(5), begin, now, ROUNDS):
        while entered and entered[0] < complete:
            product.enter(entered.pop(0))
        product.take([pieces[n] for n in chance.permutation(len(pieces))])
        while noted and noted[0][1].noted < complete:
            product.note(*noted.pop(0))
        product.settle()


def _months(product: Product) -> dict[str, dict[int, Month]]:
    found: dict[str, dict[int, Month]] = {}
    for meter in product.meters:
        rows = product.months(meter.name, FIRST, LAST)
        found[meter.name] = {_ms(row["start"]): Month(row["value"], row["provenance"]) for row in rows}
    return found


def _ms(iso: str) -> int:
    return int(np.datetime64(iso.removesuffix("Z"), "ms").astype(np.int64))
