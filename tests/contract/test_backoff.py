"""Whoever tries again waits longer each time, and not at the same moment as the others."""

from __future__ import annotations

import pytest

from contract.backoff import Backoff, spread


def test_each_failure_waits_twice_as_long_up_to_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that held for longer than the bound begins the row anew; one that held for less does not."""
    monkeypatch.setattr("contract.backoff.spread", lambda seconds: seconds)
    backoff = Backoff(0.5, 30.0)
    assert [backoff.after(0.0) for _ in range(7)] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert (backoff.after(30.0), backoff.after(30.1), backoff.after(0.0)) == (30.0, 0.5, 1.0)


def test_waits_are_spread() -> None:
    """Within half and one and a half of what is asked for, and not all alike."""
    found = [spread(10.0) for _ in range(200)]
    assert 5.0 <= min(found) < 8.0
    assert 12.0 < max(found) < 15.0
