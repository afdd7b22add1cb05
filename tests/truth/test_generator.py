from __future__ import annotations

import ast
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.truth import verdict
from tests.truth.generate import generate
from tests.truth.kinds import FIRST, KINDS, YEAR
from tests.truth.loads import HOUR, month_edges
from tests.truth.meters import Dark, Fault, Meter
from tests.truth.product import Finding, Parts
from tests.truth.story import Look, Month, Story

OWN = ("loads", "meters", "kinds", "generate", "delivery", "site")
"""What makes the truth and the samples."""


@pytest.mark.parametrize("module", OWN)
def test_the_truth_knows_nothing_of_the_product(module: str) -> None:
    """The generator shares no code with the ledger or the simulators: it imports Python, numpy and itself."""
    tree = ast.parse(Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8"))
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    allowed = {*sys.stdlib_module_names, "numpy"}
    assert [name for name in imported if name.split(".")[0] not in allowed and not name.startswith("tests.truth.")] == []
    assert not {f"tests.truth.{name}" for name in ("product", "story", "verdict", "scopes")} & set(imported)


def test_sixty_meters_have_every_kind_of_fault() -> None:
    """Five seeds of ten meters that follow each other, or one of sixty, leave no kind out."""
    found = {fault.kind for meter in generate(1, 60) for fault in meter.faults}
    assert found == set(KINDS)
    found = {fault.kind for seed in range(5) for meter in generate(seed, 10) for fault in meter.faults}
    assert found == set(KINDS)


def test_a_seed_gives_the_same_meters() -> None:
    """Where a test failed, it can be run again."""
    for one, other in zip(generate(3, 10), generate(3, 10), strict=True):
        assert one.faults == other.faults
        assert all(np.array_equal(*pair) for pair in zip(one.samples(_chance()), other.samples(_chance()), strict=True))


@pytest.mark.parametrize("kind", ["healthy", "saving", "holiday", "garden", "canteen", "display_1_kwh", "float32_18_gwh", "turn_2_16"])
def test_a_counter_without_a_fault_shows_what_was_used(kind: str) -> None:
    """Between any two samples it rises by the use, to within what it cannot show."""
    meter = generate(7, 1, [kind])[0]
    times, values = meter.samples(_chance())
    risen = np.diff(values)
    if meter.modulus is not None:
        risen = np.mod(risen, meter.modulus)
    off = np.abs(np.cumsum(risen) - (meter.use.until(times[1:]) - meter.use.until(times[:1])))
    assert off.max() <= 2 * verdict.grain(meter, int(times[-1]))


def test_the_same_use_ends_in_another_counter_after_an_exchange() -> None:
    """What a person reads before it goes on record, and the new counter rises from its own first number."""
    meter = generate(11, 1, ["exchange"])[0]
    record = next(r for r in meter.records if r.absurd is None)
    times, values = meter.samples(_chance())
    before, after = values[times < record.happened][-1], values[times >= record.happened][0]
    assert meter.shown_at(record.happened) == pytest.approx(before, abs=meter.use.between(record.happened - HOUR, record.happened))
    assert after == pytest.approx(record.first, abs=meter.use.between(record.happened, record.happened + HOUR) + meter.step)


def _chance() -> np.random.Generator:
    return np.random.default_rng(0)


def _told(
    meter: Meter, findings: list[Finding] | None = None, *, factor: float = 1.0, share: str = "measured", whole: float = 1.0
) -> Story:
    """A ledger that tells the truth times a factor, all of one provenance."""
    edges = month_edges(YEAR - 1, 2)
    hours = np.arange(FIRST, edges[-1] + 1, HOUR)
    parts: Parts = {
        hour: {share: factor * used} for hour, used in zip(hours.tolist(), np.diff(meter.use.until(hours)).tolist(), strict=False)
    }
    shares = dict.fromkeys(verdict.SHARES, 0.0) | {share: whole}
    months = {a: Month(factor * meter.use.between(a, b), shares) for a, b in pairwise(edges)}
    return Story([meter], [Look(edges[-1], [], {meter.name: parts})], {meter.name: months}, [], findings or [], [], rebuilt=True)


def _judged(story: Story) -> list[str]:
    return [line.partition(":")[0] for line in verdict.faults_of(story, list(verdict.lines(story)))]


def test_the_judge_lets_the_truth_pass_and_nothing_else() -> None:
    """A ledger that is 0.2 % off, doubles a share, estimates without need or asks in vain breaks a promise; the truth breaks none."""
    meter = generate(5, 1, ["healthy"])[0]
    assert _judged(_told(meter)) == []
    assert set(_judged(_told(meter, factor=1.002))) == {"off"}
    assert set(_judged(_told(meter, whole=1.0001))) == {"shares sum to 1.0001"}
    assert set(_judged(_told(meter, share="estimated"))) == {"estimated without a fault"}
    assert _judged(_told(meter, [Finding(meter.name, "jump", FIRST, FIRST + HOUR, "open")])) == ["asked in vain"]


def test_the_judge_looks_into_the_dark() -> None:
    """Hours without a sample that can be believed are not measured, and a fault that must be told is missed where nobody tells it."""
    meter = generate(5, 1, ["healthy"])[0]
    start = FIRST + 90 * 24 * HOUR
    meter.faults[:] = [Fault("freeze", start, start + 50 * HOUR, told=True)]
    meter.darks.append(Dark(start, start + 50 * HOUR))
    assert _judged(_told(meter)) == ["measured in the dark", "not told"]
    finding = Finding(meter.name, "frozen", start, start + 50 * HOUR, "open")
    assert _judged(_told(meter, [finding], share="distributed")) == []
