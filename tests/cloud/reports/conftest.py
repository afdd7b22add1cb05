from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cloud.indicators.figures import seed_factors
from cloud.ledger.periods import DAY_MS, HOUR_MS, local_date
from cloud.platform.database import writing
from cloud.sites.entering import By, enter_site
from contract.clock import parse_time
from contract.coded import Message
from contract.site import Site
from tests.cloud import tables, unsynced
from tests.cloud.district import GROUP

NOW = parse_time("2026-10-15T02:00:00Z")
FROM, TO = parse_time("2025-01-01T00:00:00+08:00"), parse_time("2026-10-15T00:00:00+08:00")
RESET = parse_time("2026-08-03T09:00:00+08:00")
GAP = parse_time("2026-07-10T00:00:00+08:00")


def named(zh: str, en: str) -> dict[str, str]:
    return {"zh": zh, "en": en}


def site_data() -> dict[str, Any]:
    """Two compounds, one unit with a rare name and one with markup in its name; electricity, gas, water, a sub-meter and fuel."""
    profiles = {"main": "electricity/chint-dtsu666", "lift": "electricity/chint-dtsu666", "far": "electricity/chint-dtsu666"}
    profiles |= {"gas": "gas/jieyue-gas-meter", "water": "water/kaifeng-xintai"}
    meters = [
        ("main", "电力总表", "Mains", "electricity", "energy_import", "c1", ["a", "b"], {}),
        ("lift", "电梯", "Lifts", "electricity", "energy_import", "c1", ["a"], {"main": False, "parent": "main"}),
        ("far", "二区电表", "Far mains", "electricity", "energy_import", "c2", ["c"], {}),
        ("gas", "燃气表", "Gas", "natural_gas", "volume", "c1", ["a", "b"], {}),
        ("water", "水表", "Water", "water", "volume", "c1", ["a", "b"], {}),
    ]
    cars = {"id": "cars", "name": named("公务用车汽油", "Petrol of cars"), "energy": "petrol", "main": True, "vehicle_fuel": True}
    return {
        "id": "small",
        "name": named("小城机关事务服务中心", "Small Office-affairs Centre"),
        "group": "510802",
        "latitude": 32.4,
        "longitude": 105.8,
        "compounds": [{"id": c, "name": named(f"{c}办公区", f"Compound {c}"), "buildings": []} for c in ("c1", "c2")],
        "units": [
            {"id": "a", "name": named("龘㐂局", "Rare Bureau"), "compound": "c1", "headcount": 70, "area": 3000.5},
            {"id": "b", "name": named("<b>财政局</b>", '<b>Finance</b> & "Co"'), "compound": "c1", "headcount": 30, "area": 1000},
            {"id": "c", "name": named("档案局", "Archive"), "compound": "c2", "headcount": 50, "area": 2000},
        ],
        "gateways": [{"id": "gw"}],
        "buses": [{"id": "bus", "gateway": "gw", "protocol": "modbus"}],
        "devices": [
            {"id": d, "name": named(f"{d}设备", f"Device {d}"), "profile": p, "bus": "bus", "unit_id": n}
            for n, (d, p) in enumerate(profiles.items(), 1)
        ],
        "meters": [
            {"id": i, "name": named(zh, en), "energy": e, "device": i, "point": p, "compound": c, "units": u, "main": True} | more
            for i, zh, en, e, p, c, u, more in meters
        ]
        + [cars | {"compound": "c1", "units": ["a"]}],
    }


DAILY = {"main": 100_003, "lift": 9_001, "far": 40_007, "gas": 12_345, "water": 3_333}
"""Base units a day in 2025; the year after less, but for the lifts, which use more."""


def _rows() -> Iterator[dict[str, Any]]:
    for meter, amount in DAILY.items():
        for day in range(FROM, TO, DAY_MS):
            year = local_date(day).year
            used = amount if year == 2025 else amount * (130 if meter == "lift" else 97) // 100
            gap = meter == "main" and GAP <= day < GAP + 2 * DAY_MS
            for hour in range(day, day + DAY_MS, HOUR_MS) if gap else (day, day + 23 * HOUR_MS):
                provenance = "distributed" if gap else "estimated" if meter == "gas" and day <= RESET < day + DAY_MS else "measured"
                share = used // 24 if gap else used if hour == day else 0
                yield {"grp": GROUP, "meter": meter, "hour": hour, "provenance": provenance, "amount": share}
    for day in range(FROM, parse_time("2026-10-01T00:00:00+08:00"), DAY_MS):
        yield {"grp": GROUP, "meter": "cars", "hour": day, "provenance": "manual", "amount": 25_000}


def _entries() -> list[dict[str, Any]]:
    months = [(2025, m) for m in range(1, 13)] + [(2026, m) for m in range(1, 10)]
    return [
        {"grp": GROUP, "meter": "cars", "month": f"{y}-{m:02}", "amount": 1, "entered_by": "li", "entered_at": NOW} for y, m in months
    ]  # the amounts stand in the ledger


def _off(seconds: int) -> str:
    return Message("reason.off_receipt", off=seconds).dumps()


EVENTS = [
    {"kind": "counter_reset", "subject": "main", "at": RESET}
    | {"detail": Message("reason.counter", since="x", before=900, after=3, counted=3, unit="Wh").dumps()},
    {"kind": "clock_fault", "subject": "water", "at": RESET + HOUR_MS, "detail": _off(-3600)},
    {"kind": "clock_fault", "subject": "water", "at": RESET + 2 * HOUR_MS, "detail": _off(-3599)},
    {"kind": "clock_fault", "subject": "far", "at": parse_time("2026-02-01"), "detail": _off(130)},
]
REJECTED = {"grp": "510802", "class": "gas", "device": "gas", "point": "volume", "at": RESET, "value": 1.0, "quality": 192}
REJECTED |= {"reason": Message("text", text="field type conflict").dumps(), "received_at": NOW}


@pytest.fixture(scope="session")
def _counted(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry of the small site with two years of its ledger, for each test to copy."""
    path = Path(shutil.copy(sqlite_template, tmp_path_factory.mktemp("counted") / "registry.db"))
    made = unsynced.registry(path)
    enter_site(made, Site.model_validate(site_data()), By("test", 0, date(2020, 1, 1)))
    seed_factors(made)
    with writing(made).begin() as connection:
        connection.execute(tables.ledger_hour.insert(), list(_rows()))
        connection.execute(tables.entry.insert(), _entries())
        connection.execute(tables.event.insert(), [event | {"grp": "510802"} for event in EVENTS])
        connection.execute(tables.rejected_reading.insert(), [REJECTED])
    made.dispose()
    return path


@pytest.fixture
def engine(tmp_path: Path, _counted: Path) -> Iterator[sa.Engine]:
    """A small site with two years of its ledger, on 15 October 2026."""
    opened = unsynced.registry(Path(shutil.copy(_counted, tmp_path / "registry.db")))
    yield opened
    opened.dispose()


@pytest.fixture
def now() -> int:
    """15 October 2026, 10:00 in Shanghai."""
    return NOW


@pytest.fixture
def small_site() -> dict[str, Any]:
    """The site as its file says it."""
    return site_data()
