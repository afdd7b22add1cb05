"""A gateway whose machine does not know the time: it reads on, says that rows wait, and dates them when the clock is known or trusted."""

from __future__ import annotations

from functools import partialmethod
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from contract import sparkplug
from contract.clock import Clock
from contract.reading import Row
from edge.timekeeping import HOW, HOW_AFTER_TRIAL, GatewayClock

if TYPE_CHECKING:
    from tests.edge.conformance.conftest import Bench

DAY_MS = 86_400_000


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the kernel's clock is kept, which the gateway looks at often; not at first."""
    state = [False]
    monkeypatch.setattr("edge.app.CHECK_EVERY", 0.05)
    monkeypatch.setattr("edge.health.INTERVAL", 0.05)
    monkeypatch.setattr(GatewayClock, "look", partialmethod(GatewayClock.look, lambda: state[0]))
    return state


async def _waiting(bench: Bench) -> int:
    """Run without a clock until the cloud was told of rows of both devices; returns how many."""
    await bench.host.state(Clock().now_ms(), online=True)
    gateway = bench.start(clock="synchronised")
    await bench.until(lambda: (gateway.outbox.stats().undated or 0) > 6)
    wanted = gateway.outbox.stats().undated or 0
    await bench.proxy.until(lambda: any(int(p.values.get(sparkplug.STORE_UNDATED) or 0) >= wanted for p in bench.proxy.of("NDATA")))
    return wanted


async def test_rows_that_wait_are_said_and_dated_once_the_clock_is_kept(bench: Bench, kept: list[bool]) -> None:
    """The log says how to get a clock, live NDATA says how many rows wait, no row is sent before it has its time."""
    began = Clock().now_ms()
    with capture_logs() as logs:
        await _waiting(bench)
    (said, *_) = [line for line in logs if line["event"] == "rows wait for the clock"]
    assert (said["log_level"], said["help"]) == ("warning", HOW)
    told = bench.proxy.of("NDATA")[-1]
    assert (told.values["outbox_undated"], sparkplug.store_seq(told.data)) == (told.values[sparkplug.STORE_UNDATED], None)
    born = {m.name for m in bench.proxy.of("NBIRTH")[0].data.metrics}
    assert {m.name for m in told.data.metrics} <= born
    assert sparkplug.STORE_SYNCHRONISED not in born
    assert bench.proxy.of("DDATA") == []
    kept[0] = True
    await bench.proxy.until(lambda: {p.device for p in bench.proxy.of("DDATA")} == {"em-1", "ac-1"})
    times = [m.timestamp for p in bench.proxy.of("DDATA") for m in p.data.metrics]
    assert min(times) >= began - 1000
    assert max(times) <= Clock().now_ms() + 1000


async def test_an_outbox_has_its_limit_while_the_clock_waits(bench: Bench, kept: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a time server for days the disk does not fill up: beyond the limit gauges are no longer taken, and that is said."""
    assert kept == [False]
    monkeypatch.setattr("edge.app.KEEP_EVERY", 0.05)
    with capture_logs() as logs:
        gateway = bench.start(clock="synchronised", max_bytes=10_000_000)
        gateway.outbox.commit([Row("em-1", 1, {"energy_import": 1.0}, texts={sparkplug.COMMAND_RESULT: "x" * 10_000_000})], boot="earlier")
        await bench.until(lambda: gateway.outbox.full)
    assert [line["event"] for line in logs if "outbox" in str(line["event"])] == ["outbox full: gauges are no longer taken"]


async def test_a_clock_that_a_time_service_has_set_is_said_in_the_birth(bench: Bench, kept: list[bool]) -> None:
    """The cloud may need it where it doubts its own clock; a clock that is only trusted is no evidence."""
    kept[0] = True
    await bench.host.state(Clock().now_ms(), online=True)
    bench.start(clock="synchronised")
    await bench.proxy.until(lambda: bench.proxy.of("NBIRTH"))
    assert bench.proxy.of("NBIRTH")[-1].values[sparkplug.STORE_SYNCHRONISED] is True
    await bench.stop()
    before = len(bench.proxy.of("NBIRTH"))
    bench.start(clock="trusted")
    await bench.proxy.until(lambda: len(bench.proxy.of("NBIRTH")) > before)
    assert sparkplug.STORE_SYNCHRONISED not in bench.proxy.of("NBIRTH")[-1].values


async def test_under_the_clock_of_a_trial_rows_wait_though_the_kernels_is_kept(bench: Bench, kept: list[bool]) -> None:
    """The log says what is to be done; started without it, every row has the time at which it was really read."""
    kept[0] = True
    began = Clock().now_ms()
    bench.clock = Clock(float(began + 100 * DAY_MS), began / 1000)
    with capture_logs() as logs:
        await _waiting(bench)
    assert {line["help"] for line in logs if line["event"] == "rows wait for the clock"} == {HOW_AFTER_TRIAL}
    assert bench.proxy.of("DDATA") == []
    await bench.stop()
    bench.clock = Clock()
    bench.start(clock="synchronised")
    await bench.proxy.until(lambda: {p.device for p in bench.proxy.of("DDATA")} == {"em-1", "ac-1"})
    times = [m.timestamp for p in bench.proxy.of("DDATA") for m in p.data.metrics]
    assert began - 1000 <= min(times) <= max(times) <= Clock().now_ms() + 1000


async def test_what_waited_is_dated_when_somebody_decides_to_trust_the_clock(bench: Bench, kept: list[bool]) -> None:
    """Stopped, `clock: trusted` said, started again: every row that waited goes with the time at which it was read."""
    assert kept == [False]
    began = Clock().now_ms()
    waited = await _waiting(bench)
    await bench.stop()
    ended = Clock().now_ms()
    gateway = bench.start(clock="trusted")
    await bench.proxy.until(lambda: len({sparkplug.store_seq(p.data) for p in bench.proxy.of("DDATA", "NDATA")} - {None}) >= waited)
    assert gateway.outbox.stats().undated == 0
    first = [p for p in bench.proxy.of("DDATA", "NDATA") if (sparkplug.store_seq(p.data) or waited + 1) <= waited]
    assert len({sparkplug.store_seq(p.data) for p in first}) == waited
    times = [m.timestamp for p in first for m in p.data.metrics if m.name != sparkplug.STORE_SEQ]
    assert began - 1000 <= min(times) <= max(times) <= ended + 1000
