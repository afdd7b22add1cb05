"""Store-and-forward on the wire: Store/Ack, resends and Store/Resend, which any Sparkplug host may ignore."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from contract import sparkplug
from contract.clock import Clock
from contract.reading import Row
from contract.sparkplug import DataType, MetricDefinition
from edge.outbox import retention

if TYPE_CHECKING:
    from tests.edge.conformance.conftest import Bench, Packet
    from tests.edge.conftest import SmallDisk


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
    monkeypatch.setattr("contract.store.RESEND_AFTER", 0.5)
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
    hour = (Clock().now_ms() // retention.HOUR - 5) * retention.HOUR
    gateway = bench.make()
    kept = gateway.outbox.commit([Row("em-1", hour + i * 60_000, {"power": i / 3}) for i in range(30)])
    gateway.outbox.acknowledge(((1, 30),))
    assert retention.pack(gateway.outbox, hour + retention.HOUR) == 30
    await bench.online()
    assert all(p.values["Store/Seq"] not in range(1, 31) for p in bench.proxy.of("DDATA"))
    wish = f'{{"from": {hour + 10 * 60_000}, "to": {hour + 20 * 60_000}}}'
    await bench.host.command(MetricDefinition(sparkplug.STORE_RESEND, DataType.STRING, wish))

    def old() -> list[Packet]:
        return [p for p in bench.proxy.of("DDATA") if int(p.values["Store/Seq"] or 0) <= 30]

    await bench.proxy.until(lambda: len(old()) == 10)
    wanted = [(row.seq, [("power", row.at, (row.seq - 1) / 3)]) for row in kept[10:20]]
    assert [(p.values["Store/Seq"], measured(p)) for p in old()] == wanted
    assert all(p.data.metrics[0].is_historical for p in old())
    await bench.acknowledge(old())
    await bench.until(lambda: not {row.seq for row in gateway.outbox.pending(0, 1000)} & set(range(1, 31)))
    assert retention.recall(gateway.outbox, hour, hour + retention.HOUR) == 30


async def test_a_damaged_outbox_sends_its_rows_from_a_new_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same session a birth names the new uuid, and every row that was not acknowledged goes again at a new place, unchanged."""
    monkeypatch.setattr("edge.app.KEEP_EVERY", 0.1)
    gateway = await bench.online()
    first = gateway.outbox.uuid
    sent = bench.proxy.of("DDATA")
    gateway.outbox.checkpoint()
    with (bench.folder / "edge" / "outbox.db").open("r+b") as file:
        file.write(b"\xa5" * 4096)
    with pytest.raises(sqlite3.DatabaseError):
        gateway.outbox.look_through()
    await bench.proxy.until(lambda: bench.proxy.of("NBIRTH")[-1].values[sparkplug.STORE_OUTBOX] != first)
    birth = bench.proxy.packets.index(bench.proxy.of("NBIRTH")[-1])
    assert bench.proxy.of("NBIRTH")[-1].values[sparkplug.STORE_OUTBOX] == gateway.outbox.uuid
    wanted = [measured(packet) for packet in sent]
    await bench.proxy.until(lambda: all(facts in [measured(p) for p in bench.proxy.of("DDATA")[len(sent) :]] for facts in wanted))
    later = [p for p in bench.proxy.packets[birth:] if p.what in {"DDATA", "NDATA"}]
    assert not {p.values[sparkplug.STORE_SEQ] for p in sent} & {p.values[sparkplug.STORE_SEQ] for p in later}
    assert {p.link for p in bench.proxy.packets} == {0}
    await bench.acknowledge(later)
    await bench.until(lambda: not {p.values["Store/Seq"] for p in later} & {row.seq for row in gateway.outbox.pending(0, 1000)})


async def test_rows_that_no_disk_takes_are_shown_once(bench: Bench, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk data goes on with values and times and without a place; the gateway says that its outbox refuses, and what it lost."""
    monkeypatch.setattr("edge.outbox.writer._LONGEST_PAUSE", 0.1)
    gateway = await bench.online(data=small_disk.folder / "edge")
    for _ in range(2):  # the second time into the room that was held back
        small_disk.fill()
        await bench.until(lambda: not (small_disk.folder / "edge" / "outbox.db.reserve").exists())

    def shown() -> list[Packet]:
        return [p for p in bench.proxy.of("DDATA") if sparkplug.STORE_SEQ not in p.values]

    await bench.proxy.until(lambda: len(shown()) >= 4)
    assert all(abs(m.timestamp - p.data.timestamp) < 5000 for p in shown() for m in p.data.metrics)
    await bench.proxy.until(
        lambda: any(p.values.get("outbox_refuses") == 1.0 and p.values.get("outbox_lost") for p in bench.proxy.of("NDATA"))
    )
    small_disk.free()
    taken = len(bench.proxy.of("DDATA"))
    await bench.proxy.until(lambda: any(sparkplug.STORE_SEQ in p.values for p in bench.proxy.of("DDATA")[taken:]))
    assert gateway.outbox.stats().lost > 0
