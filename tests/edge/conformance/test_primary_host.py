"""The primary host's STATE rules over births (Sparkplug 3.0, sections 5.4 and 5.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.clock import Clock
from contract.reading import Row

if TYPE_CHECKING:
    from edge.outbox.outbox import Outbox
    from tests.edge.conformance.conftest import Bench


def depth(outbox: Outbox) -> int:
    """Rows that wait; none is said before they are counted."""
    return outbox.stats().depth or 0


async def connected(bench: Bench, links: int = 1) -> None:
    """Wait until the gateway has subscribed in its nth session."""
    await bench.proxy.until(lambda: len(bench.proxy.of("SUBSCRIBE")) == links)


async def fence(bench: Bench) -> None:
    """Wait until the gateway has read all that was sent to it before: it answers to a mark."""
    link = bench.proxy.packets[-1].link
    known = len(bench.proxy.of("NBIRTH"))
    await bench.host.rebirth()
    await bench.proxy.until(lambda: len(bench.proxy.of("NBIRTH")) > known)
    assert bench.proxy.of("NBIRTH")[-1].link == link


async def test_births_wait_for_the_primary_host(bench: Bench) -> None:
    """message-flow-edge-node-birth-publish-phid-wait, -wait-id, -wait-online: no other host and no offline one lets births out."""
    await bench.host.state(100, online=False)
    gateway = bench.start()
    await connected(bench)
    await bench.host.state(200, online=True, host="another")
    await bench.host.rebirth()
    await bench.until(lambda: depth(gateway.outbox) > 20)
    assert [p.kind for p in bench.proxy.packets] == ["CONNECT", "SUBSCRIBE"]
    await bench.host.state(300, online=True)
    await bench.proxy.until(lambda: bench.proxy.of("NBIRTH"))
    assert len(bench.proxy.of("CONNECT")) == 1, "a request for births that had to wait cost no session"


async def test_an_old_online_lets_no_birth_out(bench: Bench) -> None:
    """message-flow-edge-node-birth-publish-phid-wait-timestamp: a STATE older than the last one seen is ignored, an equal one is not."""
    await bench.host.state(500, online=False)
    gateway = bench.start()
    await connected(bench)
    await bench.host.state(499, online=True)
    await bench.until(lambda: depth(gateway.outbox) > 20)
    assert bench.proxy.of("NBIRTH") == []
    await bench.host.state(500, online=True)
    await bench.proxy.until(lambda: bench.proxy.of("NBIRTH"))


async def test_an_old_offline_ends_no_session(bench: Bench) -> None:
    """operational-behavior-edge-node-termination-host-offline-timestamp: the late will of an earlier host session changes nothing."""
    at = Clock().now_ms() + 1000
    await bench.online()
    await bench.host.state(at, online=True)
    await bench.host.state(at - 1, online=False)
    await fence(bench)
    assert [len(bench.proxy.of(kind)) for kind in ("CONNECT", "NDEATH", "DISCONNECT")] == [1, 0, 0]


async def test_an_offline_host_ends_the_session_and_gets_everything_when_it_returns(bench: Bench) -> None:
    """message-flow-edge-node-birth-publish-phid-offline, operational-behavior-edge-node-termination-host-offline, -reconnect.

    NDEATH and DISCONNECT at once, a new connection that waits, rows kept meanwhile, and all of them delivered after the births.
    """
    gateway = await bench.online()
    at = Clock().now_ms() + 1000
    await bench.host.state(at, online=False)
    await connected(bench, links=2)
    assert [p.what for p in bench.proxy.packets if p.link == 0][-2:] == ["NDEATH", "DISCONNECT"]
    waiting = depth(gateway.outbox)
    await bench.until(lambda: depth(gateway.outbox) > waiting + 20)
    assert [p.kind for p in bench.proxy.packets if p.link == 1] == ["CONNECT", "SUBSCRIBE"]
    kept = {row.seq for row in gateway.outbox.pending(0, 1000)}
    await bench.host.state(at + 1, online=True)

    def sent() -> set[object]:
        return {p.values["Store/Seq"] for p in bench.proxy.of("NDATA", "DDATA", link=1)}

    await bench.proxy.until(lambda: kept <= sent())
    assert [p.what for p in bench.proxy.packets if p.link == 1][2:5] == ["NBIRTH", "DBIRTH", "DBIRTH"]
    late = [p for p in bench.proxy.of("DDATA", link=1) if p.values["Store/Seq"] in kept]
    assert {m.is_historical for p in late for m in p.data.metrics if m.name != "Store/Seq"} == {True}


async def test_an_offline_that_comes_before_the_births_holds_them(bench: Bench) -> None:
    """message-flow-edge-node-birth-publish-phid-wait-online: the last word counts, also when both words wait on the wire."""
    bench.start()
    await connected(bench)
    for number in range(20):
        await bench.host.state(1000 + number, online=number % 2 == 0)
    await bench.until(lambda: len(bench.proxy.of("NDEATH", "SUBSCRIBE")) == 2 * len(bench.proxy.of("NBIRTH")) + 1)
    await bench.host.state(2000, online=True)
    await bench.proxy.until(lambda: bench.proxy.packets[-1].what == "DDATA")
    for link in range(bench.proxy.packets[-1].link):
        said = [p.what for p in bench.proxy.packets if p.link == link]
        assert ("NBIRTH" in said) == ("NDEATH" in said), "each born session that the host left was ended"


async def test_without_acknowledgements_no_host_is_needed(bench: Bench) -> None:
    """`acknowledge: none` gives births and data to whoever listens, once, and keeps nothing pending."""
    gateway = bench.make(acknowledge="none")
    gateway.outbox.commit([Row("em-1", Clock().now_ms() - 60_000 + i, {"power": float(i)}) for i in range(100)])
    bench.start()
    await bench.host.until(lambda: len(bench.host.of("DDATA", device="em-1")) > 110)
    await bench.host.state(Clock().now_ms(), online=False)
    await fence(bench)
    await bench.until(lambda: depth(gateway.outbox) < 5)
    places = [p.values["Store/Seq"] for p in bench.host.of("NDATA", "DDATA")]
    assert len(places) == len(set(places))
    assert {*range(1, 101)} <= set(places)
    assert len(bench.proxy.of("CONNECT")) == 1
