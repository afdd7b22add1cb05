"""The generated dashboards as files: not drifted, whole, within what is written and what all versions of InfluxDB take."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from cloud.cli.grafana import DASHBOARDS, FOLDERS
from cloud.indicators.export import STATUS_NUMBERS
from contract.profile import Profile, load_profile
from contract.site import Site, load_site
from contract.sitefolder import shipped_site
from contract.yamlfile import ConfigError
from dashboards import tiles
from dashboards.boards import boards
from dashboards.panels import ALARM
from dashboards.words import Words
from edge.certificates import HEALTH_POINTS
from simulators.stack import panels

ROOT = Path(__file__).parents[2]
BOARDS = panels.boards()
NOW = 1_770_000_000_000
DAY = 86_400_000
UNITS = {"m": 60_000, "h": 3_600_000, "d": DAY, "w": 7 * DAY}
WRITTEN_BACK = {"value", "measured", "distributed", "estimated", "manual"}
FORECASTS = {"forecast", "forecast_low", "forecast_high", "forecast_change"}
"""Written once there are forecasts; no panel reads them before."""
TILES = {
    "人均综合能耗",
    "单位建筑面积能耗",
    "人均水耗",
    "实测占比",
    "今日逐时用电",
    "去年同日逐时用电",
    "总表实时功率",
    "空调分区室温",
    "空调分区状态",
    "电梯",
    "公务用车",
    "每日用水",
    "网关数据时效",
}
ROWS_OF_A_SCREEN = 28
"""1080 px at 30 px and a gap of 8 px each."""
LONGEST_QUERY = 6_000
"""Encoded; what fits a URL everywhere, as `cloud.telemetry.influx` holds itself to."""


def targets(board: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield panel, target


def _yaml(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


ALL = [(uid, panel["title"], target["query"]) for uid, board in BOARDS.items() for panel, target in targets(board)]


def test_files_are_what_the_generator_writes() -> None:
    """Nobody edits the JSON by hand, and nobody forgets to generate."""
    done = subprocess.run([sys.executable, "-m", "dashboards", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_drift_and_a_missing_site_are_told(tmp_path: Path) -> None:
    """A changed, a missing and a foreign file are each named; a folder without a site is bad input."""
    command = [sys.executable, "-m", "dashboards", "--output", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True)
    (tmp_path / "zh" / "wall.json").write_text("{}", encoding="utf-8")
    (tmp_path / "zh" / "water.json").unlink()
    (tmp_path / "en" / "mine.json").write_text("{}", encoding="utf-8")
    done = subprocess.run([*command, "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    named = [str(Path(line.split(" ")[0]).relative_to(tmp_path)) for line in done.stdout.splitlines()]
    assert (done.returncode, named) == (1, ["en/mine.json", "zh/wall.json", "zh/water.json"])
    nowhere = subprocess.run([*command, "--site", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (nowhere.returncode, "Traceback" in nowhere.stderr) == (2, False)


def test_six_dashboards_in_two_languages_differ_in_words_only() -> None:
    """The English set asks the same queries in the same places as the Chinese one, and no Chinese word is left where English has one."""
    names = ["energy", "gateways", "hvac", "vehicles", "wall", "water"]
    assert sorted(BOARDS) == sorted([*(f"jieyue-{n}" for n in names), *(f"jieyue-{n}-en" for n in names)])
    for name in names:
        zh, en = BOARDS[f"jieyue-{name}"], BOARDS[f"jieyue-{name}-en"]
        assert [t["query"] for _, t in targets(zh)] == [t["query"] for _, t in targets(en)]
        assert [p["gridPos"] for p in zh["panels"]] == [p["gridPos"] for p in en["panels"]]
        assert zh["title"] != en["title"]
        left = set(re.findall(r"[\u4e00-\u9fff]+", json.dumps(en, ensure_ascii=False)))
        assert left <= {"川"}, left  # number plates are what they are


def test_a_number_that_means_two_things_has_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two models that number their states differently, a panel names what is sure, and colours a fault by its name."""
    site = load_site(shipped_site("lizhou"))
    known = load_profile("elevator/jieyue-group-controller")

    def numbered(values: dict[int, str]) -> Profile:
        return known.model_copy(update={"points": {**known.points, "fault": known.points["fault"].model_copy(update={"values": values})}})

    models = {"one": numbered({0: "none", 1: "door", 2: "drive"}), "other": numbered({7: "none", 1: "drive", 2: "drive"})}
    devices = [
        site.device_by_id[name].model_copy(update={"profile": model}) for name, model in (("c1-lift-1", "one"), ("c1-lift-2", "other"))
    ]
    for module in ("dashboards.words", "contract.site"):
        monkeypatch.setattr(f"{module}.load_profile", models.__getitem__)
    words = Words(site.model_copy(update={"devices": devices}), "en")
    assert words.meanings("elevator", "fault") == {0: "none", 2: "drive", 7: "none"}
    column = tiles.state(words, "elevator", "fault", ("none",))
    assert (column.words, column.colours) == ({0: "none", 2: "drive", 7: "none"}, {2: ALARM})


def test_a_site_without_plant_has_dashboards_too() -> None:
    """A site of electricity alone: the same dashboards; panels of what it does not have name no state, and ask for nothing else."""
    site = load_site(shipped_site("lizhou"))
    meters = [device for device in site.devices if device.model.device_class == "electricity"]
    words = Words(site.model_copy(update={"devices": meters, "zones": [], "elevator_groups": []}), "en")
    made = {board.name: board.json(words) for board in (make(words) for make in boards())}
    assert made.keys() == {"energy", "gateways", "hvac", "vehicles", "wall", "water"}
    assert words.states("hvac", "on") == {}
    for name in ("hvac", "wall"):
        assert len(made[name]["panels"]) == len(BOARDS[f"jieyue-{name}"]["panels"])


def test_a_state_without_a_word_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of one's own calls a state as nobody did before: the fault names the text that is wanted."""
    site = load_site(shipped_site("lizhou"))
    known = load_profile("hvac/beca-bac-002aln")
    odd = known.model_copy(update={"points": {**known.points, "on": known.points["on"].model_copy(update={"values": {0: "dozing"}})}})
    for module in ("dashboards.words", "contract.site"):
        monkeypatch.setattr(f"{module}.load_profile", {"odd": odd}.__getitem__)
    device = site.device_by_id["c3-ac-01"].model_copy(update={"profile": "odd"})
    words = Words(site.model_copy(update={"devices": [device]}), "en")
    with pytest.raises(ConfigError, match=r"messages[.]json: expected a text grafana[.]state[.]dozing, as a profile of the site calls"):
        words.states("hvac", "on")


def test_the_wall_has_every_tile_on_one_screen() -> None:
    """Targets, load and last year's, share measured, zones, elevators, water, cars, gateways and the age of data, without scrolling."""
    wall = BOARDS["jieyue-wall"]
    assert {panel["title"] for panel in wall["panels"]} == TILES
    assert max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in wall["panels"]) <= ROWS_OF_A_SCREEN
    assert (wall["refresh"], wall["time"]) == ("10s", {"from": "now-24h", "to": "now"})


@pytest.mark.parametrize("uid", BOARDS)
def test_ids_are_unique_and_panels_do_not_overlap(uid: str) -> None:
    """Two panels with one id, or on one place, are a broken dashboard that Grafana loads without a word."""
    found = BOARDS[uid]["panels"]
    assert sorted(panel["id"] for panel in found) == list(range(1, len(found) + 1))
    for panel in found:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
    for one, other in combinations([panel["gridPos"] for panel in found], 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert apart_x or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


def test_every_data_source_is_the_provisioned_one() -> None:
    """Each uid that a panel or query names exists in the data source file, which is for InfluxQL over GET with HTTP Basic."""
    (source,) = _yaml(DASHBOARDS / "provisioning" / "datasources" / "jieyue.yaml")["datasources"]
    named = {json.dumps(each["datasource"], sort_keys=True) for board in BOARDS.values() for pair in targets(board) for each in pair}
    assert named == {json.dumps({"type": "influxdb", "uid": source["uid"]})}
    assert source["jsonData"] == {"version": "InfluxQL", "dbName": "$INFLUX_DATABASE", "httpMode": "GET", "timeInterval": "10s"}
    assert (source["url"], source["basicAuth"], source["basicAuthUser"]) == ("$INFLUX_URL", True, "$INFLUX_USER")
    assert source["secureJsonData"] == {"basicAuthPassword": "$__file{/run/influx-tokens/grafana}"}


def test_provisioning_and_push_name_the_same_folders() -> None:
    """A site that changes from one way to the other keeps its folders."""
    providers = _yaml(DASHBOARDS / "provisioning" / "dashboards" / "jieyue.yaml")["providers"]
    found = {Path(p["options"]["path"]).name: (p["folderUid"], p["folder"]) for p in providers}
    assert found == FOLDERS
    assert {path.parent.name for path in DASHBOARDS.glob("*/*.json")} == set(FOLDERS)


def written() -> dict[str, set[str]]:
    """What is written, by measurement: points of the profiles by class, the gateway's own, the ledger's and the indicators'."""
    found: dict[str, set[str]] = {"gateway": set(HEALTH_POINTS), "ledger_hour": WRITTEN_BACK, "ledger_day": WRITTEN_BACK}
    for path in sorted((ROOT / "firmware_configs" / "profiles").glob("*/*.yaml")):
        profile = load_profile(f"{path.parent.name}/{path.stem}")
        found.setdefault(profile.device_class, set()).update(profile.points)
    plain = {"status", "target_change", "actual", "baseline", "baseline_year", "target", "expected", "gap", "change", "allowance"}
    return found | {"indicator": plain | WRITTEN_BACK - {"value"}}


@pytest.mark.parametrize("uid", BOARDS)
def test_no_panel_asks_for_more_of_a_year_than_it_can_show(uid: str) -> None:
    """Chosen by its dates, a year is shown by panels of two days, too: in days, or in twice as many points as pixels at most."""
    widths = {panel["title"]: panel["gridPos"]["w"] * 1920 / 24 for panel in BOARDS[uid]["panels"]}
    asked = list(panels.queries(uid, NOW, since=NOW - 365 * DAY))
    intervals = {f"{q.panel}, {q.letter}": found[1] for q in asked if (found := re.search(r"GROUP BY time\((\w+)\)", q.text))}
    most = {place: 365 * DAY // (int(text[:-1]) * UNITS[text[-1]]) for place, text in intervals.items()}
    assert {place: number for place, number in most.items() if number > max(365, 2 * widths[place.rpartition(", ")[0]])} == {}


@pytest.mark.parametrize(("uid", "title", "query"), ALL)
def test_a_panel_reads_only_what_is_written(uid: str, title: str, query: str) -> None:
    """No panel asks for a point that no profile of the class has, nor for a measurement or figure that nobody writes."""
    (measurement,) = re.findall(r'FROM "(\w+)"', query)
    fields = set(re.findall(r'\("(\w+)"\)', query.partition(" FROM ")[0]))
    assert fields
    assert fields <= written()[measurement], f"{uid}, {title}"


@pytest.mark.parametrize(("uid", "title", "query"), ALL)
def test_a_query_is_one_that_all_versions_answer(uid: str, title: str, query: str) -> None:
    """One statement without SHOW; a time zone only beside a fixed day, never beside `$__interval`; short enough for a URL."""
    assert not re.search(r";|\bSHOW\b|\binto\b|integral|sample\(", query, re.IGNORECASE), f"{uid}, {title}"
    assert "$timeFilter" in query
    assert ("tz(" in query) == ("time(1d)" in query)
    assert not ("tz(" in query and "$__interval" in query)


@pytest.mark.parametrize("uid", BOARDS)
def test_a_query_with_everything_chosen_one_by_one_fits_a_url(uid: str) -> None:
    """Who picks every car by hand still gets an answer from a data source that asks by GET."""
    every = {
        v["name"]: [o["value"] for o in v["options"] if o["value"] != "$__all"] for v in BOARDS[uid]["templating"]["list"] if v.get("multi")
    }
    longest = max(len(quote(query.text)) for query in panels.queries(uid, NOW, every))
    assert longest <= LONGEST_QUERY


@pytest.mark.parametrize("uid", [uid for uid in BOARDS if uid.startswith(("jieyue-energy", "jieyue-wall", "jieyue-water"))])
def test_consumption_and_targets_come_from_the_ledger(uid: str) -> None:
    """No counter is read by a dashboard: what was used is summed once, in the ledger."""
    counters = {"energy_import", "energy_export", "volume", "volume_reverse"}
    for panel, target in targets(BOARDS[uid]):
        assert not counters & set(re.findall(r'"(\w+)"', target["query"])), panel["title"]


def _lost(before: object, after: object, place: str = "") -> Iterator[str]:
    """What a round trip did not bring back; a null is no loss."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from _lost(value, after[key], f"{place}/{key}")
            elif value is not None:
                yield f"{place}/{key}"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _lost(one, other, f"{place}/{number}")
    elif before != after:
        yield place


def lost(board: dict[str, Any]) -> list[str]:
    register_default_plugins()
    return list(_lost(board, json.loads(JSONEncoder().encode(Dashboard.from_json(board)))))


@pytest.mark.parametrize("uid", BOARDS)
def test_the_sdk_of_grafana_knows_every_key(uid: str) -> None:
    """Grafana's own model of a dashboard reads the JSON and gives every key and value back."""
    assert lost(BOARDS[uid]) == []


def test_the_round_trip_finds_a_misspelt_key() -> None:
    """What the test above stands on: a key that the model lacks is lost on the dashboard, in a panel and in its options."""
    board = json.loads(json.dumps(BOARDS["jieyue-wall"]))
    board["refreshh"] = "10s"
    board["panels"][0]["timefrom"] = "8d"
    board["panels"][0]["options"]["grafMode"] = "none"
    board["panels"][4]["fieldConfig"]["defaults"]["custom"]["drawstyle"] = "bars"
    assert lost(board) == [
        "/panels/0/options/grafMode",
        "/panels/0/timefrom",
        "/panels/4/fieldConfig/defaults/custom/drawstyle",
        "/refreshh",
    ]


def test_states_are_in_words_of_every_profile(lizhou: Site) -> None:
    """A state's column has a word for each number that a profile of the site names, and the status one for each of the indicators'."""
    wall = {panel["title"]: panel for panel in BOARDS["jieyue-wall-en"]["panels"]}
    profile = lizhou.device_by_id[lizhou.elevator_groups[0].cars[0].device].model
    assert _mapped(wall["Elevators"], "parity") == {str(n): word for n, word in (profile.points["parity"].values or {}).items()}
    assert set(_mapped(wall["Energy per person"], "status")) == {str(number) for number in STATUS_NUMBERS.values()}
    texts = json.loads((ROOT / "cloud" / "web" / "messages.json").read_text(encoding="utf-8"))
    words = {str(number): texts[f"status.{status}"]["en"] for status, number in STATUS_NUMBERS.items()}
    assert _mapped(wall["Energy per person"], "status") == words


def _mapped(panel: dict[str, Any], field: str) -> dict[str, str]:
    (override,) = [o for o in panel["fieldConfig"]["overrides"] if o["matcher"]["options"] == field]
    (mapping,) = next(p["value"] for p in override["properties"] if p["id"] == "mappings")
    return {value: shown["text"] for value, shown in mapping["options"].items()}


def test_no_panel_needs_the_internet() -> None:
    """No map with tiles, no picture, no address but the data source's."""
    kinds = {panel["type"] for board in BOARDS.values() for panel in board["panels"]}
    assert kinds == {"barchart", "gauge", "stat", "state-timeline", "table", "timeseries"}
    assert not any("http" in json.dumps(board) for board in BOARDS.values())


def test_every_figure_written_back_is_documented() -> None:
    """Who builds a panel of their own finds each field of `indicator` in docs/grafana.md, with the numbers of the status."""
    text = (ROOT / "docs" / "grafana.md").read_text(encoding="utf-8")
    rows = "".join(re.findall(r"^\| (`.+?) \|", text, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", rows)) == written()["indicator"] | FORECASTS
    assert ", ".join(f"{number} {status}" for status, number in STATUS_NUMBERS.items()) in text


def test_the_readme_has_the_address_of_the_wall() -> None:
    """The kiosk address names the dashboard that exists, and its time and refresh as generated."""
    wall = BOARDS["jieyue-wall"]
    address = f"/d/{wall['uid']}/wall?kiosk&refresh={wall['refresh']}&theme=dark&from={wall['time']['from']}&to={wall['time']['to']}"
    assert address in (ROOT / "README.md").read_text(encoding="utf-8")
    assert address in (ROOT / "docs" / "grafana.md").read_text(encoding="utf-8")
