"""The order of a foreign node's messages by `seq`: a gap is waited for, then births are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloud.ingest.sequence import MAX_HELD
from contract.sparkplug import DataType
from simulators.foreign_node import metric, nbirth, payload
from tests.cloud.ingest.gateways import FOREIGN, GROUP, NOW, Said, topic

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Cloud, Line

REORDER, ANSWER = 2000, 10_000
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def births(at: int = NOW, **aliases: int) -> list[Said]:
    metrics = [metric(name, alias=alias, kind=DataType.DOUBLE) for name, alias in (aliases or {"a": 1}).items()]
    return [(topic("NBIRTH"), nbirth(at=at)), (topic("DBIRTH", "d1"), payload(metrics, at=at, seq=1))]


def data(seq: int | None, value: float, *, at: int = NOW + 1) -> Said:
    return topic("DDATA", "d1"), payload([metric(value=value, alias=1, at=at)], at=at, seq=seq)


def stored(line: Line, point: str = "a") -> list[float]:
    return [value for _, value in line.values("d1", point) if value is not None]


def test_the_missing_message_comes_in_time(line: Line) -> None:
    """Then all is taken in its order, and nothing is asked for (tck-id-operational-behavior-host-reordering-start, -success)."""
    line.feed(*births())
    early = line.feed(data(3, 3.0, at=NOW + 3), data(4, 4.0, at=NOW + 4))
    assert (early.readings(), early.rebirths) == (0, set())
    line.wait(NOW + REORDER - 1)
    late = line.feed(data(2, 2.0, at=NOW + 2), at=NOW + REORDER - 1)
    assert (stored(line), late.rebirths, line.known.waiting) == ([2.0, 3.0, 4.0], set(), set())


def test_the_missing_message_does_not_come(line: Line) -> None:
    """After the reorder time births are asked for, and what was held is taken by them.

    tck-id-operational-behavior-host-reordering-param, -rebirth.
    """
    line.feed(*births())
    line.feed(data(3, 3.0, at=NOW + 3))
    assert line.wait(NOW + REORDER - 1).rebirths == set()
    assert line.wait(NOW + REORDER).rebirths == {(GROUP, FOREIGN)}
    assert stored(line) == []
    line.feed(*births(NOW + REORDER + 5), data(2, 9.0, at=NOW + REORDER + 9), at=NOW + REORDER + 9)
    assert (stored(line), line.known.waiting) == ([3.0, 9.0], set())


def test_the_node_was_born_again_in_the_gap(line: Line) -> None:
    """Had the missing message been a birth with other aliases, the old names would be wrong: what they do not agree on is left out."""
    line.feed(*births(a=1))
    line.feed(data(3, 3.0, at=NOW + 3))
    line.wait(NOW + REORDER)
    batch = line.feed(*births(NOW + REORDER + 5, other=1), at=NOW + REORDER + 5)
    assert batch.dropped == {"unknown alias": 1}
    assert (stored(line), stored(line, "other")) == ([], [])


def test_a_node_that_never_answers(line: Line) -> None:
    """After a gap its aliases mean nothing until it is born again; names still do, and it is asked again."""
    line.feed(*births())
    named = topic("DDATA", "d1"), payload([metric("a", 5.0, at=NOW + 5)], at=NOW + 5, seq=5)
    line.feed(data(3, 3.0), data(4, 4.0), named)
    line.wait(NOW + REORDER)
    given_up = line.wait(NOW + REORDER + ANSWER)
    assert given_up.dropped == {"unknown alias": 2}
    assert given_up.rebirths == {(GROUP, FOREIGN)}
    assert stored(line) == [5.0]
    again = line.feed(data(6, 6.0), at=NOW + REORDER + ANSWER + 1)
    assert (again.dropped, again.rebirths) == ({"unknown alias": 1}, {(GROUP, FOREIGN)})


def test_seq_goes_round_and_may_be_absent(line: Line) -> None:
    """255 is followed by 0; a node that sends no seq, or one that cannot be, is taken as it comes."""
    line.feed(*births(), *(data(n % 256, float(n), at=NOW + n) for n in range(2, 300)))
    assert stored(line) == [float(n) for n in range(2, 300)]
    batch = line.feed(data(None, 1000.0, at=NOW + 1000), data(2**40, 1001.0, at=NOW + 1001))
    assert (batch.readings(), batch.dropped) == (2, {})


def test_what_is_held_has_an_end(line: Line) -> None:
    """A node that sends without order fills no memory; the rest is counted."""
    line.feed(*births())
    batch = line.feed(*(data(10, float(n)) for n in range(MAX_HELD + 7)))
    assert batch.dropped == {"too many messages out of turn": 7}


def test_a_node_with_an_outbox_needs_no_order(line: Line) -> None:
    """A gap among its rows is repaired by the resend: no message waits, and no births are asked for."""
    line.feed((topic("NBIRTH"), nbirth(at=NOW, outbox="box")))
    batch = line.feed((topic("DDATA", "d1"), line.row("d1", NOW, 9, a=1.0)), (topic("DDATA", "d1"), line.row("d1", NOW + 5, 3, a=2.0)))
    assert (batch.acks, batch.rebirths) == ({(GROUP, FOREIGN, "box"): [9, 3]}, set())
    assert stored(line) == [1.0, 2.0]


async def test_a_gap_on_a_real_broker(cloud: Cloud) -> None:
    """The timer runs while nothing else comes, births are asked for once, and the node's answer ends the matter."""
    cloud.settings["reorder"] = 0.3
    async with cloud.running() as host, cloud.edge() as edge:
        now = cloud.clock.now_ms()
        born = metric("bdSeq", 0), metric("Node Control/Rebirth", value=False)
        await edge.say("NBIRTH", *born, at=now)
        await edge.say("DBIRTH", metric("a", 1.0, alias=1), device="d1", at=now)
        await edge.say("DDATA", metric(value=3.0, alias=1), device="d1", seq=7, at=now + 1)
        await edge.until(lambda: edge.rebirths() == 1)
        await edge.say("NBIRTH", *born, at=now + 2)
        await edge.say("DBIRTH", metric("a", 4.0, alias=1), device="d1", at=now + 2)
        await cloud.until(lambda: cloud.latest("d1") == {"a": 4.0})
        await cloud.until(lambda: not host._known.waiting)
        assert edge.rebirths() == 1
    values = [r.value for r in cloud.telemetry.series(GROUP, "foreign", "d1", "a", 0, 2 * NOW)]
    assert values == [1.0, 3.0, 4.0]


async def test_data_of_an_unknown_node_asks_for_its_births(cloud: Cloud) -> None:
    """At once, and not again for every message (tck-id-operational-behavior-data-commands-ncmd-rebirth-verb)."""
    async with cloud.running() as host, cloud.edge() as edge:
        for _ in range(20):
            await edge.say("DDATA", metric(value=1.0, alias=1), device="d1")
        await edge.until(edge.rebirths)
        await cloud.until(lambda: len(host._known.nodes[GROUP, FOREIGN].order.held) == 20)
        assert edge.rebirths() == 1
