"""A gateway without a set clock never dates a reading by guess."""

from __future__ import annotations

import time

from edge.timekeeping import GatewayClock, kernel_synchronised


def test_before_the_first_synchronisation_time_counts_from_the_boot_and_rows_wait() -> None:
    """Until the kernel's clock is kept, nothing claims to be UTC."""
    clock = GatewayClock(boot="b1")
    assert clock.look(lambda: False) is None
    assert clock.waiting == "b1"
    assert abs(clock.now_ms() - time.monotonic() * 1000) < 1000


def test_after_it_the_time_is_utc_plus_monotonic_and_a_wall_clock_step_changes_nothing() -> None:
    """The first look gives the offset for waiting rows; later looks follow the kept clock only."""
    clock = GatewayClock(boot="b1")
    offset = clock.look(lambda: True, lambda: 1_790_000_000.0)
    assert offset is not None
    assert clock.waiting is None
    assert abs(clock.now_ms() - 1_790_000_000_000) < 1000
    assert clock.look(lambda: False, lambda: 0.0) is None
    assert abs(clock.now_ms() - 1_790_000_000_000) < 1000


def test_the_kernel_can_be_asked() -> None:
    """The system call answers with yes or no on this machine."""
    assert kernel_synchronised() in {True, False}
