"""Processes that belong together: started in order, logged to files, ended without leaving one behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from contract.clock import Clock

_GRACE = 8.0
"""Seconds a process has to stop by itself before it is killed."""


def settings_in(environment: Mapping[str, str]) -> list[str]:
    """Names of the variables that our programs take for settings, however they are spelt."""
    return sorted(name for name in environment if name.upper().startswith("JIEYUE_"))


class StartError(RuntimeError):
    """A part did not come up; the message says which, and where its log is."""


class Processes:
    """A group of child processes with one log file each."""

    def __init__(self, logs: Path, environment: Mapping[str, str] | None = None) -> None:
        """Children get this environment besides our own, of which they get no setting: it may be that of a real site."""
        self._logs = logs
        inherited = {name: value for name, value in os.environ.items() if name not in settings_in(os.environ)}
        self.environment = {**inherited, **(environment or {}), "PYTHONUNBUFFERED": "1"}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, argv: list[str], environment: Mapping[str, str] | None = None) -> None:
        """Start a child in a process group of its own, so that Ctrl-C reaches it only through us."""
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603 (our own programs and the broker)
                argv,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**self.environment, **(environment or {})},
                start_new_session=True,
            )

    def python(self, name: str, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        """Start one of our own programs."""
        self.start(name, [sys.executable, "-m", module, *arguments], environment)

    def log(self, name: str) -> Path:
        """Where a part logs."""
        return self._logs / f"{name}.log"

    def pid(self, name: str) -> int:
        """The process id of a running part."""
        return self._running[name].pid

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a part."""
        self._running[name].send_signal(number)

    def kill(self, name: str) -> None:
        """End a part at once, as a power cut would."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def release(self, name: str) -> subprocess.Popen[bytes]:
        """A part that whoever asks ends himself."""
        return self._running.pop(name)

    def dead(self) -> list[str]:
        """Parts that ended by themselves."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def ended(self, name: str) -> str:
        """For a person: which part ended, and the last line it wrote."""
        lines = self.log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        return f"{name} ended: {lines[-1] if lines else 'it said nothing'}; see {self.log(name)}"

    def stop(self, name: str | None = None) -> None:
        """Ask a part, or all in the reverse order of their start, to stop; kill what does not."""
        for each in [name] if name else list(reversed(self._running)):
            process = self._running.pop(each)
            process.terminate()
            process.send_signal(signal.SIGCONT)
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait_for(self, name: str, ready: Callable[[], bool], *, seconds: float) -> None:
        """Wait until a condition holds.

        Raises:
            StartError: A part died or time ran out; names the log.
        """
        end = time.monotonic() + seconds
        while not ready():
            if self.dead():
                raise StartError(self.ended(self.dead()[0]))
            if time.monotonic() > end:
                raise StartError(f"{name} was not ready after {seconds:g} s; see {self.log(name)}")
            time.sleep(0.05)


def clock_environment(clock: Clock) -> dict[str, str]:
    """The variables that give a child the same clock."""
    if not clock.trial:
        return {}
    origin = clock.now_ms()
    seconds, ms = divmod(origin, 1000)
    started = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return {"JIEYUE_NOW": f"{started}.{ms:03d}Z", "JIEYUE_ANCHOR": repr(time.time()), "JIEYUE_SPEED": repr(clock.speed)}
