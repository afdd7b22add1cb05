"""What the documentation says is so: commands parse, links lead somewhere, settings and log lines exist, the example works."""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cloud.__main__
import edge.__main__
import simulators.__main__
from cloud.settings import Settings
from simulators.stack.broker import free_port

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAMS = {"jieyue-edge": edge.__main__._parser(), "jieyue-cloud": cloud.__main__._parser(), "jieyue-sim": simulators.__main__.parser()}
FENCE = re.compile(r"^ *```(\w+)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
OPERATING = ROOT / "docs" / "operating.md"


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in FENCE.findall(page.read_text(encoding="utf-8")) if kind == language]


def shell_lines(page: Path) -> Iterator[str]:
    """Each command of a page, continued lines joined, comments left out."""
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            text = re.sub(r"(^|\s)#.*", "", line).strip()
            if text:
                yield text


def commands() -> list[tuple[str, list[str]]]:
    """(page, words) of each call of one of our programs, wherever it stands in its line."""
    found = []
    for page in PAGES:
        for line in shell_lines(page):
            words = shlex.split(line)
            for number, word in enumerate(words):
                if Path(word).name in PROGRAMS and words[number - 1] not in {"start", "stop", "restart", "-u"}:  # there a service
                    found.append((page.name, [Path(word).name, *words[number + 1 :]]))
                    break
    return found


@pytest.mark.parametrize(("page", "words"), commands(), ids=lambda value: value if isinstance(value, str) else " ".join(value))
def test_every_command_parses(page: str, words: list[str]) -> None:
    """The real parser takes it: no option is misspelt, no argument is missing."""
    try:
        PROGRAMS[words[0]].parse_args(words[1:])
    except (SystemExit, argparse.ArgumentError) as error:
        if getattr(error, "code", 1) == 0:
            return  # it asks for help
        pytest.fail(f"{page}: {' '.join(words)}: {error}")


def test_every_program_is_shown() -> None:
    """Each of the three stands in README or in docs with a whole command."""
    assert {words[0] for _, words in commands()} == set(PROGRAMS)


def test_every_target_of_make_exists() -> None:
    """What a page calls with make, the Makefile has."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {shlex.split(line)[1] for page in PAGES for line in shell_lines(page) if line.startswith("make ")}
    assert named
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Links to files of the repository are right; so is each path that is named like one."""
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("http") or (page.parent / target).exists(), target
    roots = "cloud|contract|deploy|docs|edge|firmware_configs|protocols|simulators|tests|bench|dashboards"
    made = ("deploy/secrets", "docs/decisions/")
    for path in re.findall(rf"`((?:{roots})/[\w./-]*)`", text):
        if re.search(r"/[A-Z]+/|/[A-Z-]+\.(py|yaml)$", path):
            continue  # stands for a name that a reader chooses
        assert path.startswith(made) or (ROOT / path).exists() or (ROOT / "tests" / path).exists(), path


def variables_of_the_code() -> set[str]:
    """Each field of the settings, and what the code itself looks up in the environment."""
    found = {f"JIEYUE_{name.upper()}" for name in Settings.model_fields}
    for path in (ROOT / "contract").glob("*.py"):
        found |= set(re.findall(r'"(JIEYUE_[A-Z_]+)"', path.read_text(encoding="utf-8")))
    return found


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    """docs/operating.md has each variable in its table; no page names one that neither the product nor its tests read."""
    named = {name for page in PAGES for name in re.findall(r"JIEYUE_[A-Z_]+[A-Z]", page.read_text(encoding="utf-8"))}
    table = "\n".join(line for line in OPERATING.read_text(encoding="utf-8").splitlines() if line.startswith("| `JIEYUE_"))
    assert set(re.findall(r"JIEYUE_[A-Z_]+[A-Z]", table)) == variables_of_the_code()
    tests = {n for p in (ROOT / "tests").rglob("*.py") for n in re.findall(r'environ.*"(JIEYUE_[A-Z_]+)"', p.read_text(encoding="utf-8"))}
    assert variables_of_the_code() <= named <= variables_of_the_code() | tests


def test_every_promise_of_security_names_its_test() -> None:
    """docs/security.md says what a test holds: each row under "what holds" names at least one, and each that is named exists."""
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    promises = [line for table in text.split("| what holds | test |\n|---|---|\n")[1:] for line in table.split("\n\n")[0].splitlines()]
    assert len(promises) > 20
    for promise in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", promise.split("|")[2])
        assert named, promise
        for file, test in named:
            assert re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), f"{file}::{test}"


def logged(package: str) -> set[str]:
    """Every event that a package logs, read from its source."""
    found: set[str] = set()
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
            # `_complain` logs what it is given, at most once a minute
            if is_call and (node.func.value.id == "log" or node.func.attr == "_complain") and node.args:  # type: ignore[attr-defined]
                first = node.args[0]  # type: ignore[attr-defined]
                parts = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
                found |= {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}
    return found


def section(title: str) -> str:
    text = OPERATING.read_text(encoding="utf-8")
    return text[text.index(f"## {title}") :].split("\n## ", 1)[0]


def test_every_log_line_is_explained() -> None:
    """Each event of gateway, cloud and what they share stands in the table once, and the table has no other."""
    rows = [line.split("|")[1] for line in section("What the logs say").splitlines() if line.startswith("| `")]
    told = [event for row in rows for event in re.findall(r"`([^`]+)`", row)]
    assert sorted(told) == sorted(set().union(*map(logged, ("edge", "cloud", "contract", "protocols"))))


def test_every_metric_is_explained() -> None:
    """Each name under which /metrics tells something of ours stands in the table, and no other."""
    made = re.compile(r"(Counter|Histogram|Gauge|GaugeMetricFamily|_rows)\(\s*\"(jieyue_\w+)\"")
    found = {
        name + "_total" * (kind == "Counter") for p in (ROOT / "cloud").rglob("*.py") for kind, name in made.findall(p.read_text("utf-8"))
    }
    told = re.findall(r"^\| `(\w+)`", section("What /metrics says"), re.MULTILINE)
    assert sorted(told) == sorted(found)


def test_adding_a_device_works_as_written(tmp_path: Path) -> None:
    """The files and commands of docs/adding-a-device.md, in their order: the new meter is served, checked and read."""
    page = ROOT / "docs" / "adding-a-device.md"
    port = str(free_port())
    for text in blocks(page, "yaml"):
        path = tmp_path / text.partition("\n")[0].removeprefix("# ")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("15020", port), encoding="utf-8")
    serve, read = (block.replace("15020", port) for block in blocks(page, "sh"))
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
    serve = serve.replace("jieyue-sim", "exec jieyue-sim")
    with subprocess.Popen(["sh", "-ec", serve], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as device:
        assert device.stdout is not None
        assert device.stdout.readline() == f"Example EM1 at 127.0.0.1:{port}, tcp, unit 1\n"
        done = subprocess.run(["sh", "-ec", read], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
        device.terminate()
    assert (done.returncode, done.stderr) == (0, "")
    checked, _, answer = done.stdout.partition("\n")
    assert checked == "gw-c1: 1 devices, 3 points, no fault found"
    values = json.loads(answer)["values"]
    assert set(values) == {"voltage_a", "power", "energy_import"}
    assert 180 < values["voltage_a"] < 260
    assert json.loads(answer)["bad"] == {}
