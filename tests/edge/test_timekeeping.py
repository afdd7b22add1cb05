"""A gateway without a set clock never dates a reading by guess."""

from __future__ import annotations

import time

from contract.timeservice import kernel_synchronised
from edge.timekeeping import HOW, HOW_AFTER_TRIAL, GatewayClock, how


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


def test_the_clock_of_a_trial_is_not_synchronised() -> None:
    """Whatever the kernel says of its own: nobody reads a date off a clock that was set by hand, and rows wait."""
    for trial in (GatewayClock(1_790_000_000_000.0, 1_780_000_000.0, boot="b1"), GatewayClock(speed=2.0, boot="b1")):
        assert trial.look(lambda: True, lambda: 1_780_000_000.0) is None
        assert (trial.waiting, trial.real_seconds(60), how(trial)) == ("b1", 60 / trial.speed, HOW_AFTER_TRIAL)
    assert how(GatewayClock(boot="b1")) == HOW


def test_the_kernel_can_be_asked() -> None:
    """The system call answers with yes or no on this machine."""
    assert kernel_synchronised() in {True, False}
