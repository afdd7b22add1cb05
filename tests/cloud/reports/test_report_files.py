"""The report as files: what stands on paper and in the workbook is what the interface says, to the printed digit."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
import sqlalchemy as sa
from fontTools.ttLib import TTFont

from cloud.accounts import tokens
from cloud.accounts.model import Role
from cloud.api.app import create_app
from cloud.api.context import Context
from cloud.reports import fonts
from cloud.reports.base import Asked, Format
from cloud.reports.fonts.subset import characters
from cloud.reports.made import make
from cloud.reports.period import Period
from cloud.reports.printed import number, percent
from cloud.telemetry.sqlite import SqliteTelemetry
from cloud.texts import LANGUAGES, Language, catalogue, say
from contract.clock import Clock
from contract.site import Site
from tests.cloud.district import GROUP

DIGITS = {"energy_per_capita": 2, "energy_per_area": 3, "water_per_capita": 3}
SHEETS = {
    "zh": ["汇总", "逐月", "计量点", "数据来源", "数据异常"],
    "en": ["Summary", "Months", "Meters", "Provenance", "Faults"],
}
QUOTIENT = re.compile(r"=([A-Z])(\d+)/([A-Z])(\d+)(-1)?")
PDF_SECONDS = 60


@pytest.fixture
async def http(engine: sa.Engine, now: int, small_site: dict[str, Any], tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The interface over the small site."""
    telemetry = SqliteTelemetry(tmp_path / "telemetry.db")
    context = Context(engine, telemetry, Clock(origin_ms=now, speed=0.0), "510802", lambda: None, Site.model_validate(small_site))
    token = tokens.issue(engine, "clerk", Role.CLERK, by="test", at=now)
    transport, bearer = httpx.ASGITransport(create_app(context)), {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://jieyue.test", headers=bearer) as client:
        yield client
    telemetry.close()


def made(engine: sa.Engine, now: int, form: Format, language: Language, period: Period | None = None, scope: str = "district") -> bytes:
    return make(engine, "targets", Asked(GROUP, period or Period(2026), scope, language, form), now).content


def poppler_says(program: str, content: bytes, folder: Path, *options: str) -> str:
    path = folder / "report.pdf"
    path.write_bytes(content)
    after = ["-"] if program == "pdftotext" else []
    done = subprocess.run([program, *options, str(path), *after], capture_output=True, text=True, check=True, timeout=PDF_SECONDS)
    assert done.stderr == ""
    return done.stdout


def words(text: str) -> list[str]:
    return text.split()


async def figures(http: httpx.AsyncClient) -> list[str]:
    """What paper must say of the year and the district, printed from what two routes answer."""
    answer = (await http.get("/api/v1/targets", params={"year": "2026", "scope": "district"})).json()
    found = []
    for item in answer["indicators"]:
        values = [number(item[side]["value"], DIGITS[item["id"]]) for side in ("baseline", "actual")]
        found += [*values, percent(item["change"], 2, signed=True), number(item["allowance"]["value"], 0)]
    span = answer["indicators"][0]
    for meter in ("gas", "cars"):
        for side in ("actual", "baseline"):
            asked = {"meter": meter, "start": span[side]["start"], "end": span[side]["end"], "every": "year"}
            (row,) = (await http.get("/api/v1/consumption", params=asked)).json()
            found.append(number(row["value"], 1))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
async def test_paper_says_what_the_interface_says(
    http: httpx.AsyncClient, engine: sa.Engine, now: int, language: Language, tmp_path: Path, poppler: None
) -> None:
    """Every indicator's values, change and allowance and the amounts of /consumption stand on page 1, in both languages."""
    del poppler
    wanted = await figures(http)
    text = poppler_says("pdftotext", made(engine, now, "pdf", language), tmp_path, "-layout", "-l", "1")
    printed = words(text.replace(" %", "%"))
    missing = [figure for figure in wanted if figure.replace(" %", "%") not in printed]
    assert (len(wanted), missing) == (16, [])
    assert say("report.targets.of_period", language, period=Period(2026).text(language)) in text


async def test_the_workbook_says_what_the_interface_says(http: httpx.AsyncClient, engine: sa.Engine, now: int) -> None:
    """Values are in full, and every formula computes from its cells what stands beside it for readers that do not calculate."""
    answer = (await http.get("/api/v1/targets", params={"year": "2026", "scope": "district"})).json()
    content = made(engine, now, "xlsx", "en")
    values, formulas = (openpyxl.load_workbook(io.BytesIO(content), data_only=only) for only in (True, False))
    summary = values["Summary"]
    rows = {row[0]: row for row in reversed(list(summary.iter_rows(values_only=True))) if row[0]}
    for item in answer["indicators"]:
        row: Any = rows[say(f"indicator.{item['id']}", "en")]
        expected = [item["baseline"]["value"], item["actual"]["value"], item["change"], item["target_change"]]
        assert row[2:6] == pytest.approx(expected, rel=1e-12), item["id"]
    checked = [cell for sheet in formulas for line in sheet.iter_rows() for cell in line if cell.data_type == "f"]
    for cell in checked:
        sheet: Any = values[cell.parent.title]
        cached = sheet[cell.coordinate].value
        found = QUOTIENT.fullmatch(str(cell.value))
        if found:
            above, below = (sheet[found[a] + found[b]].value for a, b in ((1, 2), (3, 4)))
            assert cached == pytest.approx(above / below - (1 if found[5] else 0), abs=1e-12), cell.coordinate
        elif str(cell.value).startswith("=SUM"):
            first, last = str(cell.value)[5:-1].split(":")
            assert cached == pytest.approx(sum(c[0].value for c in sheet[first:last]), rel=1e-12), cell.coordinate
        else:
            above, below = (sheet[name].value for name in str(cell.value)[1:].split("-"))
            assert cached == pytest.approx(above - below, rel=1e-9), cell.coordinate
    assert len(checked) > 100


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_workbook_can_be_printed_and_read(engine: sa.Engine, now: int, language: Language) -> None:
    """Five sheets in the language, each on A4 with a footer; figures are numbers with formats, and what is unknown is no 0."""
    book = openpyxl.load_workbook(io.BytesIO(made(engine, now, "xlsx", language, Period(2026, month=10))))
    assert book.sheetnames == SHEETS[language]
    for sheet in book:
        assert (sheet.page_setup.paperSize, sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == (9, "landscape", 0)
        assert sheet.oddFooter is not None
        assert "&P / &N" in str(sheet.oddFooter.right.text)
    rows = {row[0].value: row for row in reversed(list(book.worksheets[0].iter_rows())) if row[0].value}
    electricity, petrol = rows[say("energy.electricity", language)], rows[say("energy.petrol", language)]
    assert (electricity[3].value, electricity[3].number_format) == (1901.312, "#,##0.0")
    assert [petrol[3].value, petrol[7].value] == ["—", "—"]
    faults = {row[0].value for row in book.worksheets[4].iter_rows()}
    assert say("report.no_faults", language) in faults


@pytest.mark.parametrize("form", ["pdf", "xlsx"])
def test_the_same_facts_are_the_same_bytes(engine: sa.Engine, now: int, form: Format) -> None:
    """A quarter that is over is the same file tomorrow; another scope is another."""
    period = Period(2026, quarter=3)
    first = made(engine, now, form, "zh", period)
    assert first == made(engine, now + 86_400_000, form, "zh", period)
    assert first != made(engine, now, form, "zh", period, "compound:c2")


def test_paper_embeds_its_fonts_and_its_names(engine: sa.Engine, now: int, tmp_path: Path, poppler: None) -> None:
    """All fonts are embedded subsets, hanzi come from ours, a rare hanzi is drawn all the same, and a name is never markup."""
    del poppler
    content = made(engine, now, "pdf", "zh", Period(2026, quarter=3))
    rows = [line.split() for line in poppler_says("pdffonts", content, tmp_path).splitlines()[2:]]
    assert {row[0].partition("+")[2] for row in rows} == {"Jieyue-Noto-Sans-SC", "Jieyue-Noto-Sans-SC-Bold", "Noto-Sans-CJK-SC"}
    assert [row[-5:-3] for row in rows] == [["yes", "yes"]] * len(rows)
    text = poppler_says("pdftotext", content, tmp_path, "-layout")
    for wanted in ("龘㐂局", "<b>财政局</b>", "计数器复位", "由 900 至 3 Wh", "时钟故障", "第 1 页"):
        assert wanted in text, wanted
    assert "Page 1 of" in poppler_says("pdftotext", made(engine, now, "pdf", "en"), tmp_path, "-layout")


def test_the_fonts_hold_every_character_that_we_print() -> None:
    """Each text of a report, in both languages, is in the shipped font, whose licence lies beside it."""
    texts, held = {key: "".join(both.values()) for key, both in catalogue().items()}, characters()
    lacking = {key: sorted(c for c in text if ord(c) not in held) for key, text in texts.items()}
    assert {key: found for key, found in lacking.items() if found} == {}
    assert "SIL OPEN FONT LICENSE Version 1.1" in (fonts.FOLDER / "OFL.txt").read_text(encoding="utf-8")
    assert all(1_000_000 < path.stat().st_size < 2_500_000 for path in (fonts.REGULAR, fonts.BOLD))


def test_the_font_is_what_its_maker_says() -> None:
    """The shipped files hold all of GB 2312, under a name that no installed font has."""
    for path in (fonts.REGULAR, fonts.BOLD):
        with TTFont(path) as font:
            held = set(font.getBestCmap())
            assert font["name"].getDebugName(1) == fonts.FAMILY
        assert {code for code in characters() if 0x4E00 <= code <= 0x9FFF} <= held


async def test_a_report_by_http_is_a_file_and_is_on_record(http: httpx.AsyncClient) -> None:
    """The file has its type and name; the list says who was given what, with the digest of the bytes."""
    asked = {"year": "2026", "quarter": "3", "scope": "compound:c1", "lang": "en", "format": "xlsx"}
    answer = await http.get("/api/v1/reports/targets", params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    assert answer.headers["content-disposition"] == 'attachment; filename="targets-2026-Q3-compound-c1-en.xlsx"'
    (kind,) = (await http.get("/api/v1/reports")).json()
    (row,) = kind["made"]
    assert {key: row[key] for key in ("year", "quarter", "month", "scope", "as_of", "bytes", "made_by")} == {
        "year": 2026,
        "quarter": 3,
        "month": None,
        "scope": "compound:c1",
        "as_of": "2026-09-30T16:00:00.000Z",
        "bytes": len(answer.content),
        "made_by": "clerk",
    }


@pytest.mark.parametrize(
    ("path", "params", "status", "said"),
    [
        ("none", {"year": "2026"}, 404, "no report 'none'"),
        ("targets", {"year": "2026", "scope": "unit:z"}, 404, "no scope 'unit:z'"),
        ("targets", {"year": "2020"}, 404, "2020 of district: nothing is known"),
        ("targets", {"year": "2026", "quarter": "5"}, 422, "quarter"),
        ("targets", {"year": "2026", "quarter": "1", "month": "1"}, 422, "a quarter or a month"),
        ("targets", {"year": "2026", "format": "doc"}, 422, "format"),
        ("targets", {}, 422, "year"),
    ],
)
async def test_what_cannot_be_had_is_a_problem(http: httpx.AsyncClient, path: str, params: dict[str, str], status: int, said: str) -> None:
    """Problem details that name what is wrong or missing, and nothing on record."""
    answer = await http.get(f"/api/v1/reports/{path}", params=params)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert said in answer.json()["detail"]
    assert (await http.get("/api/v1/reports")).json()[0]["made"] == []


async def test_a_report_wants_a_token(http: httpx.AsyncClient) -> None:
    """As every route, both are closed to those who have none."""
    http.headers.pop("Authorization")
    for path in ("/api/v1/reports", "/api/v1/reports/targets?year=2026"):
        assert (await http.get(path)).status_code == 401


async def test_without_the_extra_the_route_names_it(http: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service without the packages answers 501 with what to install, and everything else as ever."""
    (tmp_path / "xlsxwriter.py").write_text("raise ImportError", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    answer = await http.get("/api/v1/reports/targets", params={"year": "2026", "format": "xlsx"})
    assert (answer.status_code, answer.headers["content-type"]) == (501, "application/problem+json")
    assert "jieyue[reports]" in answer.json()["detail"]
    assert (await http.get("/api/v1/reports")).status_code == 200
