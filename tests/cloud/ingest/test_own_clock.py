"""The cloud doubts its own clock first: where its gateways agree with each other and not with it, none of them is blamed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cloud.devices.clocks import JUDGED, ClockOffset, Offset, State
from cloud.devices.own_clock import WHY, Moved
from cloud.devices.repository import clocks
from cloud.ingest.batch import Batch
from cloud.ingest.own import Own, OwnClock
from cloud.operations import commands
from cloud.platform.database import writing
from cloud.texts import in_words
from contract import sparkplug
from contract.clock import Clock
from contract.coded import loads
from contract.reading import Row
from contract.topics import Topic
from simulators.foreign_node import metric, nbirth, payload
from tests.cloud import tables
from tests.cloud.ingest.gateways import BEGIN, GROUP, HOUR, MINUTE, NOW, POINT, SECOND, asked, blamed, born, faults, measured, own, spoken

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Line


@pytest.mark.parametrize("wall", [HOUR, -HOUR])
@pytest.mark.parametrize("number", [3, 5])
def test_the_cloud_is_off_where_its_gateways_agree(site: Line, number: int, wall: int) -> None:
    """An hour ahead or behind from its start: no gateway is blamed, the cloud says by how much it is off, and all hours are measured."""
    born(site, number, wall=wall)
    spoken(site, number, range(0, 125, 5), wall=wall)
    assert (blamed(site), faults(site)) == ({}, set())
    assert own(site) == [("open", wall / 1000)]
    for n in range(1, number + 1):
        assert measured(site, f"em-{n}")[1] == 60_000
    newest = site.rows(tables.latest, device="em-1")[0]
    assert (newest["at"], newest["quality"]) == (BEGIN + 120 * MINUTE, 192)
    assert abs(newest["received_at"] - newest["at"]) < SECOND


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("off", [HOUR, -HOUR])
@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_one_gateway_that_is_off_is_judged_while_the_cloud_is_right(site: Line, number: int, off: int) -> None:
    """However many others there are: it alone is blamed, and the cloud does not doubt itself."""
    born(site, number)
    spoken(site, number, range(10), off={1: off})
    assert (blamed(site), faults(site), own(site)) == ({"gw-1": off / 1000}, {"gw-1"}, [])


def test_a_gateway_that_is_off_by_something_else_is_judged_while_the_cloud_is_off_too(site: Line) -> None:
    """Four agree that the cloud is an hour ahead; the fifth is 10 minutes behind all of them, and that is what it is blamed for."""
    born(site, 5, wall=HOUR)
    spoken(site, 5, range(20), wall=HOUR, off={5: -10 * MINUTE})
    assert (blamed(site), faults(site)) == ({"gw-5": -600.0}, {"gw-5"})
    assert own(site) == [("open", 3600.0)]


def test_gateways_that_are_off_by_different_amounts_do_not_agree(site: Line) -> None:
    """Three clocks at 10, 20 and 30 minutes: each is judged, as it would be alone."""
    born(site, 3)
    spoken(site, 3, range(10), off={n: n * 10 * MINUTE for n in (1, 2, 3)})
    assert (blamed(site), own(site)) == ({"gw-1": 600.0, "gw-2": 1200.0, "gw-3": 1800.0}, [])


def test_nodes_that_no_site_names_do_not_move_the_time(site: Line) -> None:
    """Whoever may publish can invent five nodes that are an hour ahead: they are judged, beside one gateway that is right."""
    born(site, 1)
    spoken(site, 1, range(3))
    for n in range(5):
        ahead = Topic(GROUP, "NBIRTH", f"invented-{n}"), nbirth(at=BEGIN + HOUR)
        site.feed(
            ahead, (Topic(GROUP, "NDATA", f"invented-{n}"), payload([metric("a", 1.0)], at=BEGIN + HOUR, seq=1)), at=BEGIN + 3 * MINUTE
        )
    assert (set(blamed(site)), own(site)) == ({f"invented-{n}" for n in range(5)}, [])


def test_two_of_five_are_no_majority(site: Line) -> None:
    """Five gateways, two of them off alike: they are judged."""
    born(site, 5)
    spoken(site, 5, range(10), off={1: HOUR, 2: HOUR})
    assert (blamed(site), own(site)) == ({"gw-1": 3600.0, "gw-2": 3600.0}, [])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("number", "kernel", "synchronised", "doubted"),
    [
        (1, False, True, True),
        (1, False, False, False),
        (1, True, True, False),
        (1, None, True, False),
        (2, False, False, True),
        (2, True, False, False),
        (2, None, True, False),
    ],
)
def test_with_one_or_two_gateways_the_kernel_decides(
    site: Line,
    number: int,
    kernel: bool | None,  # noqa: FBT001
    synchronised: bool,  # noqa: FBT001
    doubted: bool,  # noqa: FBT001
) -> None:
    """An unsynchronised cloud is off if two gateways agree, or if one that a time service has set says so; else they are blamed."""
    site.known.own.kept_by_service = lambda: kernel
    born(site, number, wall=HOUR, synchronised=synchronised)
    spoken(site, number, range(10), wall=HOUR)
    assert bool(own(site)) is doubted
    assert set(blamed(site)) == (set() if doubted else {f"gw-{n}" for n in range(1, number + 1)})
    either = {loads(row["detail"]).code == "reason.off_receipt_unsure" for row in site.rows(tables.event, kind="clock_fault")}
    assert either == (set() if doubted else {kernel is False})


def test_what_was_judged_before_the_third_gateway_came_is_taken_back(site: Line) -> None:
    """Two gateways are judged for three hours since the cloud is an hour behind; a third one comes: nothing stays of that."""
    born(site, 2, wall=-HOUR)
    spoken(site, 2, range(0, 185, 5), wall=-HOUR)
    assert (set(blamed(site)), faults(site)) == ({"gw-1", "gw-2"}, {"gw-1", "gw-2"})
    assert measured(site, "em-1") == {-1: 60_000, 0: 60_000, 1: 60_000}
    born(site, 3, wall=-HOUR)
    spoken(site, 3, range(185, 195, 5), wall=-HOUR)
    assert (blamed(site), faults(site)) == ({}, set())
    assert {row["why"] for row in site.rows(tables.clock_offset, state="closed")} == {WHY}
    assert in_words(loads(WHY), "en") == "the cloud's own clock was off"
    assert [measured(site, f"em-{n}") for n in (1, 2)] == [{0: 60_000, 1: 60_000, 2: 60_000, 3: 10_000}] * 2
    assert [row["by"] for row in site.rows(tables.audit, action="clock_taken_back")] == ["judged"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_gateway_that_shares_the_cloud_s_clock_keeps_no_blame_alive(site: Line) -> None:
    """It agrees with the cloud, which is an hour behind, to the end: what two others were blamed for in three hours is taken back.

    A judgement that ended four hours ago follows too.
    """
    born(site, 3, wall=-HOUR)
    ended = Offset(BEGIN - 5 * MINUTE, BEGIN - MINUTE, HOUR, HOUR)
    with writing(site.engine).begin() as connection:
        clocks.put(connection, [ClockOffset(GROUP, "gw-2", ended, State.CLOSED, JUDGED, "", BEGIN - HOUR + MINUTE)])
    spoken(site, 3, range(0, 185, 5), wall=-HOUR, off={1: -HOUR})
    assert (set(blamed(site)), faults(site), own(site)) == ({"gw-2", "gw-3"}, {"gw-2", "gw-3"}, [])
    born(site, 4, wall=-HOUR)
    spoken(site, 4, range(185, 190, 5), wall=-HOUR, off={1: -HOUR})
    assert (own(site), site.known.own.off) == ([("open", -3600.0)], -HOUR)
    assert (blamed(site), faults(site)) == ({}, set())


def test_events_of_a_judgement_go_whenever_the_time_was_right_last(site: Line) -> None:
    """A gateway agreed a minute before the time moved: of one that is right all blame goes, of one that is wrong none that is older."""
    for subject, hour in (("gw-1", 0), ("gw-1", 1), ("gw-1", 5), ("gw-2", 0)):
        at = BEGIN + hour * HOUR
        site.insert(tables.event, kind="clock_fault", grp=GROUP, subject=subject, at=at, detail="", noted_at=at + MINUTE)
    judged = Offset(BEGIN + HOUR + MINUTE, BEGIN + 2 * HOUR + 10 * MINUTE, HOUR, HOUR)
    taken = {(GROUP, "gw-1"): [judged], (GROUP, "gw-2"): [replace(judged, offset_from=HOUR // 2, offset_to=HOUR // 2)]}
    now = BEGIN + 3 * HOUR
    site.store(Batch(moved=[Moved(HOUR, now - MINUTE, now, taken, {})]))
    assert [(row["subject"], row["at"]) for row in site.rows(tables.event)] == [("gw-2", BEGIN)]


def test_what_is_taken_back_is_asked_for_again(site: Line) -> None:
    """The rows that stand as suspect come again from the gateway, by times of its clock, and are good then."""
    born(site, 3, wall=-HOUR)
    for n in (1, 2, 3):
        row = Row(f"em-{n}", BEGIN + MINUTE, {POINT: 1.0})
        raw = sparkplug.data(sparkplug.encode_rows([row]), sent_at=BEGIN + MINUTE, seq=0, store_seq=1)
        site.feed((Topic(GROUP, "DDATA", f"gw-{n}", f"em-{n}"), raw), at=BEGIN + MINUTE - HOUR)
    assert asked(site) == {f"gw-{n}": [{"from": BEGIN + MINUTE, "to": BEGIN + MINUTE + 1}] for n in (1, 2, 3)}


def test_a_gateway_is_asked_once_for_all_its_devices(site: Line) -> None:
    """Twenty devices behind it dated their own readings, and the time moved twice: one question, from the first to the last of them.

    A node without an outbox keeps no rows, and is not asked.
    """
    born(site, 1)
    for n in range(20):
        site.insert(tables.device, grp=GROUP, id=f"own-{n}", **{"class": "electricity"}, name="{}", gateway="gw-1", interval=60.0)
    site.insert(tables.device, grp=GROUP, id="foreign", **{"class": "foreign"}, name="{}", gateway="node-1")
    site.insert(tables.node, grp=GROUP, id="node-1", outbox=None, bd_seq=1, online=True, changed_at=BEGIN)
    moves = []
    for begin in (BEGIN + HOUR, BEGIN):
        spans = {(GROUP, f"own-{n}"): [Offset(begin + n * SECOND, begin + n * MINUTE, -HOUR, -HOUR)] for n in range(20)}
        spans[GROUP, "foreign"] = [Offset(0, begin, -HOUR, -HOUR)]
        moves.append(Moved(-HOUR, begin, begin + HOUR, spans, {}))
    site.store(Batch(moved=moves))
    assert asked(site) == {"gw-1": [{"from": BEGIN, "to": BEGIN + HOUR + 19 * MINUTE + 1}]}
    (command,) = site.rows(tables.command)
    assert (command["created_at"], command["expires_at"]) == (BEGIN, BEGIN + commands.RECALL_WITHIN)


def test_a_doubt_ends_when_the_clock_is_set_right(site: Line) -> None:
    """The time service steps it back by the hour: gateways and cloud agree, the row is closed, and nobody is blamed."""
    born(site, 3, wall=HOUR)
    spoken(site, 3, range(10), wall=HOUR)
    site.known.own.jumped(-HOUR, BEGIN + 10 * MINUTE)
    spoken(site, 3, range(10, 20), wall=HOUR)  # without what gateways say, time goes on as it did
    assert (site.known.own.off, site.known.own.doubted) == (0, False)
    assert (own(site), blamed(site)) == ([("closed", 3600.0)], {})


@pytest.mark.parametrize("kept", [True, None])
def test_what_one_gateway_was_blamed_for_is_taken_back_when_the_cloud_is_set_right(
    site: Line,
    kept: bool | None,  # noqa: FBT001
) -> None:
    """An hour behind for two hours, its one gateway judged. Then it is set: a time service keeps it, or it agrees with the gateway."""
    born(site, 1, wall=-HOUR)
    spoken(site, 1, range(0, 125, 5), wall=-HOUR)
    assert (blamed(site), faults(site), site.known.own.unsure) == ({"gw-1": 3600.0}, {"gw-1"}, True)
    site.known.own.kept_by_service = lambda: kept
    site.known.own.jumped(HOUR, BEGIN + 125 * MINUTE - HOUR)
    spoken(site, 1, range(125, 185, 5), wall=-HOUR)  # without what is known of the jump, time goes on as it did
    assert (blamed(site), faults(site), own(site), site.known.own.unsure) == ({}, set(), [], False)
    assert measured(site, "em-1") == {0: 60_000, 1: 60_000, 2: 60_000}


def test_times_of_receipt_by_a_wrong_clock_are_corrected(site: Line) -> None:
    """Rows came by a clock that is an hour ahead until the third gateway shows it: what is kept has the true time then."""
    born(site, 3, wall=HOUR)
    spoken(site, 3, range(4), wall=HOUR)
    site.insert(
        tables.rejected_reading, grp=GROUP, device="em-1", point="time", at=BEGIN, value=1.0, quality=192, reason="refused",
        received_at=BEGIN + HOUR + MINUTE, **{"class": "electricity"},
    )  # fmt: skip
    site.insert(
        tables.alert_state, grp=GROUP, rule="r", subject="em-1", phase="pending", since=BEGIN + HOUR + MINUTE,
        seen=BEGIN + HOUR + 2 * MINUTE, memory="{}",
    )  # fmt: skip
    assert {row["received_at"] for row in site.rows(tables.latest)} == {BEGIN + HOUR + 3 * MINUTE}
    spoken(site, 3, range(4, 5), wall=HOUR)
    newest = {row["device"]: (row["at"], row["received_at"]) for row in site.rows(tables.latest)}
    assert newest == {f"em-{n}": (BEGIN + minute * MINUTE,) * 2 for n, minute in ((1, 3), (2, 3), (3, 4))}
    assert [row["received_at"] for row in site.rows(tables.rejected_reading)] == [BEGIN + MINUTE]
    (pending,) = site.rows(tables.alert_state)
    assert (pending["since"], pending["seen"]) == (BEGIN + MINUTE, BEGIN + 2 * MINUTE)


def test_after_a_start_what_was_known_helps_one_gateway(site: Line) -> None:
    """The service ended in doubt. When one gateway says the same as before, the cloud is off still; it is blamed by nobody."""
    born(site, 3, wall=HOUR)
    spoken(site, 3, range(10), wall=HOUR)
    site.restart()
    assert site.known.own.doubted
    spoken(site, 1, range(10, 20), wall=HOUR)
    assert (own(site), blamed(site)) == ([("open", 3600.0)], {})


def test_after_a_start_with_a_clock_that_is_right_the_doubt_is_over(site: Line) -> None:
    """The first gateway that agrees with the cloud closes what stood open."""
    born(site, 3, wall=HOUR)
    spoken(site, 3, range(10), wall=HOUR)
    site.restart()
    spoken(site, 1, range(10, 12))
    assert (own(site), site.known.own.doubted) == ([("closed", 3600.0)], False)


def test_a_jump_of_the_machine_s_clock_is_seen_at_once() -> None:
    """Set ahead by an hour and back again: the time that is believed goes on, and the cloud doubts itself only meanwhile."""
    true, jump = [0], [0]

    class Base(Clock):
        def now_ms(self) -> int:
            return NOW + true[0] + jump[0]

    clock = OwnClock(base=Base(), own=Own(), steady=lambda: true[0] / 1000)
    assert clock.now_ms() == NOW
    true[0], jump[0] = MINUTE, HOUR
    assert (clock.now_ms(), clock.own.off, clock.own.doubted) == (NOW + MINUTE, HOUR, True)
    true[0], jump[0] = 2 * MINUTE, 0
    assert (clock.now_ms(), clock.own.off, clock.own.doubted) == (NOW + 2 * MINUTE, 0, False)


def test_a_clock_that_is_slewed_is_followed() -> None:
    """Half a second in each of a hundred minutes is no jump: the machine's clock is the time."""
    true, slewed = [0], [0]

    class Base(Clock):
        def now_ms(self) -> int:
            return NOW + true[0] + slewed[0]

    clock = OwnClock(base=Base(), own=Own(), steady=lambda: true[0] / 1000)
    for n in range(100):
        true[0], slewed[0] = n * MINUTE, n * 500
        assert clock.now_ms() == NOW + true[0] + slewed[0]
    assert not clock.own.doubted


def test_what_a_batch_found_is_forgotten_when_it_was_not_kept() -> None:
    """The batch broke: its messages come again, and show the same again."""
    own = Own()
    own.moved(-HOUR, NOW, by_gateways=True)
    own.forget(Own())
    assert own == Own()
