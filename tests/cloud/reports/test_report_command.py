"""`jieyue-cloud report` as a clerk runs it, and as it fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from cloud.platform.database import open_database, writing
from tests import commands
from tests.cloud.tables import audit

OLD = b"the report of last quarter"


def run(data: Path, *words: str, environment: dict[str, str] | None = None, without: str = "") -> subprocess.CompletedProcess[str]:
    given = os.environ | {"JIEYUE_DATA": str(data), "JIEYUE_NOW": "2026-10-15T10:00:00+08:00"} | (environment or {})
    if "LD_LIBRARY_PATH" not in (environment or {}):
        return commands.run("cloud", "report", "targets", *words, environment=given, missing=without)
    command = [sys.executable, "-m", "cloud", "report", "targets", *words]  # where libraries lie, a process is told as it begins
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture
def data(engine: sa.Engine, small_site: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the small site, which the command finds described as its settings say."""
    del engine
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "site.yaml").write_text(yaml.safe_dump(small_site), encoding="utf-8")
    monkeypatch.setenv("JIEYUE_SITE", str(tmp_path / "site"))
    return tmp_path


@pytest.fixture
def output(data: Path) -> Path:
    """A file that holds an older report."""
    path = data / "out" / "report.pdf"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


@pytest.mark.parametrize(("form", "begins"), [("pdf", b"%PDF-"), ("xlsx", b"PK")])
def test_a_report_takes_the_place_of_an_older_one(data: Path, output: Path, form: str, begins: bytes) -> None:
    """A whole file and nothing beside it; it is on record."""
    done = run(data, "--year", "2026", "--quarter", "3", "--scope", "compound:c2", "--format", form, "--output", str(output))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert output.read_bytes().startswith(begins)
    assert list(output.parent.iterdir()) == [output]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--year", "2023"], 1, "2023 of district: nothing is known; no readings"),
        (["--year", "2026", "--month", "11"], 1, "2026-11: no day of it is over yet"),
        (["--year", "abc"], 2, "argument --year: expected a number from 2000 to 2099, got 'abc'"),
        (["--year", "1999"], 2, "argument --year: expected a number from 2000 to 2099, got '1999'"),
        (["--year", "2026", "--quarter", "5"], 2, "argument --quarter: expected a number from 1 to 4, got '5'"),
        (["--year", "2026", "--month", "13"], 2, "argument --month: expected a number from 1 to 12, got '13'"),
        (["--year", "2026", "--quarter", "1", "--month", "1"], 2, "expected a quarter or a month, not both"),
        (["--year", "2026", "--scope", "unit:none"], 2, "--scope: no scope 'unit:none'"),
        (["--year", "2026", "--scope", "organisation:c"], 2, "--scope: no scope 'organisation:c'"),
        (["--year", "2026", "--lang", "fr"], 2, "argument --lang: invalid choice: 'fr'"),
        (["--year", "2026", "--format", "doc"], 2, "argument --format: invalid choice: 'doc'"),
    ],
)
def test_a_report_that_cannot_be_is_told_in_one_line(data: Path, output: Path, words: list[str], code: int, said: str) -> None:
    """No file is left, and an older one stays as it was."""
    done = run(data, *words, "--output", str(output))
    assert (done.returncode, done.stderr.count("\n")) == (code, 1)
    assert said in done.stderr
    assert output.read_bytes() == OLD
    assert list(output.parent.iterdir()) == [output]


def test_a_place_that_cannot_be_written_is_told(data: Path) -> None:
    """Exit code 1 with the path; a folder is no file, and neither is a pipe or a device, whose place no report may take."""
    pipe = data.parent / "pipe"
    os.mkfifo(pipe)
    taken = "something stands there that is no file"
    for target, said in ((data / "none" / "a.xlsx", "No such file or directory"), (data, taken), (pipe, taken)):
        done = run(data, "--year", "2026", "--format", "xlsx", "--output", str(target))
        assert (done.returncode, done.stderr) == (1, f"jieyue-cloud: {target}: cannot be written: {said}\n")
    assert pipe.is_fifo()
    pipe.unlink()
    assert not [path for path in data.parent.iterdir() if path.name.startswith(f".{data.name}.")]


@pytest.mark.parametrize(("library", "package"), [("libpango-1.0.so.0", "libpango-1.0-0"), ("libpangoft2-1.0.so.0", "libpangoft2-1.0-0")])
def test_a_missing_system_library_names_its_package(data: Path, output: Path, tmp_path: Path, library: str, package: str) -> None:
    """Where Pango cannot be loaded, the exit code is 1 and the line says what to install; a workbook needs none of it."""
    broken = tmp_path / "lib"
    broken.mkdir()
    (broken / library).write_bytes(b"no library")
    environment = {"LD_LIBRARY_PATH": str(broken)}
    done = run(data, "--year", "2026", "--output", str(output), environment=environment)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.endswith(f"apt install {package}\n")
    assert output.read_bytes() == OLD
    done = run(data, "--year", "2026", "--format", "xlsx", "--output", str(output), environment=environment)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("module", "form"), [("weasyprint", "pdf"), ("jinja2", "pdf"), ("matplotlib", "pdf"), ("xlsxwriter", "xlsx")])
def test_without_the_extra_a_report_names_it(data: Path, output: Path, module: str, form: str) -> None:
    """The service has no need of the packages; a report says which extra has them."""
    done = run(data, "--year", "2026", "--format", form, "--output", str(output), without=module)
    assert (done.returncode, done.stderr) == (
        1,
        f"jieyue-cloud: reports need the Python package {module}: pip install 'jieyue[reports]'\n",
    )
    assert output.read_bytes() == OLD


def test_the_data_of_a_demo_is_found_and_its_time_is_its_own(data: Path, engine: sa.Engine, output: Path) -> None:
    """`JIEYUE_DATA` may be a demo's folder, where the cloud has one of its own; without a clock the demo's last moment counts."""
    demo = data / "demo"
    with writing(engine).begin() as connection:
        connection.execute(sa.delete(audit))
    engine.dispose()
    (demo / "cloud").mkdir(parents=True)
    shutil.move(data / "registry.db", demo / "cloud" / "registry.db")
    (demo / "clock").write_text("1792029600000", encoding="utf-8")
    words = ["--year", "2026", "--month", "10", "--scope", "compound:c2", "--format", "xlsx", "--output", str(output)]
    done = run(demo, *words, environment={"JIEYUE_NOW": ""})
    assert (done.returncode, done.stderr) == (0, "")
    assert not (demo / "registry.db").exists()
    opened = open_database(f"sqlite:///{demo / 'cloud' / 'registry.db'}")
    with opened.connect() as connection:
        detail = connection.execute(sa.select(audit.c.detail).where(audit.c.action == "report")).scalar_one()
    opened.dispose()
    assert '"as_of": "2026-10-14T16:00:00.000Z"' in detail
