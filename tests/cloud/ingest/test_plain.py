"""What an ingest worker takes, and what it leaves to the leader."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.devices.queries.nodes import left_to_leader
from cloud.ingest.batch import Batch, Message
from cloud.ingest.commit import store, store_whole
from cloud.ingest.decode import decode
from cloud.ingest.node_cache import Known
from cloud.ingest.plain import REPLACED, Plain
from cloud.ledger.model import MeterKey
from cloud.sites.entering import By, enter_site
from cloud.telemetry.base import Refused, single
from contract import coded, sparkplug
from contract.reading import Row
from contract.site import load_site
from contract.sitefolder import shipped_site
from contract.sparkplug import DataType, MetricDefinition
from simulators.foreign_node import metric, nbirth, payload
from tests.cloud import tables
from tests.cloud.ingest.gateways import GROUP, HOUR, MINUTE, NOW, POINT, SECOND, topic

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Line

NODE, DEVICE = "gw-1", "em-1"
LEFT = {(GROUP, NODE)}
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def birth(outbox: str = "box", node: str = NODE, at: int = NOW) -> tuple[str, bytes]:
    metrics = [MetricDefinition(sparkplug.STORE_OUTBOX, DataType.STRING, outbox), MetricDefinition(sparkplug.BD_SEQ, DataType.INT64, 1)]
    return str(topic("NBIRTH", node=node)), sparkplug.birth(metrics, at=at, seq=0)


def message(raw: bytes, device: str = DEVICE, node: str = NODE, at: int = NOW) -> Message:
    return Message(str(topic("DDATA", device, node)), raw, at)


def said(*rows: Row, sent_at: int = NOW, position: int | None = 1, historical: bool = False) -> Message:
    """A row or more as a gateway sends them."""
    return message(sparkplug.data(sparkplug.encode_rows(rows, historical=historical), sent_at=sent_at, seq=0, store_seq=position))


def row(value: float = 1.0, at: int = NOW) -> Row:
    return Row(DEVICE, at, {POINT: value})


@pytest.fixture
def worker(site: Line) -> Plain:
    """One that knows the gateways, of which the first was born."""
    return after(site, birth())


def after(line: Line, *births: tuple[str, bytes]) -> Plain:
    """A worker that looked after these births."""
    for at, raw in births:
        line.store(decode([Message(at, raw, NOW)], line.known))
    found = Plain(line.engine)
    found.look(NOW)
    return found


def look(worker: Plain, now: int) -> None:
    """A second later."""
    worker._looked = 0.0
    worker.look(now)


@on_sqlite
def test_what_is_plain_is_stored_and_acknowledged(site: Line, worker: Plain) -> None:
    """A good reading, one that could not be read, and one that waited for days in the outbox: as the leader stores them."""
    bad = Row(DEVICE, NOW - SECOND, {}, {POINT: "timeout"})
    batch = worker.decode([said(row(2.0)), said(bad, position=2), said(row(1.0, NOW - 72 * HOUR), position=3, historical=True)])
    assert (batch.acks, batch.handed) == ({(GROUP, NODE, "box"): [1, 2, 3]}, set())
    assert store_whole(batch, site.engine, site.telemetry) == set()
    assert site.values(DEVICE, POINT, "electricity") == [(NOW - 72 * HOUR, 1.0), (NOW - SECOND, None), (NOW, 2.0)]
    assert [(found["value"], found["at"]) for found in site.rows(tables.latest)] == [(2.0, NOW)]
    assert {found["hour"] for found in site.rows(tables.touched)} == {NOW // HOUR * HOUR, (NOW - 72 * HOUR) // HOUR * HOUR}


def aliased() -> Message:
    return message(payload([metric(value=1.0, alias=1), metric(sparkplug.STORE_SEQ, 1, kind=DataType.UINT64)], at=NOW))


def untyped() -> Message:
    bare = metric(POINT, 1, at=NOW)
    bare.ClearField("datatype")
    return message(payload([bare, metric(sparkplug.STORE_SEQ, 1, kind=DataType.UINT64)], at=NOW))


@on_sqlite
@pytest.mark.parametrize(
    "odd",
    [
        said(row(), sent_at=NOW - 31 * SECOND),
        said(row(), sent_at=NOW + 31 * SECOND),
        said(row(at=NOW + 3 * MINUTE)),
        said(Row(DEVICE, NOW - HOUR, {POINT: 1.0}, taken=NOW)),
        said(row(), position=None),
        said(Row(DEVICE, NOW, {"of its own": 1.0})),
        said(Row(DEVICE, NOW, {POINT: float("inf")})),
        message(said(row()).payload, "unheard-of"),
        message(said(row()).payload, "em-2"),
        aliased(),
        untyped(),
    ],
    ids=[
        "late",
        "early",
        "ahead",
        "its own clock",
        "no place in an outbox",
        "a new name",
        "no number",
        "unknown",
        "another's",
        "alias",
        "type",
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
def test_what_needs_more_than_itself_is_left(site: Line, odd: Message, *, first: bool) -> None:
    """Nothing of its node is stored or acknowledged, what stands beside it either; the others' is; and the leader is told, once."""
    worker = after(site, birth(), birth(node="gw-2"))
    plain = message(
        sparkplug.data(sparkplug.encode_rows([Row("em-2", NOW, {POINT: 5.0})]), sent_at=NOW, seq=0, store_seq=9), "em-2", "gw-2"
    )
    beside = said(row(7.0), position=5)
    batch = worker.decode([odd, beside, plain] if first else [beside, plain, odd])
    assert (batch.acks, batch.handed) == ({(GROUP, "gw-2", "box"): [9]}, LEFT)
    store_whole(batch, site.engine, site.telemetry)
    assert (site.values(DEVICE, POINT, "electricity"), site.values("em-2", POINT, "electricity")) == ([], [(NOW, 5.0)])
    with site.engine.connect() as connection:
        assert left_to_leader(connection) == dict.fromkeys(LEFT, 1)
    again = worker.decode([said(row(7.0), position=5)])
    assert (again.acks, again.handed) == ({}, set())


@on_sqlite
def test_only_the_leader_makes_points_known(site: Line, worker: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new name is left however often it comes, and none of them is kept; it is plain once the leader has stored it, not before."""
    monkeypatch.setattr("cloud.ingest.plain.READ_EVERY", 0.0)
    new = said(Row(DEVICE, NOW, {"of its own": 1.0}))
    before = len(worker._register.points[GROUP, DEVICE])
    for _ in range(2):
        assert (worker.decode([new]).acks, len(worker._register.points[GROUP, DEVICE])) == ({}, before)
        worker.forget()
        look(worker, NOW)
    site.store(decode([new], site.known))
    worker.decode([new])
    worker.forget()
    look(worker, NOW)
    assert worker.decode([new]).acks == {(GROUP, NODE, "box"): [1]}


class Told(NamedTuple):
    """One message of a gateway whose clock may be off, of a device that may have its own."""

    lag: int
    age: int
    taken: int | None
    historical: bool
    bad: bool


tellings = st.builds(
    Told,
    lag=st.integers(-200_000, 200_000) | st.integers(-30_001, 30_001),
    age=st.integers(-200_000, 10 * 86_400_000) | st.just(0),
    taken=st.none() | st.integers(-200_000, 200_000),
    historical=st.booleans(),
    bad=st.booleans(),
)


@on_sqlite
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.lists(tellings, min_size=1, max_size=3))
def test_a_worker_stores_only_what_the_leader_would_store_alike(site: Line, told: list[Told]) -> None:
    """Whatever clocks say: either the same lines, hours and newest values, and the leader has nothing to find out; or nothing."""
    worker = after(site, birth())
    messages = []
    for number, one in enumerate(told, 1):
        sent = NOW - one.lag
        values, bad = ({}, {POINT: "timeout"}) if one.bad else ({POINT: 1.0}, {})
        found = Row(DEVICE, sent - one.age, values, bad, taken=None if one.taken is None else sent - one.taken)
        messages.append(said(found, sent_at=sent, position=number, historical=one.historical))
    mine = worker.decode(messages)
    known = Known(site.engine)
    whole = decode(messages, known)
    if mine.acks:
        assert (mine.lines, mine.touched, dict(mine.polls), mine.acks) == (whole.lines, whole.touched, dict(whole.polls), whole.acks)
        assert (known.clocks, whole.events, whole.rejected, mine.handed) == ({}, {}, [], set())
    else:
        assert (mine.lines, mine.handed) == ([], LEFT)


@on_sqlite
def test_nothing_is_acknowledged_to_an_outbox_that_did_not_send_it(site: Line, worker: Plain) -> None:
    """After a gateway was replaced, what its predecessor sent may still be on its way: for two minutes it is left to the leader."""
    site.store(decode([Message(*birth("another"), NOW)], site.known))
    look(worker, NOW)
    assert worker.decode([said(row())]).acks == {}
    worker._left.clear()
    late = NOW + REPLACED
    assert worker.decode([said(row(), sent_at=late)._replace(received_at=late)]).handed == LEFT
    worker._left.clear()
    assert worker.decode([said(row(), sent_at=late)._replace(received_at=late + 1)]).acks == {(GROUP, NODE, "another"): [1]}


@on_sqlite
def test_an_outbox_that_was_replaced_before_the_first_look_is_seen(site: Line) -> None:
    """A worker just began: what was sent by the outbox that the node had then is not acknowledged to the new one."""
    site.store(decode([Message(*birth(), NOW)], site.known))
    worker = Plain(site.engine)
    site.store(decode([Message(*birth("another"), NOW)], site.known))
    worker.look(NOW)
    batch = worker.decode([said(row())])
    assert (batch.acks, batch.handed) == ({}, LEFT)


@on_sqlite
def test_foreign_nodes_are_the_leaders_without_a_word(site: Line, worker: Plain) -> None:
    """Nodes that nobody heard of, and one that says in its next birth that it has no outbox: nothing is stored, nothing told."""
    assert worker.decode([message(said(row()).payload, node="stranger")]).handed == set()
    site.store(decode([Message(str(topic("NBIRTH", node=NODE)), nbirth(at=NOW + 1), NOW)], site.known))
    look(worker, NOW)
    batch = worker.decode([said(row())])
    assert (batch.acks, batch.lines, batch.handed) == ({}, [], set())


@on_sqlite
def test_a_site_that_is_entered_is_known_at_once(site: Line, worker: Plain) -> None:
    """A device of it is stored as what the site says, without a restart."""
    enter_site(site.engine, load_site(shipped_site("lizhou")), By("test", NOW, date(2020, 1, 1)))
    site.restart()
    site.store(decode([Message(*birth(node="gw-c1"), NOW)], site.known))
    look(worker, NOW)
    raw = sparkplug.data(sparkplug.encode_rows([Row("c1-e-main", NOW, {POINT: 3.0})]), sent_at=NOW, seq=0, store_seq=1)
    batch = worker.decode([message(raw, "c1-e-main", "gw-c1")])
    assert batch.acks == {(GROUP, "gw-c1", "box"): [1]}
    assert MeterKey(GROUP, "c1-e-main") in {meter for meter, _ in batch.touched}


@on_sqlite
def test_a_site_that_is_entered_while_the_register_is_read_is_known_later(site: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """It came after the devices were read: the next look sees that something was entered since."""
    read = Known._read_register
    entering = [lambda: enter_site(site.engine, load_site(shipped_site("lizhou")), By("test", NOW, date(2020, 1, 1)))]

    def slowly(known: Known, connection: sa.Connection) -> None:
        read(known, connection)
        connection.rollback()  # PostgreSQL shows each statement what was committed before it, SQLite each transaction
        while entering:
            entering.pop()()

    monkeypatch.setattr(Known, "_read_register", slowly)
    worker = Plain(site.engine)
    assert (GROUP, "c1-e-main") not in worker._register.devices
    look(worker, NOW)
    assert (GROUP, "c1-e-main") in worker._register.devices


@on_sqlite
def test_what_the_store_refuses_is_left(site: Line, worker: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    """The leader puts it on record within its bounds; here nothing of the batch is committed, and its device is named."""
    batch = worker.decode([said(row())])
    refused = [refusal(batch)]
    monkeypatch.setattr(site.telemetry, "write", lambda _lines: refused)
    assert store_whole(batch, site.engine, site.telemetry) == {(GROUP, DEVICE)}
    assert (site.rows(tables.latest), worker.leave({(GROUP, DEVICE)})) == ([], LEFT)
    assert worker.decode([said(row())]).acks == {}


def refusal(batch: Batch) -> Refused:
    """As the store says that it takes no line of a batch."""
    return Refused(next(iter(single(batch.lines))), coded.Message(coded.TEXT, text="no"))


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_two_processes_commit_the_same_rows_at_once(site: Line, open_registry: Callable[[str], sa.Engine]) -> None:
    """Hours, newest readings and nodes, in whatever order each met them: nobody waits for ever, each touch counts, the newest stays."""
    del open_registry
    keys = [(GROUP, f"em-{n}") for n in range(1, 6)]
    failed: list[Exception] = []

    def work(order: int) -> None:
        for turn in range(20):
            batch = Batch(received_at=NOW, handed={(GROUP, f"gw-{n}") for n in range(1, 6)})
            for group, device in keys[::order]:
                batch.polls[group, device].take(NOW + turn * 2 + (order > 0), NOW, {name: float(turn) for name in ["a", "b", "c"][::order]})
                batch.touched |= {(MeterKey(group, device), hour * HOUR) for hour in range(50)[::order]}
            try:
                store(batch, site.engine, site.telemetry)
            except sa.exc.SQLAlchemyError as error:
                failed.append(error)

    threads = [threading.Thread(target=work, args=(order,)) for order in (1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert {found["generation"] for found in site.rows(tables.touched)} == {40}
    assert {(found["at"], found["value"]) for found in site.rows(tables.latest)} == {(NOW + 39, 19.0)}
    assert {found["number"] for found in site.rows(tables.handed)} == {40}
