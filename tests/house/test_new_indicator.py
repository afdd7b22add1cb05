"""An indicator is a file: two that are added in a folder are computed, shown, reported, published and watched by the real service."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
import yaml
from playwright.sync_api import Browser

from cloud.alerts.ruleset import SHIPPED as RULES
from cloud.definitions import SHIPPED
from contract.clock import Clock, parse_time
from simulators.stack.stack import Stack
from tests import commands
from tests.house.places import Place, refused
from tests.journey.pages import AUDIT, LEAST, SIZES, at, drawn, opened, until
from tests.sites import changed, fields

ROOT = Path(__file__).parents[2]
NOW = parse_time("2026-07-10T10:00:00+08:00")
CO2, GREEN = "co2_per_area", "water_per_green"
CO2_FILE = """\
id: co2_per_area
order: 10
name: {zh: 单位建筑面积碳排放, en: CO2 per floor area}
of_year: {zh: "{year}年单位建筑面积碳排放", en: "CO2 per floor area in {year}"}
formula: {zh: 单位建筑面积碳排放 = 碳排放（kgCO₂）÷ 建筑面积, en: CO2 per floor area = CO2 (kg) / floor area}
sums: kgCO2
per: area
unit: kgCO2/m2
unit_name: {zh: 千克二氧化碳/平方米, en: kg CO₂/m²}
unit_short: {zh: kg/m², en: kg}
target_change: -0.05
digits: {page: 3, wall: 3, report: 4}
basis: This test.
"""  # noqa: RUF001 (as Chinese is written)
GREEN_FILE = """\
id: water_per_green
order: 11
name: {zh: 单位绿地面积水耗, en: Water per green area}
of_year: {zh: "{year}年单位绿地面积水耗", en: "water per green area in {year}"}
formula: {zh: 单位绿地面积水耗 = 用水量（m³）÷ 绿地面积, en: Water per green area = water (m³) / green area}
sums: m3
per: green_area
per_name: {zh: 绿地面积, en: green area}
per_title: {zh: 绿地面积（m²）, en: Green area (m²)}
unit: m3/m2
unit_name: {zh: 立方米/平方米, en: m³/m²}
unit_short: {zh: m³/m², en: m³}
digits: {page: 2, wall: 2, report: 3}
basis: This test.
"""  # noqa: RUF001 (the same)
FILES = {CO2: CO2_FILE, GREEN: GREEN_FILE}
NAME = {"zh": "试验", "en": "Trial"}
GREENS = {"u1": [(600, "2020-01-01")], "u2": [(0, "2020-01-01"), (400, "2026-04-01")]}
SITE = fields(
    compounds=[{"id": "c", "name": NAME, "buildings": []}],
    units=[
        {"id": name, "name": NAME, "compound": "c", "headcount": 50, "area": 1000}
        | {"denominators": {"green_area": [{"since": since, "value": value} for value, since in greens]}}
        for name, greens in GREENS.items()
    ],
    buses=[],
    devices=[],
    meters=[
        {"id": energy, "name": NAME, "energy": energy, "main": True, "compound": "c", "units": ["u1", "u2"]}
        for energy in ("electricity", "water")
    ],
)
MONTHS = [(2025, month) for month in range(1, 13)] + [(2026, month) for month in range(1, 7)]
USED = {2025: {"electricity": 10_000, "water": 300}, 2026: {"electricity": 11_000, "water": 290}}
"""kWh and m3 of each month."""
GREEN_2026 = (600 * 181 + 400 * 91) / 181
"""m2, weighted by the days of January to June, of which 91 come after the first of April."""
WANTED = {CO2: (66_000 * 0.5306 / 2000, 60_000 * 0.5306 / 2000), GREEN: (6 * 290 / GREEN_2026, 6 * 300 / 600)}
"""This year's and last year's value."""


def indicators_in(folder: Path) -> Path:
    """A folder with the shipped indicators and two more."""
    shutil.copytree(SHIPPED, folder)
    for name, text in FILES.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The real service with five indicators, over amounts that were entered by the month; a target is at risk as soon as it is."""
    folder = tmp_path_factory.mktemp("indicators")
    (folder / "site").mkdir()
    (folder / "site" / "site.yaml").write_text(yaml.safe_dump(SITE, allow_unicode=True), encoding="utf-8")
    (folder / "rules").mkdir()
    rule = changed(
        (RULES / "target_at_risk.yaml").read_text(encoding="utf-8"), ("fire_after: 1d", "fire_after: 0s"), ("every: 1h", "every: 0s")
    )
    (folder / "rules" / "target_at_risk.yaml").write_text(rule, encoding="utf-8")
    settings = {"JIEYUE_INDICATORS": str(indicators_in(folder / "own")), "JIEYUE_RULES": str(folder / "rules")}
    made = Stack(folder / "site", folder / "data", Clock(NOW, time.time()), environment=settings, run=commands.run)
    lines = [f"{meter},{year}-{month:02},{amount}" for year, month in MONTHS for meter, amount in USED[year].items()]
    (folder / "amounts.csv").write_text("\n".join(["meter,month,amount", *lines]) + "\n", encoding="utf-8")
    made.command("import", str(folder / "amounts.csv"))
    made.start_broker()
    made.start_cloud()
    yield made
    made.processes.stop()


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[httpx.Client]:
    """A client of the service, once it is ready."""
    headers = {"Authorization": f"Bearer {stack.command('token', 'test', '--role', 'admin')}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", headers=headers, timeout=60) as client:
        stack.processes.wait_for("cloud", lambda: _ready(client), seconds=60)
        yield client


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def of(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in answer["indicators"]}


def test_the_interface_computes_them(api: httpx.Client) -> None:
    """After the shipped ones, in the order of the files, with values computed by hand; without a target there is no status, and why."""
    found = api.get("/api/v1/targets?year=2026").json()
    assert list(of(found)) == ["energy_per_capita", "energy_per_area", "water_per_capita", CO2, GREEN]
    for name, (actual, baseline) in WANTED.items():
        one = of(found)[name]
        assert (one["actual"]["value"], one["baseline"]["value"]) == (pytest.approx(actual), pytest.approx(baseline)), name
        assert one["change"] == pytest.approx(actual / baseline - 1)
    carbon, green = of(found)[CO2], of(found)[GREEN]
    assert (carbon["unit"], carbon["target_change"], carbon["status"]) == ("kgCO2/m2", -0.05, "at_risk")
    limit = 0.95 * 12 * 10_000 * 0.5306 - 66_000 * 0.5306
    assert carbon["allowance"] == {"value": pytest.approx(limit), "unit": "kgCO2"}
    assert (green["target_change"], green["status"], green["code"]) == (None, None, "reason.no_target")
    assert green["allowance"] == {"value": None, "unit": "m3"}


def test_the_denominators_are_told(api: httpx.Client) -> None:
    """What the site's file states stands beside headcount and area, so that anybody can compute the figure."""
    span = {"start": "2026-01-01T00:00:00+08:00", "end": "2026-07-01T00:00:00+08:00"}
    found = api.get("/api/v1/denominators", params=span).json()
    assert found == {"headcount": 100.0, "area": 2000.0, "green_area": pytest.approx(GREEN_2026)}
    assert api.get("/api/v1/denominators", params=span | {"scope": "unit:u1"}).json()["green_area"] == 600.0
    before = {"start": "2019-06-01T00:00:00+08:00", "end": "2019-07-01T00:00:00+08:00"}
    assert api.get("/api/v1/denominators", params=before).json()["green_area"] is None


@pytest.mark.timeout(300)
@pytest.mark.parametrize("size", SIZES, ids=["16:9", "2:1"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_wall_shows_them(api: httpx.Client, stack: Stack, browser: Browser, lang: str, size: tuple[int, int], artefacts: Path) -> None:
    """Five tiles where three were, and six at most, whole and legible; the values of the snapshot with the decimals of the files."""
    assert {one["id"] for one in api.get("/api/v1/wall").json()["pace"]} >= {CO2, GREEN}
    token = stack.command("token", f"wall-{lang}-{size[0]}", "--role", "wall")
    faults: list[str] = []
    with opened(browser, at(stack.port, token, lang), size, faults) as page:
        drawn(page)
        page.evaluate("document.fonts.ready")
        page.screenshot(path=artefacts / f"wall-five-indicators-{size[0]}x{size[1]}-{lang}.png")
        carbon, green = (page.locator(f"[data-target={name}]") for name in (CO2, GREEN))
        assert page.locator(".target").count() == 5
        assert carbon.locator("h3").inner_text() == {"zh": "单位建筑面积碳排放", "en": "CO2 per floor area"}[lang]
        assert carbon.locator(".used_of dd").inner_text().startswith("17.510 / 15.122 kg")
        assert green.locator(".used_of dd").inner_text() == {"zh": "2.17 m³/m²", "en": "2.17 m³"}[lang]
        assert green.locator(".status").inner_text() == {"zh": "○ 未设目标", "en": "○ no target"}[lang]
        assert page.evaluate(AUDIT, LEAST) == []
    wall = api.get("/api/v1/wall").json()
    sixth = wall["targets"]["indicators"][-1] | {"id": "sixth"}
    six = wall | {"targets": wall["targets"] | {"indicators": [*wall["targets"]["indicators"], sixth]}}
    six |= {"pace": [*wall["pace"], wall["pace"][-1] | {"id": "sixth"}]}
    with opened(browser, at(stack.port, token, lang), size, faults, six) as page:
        drawn(page)
        page.screenshot(path=artefacts / f"wall-six-indicators-{size[0]}x{size[1]}-{lang}.png")
        assert page.locator(".target").count() == 6
        assert page.evaluate(AUDIT, LEAST) == []
    assert faults == []


def test_the_overview_shows_them(api: httpx.Client, stack: Stack, browser: Browser) -> None:
    """A card each, with unit, status and the reason in words."""
    del api
    token, faults = stack.command("token", "who looks", "--role", "viewer"), list[str]()
    with opened(browser, f"http://127.0.0.1:{stack.port}/login?lang=en", faults=faults) as page:
        page.fill("[name=token]", token)
        page.click("button")
        until(page, lambda: page.locator("#targets .card").count() == 5)
        cards = page.locator("#targets .card").all_inner_texts()
    assert "CO2 per floor area" in cards[3]
    assert "17.510 kg CO₂/m²" in cards[3]
    assert "at risk" in cards[3]
    assert "no target is set for this indicator" in cards[4]
    assert faults == []


def test_the_terminal_prints_them(stack: Stack) -> None:
    """`jieyue-cloud targets` has a line each."""
    lines = stack.command("targets", "--lang", "en").splitlines()
    assert [" ".join(line.split()) for line in lines if line.startswith("CO2")] == [
        "CO2 per floor area 17.510 kg CO₂/m² 15.918 +10.0% -5.0% not known 25,468.80 kgCO2 at risk"
    ]
    assert any(line.startswith("Water per green area") and line.endswith("no target") for line in lines)


def test_the_report_has_them(api: httpx.Client, tmp_path: Path, poppler: None) -> None:
    """Workbook and paper: values, formulas, the denominator by its name, and the factors to CO2."""
    del poppler
    book = api.get("/api/v1/reports/targets", params={"year": 2026, "format": "xlsx", "lang": "en"})
    assert book.status_code == 200, book.text
    rows = list(openpyxl.load_workbook(io.BytesIO(book.content), data_only=True)["Summary"].iter_rows(values_only=True))
    first: dict[Any, Any] = {row[0]: row for row in reversed(rows) if row[0]}
    assert first["CO2 per floor area"][2:4] == pytest.approx(WANTED[CO2][::-1])
    assert first["Water per green area"][6] == "no target"
    assert ("Water per green area", "Green area (m²)") in {row[:2] for row in rows}
    assert any("0.5306 kgCO₂/kWh" in row for row in rows)
    assert any("Water per green area = water (m³) / green area. Change =" in str(row[0]) for row in rows)
    paper = api.get("/api/v1/reports/targets", params={"year": 2026, "format": "pdf"})
    assert paper.status_code == 200, paper.text
    (tmp_path / "report.pdf").write_bytes(paper.content)
    done = subprocess.run(
        ["pdftotext", "-layout", str(tmp_path / "report.pdf"), "-"], capture_output=True, text=True, check=True, timeout=60
    )
    text = "".join(done.stdout.split())
    for said in ("单位建筑面积碳排放", "17.5098", "千克二氧化碳/平方米", "绿地面积（m²）", "未设目标"):  # noqa: RUF001 (as Chinese is written)
        assert said in text, said


def test_the_alert_tells_of_the_target(api: httpx.Client, eventually: Callable[..., Any]) -> None:
    """By the rule that all targets have; the one without a target raises none."""

    def found() -> dict[str, dict[str, Any]]:
        return {one["subject"]: one for one in api.get("/api/v1/alerts").json()}

    eventually(lambda: f"2026:{CO2}" in found(), seconds=60)
    alert = found()[f"2026:{CO2}"]
    assert (alert["value"], alert["limit"], alert["state"]) == (10.0, -5.0, "firing")
    assert alert["subject_name"] == {"zh": "2026年单位建筑面积碳排放", "en": "CO2 per floor area in 2026"}
    assert f"2026:{GREEN}" not in found()


def test_they_are_published(api: httpx.Client, stack: Stack, eventually: Callable[..., Any]) -> None:
    """Rows of the measurement `indicator` for every scope; a target that there is not has no field."""
    del api

    def fields_of(name: str) -> dict[str, float]:
        with closing(sqlite3.connect(f"file:{stack.data / 'cloud' / 'telemetry.db'}?mode=ro", uri=True)) as store:
            rows = store.execute("SELECT tags, field, value FROM figure WHERE measurement = 'indicator' ORDER BY ts").fetchall()
        return {field: value for tags, field, value in rows if name in tags and "district" in tags}

    carbon = eventually(lambda: fields_of(CO2), seconds=60)
    assert (carbon["actual"], carbon["target_change"], carbon["status"]) == (pytest.approx(WANTED[CO2][0]), -0.05, 3)
    green = fields_of(GREEN)
    assert green["actual"] == pytest.approx(WANTED[GREEN][0])
    assert not {"status", "target_change", "expected", "gap", "allowance", "target"} & set(green)


def test_grafana_s_dashboards_have_them(tmp_path: Path) -> None:
    """The generator takes the folder: on the wall, on the energy board with their way, and water beside water."""
    own = indicators_in(tmp_path / "own")
    command = [sys.executable, "-m", "dashboards", "--indicators", str(own), "--output", str(tmp_path / "out")]
    subprocess.run(command, cwd=ROOT, check=True)
    boards = {
        name: json.loads((tmp_path / "out" / "en" / f"{name}.json").read_text(encoding="utf-8")) for name in ("wall", "energy", "water")
    }
    titles = {name: [panel["title"] for panel in board["panels"]] for name, board in boards.items()}
    assert {"CO2 per floor area", "Water per green area"} <= set(titles["wall"])
    assert {"CO2 per floor area", "CO2 per floor area so far (kg CO₂/m²)", "Water per green area so far (m³/m²)"} <= set(titles["energy"])
    assert "Water per green area" in titles["water"]
    assert "CO2 per floor area" not in titles["water"]
    assert max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in boards["wall"]["panels"]) <= 28
    (own / f"{CO2}.yaml").write_text(CO2_FILE.replace("order: 10", "order: ten"), encoding="utf-8")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, f"{CO2}.yaml:2: order: " in done.stderr) == (2, True)


BAD = [
    (CO2, "sums: kgCO2", "sums: tce", "6: sums: Input should be 'kgce', 'kgCO2' or 'm3', got 'tce'"),
    (CO2, "basis: This test.\n", "", "1: basis: Field required"),
    (CO2, "order: 10", "order: 10\ncolour: red", "3: colour: Extra inputs are not permitted, got 'red'"),
    (CO2, "target_change: -0.05", "target_change: -5", "11: target_change: Input should be greater than -1, got -5"),
    (CO2, "target_change: -0.05", "target_change: yes", "11: target_change: expected a number or a text, not yes or no"),
    (CO2, "id: co2_per_area", "id: co2_per_m2", "1: id: expected 'co2_per_area', the name of the file, got 'co2_per_m2'"),
    (CO2, "unit: kgCO2/m2", "unit: kgce/m2", "8: unit: expected kgCO2/ and what it is divided by, since kgCO2 are summed, got 'kgce/m2'"),
    (CO2, "in {year}", "in {jahr}", "4: of_year.en: expected {year} in braces, got 'CO2 per floor area in {jahr}'"),
    (CO2, "en: CO2 per floor area}", "en: 'CO2 {x'}", "3: name.en: expected no words in braces, got 'CO2 {x'"),
    (CO2, "page: 3", "page: 7", "12: digits.page: Input should be less than or equal to 6, got 7"),
    (CO2, "per: area", "per: area\nper_name: {zh: 面, en: area}", "8: per_name: expected none: the catalogue names area"),
    (
        GREEN,
        "per_name: {zh: 绿地面积, en: green area}\n",
        "",
        "1: per_name: expected a text in both languages, since no file names green_area",
    ),
    (GREEN, "sums: m3", "sums: m3\nvehicle_fuel: false", "7: vehicle_fuel: expected none: water holds no fuel"),
    (
        GREEN,
        "unit: m3/m2",
        "unit: m3/person",
        "11: unit_name: expected the texts of water_per_capita.yaml, or none, since both are about m3/person",
    ),
]


@pytest.mark.parametrize(("name", "before", "after", "fault"), BAD, ids=[fault.split(":")[1].strip() for *_, fault in BAD])
def test_a_bad_file_is_refused(place: Place, name: str, before: str, after: str, fault: str) -> None:
    """With file, line, field and what was expected, by the service and by commands alike."""
    own = indicators_in(place.folder / "own")
    (own / f"{name}.yaml").write_text(changed(FILES[name], (before, after)), encoding="utf-8")
    for command in ("serve", "targets"):
        done = place.run("cloud", command, JIEYUE_INDICATORS="own")
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert f"jieyue-cloud: own/{name}.yaml:{fault}" in done.stderr


def test_a_bad_folder_is_refused(place: Place) -> None:
    """One that is not there, one without files, and one with more than the wall has room for."""
    (place.folder / "own").mkdir()
    refused(place.run("cloud", "targets", JIEYUE_INDICATORS="nowhere"), "nowhere: no such folder; expected one with *.yaml files")
    refused(place.run("cloud", "targets", JIEYUE_INDICATORS="own"), "own: expected 1 to 6 *.yaml files, an indicator each, got 0")
    for number in range(7):
        text = CO2_FILE.replace("id: co2_per_area", f"id: co2_{number}")
        (place.folder / "own" / f"co2_{number}.yaml").write_text(text, encoding="utf-8")
    refused(place.run("cloud", "targets", JIEYUE_INDICATORS="own"), "own: expected 1 to 6 *.yaml files, an indicator each, got 7")


@pytest.mark.parametrize(
    ("stated", "fault"),
    [
        ("{area: [{since: 2020-01-01, value: 1}]}", "denominators.area: expected none: the unit has a field area for it"),
        ("{Green: [{since: 2020-01-01, value: 1}]}", "denominators.Green"),
        ("{green_area: []}", "denominators.green_area: expected at least one value with the day since when it holds"),
        ("{green_area: [{since: 2020-01-01, value: -1}]}", "denominators.green_area.0.value: Input should be greater than or equal to 0"),
        (
            "{green_area: [{since: 2020-01-01, value: 1}, {since: 2019-01-01, value: 2}]}",
            "denominators.green_area.1.since: expected a day after 2020-01-01",
        ),
    ],
)
def test_a_bad_denominator_is_refused(place: Place, stated: str, fault: str) -> None:
    """At its field of the site's file."""
    place.site("area: 90}", f"area: 90, denominators: {stated}}}")
    refused(place.run("cloud", "site", "plan", "./site"), f"site.yaml:7: units.0.{fault}")


def test_a_denominator_that_changes_is_told_and_restates(place: Place) -> None:
    """Entering a site says what is new, entering it again nothing, and what the file no longer states is gone."""
    stated = "area: 90, denominators: {green_area: [{since: 2020-01-01, value: 40}]}}"
    place.site("area: 90}", stated)
    done = place.run("cloud", "site", "apply", "./site", "--yes")
    assert "changed unit u: green_area unknown -> 40 from 2020-01-01" in done.stdout
    assert "green_area" not in place.run("cloud", "site", "plan", "./site").stdout
    place.site()
    assert "changed unit u: green_area 40 -> unknown from 2020-01-01" in place.run("cloud", "site", "apply", "./site", "--yes").stdout
