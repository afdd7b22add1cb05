"""What the wall makes of states of every kind, in a real browser over the first site as its files describe it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser

from cloud.accounts import tokens
from cloud.accounts.model import Role
from cloud.alerts.machine import Reason
from cloud.alerts.repository import standing
from cloud.api.app import create_app
from cloud.api.context import Context
from cloud.api.wall.snapshot import Wall
from cloud.platform.database import open_database, writing
from cloud.platform.migrating import migrate
from cloud.sites.entering import By, enter_site
from cloud.telemetry.sqlite import SqliteTelemetry
from cloud.texts import say
from contract.clock import Clock, parse_time
from contract.site import load_site
from contract.sitefolder import shipped_site
from simulators.stack.broker import free_port
from tests.journey.pages import AUDIT, LEAST, SIZES, at, drawn, opened, until

NOW = parse_time("2026-07-21T10:00:00+08:00")


@dataclass(frozen=True)
class Served:
    """The interface of the first site, of which nothing was read yet."""

    context: Context
    port: int
    token: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """On a port of its own, in a thread."""
    folder = tmp_path_factory.mktemp("wall")
    site = load_site(shipped_site("lizhou"))
    engine = open_database(f"sqlite:///{folder / 'registry.db'}")
    migrate(engine)
    enter_site(engine, site, By("test", 0, date(2020, 1, 1)))
    telemetry = SqliteTelemetry(folder / "telemetry.db")
    context = Context(engine, telemetry, Clock(origin_ms=NOW, speed=0.0), site.group, lambda: None, site)
    token, port = tokens.issue(engine, "the wall", Role.WALL, by="test", at=NOW), free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(context), port=port, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield Served(context, port, token)
    server.should_exit = True
    thread.join()
    telemetry.close()
    engine.dispose()


def open_alert(severity: str, subject: str, at: str) -> dict[str, Any]:
    """An open alert as the interface gives it."""
    both = {"zh": subject, "en": subject}
    alert = {"id": f"{severity} {subject}", "rule": "r", "severity": severity, "state": "firing", "subject": subject, "subject_name": both}
    return alert | {"title": both, "detail": both, "since": at, "fired_at": at, "nobody_told": False}


def odd_states(wall: dict[str, Any]) -> dict[str, Any]:
    """A snapshot in which every kind of state stands, the oddly numbered ones too."""
    well = {"running": True, "on": {"value": 165.0, "since": None}, "fault": "none", "faulty": False, "beyond": None}
    zones = [zone | well | {"room_temperature": {"value": 24.0, "since": None}} for zone in wall["zones"]]
    zones[0] |= {"running": False, "on": {"value": 90.0, "since": None}}
    zones[1] |= {"running": None, "on": {"value": 1.0, "since": None}}
    zones[2] |= {"beyond": "info", "setpoint": {"value": 26.0, "since": None}}
    zones[4] |= {"fault": "9", "faulty": None}
    zones[5] |= {"fault": "fan", "faulty": True}
    zones[6] |= {"room_temperature": {"value": 24.0, "since": wall["now"]}}
    lifts = [
        group
        | {
            "cars": [
                car | {"floor": {"value": 3.0, "since": None}, "special": False, "faulty": False, "parity": "odd"} for car in group["cars"]
            ]
        }
        for group in wall["lifts"]
    ]
    lifts[0]["cars"][0] |= {"mode": "9", "special": None}
    lifts[0]["cars"][1] |= {"parity": "7", "fault": "none", "mode": "normal"}
    home = {"state": "parked", "latitude": wall["map"]["latitude"], "longitude": wall["map"]["longitude"], "at": None}
    vehicles = [car | home for car in wall["vehicles"]]
    alerts = [open_alert("info", zones[3]["device"], wall["now"]), open_alert("critical", vehicles[2]["id"], wall["now"])]
    vehicles[3] |= {"state": "moving", "latitude": home["latitude"] + 0.1}
    alerts += [open_alert("warning", vehicles[number]["id"], wall["now"]) for number in (3, 4)]
    noted = {"status": "met", "reason": "estimated: 6.0 % of this year, 0.0 % of last year", "change": -0.031}
    plain = {"status": "met", "reason": None, "change": -0.031}
    indicators = [one | change for one, change in zip(wall["targets"]["indicators"], (noted, noted, plain), strict=True)]
    wall = wall | {"targets": wall["targets"] | {"indicators": indicators}}
    return wall | {"zones": zones, "lifts": lifts, "vehicles": vehicles, "alerts": alerts}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("size", SIZES, ids=["16:9", "2:1"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_state_is_told_apart(served: Served, browser: Browser, lang: str, size: tuple[int, int], artefacts: Path) -> None:
    """Off by its meaning, unknown, a notice, a breach and a car that calls: each has its own mark, and only what is well is green."""
    faults: list[str] = []
    wall = odd_states(Wall(served.context).snapshot().model_dump())
    with opened(browser, at(served.port, served.token, lang), size, faults, wall) as page:
        drawn(page)
        page.evaluate("document.fonts.ready")
        page.screenshot(path=artefacts / f"wall-states-{size[0]}x{size[1]}-{lang}.png")
        zones = [zone.get_attribute("data-state") for zone in page.locator(".zone").all()]
        assert zones == ["off", "unknown", "info", "info", "unknown", "alarm", "unknown", "ok", "ok", "ok", "ok"]
        met, noted = (say(f"status.{status}", "en" if lang == "en" else "zh") for status in ("met", "met_noted"))
        assert [status.inner_text() for status in page.locator(".target .status").all()] == [f"● {noted}", f"● {noted}", f"● {met}"]
        shown = page.locator(".zone").nth(0).locator(".run").inner_text()
        assert shown == {"zh": "○ 关机", "en": "○ off"}[lang]
        assert "1" in page.locator(".zone").nth(1).locator(".run").inner_text()
        assert page.locator(".zone .set[data-state=info]").count() == 1
        assert page.locator(".sum b").all_inner_texts() == ["4", "2", "0", "1", "1", "3"]
        cabs = [cab.get_attribute("data-state") for cab in page.locator("[data-group]").first.locator(".cab").all()]
        assert cabs == ["unknown", "normal"]
        assert page.locator("[data-group]").first.locator(".car").nth(1).locator("i.served").count() == 0
        assert page.locator("#alerts .alert.info .shape").get_attribute("data-state") == "info"
        called = {kind: page.locator(f".marks .called[data-state={kind}]").count() for kind in ("alarm", "warning", "info")}
        assert called == {"alarm": 1, "warning": 1, "info": 0}
        assert wall["vehicles"][2]["plate"] in (page.locator("#map .marks").text_content() or "")
        assert page.locator("#map .note").inner_text() == say(
            "wall.vehicles_alarm", "en" if lang == "en" else "zh", n=len(wall["vehicles"]), alarms=1
        )
        assert page.evaluate(AUDIT, LEAST) == []
    assert faults == []


def fire(context: Context, ids: list[str]) -> None:
    """So many devices fall silent."""
    both = json.dumps({"zh": "设备无数据", "en": "Device is silent"}, ensure_ascii=False)
    row = {
        "grp": context.group,
        "rule": "device_silent",
        "severity": "warning",
        "state": "firing",
        "unit": "1",
        "since": NOW,
        "fired_at": NOW,
    }
    row |= {"since": NOW, "fired_at": NOW, "subject_name": both, "title": both, "detail": both}
    with writing(context.engine).begin() as connection:
        standing.fire(connection, [row | {"id": name, "subject": name} for name in ids], NOW)


@pytest.mark.timeout(180)
def test_the_overview_takes_changes(served: Served, browser: Browser) -> None:
    """An alert appears, another one ends, of a storm the worst stand there with the number of the rest, and the list is never asked for."""
    asked: list[str] = []
    faults: list[str] = []
    token = tokens.issue(served.context.engine, "who looks", Role.VIEWER, by="test", at=NOW)
    with opened(browser, f"http://127.0.0.1:{served.port}/login?lang=en", faults=faults) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.fill("[name=token]", token)
        page.click("button")
        alerts = page.locator("#alerts li")
        until(page, lambda: alerts.all_inner_texts() == ["No alert is open"])
        fire(served.context, ["one", "two"])
        until(page, lambda: page.locator("#alerts li[data-id=two]").count() == 1)
        with writing(served.context.engine).begin() as connection:
            standing.inhibit(connection, served.context.group, {"one": "two"}, (), NOW)
        until(page, lambda: "Explained by another alert, not told on its own: Device is silent · two" in alerts.all_inner_texts()[-1])
        with writing(served.context.engine).begin() as connection:
            standing.resolve(connection, [("one", Reason.NORMAL_LONG_ENOUGH)], NOW)
        until(page, lambda: page.locator("#alerts li[data-id=one]").count() == 0)
        fire(served.context, [f"s{number}" for number in range(100)])
        until(page, lambda: alerts.count() == 41)
        assert alerts.all_inner_texts()[-1] == "61 more are not shown; /api/v1/alerts lists all"
        until(page, lambda: page.locator("#devices tr").count() > 100)
    assert [address for address in asked if "/alerts" in address] == []
    assert faults == []
