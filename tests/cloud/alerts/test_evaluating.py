"""What a technician would want of the rules beside their faults: exceptions, restarts, quiet, and few queries."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from cloud.alerts import opening, service
from cloud.alerts.evaluate import Evaluator
from cloud.alerts.machine import Event, Reason
from cloud.alerts.repository import standing
from cloud.alerts.ruleset import load_rules
from cloud.alerts.view import load
from cloud.devices.clocks import State
from cloud.devices.own_clock import OwnRow
from cloud.devices.repository.clocks import keep_own
from cloud.ledger.periods import HOUR_MS
from cloud.platform.database import writing
from contract.clock import parse_time
from contract.coded import Message
from contract.operation import Exemption, Operation, Text
from simulators.faulty import FaultyWorld
from tests.cloud import tables

if TYPE_CHECKING:
    from tests.cloud.alerts.conftest import House

MINUTE = 60_000
TUESDAY = parse_time("2026-07-21T10:00:00+08:00")


def only(house: House, *rules: str) -> None:
    house.evaluator.rules = {name: load_rules()[name] for name in rules}


def operated(house: House, operation: Operation) -> None:
    house.evaluator.site = house.site = house.site.model_copy(update={"operation": operation})


def test_a_round_asks_few_questions_however_many_devices_there_are(house: House) -> None:
    """Twelve queries look at everything, also at 167 devices; a quiet round writes only what conditions remember."""
    only(house, *(name for name, rule in load_rules().items() if not rule.every))
    house.now = TUESDAY
    house.run(TUESDAY + MINUTE)
    asked: list[str] = []
    sa.event.listen(house.engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
    house.evaluator.round(house.now + 1000)
    reads = [text for text in asked if text.startswith("SELECT")]
    assert len(reads) == 12
    kept = ("INSERT INTO alert_state", "INSERT INTO alert_revision")
    assert [text for text in asked if not text.startswith(("SELECT", "BEGIN", "SAVEPOINT", "RELEASE", *kept))] == []


@pytest.mark.parametrize("house", ["sqlite", "postgresql"], indirect=True)
def test_a_round_reads_only_the_points_that_its_rules_look_at(house: House) -> None:
    """The same is seen of them as in a view of all points; to ask for another is a mistake of the condition, not a device without it."""
    house.now = TUESDAY
    house.publish()
    whole, few = load(house.engine, house.site, house.now), load(house.engine, house.site, house.now, {"on"})
    switch, meter = whole.devices["c3-ac-04"], whole.devices["c1-e-main"]
    assert (few.seen, few.devices) == (whole.seen, whole.devices)
    assert few.last(switch, "on") == whole.last(switch, "on") is not None
    assert few.undated(switch.gateway) == whole.undated(switch.gateway) == 0.0
    assert few.last(meter, "on") is None
    with pytest.raises(LookupError, match="setpoint was not read"):
        few.good(switch, "setpoint")


def test_each_shipped_rule_names_what_it_reads(house: House) -> None:
    """Each is looked at alone, so that no other rule's points hide one that it forgot."""
    house.now = TUESDAY
    house.publish()
    for name in load_rules():
        only(house, name)
        house.evaluator.round(house.now + 1000)
    assert house.evaluator.failed == {}


@pytest.mark.parametrize("house", ["sqlite", "postgresql"], indirect=True)
def test_every_rule_can_be_asked_of_each_database(house: House) -> None:
    """Over the end of an hour, with the ledger; a stuck main meter's silence is found, and its state outlives the process."""
    house.use("c1-e-main", "c1-w-main")
    house.now = TUESDAY - 10 * MINUTE
    house.run(TUESDAY + MINUTE)
    house.set("c1-e-main", "silent")
    house.run(TUESDAY + 20 * MINUTE)
    assert [(alert.rule, alert.subject, alert.state) for alert in house.alerts() if alert.subject == "c1-e-main"] == [
        ("device_silent", "c1-e-main", "firing")
    ]
    house.evaluator = Evaluator(house.engine, house.site, load_rules())
    house.clear("c1-e-main", "silent")
    house.run(TUESDAY + 40 * MINUTE)
    assert [(alert.rule, alert.state) for alert in house.alerts() if alert.subject == "c1-e-main"] == [("device_silent", "resolved")]


def test_a_dead_gateway_is_one_alert_and_not_one_a_device(house: House) -> None:
    """Forty devices of a gateway fall silent with it; the technician is told of the gateway."""
    only(house, "device_silent", "gateway_offline")
    house.use(*(device.id for device in house.site.devices if house.site.bus_by_id[device.bus].gateway == "gw-c2"))
    house.now = TUESDAY
    assert house.run(TUESDAY + 3 * MINUTE) == []
    house.silent.add("gw-c2")
    house.run(TUESDAY + 40 * MINUTE)
    house.silent.clear()
    house.run(TUESDAY + 50 * MINUTE)
    assert [(alert.rule, alert.subject, alert.state) for alert in house.alerts()] == [("gateway_offline", "gw-c2", "resolved")]


def test_an_exemption_ends_what_is_open(house: House) -> None:
    """An archive may be kept at 22 degC once somebody says so in the site's file; the reason is kept."""
    only(house, "hvac_setpoint")
    house.use("c3-ac-04")
    house.now = TUESDAY
    house.world.write("c3-ac-04", "setpoint", 22.0, TUESDAY)
    assert [change.event for change in house.run(TUESDAY + 20 * MINUTE)] == [Event.FIRED]
    operated(house, Operation(exemptions=[Exemption(rule="hvac_setpoint", subjects=["c3-ac-04"], reason="archive")]))
    changes = house.run(house.now + 60 * MINUTE)
    assert [(change.event, change.reason) for change in changes] == [(Event.RESOLVED, Reason.NO_LONGER_WATCHED)]


def test_a_rule_that_is_gone_leaves_nothing_open(house: House) -> None:
    """Who takes a rule away does not look at its alerts for ever."""
    only(house, "vehicle_sos")
    house.use("car-em-01")
    house.now = TUESDAY
    house.set("car-em-01", "sos")
    house.run(TUESDAY + MINUTE)
    only(house, "vehicle_speeding")
    assert [(change.event, change.reason) for change in house.run(TUESDAY + 2 * MINUTE)] == [(Event.RESOLVED, Reason.NO_LONGER_WATCHED)]


def _told_of_a_wrong_text(house: House) -> None:
    """Two rules find the same set-point; the text of the first cannot be filled in."""
    only(house, "hvac_setpoint")
    rule = house.evaluator.rules["hvac_setpoint"]
    wrong = rule.model_copy(update={"id": "wrong", "detail": Text(zh="{nobody}", en="{nobody}")})
    house.evaluator.rules = {"wrong": wrong, rule.id: rule}
    house.use("c3-ac-04")
    house.now = TUESDAY
    house.world.write("c3-ac-04", "setpoint", 22.0, TUESDAY)


@pytest.mark.parametrize("house", ["sqlite", "postgresql"], indirect=True)
def test_a_rule_that_fails_stops_no_other(house: House) -> None:
    """What it wrote is undone and logged once a minute with its name; the other fires, and neither is half there."""
    _told_of_a_wrong_text(house)
    with capture_logs() as logs:
        changes = house.run(TUESDAY + 20 * MINUTE)
    assert [(change.rule, change.event) for change in changes] == [("hvac_setpoint", Event.FIRED)]
    assert [alert.rule for alert in house.alerts()] == ["hvac_setpoint"]
    assert house.evaluator.failed == {"wrong": 5}
    assert [(line["event"], line["rule"], line["log_level"]) for line in logs] == [("a rule failed", "wrong", "error")]


@pytest.mark.parametrize("house", ["sqlite", "postgresql"], indirect=True)
def test_what_the_database_refuses_undoes_only_its_rule(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alert that was entered before its message was refused is gone; the transaction stays fit for the next rule."""
    _told_of_a_wrong_text(house)
    rule = house.evaluator.rules["hvac_setpoint"]
    house.evaluator.rules = {"wrong": rule.model_copy(update={"id": "wrong"}), rule.id: rule}
    real = standing.note

    def refused(connection: sa.Connection, lines: list[tuple[str, str, str]], now: int) -> None:
        ((alert, event, reason),) = lines
        wrong = connection.execute(sa.select(tables.alert.c.rule).where(tables.alert.c.id == alert)).scalar_one() == "wrong"
        real(connection, [("no such alert" if wrong else alert, event, reason)], now)

    monkeypatch.setattr(standing, "note", refused)
    assert [change.rule for change in house.run(TUESDAY + 20 * MINUTE)] == ["hvac_setpoint"]
    assert [alert.rule for alert in house.alerts()] == ["hvac_setpoint"]
    assert house.evaluator.failed == {"wrong": 5}


def test_a_database_that_is_gone_ends_the_round(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no rule's fault: nothing is decided, nothing is counted against a rule, and the round is made again."""
    _told_of_a_wrong_text(house)
    house.run(TUESDAY + 10 * MINUTE)

    def gone(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("gone"))

    with monkeypatch.context() as broken:
        broken.setattr(opening, "opened", gone)
        with pytest.raises(OperationalError, match="gone"):
            house.run(TUESDAY + 20 * MINUTE)
    assert house.evaluator.failed == {}
    assert house.evaluator.known is None  # what comes back may be older than what was known
    assert house.alerts() == []
    assert [change.rule for change in house.run(house.now + MINUTE)] == ["hvac_setpoint"]


@pytest.mark.parametrize("house", ["sqlite", "postgresql"], indirect=True)
def test_whoever_decides_at_the_same_time_decides_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a rule is asked, another service may write: it fires first, and what was decided meanwhile is decided anew."""
    only(house, "hvac_setpoint")
    house.use("c3-ac-04")
    house.now = TUESDAY
    house.world.write("c3-ac-04", "setpoint", 22.0, TUESDAY)
    house.run(TUESDAY + 10 * MINUTE)
    other, real, fired = Evaluator(house.engine, house.site, house.evaluator.rules), opening.opened, []

    def meanwhile(*seen: Any) -> dict[str, Any]:  # noqa: ANN401 (as `opened` has it)
        monkeypatch.setattr(opening, "opened", real)
        fired.extend(other.round(house.now))
        return real(*seen)

    monkeypatch.setattr(opening, "opened", meanwhile)
    changes = house.run(TUESDAY + 20 * MINUTE)
    assert [(change.rule, change.event) for change in fired] == [("hvac_setpoint", Event.FIRED)]
    assert changes == []
    assert [(alert.rule, alert.state) for alert in house.alerts()] == [("hvac_setpoint", "firing")]


def test_a_round_in_which_nothing_changes_writes_nothing(house: House) -> None:
    """No transaction that writes is begun while an alert stands open, and one of a sparse rule is over."""
    only(house, "hvac_setpoint", "vehicle_sos")
    house.use("c3-ac-04", "car-em-01")
    house.now = TUESDAY
    house.world.write("c3-ac-04", "setpoint", 22.0, TUESDAY)
    house.set("car-em-01", "sos")
    house.run(TUESDAY + 20 * MINUTE)
    house.clear("car-em-01", "sos")
    house.run(house.now + 20 * MINUTE)
    assert {(alert.rule, alert.state) for alert in house.alerts()} == {("hvac_setpoint", "firing"), ("vehicle_sos", "resolved")}
    house.now += MINUTE
    house.publish()
    begun: list[str] = []
    sa.event.listen(house.engine, "before_cursor_execute", lambda *a: begun.append(a[2]))
    assert house.evaluator.round(house.now) == []
    assert [text for text in begun if text != "BEGIN" and not text.startswith("SELECT")] == []


def test_what_an_earlier_version_wrote_ends_no_round(house: House) -> None:
    """A text that is no message is told as it stands, and an event of another form is left out: no rule fails."""
    only(house, "clock_fault", "rejected_readings", "readings_refused", "broker_refused")
    house.use("car-em-01")
    house.now = TUESDAY
    house.run(TUESDAY + MINUTE)
    event = {"grp": house.site.group, "at": house.now, "noted_at": house.now}
    refused = {"grp": house.site.group, "class": "vehicle", "device": "car-em-01", "point": "speed", "at": house.now, "quality": 0}
    with writing(house.engine).begin() as connection:
        for kind, subject, detail in (
            ("clock_fault", "car-em-01", "measured -122 s off its receipt"),
            ("readings_refused", "car-em-01", '{"reason": "gone", "span": {"number": 2}}'),
            ("broker_refused", "192.0.2.1", '{"reason": "not_authorised", "detail": "x", "number": 3}'),
        ):
            connection.execute(tables.event.insert(), event | {"kind": kind, "subject": subject, "detail": detail})
        connection.execute(tables.rejected_reading.insert(), refused | {"reason": "no such column", "received_at": house.now})
    house.run(house.now + MINUTE)
    assert house.evaluator.failed == {}
    assert {alert.rule for alert in house.alerts()} == {"clock_fault", "rejected_readings", "readings_refused"}


def test_what_a_person_does_while_a_rule_is_asked_stays(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alert that is acknowledged while another is about to fire stays acknowledged, and the other fires in the same round."""
    only(house, "hvac_setpoint")
    house.use("c3-ac-04", "c3-ac-03")
    house.now = TUESDAY
    house.world.write("c3-ac-04", "setpoint", 22.0, TUESDAY)
    house.run(TUESDAY + 20 * MINUTE)
    (first,) = house.alerts()
    house.world.write("c3-ac-03", "setpoint", 22.0, house.now)
    real = opening.opened

    def meanwhile(*seen: Any) -> dict[str, Any]:  # noqa: ANN401 (as `opened` has it)
        service.acknowledge(house.engine, house.site.group, first.id, "seen to", "chief", house.now)
        return real(*seen)

    monkeypatch.setattr(opening, "opened", meanwhile)
    changes = house.run(house.now + 20 * MINUTE)
    assert [(change.subject, change.event) for change in changes] == [("c3-ac-03", Event.FIRED)]
    assert sorted((alert.subject, alert.state) for alert in house.alerts()) == [("c3-ac-03", "firing"), ("c3-ac-04", "acknowledged")]


def test_a_round_that_is_overtaken_each_time_decides_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """After three attempts it says so in a line, and the next round decides."""
    only(house, "hvac_setpoint")
    house.use("c3-ac-04")
    house.now = TUESDAY
    house.world.write("c3-ac-04", "setpoint", 22.0, TUESDAY)
    house.run(TUESDAY + 10 * MINUTE)
    real, since = opening.opened, iter(range(100))

    def overtaken(*seen: Any) -> dict[str, Any]:  # noqa: ANN401 (as `opened` has it)
        with writing(house.engine).begin() as connection:
            kept = standing.kept(connection, house.site.group)
            seen_at = house.now - next(since)
            standing.keep(
                connection, house.site.group, {key: replace(one, state=one.state._replace(seen=seen_at)) for key, one in kept.items()}
            )
        return real(*seen)

    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(opening, "opened", overtaken)
        while not logs:
            assert house.run(house.now + MINUTE) == []
    assert [line["event"] for line in logs] == ["alerts wait"]
    assert next(since) == 3
    assert [change.event for change in house.run(house.now + MINUTE)] == [Event.FIRED]


@pytest.mark.parametrize(
    ("at", "operation", "fires"),
    [
        ("2026-09-19T10:00", Operation(), True),  # a Saturday
        ("2026-09-20T10:00", Operation(), False),  # a make-up Sunday
        ("2026-09-25T10:00", Operation(), True),  # Mid-Autumn, a Friday
        ("2026-09-25T10:00", Operation(worked=["2026-09-25"]), False),
        ("2026-09-20T10:00", Operation(free=["2026-09-20"]), True),
    ],
)
def test_plant_is_judged_by_the_official_calendar(at: str, operation: Operation, fires: bool, house: House) -> None:  # noqa: FBT001
    """Make-up days are worked and holidays are not, unless the site says otherwise."""
    only(house, "after_hours")
    house.use("c3-fresh-1")
    operated(house, operation)
    house.now = parse_time(f"{at}:00+08:00")
    house.world.write("c3-fresh-1", "on", 1.0, house.now - MINUTE)
    assert bool(house.run(house.now + 20 * MINUTE)) is fires


@pytest.mark.parametrize(("mode", "fires"), [(0.0, True), (1.0, False), (2.0, False), (3.0, False)])
def test_fire_inspection_and_rescue_may_stop_anywhere(mode: float, fires: bool, house: House) -> None:  # noqa: FBT001
    """Only a car in normal mode is held to its floors."""
    only(house, "elevator_wrong_stop")
    house.use("c1-lift-1")
    house.now = parse_time("2026-07-21T07:40:00+08:00")
    house.set("c1-lift-1", "wrong_stop", 4.0)
    house.world = _InMode(house.world, mode)  # type: ignore[assignment]
    assert bool(house.run(house.now + 5 * MINUTE)) is fires


class _InMode:
    """A world in which every elevator has a mode."""

    def __init__(self, world: FaultyWorld, mode: float) -> None:
        self._world, self._mode = world, mode

    def values(self, device: str, at: int) -> dict[str, float | None]:
        """The world's values, in that mode."""
        return self._world.values(device, at) | {"mode": self._mode}


@pytest.mark.parametrize("at", ["2026-07-21T07:25", "2026-07-21T10:00", "2026-07-19T08:00"])
def test_outside_the_window_every_floor_is_served(at: str, house: House) -> None:
    """Before a window, between windows and on a Sunday nobody is told of a stop, wherever it is."""
    only(house, "elevator_wrong_stop")
    house.use("c1-lift-1")
    house.now = parse_time(f"{at}:00+08:00")
    house.set("c1-lift-1", "wrong_stop", 4.0)
    assert house.run(house.now + 4 * MINUTE) == []


def test_a_restart_remembers_and_does_not_fire_for_its_own_absence(house: House) -> None:
    """What was pending goes on over a short stop; after two hours without the service all devices look silent, and nobody is told."""
    only(house, "device_silent")
    house.use("c1-e-main", "c1-w-main")
    house.now = TUESDAY
    house.run(TUESDAY + 2 * MINUTE)
    house.set("c1-e-main", "silent")
    house.run(TUESDAY + 5 * MINUTE)
    house.evaluator = Evaluator(house.engine, house.site, house.evaluator.rules)
    (fired,) = house.run(TUESDAY + 9 * MINUTE)
    assert (fired.event, fired.subject) == (Event.FIRED, "c1-e-main")
    assert fired.kept.state.since == TUESDAY + 3 * MINUTE
    house.now += 120 * MINUTE
    assert house.evaluator.round(house.now) == []
    assert house.run(house.now + 10 * MINUTE) == []


def test_every_rule_is_looked_at_when_the_time_moves_back(house: House) -> None:
    """The service lived eight hours ahead; when its gateways say so, it tells of its own clock, and of a device that is silent."""
    house.use("c1-e-main", "c1-w-main")
    house.now = TUESDAY
    house.run(TUESDAY + 3 * MINUTE)
    assert house.evaluator.round(TUESDAY + 8 * HOUR_MS) == []
    house.set("c1-e-main", "silent")
    with writing(house.engine).begin() as connection:
        keep_own(connection, [OwnRow(house.now, house.now, 8 * HOUR_MS, State.OPEN)])
    assert {change.rule for change in house.run(TUESDAY + 10 * MINUTE)} == {"cloud_clock", "device_silent"}


@pytest.mark.parametrize(
    ("rule", "device", "hold", "kept"),
    [
        ("outbox_losses", "gw-c1", 60, {"value": 0.0, "rose_at": TUESDAY + 8 * HOUR_MS, "by": 5.0}),
        ("elevator_wrong_stop", "c1-lift-1", 10, {"look": None, "wrong": {"at": TUESDAY + 8 * HOUR_MS, "floor": 4}}),
    ],
)
def test_what_happened_in_a_time_to_come_counts_from_now(rule: str, device: str, hold: int, kept: dict[str, object], house: House) -> None:
    """It was seen while the clock was eight hours ahead: it counts as happening for as long as the rule says, not for eight hours more."""
    house.use("c1-lift-1")
    house.now = TUESDAY
    house.run(TUESDAY + 2 * MINUTE)
    known, memory = load_rules()[rule], {device: kept}
    for minutes, excess in ((2, 1.0), (hold + 1, 1.0), (hold + 3, -1.0)):
        house.now = TUESDAY + minutes * MINUTE
        house.publish()
        view = load(house.engine, house.site, house.now)
        (seen,) = (one for one in known.known.observe(known, known.numbers, view, memory) if one.subject == device)
        assert (minutes, seen.excess) == (minutes, excess)
        memory = {device: seen.memory or {}}


def test_no_silence_is_shorter_than_nothing(house: House) -> None:
    """A device that was never heard and first looked at eight hours ahead is silent since the time moved back."""
    only(house, "device_silent")
    house.use("c1-e-main")
    house.set("c1-e-main", "silent")
    house.evaluator.round(TUESDAY + 8 * HOUR_MS)
    house.now = TUESDAY
    house.run(TUESDAY + 10 * MINUTE)
    assert [json.loads(alert.detail)["en"].count("no good reading for 5 minutes") for alert in house.alerts()] == [1]


def test_a_late_emergency_is_told_and_an_old_event_is_not(house: House) -> None:
    """What a car could only send later is news when it comes; what was noted days ago is not."""
    only(house, "vehicle_sos")
    house.use("car-em-01")
    house.now = TUESDAY
    house.publish()
    event = {"kind": "vehicle_sos", "grp": house.site.group, "subject": "car-em-01", "detail": Message("reason.emergency").dumps()}
    rows = [
        event | {"at": TUESDAY - 900 * MINUTE, "noted_at": TUESDAY - 890 * MINUTE},
        event | {"at": TUESDAY - 60 * MINUTE, "noted_at": TUESDAY},
    ]
    with house.engine.begin() as connection:
        connection.execute(tables.event.insert(), rows[:1])
    assert house.evaluator.round(TUESDAY) == []
    with house.engine.begin() as connection:
        connection.execute(tables.event.insert(), rows[1:])
    assert [change.event for change in house.evaluator.round(TUESDAY)] == [Event.FIRED]


def test_a_reason_is_said_in_the_language_of_the_alert(house: House) -> None:
    """What ingest, stores and the ledger note stands in Chinese in the Chinese text; a counter's figures are a sentence too."""
    only(house, "clock_fault", "meter_reset", "rejected_readings")
    reset = house.evaluator.rules["meter_reset"]
    house.evaluator.rules = {**house.evaluator.rules, reset.id: reset.model_copy(update={"detail": Text(zh="{detail}", en="{detail}")})}
    house.use("c1-e-main", "car-em-01")
    house.now = TUESDAY
    event = {"grp": house.site.group, "at": TUESDAY, "noted_at": TUESDAY}
    clock = {"kind": "clock_fault", "subject": "car-em-01", "detail": Message("reason.off_receipt", off=-122).dumps()}
    figures = Message("reason.counter", before=9, after=2, counted=0, unit="kWh")
    counter = {"kind": "counter_fall", "subject": "c1-e-main", "detail": figures.dumps()}
    refused = {"grp": house.site.group, "class": "electricity", "device": "c1-e-main", "point": "power", "at": TUESDAY, "quality": 0}
    with house.engine.begin() as connection:
        connection.execute(tables.event.insert(), [event | clock, event | counter])
        reason = {"reason": Message("reason.not_finite", value="nan").dumps(), "received_at": TUESDAY}
        connection.execute(tables.rejected_reading.insert(), [refused | reason])
    house.evaluator.round(TUESDAY)
    said = {alert.rule: json.loads(alert.detail) for alert in house.alerts()}
    assert "（测量时间与接收时间相差 -122 秒）" in said["clock_fault"]["zh"]  # noqa: RUF001 (as Chinese is written)
    assert "(measured -122 s off its receipt)" in said["clock_fault"]["en"]
    assert "（nan 不是有限的数值）" in said["rejected_readings"]["zh"]  # noqa: RUF001 (as Chinese is written)
    assert "(nan is not a finite number)" in said["rejected_readings"]["en"]
    assert said["meter_reset"] == {
        "zh": "由 9 至 2 kWh，计入 0",  # noqa: RUF001 (as Chinese is written)
        "en": "from 9 to 2 kWh, 0 counted",
    }


def test_an_emergency_of_one_position_is_not_missed(house: House) -> None:
    """A terminal takes its call back once it is answered; the next position comes before anybody looked."""
    only(house, "vehicle_sos")
    house.use("car-em-01")
    house.now = TUESDAY
    house.set("car-em-01", "sos")
    house.now += MINUTE
    house.publish()
    house.clear("car-em-01", "sos")
    house.now += MINUTE
    house.publish()
    assert [change.subject for change in house.evaluator.round(house.now)] == ["car-em-01"]


def test_what_is_not_known_is_no_question_mark(house: House) -> None:
    """A text with the minutes of a gateway that was never heard says in its language that they are not known."""
    only(house, "gateway_offline")
    rule = house.evaluator.rules["gateway_offline"]
    house.evaluator.rules = {rule.id: rule.model_copy(update={"detail": Text(zh="{value} {limit}", en="{value} {limit}")})}
    house.use("c1-e-main")
    house.now = TUESDAY
    house.silent.add("gw-c1")
    house.run(TUESDAY + 30 * MINUTE)
    assert [json.loads(alert.detail) for alert in house.alerts()] == [{"zh": "暂无 暂无", "en": "not known not known"}]
