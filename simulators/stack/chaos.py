"""Faults that come and go at seeded moments, as power cuts, full disks, hung servers and cut lines do."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from simulators.stack.processes import Processes


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens to a part of a running system.

    Attributes:
        name: For a person.
        victim: What it happens to; two faults of one victim never overlap.
        begin: Let it happen.
        end: Take it away.
    """

    name: str
    victim: str
    begin: Callable[[], None]
    end: Callable[[], None]


def kills(processes: Processes, start: Mapping[str, Callable[[], None]]) -> list[Fault]:
    """SIGKILL of each part, and a start; the keys of `start` are the parts."""
    return [Fault(f"{name} is killed", name, _killing(processes, name), begin_again) for name, begin_again in start.items()]


def hangs(processes: Processes, names: Sequence[str]) -> list[Fault]:
    """SIGSTOP of each part: its connections stay, and nothing answers."""
    return [
        Fault(f"{name} hangs", name, _signalling(processes, name, signal.SIGSTOP), _signalling(processes, name, signal.SIGCONT))
        for name in names
    ]


def _killing(processes: Processes, name: str) -> Callable[[], None]:
    return lambda: processes.kill(name)


def _signalling(processes: Processes, name: str, number: signal.Signals) -> Callable[[], None]:
    return lambda: processes.signal(name, number)


def storm(
    faults: Sequence[Fault],
    *,
    seed: int,
    seconds: float = inf,
    most: float = inf,
    longest: float = 0.8,
    tend: Callable[[], None] = lambda: None,
) -> Counter[str]:
    """Let faults come and go, one after the other, sometimes two at once.

    Args:
        faults: Those that may happen.
        seed: The same seed brings the same faults after the same waits.
        seconds: For how long, unless `most` faults came before.
        most: How many.
        longest: Seconds that one lasts at most.
        tend: Called after each, to start again what ended by itself, as a service manager does.

    Returns:
        How often each happened, by name.
    """
    chance = random.Random(seed)  # noqa: S311 (a schedule, no secret)
    done: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while time.monotonic() < end and done.total() < most:
        time.sleep(chance.uniform(0.3, 1.6))
        happening = [chance.choice(faults)]
        other = chance.choice(faults)
        if chance.random() < 0.25 and other.victim != happening[0].victim:  # noqa: PLR2004 (one in four)
            happening.append(other)
        try:
            for fault in happening:
                fault.begin()
            time.sleep(chance.uniform(0.0, longest))
        finally:
            for fault in happening:
                fault.end()
        done.update(fault.name for fault in happening)
        tend()
    return done
