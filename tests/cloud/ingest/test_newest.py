"""Which reading of a batch is the newest of its point."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest.newest import Newest, Polls
from contract.reading import Quality, Reading

POINTS = st.sampled_from(["power", "energy_import", "voltage_a"])
TIMES = st.integers(0, 6)
GOOD = st.tuples(TIMES, st.dictionaries(POINTS, st.floats(-1e6, 1e6), min_size=1))
OTHER = st.tuples(TIMES, st.builds(Reading, st.just("d"), POINTS, st.none() | st.floats(-9, 9), st.just(0), st.just(Quality.BAD)))


def reading(device: str, at: int, found: Reading) -> Reading:
    return Reading(device, found.point, found.value, at, found.quality, found.reason)


@given(st.lists(GOOD | OTHER, max_size=12))
def test_it_is_what_comparing_every_reading_gives(came: list[tuple[int, dict[str, float] | Reading]]) -> None:
    """Leaving out covered polls changes nothing: greatest time, then good before not good, then the later received."""
    polls = Polls()
    everything: dict[str, list[tuple[int, bool, int, float | None]]] = {}
    for receipt, (at, what) in enumerate(came):
        if isinstance(what, Reading):
            polls.other(reading("d", at, what), receipt)
            everything.setdefault(what.point, []).append((at, False, receipt, what.value))
        else:
            polls.take(at, receipt, what)
            for point, value in what.items():
                everything.setdefault(point, []).append((at, True, receipt, value))
    expected = {}
    for point, seen in everything.items():
        at, is_good, receipt, last = max(seen, key=lambda s: s[:3])
        good_at = max((s[0] for s in seen if s[1]), default=None)
        expected[point] = (at, last, Quality.GOOD if is_good else Quality.BAD, receipt, good_at)
    found = {point: (n.at, n.value, n.quality, n.received_at, n.good_at) for point, n in polls.newest().items()}
    assert found == expected


def test_polls_that_repeat_their_points_are_kept_once() -> None:
    """An hour of history costs one poll of memory, not sixty."""
    polls = Polls()
    for minute in range(60):
        polls.take(minute, minute, {"power": float(minute), "voltage_a": 230.0})
    assert len(polls.good) == 1
    assert polls.newest()["power"] == Newest(59, 59.0, Quality.GOOD, "", 59, 59)
