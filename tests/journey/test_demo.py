"""`make demo`, as a stranger starts it: the whole site, its history, its targets, its commands, and an end without a trace."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiomqtt
import httpx
import pytest

from contract.clock import iso, parse_time

if TYPE_CHECKING:
    from tests.journey.conftest import Demo

Eventually = Callable[..., Any]
SWITCH = "hvac/beca-bac-002aln"
SETPOINT_REGISTER = 3


def _members(data: Path) -> list[str]:
    """Command lines of processes that belong to a demo."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(data) in words:
            found.append(words)
    return found


def _offline(client: httpx.Client) -> set[str]:
    return {d["id"] for d in client.get("/api/v1/devices").json() if not d["online"]}


@pytest.mark.timeout(300)
def test_all_devices_of_the_site_are_online_within_a_minute(demo: Demo, eventually: Eventually) -> None:
    """167 devices and four gateways, by Modbus, MQTT and JT/T 808."""
    with demo.api() as client:
        eventually(lambda: not _offline(client), seconds=60)
        classes = [d["class"] for d in client.get("/api/v1/devices").json()]
    counts = {name: classes.count(name) for name in sorted(set(classes))}
    assert counts == {
        "electricity": 29,
        "elevator": 6,
        "fresh_air": 2,
        "gas": 2,
        "gateway": 4,
        "hvac": 11,
        "meeting_room": 6,
        "vehicle": 105,
        "water": 6,
    }
    assert (demo.data / "token").stat().st_mode & 0o777 == 0o600


@pytest.mark.timeout(120)
def test_what_a_foreign_client_writes_is_read_within_one_poll(demo: Demo, eventually: Eventually) -> None:
    """A set-point changed at the switch is in the interface within its poll interval and a second, dated when it was read."""
    switch = next(e for e in demo.endpoints()["modbus"] if e["profile"] == SWITCH)
    with demo.foreign(switch) as foreign, demo.api() as client:
        interval = client.get(f"/api/v1/devices/{switch['device']}").json()["interval"]

        def setpoint() -> dict[str, Any]:
            rows = client.get("/api/v1/readings/latest", params={"device": switch["device"]}).json()
            return next(r for r in rows if r["point"] == "setpoint")

        wanted = 24.5 if setpoint()["value"] != 24.5 else 25.5
        written = int(time.time() * 1000)
        assert not foreign.write_register(SETPOINT_REGISTER, int(wanted * 10), device_id=switch["unit"]).isError()
        found = eventually(lambda: (r := setpoint())["value"] == wanted and r, seconds=interval + 1)
    assert parse_time(found["at"]) >= written


@pytest.mark.timeout(120)
def test_a_stopped_simulator_takes_exactly_its_devices_offline(demo: Demo, eventually: Eventually) -> None:
    """The second compound's devices go and come back; nobody else's do."""
    with demo.api() as client:
        mine = {d["id"] for d in client.get("/api/v1/devices").json() if d["gateway"] == "gw-c2" and d["class"] != "gateway"}
        pid = next(
            int(entry.parent.name)
            for entry in Path("/proc").glob("[0-9]*/cmdline")
            if b"simulators\0site" in (words := entry.read_bytes()) and str(demo.data).encode() in words and b"gw-c2" in words
        )
        os.kill(pid, signal.SIGSTOP)
        try:
            eventually(lambda: _offline(client) == mine, seconds=190)
        finally:
            os.kill(pid, signal.SIGCONT)
        eventually(lambda: not _offline(client), seconds=90)


@pytest.mark.timeout(120)
def test_a_command_changes_the_switch_and_reads_back_and_wrong_ones_are_refused(demo: Demo, eventually: Eventually) -> None:
    """A set-point by HTTP arrives at the device; outside the limits or expired it is refused with a reason."""
    switch = next(e for e in demo.endpoints()["modbus"] if e["profile"] == SWITCH and e["unit"] == 2)
    soon, past = iso(int(time.time() * 1000) + 60_000), iso(int(time.time() * 1000) - 60_000)
    path = f"/api/v1/devices/{switch['device']}/commands"
    with demo.api() as client:
        order = {"point": "setpoint", "value": 26.5, "reason": "test", "expires": soon}
        placed = client.post(path, json=order)
        assert placed.status_code == 202

        def state() -> dict[str, Any]:
            answer: dict[str, Any] = client.get(f"/api/v1/commands/{placed.json()['id']}").json()
            return answer

        done = eventually(lambda: (s := state())["state"] != "sent" and s)
        assert (done["state"], done["read_back"]) == ("done", 26.5)
        assert client.post(path, json=order | {"value": 60}).status_code == 422
        assert client.post(path, json=order | {"expires": past}).status_code == 422
    with demo.foreign(switch) as foreign:
        assert foreign.read_holding_registers(SETPOINT_REGISTER, count=1, device_id=switch["unit"]).registers == [265]


@pytest.mark.usefixtures("mosquitto")
async def test_a_clients_id_throws_nobody_off(demo: Demo) -> None:
    """A meter asks for the ids of a gateway, of its bus and of the cloud: it comes in as itself, and nobody's session is closed."""
    user, log = "device-c1-e-charger", demo.data / "logs" / "broker.log"
    password = (demo.data / "broker" / "passwords" / user).read_text().strip()
    port, before = demo.endpoints()["mqtt"]["port"], log.read_text(encoding="utf-8")
    for name in ("510802-gw-c1", "gw-c1-c1-mqtt", "host-jieyue", "gw-c1", "cloud"):
        async with aiomqtt.Client("127.0.0.1", port, username=user, password=password, identifier=name):
            pass
    after = log.read_text(encoding="utf-8").removeprefix(before)
    assert after.count(f" as {user} (") == 5
    assert "already connected" not in after


def test_no_log_tells_a_secret_or_where_a_car_is(demo: Demo) -> None:
    """Passwords of the broker, the demo's token, latitudes and longitudes of the county: none of these in any part's log."""
    secrets = [path.read_text().strip() for path in (demo.data / "broker" / "passwords").iterdir()] + [
        (demo.data / "token").read_text().strip()
    ]
    logs = {path.name: path.read_text(encoding="utf-8") for path in (demo.data / "logs").iterdir()}
    assert len(logs) >= 10
    assert len(secrets) >= 10
    for name, text in logs.items():
        assert not [secret for secret in secrets if secret in text], name
        assert not re.search(r"(?<![:\d])3[12]\.\d{3,}|\b10[456]\.\d{3,}|latitude", text), name


def _used(client: httpx.Client, meters: list[dict[str, Any]], span: dict[str, str]) -> dict[str, float]:
    """Consumption by energy over a span, added up from /consumption alone."""
    found: dict[str, float] = {}
    for meter in meters:
        rows = client.get(
            "/api/v1/consumption", params={"meter": meter["id"], "start": span["start"], "end": span["end"], "every": "day"}
        ).json()
        found[meter["energy"]] = found.get(meter["energy"], 0.0) + sum(r["value"] for r in rows)
    return found


@pytest.mark.timeout(180)
@pytest.mark.parametrize("scope", ["district", "compound:c1"])
def test_the_targets_follow_from_consumption_denominators_and_factors(demo: Demo, scope: str) -> None:
    """What anybody can compute from three other routes in plain Python is what /targets says, to 1e-9."""
    with demo.api() as client:
        year = client.get("/healthz").json()["year"]
        answer = client.get("/api/v1/targets", params={"year": year, "scope": scope}).json()
        meters = [m for m in client.get("/api/v1/meters").json() if m["main"]]
        if scope != "district":
            units = {u["id"] for u in client.get("/api/v1/units").json() if u["compound"] == scope.removeprefix("compound:")}
            meters = [m for m in meters if (m["units"] and set(m["units"]) <= units) or m["id"].startswith("c1-")]
        rows = client.get("/api/v1/factors", params={"on": f"{year}-01-01"}).json()
        factor = {r["energy"]: r["kgce_per_unit"] for r in rows}
        checked = 0
        for indicator in answer["indicators"]:
            denominator, water = ("area", False) if indicator["id"].endswith("area") else ("headcount", indicator["id"].startswith("water"))
            counted = [m for m in meters if (m["energy"] == "water") == water]
            if denominator == "area":
                counted = [m for m in counted if m["energy"] not in {"petrol", "diesel"}]
            figures = {}
            for side in ("baseline", "actual"):
                span = indicator[side]
                below = client.get("/api/v1/denominators", params={"scope": scope, "start": span["start"], "end": span["end"]}).json()
                used = _used(client, counted, span)
                total = used.get("water", 0.0) if water else sum(v * factor[e] for e, v in used.items())
                figures[side] = total / below[denominator]
                assert figures[side] == pytest.approx(span["value"], rel=1e-9)
                checked += 1
            assert figures["actual"] / figures["baseline"] - 1 == pytest.approx(indicator["change"], rel=1e-9)
            expected = "ahead" if indicator["change"] <= indicator["target_change"] else "at_risk"
            assert indicator["status"] == expected
        assert checked == 6


@pytest.mark.timeout(240)
def test_it_ends_without_a_trace_and_goes_on_with_its_data(demo: Demo, eventually: Eventually) -> None:
    """Ctrl-C and SIGTERM leave no process and no port; the next start needs no second history."""
    before = (demo.data / "history.done").read_text()
    for number in (signal.SIGINT, signal.SIGTERM):
        assert demo.end(number) == 0
        assert _members(demo.data) == []
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{demo.port}/healthz")
        demo.begin()
        eventually(demo.ready, seconds=120)
    assert (demo.data / "history.done").read_text() == before
    with demo.api() as client:
        rows = client.get("/api/v1/targets", params={"year": client.get("/healthz").json()["year"], "scope": "district"}).json()[
            "indicators"
        ]
        assert [r["reason"] for r in rows] == [None, None, None]
