"""`make demo`: the whole site on this machine, from devices to the interface, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx

from contract.clock import Clock, clock_from_environment, iso, kept_time
from contract.commandline import FAILED, fail, port
from contract.rights import secret_file
from contract.sitefolder import shipped_site
from simulators.files import replace_file
from simulators.stack.processes import StartError, settings_in
from simulators.stack.stack import Stack

READY_WITHIN = 600.0
_SETTINGS = ("JIEYUE_PORT", "JIEYUE_DATA", "JIEYUE_NOW", "JIEYUE_SPEED")
"""All that the demo takes from its environment."""
_CLOCK = "clock"
_MARK = "made-by-demo"
_EARLIER_MARKS = ("history.done", "endpoints.json")
"""What says the same in the folder of a demo of an earlier version."""
_PARTS = ("cloud", "edge", "broker", "simulators", "token", "registry.db", "telemetry.db", "outbox.db")
"""What a demo would write over, or what says that the folder itself is that of a cloud or a gateway."""


class _Stop(Exception):  # noqa: N818 (Ctrl-C or SIGTERM; not a fault)
    """Somebody asked the demo to end."""


def main() -> int:
    """Run the demo; 0 after a stop that was asked for, 1 when a part failed, 2 on a wrong setting."""
    foreign = _forget_foreign()
    try:
        web_port = _port(os.environ.get("JIEYUE_PORT") or "8080")
        clock = clock_from_environment()
        data = _folder(Path(os.environ.get("JIEYUE_DATA") or "var/demo"))
        clock = _going_on(clock, data)
    except ValueError as error:
        return fail("demo", error)
    except OSError as error:
        return fail("demo", error, FAILED)
    _heed(_stop)
    try:
        if foreign:
            sys.stdout.write(f"demo: not used, since they are no settings of the demo: {', '.join(foreign)}\n")
            sys.stdout.flush()
        _run(data, clock, web_port)
    except _Stop:
        sys.stdout.write("\ndemo: stopping\n")
    except StartError as error:
        return fail("demo", error, FAILED)
    return 0


def _forget_foreign() -> list[str]:
    """Take settings that are not the demo's out of our environment: they may name the stores of a real site. Returns their names."""
    foreign = [name for name in settings_in(os.environ) if name not in _SETTINGS]
    for name in foreign:
        del os.environ[name]
    return foreign


def _folder(data: Path) -> Path:
    """Make the folder that everything is kept in, and mark it as a demo's before anything else is in it.

    Raises:
        ValueError: It holds stores or secrets that no demo made.
    """
    if not any((data / name).exists() for name in (_MARK, *_EARLIER_MARKS)):
        taken = [name for name in _PARTS if (data / name).exists()]
        if taken:
            raise ValueError(f"JIEYUE_DATA: {data} holds {', '.join(taken)}, which no demo made; expected a new folder, or that of a demo")
    data.mkdir(parents=True, exist_ok=True)
    (data / _MARK).write_text("The demo (make demo) keeps everything in this folder.\n", encoding="utf-8")
    return data


def _run(data: Path, clock: Clock, web_port: int) -> None:
    """Start all parts and stay until told to stop; none of them is left behind."""
    hold = data.resolve() / "starting"
    hold.touch()
    stack = Stack(shipped_site("lizhou"), data, clock, port=web_port, environment={"JIEYUE_HOLD": str(hold)})
    try:
        with _remembered_time(data, clock):
            _start(stack, hold)
            _watch(stack, data, clock)
    finally:
        _heed(signal.SIG_IGN)  # a second Ctrl-C must not leave a part behind
        stack.processes.stop()
        hold.unlink(missing_ok=True)


def _port(text: str) -> int:
    try:
        return port(text)
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"JIEYUE_PORT: {error}") from error


def _stop(_number: int, _frame: object) -> None:
    _heed(signal.SIG_IGN)
    raise _Stop


def _heed(handler: Callable[[int, object], None] | signal.Handlers) -> None:
    """What Ctrl-C and SIGTERM do from now on."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _going_on(clock: Clock, data: Path) -> Clock:
    """A demo with a start date goes on where it was stopped, never backwards."""
    left = data / _CLOCK
    if clock.trial and left.exists():
        clock = replace(clock, origin_ms=max(clock.origin_ms, kept_time(left)))
    return clock


@contextlib.contextmanager
def _remembered_time(data: Path, clock: Clock) -> Iterator[None]:
    try:
        yield
    finally:
        replace_file(data / _CLOCK, str(clock.now_ms()))


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
    # a session of its own: else Ctrl-C reaches it as well, and what it says of that may come before we end it
    child = subprocess.Popen(command, env=stack.processes.environment, start_new_session=True)  # noqa: S603 (our own program)
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
        replace_file(data / _CLOCK, str(clock.now_ms()))
        dead = stack.processes.dead()
        if dead:
            raise StartError(stack.processes.ended(dead[0]))


if __name__ == "__main__":
    sys.exit(main())
