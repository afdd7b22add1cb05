"""A gateway whose disk does not answer: it says so, shows what it reads, hears commands and the host, and goes on with the disk."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from functools import partialmethod
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract import sparkplug
from contract.clock import Clock
from edge.outbox import file, lock
from edge.timekeeping import GatewayClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.edge.conformance.conftest import Bench, Packet


class Disk:
    """Every use of the outbox waits until the disk answers."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.asked = threading.Event()

    def waits(self) -> None:
        """As a system call on a card that hangs."""
        if not self.answers.is_set():
            self.asked.set()
        assert self.answers.wait(60)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """Of the gateway; whoever uses the outbox looks first which file stands at its place."""
    found, identity = Disk(), file.identity

    def waits(path: Path) -> tuple[int, int] | None:
        found.waits()
        return identity(path)

    monkeypatch.setattr(file, "identity", waits)
    monkeypatch.setattr("edge.health.INTERVAL", 0.1)
    monkeypatch.setattr("edge.poller._MOST_WAITING", 2)
    for module in ("app", "poller", "outbox.outbox"):
        monkeypatch.setattr(f"edge.{module}.PATIENCE", 0.2, raising=False)
    yield found
    found.answers.set()


def shown(bench: Bench, kind: str) -> list[Packet]:
    """What was sent and is kept nowhere."""
    return [p for p in bench.proxy.of(kind) if sparkplug.STORE_SEQ not in p.values]


async def test_a_disk_that_hangs_is_told_as_that(bench: Bench, disk: Disk) -> None:
    """The gateway tells of itself on, that its outbox refuses, and nothing that only the disk knows; with the disk all goes on."""
    gateway = await bench.online()
    disk.answers.clear()
    await bench.proxy.until(lambda: len(shown(bench, "NDATA")) >= 3)
    assert {p.values["outbox_refuses"] for p in shown(bench, "NDATA")} == {1.0}
    assert all("outbox_depth" not in p.values for p in shown(bench, "NDATA"))
    times = [p.data.metrics[0].timestamp for p in shown(bench, "NDATA")]
    assert times == sorted(set(times))
    await bench.proxy.until(lambda: shown(bench, "DDATA"))
    told = len(bench.proxy.of("NDATA"))
    disk.answers.set()
    await bench.proxy.until(
        lambda: any(p.values.get("outbox_refuses") == 0.0 and sparkplug.STORE_SEQ in p.values for p in bench.proxy.of("NDATA")[told:])
    )
    assert gateway.outbox.stats().lost > 0


async def test_what_waits_for_the_disk_is_shown_meanwhile(bench: Bench, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first rows that wait were not shown, on a bus of ten seconds for ten minutes; with the disk they are kept as well."""
    monkeypatch.setattr("edge.poller._MOST_WAITING", 1000)
    gateway = await bench.online()
    disk.answers.clear()
    await bench.proxy.until(lambda: len(shown(bench, "DDATA")) >= 3)
    times = [p.data.metrics[0].timestamp for p in shown(bench, "DDATA")]  # the message's own says when it was sent
    disk.answers.set()
    await bench.until(lambda: set(times) <= {row.at for row in gateway.outbox.pending(0, 1000)})


async def test_commands_and_the_host_are_heard_though_the_disk_hangs(bench: Bench, disk: Disk) -> None:
    """An acknowledgement waits for the disk alone: a device is switched, the host's goodbye ends the session; it is marked later."""
    gateway = await bench.online()
    sent = [p for p in bench.proxy.of("DDATA") if sparkplug.STORE_SEQ in p.values]
    disk.answers.clear()
    await bench.acknowledge(sent)
    await bench.until(disk.asked.is_set)
    await bench.host.command(
        sparkplug.MetricDefinition("setpoint", sparkplug.DataType.DOUBLE, 22.0),
        sparkplug.MetricDefinition(sparkplug.COMMAND_ID, sparkplug.DataType.STRING, "c-1"),
        sparkplug.MetricDefinition(sparkplug.COMMAND_EXPIRES, sparkplug.DataType.DATETIME, Clock().now_ms() + 60_000),
        device="ac-1",
    )
    await bench.until(lambda: bench.world.points["ac-1"]["setpoint"] == 22.0)
    await bench.host.state(Clock().now_ms(), online=False)
    await bench.proxy.until(lambda: bench.proxy.of("NDEATH"))
    disk.answers.set()
    named = {p.values[sparkplug.STORE_SEQ] for p in sent}
    await bench.until(lambda: not named & {row.seq for row in gateway.outbox.pending(0, 1000)})


async def test_a_session_that_is_lost_while_the_disk_hangs_begins_anew(bench: Bench, disk: Disk) -> None:
    """Its number is counted in memory, and stands on disk when that answers: the next process goes on behind it."""
    await bench.online()
    disk.answers.clear()
    for sessions in (2, 3):
        bench.proxy.cut()
        await bench.proxy.until(lambda: len(bench.proxy.of("NBIRTH")) >= sessions)  # noqa: B023
    numbers = [int(p.values[sparkplug.BD_SEQ] or 0) for p in bench.proxy.of("NBIRTH")]
    assert numbers == sorted(set(numbers))
    disk.answers.set()
    await bench.proxy.until(lambda: any(sparkplug.STORE_SEQ in p.values for p in bench.proxy.of("DDATA") if p.link == 2))


async def test_how_many_rows_wait_for_the_clock_is_null_where_no_disk_says_it(
    bench: Bench, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not known is not 0: the cloud would believe that none wait."""
    monkeypatch.setattr(GatewayClock, "look", partialmethod(GatewayClock.look, lambda: False))
    await bench.host.state(Clock().now_ms(), online=True)
    bench.start(clock="synchronised")
    await bench.proxy.until(lambda: any(p.values.get(sparkplug.STORE_UNDATED) for p in bench.proxy.of("NDATA")))
    disk.answers.clear()

    def refusing() -> list[Packet]:
        return [p for p in bench.proxy.of("NDATA") if p.values.get("outbox_refuses") == 1.0]

    await bench.proxy.until(refusing)
    (undated,) = [m for m in refusing()[0].data.metrics if m.name == sparkplug.STORE_UNDATED]
    assert undated.is_null


@pytest.mark.parametrize("call", ["identity", "hold"])
async def test_a_gateway_starts_on_a_disk_that_hangs(
    call: str, bench: Bench, disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Systemd hears that it is ready, readings are shown with their values, and with the disk they are kept."""
    hold: Callable[[Path], int] = lock.hold

    def waits(path: Path) -> int:
        disk.waits()
        return hold(path)

    if call == "hold":
        monkeypatch.setattr("edge.outbox.handle.hold", waits)
    disk.answers.clear()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)  # noqa: FBT003
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        await bench.host.state(Clock().now_ms(), online=True)
        gateway = bench.start()
        await bench.proxy.until(lambda: shown(bench, "DDATA") and shown(bench, "NDATA"))
        assert systemd.recv(100) == b"READY=1"
    assert gateway.outbox.last_seq() == 0
    disk.answers.set()
    await bench.proxy.until(lambda: any(sparkplug.STORE_SEQ in p.values for p in bench.proxy.of("DDATA")))
    born = [p.values[sparkplug.STORE_OUTBOX] for p in bench.proxy.of("NBIRTH")]
    assert born[-1] == gateway.outbox.uuid
