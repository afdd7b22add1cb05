"""A day of the whole site with the wall open: does memory stay flat, and does any log complain?

`JIEYUE_SPEED` (30) is how fast the day runs and `JIEYUE_DAY_HOURS` (24) how long it is, so it takes 48 minutes of real time.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench import figures, whole

SPEED, HOURS = 30.0, 24.0
SAMPLES_AN_HOUR = 4
SETTLE = 2
"""Hours after which nothing is expected to be loaded or cached for the first time."""
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]

Samples = dict[str, list[float]]
"""A figure's name -> its samples, one each quarter of an hour."""


def run(folder: Path) -> None:
    """The day; one line a process and measure with its level after the first hours, at the end, and at most."""
    speed, hours = float(os.environ.get("JIEYUE_SPEED") or SPEED), float(os.environ.get("JIEYUE_DAY_HOURS") or HOURS)
    samples: Samples = defaultdict(list)
    with whole.running(folder, {"JIEYUE_SPEED": f"{speed:g}"}) as demo, _wall(demo) as (browser, page, faults):
        tools, processes = page.context.new_cdp_session(page), browser.new_browser_cdp_session()
        began = time.monotonic()
        for number in range(int(hours * SAMPLES_AN_HOUR) + 1):
            page.wait_for_timeout(max(0.0, (began + number * 3600 / SAMPLES_AN_HOUR / speed - time.monotonic()) * 1000))
            for name, value in (_memory(demo) | _page(page, tools, processes)).items():
                samples[name].append(value)
            sys.stderr.write(f"\rbench: day: {number / SAMPLES_AN_HOUR:5.2f} of {hours:g} h")
        sys.stderr.write("\n")
        complaints, fired = list(_complaints(demo.data)) + faults, _fired(demo)
    for name, values in samples.items():
        _tell(name, values, hours)
    figures.tell("day.complaints", len(complaints), "lines", f"in any log or in the browser's console, {hours:g} h at speed {speed:g}")
    alerts = ", ".join(f"{rule} {times}" for rule, times in fired.items())
    figures.tell("day.alerts", sum(fired.values()), "1", f"alerts that fired: {alerts or 'none'}")
    sys.stderr.writelines(f"{line}\n" for line in complaints[:50])


def _tell(name: str, values: list[float], hours: float) -> None:
    unit = "MiB" if name.endswith("memory") else "MB" if name.endswith("heap") else "1"
    settled = values[SETTLE * SAMPLES_AN_HOUR :] or values
    quarter = max(1, len(settled) // 4)
    early, late = statistics.median(settled[:quarter]), statistics.median(settled[-quarter:])
    what = f"median of the last quarter of {hours:g} h with the wall open; at the start {values[0]:.1f}, "
    figures.tell(f"day.{name}", late, unit, what + f"in the quarter from hour {SETTLE} {early:.1f}, at most {max(values):.1f}")


def _memory(demo: whole.Whole) -> dict[str, float]:
    """Resident memory of each process of the demo, MiB."""
    children = Path(f"/proc/{demo.process.pid}/task/{demo.process.pid}/children").read_text(encoding="ascii").split()
    return {f"{_name(int(pid))}.memory": figures.resident_mib(int(pid)) for pid in children}


def _name(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    if "-m" not in words:
        return Path(words[0]).name
    module = words[words.index("-m") + 1]
    if module == "edge":
        return Path(words[-2]).stem
    return "simulators-" + words[words.index("--gateway") + 1] if "--gateway" in words else module


def _page(page: Page, tools: CDPSession, processes: CDPSession) -> dict[str, float]:
    """The heap after a collection, MB; elements; drawings so far; memory of the process that draws, MiB."""
    tools.send("HeapProfiler.collectGarbage")
    elements = tools.send("Runtime.evaluate", {"expression": "document.querySelectorAll('*').length"})["result"]["value"]
    drawing = [one["id"] for one in processes.send("SystemInfo.getProcessInfo")["processInfo"] if one["type"] == "renderer"]
    return {
        "page.heap": tools.send("Runtime.getHeapUsage")["usedSize"] / 1e6,
        "page.elements": elements,
        "page.drawings": float(page.get_attribute("#stage", "data-draws") or 0),
        "page.memory": sum(figures.resident_mib(pid) for pid in drawing),
    }


@contextmanager
def _wall(demo: whole.Whole) -> Iterator[tuple[Browser, Page, list[str]]]:
    """The wall in a browser, and what went wrong in it."""
    environment = os.environ | {"JIEYUE_DATA": str(demo.data / "cloud")}
    command = [sys.executable, "-m", "cloud", "token", "the wall", "--role", "wall"]
    token = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 (our own program)
    faults: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.on("console", lambda said: faults.append(f"console: {said.text}") if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: faults.append(f"page: {error}"))
        page.goto(f"http://127.0.0.1:{demo.port}/wall?token={token}", wait_until="commit")
        yield browser, page, faults
        browser.close()


def _fired(demo: whole.Whole) -> Counter[str]:
    headers = {"Authorization": f"Bearer {(demo.data / 'token').read_text(encoding='utf-8').strip()}"}
    answer = httpx.get(f"http://127.0.0.1:{demo.port}/api/v1/alerts", headers=headers, timeout=30)
    return Counter(alert["rule"] for alert in answer.raise_for_status().json())


def _complaints(data: Path) -> Iterator[str]:
    """Every line of every log that is not information."""
    for log in sorted((data / "logs").glob("*.log")):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                level = json.loads(line).get("level")
            except ValueError:
                level = None if "rror" in line or "Traceback" in line else "info"
            if level != "info":
                yield f"{log.name}: {line}"
