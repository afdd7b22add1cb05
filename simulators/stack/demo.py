"""`make demo`: the whole site on this machine, from devices to the interface, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx

from contract.clock import Clock, clock_from_environment, iso
from contract.commandline import FAILED, fail, port
from contract.rights import secret_file
from contract.site import shipped_site
from simulators.stack.processes import StartError
from simulators.stack.stack import Stack

READY_WITHIN = 600.0


class _Stop(Exception):  # noqa: N818 (Ctrl-C or SIGTERM; not a fault)
    """Somebody asked the demo to end."""


def main() -> int:
    """Run the demo; 0 after a stop that was asked for, 1 when a part failed, 2 on a wrong setting."""
    try:
        web_port = _port(os.environ.get("JIEYUE_PORT") or "8080")
        data = Path(os.environ.get("JIEYUE_DATA") or "var/demo")
        data.mkdir(parents=True, exist_ok=True)
        clock = _clock(data)
    except ValueError as error:
        return fail("demo", error)
    except OSError as error:
        return fail("demo", error, FAILED)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    hold = data.resolve() / "starting"
    hold.touch()
    stack = Stack(shipped_site("lizhou"), data, clock, port=web_port, environment={"JIEYUE_HOLD": str(hold)})
    try:
        with _remembered_time(data, clock):
            _start(stack, hold)
            _watch(stack, data, clock)
    except _Stop:
        sys.stdout.write("\ndemo: stopping\n")
    except StartError as error:
        return fail("demo", error, FAILED)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave a part behind
        stack.processes.stop()
        hold.unlink(missing_ok=True)
    return 0


def _port(text: str) -> int:
    try:
        return port(text)
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"JIEYUE_PORT: {error}") from error


def _stop(_number: int, _frame: object) -> None:
    raise _Stop


def _clock(data: Path) -> Clock:
    """The clock of the environment; a demo with a start date goes on where it was stopped, never backwards."""
    clock = clock_from_environment()
    left = data / "clock"
    if clock != Clock() and left.exists():
        clock = replace(clock, origin_ms=max(clock.origin_ms, float(left.read_text(encoding="utf-8"))))
    return clock


@contextlib.contextmanager
def _remembered_time(data: Path, clock: Clock) -> Iterator[None]:
    try:
        yield
    finally:
        (data / "clock").write_text(str(clock.now_ms()), encoding="utf-8")


def _start(stack: Stack, hold: Path) -> None:
    say = sys.stdout.write
    say(f"demo: {stack.site.id}, {len(stack.site.devices)} devices, data in {stack.data}\n")
    sys.stdout.flush()
    stack.prepare_cloud()
    token = stack.data / "token"
    if not token.exists():
        secret_file(token, stack.command("token", "demo", "--role", "admin"))
    stack.start_broker()
    stack.start_cloud()
    endpoints = stack.start_simulators()
    told = stack.data / "history.done"
    if not told.exists():
        _history(stack)
        told.write_text(iso(stack.clock.now_ms()) + "\n", encoding="utf-8")
    for gateway in stack.site.gateways:
        stack.start_edge(gateway.id, endpoints)
    hold.unlink()
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.port}") as client:
        stack.processes.wait_for("cloud", lambda: _healthy(client), seconds=READY_WITHIN)
    say(f"demo: ready at http://127.0.0.1:{stack.port}/ , token in {token}, addresses of devices in {stack.data / 'endpoints.json'}\n")
    sys.stdout.flush()


def _history(stack: Stack) -> None:
    """The past through the real path, with its progress bar on our terminal; then the fuel that clerks enter by hand."""
    fuel = stack.data / "fuel.csv"
    command = [sys.executable, "-m", "simulators", "history", "--site", str(stack.folder), "--mqtt", f"127.0.0.1:{stack.broker.port}"]
    command += ["--passwords", str(stack.broker.folder / "passwords"), "--fuel", str(fuel)]
    child = subprocess.Popen(command, env=stack.processes.environment)  # noqa: S603 (our own program)
    try:
        if child.wait() != 0:
            raise StartError("the history could not be sent")
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    stack.command("import", str(fuel))


def _healthy(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _watch(stack: Stack, data: Path, clock: Clock) -> None:
    """Stay until told to stop; a part that dies ends the demo, loudly."""
    while True:
        time.sleep(1.0)
        (data / "clock").write_text(str(clock.now_ms()), encoding="utf-8")
        dead = stack.processes.dead()
        if dead:
            raise StartError(stack.processes.ended(dead[0]))


if __name__ == "__main__":
    sys.exit(main())
