"""A law of reading through clocks: whatever is known of them, a span has the samples that lie in it by true time, and their neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.devices.clocks import Offset, corrected, good_corrected
from cloud.ledger.periods import HOUR_MS
from cloud.ledger.timed import Series, counter_samples
from cloud.telemetry.base import Sample, Stored
from cloud.telemetry.sqlite import SqliteTelemetry
from contract.reading import Quality, Reading

T0, STEP = 1_790_000_000_000, 600_000
times = st.lists(st.integers(0, 200).map(lambda n: T0 + n * STEP), max_size=20, unique=True).map(sorted)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteTelemetry]:
    made = SqliteTelemetry(tmp_path / "telemetry.db")
    yield made
    made.close()


@st.composite
def offset_rows(draw: st.DrawFn, good: list[int]) -> Offset:
    """A row of some hours, minutes to days off, that may drift, name good readings, hold for all, or be judged."""
    start = T0 + draw(st.integers(0, 150)) * STEP
    end = start + draw(st.integers(0, 60)) * STEP
    offset = draw(st.integers(-48, 48)) * HOUR_MS + draw(st.integers(1, 999))
    named = frozenset(draw(st.lists(st.sampled_from(good), max_size=3)) if good else [])
    moved = offset + draw(st.integers(-9000, 9000))
    return Offset(start, end, offset, moved, named, draw(st.booleans()), draw(st.sampled_from(("", "em"))))


def by_hand(good: list[int], doubtful: list[int], offsets: list[Offset], start: int, end: int) -> list[Sample]:
    """All samples at their true times, then the span and its neighbours."""
    moved: dict[int, float] = {}
    for row in offsets:
        within = [at for at in good if row.start <= at <= row.end and good_corrected(at, offsets) != at]
        moved.update((good_corrected(at, offsets), float(at)) for at in within)
        timed = ((corrected(at, offsets), float(at) + 0.5) for at in doubtful if row.start <= at <= row.end)
        moved.update((true, value) for true, value in timed if true is not None)
    whole = sorted((moved | {at: float(at) for at in good if good_corrected(at, offsets) == at}).items())
    before, after = [s for s in whole if s[0] < start][-1:], [s for s in whole if s[0] >= end][:1]
    return [*before, *(s for s in whole if start <= s[0] < end), *after]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(good=times, doubtful=times, first=st.integers(-60, 260), length=st.integers(0, 40), data=st.data())
def test_a_span_has_its_samples_by_true_time(
    store: SqliteTelemetry, good: list[int], doubtful: list[int], first: int, length: int, data: st.DataObject
) -> None:
    """As if all samples were moved by hand and then looked at."""
    offsets = data.draw(st.lists(offset_rows(good), max_size=2))
    device = uuid4().hex
    store.write([Stored("g", "c", Reading(device, "p", float(at), at)) for at in good])
    store.write([Stored("g", "c", Reading(device, "p", float(at) + 0.5, at, Quality.SUSPECT, "clock fault")) for at in doubtful])
    start, end = T0 + first * STEP, T0 + (first + length) * STEP
    found = counter_samples(store, Series("g", "c", device, "p"), start, end, offsets)
    assert found == by_hand(good, doubtful, offsets, start, end)
