"""What births, aliases and deaths of a foreign node mean to the host, on both databases."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

import pytest

from cloud.ingest.node_cache import MAX_FOREIGN_DEVICES, MAX_POINTS
from contract import sparkplug
from contract.coded import Message, loads
from contract.sparkplug import DataType
from contract.topics import Topic
from simulators.foreign_node import metric, nbirth, payload
from tests.cloud import tables
from tests.cloud.ingest.gateways import FOREIGN, GROUP, NOW, Said, topic

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Line

KEY = (GROUP, FOREIGN)


def node_birth(at: int = NOW, bd_seq: int = 0) -> Said:
    return topic("NBIRTH"), nbirth(at=at, bd_seq=bd_seq)


def birth(at: int = NOW, seq: int = 1, device: str = "d1", **aliases: int) -> Said:
    metrics = [metric(name, alias=alias, kind=DataType.DOUBLE) for name, alias in aliases.items()]
    return topic("DBIRTH", device), payload(metrics, at=at, seq=seq)


def data(seq: int, value: float, *, alias: int = 1, at: int = NOW, device: str = "d1") -> Said:
    return topic("DDATA", device), payload([metric(value=value, alias=alias, at=at)], at=at, seq=seq)


def test_each_datatype_is_read_by_its_birth(line: Line) -> None:
    """Alias-only metrics of every plain datatype; a null is bad, never 0; text is counted; Quality is kept."""
    kinds = {"i": DataType.INT16, "u": DataType.UINT64, "f": DataType.FLOAT, "b": DataType.BOOLEAN, "s": DataType.STRING}
    kinds |= {"n": DataType.INT32, "q": DataType.DOUBLE, "empty": DataType.STRING}
    born = [metric(name, alias=alias, kind=kind) for alias, (name, kind) in enumerate(kinds.items())]
    said = [
        metric(value=-5, alias=0, kind=DataType.INT16),
        metric(value=2**63, alias=1, kind=DataType.UINT64),
        metric(value=0.5, alias=2, kind=DataType.FLOAT),
        metric(value=True, alias=3),
        metric(value="二楼", alias=4),
        metric(alias=5),
        metric(value=7.5, alias=6, quality=500),
        metric(alias=7),
    ]
    for one in said:
        one.ClearField("datatype")
    line.feed(node_birth(), (topic("DBIRTH", "d1"), payload(born, at=NOW, seq=1)))
    batch = line.feed((topic("DDATA", "d1"), payload(said, at=NOW + 10, seq=2)), at=NOW + 20)
    found = {r["point"]: (r["value"], r["quality"], r["at"]) for r in line.rows(tables.latest, device="d1")}
    at = NOW + 10
    assert found == {
        "i": (-5.0, 192, at), "u": (2.0**63, 192, at), "f": (0.5, 192, at), "b": (1.0, 192, at), "n": (None, 0, at), "q": (7.5, 500, at),
    }  # fmt: skip
    assert batch.dropped == {"no number": 1}


def test_historical_and_live_metrics_of_one_payload(line: Line) -> None:
    """What is marked historical may be old, and so may a live metric: late is not wrong. Each keeps its time, and both are good."""
    early, old = NOW - 700_000, NOW - 600_000
    line.feed(node_birth(early), birth(early, a=1, b=2), at=early)
    both = [metric(value=1.0, alias=1, at=old, historical=True), metric(value=2.0, alias=2, at=old), metric(value=3.0, alias=1, at=NOW)]
    line.feed((topic("DDATA", "d1"), payload(both, at=NOW, seq=2)))
    assert line.values("d1", "a")[1:] == [(old, 1.0), (NOW, 3.0)]
    found = {r["point"]: (r["at"], r["quality"]) for r in line.rows(tables.latest, device="d1")}
    assert found == {"a": (NOW, 192), "b": (old, 192)}


def test_a_transient_metric_is_shown_and_not_kept(line: Line) -> None:
    """Of interest now, but not for a historian (Sparkplug 3.0, section 6.4.6, is_transient)."""
    line.feed(node_birth(), birth(a=1, b=2))
    both = [metric(value=1.0, alias=1, transient=True), metric(value=2.0, alias=2)]
    line.feed((topic("DDATA", "d1"), payload(both, at=NOW, seq=2)))
    assert {r["point"]: r["value"] for r in line.rows(tables.latest, device="d1")} == {"a": 1.0, "b": 2.0}
    assert [value for _, value in line.values("d1", "a") if value is not None] == []
    assert (NOW, 2.0) in line.values("d1", "b")


def test_a_birth_says_values_that_may_be_old(line: Line) -> None:
    """A value that was measured an hour before the birth is the last one, with its own time, and no fault of a clock."""
    old = NOW - 3_600_000
    line.feed(node_birth(), (topic("DBIRTH", "d1"), payload([metric("a", 5.0, alias=1, at=old)], at=NOW, seq=1)))
    assert line.values("d1", "a") == [(old, 5.0)]
    assert line.rows(tables.event, kind="clock_fault") == []


def test_an_unknown_alias_is_nobodys(line: Line) -> None:
    """Never stored under another name: counted, and births are asked for; alias 0 and no alias at all are different things.

    tck-id-payloads-alias-birth-requirement, seen from the host.
    """
    line.feed(node_birth(), birth(a=0))
    batch = line.feed((topic("DDATA", "d1"), payload([metric(value=1.0), metric(value=2.0, alias=9)], at=NOW, seq=2)))
    assert batch.dropped == {"unknown alias": 2}
    assert batch.rebirths == {KEY}
    assert [value for _, value in line.values("d1", "a")] == [None]


def test_an_alias_is_resolved_by_its_own_device(line: Line) -> None:
    """An alias of the node, or of another device, in a device's data names nothing of that device; one claimed twice names nothing."""
    twice = payload([metric("x", alias=7, kind=DataType.DOUBLE), metric("y", alias=7, kind=DataType.DOUBLE)], at=NOW, seq=2)
    line.feed((topic("NBIRTH"), nbirth(metric("root", 1.0, alias=5), at=NOW)), birth(a=1), (topic("DBIRTH", "d2"), twice))
    batch = line.feed(data(3, 1.0, alias=5), data(4, 1.0, alias=1, device="d2"), data(5, 1.0, alias=7, device="d2"))
    assert batch.dropped == {"unknown alias": 3}
    assert {(r["device"], r["point"]): r["value"] for r in line.rows(tables.latest) if r["value"] is not None}.keys() <= {(FOREIGN, "root")}


def test_the_newest_birth_not_younger_counts_also_after_a_restart(line: Line) -> None:
    """Data of before a rebirth keeps its names, whenever it comes, and the cloud may have been restarted meanwhile."""
    line.feed(node_birth(), birth(a=1), node_birth(NOW + 1000), birth(NOW + 1000, b=1))
    line.restart()
    late = line.feed(data(7, 1.0, at=NOW + 500), data(8, 2.0, at=NOW + 1500), at=NOW + 2000)
    assert late.rebirths == {KEY}
    assert line.wait(NOW + 2000 + 11_999).readings() == 0
    line.wait(NOW + 2000 + 12_000)
    assert line.values("d1", "a")[-1] == (NOW + 500, 1.0)
    assert line.values("d1", "b")[-1] == (NOW + 1500, 2.0)


def test_after_a_restart_a_changed_alias_is_not_taken_for_the_old_name(line: Line) -> None:
    """A birth may have been missed while the cloud was away: what came since then counts if the node's births agree."""
    line.feed(node_birth(), birth(a=1, b=2))
    line.restart()
    line.feed(data(9, 1.0, alias=1, at=NOW + 500), data(10, 2.0, alias=2, at=NOW + 500), at=NOW + 500)
    answer = line.feed(node_birth(NOW + 900), birth(NOW + 900, c=1, b=2), at=NOW + 900)
    assert answer.dropped == {"unknown alias": 1}
    assert [value for _, value in line.values("d1", "a")] == [None]
    assert (NOW + 500, 2.0) in line.values("d1", "b")
    line.feed(data(2, 3.0, alias=1, at=NOW + 950), at=NOW + 950)
    assert line.values("d1", "c")[-1] == (NOW + 950, 3.0)


def test_data_may_come_before_its_births(line: Line) -> None:
    """Two subscriptions have no common order: data waits for the births that explain it."""
    first = line.feed(data(2, 1.0, at=NOW + 5), birth(NOW, a=1))
    assert (first.readings(), first.rebirths) == (0, {KEY})
    line.feed(node_birth(NOW))
    assert line.values("d1", "a") == [(NOW, None), (NOW + 5, 1.0)]


def test_a_clock_that_was_set_back_does_not_bring_old_names_back(line: Line) -> None:
    """The birth said last explains what follows it, though an earlier one is dated later."""
    line.feed(node_birth(NOW + 60_000), birth(NOW + 60_000, a=1), node_birth(NOW), birth(NOW, b=1), at=NOW)
    line.feed(data(2, 1.0, at=NOW + 61_000), at=NOW + 61_000)
    line.restart()
    line.feed(data(3, 2.0, at=NOW + 62_000), at=NOW + 62_000)
    line.wait(NOW + 80_000)
    assert [value for _, value in line.values("d1", "b")][1:] == [1.0, 2.0]
    assert {b["at"] for b in line.rows(tables.birth)} == {NOW}


def test_births_are_kept_as_far_as_they_are_needed(line: Line) -> None:
    """A node that is born every second fills neither memory nor database."""
    for number in range(20):
        line.feed(node_birth(NOW + number), birth(NOW + number, a=1))
    assert len(line.rows(tables.birth, device="")) == 8
    assert len(line.rows(tables.birth, device="d1")) <= 8
    line.restart()
    assert len(line.known.nodes[KEY].births[""]) == 8


def states(line: Line) -> dict[str, int | None]:
    return {r["device"]: r["dead_at"] for r in line.rows(tables.device_state)}


def test_ndeath_takes_the_node_and_all_its_devices(line: Line) -> None:
    """By the cloud's clock, whatever the will is dated; a death with another bdSeq is of an older session and changes nothing.

    tck-id-operational-behavior-edge-node-termination-host-action-ndeath-node-offline, -ndeath-node-tags-stale,
    -ndeath-devices-offline, -ndeath-devices-tags-stale, tck-id-payloads-ndeath-bdseq.
    """
    other = Topic(GROUP, "NBIRTH", "f2"), nbirth(at=NOW)
    line.feed(node_birth(bd_seq=7), birth(a=1), birth(seq=2, device="d2", a=2), other)
    late = line.feed((topic("NDEATH"), sparkplug.node_death(6, at=NOW)), at=NOW + 10)
    assert late.dropped == {"death of another session": 1}
    assert states(line) == {FOREIGN: None, "d1": None, "d2": None, "f2": None}
    line.feed((topic("NDEATH"), sparkplug.node_death(7, at=NOW - 3_600_000)), at=NOW + 1234)
    assert states(line) == {FOREIGN: NOW + 1234, "d1": NOW + 1234, "d2": NOW + 1234, "f2": None}
    (node,) = line.rows(tables.node, id=FOREIGN)
    assert (node["online"], node["changed_at"]) == (False, NOW + 1234)
    line.restart()
    line.feed(node_birth(NOW + 2000, bd_seq=8), birth(NOW + 2000, a=1), at=NOW + 2000)
    assert states(line) == {FOREIGN: None, "d1": None, "d2": NOW + 1234, "f2": None}


def test_ddeath_takes_one_device_by_the_payloads_time(line: Line) -> None:
    """Its neighbours live on; a birth brings it back; a death that is told late does not end a later life.

    tck-id-operational-behavior-edge-node-termination-host-action-ddeath-devices-offline, -ddeath-devices-tags-stale.
    """
    line.feed(node_birth(), birth(a=1), birth(seq=2, device="d2", a=2))
    line.feed((topic("DDEATH", "d1"), payload(at=NOW + 300, seq=3)), at=NOW + 900)
    assert states(line) == {FOREIGN: None, "d1": NOW + 300, "d2": None}
    assert [(e["subject"], e["at"]) for e in line.rows(tables.event, kind="device_death")] == [("d1", NOW + 300)]
    line.feed(birth(NOW + 1000, 4, a=1), (topic("DDEATH", "d1"), payload(at=NOW + 300, seq=5)), at=NOW + 1001)
    assert states(line)["d1"] is None


def test_deaths_of_a_device_within_a_minute_are_one_event(line: Line) -> None:
    """Whatever times their payloads give, in one batch or several: the last one told stays, with its time; the next minute has its own."""
    line.feed(node_birth(), birth(a=1), birth(seq=2, device="d2", a=2))
    begin = NOW // 60_000 * 60_000 + 60_000
    line.feed(*((topic("DDEATH", "d1"), payload(at=NOW + n, seq=2 + n)) for n in range(1, 51)), at=begin)
    line.feed(
        (topic("DDEATH", "d1"), payload(at=NOW + 51, seq=53)), (topic("DDEATH", "d2"), payload(at=NOW + 52, seq=54)), at=begin + 59_999
    )
    line.feed((topic("DDEATH", "d1"), payload(at=NOW + 53, seq=55)), at=begin + 60_000)
    found = [(e["subject"], e["at"], e["noted_at"], loads(e["detail"])) for e in line.rows(tables.event, kind="device_death")]
    said = Message("reason.reported_by", node=FOREIGN)
    assert sorted(found, key=itemgetter(0, 1)) == [
        ("d1", NOW + 51, begin + 59_999, said),
        ("d1", NOW + 53, begin + 60_000, said),
        ("d2", NOW + 52, begin + 59_999, said),
    ]


def test_a_birth_for_a_device_of_another_gateway_is_refused(line: Line) -> None:
    """Births of a foreign node have values: they may not enter another's device any more than data may."""
    line.insert(tables.device, grp=GROUP, id="em", **{"class": "electricity"}, name="{}", gateway="gw-1")
    line.restart()
    batch = line.feed(node_birth(), (topic("DBIRTH", "em"), payload([metric("power", 5.0)], at=NOW, seq=1)))
    assert batch.dropped == {"device of another gateway": 1}
    assert line.values("em", "power", "electricity") == []
    assert [e["subject"] for e in line.rows(tables.event, kind="foreign_gateway")] == ["em"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_invented_devices_and_nodes_have_an_end(line: Line) -> None:
    """A foreign node makes at most so many devices known, also over a restart; the rest is counted."""
    births = [(topic("DBIRTH", f"d{n}"), payload(at=NOW, seq=(n + 1) % 256)) for n in range(MAX_FOREIGN_DEVICES)]
    line.feed(node_birth(), *births)
    line.restart()
    batch = line.feed(node_birth(NOW + 1), (topic("DBIRTH", "more"), payload(at=NOW + 1, seq=1)), birth(NOW + 1, 2, device="d5", a=1))
    assert batch.dropped == {"too many foreign devices": 1}
    assert len(line.rows(tables.device, **{"class": "foreign"})) == MAX_FOREIGN_DEVICES
    nodes = line.feed(*((Topic(GROUP, "NBIRTH", f"n{n}"), nbirth(at=NOW)) for n in range(1001)))
    assert nodes.dropped == {"too many foreign nodes": 2}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_invented_points_have_an_end(line: Line) -> None:
    """A device has at most so many points, also over a restart: those beyond are counted and told, and the others stored."""
    names = [f"p{n:04}" for n in range(MAX_POINTS)]
    line.feed(node_birth(), (topic("DBIRTH", "d1"), payload([metric(name, 1.0) for name in names], at=NOW, seq=1)))
    line.restart()
    line.feed(node_birth(NOW + 1))
    batch = line.feed((topic("DDATA", "d1"), payload([metric("p0001", 2.0), metric("more", 3.0)], at=NOW + 2, seq=1)), at=NOW + 3)
    assert batch.dropped["too many points of a device"] == 1
    assert len(line.rows(tables.latest, device="d1")) == MAX_POINTS
    assert line.values("d1", "p0001", "foreign")[-1] == (NOW + 2, 2.0)
    assert line.values("d1", "more", "foreign") == []
    (event,) = line.rows(tables.event, kind="too_many_points")
    said = Message("reason.too_many_points", node=FOREIGN, most=1000, number=1)
    assert (event["subject"], loads(event["detail"])) == ("d1", said)
