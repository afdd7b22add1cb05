"""What systemd hears, on a real datagram socket, from the real gateway process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from edge.watchdog import Systemd
from tests.sites import whole

SITE = whole("compounds: []\nunits: []\ngateways: [{id: gw}]\nbuses: []\ndevices: []\n")


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[socket.socket]:
    """Where systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "notify"))
        bound.settimeout(20)
        yield bound


@pytest.fixture
def gateway(tmp_path: Path, ear: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    """The real program, without devices, watched every 300 ms."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "site.yaml").write_text(SITE, encoding="utf-8")
    config = tmp_path / "gw.yaml"
    config.write_text(yaml.safe_dump({"gateway": "gw", "site": "./site", "data": str(tmp_path / "data"), "broker": {"port": 1}}))
    environment = os.environ | {"NOTIFY_SOCKET": ear.getsockname(), "WATCHDOG_USEC": "300000"}
    with subprocess.Popen([sys.executable, "-m", "edge", "run", "--config", str(config)], env=environment) as process:
        yield process
        process.kill()


def what_comes(ear: socket.socket) -> Iterator[bytes]:
    """Until nothing comes for as long as the socket waits."""
    with contextlib.suppress(TimeoutError, BlockingIOError):
        while True:
            yield ear.recv(100)


def test_the_gateway_tells_its_start_its_life_and_its_stop(ear: socket.socket, gateway: subprocess.Popen[bytes]) -> None:
    """READY=1 comes first, signs of life go on, and SIGTERM is answered by STOPPING=1 and exit code 0."""
    heard = [ear.recv(100) for _ in range(4)]
    assert heard == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1", b"WATCHDOG=1"]
    gateway.terminate()
    while (last := ear.recv(100)) == b"WATCHDOG=1":
        pass
    assert last == b"STOPPING=1"
    assert gateway.wait(20) == 0


def test_under_systemd_a_second_gateway_waits(tmp_path: Path, ear: socket.socket, gateway: subprocess.Popen[bytes]) -> None:
    """To end would be a start again every five seconds: it asks for time, says once why, and goes on when the outbox is free.

    Without systemd it ends with one line, since somebody is there to read it.
    """
    assert ear.recv(100) == b"READY=1"
    command = [sys.executable, "-m", "edge", "run", "--config", str(tmp_path / "gw.yaml")]
    said = f"process {gateway.pid} has this outbox open"
    alone = subprocess.run(command, env={**os.environ, "NOTIFY_SOCKET": ""}, capture_output=True, text=True, timeout=60, check=False)
    assert (alone.returncode, alone.stderr.count("\n")) == (1, 1)
    assert said in alone.stderr
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(tmp_path / "other"))
        other.settimeout(20)
        environment = {**os.environ, "NOTIFY_SOCKET": other.getsockname()}
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as second:
            assert [other.recv(100) for _ in range(2)] == [b"EXTEND_TIMEOUT_USEC=60000000"] * 2
            gateway.kill()
            gateway.wait(20)
            while (heard := other.recv(100)) != b"READY=1":
                assert heard == b"EXTEND_TIMEOUT_USEC=60000000"
            second.terminate()
            _, lines = second.communicate(timeout=20)
        assert second.returncode == 0
        assert [said in line for line in lines.splitlines() if "outbox in use" in line] == [True]


def test_a_gateway_that_stands_still_gives_no_sign(ear: socket.socket, gateway: subprocess.Popen[bytes]) -> None:
    """Stopped by SIGSTOP, as by an event loop that hangs, it is silent for longer than systemd waits."""
    assert ear.recv(100) == b"READY=1"
    gateway.send_signal(signal.SIGSTOP)
    ear.settimeout(0.6)
    heard = list(what_comes(ear))
    assert len(heard) <= 2, "more than was on its way"


async def test_a_gateway_that_does_not_get_on_is_no_life(ear: socket.socket) -> None:
    """While its work has stood still for the watchdog's time no sign is given; signs come back with the work."""
    heart = Systemd({"NOTIFY_SOCKET": ear.getsockname(), "WATCHDOG_USEC": "60000"})
    stuck, asked, twice = 0.06, 0, asyncio.Event()

    def since() -> float:
        nonlocal asked
        asked += 1
        if asked == 3:
            twice.set()
        return stuck

    running = asyncio.create_task(heart.run(since))
    await asyncio.wait_for(twice.wait(), 20)
    assert ear.recv(100) == b"READY=1"
    ear.settimeout(0.0)
    assert list(what_comes(ear)) == []
    stuck = 0.059
    ear.settimeout(20)
    assert await asyncio.to_thread(ear.recv, 100) == b"WATCHDOG=1"
    running.cancel()


def test_without_systemd_nothing_is_told() -> None:
    """No socket, no watchdog; and another process's watchdog is none of ours."""
    quiet = Systemd({"WATCHDOG_USEC": "300000"})
    quiet.tell("READY=1")
    assert quiet.watchdog == 0.0
    assert Systemd({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "300000", "WATCHDOG_PID": "1"}).watchdog == 0.0
    assert Systemd({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "300000", "WATCHDOG_PID": str(os.getpid())}).watchdog == 0.3


def test_an_abstract_socket_is_found() -> None:
    """A name that begins with @ lies in the abstract namespace (unix(7))."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(f"\0jieyue-test-{os.getpid()}")
        bound.settimeout(20)
        Systemd({"NOTIFY_SOCKET": f"@jieyue-test-{os.getpid()}"}).tell("READY=1")
        assert bound.recv(100) == b"READY=1"
