"""What strangers and mistakes do to a running system: floods, garbage, and passwords that are taken away."""

from __future__ import annotations

import contextlib
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from contract import rights
from contract.secret import named_secret
from contract.sparkplug import DataType
from contract.topics import NodeId, Topic
from simulators.foreign_node import compressed, metric, nbirth, payload
from simulators.stack.broker import Broker
from simulators.stack.chaos import Fault
from simulators.stack.processes import Processes
from tests.storm.site import GROUP

STRANGER = NodeId(GROUP, "stranger")
"""An edge node of another maker that says nothing of sense."""
_GARBAGE = Path(__file__).with_name("garbage.py")
_HALF_OPEN = 300
_PAYLOADS = 200
_PATIENCE = 3.0


def flood(port: int) -> Fault:
    """Half-open requests, and strangers who ask for streams."""
    held: list[socket.socket] = []

    def begin() -> None:
        for number in range(_HALF_OPEN):
            with contextlib.suppress(OSError):
                one = socket.create_connection(("127.0.0.1", port), timeout=1)
                one.send(b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"a" * (number % 7))
                held.append(one)

    def end() -> None:
        while held:
            held.pop().close()

    return Fault("the interface is flooded", "interface", begin, end)


def poison(broker: Broker) -> Fault:
    """Payloads of an edge node that are none, or too much of one."""
    chance = random.Random(0)  # noqa: S311 (garbage, no secret)
    user = rights.node_user(STRANGER)

    def begin() -> None:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=user)
        client.username_pw_set(user, named_secret(broker.password_file(user)))
        with contextlib.suppress(OSError):  # the broker is away too
            client.connect("127.0.0.1", broker.port, keepalive=5)
            client.loop_start()
            with contextlib.suppress(RuntimeError, ValueError):  # it went away meanwhile
                sent = [client.publish(topic, raw, qos=1) for topic, raw in _payloads(chance)]
                sent[-1].wait_for_publish(_PATIENCE)
            client.disconnect()
            client.loop_stop()

    return Fault("an edge node sends garbage", "stranger", begin, lambda: None)


def _payloads(chance: random.Random) -> Iterator[tuple[str, bytes]]:
    good = nbirth(metric("a", 1.5), metric("b", 7, kind=DataType.INT64), at=1_790_000_000_000)
    many = payload([metric(f"m{number}", float(number)) for number in range(5_000)], at=2**63)
    bomb = compressed(bytes(32 * 2**20), "GZIP", form=31)
    odd = payload([metric("n\0ul", float("nan")), metric("x" * 5_000, float("inf"), at=2**63), metric("y", 1.0, kind=99)], at=0)
    for number in range(_PAYLOADS):
        kind = chance.choice(("NBIRTH", "DBIRTH", "DDATA", "NDATA", "DDEATH", "NDEATH"))
        device = f"d{chance.randrange(5)}" if kind.startswith("D") else ""
        broken = bytearray(chance.choice((good, many[:20_000], odd)))
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        raw = chance.choice((chance.randbytes(chance.randrange(2_000)), good[: chance.randrange(len(good))], bytes(broken), good, odd))
        raw = {50: many, 100: bomb}.get(number, raw)
        yield str(Topic(*STRANGER[:1], kind, *STRANGER[1:], device)), raw


def garbage(port: int, before: Sequence[str]) -> Fault:
    """Bytes at the port for vehicle terminals that are no message, or a part of one; `before` as of a network."""

    def begin() -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):  # whoever should read them hangs too
            subprocess.run([*before, sys.executable, str(_GARBAGE), str(port)], check=False, timeout=_PATIENCE)

    return Fault("the port for vehicles gets garbage", "vehicle port", begin, lambda: None)


def refusals(broker: Broker, processes: Processes, users: Sequence[str]) -> list[Fault]:
    """The broker knows a user no more, and later again."""
    return [_refusal(broker, processes, user) for user in users]


def _refusal(broker: Broker, processes: Processes, user: str) -> Fault:
    passwords = broker.folder / "passwd"
    before = passwords.read_text(encoding="utf-8")
    without = "".join(line for line in before.splitlines(keepends=True) if not line.startswith(f"{user}:"))

    def write(text: str) -> None:
        rights.secret_file(passwords, text)
        processes.signal("broker", signal.SIGHUP)  # mosquitto reads its files again and throws out whoever may not stay

    return Fault(f"the broker refuses {user}", "broker", lambda: write(without), lambda: write(before))
