"""A fleet is updated in steps: what a gateway of the version before sends of its cars, and one of this version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract import sparkplug
from contract.reading import Row
from contract.sparkplug import DataType, MetricDefinition
from contract.topics import Topic
from tests.cloud import tables

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Line

GROUP, NOW, MINUTE = "510802", 1_790_000_000_000, 60_000
NODE, CAR = "gw-v", "car-1"
DRIVING = {"latitude": 32.43, "longitude": 105.84, "speed": 61.0}


@pytest.fixture
def cars(line: Line) -> Line:
    """A gateway of ours with a car."""
    known(line, "vehicle/jtt808-terminal")
    return line


def known(line: Line, profile: str) -> None:
    """Enter a car of a profile, whose gateway is born."""
    line.insert(tables.device, grp=GROUP, id=CAR, **{"class": "vehicle"}, name="{}", gateway=NODE, profile=profile, interval=10.0)
    line.restart()
    box = [MetricDefinition(sparkplug.STORE_OUTBOX, DataType.STRING, "box"), MetricDefinition(sparkplug.BD_SEQ, DataType.INT64, 1)]
    line.feed((Topic(GROUP, "NBIRTH", NODE), sparkplug.birth(box, at=NOW, seq=0)))


def says(line: Line, at: int, number: int, **values: float) -> None:
    raw = sparkplug.data(sparkplug.encode_rows([Row(CAR, at, values)]), sent_at=at, seq=0, store_seq=number)
    line.feed((Topic(GROUP, "DDATA", NODE, CAR), raw), at=at)


def calls(line: Line) -> list[int]:
    """When somebody called for help."""
    return [row["at"] for row in line.rows(tables.event, kind="vehicle_sos")]


@pytest.mark.parametrize("named", [{}, {"emergency_alarm": 1.0}], ids=["the word alone", "its point"])
def test_an_emergency_is_told_by_either_version(cars: Line, named: dict[str, float]) -> None:
    """The alarm word of a gateway that knows no points raises it too, and is kept as the point."""
    says(cars, NOW, 1, alarms=0.0, status=3.0, **DRIVING)
    assert calls(cars) == []
    says(cars, NOW + MINUTE, 2, alarms=1.0, status=3.0, **DRIVING, **named)
    assert calls(cars) == [(NOW + MINUTE) // MINUTE * MINUTE]
    assert cars.values(CAR, "emergency_alarm", "vehicle") == [(NOW, 0.0), (NOW + MINUTE, 1.0)]
    assert cars.values(CAR, "alarms", "vehicle") == [(NOW, 0.0), (NOW + MINUTE, 1.0)]


OWN = """\
maker: M
model: T
class: vehicle
protocol: mqtt
sources: [this test]
points:
  latitude: {path: lat, unit: deg}
  longitude: {path: lon, unit: deg}
  emergency_alarm: {path: sos, values: {0: NO, 1: YES}}
  located: {path: fix, values: {0: NO, 1: YES}}
"""


@pytest.mark.parametrize(("no", "yes"), [("off", "on"), ("正常", "报警"), ("未定位", "已定位"), ("Alarm", "none")])
def test_a_flag_is_judged_by_its_number_and_not_by_its_names(
    no: str, yes: str, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile may give 0 and 1 any names: 0 is no emergency and no fix, and 1 is."""
    (tmp_path / "vehicle").mkdir()
    (tmp_path / "vehicle" / "own.yaml").write_text(OWN.replace("NO", f'"{no}"').replace("YES", f'"{yes}"'), encoding="utf-8")
    monkeypatch.setenv("JIEYUE_PROFILES", str(tmp_path))
    known(line, "vehicle/own")
    says(line, NOW, 1, located=1.0, emergency_alarm=0.0, **DRIVING)
    assert calls(line) == []
    says(line, NOW + MINUTE, 2, located=0.0, emergency_alarm=1.0, **DRIVING)
    assert calls(line) == [(NOW + MINUTE) // MINUTE * MINUTE]
    assert line.values(CAR, "latitude", "vehicle") == [(NOW, 32.43)]


def test_a_car_that_sends_the_alarm_word_as_json_calls_for_help(line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its profile, written before the bits were points, has the word alone."""
    (tmp_path / "vehicle").mkdir()
    text = OWN[: OWN.index("  emergency_alarm")] + "  alarms: {path: alarm, type: uint32}\n"
    (tmp_path / "vehicle" / "own.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("JIEYUE_PROFILES", str(tmp_path))
    known(line, "vehicle/own")
    says(line, NOW, 1, alarms=2.0, **DRIVING)
    says(line, NOW + MINUTE, 2, alarms=1.0, **DRIVING)
    assert calls(line) == [(NOW + MINUTE) // MINUTE * MINUTE]
    assert line.values(CAR, "overspeed_alarm", "vehicle") == [(NOW, 1.0), (NOW + MINUTE, 0.0)]


def test_a_point_that_came_is_believed_before_its_word(cars: Line) -> None:
    """A terminal whose vendor uses the bit otherwise has a profile that says so; its gateway has read it."""
    says(cars, NOW, 1, alarms=1.0, emergency_alarm=0.0)
    assert calls(cars) == []


def test_overspeed_of_the_word_is_a_point(cars: Line) -> None:
    """Bit 1, which the rule about speed asks for by name."""
    says(cars, NOW, 1, alarms=2.0)
    assert cars.values(CAR, "overspeed_alarm", "vehicle") == [(NOW, 1.0)]


def test_a_place_without_a_fix_is_not_believed(cars: Line) -> None:
    """The status word alone says that the terminal repeats the last place it knew; what else it says is good."""
    says(cars, NOW, 1, alarms=0.0, status=3.0, **DRIVING)
    says(cars, NOW + MINUTE, 2, alarms=0.0, status=1.0, **DRIVING | {"latitude": 33.0})
    assert cars.values(CAR, "latitude", "vehicle") == [(NOW, 32.43)]
    assert cars.values(CAR, "located", "vehicle") == [(NOW, 1.0), (NOW + MINUTE, 0.0)]
    assert cars.values(CAR, "speed", "vehicle") == [(NOW, 61.0), (NOW + MINUTE, 61.0)]
    assert cars.values(CAR, "ignition", "vehicle") == [(NOW, 1.0), (NOW + MINUTE, 1.0)]


def test_without_its_words_nothing_is_made_up(cars: Line) -> None:
    """A car that says no word has no alarm, and no absence of one."""
    says(cars, NOW, 1, **DRIVING)
    assert [cars.values(CAR, point, "vehicle") for point in ("emergency_alarm", "located")] == [[], []]
    assert cars.values(CAR, "latitude", "vehicle") == [(NOW, 32.43)]
