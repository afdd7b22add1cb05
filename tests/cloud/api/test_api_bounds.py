from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httpx
import pytest

from cloud.accounts import tokens
from cloud.accounts.model import Role
from cloud.api.app import create_app
from cloud.api.context import Context
from cloud.api.limits import MOST_BYTES
from cloud.platform.database import writing
from contract.clock import parse_time
from tests.cloud import tables
from tests.cloud.api.listening import listening

if TYPE_CHECKING:
    from tests.cloud.api.conftest import Counted, Served

PROBLEM = "application/problem+json"
CENTURY = {"start": "2000-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}
YEAR = {"start": "2025-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}
GROUP = "510802"


@pytest.mark.parametrize("path", ["units", "factors", "vehicles/car/trips"])
@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "1999-12-31", "2100-01-01"])
async def test_a_day_outside_of_the_calendar_is_refused(path: str, day: str, served: Served) -> None:
    """No day is so far off that the service fails: the last days of the calendar have no morrow."""
    answer = await served.get(f"/api/v1/{path}", {"day" if "trips" in path else "on": day})
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert "expected a day from 2000-01-01 to before 2100-01-01" in answer.json()["detail"]


async def test_a_unit_may_have_a_part_of_a_square_metre(served: Served) -> None:
    """Areas that are no whole number are given as they were approved, also where several rows share a day's mean."""
    with writing(served.context.engine).begin() as connection:
        area = tables.denominator.c.kind == "area"
        connection.execute(tables.denominator.update().where(area).values(value=1500.25))
    units = {unit["id"]: unit["area"] for unit in (await served.get("/api/v1/units")).json()}
    assert units == {"u1": 1500.25, "u2": None}


async def test_a_year_of_hours_is_answered_and_a_century_of_them_refused(served: Served) -> None:
    """What no screen can show is refused with what would be answered; days of a century are few enough."""
    power = {"device": "e1", "point": "power", "every": "hour"}
    assert (await served.get("/api/v1/readings", power | YEAR)).status_code == 200
    assert (await served.get("/api/v1/readings", power | CENTURY | {"every": "day"})).status_code == 200
    refused = await served.get("/api/v1/readings", power | CENTURY)
    assert (refused.status_code, refused.json()["detail"]) == (422, "end: expected at most 100000 hours after start, or every=day")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_a_body_has_its_size(role: Role, served: Served) -> None:
    """No caller can fill the memory: a body beyond the limit is refused, with or without its length said before."""

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(MOST_BYTES // 1000 + 2):
            yield b" " * 1000

    for content in (b" " * (MOST_BYTES + 1), parts()):
        headers = served.bearer(role) | {"Content-Type": "application/json"}
        answer = await served.http.post("/api/v1/devices/ac/commands", content=content, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "BREW"])
async def test_other_methods_do_nothing(method: str, served: Served) -> None:
    """A method that a route has not is 405 with those it has, for a caller with a token; 401 for one without."""
    for path, allowed in (("/api/v1/devices", "GET"), ("/api/v1/devices/ac/commands", "POST"), ("/metrics", "GET")):
        answer = await served.http.request(method, path, headers=served.bearer(Role.ADMIN))
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
        assert (await served.http.request(method, path)).status_code == 401


async def test_every_answer_carries_a_policy(served: Served) -> None:
    """Whatever a browser is made to show of an answer may load nothing; pages have a policy of their own."""
    for path in ("/api/v1/devices", "/api/v1/nope", "/healthz", "/web/page.js", "/metrics"):
        answer = await served.get(path)
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'", path
        assert answer.headers["cache-control"] == "no-store"
    assert "script-src 'self'" in (await served.get("/")).headers["content-security-policy"]


def _grow(context: Context, number: int) -> None:
    """More units, devices, meters and readings of the same kinds."""
    ids = [f"more-{n:03}" for n in range(number)]
    device = {"grp": GROUP, "class": "electricity", "name": json.dumps({"zh": "表", "en": "x"}), "gateway": "gw-1", "interval": 15.0}
    meter = {"grp": GROUP, "name": "{}", "energy": "water", "main": True, "item": "", "compound": "c1", "vehicle_fuel": False}
    newest = {"grp": GROUP, "point": "power", "value": 1.0, "at": 1, "quality": 192, "reason": "", "received_at": 1}
    hours = [parse_time("2025-01-01T00:00:00+08:00"), parse_time("2026-03-10T23:00:00+08:00")]
    used = {"grp": GROUP, "provenance": "measured", "amount": 5}
    with writing(context.engine).begin() as connection:
        connection.execute(tables.unit.insert(), [{"grp": GROUP, "id": i, "name": device["name"], "compound": "c1"} for i in ids])
        people = {"grp": GROUP, "valid_from": "2020-01-01", "value": 7, "approved_by": "x"}
        connection.execute(tables.denominator.insert(), [people | {"unit": i, "kind": k} for i in ids for k in ("headcount", "area")])
        connection.execute(tables.device.insert(), [device | {"id": i} for i in ids])
        connection.execute(tables.meter.insert(), [meter | {"id": i} for i in ids])
        connection.execute(tables.meter_unit.insert(), [{"grp": GROUP, "meter": i, "unit": u} for i in ids for u in (i, "u1")])
        connection.execute(tables.latest.insert(), [newest | {"device": i} for i in ids])
        connection.execute(tables.ledger_hour.insert(), [used | {"meter": i, "hour": hour} for i in ids for hour in hours])


@pytest.mark.parametrize(
    ("path", "params", "most"),
    [
        ("targets", {}, 18),
        ("targets", {"scope": "unit:u1"}, 18),
        ("targets", {"scope": "compound:c1", "year": "2025"}, 18),
        ("consumption", {"meter": "m1", "every": "hour"} | YEAR, 3),
        ("denominators", YEAR, 6),
        ("devices", {}, 3),
        ("vehicles", {}, 3),
        ("readings/latest", {}, 1),
        ("meters", {}, 2),
        ("units", {}, 2),
    ],
)
async def test_a_bigger_site_asks_the_database_no_more_often(
    path: str, params: dict[str, str], most: int, served: Served, counted: Counted
) -> None:
    """Each route sends a few statements, and as many for a hundred meters and devices as for a handful."""
    numbers = []
    for grown in (0, 100):
        _grow(served.context, grown) if grown else None
        with counted(served.context.engine) as statements:
            answer = await served.get(f"/api/v1/{path}", params)
        assert answer.status_code == 200, answer.text
        asked = [text for text in statements if text.startswith(("SELECT", "WITH")) and "FROM token" not in text]
        numbers.append(len(asked))
    assert numbers[0] == numbers[1] <= most


async def test_a_stream_follows_a_session_and_ends_with_the_service(context: Context) -> None:
    """Over a real socket: events come with the session's cookie, none without, and a stop does not wait for the reader."""
    text = tokens.issue(context.engine, "x", Role.VIEWER, by="test", at=1)
    made = listening(create_app(context), timeout_graceful_shutdown=1)
    async with asyncio.timeout(20), made as (server, port), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        assert (await http.get("/api/v1/events")).status_code == 401
        await http.post("/login", data={"token": text})
        async with http.stream("GET", "/api/v1/events") as answer:
            assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.aiter_lines()
            found = [await anext(lines) for _ in range(4)]
            server.should_exit = True
            with pytest.raises(httpx.RemoteProtocolError):
                [line async for line in lines]
    assert found[:3] == ["retry: 1000", "", "event: readings"]
    assert len(json.loads(found[3].removeprefix("data: "))) == 7
