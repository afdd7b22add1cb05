from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
import sqlalchemy as sa

from cloud.accounts import tokens
from cloud.accounts.model import Role
from cloud.api.app import create_app
from cloud.api.context import Context
from cloud.platform.database import writing
from cloud.telemetry.base import Stored
from contract.clock import Clock, parse_time
from contract.coded import Message
from contract.reading import Quality, Reading
from contract.site import Site
from tests.cloud import tables, unsynced

GROUP, OTHER = "510802", "510899"
NOW = parse_time("2026-03-11T02:00:00Z")
GOLDEN = Path(__file__).parents[2] / "contract" / "golden"
MIDNIGHT = parse_time("2026-03-10T00:00:00+08:00")
HOUR = 3_600_000


@dataclass(frozen=True)
class Served:
    """An application over a small site on 11 March 2026, 10:00 in Shanghai."""

    http: httpx.AsyncClient
    context: Context
    tokens: dict[Role, str]

    async def get(self, path: str, params: Mapping[str, str] | None = None, role: Role = Role.VIEWER) -> httpx.Response:
        """Ask as somebody with a role."""
        return await self.http.get(path, params=params, headers=self.bearer(role))

    async def post(self, path: str, body: object, role: Role = Role.OPERATOR, params: Mapping[str, str] | None = None) -> httpx.Response:
        """Send a JSON body as somebody with a role."""
        return await self.http.post(path, params=params, json=body, headers=self.bearer(role))

    def bearer(self, role: Role) -> dict[str, str]:
        """The header of a role's token."""
        return {"Authorization": f"Bearer {self.tokens[role]}"}


def name(text: str, english: str) -> str:
    return json.dumps({"zh": text, "en": english}, ensure_ascii=False)


def device(of: str, device_class: str, **more: object) -> dict[str, Any]:
    row = {"grp": GROUP, "id": of, "class": device_class, "name": name(f"设备{of}", of), "gateway": "gw-1"}
    return row | {"compound": "c1", "profile": None, "interval": None} | more


def newest(of: str, point: str, value: float | None, age: int, **more: object) -> dict[str, Any]:
    at = NOW - age * 1000
    row = {"grp": GROUP, "device": of, "point": point, "value": value, "at": at, "received_at": at + 250, "good_at": at}
    return row | {"quality": int(Quality.GOOD), "reason": ""} | more


def meter(of: str, energy: str, **more: object) -> dict[str, Any]:
    row = {"id": of, "name": name(f"表{of}", of), "grp": GROUP, "device": None, "point": None, "energy": energy, "parent": None}
    return row | {"main": True, "item": "", "compound": "c1", "vehicle_fuel": False, "modulus": None} | more


def used(of: str, day: str, amount: int) -> dict[str, Any]:
    return {"grp": GROUP, "meter": of, "hour": parse_time(f"{day}T00:00:00+08:00"), "provenance": "measured", "amount": amount}


def people(of: str, kind: str, since: str, value: int) -> dict[str, Any]:
    return {"grp": GROUP, "unit": of, "kind": kind, "valid_from": since, "value": value, "approved_by": "site file"}


def organisation(of: str, parent: str | None, kind: str, **more: object) -> dict[str, Any]:
    return {"id": of, "parent": parent, "kind": kind, "name": name(f"组织{of}", of), "grp": None, "unit": None} | more


def alert(of: str, state: str, **more: object) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": of,
        "grp": GROUP,
        "rule": "hvac_setpoint",
        "severity": "info",
        "state": state,
        "subject": f"ac-{of}",
        "unit": "degC",
    }
    row |= {
        "subject_name": name("空调", "Switch"),
        "title": name("超限", "Beyond"),
        "detail": name("过低", "Too low"),
        "since": NOW - 900_000,
    }
    nothing = ("value", "limit_value", "resolved_at", "acknowledged_at", "acknowledged_by", "note")
    return row | dict.fromkeys(nothing) | more


def message(of: str, channel: str, state: str, **more: object) -> dict[str, Any]:
    row = {"key": f"{of}.fired.{channel}", "alert": of, "event": "fired", "channel": channel, "state": state, "made_at": NOW - 60_000}
    return row | {"tries": 1, "next_try": None, "at": None, "reason": None} | more


ROWS: list[tuple[sa.Table, list[dict[str, Any]]]] = [
    (tables.site, [{"id": "small", "grp": GROUP, "name": name("小站", "Small site")}]),
    (
        tables.compound,
        [
            {"grp": GROUP, "id": "c1", "name": name("一办公区", "Compound 1")},
            {"grp": GROUP, "id": "c2", "name": name("二办公区", "Compound 2")},
        ],
    ),
    (
        tables.unit,
        [
            {"grp": GROUP, "id": "u1", "name": name("办公室", "Office"), "compound": "c1"},
            {"grp": GROUP, "id": "u2", "name": name("<b>财政局</b>", "<b>Finance</b>"), "compound": "c2"},
        ],
    ),
    (
        tables.denominator,
        [
            people("u1", "headcount", "2020-01-01", 40),
            people("u1", "headcount", "2026-03-06", 60),
            people("u1", "area", "2020-01-01", 1500),
            people("u2", "headcount", "2020-01-01", 25),
        ],
    ),
    (
        tables.device,
        [
            device("ac", "hvac", profile="hvac/beca-bac-002aln", interval=5.0),
            device("car", "vehicle", interval=10.0, compound=None),
            device("e1", "electricity", interval=15.0),
            device("e2", "electricity", interval=15.0),
            device("gw-1", "gateway", compound=None),
            *(of | {"grp": OTHER, "gateway": "fn", "compound": None} for of in (device("fn", "gateway"), device("pump", "foreign"))),
        ],
    ),
    (
        tables.node,
        [
            {"grp": GROUP, "id": "gw-1", "outbox": "uuid", "bd_seq": 1, "online": True, "changed_at": NOW - 3_600_000},
            {"grp": OTHER, "id": "fn", "outbox": None, "bd_seq": None, "online": False, "changed_at": NOW - 1000},
        ],
    ),
    (
        tables.birth,
        [
            {"grp": OTHER, "node": "fn", "device": "pump", "at": at, "bd_seq": None, "metrics": json.dumps(metrics)}
            for at, metrics in ((NOW - 2, {"gone": [10, None]}), (NOW - 1, {"speed": [2, 4], "run": [11, None], "label": [12, None]}))
        ],
    ),
    (
        tables.latest,
        [
            newest("ac", "setpoint", 26.0, 15),
            newest("car", "latitude", 32.43, 170),
            newest("car", "longitude", 105.84, 170),
            newest("car", "speed", 41.5, 170),
            newest("e1", "energy_import", 1234.5, 46),
            newest("e1", "power", None, 1, quality=int(Quality.BAD), reason="timeout", good_at=NOW - 46_000),
            newest("pump", "speed", 7.0, 30, grp=OTHER),
            newest("e1", "strange", 7.0, 46, quality=int(Quality.SUSPECT), good_at=None),
        ],
    ),
    (
        tables.meter,
        [
            meter("m1", "electricity", device="e1", point="energy_import"),
            meter("m1-a", "electricity", device="e2", point="energy_import", parent="m1", main=False),
            meter("w1", "water", device="w1", point="volume"),
            meter("fuel", "petrol", vehicle_fuel=True, compound=None),
        ],
    ),
    (
        tables.meter_unit,
        [
            {"grp": GROUP, "meter": "m1", "unit": "u2"},
            {"grp": GROUP, "meter": "m1", "unit": "u1"},
            {"grp": GROUP, "meter": "fuel", "unit": "u1"},
            {"grp": GROUP, "meter": "w1", "unit": "u1"},
        ],
    ),
    (
        tables.ledger_hour,
        [
            used("w1", "2025-01-01", 60_000),
            used("w1", "2025-08-01", 340_000),
            used("w1", "2026-02-01", 57_200),
            {"grp": GROUP, "meter": "w1", "hour": MIDNIGHT + 23 * HOUR, "provenance": "measured", "amount": 0},  # it still counts
            {"grp": GROUP, "meter": "m1", "hour": MIDNIGHT - HOUR, "provenance": "measured", "amount": 4000},
            {"grp": GROUP, "meter": "m1", "hour": MIDNIGHT, "provenance": "measured", "amount": 1500},
            {"grp": GROUP, "meter": "m1", "hour": MIDNIGHT + HOUR, "provenance": "estimated", "amount": 500},
        ],
    ),
    (
        tables.factor,
        [
            {"set": "national", "energy": "electricity", "valid_from": "2008-10-01", "valid_to": None, "unit": "kWh"}
            | {"kgce_per_unit": "0.1229", "source": "GB/T 2589-2020"},
            {"set": "national", "energy": "heat", "valid_from": "2027-01-01", "valid_to": None, "unit": "MJ"}
            | {"kgce_per_unit": "0.03412", "source": "not yet in force"},
        ],
    ),
    (
        tables.factor_co2,
        [
            {"set": "national", "energy": "electricity", "valid_from": "2023-01-01", "valid_to": None}
            | {"kgco2_per_unit": "0.5306", "source": "MEE 2025 No. 47"},
        ],
    ),
]
ROWS += [
    (
        tables.organisation,
        [
            organisation("city", None, "city"),
            organisation("north", "city", "district", grp=GROUP),
            organisation("south", "city", "district", grp="510811"),
            organisation("office", "north", "institution", grp=GROUP, unit="u1"),
        ],
    ),
    (
        tables.alert,
        [
            alert("a1", "firing", fired_at=NOW - 60_000, value=24.0, limit_value=26.0),
            alert(
                "a2", "acknowledged", fired_at=NOW - 120_000, acknowledged_at=NOW - 60_000, acknowledged_by="wang", note="<i>on my way</i>"
            ),
            alert("a3", "resolved", fired_at=NOW - 4 * 86_400_000, resolved_at=NOW - 3 * 86_400_000),
            alert("a4", "resolved", fired_at=NOW - 9 * 86_400_000, resolved_at=NOW - 8 * 86_400_000),
        ],
    ),
    (
        tables.notification,
        [
            message("a1", "duty", "sent", at=NOW - 59_000),
            message("a1", "mail", "failed", at=NOW - 50_000, tries=2, reason=Message("told.unreachable").dumps()),
            message("a2", "mail", "waiting"),
        ],
    ),
]
TRACE = [
    Reading("e1", "power", 1000.0, MIDNIGHT),
    Reading("e1", "power", 3000.0, MIDNIGHT + HOUR // 2),
    Reading("e1", "power", None, MIDNIGHT + HOUR // 2 + 1000, Quality.BAD, "timeout"),
    Reading("e1", "power", 500.0, MIDNIGHT + 2 * HOUR),
]


SITE = Site.model_validate(
    {
        "id": "small",
        "name": {"zh": "小站", "en": "Small site"},
        "group": GROUP,
        "latitude": 32.43,
        "longitude": 105.84,
        "compounds": [
            {"id": "c1", "name": {"zh": "一办公区", "en": "Compound 1"}, "latitude": 32.43, "longitude": 105.84}
            | {"buildings": [{"id": "b1", "name": {"zh": "主楼", "en": "Main"}, "floors": 8, "area": 6000}]}
        ],
        "units": [],
        "gateways": [{"id": "gw-1", "compound": "c1"}],
        "buses": [{"id": "rooms", "gateway": "gw-1", "protocol": "modbus"}],
        "devices": [
            {"id": of, "name": {"zh": of, "en": of}, "profile": profile, "bus": "rooms", "unit_id": number}
            for number, (of, profile) in enumerate((("ac", "hvac/beca-bac-002aln"), ("lift", "elevator/jieyue-group-controller")))
        ],
        "zones": [{"id": "hall", "name": {"zh": "大厅", "en": "Hall"}, "device": "ac"}],
        "elevator_groups": [
            {"id": "lifts", "building": "b1", "cars": [{"device": "lift", "parity": "odd", "served": [1, 3, 5, 7]}]}
            | {"windows": [{"start": "07:30", "end": "09:00"}, {"start": "17:30", "end": "18:30"}]}
        ],
        "map": {
            "roads": [[[32.43, 105.84], [32.42, 105.83]]],
            "landmarks": [{"name": {"zh": "昭化", "en": "Zhaohua"}, "latitude": 32.314, "longitude": 105.958}],
        },
    }
)


@pytest.fixture
def database(request: pytest.FixtureRequest, open_registry: Callable[[str], sa.Engine]) -> sa.Engine:
    """In SQLite, unless a test asks for another: what the routes ask of it is held to the golden files on both."""
    return open_registry(getattr(request, "param", "sqlite"))


@pytest.fixture
def context(database: sa.Engine, tmp_path: Path) -> Iterator[Context]:
    """The small site in real stores."""
    with writing(database).begin() as connection:
        for table, rows in ROWS:
            connection.execute(table.insert(), rows)
    telemetry = unsynced.telemetry(tmp_path / "telemetry.db")
    assert telemetry.write([Stored(GROUP, "electricity", reading) for reading in TRACE]) == []
    yield Context(database, telemetry, Clock(origin_ms=NOW, speed=0.0), GROUP, lambda: None, SITE)
    telemetry.close()


@pytest.fixture
async def served(context: Context) -> AsyncIterator[Served]:
    """The application with a token for each role."""
    issued = {role: tokens.issue(context.engine, f"the {role}", role, by="test", at=NOW) for role in Role}
    transport = httpx.ASGITransport(create_app(context), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://jieyue.test") as http:
        yield Served(http, context, issued)


@pytest.fixture
def golden() -> dict[str, Any]:
    """What each route answers about the small site, by the name of its file."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(GOLDEN.glob("*.json"))}


class Counted(Protocol):
    """`with counted(engine) as sent` gathers the statements that are sent meanwhile."""

    def __call__(self, engine: sa.Engine) -> AbstractContextManager[list[str]]:
        """Listen to an engine."""


@pytest.fixture
def counted() -> Counted:
    """What a part of a test asks of the database."""

    @contextmanager
    def listening(engine: sa.Engine) -> Iterator[list[str]]:
        sent: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            if not statement.startswith("BEGIN"):
                sent.append(statement)

        sa.event.listen(engine, "before_cursor_execute", note)
        yield sent
        sa.event.remove(engine, "before_cursor_execute", note)

    return listening
