"""Each way in which a broker cannot be reached has a sentence of its own, with the host, the port or the file, from real failures."""

from __future__ import annotations

import gc
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest

from contract.reaching import Takeovers, why
from contract.yamlfile import ConfigError
from edge.settings import Broker
from simulators.stack.broker import free_port
from tests.waiting import listens, wait

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def ports(tmp_path: Path, mosquitto: None) -> Iterator[tuple[int, int, int]]:
    """A mosquitto with a port for TLS, whose certificate is localhost's, a plain one with passwords, and one that wants certificates."""
    _ = mosquitto
    folder = tmp_path / "broker"
    subprocess.run([str(ROOT / "deploy" / "certificates"), str(folder), "localhost"], check=True, capture_output=True)
    tls, plain, strict = free_port(), free_port(), free_port()
    root = "user root\n" if os.geteuid() == 0 else ""
    files = f"certfile {folder}/server.crt\nkeyfile {folder}/server.key\n"
    secured = f"listener {tls} 127.0.0.1\n{files}listener {strict} 127.0.0.1\n{files}cafile {folder}/ca.crt\nrequire_certificate true\n"
    (folder / "passwd").touch(0o600)
    (folder / "conf").write_text(f"{root}{secured}listener {plain} 127.0.0.1\nallow_anonymous false\npassword_file {folder}/passwd\n")
    server = subprocess.Popen(["mosquitto", "-c", str(folder / "conf")], stderr=subprocess.DEVNULL)
    wait(lambda: server.poll() is not None or all(map(listens, (tls, plain, strict))), "the broker does not listen", seconds=30)
    assert server.poll() is None
    yield tls, plain, strict
    server.terminate()
    server.wait(20)


async def reason(host: str, port: int, ca_file: Path | None = None, context: ssl.SSLContext | None = None) -> str:
    tls = context or Broker(ca_file=ca_file).tls()
    with pytest.raises(aiomqtt.MqttError) as caught:
        async with aiomqtt.Client(host, port, timeout=3, tls_context=tls):
            pass
    return why(caught.value, host, port, tls=tls is not None)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves a socket to the collector when TLS fails
async def test_ways_in_which_a_broker_cannot_be_reached(tmp_path: Path, ports: tuple[int, int, int]) -> None:
    """Nobody listens, no such host, no TLS where it is expected and the reverse, a certificate of others or for others, no rights."""
    tls, plain, strict = ports
    authority, nobody = tmp_path / "broker" / "ca.crt", free_port()
    assert await reason("127.0.0.1", nobody) == f"127.0.0.1:{nobody} refuses the connection: nothing listens there"
    assert await reason("nowhere.invalid", 1883) == "unknown host nowhere.invalid"
    assert await reason("127.0.0.1", tls) == f"no answer from 127.0.0.1:{tls}; a port with TLS needs a CA file"
    ends = "ends the connection when TLS begins; a port without TLS needs no CA file"
    assert await reason("localhost", plain, authority) == f"localhost:{plain} {ends}"
    assert await reason("127.0.0.1", plain) == f"127.0.0.1:{plain} refuses us: Not authorized"
    own = ssl.create_default_context()
    assert (await reason("localhost", tls, context=own)).startswith(f"the certificate of localhost:{tls} is not believed: unable to get")
    other = await reason("127.0.0.1", tls, authority)
    assert other.startswith(f"the certificate of 127.0.0.1:{tls} is not believed: IP address mismatch")
    silent = await reason("localhost", strict, authority)
    assert silent.startswith(f"no answer from localhost:{strict}; a port that wants a certificate of the client says no more")
    gc.collect()


def test_a_certificate_outside_its_days_blames_a_clock() -> None:
    """OpenSSL's two codes for a certificate whose days have not begun, or are over."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = 9, "certificate is not yet valid"
    assert why(error, "b", 8883, tls=True) == "the certificate of b:8883 is not valid yet by this machine's clock"
    error.verify_code = 10
    assert why(error, "b", 8883, tls=True) == "the certificate of b:8883 is no longer valid by this machine's clock"


def test_a_file_is_named(tmp_path: Path) -> None:
    """A password or a certificate that is gone while the gateway runs."""
    with pytest.raises(ConfigError) as caught:
        Broker(ca_file=tmp_path / "none").tls()
    assert why(caught.value, "b", 1, tls=True) == f"{tmp_path}/none: cannot be read: No such file or directory"
    assert why(FileNotFoundError(2, "No such file or directory", "/x"), "b", 1) == "/x: No such file or directory"


def test_three_short_sessions_are_a_second_client() -> None:
    """A broker that takes us and closes, again and again; a long session or a connection that never came is none of that."""
    told = Takeovers("510802-gw")
    assert [told.ended(5, accepted=True), told.ended(5, accepted=True)] == ["", ""]
    assert told.ended(3, accepted=True).startswith("; the broker takes 510802-gw and closes again and again: a second process")
    assert told.ended(3, accepted=False) == ""
    assert [told.ended(5, accepted=True), told.ended(90, accepted=True), told.ended(5, accepted=True)] == ["", "", ""]


def test_what_libraries_say_is_json_too() -> None:
    """A line of Python's own logging has the same form as ours, with its traceback inside the line."""
    code = (
        "import logging; from contract.logs import set_up; set_up()\n"
        "logging.getLogger('mqtt').warning('failed to receive on socket: %s', 'x'); logging.getLogger('mqtt').info('not said')\n"
        "try: 1 / 0\nexcept ZeroDivisionError: logging.getLogger('asyncio').exception('never retrieved')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    first, second = map(json.loads, done.stderr.splitlines())
    assert (first["event"], first["level"], first["source"]) == ("failed to receive on socket: x", "warning", "mqtt")
    assert (second["event"], second["level"], second["source"]) == ("never retrieved", "error", "asyncio")
    assert second["exception"].startswith("Traceback")
