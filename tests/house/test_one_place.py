"""One place to touch: each thing that design promises so is added at one place, and works in every program without another change.

`tests/house/added` holds the things where they would lie in the source tree; `Grown` refuses one that changes a file of the product.
A protocol has a test of its own (`test_new_protocol.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.grown import NAME, TEXTS, Grown, Running
from tests.waiting import wait

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    """The product with the things."""
    return Grown(tmp_path_factory.mktemp("grown"))


@pytest.fixture(scope="module")
def running(grown: Grown) -> Iterator[Running]:
    """It runs, with a device of the new model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JIEYUE_PROFILES", str(grown.folder / "firmware_configs" / "profiles"))  # this process starts it, and reads its site
        with grown.running() as found:
            yield found


def test_each_thing_is_one_file_or_one_folder(grown: Grown) -> None:
    """Beside them only texts were added to the catalogue; a rule shows the new condition, and another one an old condition."""
    assert [str(path) for path in grown.added] == [
        "cloud/alerts/conditions/trial.py",
        "cloud/alerts/rules/trial_condition.yaml",
        "cloud/alerts/rules/trial_power.yaml",
        "cloud/cli/trial_word.py",
        "cloud/reports/trial/__init__.py",
        "dashboards/boards/trial.py",
        "edge/cli/trial_word.py",
        "firmware_configs/profiles/electricity/trial-em9.yaml",
    ]


def test_a_device_model_is_a_yaml_file(running: Running) -> None:
    """Its simulated device is read by the gateway, shown by the interface and counted by the wall."""
    wait(lambda: len(running.got("/api/v1/readings/latest?device=em")) == 2, "its two points are read")
    readings = {one["point"]: one for one in running.got("/api/v1/readings/latest?device=em")}
    assert {point: (one["unit"], one["quality"]) for point, one in readings.items()} == {
        "power": ("W", "good"),
        "energy_import": ("kWh", "good"),
    }
    assert readings["power"]["value"] > 0
    (device,) = (one for one in running.got("/api/v1/devices") if one["id"] == "em")
    assert (device["class"], device["online"]) == ("electricity", True)
    wait(lambda: (on := running.got("/api/v1/wall")["data"])["online"] == on["devices"] == 2, "the wall counts it beside its gateway")


@pytest.mark.parametrize(
    ("rule", "title", "severity"), [("trial_power", "试验规则", "warning"), ("trial_condition", "试验条件", "critical")]
)
def test_a_rule_is_a_yaml_file_and_a_condition_a_function(running: Running, rule: str, title: str, severity: str) -> None:
    """The alert fires, says its texts in both languages and stands on the wall; one rule uses a condition that is new."""
    alert = running.alert(rule)
    assert (alert["subject"], alert["severity"], alert["title"]["zh"]) == ("em", severity, title)
    assert alert["detail"]["en"].startswith(f"{NAME['en']}: ")
    wait(lambda: rule in {one["rule"] for one in running.got("/api/v1/wall")["alerts"]}, "the wall shows it")


def test_a_report_is_a_folder(running: Running) -> None:
    """It can be had from the interface by its title, and by the command."""
    (kind,) = (one for one in running.got("/api/v1/reports") if one["id"] == "trial")
    assert kind["title"] == TEXTS["report.trial.title"]
    answer = running.client.get("/api/v1/reports/trial", params={"year": 2026, "quarter": 1, "scope": "unit:u", "format": "xlsx"})
    assert (answer.status_code, answer.text) == (200, "2026-Q1 unit:u")
    assert 'filename="trial-2026-Q1-unit-u-zh.xlsx"' in answer.headers["content-disposition"]
    target = running.stack.data / "trial.xlsx"
    running.stack.command("report", "trial", "--year", "2026", "--format", "xlsx", "--output", str(target))
    assert target.read_text(encoding="utf-8") == "2026 district"


def test_a_command_of_the_service_is_a_file(grown: Grown) -> None:
    """It is listed, runs, and says what is wrong with its arguments."""
    assert "trial-word" in grown.python("-m", "cloud", "--help").stdout.split()
    done = grown.python("-m", "cloud", "trial-word", "hello", JIEYUE_PORT="8123")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello 8123\n", "")
    done = grown.python("-m", "cloud", "trial-word")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_a_command_of_a_gateway_is_a_file(grown: Grown, running: Running) -> None:
    """It is listed, and gets the gateway's settings and its site."""
    assert "trial-word" in grown.python("-m", "edge", "--help").stdout.split()
    done = grown.python("-m", "edge", "trial-word", "--config", str(running.stack.data / "edge" / "gw.yaml"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "gw of s\n", "")


def test_a_text_is_a_line_of_the_catalogue(running: Running) -> None:
    """What a page says in either language is what the catalogue has."""
    served = running.got("/web/messages.json")
    assert {key: served[key] for key in TEXTS} == TEXTS


def test_a_dashboard_is_a_file(grown: Grown, tmp_path: Path) -> None:
    """The generator writes it in both languages, beside those that ship."""
    done = grown.python("-m", "dashboards", "--output", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    for language in ("zh", "en"):
        board = json.loads((tmp_path / language / "trial.json").read_text(encoding="utf-8"))
        assert (board["title"], len(board["panels"])) == (TEXTS["grafana.board.trial"][language], 1)
        assert (tmp_path / language / "energy.json").exists()
