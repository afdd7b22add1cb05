"""The real host on a real broker with a clock of its own that is off from the start, or is set while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from contract import sparkplug
from contract.clock import Clock
from contract.reading import Row
from contract.topics import Topic
from simulators.foreign_node import nbirth
from tests.cloud import tables
from tests.cloud.ingest.gateways import blamed, own

if TYPE_CHECKING:
    from cloud.ingest.host import Host
    from simulators.foreign_node import ForeignNode
    from tests.cloud.ingest.conftest import Cloud, Line

GROUP, HOUR, SECOND = "510802", 3_600_000, 1000
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@dataclass(frozen=True, slots=True)
class Machine(Clock):
    """The machine's clock, which somebody sets."""

    ahead: list[int] = field(default_factory=lambda: [0])

    def now_ms(self) -> int:
        """The true time and what somebody added."""
        return Clock.now_ms(self) + self.ahead[0]


@pytest.fixture
def machine(cloud: Cloud, line: Line) -> list[int]:
    """By how much the cloud's machine is ahead, ms; the site has five gateways with a device each."""
    for n in range(1, 6):
        line.insert(tables.device, grp=GROUP, id=f"em-{n}", **{"class": "electricity"}, name="{}", gateway=f"gw-{n}")
    cloud.clock = made = Machine()
    return made.ahead


@asynccontextmanager
async def gateways(cloud: Cloud, number: int) -> AsyncIterator[tuple[Host, list[ForeignNode]]]:
    """The host, which knows nothing of a time service, and so many gateways of ours that have been born at the true time."""
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(cloud.running())
        host.clock.own.kept_by_service = lambda: None
        edges = [await stack.enter_async_context(cloud.edge(f"gw-{n}")) for n in range(1, number + 1)]
        for edge in edges:
            await edge.client.publish(str(Topic(GROUP, "NBIRTH", edge.node)), nbirth(at=Clock().now_ms(), outbox=f"box-{edge.node}"))
        yield host, edges


async def round_of(cloud: Cloud, line: Line, edges: list[ForeignNode], number: int, *, off: int = 0) -> int:
    """Each gateway sends its row of this number, the first one by a clock that is off; returns their time once all are stored."""
    at = Clock().now_ms()
    for edge in edges:
        mine = at + (off if edge is edges[0] else 0)
        raw = sparkplug.data(sparkplug.encode_rows([Row(edge.node, mine, {"power": float(number)})]), sent_at=mine, seq=0, store_seq=number)
        await edge.client.publish(str(Topic(GROUP, "NDATA", edge.node)), raw)
    await cloud.until(lambda: all(number in stored(line, edge.node) for edge in edges))
    return at


def asked_again(edge: ForeignNode) -> bool:
    """Whether a gateway was asked for rows that it has sent."""
    return any(sparkplug.STORE_RESEND in sparkplug.values(command) for command in edge.commands())


def stored(line: Line, node: str) -> dict[float | None, int]:
    """Qualities by value of what is stored of a gateway."""
    found = line.telemetry.series(GROUP, "gateway", node, "power", 0, 2 * Clock().now_ms())
    return {reading.value: int(reading.quality) for reading in found}


def kept(line: Line) -> list[tuple[str, int]]:
    """State and full seconds of what is kept of the cloud's clock, which goes on while the test runs."""
    return [(state, round(seconds)) for state, seconds in own(line)]


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
@pytest.mark.parametrize("number", [1, 2, 3, 5])
async def test_a_clock_that_is_set_while_the_service_runs_blames_nobody(
    cloud: Cloud, line: Line, machine: list[int], number: int, jump: int
) -> None:
    """Set by an hour and back: every row is good at its time, received when it was, and what the cloud was off by is on record."""
    async with gateways(cloud, number) as (_, edges):
        await round_of(cloud, line, edges, 1)
        machine[0] = jump
        at = await round_of(cloud, line, edges, 2)
        await cloud.until(lambda: kept(line) == [("open", jump // SECOND)])
        (newest,) = line.rows(tables.latest, device="gw-1")
        assert (newest["at"], abs(newest["received_at"] - at) < HOUR // 2) == (at, True)
        machine[0] = 0
        await round_of(cloud, line, edges, 3)
        await cloud.until(lambda: kept(line) == [("closed", jump // SECOND)])
    assert {edge.node: stored(line, edge.node) for edge in edges} == {edge.node: dict.fromkeys([1.0, 2.0, 3.0], 192) for edge in edges}
    assert (blamed(line), line.rows(tables.event, kind="clock_fault")) == ({}, [])


@pytest.mark.parametrize("number", [3, 5])
async def test_a_service_that_starts_an_hour_behind_blames_nobody(cloud: Cloud, line: Line, machine: list[int], number: int) -> None:
    """The first two gateways are judged, and cleared when the third one agrees with them; their rows are asked for again."""
    machine[0] = -HOUR
    async with gateways(cloud, number) as (host, edges):
        await round_of(cloud, line, edges, 1)
        await cloud.until(lambda: kept(line) == [("open", -HOUR // SECOND)])
        await round_of(cloud, line, edges, 2)
        assert {stored(line, edge.node)[2.0] for edge in edges} == {192}
        await cloud.until(lambda: sum(asked_again(edge) for edge in edges) >= 2)
        assert abs(host.clock.now_ms() - Clock().now_ms()) < SECOND * 10
    assert (blamed(line), line.rows(tables.event, kind="clock_fault")) == ({}, [])


@pytest.mark.parametrize("number", [1, 2, 3, 5])
async def test_a_gateway_that_is_an_hour_ahead_is_judged(cloud: Cloud, line: Line, machine: list[int], number: int) -> None:
    """The cloud is right: the one gateway is suspect, the others are good, and the cloud does not doubt itself."""
    assert machine == [0]
    async with gateways(cloud, number) as (_, edges):
        for n in (1, 2):
            await round_of(cloud, line, edges, n, off=HOUR)
        assert [stored(line, edge.node)[2.0] for edge in edges] == [64, *[192] * (number - 1)]
    assert (set(blamed(line)), own(line)) == ({"gw-1"}, [])
