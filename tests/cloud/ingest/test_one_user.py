"""What one user of the broker can add to memory and database has an end, and what the site knows has its place beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cloud.ingest import commit
from cloud.ingest import node_cache as known_module
from cloud.ingest import refused as refused_module
from cloud.ingest.node_cache import MAX_POINTS
from cloud.sites.forgetting import Forgotten, forget
from cloud.telemetry.base import MAX_NAME
from cloud.texts import in_words
from contract import sparkplug
from contract.clock import iso
from contract.coded import loads
from contract.reading import Row
from contract.sparkplug import DataType
from simulators.foreign_node import metric, nbirth, payload
from tests.cloud import tables
from tests.cloud.ingest.gateways import GROUP, NOW, Said, topic

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Line

NODE = "gw-1"
DAY = 86_400_000
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def born(device: str, at: int, metrics: int, node: str = NODE) -> Said:
    return topic("DBIRTH", device, node), payload([metric(f"m{n}", 1.0) for n in range(metrics)], at=at, seq=None)


def kept(line: Line) -> list[tuple[str, int]]:
    return sorted((row["device"], row["at"] - NOW) for row in line.rows(tables.birth))


def told(at: int, values: dict[str, float], device: str = "em") -> Said:
    """A row of a gateway of ours."""
    return topic("DDATA", device, NODE), sparkplug.data(sparkplug.encode_rows([Row(device, at, values)]), sent_at=at, seq=0, store_seq=1)


def refused(device: str, at: int, number: int = 1, node: str = NODE) -> Said:
    """Rows of a gateway of ours whose point no store can name, a ms apart."""
    rows = [Row(device, at + n, {"bad\\name": 1.0}) for n in range(number)]
    return topic("DDATA", device, node), sparkplug.data(sparkplug.encode_rows(rows), sent_at=at + number, seq=0, store_seq=1)


def on_record(line: Line, device: str) -> list[int]:
    return [row["at"] - NOW for row in line.rows(tables.rejected_reading, device=device)]


@pytest.fixture
def gateway(line: Line) -> Line:
    """A meter of the site behind a gateway of ours that has been born."""
    line.insert(tables.device, grp=GROUP, id="em", **{"class": "electricity"}, name="{}", gateway=NODE)
    line.restart()
    line.feed((topic("NBIRTH", node=NODE), nbirth(at=NOW, outbox="box")))
    return line


def test_the_births_of_a_node_have_an_end(gateway: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many metrics its oldest births go, first those that a newer one replaced; its own last one and the new one stay."""
    monkeypatch.setattr(known_module, "MAX_NODE_METRICS", 100)
    gateway.feed(born("a", NOW + 1, 30), born("b", NOW + 2, 30), born("b", NOW + 3, 30))
    assert kept(gateway) == [("", 0), ("a", 1), ("b", 2), ("b", 3)]
    batch = gateway.feed(born("c", NOW + 4, 30))
    assert kept(gateway) == [("", 0), ("a", 1), ("b", 3), ("c", 4)]
    assert batch.dropped == {"too many metrics of a node": 1}
    gateway.restart()
    batch = gateway.feed(born("d", NOW + 5, 60), born("e", NOW + 6, 5))
    assert kept(gateway) == [("", 0), ("c", 4), ("d", 5), ("e", 6)]
    assert batch.dropped == {"too many metrics of a node": 2}
    gateway.feed(born("other", NOW + 7, 90, node="gw-2"))
    assert ("d", 5) in kept(gateway)


def test_a_start_reads_no_more_births_than_a_node_may_have(gateway: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that was filled before there was a bound is no end of each start: the newest are read, and the node's own."""
    gateway.feed(*(born("a", NOW + n, 30) for n in range(1, 7)))
    monkeypatch.setattr(known_module, "MAX_NODE_METRICS", 100)
    gateway.restart()
    node = gateway.known.nodes[GROUP, NODE]
    assert [birth.at - NOW for birth in node.births["a"]] == [4, 5, 6]
    assert node.outbox == "box"
    assert [birth.at for birth in node.births[""]] == [NOW]


def test_a_name_that_is_too_long_takes_no_room(line: Line) -> None:
    """A birth keeps it as far as a name may be long, and what its alias brings is on record with the reason."""
    names = ["x" * 2000, "x" * 1999, "y"]
    said = [metric(name, alias=n, kind=DataType.DOUBLE) for n, name in enumerate(names)]
    line.feed((topic("NBIRTH", node=NODE), nbirth(at=NOW)), (topic("DBIRTH", "d", NODE), payload(said, at=NOW, seq=1)))
    (birth,) = line.rows(tables.birth, device="d")
    assert list(json.loads(birth["metrics"])) == ["x" * MAX_NAME + "…0", "x" * MAX_NAME + "…1", "y"]
    line.restart()
    line.feed((topic("NBIRTH", node=NODE), nbirth(at=NOW + 1)), (topic("DBIRTH", "d", NODE), payload(said, at=NOW + 1, seq=1)))
    values = [metric(value=float(n), alias=n, at=NOW + 2) for n in range(3)]
    batch = line.feed((topic("DDATA", "d", NODE), payload(values, at=NOW + 2, seq=2)))
    assert not batch.rebirths
    assert {row["value"] for row in line.rows(tables.rejected_reading, at=NOW + 2)} == {0.0, 1.0}
    assert line.values("d", "y")[-1] == (NOW + 2, 2.0)


def test_what_the_site_counts_and_all_devices_have_is_never_too_much(gateway: Line) -> None:
    """A device that somebody filled with points still tells those of the product's own names and of its meters, after a restart too."""
    gateway.insert(
        tables.meter, id="m", name="{}", grp=GROUP, device="em", point="own", energy="electricity", main=True, item="", vehicle_fuel=False,
    )  # fmt: skip
    gateway.restart()
    junk = {f"p{n:04}": 1.0 for n in range(MAX_POINTS)}
    gateway.feed(told(NOW + 1, junk))
    for at in (NOW + 2, NOW + 3):
        batch = gateway.feed(told(at, {"power": 5.0, "own": 7.0, "more": 9.0}), at=at)
        assert batch.dropped == {"too many points of a device": 1}
        gateway.restart()
    assert gateway.values("em", "power", "electricity") == [(NOW + 2, 5.0), (NOW + 3, 5.0)]
    assert gateway.values("em", "own", "electricity") == [(NOW + 2, 7.0), (NOW + 3, 7.0)]
    assert gateway.values("em", "more", "electricity") == []


def test_what_is_refused_beyond_the_record_is_told_with_its_span(gateway: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest stays on record, so that the alert stands, and an event a day says how many, of which time, and how they come again."""
    monkeypatch.setattr(refused_module, "MOST_OF_DEVICE", 3)
    gateway.feed(refused("em", NOW, 5), at=NOW + 10)
    assert on_record(gateway, "em") == [0, 1, 2, 4]
    batch = gateway.feed(refused("em", NOW + 10, 2), at=NOW + 20)
    assert on_record(gateway, "em") == [0, 1, 2, 11]
    assert batch.dropped == {"too many rejected readings of a device": 2}
    assert batch.acks
    (event,) = gateway.rows(tables.event, kind="readings_refused")
    assert (event["subject"], event["at"], event["noted_at"]) == ("em", NOW // DAY * DAY, NOW + 20)
    why = in_words(loads(gateway.rows(tables.rejected_reading)[0]["reason"]), "en")
    assert in_words(loads(event["detail"]), "en") == (
        f"readings that are not on record were refused 4 times, measured from {iso(NOW + 3)} to {iso(NOW + 11)} ({why}); "
        f"once that is mended: jieyue-cloud resend {NODE} --from {iso(NOW + 3)} --to {iso(NOW + 12)}"
    )
    assert in_words(loads(event["detail"]), "zh").startswith("另有未留存的读数被拒 4 次")
    gateway.feed(refused("em", NOW + DAY, 4), at=NOW + DAY + 20)
    assert [loads(row["detail"]).params["number"] for row in gateway.rows(tables.event, kind="readings_refused")] == [4, 1]


def test_all_devices_of_a_node_have_one_record_of_refused_readings(gateway: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many within 24 hours, of invented devices too; another node has its own, and of one that keeps nothing the event says so."""
    monkeypatch.setattr(refused_module, "MOST_OF_NODE", 3)
    batch = gateway.feed(*(refused(f"d{n}", NOW + 2 * n, 2) for n in range(3)), at=NOW + 9)
    assert batch.dropped == {"too many rejected readings of a node": 3}
    assert [len(on_record(gateway, device)) for device in ("d0", "d1", "d2")] == [2, 2, 1]
    foreign = [metric("bad\\name", 1.0, at=NOW + n) for n in range(4)]
    said = topic("DBIRTH", "f", "f1"), payload(foreign, at=NOW + 4, seq=1)
    batch = gateway.feed((topic("NBIRTH", node="f1"), nbirth(at=NOW)), said, at=NOW + 9)
    assert batch.dropped == {"too many rejected readings of a node": 1}
    told = [in_words(loads(row["detail"]), "en") for row in gateway.rows(tables.event, kind="readings_refused")]
    assert [text.split(" times")[0][-1] for text in told] == ["1", "2", "1"]
    assert [text.split("; ")[-1] for text in told[1:]] == [
        f"once that is mended: jieyue-cloud resend {NODE} --from {iso(NOW + 4)} --to {iso(NOW + 6)}", "nobody keeps them",
    ]  # fmt: skip


def test_deaths_of_a_node_s_devices_have_an_end(gateway: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many events within 24 hours the last death of each device takes the place of its others of that time."""
    monkeypatch.setattr(commit, "MOST_DEATHS", 4)

    def died(minute: int, *devices: str) -> None:
        at = NOW + minute * 60_000
        gateway.feed(*((topic("DDEATH", device, NODE), payload(at=at, seq=None)) for device in devices), at=at)

    def deaths(device: str) -> list[int]:
        return [(row["at"] - NOW) // 60_000 for row in gateway.rows(tables.event, kind="device_death", subject=device)]

    died(1, "a", "b")
    died(3, "a", "b")
    assert deaths("a") == [1, 3]
    died(5, "a", "c")
    died(7, "a")
    assert (deaths("a"), deaths("b"), deaths("c")) == ([7], [1, 3], [5])
    died(24 * 60 + 20, "a")
    died(24 * 60 + 22, "a")
    assert deaths("a") == [7, 24 * 60 + 20, 24 * 60 + 22]


def test_what_a_gateway_invented_is_forgotten_and_what_the_site_knows_stays(gateway: Line) -> None:
    """Its invented devices and points go, with their births and states, and make room; readings, its own birth and counted points stay."""
    gateway.insert(
        tables.meter, id="m", name="{}", grp=GROUP, device="em", point="own", energy="electricity", main=True, item="", vehicle_fuel=False,
    )  # fmt: skip
    junk = {f"p{n:04}": 1.0 for n in range(MAX_POINTS)}
    gateway.feed(told(NOW + 1, {"power": 5.0, "own": 7.0}), told(NOW + 2, junk))
    gateway.feed(
        born("x", NOW + 3, 2), told(NOW + 4, {"a": 1.0, "b": 2.0}, "x"), (topic("DDEATH", "x", NODE), payload(at=NOW + 5, seq=None))
    )
    done = forget(gateway.engine, GROUP, NODE, None, "li", NOW)
    assert done == Forgotten(nodes=0, devices=1, points=MAX_POINTS + 2 - 2, births=1)
    assert {row["id"] for row in gateway.rows(tables.device)} == {"em", NODE}
    assert {row["point"] for row in gateway.rows(tables.latest, device="em")} == {"power", "own"}
    assert gateway.rows(tables.latest, device="x") == gateway.rows(tables.device_state, device="x") == []
    assert kept(gateway) == [("", 0)]
    assert gateway.values("em", "p0000", "electricity") == [(NOW + 2, 1.0)]
    (audit,) = gateway.rows(tables.audit)
    assert (audit["action"], audit["by"], json.loads(audit["detail"])["devices"]) == ("forget", "li", 1)
    gateway.restart()
    assert gateway.feed(told(NOW + 6, {"more": 9.0}), at=NOW + 6).dropped == {}
    with pytest.raises(ValueError, match="the site knows all"):
        forget(gateway.engine, GROUP, NODE, "gw-1", "li", NOW)


def test_a_foreign_node_is_forgotten_alone_or_a_device_of_it(gateway: Line) -> None:
    """With all that it said of itself; what another node speaks for stays, and so does a node that nobody knows."""
    births = [(topic("DBIRTH", name, "f1"), payload([metric("a", 1.0)], at=NOW, seq=n)) for n, name in ((1, "d1"), (2, "d2"))]
    gateway.feed((topic("NBIRTH", node="f1"), nbirth(at=NOW)), *births, born("x", NOW + 1, 1))
    for wanted, said in (("em", "f1 speaks for no device 'em' in the group 510802"), ("none", "no device 'none'")):
        with pytest.raises(ValueError, match=said):
            forget(gateway.engine, GROUP, "f1", wanted, "li", NOW)
    with pytest.raises(ValueError, match="no node 'f2' in the group 510802"):
        forget(gateway.engine, GROUP, "f2", None, "li", NOW)
    assert forget(gateway.engine, GROUP, "f1", "d1", "li", NOW) == Forgotten(nodes=0, devices=1, points=1, births=1)
    assert forget(gateway.engine, GROUP, "f1", None, "li", NOW) == Forgotten(nodes=1, devices=2, points=1, births=2)
    assert {row["id"] for row in gateway.rows(tables.device)} == {"em", NODE, "x"}
    assert [row["id"] for row in gateway.rows(tables.node)] == [NODE]
    gateway.restart()
    assert list(gateway.known.nodes) == [(GROUP, NODE)]
