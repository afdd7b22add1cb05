from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from cloud.registry import tables
from cloud.registry.database import writing

if TYPE_CHECKING:
    from tests.cloud.api.conftest import Served

PATH = "/api/v1/devices/ac/commands"
ORDER: dict[str, Any] = {"point": "setpoint", "value": 24.5, "reason": "  warm day ", "expires": "2026-03-11T10:10:00+08:00"}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"value": 4.9}, "value: expected 5 to 35 degC, got 4.9"),
    ({"value": 35.1}, "value: expected 5 to 35 degC, got 35.1"),
    ({"point": "fan", "value": 4}, "value: expected one of 0 (auto), 1 (high), 2 (medium), 3 (low), got 4"),
    ({"point": "fan", "value": 1.5}, "value: expected one of 0 (auto), 1 (high), 2 (medium), 3 (low), got 1.5"),
    ({"point": "room_temperature"}, "point: 'room_temperature' of ac cannot be written; expected one of fan, on, setpoint"),
    ({"point": "nope"}, "point: 'nope' of ac cannot be written; expected one of fan, on, setpoint"),
    ({"expires": "2026-03-11T02:00:00Z"}, "expires: expected a time after 2026-03-11T02:00:00.000Z, got 2026-03-11T02:00:00.000Z"),
    ({"expires": "soon"}, "expires: expected a time as RFC 3339"),
    ({"expires": 1773194400000}, "expires: expected a time as RFC 3339"),
    ({"value": "24.5"}, "value: Input should be a valid number"),
    ({"value": True}, "value: Input should be a valid number"),
    ({"value": None}, "value: Input should be a valid number"),
    ({"reason": "  "}, "reason: String should have at least 1 character"),
    ({"reason": "a\x00b"}, "reason: String should match pattern"),
    ({"reason": "x" * 501}, "reason: String should have at most 500 characters"),
    ({"force": True}, "force: Extra inputs are not permitted"),
]


def rows(served: Served, table: sa.Table) -> list[dict[str, Any]]:
    with served.context.engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


async def test_a_command_is_kept_for_sending(served: Served, golden: dict[str, Any]) -> None:
    """An accepted command stands in the table with all that was said, and in the audit trail with who said it."""
    answer = await served.post(PATH, ORDER)
    assert answer.status_code == 202
    name = answer.json()["id"]
    assert answer.json() | {"id": "ID"} == golden["command-accepted"]
    (row,) = rows(served, tables.command)
    assert row == {
        "id": name,
        "grp": "510802",
        "device": "ac",
        "point": "setpoint",
        "value": 24.5,
        "why": "warm day",
        "by": "the operator",
        "created_at": 1773194400000,
        "expires_at": 1773195000000,
        "state": "queued",
        "read_back": None,
        "reason": "",
    }
    last = rows(served, tables.audit)[-1]
    assert (last["by"], last["action"], last["detail"]) == ("the operator", "command", f"{name}: ac setpoint = 24.5: warm day")


async def test_a_command_shows_how_it_stands(served: Served, golden: dict[str, Any]) -> None:
    """Waiting it is shown as sent; then as the gateway answered."""
    name = (await served.post(PATH, ORDER)).json()["id"]
    assert (await served.get(f"/api/v1/commands/{name}")).json() == {"state": "sent", "read_back": None, "reason": ""}
    with writing(served.context.engine).begin() as connection:
        connection.execute(tables.command.update().values(state="failed", read_back=26.0, reason="read back 26"))
    assert (await served.get(f"/api/v1/commands/{name}")).json() == golden["command"]


@pytest.mark.parametrize(("change", "said"), REFUSED)
async def test_a_command_that_cannot_be_is_refused_at_once(change: dict[str, Any], said: str, served: Served) -> None:
    """422 as a problem with the reason, and nothing is kept."""
    answer = await served.post(PATH, ORDER | change)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert said in answer.json()["detail"]
    assert rows(served, tables.command) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"value": NaN}',
        b'{"point": "setpoint", "value": Infinity}',
        b'{"point": "setpoint", "value": 1' + b"0" * 400 + b', "reason": "x", "expires": "2026-03-11T02:10:00Z"}',
        b'{"point": "setpoint", "value": 24, "reason": "\\ud800", "expires": "2026-03-11T02:10:00Z"}',
        b'{"point": "\\u0000", "value": 24, "reason": "x", "expires": "2026-03-11T02:10:00Z"}',
    ],
)
async def test_a_body_that_is_no_command_is_refused(body: bytes, served: Served) -> None:
    """Broken JSON, other JSON and numbers that are none get 422 as a problem."""
    headers = served.bearer(next(role for role in served.tokens if role == "operator"))
    answer = await served.http.post(PATH, content=body, headers=headers | {"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert rows(served, tables.command) == []


@pytest.mark.parametrize(
    ("device", "status", "said"),
    [("nope", 404, "no device 'nope'"), ("e1", 422, "e1 has no profile, so nothing may be written to it")],
)
async def test_a_command_needs_a_device_that_takes_it(device: str, status: int, said: str, served: Served) -> None:
    """A device that is unknown, or of which nothing is known, gets no command."""
    answer = await served.post(f"/api/v1/devices/{device}/commands", ORDER)
    assert (answer.status_code, answer.json()["detail"]) == (status, said)
