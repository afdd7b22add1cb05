"""What every time-series store promises, asked of each backend."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.telemetry.base import (
    MAX_MS,
    MAX_NAME,
    Aggregate,
    Figures,
    FiguresError,
    Line,
    Polled,
    Refused,
    Stored,
    StoreDown,
    Telemetry,
    equal_runs,
    single,
)
from cloud.telemetry.influx import InfluxTelemetry
from cloud.telemetry.sqlite import SqliteTelemetry
from contract.reading import Quality, Reading

GROUP, CLASS, POINT = "510802", "electricity_meter", "energy_import"
T0 = 1_767_225_600_000  # 2026-01-01T00:00Z
MINUTE, DAY = 60_000, 86_400_000
SHANGHAI = ZoneInfo("Asia/Shanghai")

several = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
finite = st.floats(allow_nan=False, allow_infinity=False)


def fresh() -> str:
    return uuid4().hex


def good(device: str, at: int, value: float, point: str = POINT) -> Stored:
    return Stored(GROUP, CLASS, Reading(device, point, value, at))


def doubtful(device: str, at: int, quality: Quality, value: float | None = None) -> Stored:
    return Stored(GROUP, CLASS, Reading(device, POINT, value, at, quality, "no answer"))


def held(store: Telemetry, device: str, point: str = POINT) -> list[tuple[int, float | None, Quality]]:
    readings = store.series(GROUP, CLASS, device, point, -MAX_MS, MAX_MS)
    return [(reading.at, reading.value, reading.quality) for reading in readings]


def samples(store: Telemetry, device: str) -> list[tuple[int, float | None]]:
    return [(at, value) for at, value, _ in held(store, device)]


def test_a_replay_changes_nothing(store: Telemetry) -> None:
    """A batch that is written three times is stored once."""
    device = fresh()
    batch = [good(device, T0 + n, float(n)) for n in range(100)] + [doubtful(device, T0 + 500, Quality.BAD)]
    for _ in range(3):
        assert store.write(batch) == []
    assert store.count(GROUP, CLASS, device, POINT) == 101
    assert len(held(store, device)) == 101


@several
@given(data=st.data())
def test_the_order_of_writing_is_irrelevant(store: Telemetry, data: st.DataObject) -> None:
    """Good and bad readings of the same times, in any order and any batches, leave the same series."""
    device = fresh()
    batch = [good(device, T0 + n, float(n)) for n in range(6)] + [doubtful(device, T0 + n, Quality.BAD) for n in range(3, 9)]
    shuffled = data.draw(st.permutations(batch))
    cut = data.draw(st.integers(0, len(batch)))
    store.write(shuffled[:cut])
    store.write(shuffled[cut:])
    expected = [(T0 + n, float(n), Quality.GOOD) for n in range(6)] + [(T0 + n, None, Quality.BAD) for n in range(6, 9)]
    assert held(store, device) == expected
    assert store.count(GROUP, CLASS, device, POINT) == 9


def test_a_bad_reading_has_its_quality_and_no_value(store: Telemetry) -> None:
    """What could not be read comes back as bad without a value, and stays out of aggregates and counter samples."""
    device = fresh()
    store.write([good(device, T0, 1.0), doubtful(device, T0 + 1, Quality.BAD), doubtful(device, T0 + 2, Quality.SUSPECT, 7.5)])
    assert held(store, device) == [(T0, 1.0, Quality.GOOD), (T0 + 1, None, Quality.BAD), (T0 + 2, 7.5, Quality.SUSPECT)]
    assert store.windows(GROUP, CLASS, device, POINT, T0, T0 + 10, [T0, T0 + 10], Aggregate.LAST) == [(T0, 1.0)]
    assert store.counter_samples(GROUP, CLASS, device, POINT, T0, T0 + 10) == [(T0, 1.0)]
    assert store.count(GROUP, CLASS, device, POINT) == 3


def test_good_beats_bad_and_the_later_beats_the_earlier(store: Telemetry) -> None:
    """A good reading stays whatever bad one follows; of two good ones, and of two doubtful ones, the later counts."""
    device = fresh()
    writes = [
        doubtful(device, T0, Quality.BAD),
        good(device, T0, 1.0),
        good(device, T0, 2.0),
        doubtful(device, T0, Quality.SUSPECT, 9.0),
        doubtful(device, T0 + 1, Quality.BAD),
        doubtful(device, T0 + 1, Quality.SUSPECT, 3.0),
        doubtful(device, T0 + 1, Quality.STALE),
    ]
    for line in writes:
        store.write([line])
    assert held(store, device) == [(T0, 2.0, Quality.GOOD), (T0 + 1, 3.0, Quality.STALE)]
    together = fresh()
    store.write([line._replace(reading=Reading(together, POINT, *_rest(line.reading))) for line in writes])
    assert held(store, together) == held(store, device)


def test_a_suspect_value_stays_beside_a_good_one_of_its_time(store: Telemetry) -> None:
    """Its time is what is in doubt: written before or after the good one, it can still be read, and nothing else shows it."""
    device = fresh()
    store.write([doubtful(device, T0, Quality.SUSPECT, 9.0), good(device, T0 + 1, 2.0)])
    store.write([good(device, T0, 1.0), doubtful(device, T0 + 1, Quality.SUSPECT, 8.0)])
    store.write([doubtful(device, T0 + 2, Quality.BAD), doubtful(device, T0 + 3, Quality.SUSPECT, 7.0)])
    read = [
        store.doubtful_samples(GROUP, CLASS, device, POINT, start, end) for start, end in ((T0, T0 + 4), (T0, T0 + 3), (T0 + 1, T0 + 1))
    ]
    assert read == [[(T0, 9.0), (T0 + 1, 8.0), (T0 + 3, 7.0)], [(T0, 9.0), (T0 + 1, 8.0)], []]
    assert store.counter_samples(GROUP, CLASS, device, POINT, T0, T0 + 4) == [(T0, 1.0), (T0 + 1, 2.0)]
    assert held(store, device)[:2] == [(T0, 1.0, Quality.GOOD), (T0 + 1, 2.0, Quality.GOOD)]


def _rest(reading: Reading) -> tuple[float | None, int, Quality]:
    return reading.value, reading.at, reading.quality


@several
@given(values=st.lists(finite, min_size=1, max_size=50))
def test_floats_come_back_exactly(store: Telemetry, values: list[float]) -> None:
    """Every finite float, however large or small, is read back as the same number."""
    device = fresh()
    assert store.write([good(device, T0 + n, value) for n, value in enumerate(values)]) == []
    assert [value for _, value in samples(store, device)] == values


def test_whole_numbers_and_flags_are_stored_as_floats(store: Telemetry) -> None:
    """A driver that hands over an int or a bool does not fix the field's type for all others."""
    device = fresh()
    values: list[float] = [True, 3, 2.5, 2**64]
    assert store.write([good(device, T0 + n, value, "mixed") for n, value in enumerate(values)]) == []
    assert [value for _, value, _ in held(store, device, "mixed")] == [1.0, 3.0, 2.5, 2.0**64]


def test_an_interval_without_readings_is_absent(store: Telemetry) -> None:
    """Aggregates exist for the intervals that have good readings, and for no others."""
    device = fresh()
    batch = [good(device, T0 + n * 10_000, float(n)) for n in range(12)]
    store.write([*batch, good(device, T0 + 3 * MINUTE, 100.0), doubtful(device, T0 + 2 * MINUTE, Quality.BAD)])
    edges = [T0 + n * MINUTE for n in range(6)]

    def ask(aggregate: Aggregate) -> list[tuple[int, float]]:
        return store.windows(GROUP, CLASS, device, POINT, edges[0], edges[-1], edges, aggregate)

    assert ask(Aggregate.MEAN) == [(edges[0], 2.5), (edges[1], 8.5), (edges[3], 100.0)]
    assert ask(Aggregate.MIN) == [(edges[0], 0.0), (edges[1], 6.0), (edges[3], 100.0)]
    assert ask(Aggregate.MAX) == [(edges[0], 5.0), (edges[1], 11.0), (edges[3], 100.0)]
    assert ask(Aggregate.LAST) == [(edges[0], 5.0), (edges[1], 11.0), (edges[3], 100.0)]
    assert store.windows(GROUP, CLASS, fresh(), POINT, edges[0], edges[-1], edges, Aggregate.MEAN) == []
    assert store.windows(GROUP, CLASS, device, "never", edges[0], edges[-1], edges, Aggregate.MEAN) == []


def test_a_range_cuts_the_intervals_at_its_ends(store: Telemetry) -> None:
    """Readings outside the range do not count, and the interval keeps its own left edge."""
    device = fresh()
    store.write([good(device, T0 + n, float(n)) for n in range(40)])
    edges = [T0, T0 + 10, T0 + 20, T0 + 30]
    found = store.windows(GROUP, CLASS, device, POINT, T0 + 5, T0 + 25, edges, Aggregate.MIN)
    assert found == [(T0, 5.0), (T0 + 10, 10.0), (T0 + 20, 20.0)]
    assert store.windows(GROUP, CLASS, device, POINT, T0 + 5, T0 + 25, edges, Aggregate.MAX)[-1] == (T0 + 20, 24.0)
    assert store.windows(GROUP, CLASS, device, POINT, T0 + 25, T0 + 5, edges, Aggregate.MAX) == []


@several
@given(
    widths=st.lists(st.sampled_from([7, 7, 7, 31, 28]), min_size=1, max_size=8),
    offsets=st.lists(st.integers(-20, 250), max_size=40, unique=True),
    aggregate=st.sampled_from([Aggregate.MIN, Aggregate.MAX, Aggregate.LAST]),
)
def test_any_intervals_agree_with_plain_arithmetic(store: Telemetry, widths: list[int], offsets: list[int], aggregate: Aggregate) -> None:
    """Equal, unequal and mixed intervals give what a loop over the readings gives."""
    device = fresh()
    store.write([good(device, T0 + offset, float(offset * 37 % 101)) for offset in offsets])
    edges = [T0 + 3 + sum(widths[:n]) for n in range(len(widths) + 1)]
    expected = []
    for left, right in pairwise(edges):
        inside = [float(offset * 37 % 101) for offset in sorted(offsets) if left <= T0 + offset < right]
        if inside:
            expected.append((left, {"min": min(inside), "max": max(inside), "last": inside[-1]}[aggregate]))
    assert store.windows(GROUP, CLASS, device, POINT, edges[0], edges[-1], edges, aggregate) == expected


def test_days_and_months_are_cut_where_shanghai_cuts_them(store: Telemetry) -> None:
    """The last millisecond before midnight in Asia/Shanghai is in the old day and month, midnight in the new one."""
    device = fresh()
    midnight = _shanghai(2026, 2, 1)
    store.write([good(device, midnight - 1, 1.0), good(device, midnight, 2.0), good(device, midnight + DAY - 1, 3.0)])
    days = [midnight + n * DAY for n in range(-2, 3)]
    assert store.windows(GROUP, CLASS, device, POINT, days[0], days[-1], days, Aggregate.MAX) == [(days[1], 1.0), (midnight, 3.0)]
    months = [_shanghai(2026, month, 1) for month in (1, 2, 3, 4)]
    assert store.windows(GROUP, CLASS, device, POINT, months[0], months[-1], months, Aggregate.MEAN) == [(months[0], 1.0), (midnight, 2.5)]


def _shanghai(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=SHANGHAI).timestamp()) * 1000


def test_edges_that_do_not_rise_are_an_error(store: Telemetry) -> None:
    """Intervals of no or negative length are refused before anything is asked."""
    with pytest.raises(ValueError, match="must rise"):
        store.windows(GROUP, CLASS, "any", POINT, T0, T0 + 2, [T0, T0], Aggregate.MEAN)
    assert [tuple(run) for run in equal_runs([0, 2, 4, 7])] == [(0, 2, 2), (4, 3, 1)]


def test_counter_samples_have_their_neighbours(store: Telemetry) -> None:
    """The last good sample before the range and the first at or after its end come with it, if there are any."""
    device = fresh()
    store.write([good(device, T0 + n * 10, float(n)) for n in range(10)])
    store.write([doubtful(device, T0 + 25, Quality.BAD), doubtful(device, T0 + 55, Quality.SUSPECT, 5.5)])

    def ask(start: int, end: int) -> list[float]:
        return [value for _, value in store.counter_samples(GROUP, CLASS, device, POINT, T0 + start, T0 + end)]

    assert ask(27, 53) == [2.0, 3.0, 4.0, 5.0, 6.0]
    assert ask(30, 50) == [2.0, 3.0, 4.0, 5.0]
    assert ask(0, 10) == [0.0, 1.0]
    assert ask(-5, 500) == [float(n) for n in range(10)]
    assert ask(41, 42) == [4.0, 5.0]
    assert ask(500, 600) == [9.0]
    assert ask(-600, -500) == [0.0]
    assert store.counter_samples(GROUP, CLASS, fresh(), POINT, T0, T0 + 1) == []


def test_latest_is_the_newest_by_time_of_measurement(store: Telemetry) -> None:
    """Each point has its own newest reading, good or not, however long ago and in whatever order it came."""
    device = fresh()
    store.write([good(device, T0 + n, float(n), "power") for n in reversed(range(50))])
    store.write([good(device, T0 - DAY, 4.0, "setpoint"), good(device, T0 + 7, 1.0), doubtful(device, T0 + 9, Quality.SUSPECT, 2.0)])
    store.write([doubtful(device, T0 + 12, Quality.BAD), good(fresh(), T0 + 90, 1.0, "elsewhere")])
    latest = store.latest(GROUP, CLASS, device)
    assert {point: (reading.at, reading.value, reading.quality) for point, reading in latest.items()} == {
        "power": (T0 + 49, 49.0, Quality.GOOD),
        "setpoint": (T0 - DAY, 4.0, Quality.GOOD),
        POINT: (T0 + 12, None, Quality.BAD),
    }
    store.write([good(device, T0 + 12, 6.0)])
    assert store.latest(GROUP, CLASS, device)[POINT] == Reading(device, POINT, 6.0, T0 + 12)
    assert store.latest(GROUP, CLASS, fresh()) == {}
    assert store.latest(GROUP, fresh(), device) == {}


def test_refused_readings_stand_alone(store: Telemetry) -> None:
    """What no store can hold comes back with its reason; the readings around it are stored."""
    device = fresh()
    wrong = [
        good(device, T0 + 1, float("nan")),
        good(device, T0 + 2, float("inf")),
        Stored(GROUP, CLASS, Reading(device, POINT, None, T0 + 3)),
        good(device, MAX_MS + 1, 1.0),
        good(device, T0, 1.0, "power__q"),
        good(device, T0, 1.0, "time"),
        good(device + "\nx", T0, 1.0),
        good(device, T0, 1.0, ""),
        Stored("back\\slash", CLASS, Reading(device, POINT, 1.0, T0)),
        Stored(GROUP, "#class", Reading(device, POINT, 1.0, T0)),
    ]
    fine = [good(device, T0 + 10 + n, float(n)) for n in range(len(wrong))]
    mixed = [line for pair in zip(wrong, fine, strict=True) for line in pair]
    refused = store.write(mixed)
    assert [id(line) for line, _ in refused] == [id(line) for line in wrong]
    assert all(reason for _, reason in refused)
    assert samples(store, device) == [(line.reading.at, line.reading.value) for line in fine]
    assert store.write(wrong[:1]) == [Refused(wrong[0], refused[0].reason)]
    assert store.write([]) == []


@pytest.mark.parametrize(
    "odd",
    [
        "two words",
        "a,b",
        "a=b",
        "it's",
        '"quoted"',
        "锅炉房 1号,东=西",
        "a.b/c;d--",
        "%s {x} $1",
        "SELECT",
        "x'; DROP DATABASE telemetry; --",
    ],
)
def test_odd_names_are_names(store: Telemetry, odd: str) -> None:
    """Spaces, separators, quotes and Chinese in group, class, device and point change nothing."""
    device = f"{fresh()} {odd}"
    lines = [Stored(odd, odd, Reading(device, odd, float(n), T0 + n)) for n in range(3)]
    lines.append(Stored(odd, odd, Reading(device, odd, None, T0 + 3, Quality.BAD)))
    assert store.write(lines) == []
    assert [reading.value for reading in store.series(odd, odd, device, odd, T0, T0 + 9)] == [0.0, 1.0, 2.0, None]
    assert store.latest(odd, odd, device)[odd].quality is Quality.BAD
    assert store.count(odd, odd, device, odd) == 4
    assert store.counter_samples(odd, odd, device, odd, T0 + 1, T0 + 2) == [(T0, 0.0), (T0 + 1, 1.0), (T0 + 2, 2.0)]
    assert store.windows(odd, odd, device, odd, T0, T0 + 2, [T0, T0 + 2], Aggregate.MEAN) == [(T0, 0.5)]


def test_a_long_name_is_asked_for_all_the_same(store: Telemetry) -> None:
    """A query too long for a URL still finds its series; a name beyond the longest is refused."""
    group, device_class, device, point = ((fresh() + "号" * MAX_NAME)[:MAX_NAME] for _ in range(4))
    assert store.write([Stored(group, device_class, Reading(device, point, 1.0, T0))]) == []
    assert [r.value for r in store.series(group, device_class, device, point, T0, T0 + 1)] == [1.0]
    (refused,) = store.write([good("号" * (MAX_NAME + 1), T0, 1.0)])
    assert refused.reason.params["most"] == 200


def test_readings_that_are_to_go_are_gone_and_no_others(store: Telemetry) -> None:
    """Those of the times that are named, good or not, of this device; what never was there is no error."""
    device, other = fresh(), fresh()
    times = [T0 + n for n in range(10)]
    store.write([good(name, at, 1.0, point) for name in (device, other) for at in times for point in (POINT, "second")])
    store.write([doubtful(device, T0 + 20, Quality.SUSPECT, 7.5), doubtful(device, T0 + 21, Quality.BAD)])
    names = (GROUP, CLASS, device)
    gone = [T0 + n for n in (0, 3, 4, 5, 9, 20, 33)]
    assert store.forget(*names, {POINT: gone, "second": gone[:-2]}) == 11
    left = [T0 + n for n in (1, 2, 6, 7, 8)]
    assert [at for at, _, _ in held(store, device)] == [*left, T0 + 21]
    assert [reading.at for reading in store.series(*names, "second", T0, T0 + 99)] == left
    assert store.doubtful_samples(*names, POINT, T0, T0 + 99) == []
    assert [at for at, _, _ in held(store, other)] == times
    assert store.forget(*names, {POINT: gone, "third": [T0]}) == 0
    assert store.forget(*names, {}) == store.forget(GROUP, CLASS, fresh(), {POINT: times}) == 0


def test_the_oldest_reading_of_a_device_is_of_any_point_and_quality(store: Telemetry) -> None:
    """In a range, which holds its start and not its end; none is None, and other devices have no say."""
    device, other = fresh(), fresh()
    store.write([good(device, T0 + 2000, 1.0, "voltage"), good(other, T0, 1.0), doubtful(device, T0 + 1000, Quality.BAD)])
    ranges = [(T0, T0 + 9000), (T0 + 1000, T0 + 1001), (-MAX_MS, MAX_MS), (T0 + 1001, T0 + 9000), (T0, T0 + 1000)]
    found = [store.oldest(GROUP, CLASS, device, *within) for within in ranges]
    assert found == [T0 + 1000, T0 + 1000, T0 + 1000, T0 + 2000, None]
    assert store.oldest(GROUP, CLASS, fresh(), -MAX_MS, MAX_MS) is None


def test_groups_and_classes_keep_apart(store: Telemetry) -> None:
    """The same device id in another group or class is another series."""
    device = fresh()
    store.write([good(device, T0, 1.0), Stored("510803", CLASS, Reading(device, POINT, 2.0, T0))])
    store.write([Stored(GROUP, "water_meter", Reading(device, POINT, 3.0, T0))])
    assert samples(store, device) == [(T0, 1.0)]
    assert store.latest("510803", CLASS, device)[POINT].value == 2.0
    assert store.count(GROUP, "water_meter", device, POINT) == 1


def test_threads_may_write_and_read_at_once(store: Telemetry) -> None:
    """Eight threads that write the same and different series lose nothing."""
    devices = [fresh() for _ in range(8)]

    def work(device: str) -> int:
        for start in range(0, 500, 100):
            shared = [good(devices[0], T0 + n, 1.0, "shared") for n in range(start, start + 100)]
            store.write([good(device, T0 + n, float(n)) for n in range(start, start + 100)] + shared)
        return store.count(GROUP, CLASS, device, POINT)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, devices)) == [500] * 8
    assert store.count(GROUP, CLASS, devices[0], "shared") == 500


def test_figures_that_cannot_be_are_an_error(store: Telemetry) -> None:
    """A figure that is not a finite number, or a row without one, is an error of the program and says so."""
    with pytest.raises(FiguresError, match="consumption is nan"):
        store.write_figures("ledger_hour", [Figures({"unit": "u1"}, {"consumption": float("nan")}, T0)])
    with pytest.raises(FiguresError, match="no field"):
        store.write_figures("ledger_hour", [Figures({}, {}, T0)])
    store.write_figures("ledger_hour", [])


def figures(store: Telemetry, measurement: str) -> list[tuple[int, str, float]]:
    """Time, tag `meter` and field `value` of all rows of a measurement."""
    if isinstance(store, SqliteTelemetry):
        rows = store._read("SELECT ts, tags, value FROM figure WHERE measurement = ? AND field = 'value' ORDER BY ts, tags", (measurement,))
        return [(at, json.loads(tags)["meter"], value) for at, tags, value in rows]
    assert isinstance(store, InfluxTelemetry)
    return sorted((row["time"], row["meter"], row["value"]) for row in store._server.query(f'SELECT * FROM "{measurement}"'))  # noqa: S608


def test_figures_that_are_to_go_are_gone_and_no_others(store: Telemetry) -> None:
    """Those of one meter in [start, end), in this measurement; what never was there is no error, and written again they are back."""
    here, there, odd = fresh(), fresh(), "财政局's, 1=2"
    rows = [Figures({"meter": meter, "energy": "water"}, {"value": float(n)}, T0 + n) for n in range(6) for meter in (odd, "b")]
    for measurement in (here, there):
        store.write_figures(measurement, rows)
    assert store.forget_figures(here, {"meter": odd, "energy": "water"}, T0 + 1, T0 + 4)
    assert [row for row in figures(store, here) if row[1] == odd] == [(T0 + n, odd, float(n)) for n in (0, 4, 5)]
    assert len([row for row in figures(store, here) if row[1] == "b"]) == 6
    assert len(figures(store, there)) == 12
    assert store.forget_figures(here, {"meter": odd, "energy": "gas"}, T0, T0 + 9)
    assert store.forget_figures(fresh(), {"meter": odd, "energy": "water"}, T0, T0 + 9)
    assert len(figures(store, here)) == 9
    store.write_figures(here, [Figures({"meter": odd, "energy": "water"}, {"value": 9.0}, T0 + 2)])
    assert (T0 + 2, odd, 9.0) in figures(store, here)


def test_figures_of_two_districts_are_apart(store: Telemetry) -> None:
    """A meter of the first has no tag `group`, one of the same id elsewhere has: neither is written over, nor goes with the other."""
    name, first, other = fresh(), {"meter": "m", "energy": "water", "group": ""}, {"meter": "m", "energy": "water", "group": "510811"}
    both = [(first, 0.0), (other, 100.0)]
    store.write_figures(name, [Figures(tags, {"value": base + n}, T0 + n) for tags, base in both for n in range(3)])
    assert sorted(row[2] for row in figures(store, name)) == [0.0, 1.0, 2.0, 100.0, 101.0, 102.0]
    assert store.forget_figures(name, first, T0, T0 + 1)
    assert sorted(row[2] for row in figures(store, name)) == [1.0, 2.0, 100.0, 101.0, 102.0]
    assert store.forget_figures(name, other, T0 + 1, T0 + 3)
    assert sorted(row[2] for row in figures(store, name)) == [1.0, 2.0, 100.0]


def test_a_store_that_answers_answers_ping(store: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ping returns also while reading is spared the wait, since it finds out whether that is over."""
    monkeypatch.setattr(store.breaker, "open", "no answer")
    with pytest.raises(StoreDown, match="no answer"):
        store.series(GROUP, CLASS, fresh(), POINT, T0, T0 + 1)
    store.ping()


polls = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.dictionaries(
            st.sampled_from(["a", "b c", "c,d", "time", "x__q", ""]), st.floats() | st.integers(-(2**70), 2**70).map(float), max_size=5
        ),
    ),
    max_size=6,
)


@several
@given(polls=polls)
def test_a_poll_is_stored_as_its_readings_are(store: Telemetry, polls: list[tuple[int, dict[str, float]]]) -> None:
    """Whole polls and their single readings leave the same in the store, and the same refused, whatever they hold."""
    at_once, one_by_one = fresh(), fresh()
    lines: list[Line] = [Polled(GROUP, CLASS, at_once, T0 + at, values) for at, values in polls]
    refused = store.write(lines)
    apart = [Polled(GROUP, CLASS, one_by_one, T0 + at, values) for at, values in polls]
    refused_apart = [r for poll in apart for r in store.write(single([poll]))]
    assert [(repr(r.line.reading.value), r.line.reading.point, r.reason) for r in refused] == [
        (repr(r.line.reading.value), r.line.reading.point, r.reason) for r in refused_apart
    ]
    points = {point for _, values in polls for point in values if point}
    assert {p: held(store, at_once, p) for p in points} == {p: held(store, one_by_one, p) for p in points}


def test_polls_and_single_readings_of_one_time_are_written_in_their_order(store: Telemetry) -> None:
    """In one batch the later of two good ones counts, and a good one beats a bad one on either side of it."""
    device = fresh()
    batch: list[Line] = [
        doubtful(device, T0, Quality.BAD),
        Polled(GROUP, CLASS, device, T0, {POINT: 1.0, "power": 5.0}),
        good(device, T0, 2.0),
        Polled(GROUP, CLASS, device, T0, {"power": 6.0}),
        doubtful(device, T0, Quality.BAD),
    ]
    assert store.write(batch) == []
    assert held(store, device) == [(T0, 2.0, Quality.GOOD)]
    assert held(store, device, "power") == [(T0, 6.0, Quality.GOOD)]


def test_a_batch_beyond_one_request_is_stored_whole(store: Telemetry) -> None:
    """Twenty-five thousand readings in polls are all there."""
    device = fresh()
    batch: list[Line] = [Polled(GROUP, CLASS, device, T0 + n, {f"p{k}": float(n) for k in range(50)}) for n in range(500)]
    assert store.write(batch) == []
    assert {store.count(GROUP, CLASS, device, f"p{k}") for k in range(50)} == {500}
