"""The whole site as `make demo` runs it, under measure."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.cloud import ready
from simulators.stack.broker import free_port

READY_WITHIN = 300.0


@dataclass(frozen=True, slots=True)
class Whole:
    """A running demo: its process, its web port, its data, what it said on its terminal, and how soon it was ready."""

    process: subprocess.Popen[bytes]
    port: int
    data: Path
    said: str
    ready_after: float


@contextmanager
def running(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Whole]:
    """A demo from an empty folder, ready; it is stopped afterwards.

    Raises:
        RuntimeError: It did not become ready.
    """
    port, said = free_port(), folder / "said"
    environment = os.environ | {"JIEYUE_PORT": str(port), "JIEYUE_DATA": str(folder / "data")} | dict(settings or {})
    began = time.monotonic()
    with said.open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "simulators.stack.demo"], env=environment, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as api:
            while not ready(api):
                if process.poll() is not None or time.monotonic() - began > READY_WITHIN:
                    raise RuntimeError("the demo did not become ready: " + said.read_text(encoding="utf-8", errors="replace")[-2000:])
                time.sleep(0.1)
        yield Whole(process, port, folder / "data", said.read_text(encoding="utf-8", errors="replace"), time.monotonic() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
