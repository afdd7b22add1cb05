"""The table of docs/sparkplug-conformance.md and the tests name each other; and what is known of names before anything runs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from contract import sparkplug
from contract.operation import Text
from contract.point import POINTS
from contract.site import Device, Site
from contract.site import Gateway as GatewayId
from contract.topics import check_id
from edge.certificates import HEALTH_POINTS

TESTS = Path(__file__).parents[2]
TABLE = (TESTS.parent / "docs" / "sparkplug-conformance.md").read_text(encoding="utf-8")
NAMED = sorted({tuple(place.split("::")) for place in re.findall(r"`([^`\s]+::[^`]+)`", TABLE)})
NAME = Text(zh="站", en="Site")


def defined(path: Path) -> set[str]:
    """The tests of a file."""
    return set(re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_every_test_of_the_table_exists(path: str, name: str) -> None:
    """A requirement does not stay `checked` after its test was renamed or taken away."""
    assert name in defined(TESTS / path)


def test_every_conformance_test_stands_in_the_table() -> None:
    """What is checked is told, so that the table does not lag behind."""
    told = {name for _, name in NAMED}
    here = set().union(*(defined(path) for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)))
    assert here - told == set()


def requirements() -> tuple[set[str], set[str]]:
    """The tck-ids of the table: whole ones, and the ends that stand for ids which begin like the one before."""
    told = re.findall(r"`([^`]+)`", "\n".join(line.split("|")[1] for line in TABLE.splitlines() if line.startswith("| `")))
    return {name for name in told if not name.startswith("…")}, {name.removeprefix("…") for name in told if name.startswith("…")}


def test_every_requirement_that_code_names_stands_in_the_table() -> None:
    """Who writes `tck-id-…` beside code or a test says that it is kept, so the table says so too."""
    whole, ends = requirements()
    assert len(whole) > 100
    files = [
        file for room in ("cloud", "contract", "protocols", "edge", "simulators", "tests") for file in (TESTS.parent / room).rglob("*.py")
    ]
    named = {name for file in files for name in re.findall(r"tck-id-([a-z0-9-]+[a-z0-9])(?![a-z0-9*-])", file.read_text(encoding="utf-8"))}
    assert {name for name in named if name not in whole and not name.endswith(tuple(ends))} == set()


def test_every_test_of_a_requirement_stands_in_the_table() -> None:
    """The host's tests too, wherever they stand."""
    told = {name for _, name in NAMED}
    for file in TESTS.rglob("test_*.py"):
        for found in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef) and found.name.startswith("test_"):
                assert found.name in told or not re.search("tck-id-[a-z]", ast.get_docstring(found) or ""), f"{file}: {found.name}"


def test_every_row_has_a_test_or_a_reason() -> None:
    """`checked` names its test; everything else says why."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.splitlines() if line.startswith("| `")]
    with_status = [row for row in rows if len(row) == 3]
    assert len(with_status) > 30
    for _, tests, status in with_status:
        if status.startswith("checked"):
            assert "::test_" in tests, status
        else:
            assert re.match(r"(deliberately not|not applicable).*: .+", status), status


@pytest.mark.parametrize("name", ["a/b", "a+b", "a#", ""])
def test_an_id_that_no_topic_can_hold_is_refused(name: str) -> None:
    """topic-structure-namespace-valid-*: neither a group, nor a gateway, nor a device may be called so."""
    with pytest.raises(ValueError, match="expected an id of 1 to 200 signs without"):
        check_id(name)
    with pytest.raises(ValidationError):
        GatewayId(id=name)
    with pytest.raises(ValidationError):
        Device(id=name, name=NAME, profile="x", bus="b")
    with pytest.raises(ValidationError):
        site(group=name)


def test_an_id_stands_once_in_a_site() -> None:
    """topic-structure-namespace-unique-*: two gateways, or two devices of a group, of one name are refused."""
    with pytest.raises(ValidationError, match="no other gateway has"):
        site(gateways=[GatewayId(id="gw-1"), GatewayId(id="gw-1")])


def site(group: str = "510802", gateways: list[GatewayId] | None = None) -> Site:
    return Site(
        id="s",
        name=NAME,
        group=group,
        latitude=32.4,
        longitude=105.8,
        compounds=[],
        units=[],
        gateways=gateways or [],
        buses=[],
        devices=[],
    )


def test_no_two_metrics_differ_by_case_alone() -> None:
    """case-sensitivity-metric-names: a host that ignores case still tells all metrics apart."""
    own = {v for k, v in vars(sparkplug).items() if k.isupper() and isinstance(v, str)}
    names = {*POINTS, *HEALTH_POINTS, *own}
    assert len({name.lower() for name in names}) == len(names) > 50
