"""What the service and its commands do while the cloud doubts its own clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud.alerts.repository.moments import bring_forward
from cloud.app import Service
from cloud.devices.clocks import JUDGED, OF_CLOCKS, ClockOffset, Offset, State
from cloud.devices.own_clock import Moved, OwnRow
from cloud.devices.repository import clocks
from cloud.ingest.batch import Batch
from cloud.ingest.host import Host
from cloud.ingest.own import Own
from cloud.ingest.taken_back import take_back
from cloud.platform.database import open_database, writing
from cloud.settings import Settings
from contract.clock import Clock, parse_time
from tests.cloud import tables
from tests.cloud.folder import run

MINUTE, HOUR = 60_000, 3_600_000
AT = parse_time("2026-03-01T00:00:00Z")


def printed(data: Path, *arguments: str) -> str:
    """What a command prints that ends well."""
    done = run(data, *arguments)
    done.check_returncode()
    return done.stdout


@pytest.fixture
def service(data: Path) -> Iterator[tuple[Service, Own]]:
    """A service with nothing to settle, and what it knows of its clock; nothing runs."""
    made = Service(Settings(data=data), Clock())
    made.host = Host(made.settings, made.engine, made.telemetry, made.clock, lambda _: None, bring_forward)
    yield made, made.host.clock.own
    made.close()


def allowed(service: Service) -> tuple[bool, bool, bool]:
    """Whether figures are published, years are closed, and old readings are thinned."""
    return service._settled(), service._settled() and service._dated(), service._may_thin()


def test_what_destroys_waits_while_the_clock_is_doubted(service: tuple[Service, Own]) -> None:
    """A jump of a minute stops all of it while it lasts; gateways that contradict the date stop the thinning."""
    made, own = service
    assert allowed(made) == (True, True, True)
    own.jumped(MINUTE, Clock().now_ms())
    assert allowed(made) == (False, False, False)
    own.jumped(-MINUTE, Clock().now_ms())
    own.unsure = True
    assert allowed(made) == (True, True, False)


def test_what_destroys_waits_for_a_day_after_a_leap(service: tuple[Service, Own]) -> None:
    """The clock was set by an hour and back: figures are published, but no year is closed and nothing is thinned until a day later."""
    made, own = service
    begin = Clock().now_ms()
    for jump in (HOUR, -HOUR):
        own.jumped(jump, begin)
    assert allowed(made) == (True, False, False)
    assert (own.held(begin + 24 * HOUR - 1), own.held(begin + 24 * HOUR)) == (True, False)


@pytest.mark.parametrize(("ms", "waits"), [(HOUR, True), (HOUR - 1, False)])
def test_a_service_that_starts_anew_still_waits(service: tuple[Service, Own], ms: int, waits: bool) -> None:  # noqa: FBT001
    """The time that is believed moved by an hour a minute ago, before the start."""
    made, _ = service
    with writing(made.engine).begin() as connection:
        take_back(connection, Moved(ms, 0, Clock().now_ms() - MINUTE - ms, {}, {}), bring_forward)
    made.host = Host(made.settings, made.engine, made.telemetry, made.clock, lambda _: None, bring_forward)
    assert allowed(made) == (True, not waits, not waits)


async def test_the_service_brings_forward_what_alerts_wait_for(service: tuple[Service, Own], monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch that takes an hour back takes it from a rule too that would wait for a moment by the clock that was ahead.

    A round that decided by what was kept before decides anew.
    """
    made, _ = service
    host = made._host(made.engine)
    waits = {"grp": "510802", "rule": "r", "subject": "em-1", "phase": "pending", "since": AT + 5 * HOUR, "seen": AT, "memory": "{}"}
    with writing(made.engine).begin() as connection:
        connection.execute(sa.insert(tables.alert_state).values(waits))
        connection.execute(sa.insert(tables.alert_revision).values(grp="510802", number=7))
    monkeypatch.setattr(host, "_decode", lambda _: Batch(moved=[Moved(-HOUR, AT, AT + 2 * HOUR, {}, {})]))
    await host._batch([])
    with made.engine.connect() as connection:
        assert connection.execute(sa.select(tables.alert_state.c.since, tables.alert_state.c.seen)).all() == [(AT + 4 * HOUR, AT)]
        assert connection.execute(sa.select(tables.alert_revision.c.number)).all() == [(8,)]


def test_the_command_says_how_far_the_cloud_is_off_and_what_was_taken_back(data: Path) -> None:
    """Right at first; an hour ahead then, with one gateway that had been judged: list, own and own --json say so."""
    assert printed(data, "clock", "own") == "the cloud's clock: it is right, as far as its gateways say\nthis machine's clock: a trial's\n"
    engine = open_database(f"sqlite:///{data / 'registry.db'}")
    with writing(engine).begin() as connection:
        clocks.keep_own(connection, [OwnRow(AT + HOUR, AT + 2 * HOUR, HOUR, State.OPEN)])
        taken = {("510802", "gw-c1"): [Offset(AT, AT + HOUR, -HOUR, -HOUR)]}
        moved = Moved(-HOUR, AT, AT + HOUR, taken, {})
        assert take_back(connection, moved, bring_forward) == {("510802", "gw-c1"): (AT, AT + HOUR)}
    engine.dispose()
    off = "the cloud's clock: +3600 s off since 2026-03-01T00:00:00.000Z\nthis machine's clock: a trial's\n"
    back = "2026-03-01T00:00:00.000Z: judged by a clock that was +3600 s off, and taken back: 510802/gw-c1; "
    said = printed(data, "clock", "own")
    assert said.startswith(off + back)
    (one,) = json.loads(printed(data, "clock", "own", "--json"))["taken_back"]
    assert (one["seconds"], one["sources"], one["hours"] > 0) == (3600.0, ["510802/gw-c1"], True)
    listed = "the cloud's clock: 2026-03-01T01:00:00.000Z to 2026-03-01T02:00:00.000Z: +3600 s, open, judged\n"
    assert printed(data, "clock", "list") == listed


def test_any_number_of_judgements_is_taken_back(database: sa.Engine) -> None:
    """Thousands of a source, which no one statement holds: all that blamed it goes, and what blamed others or came later stays."""
    number, since = 3000, AT + HOUR
    judged = [Offset(AT + n * HOUR, AT + n * HOUR + MINUTE, HOUR, HOUR) for n in range(number)]
    event = {"kind": OF_CLOCKS[0], "grp": "g", "detail": ""}
    times = [row.true_time(row.start) // HOUR * HOUR for row in judged]
    rows = [event | {"subject": "gw", "at": at, "noted_at": 0} for at in (*times, times[-1] + 9 * HOUR)]
    rows.append(event | {"subject": "other", "at": times[0], "noted_at": since})
    with writing(database).begin() as connection:
        clocks.put(connection, [ClockOffset("g", "gw", row, State.CLOSED, JUDGED, "", since) for row in judged])
        connection.execute(sa.insert(tables.event), rows)
        found = take_back(connection, Moved(HOUR, since, since + MINUTE, {}, {}), bring_forward)
        assert found == {("g", "gw"): (judged[0].start, judged[-1].end)}
        left = connection.execute(sa.select(tables.event.c.subject, tables.event.c.at).order_by(tables.event.c.subject)).all()
    assert left == [("gw", times[-1] + 9 * HOUR), ("other", times[0])]
