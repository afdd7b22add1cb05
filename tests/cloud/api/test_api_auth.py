from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from cloud.accounts import tokens
from cloud.accounts.model import Role
from cloud.api.app import create_app
from cloud.api.context import Context
from cloud.telemetry.base import StoreDown
from cloud.telemetry.sqlite import SqliteTelemetry
from contract.reading import Reading

if TYPE_CHECKING:
    from tests.cloud.api.conftest import Served

PROBLEM = "application/problem+json"
ORDER = {"point": "setpoint", "value": 24, "reason": "warm day", "expires": "2026-03-11T02:10:00Z"}


def routes(context: Context) -> list[tuple[str, str]]:
    """Every method and path that the application describes, and those that it does not."""
    paths = create_app(context).openapi()["paths"]
    described = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    hidden = [
        ("GET", "/"),
        ("GET", "/wall"),
        ("GET", "/wall?token=jy_no"),
        ("POST", "/logout"),
        ("GET", "/web/page.js"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/no/such"),
    ]
    return [route for route in described + hidden if route[1] not in {"/healthz", "/livez"}]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer jy_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer \xff"},
        {"Cookie": "jieyue_session=jy_no"},
    ],
)
async def test_every_route_wants_a_token(headers: dict[str, str], served: Served, context: Context) -> None:
    """Without a valid token every route, also one that does not exist, answers 401 as a problem."""
    found = routes(context)
    assert len(found) >= 24
    raw = [(key.encode(), value.encode("latin-1")) for key, value in headers.items()]
    for method, path in found:
        answer = await served.http.request(method, path, headers=raw)
        assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM), (method, path)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["status"] == 401


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.CLERK, 403), (Role.OPERATOR, 202), (Role.ADMIN, 202)], ids=str)
async def test_only_operators_send_commands(role: Role, status: int, served: Served) -> None:
    """Viewers and clerks get 403 as a problem that names their role; operators and administrators may."""
    answer = await served.post("/api/v1/devices/ac/commands", ORDER, role)
    assert answer.status_code == status
    if status == 403:
        assert answer.headers["content-type"] == PROBLEM
        assert answer.json()["detail"] == f"the role {role} may not command"


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.CLERK, 403), (Role.OPERATOR, 404), (Role.ADMIN, 404)])
async def test_only_operators_acknowledge_alerts(role: Role, status: int, served: Served) -> None:
    """A role without the permission learns nothing about the alert, not even that there is none."""
    answer = await served.post("/api/v1/alerts/7/acknowledge", None, role)
    assert answer.status_code == status


@pytest.mark.parametrize("role", set(Role) - {Role.WALL})
async def test_every_role_of_a_person_reads(role: Role, served: Served) -> None:
    """Devices and the description of the interface are open to all roles but that of a screen."""
    for path in ("/api/v1/devices", "/openapi.json", "/metrics", "/"):
        assert (await served.get(path, role=role)).status_code == 200, path


async def test_a_screen_sees_the_wall_and_nothing_else(served: Served, context: Context) -> None:
    """A token that lies beside a screen opens the page, its files, its snapshot and its stream, and no other route."""
    for path in ("/wall", "/web/wall.js", "/web/echarts-6.1.0.min.js", "/api/v1/wall"):
        assert (await served.get(path, role=Role.WALL)).status_code == 200, path
    refused = [
        route for route in routes(context) if not route[1].startswith(("/wall", "/logout", "/web/", "/api/v1/wall", "/api/v1/events"))
    ]
    assert len(refused) >= 20
    for method, path in [*refused, ("GET", "/api/v1/events")]:
        answer = await served.http.request(method, path, headers=served.bearer(Role.WALL))
        assert (answer.status_code, answer.headers["content-type"]) == (403, PROBLEM), (method, path)


async def test_a_revoked_token_is_worth_nothing(served: Served) -> None:
    """From the moment of revocation on the token gets 401."""
    assert (await served.get("/api/v1/devices")).status_code == 200
    assert tokens.revoke(served.context.engine, "the viewer", by="test", at=1) == 1
    assert (await served.get("/api/v1/devices")).status_code == 401


async def test_a_session_reads_like_its_token(served: Served) -> None:
    """The cookie stands for the token; a wrong header is not healed by a right cookie."""
    cookie = {"Cookie": f"jieyue_session={served.tokens[Role.VIEWER]}"}
    assert (await served.http.get("/api/v1/devices", headers=cookie)).status_code == 200
    assert (await served.http.get("/api/v1/devices", headers=cookie | {"Authorization": "Bearer jy_no"})).status_code == 401


async def test_every_answer_forbids_sniffing_and_framing(served: Served) -> None:
    """Headers that browsers obey stand on every answer, also on a refusal."""
    for answer in (await served.get("/api/v1/devices"), await served.http.get("/api/v1/devices"), await served.http.get("/healthz")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"


class BrokenStore(SqliteTelemetry):
    """A store in which every question fails as the test says."""

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(path)
        self._error = error

    def series(self, *_place: object, **_more: object) -> list[Reading]:
        """Fail."""
        raise self._error


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (RuntimeError("secret of the inside"), 500, "the service failed; its log says why"),
        (StoreDown("secret of the inside"), 503, "the time-series store cannot be asked now"),
    ],
)
async def test_a_failure_shows_no_stack_trace(
    error: Exception, status: int, said: str, context: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failure is a problem that says nothing about the inside; the log has it."""
    store = BrokenStore(tmp_path / "broken.db", error)
    text = tokens.issue(context.engine, "x", Role.VIEWER, by="test", at=1)
    transport = httpx.ASGITransport(create_app(replace(context, telemetry=store)), raise_app_exceptions=False)
    query = {"device": "e1", "point": "power", "start": "2026-03-10T00:00:00Z", "end": "2026-03-11T00:00:00Z"}
    async with httpx.AsyncClient(transport=transport, base_url="http://jieyue.test") as http:
        answer = await http.get("/api/v1/readings", params=query, headers={"Authorization": f"Bearer {text}"})
    store.close()
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    assert answer.json()["detail"] == said
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    logged = capsys.readouterr()
    assert "secret of the inside" in logged.out + logged.err


async def test_an_unknown_role_in_the_database_opens_nothing(context: Context) -> None:
    """A role that this version does not know is an error, not a permission."""
    text = tokens.issue(context.engine, "later", Role.VIEWER, by="test", at=1)
    with context.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE token SET role = 'root'")
    transport = httpx.ASGITransport(create_app(context), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://jieyue.test") as http:
        answer = await http.get("/api/v1/devices", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 500
