"""The broker's shipped files on a real mosquitto, with certificates and passwords that our commands made."""

from __future__ import annotations

import shutil
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import aiomqtt
import pytest

from cloud.ingest.batch import MAX_PAYLOAD_BYTES
from contract.site import load_site
from contract.sitefolder import shipped_site
from simulators.stack.broker import prepare
from tests.deploy.broker import GATEWAY, PLACE, Mosquitto, certificates, client, context_of, password, shipped


async def test_a_known_user_enters_and_does_what_it_may(broker: Mosquitto) -> None:
    """A gateway's data reach the cloud's user; another gateway's name is not its to use, and nobody else's data are its to read.

    The cloud subscribes the whole namespace; its own commands do not come back to it.
    """
    ours, others = "spBv1.0/510802/NDATA/gw-c1", "spBv1.0/510802/NDATA/gw-c2"
    async with client(broker, "cloud") as cloud:
        await cloud.subscribe("spBv1.0/#", 1)
        with suppress(aiomqtt.MqttError):  # mosquitto 2.0.11 ends the session of who publishes what it may not
            async with client(broker, "gw-c1") as liar:
                await liar.publish(others, b"not mine", qos=1)
        async with client(broker, "gw-c1") as gateway, client(broker, "gw-c2") as other:
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


@pytest.mark.parametrize(("user", "secret"), [("gw-c1", "wrong"), ("stranger", "wrong"), (None, None)])
async def test_a_wrong_user_is_refused(files: Path, broker: Mosquitto, user: str | None, secret: str | None) -> None:
    """A wrong password, an unknown name and no name at all: not authorised, though the certificate is right."""
    context = context_of(files / "ca.crt")
    with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
        async with aiomqtt.Client("localhost", broker.port, username=user, password=secret, tls_context=context, timeout=5):
            pass


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")  # it is old, and that is the point
def test_older_tls_is_refused(files: Path, broker: Mosquitto) -> None:
    """A client that speaks TLS 1.1 at most is told by the broker that this version is not spoken."""
    context = ssl.create_default_context(cafile=files / "ca.crt")
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", broker.port), 5) as plain, pytest.raises(ssl.SSLError, match=r"(?i)alert.protocol.version"):
        context.wrap_socket(plain, server_hostname="localhost")


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


async def test_nothing_is_heard_without_tls(broker: Mosquitto) -> None:
    """A client that speaks in the clear gets no answer, even with the right password."""
    secret = password(broker, "gw-c1")
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client("localhost", broker.port, username="gw-c1", password=secret, timeout=5):
            pass


async def test_a_bridge_keeps_what_meters_say_while_the_line_is_down(files: Path, broker: Mosquitto, tmp_path: Path) -> None:
    """bridge.conf as it ships, with host, bus and password filled in: what was said while the centre was away arrives after it."""
    compound = tmp_path / "compound"
    compound.mkdir()
    text = shipped("bridge.conf").replace(PLACE, str(files))
    text = (
        text.replace("HOST:8883", f"localhost:{broker.port}")
        .replace("BUS", "c1-mqtt")
        .replace("PASSWORD", password(broker, "devices-c1-mqtt"))
    )
    near = Mosquitto(compound, f"listener 1883\nallow_anonymous true\nlog_type all\n{text}\nrestart_timeout 1\n")
    try:
        broker.stop()
        async with aiomqtt.Client("127.0.0.1", near.ports[1883], timeout=5) as meter:
            await meter.publish("meters/c1/charger", b"while away", qos=1)
        broker.start()
        async with client(broker, "gw-c1") as gateway:
            await gateway.subscribe("meters/c1/charger", 1)
            async with aiomqtt.Client("127.0.0.1", near.ports[1883], timeout=5) as meter:
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
    assert {name for name in after if after[name] == before[name]} == {"ca.crt", "ca.key", "revoked"}
    assert {p.name: p.stat().st_mode & 0o777 for p in tmp_path.iterdir()} == {
        "ca.crt": 0o644, "ca.key": 0o600, "server.crt": 0o644, "server.key": 0o600,
        "revoked": 0o600, "revoked.crl": 0o644,
    }  # fmt: skip
    wrong = certificates(tmp_path / "none", "a b")
    assert (wrong.returncode, wrong.stderr) == (2, "certificates: a b is no host name or address\n")
    assert list((tmp_path / "none").iterdir()) == []


async def test_a_message_beyond_what_the_cloud_reads_ends_at_the_broker(broker: Mosquitto) -> None:
    """The largest message that is read goes through; a larger one ends its sender's session, and nobody else hears of it."""
    topic = "spBv1.0/510802/NDATA/gw-c1"
    async with client(broker, "cloud") as cloud:
        await cloud.subscribe("spBv1.0/#", 1)
        async with client(broker, "gw-c1") as gateway:
            await gateway.publish(topic, bytes(MAX_PAYLOAD_BYTES), qos=1)
        with pytest.raises(aiomqtt.MqttError):
            async with client(broker, "gw-c1") as gateway:
                await gateway.publish(topic, bytes(MAX_PAYLOAD_BYTES + 65_536), qos=1)
        async with client(broker, "gw-c1") as gateway:
            await gateway.publish(topic, b"after", qos=1)
        messages = aiter(cloud.messages)
        sizes = [len((await anext(messages)).payload) for _ in range(2)]
    assert sizes == [MAX_PAYLOAD_BYTES, len(b"after")]


def test_every_broker_that_we_write_has_this_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the centre, of a compound with a bridge, and of a demo."""
    monkeypatch.setattr(shutil, "which", lambda _name: "mosquitto")
    written = prepare(load_site(shipped_site("lizhou")), tmp_path, "jieyue").folder / "mosquitto.conf"
    for path in (GATEWAY / "broker.conf", GATEWAY / "bridge.conf", written):
        assert f"max_packet_size {MAX_PAYLOAD_BYTES + 65_536}" in path.read_text(encoding="utf-8").splitlines(), path
