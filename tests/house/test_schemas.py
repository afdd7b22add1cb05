"""What an editor says of a file by the JSON schemas is what the loader says of the fields of other protocols."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from contract import yamlfile
from contract.profile import Profile
from contract.schema import SCHEMAS
from contract.site import Site, load_site
from tests.sites import fields

NAME = {"zh": "表", "en": "Meter"}
PROFILE: dict[str, object] = {"maker": "M", "model": "X", "class": "electricity", "sources": ["a book"]}


def modbus(more: Mapping[str, object] | None = None, **of_point: object) -> dict[str, object]:
    """A profile of Modbus, with more fields of its own or of its point."""
    return PROFILE | {"protocol": "modbus", "points": {"power": {"address": 1, "unit": "W"} | of_point}} | dict(more or {})


def mqtt(more: Mapping[str, object] | None = None, **of_point: object) -> dict[str, object]:
    """The same of MQTT."""
    return PROFILE | {"protocol": "mqtt", "points": {"power": {"path": "p", "unit": "W"} | of_point}} | dict(more or {})


PROFILES = {
    "modbus": (modbus(), True),
    "a path beside a register": (modbus(path="p"), True),
    "a subtopic beside a register": (modbus(subtopic="p"), False),
    "no subtopic beside a register": (modbus(subtopic=None), True),
    "a parameter beside a register": (modbus(parameter={"id": 1}), False),
    "a message that writes a register": (modbus(write={}), False),
    "records of modbus": (modbus({"records": "*"}), False),
    "no records of modbus": (modbus({"records": None}), True),
    "the usual messages of modbus": (modbus({"messages": "json"}), True),
    "mqtt": (mqtt(), True),
    "a register beside a path": (mqtt(address=1, table="odd"), True),
    "serial settings of mqtt": (mqtt({"serial": {"parity": "?"}, "max_hole": "many"}), True),
    "a word that nobody has": (mqtt({"wheels": 4}), False),
    "a word that no point has": (mqtt(colour=1), False),
}
CAR = {"id": "d", "name": NAME, "profile": "vehicle/jtt808-terminal", "bus": "b", "phone": "1"}
CARS = {"id": "b", "gateway": "gw", "protocol": "jt808", "port": 6808}
POWER = {"id": "b", "gateway": "gw", "protocol": "modbus", "port": 502}
METER = {"id": "d", "name": NAME, "profile": "electricity/chint-dtsu666", "bus": "b", "unit_id": 1}
SITES = {
    "cars": (CARS, CAR, True),
    "a car with a unit id and a topic": (CARS, CAR | {"unit_id": 4, "topic": "t", "command_topic": "c", "key": "k"}, True),
    "a listener with a speed": (CARS | {"baud": 2400}, CAR, True),
    "a listener with an echo": (CARS | {"echo": True}, CAR, False),
    "a listener without an echo": (CARS | {"echo": False}, CAR, True),
    "a meter with a phone": (POWER, METER | {"phone": "zz"}, True),
    "limits of terminals of modbus": (POWER | {"terminals": {"connections": 1}}, METER, True),
    "a word that no bus has": (POWER | {"wheels": 4}, METER, False),
    "a word that no device has": (POWER, METER | {"wheels": 4}, False),
}


def loads(path: Path, model: type[Profile | Site]) -> bool:
    """Whether the loader takes a file, which stands alone in its folder."""
    try:
        if model is Site:
            load_site(path.parent)
        else:
            yamlfile.load(Profile, path)
    except yamlfile.ConfigError:
        return False
    return True


def accepted(schema: Path, files: list[Path]) -> set[str]:
    """Names of the files that an editor finds nothing in."""
    command = [sys.executable, "-m", "check_jsonschema", "--output-format", "json", "--schemafile", str(schema), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    said = json.loads(done.stdout)
    assert not said.get("parse_errors"), said
    return {path.stem for path in files} - {Path(error["filename"]).stem for error in said["errors"]}


@pytest.mark.parametrize("model", [Profile, Site], ids=["profiles", "sites"])
def test_an_editor_and_the_loader_say_the_same(model: type[Profile | Site], tmp_path: Path) -> None:
    """Passed over or refused: of each field that only other protocols have, of its default value, and of words that nobody has."""
    cases = dict(PROFILES)
    if model is Site:
        cases = {name: (fields(buses=[bus], devices=[device]), right) for name, (bus, device, right) in SITES.items()}
    files = [tmp_path / name / f"{name}.yaml" for name in cases]
    for path in files:
        path.parent.mkdir()
        path.write_text(json.dumps(cases[path.stem][0]), encoding="utf-8")
    right = {name for name, (_, taken) in cases.items() if taken}
    assert {path.stem for path in files if loads(path, model)} == right
    (schema,) = (path for path, of in SCHEMAS.items() if of is model)
    assert accepted(schema, files) == right
