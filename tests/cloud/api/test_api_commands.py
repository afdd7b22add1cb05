from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from cloud.accounts.model import Role
from cloud.platform.database import writing
from tests.cloud import tables

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

WAITS: dict[str, Any] = {"state": "sent", "read_back": None, "reason": "", "code": None, "params": {}}


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
    assert (await served.get(f"/api/v1/commands/{name}")).json() == WAITS
    with writing(served.context.engine).begin() as connection:
        connection.execute(tables.command.update().values(state="failed", read_back=26.0, reason="read back 26"))
    assert (await served.get(f"/api/v1/commands/{name}")).json() == golden["command"]


@pytest.mark.parametrize(("change", "said"), REFUSED)
async def test_a_command_that_cannot_be_is_refused_at_once(change: dict[str, Any], said: str, served: Served) -> None:
    """422 as a problem with the reason, and nothing is kept."""
    answer = await served.post(PATH, ORDER | change)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert said in answer.json()["detail"]
    assert answer.json()["code"] != "text"
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


FOREIGN, LATER = {"group": "510899"}, "2026-03-11T02:10:00Z"


async def test_a_foreign_device_takes_what_its_birth_lists(served: Served) -> None:
    """By its group: the newest birth says which metrics there are and what fits them; without the group there is no such device."""
    order = {"point": "speed", "value": 3, "reason": "try", "expires": LATER}
    path = "/api/v1/devices/pump/commands"
    for change, said in (
        ({"point": "gone"}, "point: 'gone' of pump cannot be written; expected one of run, speed"),
        ({"point": "label"}, "point: 'label' of pump cannot be written; expected one of run, speed"),
        ({"value": 40_000}, "value: 40000 is no value of datatype 2"),
        ({"point": "run", "value": 2}, "value: 2 is no value of datatype 11"),
    ):
        answer = await served.post(path, order | change, params=FOREIGN)
        assert (answer.status_code, answer.json()["detail"]) == (422, said)
    assert (await served.post(path, order)).status_code == 404
    answer = await served.post(path, order, params=FOREIGN)
    assert answer.status_code == 202
    name = answer.json()["id"]
    assert (await served.get(f"/api/v1/commands/{name}", FOREIGN)).json() == WAITS
    assert (await served.get(f"/api/v1/commands/{name}")).status_code == 404
    (row,) = rows(served, tables.command)
    assert (row["grp"], row["device"], row["point"], row["value"], row["by"]) == ("510899", "pump", "speed", 3.0, "the operator")


async def test_an_operator_asks_a_node_for_its_births(served: Served) -> None:
    """Ours or a foreign one; kept with its reason, an expiry of a minute and its audit row; who may not command may not ask."""
    for node, group in (("gw-1", {}), ("fn", FOREIGN)):
        answer = await served.post(f"/api/v1/nodes/{node}/rebirth", {"reason": "who is there"}, params=group)
        assert answer.status_code == 202, answer.text
    kept = [(r["grp"], r["device"], r["point"], r["value"], r["expires_at"] - r["created_at"]) for r in rows(served, tables.command)]
    assert sorted(kept) == [(g, n, "Node Control/Rebirth", 1.0, 60_000) for g, n in (("510802", "gw-1"), ("510899", "fn"))]
    assert "fn Node Control/Rebirth = 1: who is there" in rows(served, tables.audit)[-1]["detail"]
    assert (await served.post("/api/v1/nodes/fn/rebirth", {"reason": "x"})).status_code == 404
    assert (await served.post("/api/v1/nodes/gw-1/rebirth", {"reason": " "})).status_code == 422
    assert (await served.post("/api/v1/nodes/gw-1/rebirth", {"reason": "x"}, Role.VIEWER)).status_code == 403
    assert (await served.post("/api/v1/nodes/gw-1/rebirth", {"reason": "x"}, Role.CLERK)).status_code == 403


async def test_a_group_that_nobody_has_is_not_found(served: Served) -> None:
    """A wrong group is no empty answer."""
    for path in ("/api/v1/devices", "/api/v1/readings/latest", "/api/v1/names", "/api/v1/devices/ac"):
        answer = await served.get(path, {"group": "510898"})
        assert (answer.status_code, answer.json()["detail"]) == (404, "no group '510898'")
