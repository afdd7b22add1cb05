"""The broker's shipped files on a real mosquitto, with certificates and passwords that our commands made."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import aiomqtt
import pytest

from simulators.stack.broker import free_port

ROOT = Path(__file__).resolve().parents[2]
GATEWAY = ROOT / "firmware_configs" / "gateway"
PLACE = "/etc/mosquitto/jieyue"


def certificates(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ROOT / "deploy/certificates"), str(folder), *names], capture_output=True, text=True, timeout=60, check=False)


class Mosquitto:
    """A server with configuration files of ours."""

    def __init__(self, folder: Path, text: str) -> None:
        self.port = free_port()
        text = text.replace("listener 8883", f"listener {self.port} 127.0.0.1").replace(PLACE, str(folder))
        config = folder / "mosquitto.conf"
        config.write_text(text + ("\nuser root\n" if os.geteuid() == 0 else "\n"), encoding="utf-8")
        self.argv = ["mosquitto", "-c", str(config)]
        self.log = folder / "log"
        self.start()

    def start(self) -> None:
        """Start, and wait for the port."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.argv, stdout=log, stderr=log)
        end = time.monotonic() + 20
        while True:
            assert self.process.poll() is None, self.log.read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """passwd, acl, passwords/ of the shipped site, and a certificate for localhost."""
    folder = tmp_path / "broker"
    command, environment = [sys.executable, "-m", "cloud", "broker", str(folder)], os.environ | {"JIEYUE_SITE": "lizhou"}
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0
    done = certificates(folder, "localhost", "127.0.0.1")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def broker(files: Path, mosquitto: None) -> Iterator[Mosquitto]:
    """broker.conf as it ships, but for its port and its place."""
    _ = mosquitto
    server = Mosquitto(files, (GATEWAY / "broker.conf").read_text(encoding="utf-8"))
    yield server
    server.stop()


def context_of(authority: Path) -> ssl.SSLContext:
    """As edge and cloud make it, and as strict as Python 3.13 makes it by itself."""
    context = ssl.create_default_context(cafile=authority)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def client(files: Path, broker: Mosquitto, user: str) -> aiomqtt.Client:
    """As edge and cloud connect."""
    password = (files / "passwords" / user).read_text(encoding="utf-8").strip()
    return aiomqtt.Client("localhost", broker.port, username=user, password=password, tls_context=context_of(files / "ca.crt"), timeout=5)


async def test_a_known_user_enters_and_does_what_it_may(files: Path, broker: Mosquitto) -> None:
    """A gateway's data reach the cloud's user; another gateway's name is not its to use, and nobody else's data are its to read.

    The cloud subscribes the whole namespace; its own commands do not come back to it.
    """
    ours, others = "spBv1.0/510802/NDATA/gw-c1", "spBv1.0/510802/NDATA/gw-c2"
    async with client(files, broker, "cloud") as cloud:
        await cloud.subscribe("spBv1.0/#", 1)
        with suppress(aiomqtt.MqttError):  # mosquitto 2.0.11 ends the session of who publishes what it may not
            async with client(files, broker, "gw-c1") as liar:
                await liar.publish(others, b"not mine", qos=1)
        async with client(files, broker, "gw-c1") as gateway, client(files, broker, "gw-c2") as other:
            await gateway.subscribe("spBv1.0/#", 1)
            await gateway.publish(ours, b"mine", qos=1)
            await other.publish(others, b"theirs", qos=1)
            messages = aiter(cloud.messages)
            heard = [await anext(messages) for _ in range(2)]
            assert [(str(m.topic), m.payload) for m in heard] == [(ours, b"mine"), (others, b"theirs")]
            await cloud.publish("spBv1.0/510802/NCMD/gw-c1", b"for you", qos=1)
            first = await anext(aiter(gateway.messages))
            assert (str(first.topic), first.payload) == ("spBv1.0/510802/NCMD/gw-c1", b"for you")
            await gateway.publish(ours, b"heard", qos=1)
            assert (await anext(messages)).payload == b"heard"


@pytest.mark.parametrize(("user", "password"), [("gw-c1", "wrong"), ("stranger", "wrong"), (None, None)])
async def test_a_wrong_user_is_refused(files: Path, broker: Mosquitto, user: str | None, password: str | None) -> None:
    """A wrong password, an unknown name and no name at all: not authorised, though the certificate is right."""
    context = context_of(files / "ca.crt")
    with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
        async with aiomqtt.Client("localhost", broker.port, username=user, password=password, tls_context=context, timeout=5):
            pass


def handshake(authority: Path, broker: Mosquitto) -> str:
    """Whom the broker turns out to be, for a client that trusts this authority and looks for localhost."""
    with (
        socket.create_connection(("127.0.0.1", broker.port), 5) as plain,
        context_of(authority).wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        return str(tls.version())


def test_a_broker_with_a_wrong_certificate_is_refused(files: Path, broker: Mosquitto, tmp_path: Path) -> None:
    """Of another authority, or for another name: the client leaves before it says its password; with the right one it stays."""
    assert handshake(files / "ca.crt", broker) == "TLSv1.3"
    assert certificates(tmp_path / "other", "localhost").returncode == 0
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        handshake(tmp_path / "other" / "ca.crt", broker)
    assert certificates(files, "elsewhere.example").returncode == 0
    broker.stop()
    broker.start()
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate is not valid for 'localhost'"):
        handshake(files / "ca.crt", broker)


async def test_nothing_is_heard_without_tls(files: Path, broker: Mosquitto) -> None:
    """A client that speaks in the clear gets no answer, even with the right password."""
    password = (files / "passwords" / "gw-c1").read_text(encoding="utf-8").strip()
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client("localhost", broker.port, username="gw-c1", password=password, timeout=5):
            pass


async def test_a_bridge_keeps_what_meters_say_while_the_line_is_down(files: Path, broker: Mosquitto, tmp_path: Path) -> None:
    """bridge.conf as it ships, with host, bus and password filled in: what was said while the centre was away arrives after it."""
    compound = tmp_path / "compound"
    compound.mkdir()
    text = (GATEWAY / "bridge.conf").read_text(encoding="utf-8").replace(PLACE, str(files))
    password = (files / "passwords" / "devices-c1-mqtt").read_text(encoding="utf-8").strip()
    text = text.replace("HOST:8883", f"localhost:{broker.port}").replace("BUS", "c1-mqtt").replace("PASSWORD", password)
    near = Mosquitto(compound, f"listener 8883\nallow_anonymous true\nlog_type all\n{text}\nrestart_timeout 1\n")
    try:
        broker.stop()
        async with aiomqtt.Client("127.0.0.1", near.port, timeout=5) as meter:
            await meter.publish("meters/c1/charger", b"while away", qos=1)
        broker.start()
        async with client(files, broker, "gw-c1") as gateway:
            await gateway.subscribe("meters/c1/charger", 1)
            async with aiomqtt.Client("127.0.0.1", near.port, timeout=5) as meter:
                await meter.publish("meters/c1/charger", b"now", qos=1)
            messages = aiter(gateway.messages)
            assert [(await anext(messages)).payload for _ in range(2)] == [b"while away", b"now"]
    finally:
        near.stop()


def test_certificates_are_made_for_names_and_kept_apart(tmp_path: Path) -> None:
    """The authority stays when a certificate is renewed, keys are the owner's, and a wrong name makes nothing."""
    assert certificates(tmp_path, "broker.example", "10.0.0.5").returncode == 0
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert certificates(tmp_path, "broker.example").returncode == 0
    after = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert {name for name in after if after[name] == before[name]} == {"ca.crt", "ca.key"}
    assert {p.name: p.stat().st_mode & 0o777 for p in tmp_path.iterdir()} == {
        "ca.crt": 0o644, "ca.key": 0o600, "server.crt": 0o644, "server.key": 0o600,
    }  # fmt: skip
    wrong = certificates(tmp_path / "none", "a b")
    assert (wrong.returncode, wrong.stderr) == (2, "certificates: a b is no host name or address\n")
    assert list((tmp_path / "none").iterdir()) == []
