from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cloud.api.app import create_app
from cloud.api.context import Context
from cloud.reports.base import Asked
from cloud.reports.period import Period
from cloud.reports.queue import Job
from tests.cloud.district import GROUP

if TYPE_CHECKING:
    from tests.cloud.api.conftest import Served

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
MARCH = {"start": "2026-03-01T00:00:00+08:00", "end": "2026-04-01T00:00:00+08:00"}
DAY = {"start": "2026-03-09T16:00:00Z", "end": "2026-03-10T16:00:00Z"}
ROUTES: dict[str, tuple[str, dict[str, str]]] = {
    "healthz": ("/healthz", {}),
    "livez": ("/livez", {}),
    "devices": ("/api/v1/devices", {}),
    "nodes": ("/api/v1/nodes", {}),
    "devices-of-a-foreign-group": ("/api/v1/devices", {"group": "510899"}),
    "foreign-device": ("/api/v1/devices/pump", {"group": "510899"}),
    "foreign-readings-latest": ("/api/v1/readings/latest", {"group": "510899"}),
    "names": ("/api/v1/names", {}),
    "device": ("/api/v1/devices/ac", {}),
    "vehicles": ("/api/v1/vehicles", {}),
    "trips": ("/api/v1/vehicles/car/trips", {"day": "2026-03-10"}),
    "readings-latest": ("/api/v1/readings/latest", {"device": "e1"}),
    "readings": ("/api/v1/readings", {"device": "e1", "point": "power", **DAY}),
    "readings-every": ("/api/v1/readings", {"device": "e1", "point": "power", "every": "hour", "aggregate": "max", **DAY}),
    "units": ("/api/v1/units", {"on": "2026-03-06"}),
    "meters": ("/api/v1/meters", {}),
    "organisations": ("/api/v1/organisations", {}),
    "denominators": ("/api/v1/denominators", {"scope": "unit:u1", "start": "2026-02-28T16:00:00Z", "end": "2026-03-10T16:00:00Z"}),
    "consumption": ("/api/v1/consumption", {"meter": "m1", "every": "day", **MARCH}),
    "factors": ("/api/v1/factors", {"on": "2026-03-10"}),
    "findings": ("/api/v1/findings", {"state": "open"}),
    "targets": ("/api/v1/targets", {"year": "2026", "scope": "unit:u1"}),
    "wall": ("/api/v1/wall", {}),
    "alerts": ("/api/v1/alerts", {}),
    "alerts-firing": ("/api/v1/alerts", {"state": "firing"}),
    "reports": ("/api/v1/reports", {}),
}

NO_JSON = {"/metrics", "/api/v1/events", "/api/v1/reports/{report}", "/api/v1/reports/jobs/{job}/file"}


@pytest.mark.parametrize("name", ROUTES)
async def test_a_route_answers_what_its_golden_file_says(name: str, served: Served, golden: dict[str, Any]) -> None:
    """Every route keeps its shape, and says what the small site holds."""
    path, params = ROUTES[name]
    answer = await served.get(path, params)
    assert answer.status_code == 200, answer.text
    assert answer.json() == golden[name]
    assert answer.headers["content-type"] == "application/json"


def test_every_route_has_a_golden_answer(context: Context, golden: dict[str, Any]) -> None:
    """A new route is held to a golden file, but for those that answer no JSON of their own."""
    described = {path for path in create_app(context).openapi()["paths"] if path not in NO_JSON}
    held = [path for path, _ in ROUTES.values()] + [
        "/api/v1/commands/x",
        "/api/v1/devices/x/commands",
        "/api/v1/nodes/x/rebirth",
        "/api/v1/alerts/x/acknowledge",
        "/api/v1/findings/explain",
        "/api/v1/reports/jobs/x",
    ]
    missing = {path for path in described if not any(re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), of) for of in held)}
    assert missing == set()
    assert set(golden) == set(ROUTES) | {"command", "command-accepted", "alert-acknowledged", "report-job"}


async def test_a_report_that_waits_has_a_golden_answer(served: Served, golden: dict[str, Any]) -> None:
    """Its state, as whoever asked for it is told."""
    job = Job("targets", Asked(GROUP, Period(2026, quarter=1), "unit:u1", "en", "xlsx"), id="j1")
    served.context.reports._jobs["j1"] = job
    served.context.reports._waiting.append(job)
    assert (await served.get("/api/v1/reports/jobs/j1")).json() == golden["report-job"]


async def test_every_figure_is_a_number(served: Served) -> None:
    """No figure is a string, not even those that the database keeps as decimals."""
    (first, _) = (await served.get("/api/v1/units")).json()
    assert [type(first[key]) for key in ("headcount", "area")] == [float, float]
    (factor,) = (await served.get("/api/v1/factors")).json()
    assert [type(factor[key]) for key in ("kgce_per_unit", "kgco2_per_unit")] == [float, float]


async def test_a_day_before_all_factors_has_none(served: Served) -> None:
    """A known set on a day before its first row is an empty list and no error."""
    answer = await served.get("/api/v1/factors", {"on": "2007-01-01"})
    assert (answer.status_code, answer.json()) == (200, [])


async def test_targets_are_of_this_year_and_the_district_unless_said_otherwise(served: Served) -> None:
    """Without parameters the clock's year and the whole district are meant."""
    found = (await served.get("/api/v1/targets")).json()
    assert (found["year"], found["scope"], found["as_of"]) == (2026, "district", "2026-03-10T16:00:00.000Z")
    assert [item["id"] for item in found["indicators"]] == ["energy_per_capita", "energy_per_area", "water_per_capita"]


async def test_consumption_of_parts_is_that_of_the_whole(served: Served) -> None:
    """Every `every` gives the same sum of the same span."""
    span = {"start": "2025-12-31T16:00:00Z", "end": "2026-12-31T16:00:00Z"}
    for every in ("hour", "day", "month", "quarter", "year"):
        parts = (await served.get("/api/v1/consumption", {"meter": "m1", "every": every} | span)).json()
        assert sum(part["value"] for part in parts) == 6.0, every


async def test_a_service_that_waits_says_for_what(context: Context) -> None:
    """Before it is ready the service answers 503 with the reason, and that is open to everybody."""
    app = create_app(replace(context, ready=lambda: "waiting for the broker"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://jieyue.test") as http:
        answer = await http.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "waiting for the broker", "now": "2026-03-11T02:00:00.000Z", "year": 2026}
