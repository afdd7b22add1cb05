"""One figure, wherever somebody looks: interface, wall, a Grafana panel's query on influxd, PDF and workbook."""

from __future__ import annotations

import io
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import openpyxl
import pytest

from cloud.accounts import tokens
from cloud.accounts.model import Role
from cloud.api.app import create_app
from cloud.api.context import Context
from cloud.reports.printed import number, percent
from cloud.telemetry.open import open_telemetry
from cloud.texts import say
from contract.clock import Clock
from simulators.stack import panels

if TYPE_CHECKING:
    from tests.grafana.conftest import Filled

pytestmark = pytest.mark.timeout(300)
"""The site's past is written once, by whichever test comes first."""
PANELS = {"energy_per_capita": "人均综合能耗", "energy_per_area": "单位建筑面积能耗", "water_per_capita": "人均水耗"}
DIGITS = {"energy_per_capita": 2, "energy_per_area": 3, "water_per_capita": 3}


@pytest.fixture
async def http(filled: Filled) -> AsyncIterator[httpx.AsyncClient]:
    """The interface over the stores that Grafana reads."""
    telemetry = open_telemetry(filled.influxd.url(filled.database))
    context = Context(filled.engine, telemetry, Clock(origin_ms=filled.now, speed=0.0), filled.site.group, lambda: None, filled.site)
    bearer = {"Authorization": f"Bearer {tokens.issue(filled.engine, 'five screens', Role.CLERK, by='test', at=filled.now)}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(context)), base_url="http://jieyue.test", headers=bearer, timeout=60
    ) as client:
        yield client
    telemetry.close()


async def report(http: httpx.AsyncClient, form: str) -> bytes:
    asked = {"year": "2026", "scope": "district", "lang": "en", "format": form}
    return (await http.get("/api/v1/reports/targets", params=asked)).raise_for_status().content


def words(content: bytes, paper: Path) -> list[str]:
    """What stands on the first page."""
    paper.write_bytes(content)
    done = subprocess.run(["pdftotext", "-layout", "-l", "1", str(paper), "-"], capture_output=True, text=True, check=True)
    return done.stdout.replace(" %", "%").split()


async def test_all_screens_show_the_same_figures(http: httpx.AsyncClient, filled: Filled, tmp_path: Path, poppler: None) -> None:
    """Value, baseline, change and allowance of the three targets are equal in full where they are numbers, and to the digit on paper."""
    del poppler
    answer = (await http.get("/api/v1/targets", params={"year": "2026", "scope": "district"})).raise_for_status().json()
    wall = (await http.get("/api/v1/wall")).raise_for_status().json()
    workbook = openpyxl.load_workbook(io.BytesIO(await report(http, "xlsx")), data_only=True)
    rows: dict[Any, Any] = {row[0]: row for row in reversed(list(workbook["Summary"].iter_rows(values_only=True))) if row[0]}
    printed = words(await report(http, "pdf"), tmp_path / "report.pdf")
    shown = {item["id"]: item for item in wall["targets"]["indicators"]}
    for item in answer["indicators"]:
        figures = [item["baseline"]["value"], item["actual"]["value"], item["change"], item["allowance"]["value"]]
        on_wall = shown[item["id"]]
        assert [on_wall["baseline"]["value"], on_wall["actual"]["value"], on_wall["change"], on_wall["allowance"]["value"]] == figures
        query = next(q for q in panels.queries("jieyue-wall", filled.now) if (q.panel, q.letter) == (PANELS[item["id"]], "A"))
        (series,) = panels.ask(filled.influxd, filled.database, query)
        assert [series.rows[-1]["change"], series.rows[-1]["allowance"]] == figures[2:]
        in_workbook = rows[say(f"indicator.{item['id']}", "en")]
        assert list(in_workbook[2:5]) == pytest.approx(figures[:3], rel=1e-12)
        on_paper = [number(value, DIGITS[item["id"]]) for value in figures[:2]]
        on_paper += [percent(figures[2], 2, signed=True).replace(" %", "%"), number(figures[3], 0)]
        assert [text for text in on_paper if text not in printed] == []
