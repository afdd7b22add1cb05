"""Each shipped rule fires on a fault of its kind and is resolved after it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pytest

from cloud.alerts.machine import Event
from cloud.alerts.ruleset import load_rules
from cloud.devices import broker_refusals as refusals
from cloud.devices.broker_refusals import Key, Told
from cloud.ingest import broker_record
from cloud.ingest.batch import Batch, Message
from cloud.ingest.commit import store
from cloud.ingest.decode import decode
from cloud.ingest.doubt import keep_doubt
from cloud.ingest.refused import MOST_OF_DEVICE
from cloud.ledger import findings
from cloud.ledger.periods import DAY_MS, HOUR_MS, local_date, midnight
from contract import sparkplug
from contract.clock import parse_time
from contract.reading import Row
from contract.topics import Topic
from simulators.foreign_node import nbirth
from tests.cloud import tables
from tests.cloud.district import GROUP

if TYPE_CHECKING:
    from tests.cloud.alerts.conftest import House

MINUTE = 60_000
WATER = ("c1-w-main", "c2-w-main", "c3-w-main")
BUS = ("c1-e-main", "c1-e-a-light", "c1-e-a-hvac", "c1-e-lift")
Change = Callable[["House"], None]


@dataclass(frozen=True)
class Case:
    """A fault of a rule's kind.

    Attributes:
        devices: Who speaks.
        start: Local time at which it is there.
        begin: Brings it about.
        end: Takes it away.
        subject: Of the alert.
        fires: Ms within which the alert must have fired.
        resolves: Ms within which it must be resolved, after the end.
        every: Ms between two looks.
        before: Ms of ordinary life before it.
        says: Both texts of the detail must hold this.
    """

    devices: tuple[str, ...]
    start: str
    begin: Change
    end: Change
    subject: str
    fires: int
    resolves: int
    every: int = MINUTE
    before: int = 10 * MINUTE
    says: str = ""


def fault(device: str, name: str, value: float | None = None) -> tuple[Change, Change]:
    """How a simulated fault comes and goes."""
    return lambda house: house.set(device, name, value), lambda house: house.clear(device, name)


def write(device: str, point: str, value: float) -> Change:
    return lambda house: house.world.write(device, point, value, house.now)


def _link(*, up: bool) -> Change:
    return lambda house: house.silent.discard("gw-c1") if up else house.silent.add("gw-c1")


def _half_of_the_bus(*, silent: bool) -> Change:
    def change(house: House) -> None:
        for device in BUS[:2]:
            if silent:
                house.set(device, "silent")
            else:
                house.clear(device, "silent")

    return change


def _files(*, differ: bool) -> Change:
    return lambda house: setattr(house.evaluator, "site_differs", lambda: differ)


def _stranger(house: House, name: str, *, up: bool) -> None:
    """A node of a group that no site has says that it is born, or dead."""
    raw = nbirth(at=house.now, bd_seq=3) if up else sparkplug.node_death(3, at=house.now)
    said = Message(str(Topic("5108O2", "NBIRTH" if up else "NDEATH", name)), raw, house.now)
    store(decode([said], house.known), house.engine, house.telemetry)


def _strangers(*, up: bool) -> Change:
    def change(house: House) -> None:
        for number in range(7):
            _stranger(house, f"n{number}", up=up)

    return change


def _explained(house: House) -> None:
    """Somebody looks, and says why the figure stands."""
    with house.engine.connect() as connection:
        for one in findings.listed(connection, house.site.group, house.now):
            findings.explain(house.engine, house.site.group, (one.meter, one.start, one.kind), "looked at", "wang", house.now)


def _says(point: str, value: float) -> Change:
    """A gateway's word about its outbox."""
    return lambda house: house.outbox.update({point: value})


def _gives_up(house: House) -> None:
    house.lost["gw-c1"] = 37.0


def _crowd(house: House) -> None:
    """A gateway sends names without end."""
    row = Row("c1-e-main", house.now, {f"x{number}": 1.0 for number in range(1001)})
    store(decode([house._data("gw-c1", "c1-e-main", row)], house.known), house.engine, house.telemetry)


def _strange(house: House) -> None:
    """A gateway of another make sends a value that no store can hold."""
    row = Row("c1-e-main", house.now, {"time": 1.0})
    store(decode([house._data("gw-c1", "c1-e-main", row)], house.known), house.engine, house.telemetry)


def _strange_without_end(house: House) -> None:
    """More of them than are kept on record in a day."""
    for number in range(MOST_OF_DEVICE + 2):
        row = Row("c1-e-main", house.now - number, {"time": 1.0})
        store(decode([house._data("gw-c1", "c1-e-main", row)], house.known), house.engine, house.telemetry)


def _silent_till_afternoon(house: House) -> None:
    house.set("c1-w-main", "silent")
    assert house.faults.clear("c1-w-main", "silent", house.now + 6 * HOUR_MS) == ["silent"]


def _own_clock(jump: int) -> Change:
    """The cloud's machine is set by so much while the service runs; the time that it believes goes on."""

    def change(house: House) -> None:
        batch = Batch()
        house.known.own.jumped(jump, house.now)
        keep_doubt(batch, house.known, house.now)
        store(batch, house.engine, house.telemetry)

    return change


def _clock(rows: float) -> Change:
    """So many rows of a gateway wait for its clock."""
    return lambda house: house.undated.update({"gw-c1": rows})


def _broker_tells(kind: Literal["broker_refused", "broker_contested"], who: str, reason: str, detail: str) -> Change:
    """The broker told something of somebody."""

    def change(house: House) -> None:
        told = {Key(kind, who): Told(reason, detail)}
        broker_record.record(house.engine, house.site.group, told, midnight(local_date(house.now)), house.now)

    return change


def _nothing(_house: House) -> None:
    """What happened is over by itself."""


def _used(first: str, days: int, litres: int) -> Change:
    """The ledger of the main water meters, an amount a day."""

    def enter(house: House) -> None:
        start = parse_time(f"{first}T00:00:00+08:00")
        begin = [start + day * DAY_MS for day in range(days)]
        rows = [(m, hour, n) for m in WATER for day in begin for hour, n in ((day, litres), (day + 23 * HOUR_MS, 0))]
        table = tables.ledger_hour
        with house.engine.begin() as connection:
            connection.execute(table.delete().where(table.c.hour >= start, table.c.hour < start + days * DAY_MS))
            connection.execute(
                table.insert(), [{"grp": GROUP, "meter": m, "hour": hour, "provenance": "measured", "amount": n} for m, hour, n in rows]
            )

    return enter


def _years(*steps: Change) -> Change:
    """One after the other."""

    def enter(house: House) -> None:
        for step in steps:
            step(house)

    return enter


TUESDAY = "2026-07-21"
CASES: dict[str, Case] = {
    "hvac_setpoint": Case(
        ("c3-ac-01",),
        f"{TUESDAY}T09:30",
        write("c3-ac-01", "setpoint", 22.0),
        write("c3-ac-01", "setpoint", 26.0),
        "c3-ac-01",
        16 * MINUTE,
        2 * MINUTE,
        says="22",
    ),
    "hvac_room_temperature": Case(
        ("c3-ac-01",), f"{TUESDAY}T10:00", *fault("c3-ac-01", "cold"), subject="c3-ac-01", fires=35 * MINUTE, resolves=200 * MINUTE
    ),
    "after_hours": Case(
        ("c3-fresh-1",),
        f"{TUESDAY}T21:00",
        *fault("c3-fresh-1", "after_hours"),
        subject="c3-fresh-1",
        fires=16 * MINUTE,
        resolves=3 * MINUTE,
    ),
    "air_co2": Case(
        ("c3-fresh-1",),
        f"{TUESDAY}T10:00",
        write("c3-fresh-1", "on", 0.0),
        write("c3-fresh-1", "on", 1.0),
        "c3-fresh-1",
        32 * MINUTE,
        7 * MINUTE,
        says="1000",
    ),
    "device_silent": Case(
        ("c1-e-main", "c1-w-main"),
        f"{TUESDAY}T10:00",
        *fault("c1-e-main", "silent"),
        subject="c1-e-main",
        fires=8 * MINUTE,
        resolves=3 * MINUTE,
    ),
    "bus_silent": Case(
        BUS,
        f"{TUESDAY}T10:00",
        begin=_half_of_the_bus(silent=True),
        end=_half_of_the_bus(silent=False),
        subject="c1-power",
        fires=7 * MINUTE,
        resolves=6 * MINUTE,
        says="2",
    ),
    "vehicle_silent": Case(
        ("car-em-01",),
        f"{TUESDAY}T20:00",
        *fault("car-em-01", "silent"),
        subject="car-em-01",
        fires=DAY_MS + 5 * MINUTE,
        resolves=10 * MINUTE,
        every=5 * MINUTE,
    ),
    "gateway_offline": Case(
        ("c1-e-main",), f"{TUESDAY}T10:00", _link(up=False), _link(up=True), "gw-c1", fires=7 * MINUTE, resolves=3 * MINUTE
    ),
    "too_many_points": Case(
        ("c1-e-main",),
        f"{TUESDAY}T10:00",
        begin=_crowd,
        end=lambda _house: None,
        subject="c1-e-main",
        fires=2 * MINUTE,
        resolves=HOUR_MS + 2 * MINUTE,
        says="1000",
    ),
    "unknown_group": Case(
        ("c1-e-main",),
        f"{TUESDAY}T10:00",
        begin=_strangers(up=True),
        end=_strangers(up=False),
        subject="5108O2",
        fires=4 * MINUTE,
        resolves=4 * MINUTE,
        says="7",
    ),
    "elevator_wrong_stop": Case(
        ("c1-lift-1",),
        f"{TUESDAY}T07:40",
        *fault("c1-lift-1", "wrong_stop", 4.0),
        subject="c1-lift-1",
        fires=3 * MINUTE,
        resolves=12 * MINUTE,
        says="4",
    ),
    "night_water": Case(
        ("c1-w-main",),
        f"{TUESDAY}T12:00",
        *fault("c1-w-main", "leak", 0.5),
        subject="c1-w-main",
        fires=DAY_MS,
        resolves=DAY_MS,
        every=30 * MINUTE,
        before=15 * DAY_MS,
    ),
    "meter_stuck": Case(
        ("c1-e-a-light",),
        f"{TUESDAY}T10:00",
        *fault("c1-e-a-light", "stuck"),
        subject="c1-e-a-light",
        fires=40 * MINUTE,
        resolves=3 * MINUTE,
    ),
    "meter_reset": Case(
        ("c1-e-main",),
        f"{TUESDAY}T10:10",
        *fault("c1-e-main", "reset"),
        subject="c1-e-main",
        fires=HOUR_MS,
        resolves=DAY_MS,
        every=5 * MINUTE,
        before=HOUR_MS,
    ),
    "finding": Case(
        ("c1-e-main",),
        f"{TUESDAY}T10:10",
        *(fault("c1-e-main", "jump", 90_000.0)[0], _explained),
        subject="c1-e-main",
        fires=HOUR_MS,
        resolves=5 * MINUTE,
        every=5 * MINUTE,
        before=HOUR_MS,
        says="90",
    ),
    "rejected_readings": Case(
        ("c1-e-main",), f"{TUESDAY}T10:00", _strange, _nothing, "c1-e-main", fires=2 * MINUTE, resolves=62 * MINUTE, says="'time'"
    ),
    "readings_refused": Case(
        ("c1-e-main",),
        f"{TUESDAY}T10:00",
        _strange_without_end,
        _nothing,
        "c1-e-main",
        fires=2 * MINUTE,
        resolves=62 * MINUTE,
        says="jieyue-cloud resend gw-c1",
    ),
    "site_differs": Case(
        ("c1-e-main",), f"{TUESDAY}T10:00", _files(differ=True), _files(differ=False), "lizhou", fires=2 * MINUTE, resolves=2 * MINUTE
    ),
    "clock_fault": Case(
        ("car-em-01",),
        f"{TUESDAY}T10:00",
        *fault("car-em-01", "clock"),
        subject="car-em-01",
        fires=2 * MINUTE,
        resolves=12 * MINUTE,
        says="+3600",
    ),
    "clock_drift": Case(
        ("car-em-01",),
        f"{TUESDAY}T10:00",
        *fault("car-em-01", "clock", 45.0),
        subject="car-em-01",
        fires=7 * MINUTE,
        resolves=62 * MINUTE,
        says="+45",
    ),
    "cloud_clock": Case(
        ("c1-e-main",),
        f"{TUESDAY}T10:00",
        _own_clock(3_600_000),
        _own_clock(-3_600_000),
        "lizhou",
        fires=2 * MINUTE,
        resolves=2 * MINUTE,
        says="3600",
    ),
    "clock_waits": Case(
        ("c1-e-main",), f"{TUESDAY}T10:00", _clock(420.0), _clock(0.0), "gw-c1", fires=4 * MINUTE, resolves=3 * MINUTE, says="420"
    ),
    "vehicle_speeding": Case(
        ("car-em-01",),
        f"{TUESDAY}T10:00",
        *fault("car-em-01", "overspeed"),
        subject="car-em-01",
        fires=3 * MINUTE,
        resolves=3 * MINUTE,
    ),
    "vehicle_sos": Case(
        ("car-em-01",), f"{TUESDAY}T10:00", *fault("car-em-01", "sos"), subject="car-em-01", fires=2 * MINUTE, resolves=7 * MINUTE
    ),
    "target_at_risk": Case(
        WATER,
        f"{TUESDAY}T10:00",
        _years(_used("2025-01-01", 365, 1000), _used("2026-01-01", 201, 1100)),
        _used("2026-01-01", 203, 900),
        "2026:water_per_capita",
        fires=26 * HOUR_MS,
        resolves=26 * HOUR_MS,
        every=HOUR_MS,
        says="10",
    ),
    "target_missed": Case(
        WATER,
        "2026-01-05T10:00",
        _years(_used("2024-01-01", 366, 1000), _used("2025-01-01", 365, 1000)),
        _used("2025-01-01", 365, 900),
        "2025:water_per_capita",
        fires=26 * HOUR_MS,
        resolves=26 * HOUR_MS,
        every=HOUR_MS,
    ),
    "measured_share": Case(
        ("c1-w-main",),
        f"{TUESDAY}T08:00",
        begin=_silent_till_afternoon,
        end=_nothing,
        subject="c1-w-main",
        fires=18 * HOUR_MS,
        resolves=DAY_MS,
        every=30 * MINUTE,
        before=2 * DAY_MS,
    ),
    "broker_refused": Case(
        ("c1-e-main",),
        f"{TUESDAY}T10:00",
        _broker_tells(refusals.REFUSED, "10.0.0.66", "not_authorised", "gw-c2"),
        _nothing,
        "10.0.0.66",
        fires=2 * MINUTE,
        resolves=12 * MINUTE,
        says="gw-",
    ),
    "broker_contested": Case(
        ("c1-e-main",),
        f"{TUESDAY}T10:00",
        _broker_tells(refusals.CONTESTED, "gw-c1", "contested", "10.0.0.66"),
        _nothing,
        "gw-c1",
        fires=2 * MINUTE,
        resolves=32 * MINUTE,
        says="10.0.0.66",
    ),
    "outbox_losses": Case(
        ("c1-e-main",), f"{TUESDAY}T10:00", _gives_up, _nothing, "gw-c1", fires=2 * MINUTE, resolves=62 * MINUTE, says="37"
    ),
    "outbox_refuses": Case(
        ("c1-e-main",),
        f"{TUESDAY}T10:00",
        _says("outbox_refuses", 1),
        _says("outbox_refuses", 0),
        "gw-c1",
        fires=3 * MINUTE,
        resolves=3 * MINUTE,
    ),
    "rows_undatable": Case(
        ("c1-e-main",),
        f"{TUESDAY}T10:00",
        _says("outbox_undatable", 58),
        _says("outbox_undatable", 0),
        "gw-c1",
        fires=12 * MINUTE,
        resolves=3 * MINUTE,
        says="58",
    ),
    "outbox_damaged": Case(
        ("c1-e-main",),
        f"{TUESDAY}T10:00",
        _says("outbox_set_aside", 2),
        _says("outbox_set_aside", 0),
        "gw-c1",
        fires=2 * MINUTE,
        resolves=3 * MINUTE,
        says="2",
    ),
}
QUIET_METERS = {"target_at_risk", "target_missed"}
"""Their ledger is entered as a whole; a reading would be counted beside it."""


def test_every_shipped_rule_has_its_fault() -> None:
    """A rule that nobody has seen firing is not shipped."""
    assert set(CASES) == set(load_rules())


@pytest.mark.parametrize("name", CASES)
def test_a_rule_fires_on_its_fault_and_is_resolved_after_it(name: str, house: House) -> None:
    """In ordinary life it says nothing; the fault fires it once, in time, with texts; after the fault it is resolved, in time."""
    case = CASES[name]
    house.use(*case.devices)
    house.evaluator.rules = {name: load_rules()[name]}
    publish = (lambda: None) if name in QUIET_METERS else None
    house.now = parse_time(f"{case.start}:00+08:00") - case.before
    if name.startswith("hvac"):
        write("c3-ac-01", "setpoint", 26.0)(house)
    assert house.run(house.now + case.before, case.every, publish) == []

    case.begin(house)
    fired = house.run(house.now + case.fires, case.every, publish)
    assert [(change.event, change.subject) for change in fired] == [(Event.FIRED, case.subject)]
    (alert,) = house.alerts()
    assert (alert.rule, alert.state, alert.subject) == (name, "firing", case.subject)
    for text in (alert.title, alert.detail):
        assert all(said and not {"{", "?"} & set(said) for said in json.loads(text).values()), text
    assert all(case.says in said for said in json.loads(alert.detail).values())

    case.end(house)
    resolved = house.run(house.now + case.resolves, case.every, publish)
    assert [(change.event, change.subject) for change in resolved] == [(Event.RESOLVED, case.subject)]
    (alert,) = house.alerts()
    assert alert.state == "resolved"
    assert alert.resolved_at > alert.fired_at


def test_a_gateway_without_a_clock_is_one_alert_that_names_the_clock(house: House) -> None:
    """Half an hour from its first birth on: no device is called silent, no wiring is blamed, and nothing is said of "?" minutes."""
    house.use("c1-e-main", "c1-w-main")
    house.now = parse_time(f"{TUESDAY}T10:00:00+08:00")
    house.undated["gw-c1"] = 420.0
    house.run(house.now + 30 * MINUTE)
    assert [(alert.rule, alert.subject) for alert in house.alerts()] == [("clock_waits", "gw-c1")]
    detail = json.loads(house.alerts()[0].detail)
    assert "时钟未同步" in detail["zh"]
    assert "clock: trusted" in detail["en"]


def test_rows_of_an_earlier_boot_hide_no_silence(house: House) -> None:
    """The gateway knows the time by now: what it can never date is an alert of its own, and a silent device is told as always."""
    house.use("c1-e-main", "c1-w-main")
    house.now = parse_time(f"{TUESDAY}T10:00:00+08:00")
    house.outbox["outbox_undatable"] = 58.0
    house.set("c1-e-main", "silent")
    house.run(house.now + 30 * MINUTE)
    alerts = {(alert.rule, alert.subject) for alert in house.alerts()}
    assert {("rows_undatable", "gw-c1"), ("device_silent", "c1-e-main")} <= alerts
    assert not {rule for rule, _ in alerts} & {"clock_waits", "clock_fault"}


def test_a_device_that_was_never_heard_is_silent_since_it_was_first_looked_at(house: House) -> None:
    """Its gateway speaks and its clock is right: the alert says for how many minutes, never "?"."""
    house.use("c1-e-main")
    house.set("c1-e-main", "silent")
    house.now = parse_time(f"{TUESDAY}T10:00:00+08:00")
    house.run(house.now + 10 * MINUTE)
    assert [alert.rule for alert in house.alerts()] == ["device_silent"]
    assert "no good reading for 5 minutes" in json.loads(house.alerts()[0].detail)["en"]


def test_a_wrong_gateway_clock_is_one_alert(house: House) -> None:
    """Ten minutes ahead for half an hour: neither the gateway nor its devices are called silent."""
    house.use("c1-e-main", "c1-w-main")
    house.now = parse_time(f"{TUESDAY}T10:00:00+08:00")
    house.run(house.now + 5 * MINUTE)
    house.ahead = 600_000
    house.run(house.now + 30 * MINUTE)
    assert [(alert.rule, alert.subject) for alert in house.alerts()] == [("clock_fault", "gw-c1")]
