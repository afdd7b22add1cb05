"""A real InfluxDB 1.x for checks and measures: with authentication, in a folder of its own, on free ports."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx

from simulators.stack.broker import free_port
from simulators.stack.processes import StartError

USER, PASSWORD = "jieyue", "p,w:d/@ #?%"
"""Signs that each of the ways a password travels must escape."""
_START_S = 30.0
_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  auth-enabled = true
  log-enabled = false
"""


@dataclass
class Influxd:
    """A running server with one user, who may do everything."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    password: str = PASSWORD

    def url(self, database: str = "telemetry", password: str = PASSWORD) -> str:
        """For `open_telemetry`."""
        return f"influx+http://{USER}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def post(self, path: str, content: str = "", **parameters: str) -> httpx.Response:
        """A request past the store, to bring the database into a state that the store itself would not.

        Raises:
            httpx.HTTPStatusError: The server refused it.
        """
        url = f"http://127.0.0.1:{self.port}{path}"
        return httpx.post(url, params=parameters, content=content.encode(), auth=(USER, self.password)).raise_for_status()

    def change_password(self, password: str) -> None:
        """Refuse from now on whoever comes with the one before."""
        self.post("/query", q=f"SET PASSWORD FOR {USER} = '{password}'")
        self.password = password

    def pause(self) -> None:
        """Answer nothing, and keep all connections, as on a disk that hangs."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        self.process.send_signal(signal.SIGCONT)

    def start(self) -> None:
        """Start again after `kill`, on the same port and data.

        Raises:
            StartError: It does not start.
        """
        self.process = _started(self.folder, self.port)

    def kill(self) -> None:
        """Die as in a power cut."""
        self.process.kill()
        self.process.wait()


def start_influxd(folder: Path) -> Influxd:
    """Start a server whose data lie in `folder`, and make its user.

    Raises:
        StartError: It is not installed, or does not start.
    """
    port = free_port()
    server = Influxd(_started(folder, port), port, folder)
    server.post("/query", q=f"CREATE USER {USER} WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES")
    return server


def _started(folder: Path, port: int) -> subprocess.Popen[bytes]:
    binary = shutil.which("influxd")
    if binary is None:
        raise StartError("influxd is not installed (Debian package influxdb)")
    config = folder / "influxd.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, rpc=free_port()), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([binary, "-config", str(config)], stdout=log, stderr=log)  # noqa: S603 (the server itself)
    deadline = time.monotonic() + _START_S
    while not _answers(port):
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            if time.monotonic() < deadline:
                continue
            process.kill()
            process.wait()
        raise StartError("influxd does not start: " + (folder / "log").read_text(encoding="utf-8"))
    return process


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ping").is_success
    except httpx.TransportError:
        return False
