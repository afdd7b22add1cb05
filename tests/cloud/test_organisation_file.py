"""The file of the tree: what it may say, and one line for each thing that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud.organisations.file import load_tree
from cloud.organisations.tree import Organisation
from contract.yamlfile import ConfigError

RIGHT = """\
organisations:
  - {id: town, kind: city, parent: land, name: {zh: 市, en: Town}}
  - {id: land, kind: province, name: {zh: 省, en: Land}}
  - {id: north, kind: district, parent: town, group: "510802", name: {zh: 北区, en: North}}
  - {id: school, kind: sub_institution, parent: bureau, unit: u17, name: {zh: 学校, en: School}}
  - {id: bureau, kind: institution, parent: north, unit: u05, name: {zh: 局, en: Bureau}}
  - {id: south, kind: district, parent: land, group: "510811", name: {zh: 南区, en: South}}
  - {id: office, kind: institution, parent: south, unit: u05, name: {zh: 处, en: Office}}
  - {id: other, kind: district, group: "510812", name: {zh: 外区, en: Other}}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "tree.yaml"


def test_a_tree_may_leave_kinds_out_and_have_several_roots(path: Path) -> None:
    """In any order of lines; what is below a district has its group, and two districts may have institutions of one id."""
    path.write_text(RIGHT, encoding="utf-8")
    found = {one.id: one for one in load_tree(path).stated()}
    assert found["town"] == Organisation("town", "land", "city", {"zh": "市", "en": "Town"}, None, None)
    assert found["school"] == Organisation("school", "bureau", "sub_institution", {"zh": "学校", "en": "School"}, "510802", "u17")
    assert [(one.id, one.group, one.unit) for one in found.values() if one.group == "510811"] == [
        ("south", "510811", None), ("office", "510811", "u05"),
    ]  # fmt: skip
    assert [one.id for one in found.values() if one.parent is None] == ["land", "other"]


WRONG = [
    (3, "kind: province", "kind: country", "1.kind: Input should be 'province', 'city', 'district', 'institution' or 'sub_institution'"),
    (3, "id: land,", "id: town,", "1.id: stands twice; expected an id that no other organisation has, got 'town'"),
    (3, "id: land,", "id: 0151,", '1.id: expected 151, or "0151" in quotes for a text; YAML reads 0151 as octal, 105'),
    (3, "kind: province,", "kind: province, parent: land,", "1.parent: expected none, got the province 'land'"),
    (3, "kind: province,", 'kind: province, group: "51",', "1.group: expected none: it is of districts only, and this is a province"),
    (3, "kind: province,", "kind: province, unit: u1,", "1.unit: expected none: it is of institutions only, and this is a province"),
    (3, "kind: province,", "kind: province, area: 5,", "1.area: Extra inputs are not permitted, got 5"),
    (3, "zh: 省, en: Land", "zh: 省", "1.name.en: Field required"),
    (4, "parent: town", "parent: twon", "2.parent: expected the id of an organisation, got 'twon'; nearest is town"),
    (
        5,
        "parent: bureau, unit: u17",
        "parent: bureau",
        "3.unit: expected its id in the district's site",
    ),
    (6, "unit: u17", "unit: u05", "4.unit: stands twice; expected an institution that no other organisation is, got 'u05'"),
    (7, '"510811"', '"510802"', "5.group: stands twice; expected a district that no other organisation is, got '510802'"),
    (7, '"510811"', "510811", "5.group: Input should be a valid string, got 510811; YAML reads 510811 as a number"),
    (7, '"510811"', "0511", '5.group: expected 511, or "0511" in quotes for a text; YAML reads 0511 as octal'),
    (8, "parent: south", "parent: land", "6.parent: expected the district or the institution that this institution is in, got 'land'"),
    (8, "parent: south, ", "", "6.parent: expected the district or the institution that this institution is in, got None"),
    (9, ', group: "510812"', "", "7.group: expected the district's code, got None"),
]


@pytest.mark.parametrize(("line", "right", "wrong", "said"), WRONG)
def test_a_wrong_tree_is_told_in_one_line(line: int, right: str, wrong: str, said: str, path: Path) -> None:
    """File, line, field and what was expected."""
    assert right in RIGHT
    path.write_text(RIGHT.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load_tree(path)
    assert str(raised.value).splitlines()[0].startswith(f"{path}:{line}: organisations.{said}")


def test_a_file_without_a_tree_is_told(path: Path) -> None:
    """So is a field that no tree has."""
    path.write_text(RIGHT.replace("organisations:", "organisation:"), encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load_tree(path)
    assert [line.removeprefix(f"{path}:1: ") for line in str(raised.value).splitlines()] == [
        "organisations: Field required", "organisation: Extra inputs are not permitted",
    ]  # fmt: skip


def test_a_circle_is_told_at_each_of_its_parents(path: Path) -> None:
    """What stands above must be of a higher kind, so two that stand above each other are told both."""
    lines = [
        "organisations:",
        "- {id: a, kind: city, parent: b, name: {zh: a, en: a}}",
        "- {id: b, kind: city, parent: a, name: {zh: b, en: b}}",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load_tree(path)
    assert str(raised.value).splitlines() == [
        f"{path}:2: organisations.0.parent: expected one of a higher kind (province), got the city 'b'",
        f"{path}:3: organisations.1.parent: expected one of a higher kind (province), got the city 'a'",
    ]


def test_a_file_that_is_not_there_is_told(path: Path) -> None:
    """As every file."""
    with pytest.raises(ConfigError, match=r"tree.yaml: cannot be read: No such file or directory"):
        load_tree(path)
