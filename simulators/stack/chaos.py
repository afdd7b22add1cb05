"""Kills parts of a running system at seeded moments, as power cuts and the kernel do: SIGKILL, then a restart."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping

from simulators.stack.processes import Processes


def kill_and_restart(processes: Processes, restart: Mapping[str, Callable[[], None]], *, kills: int, seed: int) -> Counter[str]:
    """Kill parts one after the other, sometimes two at once; each is started again after a moment.

    Args:
        processes: Where the parts run.
        restart: How each part is started; the keys are the parts that may be killed.
        kills: How often.
        seed: The same seed kills the same parts after the same waits.

    Returns:
        How often each part was killed.
    """
    chance = random.Random(seed)  # noqa: S311 (a schedule, no secret)
    names = sorted(restart)
    done: Counter[str] = Counter()
    while done.total() < kills:
        time.sleep(chance.uniform(0.3, 1.6))
        victims = chance.sample(names, k=2 if chance.random() < 0.25 and len(names) > 1 else 1)  # noqa: PLR2004 (one in four)
        for name in victims:
            processes.kill(name)
            done[name] += 1
        time.sleep(chance.uniform(0.0, 0.8))
        for name in victims:
            restart[name]()
    return done
