"""Store-and-forward on the wire: Store/Ack, resends and Store/Resend, which any Sparkplug host may ignore."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract import sparkplug
from contract.clock import Clock
from contract.reading import Row
from contract.sparkplug import Born, DataType
from edge.outbox import keeping

if TYPE_CHECKING:
    from tests.edge.conformance.conftest import Bench, Packet


def measured(packet: Packet) -> list[tuple[str, int, float]]:
    return [(m.name, m.timestamp, m.double_value) for m in packet.data.metrics if m.name != sparkplug.STORE_SEQ]


async def test_only_the_right_acknowledgement_takes_rows_away(bench: Bench) -> None:
    """Store/Ack of this outbox's uuid counts and counts only what it names; that of another outbox is ignored."""
    gateway = await bench.online()
    await bench.proxy.until(lambda: len(bench.proxy.of("NDATA", "DDATA")) >= 8)
    sent = bench.proxy.of("NDATA", "DDATA")[:8]
    await bench.acknowledge(sent, outbox="00000000-0000-0000-0000-000000000000")
    await bench.acknowledge(sent[2:5])
    named = {p.values["Store/Seq"] for p in sent[2:5]}
    await bench.until(lambda: not named & {row.seq for row in gateway.outbox.pending(0, 1000)})
    pending = {row.seq for row in gateway.outbox.pending(0, 1000)}
    assert {p.values["Store/Seq"] for p in sent} - pending == named


async def test_a_row_without_an_acknowledgement_goes_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """After RESEND_AFTER the same Store/Seq and readings go again, marked historical, with a seq of the moment."""
    monkeypatch.setattr("edge.window.RESEND_AFTER", 0.5)
    await bench.online()

    def again() -> list[list[Packet]]:
        by_place: dict[object, list[Packet]] = {}
        for packet in bench.proxy.of("DDATA"):
            by_place.setdefault(packet.values["Store/Seq"], []).append(packet)
        return [packets for packets in by_place.values() if len(packets) > 1]

    await bench.proxy.until(lambda: len(again()) >= 3)
    for first, second, *_ in again():
        assert measured(first) == measured(second)
        assert all(m.is_historical for m in second.data.metrics if m.name != sparkplug.STORE_SEQ)
        assert second.data.timestamp >= first.data.timestamp + 400
    said = [p for p in bench.proxy.packets if p.kind == "PUBLISH"]
    assert [p.data.seq for p in said] == [number % 256 for number in range(len(said))]


async def test_a_resend_sends_kept_rows_again(bench: Bench) -> None:
    """Store/Resend brings back rows that were acknowledged, packed ones too, with their places, values and times."""
    hour = (Clock().now_ms() // keeping.HOUR - 5) * keeping.HOUR
    gateway = bench.make()
    kept = gateway.outbox.commit([Row("em-1", hour + i * 60_000, {"power": i / 3}) for i in range(30)])
    gateway.outbox.acknowledge(((1, 30),))
    assert keeping.pack(gateway.outbox, hour + keeping.HOUR) == 30
    await bench.online()
    assert all(p.values["Store/Seq"] not in range(1, 31) for p in bench.proxy.of("DDATA"))
    wish = f'{{"from": {hour + 10 * 60_000}, "to": {hour + 20 * 60_000}}}'
    await bench.host.command(Born(sparkplug.STORE_RESEND, DataType.STRING, wish))

    def old() -> list[Packet]:
        return [p for p in bench.proxy.of("DDATA") if int(p.values["Store/Seq"] or 0) <= 30]

    await bench.proxy.until(lambda: len(old()) == 10)
    wanted = [(row.seq, [("power", row.at, (row.seq - 1) / 3)]) for row in kept[10:20]]
    assert [(p.values["Store/Seq"], measured(p)) for p in old()] == wanted
    assert all(p.data.metrics[0].is_historical for p in old())
    await bench.acknowledge(old())
    await bench.until(lambda: not {row.seq for row in gateway.outbox.pending(0, 1000)} & set(range(1, 31)))
    assert keeping.recall(gateway.outbox, hour, hour + keeping.HOUR) == 30
