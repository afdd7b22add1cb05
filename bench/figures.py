"""How a figure is printed, what machine it comes from, and what a process used of it."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@cache
def machine() -> str:
    """Kind of machine: processor, cores, memory, system, Python."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), platform.machine())
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {gib:.0f} GiB, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def tell(name: str, value: float, unit: str, what: str) -> None:
    """Print a figure as one JSON line."""
    line = {"name": name, "value": round(value, 4), "unit": unit, "what": what, "machine": machine()}
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Used:
    """CPU seconds (user and system) that a process has used since its start."""

    total: float
    main_thread: float

    def __sub__(self, other: Used) -> Used:
        return Used(self.total - other.total, self.main_thread - other.main_thread)


def cpu(pid: int) -> Used:
    """What a running process has used so far."""
    return Used(_seconds(Path(f"/proc/{pid}/stat")), _seconds(Path(f"/proc/{pid}/task/{pid}/stat")))


def _seconds(stat: Path) -> float:
    fields = stat.read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_mib(pid: int) -> float:
    """Memory that a running process holds, MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def quantile(numbers: list[float], share: float) -> float:
    """The number that a share of all is not above (nearest rank)."""
    ordered = sorted(numbers)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
