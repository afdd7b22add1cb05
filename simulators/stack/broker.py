"""A broker for the demo and for tests: mosquitto if it is on PATH, else one that pip installs.

The pip-installable one (iotcore) knows passwords, but no rights per topic; it keeps sessions in memory only, and lets every user
take over the client id of another: never in production.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from contract import rights
from contract.site import Site

_PORTS = range(15_000, 32_000)
"""Below those that the kernel gives to outgoing connections: a client that keeps trying a port which nobody serves yet may be
given that very port, be connected to itself, and hold it for good."""


def free_port() -> int:
    """A TCP port that nobody uses now, and that no outgoing connection will take."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass(frozen=True)
class Broker:
    """Files and command of a broker on a local port.

    Attributes:
        folder: Where its configuration and the users' passwords lie.
        port: MQTT on 127.0.0.1.
        argv: The command that runs it.
    """

    folder: Path
    port: int
    argv: list[str]

    def password_file(self, user: str) -> Path:
        """The password of a user, one line."""
        return rights.password_file(self.folder, user)


def prepare(site: Site, folder: Path, host_id: str, *, port: int = 0) -> Broker:
    """Write a broker's files: a random password for each user (kept from an earlier run), rights, queue limits."""
    port = port or free_port()
    passwords = rights.write_files(rights.rights(site, host_id), folder)
    mosquitto = shutil.which("mosquitto")
    if mosquitto:
        return Broker(folder, port, [mosquitto, "-c", str(_mosquitto(folder, port))])
    return Broker(folder, port, [sys.executable, "-m", "simulators.stack.iotcore_broker", str(_iotcore(folder, port, passwords))])


def _mosquitto(folder: Path, port: int) -> Path:
    text = (
        f"listener {port} 127.0.0.1\nuse_username_as_clientid true\n"
        f"allow_anonymous false\npassword_file {folder / 'passwd'}\nacl_file {folder / 'acl'}\n"
        # the defaults drop messages silently under a burst
        "max_queued_messages 0\nmax_queued_bytes 104857600\nmax_inflight_messages 500\nmax_packet_size 16842752\nlog_dest stderr\n"
        f"persistence true\npersistence_location {folder}/\nautosave_interval 30\n"
        "log_dest topic\nlog_type error\nlog_type warning\nlog_type notice\n"
    )
    if os.geteuid() == 0:
        text += "user root\n"  # else it gives up its rights and can no longer read these files
    return rights.secret_file(folder / "mosquitto.conf", text)


def _iotcore(folder: Path, port: int, passwords: dict[str, str]) -> Path:
    users = "\n".join(f'"{user}" = "{password}"' for user, password in passwords.items())
    text = f"""id = 0
[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v4.1]
name = "v4"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = 4194304
max_inflight_count = 100
dynamic_filters = true
[v4.1.connections.auth]
{users}
"""
    return rights.secret_file(folder / "iotcore.toml", text)
