"""The broker's shipped files on a real mosquitto: other ports, another place, else as they are."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import time
from pathlib import Path

import aiomqtt

from simulators.stack.broker import free_port
from tests.waiting import listens

ROOT = Path(__file__).resolve().parents[2]
GATEWAY = ROOT / "firmware_configs" / "gateway"
PLACE = "/etc/mosquitto/jieyue"


def shipped(*names: str) -> str:
    """Configuration files of ours, one after the other."""
    return "\n".join((GATEWAY / name).read_text(encoding="utf-8") for name in names)


def certificates(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ROOT / "deploy/certificates"), str(folder), *names], capture_output=True, text=True, timeout=60, check=False)


class Mosquitto:
    """A server with configuration files of ours; it keeps its sessions in the folder when it is stopped."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        self.ports: dict[int, int] = {}
        self.log = folder / "log"
        self.configure(text)
        self.start()

    def configure(self, text: str) -> None:
        """Take another configuration at the next start; each listener has a free port in the place of its own."""

        def local(match: re.Match[str]) -> str:
            return f"listener {self.ports.setdefault(int(match[1]), free_port())} 127.0.0.1"

        text = re.sub(r"^listener (\d+)$", local, text, flags=re.MULTILINE).replace(PLACE, str(self.folder))
        text += f"\npersistence true\npersistence_location {self.folder}/\n" + ("user root\n" if os.geteuid() == 0 else "")
        (self.folder / "mosquitto.conf").write_text(text, encoding="utf-8")

    @property
    def port(self) -> int:
        """Of the listener with TLS."""
        return self.ports[8883]

    def start(self) -> None:
        """Start, and wait for the ports."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(["mosquitto", "-c", str(self.folder / "mosquitto.conf")], stdout=log, stderr=log)
        end = time.monotonic() + 20
        for port in self.ports.values():
            while not listens(port):
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < end, self.log.read_text()
                time.sleep(0.02)

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(20)


def context_of(authority: Path) -> ssl.SSLContext:
    """As edge and cloud make it, and as strict as Python 3.13 makes it by itself."""
    context = ssl.create_default_context(cafile=authority)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def password(broker: Mosquitto, user: str) -> str:
    return (broker.folder / "passwords" / user).read_text(encoding="utf-8").strip()


def client(
    broker: Mosquitto,
    user: str,
    identifier: str | None = None,
    *,
    keep: bool = False,
    plain: bool = False,
    will: aiomqtt.Will | None = None,
) -> aiomqtt.Client:
    """As edge and cloud connect; with `keep` the broker keeps the session, with `plain` it is the listener without TLS."""
    return aiomqtt.Client(
        "localhost",
        broker.ports[1883 if plain else 8883],
        username=user,
        password=password(broker, user),
        identifier=identifier,
        clean_session=not keep,
        tls_context=None if plain else context_of(broker.folder / "ca.crt"),
        will=will,
        timeout=5,
    )
