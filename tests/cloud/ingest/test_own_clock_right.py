"""When the cloud's own clock was right: what was judged by it then stays, and who says so where gateways and kernel disagree."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cloud.devices.clocks import Offset
from cloud.devices.own_clock import Moved
from cloud.ingest.batch import Batch
from contract.clock import iso
from tests.cloud import tables
from tests.cloud.ingest.gateways import BEGIN, GROUP, HOUR, MINUTE, POINT, asked, blamed, born, faults, own, spoken

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Line

DAY = 24 * 60
"""Minutes."""


def judged(line: Line, source: str) -> list[tuple[int, float]]:
    """First minute by its clock, and seconds, of each judgement of a source."""
    rows = line.rows(tables.clock_offset, source=source)
    return [((row["valid_from"] - BEGIN) // MINUTE, row["offset_from_ms"] / 1000) for row in rows]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kernel", [True, None])
@pytest.mark.parametrize("off", [HOUR, 2 * HOUR])
def test_what_was_judged_while_the_time_was_right_stays(site: Line, off: int, kernel: bool | None) -> None:  # noqa: FBT001
    """Judged on day 0 and right again; on day 5 the machine slept for an hour and is set: that judgement and its event stay as they are."""
    site.known.own.kept_by_service = lambda: kernel
    born(site, 5)
    spoken(site, 5, range(0, 60, 5), off={1: off})
    spoken(site, 5, range(60, 120, 5))
    spoken(site, 5, range(5 * DAY, 5 * DAY + 20, 5))
    day_0 = judged(site, "gw-1")
    site.known.own.jumped(HOUR, BEGIN + (5 * DAY + 20) * MINUTE)
    spoken(site, 5, range(5 * DAY + 85, 5 * DAY + 120, 5), wall=-HOUR)
    assert (site.known.own.off, site.known.own.found) == (0, -HOUR)
    assert day_0 == [(off // MINUTE, off / 1000)]
    assert judged(site, "gw-1") == [*day_0, (5 * DAY + 85, 0.0)]
    assert faults(site) == {"gw-1"}
    assert [span["from"] for span in asked(site)["gw-1"]] == [BEGIN + (5 * DAY + 85) * MINUTE]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_time_was_right_last_when_most_gateways_agreed(site: Line) -> None:
    """Nobody saw the jump: what was judged, and what came, when four of five last agreed stays as it is."""
    born(site, 5)
    spoken(site, 5, range(0, 60, 5), off={1: -2 * HOUR})
    spoken(site, 4, range(60, 120, 5))
    spoken(site, 5, range(125, 130, 5), wall=HOUR)
    spoken(site, 4, range(130, 160, 5), wall=HOUR)
    assert own(site) == [("open", 3600.0)]
    (taken,) = site.rows(tables.audit, action="clock_taken_back")
    assert json.loads(taken["detail"])["from"] == iso(BEGIN + 115 * MINUTE)
    assert judged(site, "gw-1") == [(-120, -7200.0), (125, 0.0)]
    assert faults(site) == {"gw-1"}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_gateway_that_is_off_by_as_much_as_the_cloud_stays_judged(site: Line) -> None:
    """An hour ahead for a day, while four agree with the cloud; then the machine sleeps for an hour: it was ahead nevertheless."""
    born(site, 5)
    spoken(site, 5, range(0, DAY, 5), off={1: HOUR})
    site.known.own.jumped(HOUR, BEGIN + DAY * MINUTE)
    spoken(site, 5, range(DAY + 65, DAY + 120, 5), wall=-HOUR, off={1: HOUR})
    assert site.known.own.off == 0
    assert {seconds for _, seconds in judged(site, "gw-1")} == {3600.0}
    assert faults(site) == {"gw-1"}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("number", [3, 5])
def test_a_kernel_does_not_overrule_three_gateways(site: Line, number: int) -> None:
    """A wrong time server sets the machine an hour ahead: the gateways agree with the time before, before and after a silence."""
    site.known.own.kept_by_service = lambda: True
    born(site, number)
    spoken(site, number, range(10))
    site.known.own.jumped(HOUR, BEGIN + 10 * MINUTE)
    spoken(site, number, range(10, 20))
    site.wait(BEGIN + 40 * MINUTE)
    spoken(site, number, range(45, 50))
    assert (site.known.own.off, site.known.own.found, own(site)) == (HOUR, 0, [("open", 3600.0)])
    assert (blamed(site), faults(site), site.rows(tables.audit)) == ({}, set(), [])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_kernel_is_asked_where_two_gateways_agree_and_years_may_not_follow(site: Line) -> None:
    """It sets the date 400 days ahead and two gateways contradict it: they are judged, but nothing may go, even if both fall silent."""
    site.known.own.kept_by_service = lambda: True
    born(site, 2)
    spoken(site, 2, range(10))
    site.known.own.jumped(400 * 24 * HOUR, BEGIN + 10 * MINUTE)
    site.wait(BEGIN + 10 * MINUTE)
    assert (site.known.own.off, site.known.own.unsure, site.known.own.held(BEGIN + 400 * 24 * HOUR)) == (0, False, True)
    spoken(site, 2, range(10, 20))
    assert site.known.own.unsure
    site.wait(BEGIN + 2 * 24 * HOUR)
    assert (site.known.own.unsure, site.known.own.held(BEGIN + 402 * 24 * HOUR)) == (True, False)


def test_what_was_stored_is_not_taken_back_twice(site: Line) -> None:
    """The database lost the answer to COMMIT, so the batch is stored again: receipts move once, and a gateway is asked once."""
    born(site, 1)
    site.insert(
        tables.latest, grp=GROUP, device="em-1", point=POINT, at=BEGIN, value=1.0, quality=192, reason="",
        received_at=BEGIN + 3 * HOUR, good_at=BEGIN,
    )  # fmt: skip
    site.insert(tables.alert_state, grp=GROUP, rule="r", subject="em-1", phase="pending", since=BEGIN + 9 * HOUR, seen=BEGIN, memory="{}")
    taken = {(GROUP, "em-1"): [Offset(BEGIN, BEGIN + HOUR, -HOUR, -HOUR)]}
    batch = Batch(moved=[Moved(-HOUR, BEGIN, BEGIN + 4 * HOUR, taken, {})])
    for _ in range(2):
        site.store(batch)
        assert [row["received_at"] for row in site.rows(tables.latest)] == [BEGIN + 2 * HOUR]
        assert [row["since"] for row in site.rows(tables.alert_state)] == [BEGIN + 8 * HOUR]
        assert len(site.rows(tables.audit, action="clock_taken_back")) == 1
        assert asked(site) == {"gw-1": [{"from": BEGIN, "to": BEGIN + HOUR + 1}]}
