"""`jieyue-cloud organisation`: the tree is planned, agreed to, entered on record, and shown; its figures are printed."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud.cli.shared import database
from cloud.organisations import queries
from cloud.platform.database import open_database
from cloud.settings import Settings
from cloud.sites.entered import EntryRefused
from cloud.sites.organising import enter_tree, plan_tree
from tests.cloud import tables
from tests.cloud.folder import rows, run
from tests.cloud.rolled import FIRST, SECOND, District, enter, organisation

TREE = """\
organisations:
  - {id: town, kind: city, name: {zh: 市, en: Town}}
  - {id: north, kind: district, parent: town, group: "510802", name: {zh: 北区, en: North}}
  - {id: south, kind: district, parent: town, group: "510811", name: {zh: 南区, en: South}}
  - {id: office, kind: institution, parent: north, unit: u05, name: {zh: 处, en: Office}}
"""
SAID = """\
added organisation north
added organisation office
added organisation south
added organisation town
note: institution office: the site of 510802 has no unit u05; it has no figures until it does
note: district south: 510811 was not entered in this cloud; what is above it has no figures until it is
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The file of a tree."""
    path = tmp_path / "tree.yaml"
    path.write_text(TREE, encoding="utf-8")
    return path


def test_a_tree_is_planned_entered_on_record_and_shown(data: Path, tree: Path) -> None:
    """A plan writes nothing; without somebody who agrees nothing is entered; entered again, nothing changes."""
    assert run(data, "organisation", "plan", str(tree)).stdout == SAID
    refused = run(data, "organisation", "apply", str(tree))
    assert (refused.returncode, refused.stdout) == (2, SAID)
    assert (
        refused.stderr == "jieyue-cloud: nobody can be asked, since this is no terminal; nothing was entered: look at it and give --yes\n"
    )
    assert rows(data, tables.organisation) == []
    done = run(data, "organisation", "apply", str(tree), "--yes", "--by", "wang")
    assert (done.returncode, done.stdout, done.stderr) == (0, SAID + "entered\n", "")
    assert {(row["id"], row["parent"], row["grp"], row["unit"]) for row in rows(data, tables.organisation)} == {
        ("town", None, None, None), ("north", "town", "510802", None), ("south", "town", "510811", None),
        ("office", "north", "510802", "u05"),
    }  # fmt: skip
    again = run(data, "organisation", "apply", str(tree))
    assert (again.returncode, again.stdout.splitlines()[0]) == (0, "nothing changes")
    (line,) = [row for row in rows(data, tables.audit) if row["action"] == "organisation"]
    assert (line["by"], line["grp"], json.loads(str(line["detail"]))["changes"][0]) == ("wang", None, "added organisation north")
    shown = run(data, "organisation", "show", "--lang", "en").stdout.splitlines()
    assert shown[:3] == [
        "organisation:town city Town",
        "  organisation:north district North 510802",
        "    organisation:office institution Office (not entered)",
    ]
    assert shown[3].startswith("    unit:")
    assert len([line for line in shown if line.startswith("    unit:")]) == 32
    assert shown[-1] == "  organisation:south district South 510811 (not entered)"


def test_what_the_file_no_longer_has_is_removed(data: Path, tree: Path) -> None:
    """A child may go with its parent, and one whose parent goes may stand elsewhere; each change is a line."""
    assert run(data, "organisation", "apply", str(tree), "--yes").returncode == 0
    changed = TREE.replace("{id: town, kind: city", "{id: land, kind: province").replace("parent: town", "parent: land")
    tree.write_text("\n".join(line for line in changed.splitlines() if "office" not in line), encoding="utf-8")
    assert run(data, "organisation", "apply", str(tree), "--yes").stdout.splitlines()[:5] == [
        "added organisation land",
        'changed organisation north: parent "town" -> "land"',
        'changed organisation south: parent "town" -> "land"',
        "removed organisation office",
        "removed organisation town",
    ]
    assert {row["id"] for row in rows(data, tables.organisation)} == {"land", "north", "south"}
    tree.write_text("organisations: []\n", encoding="utf-8")
    emptied = run(data, "organisation", "apply", str(tree), "--yes").stdout
    assert emptied.splitlines()[-2:] == [
        "note: 510802 was entered in this cloud and is no district of the tree; no roll-up has it",
        "entered",
    ]
    assert rows(data, tables.organisation) == []
    assert run(data, "organisation", "show").stdout == ""


def test_a_wrong_file_is_one_line(data: Path, tree: Path) -> None:
    """With exit code 2, and nothing is entered."""
    tree.write_text(TREE.replace("kind: city", "kind: town"), encoding="utf-8")
    for action in ("plan", "apply"):
        done = run(data, "organisation", action, str(tree))
        expected = "Input should be 'province', 'city', 'district', 'institution' or 'sub_institution', got 'town'"
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"jieyue-cloud: {tree}:2: organisations.0.kind: {expected}\n"
    assert rows(data, tables.organisation) == []


def test_figures_of_an_organisation_are_printed(tmp_path: Path) -> None:
    """As a table and as JSON; with a group only what is in that district, and an organisation that is not there is one line."""
    data = tmp_path / "cloud"
    assert run(data, "migrate").returncode == 0
    engine = open_database(f"sqlite:///{data / 'registry.db'}")
    both = [District(group, meters={"electricity": {}}) for group in (FIRST, SECOND)]
    enter(
        engine, both, [organisation("c", "city"), organisation("d1", "district", "c", FIRST), organisation("d2", "district", "c", SECOND)]
    )
    engine.dispose()
    printed = run(data, "targets", "--scope", "organisation:c", "--lang", "en")
    assert printed.stdout.splitlines()[0] == "Targets of the year 2026 · organisation:c · As of 2026-02-28"
    assert f"{FIRST}/electricity: nothing known for 2026-01" in printed.stdout
    answer = json.loads(run(data, "targets", "--scope", "organisation:d2", "--group", SECOND, "--json").stdout)
    assert (answer["scope"], answer["indicators"][0]["params"]) == ("organisation:d2", {"meter": "electricity", "month": "2026-01"})
    for scope, group, said in (
        ("organisation:x", None, "--scope: no organisation 'x' in the tree"),
        ("organisation:c", FIRST, "--scope: no organisation 'c' in the tree"),
        ("organisation:c", "1", f"--group: expected one of {FIRST}, {SECOND}, got '1'"),
    ):
        done = run(data, "targets", "--scope", scope, *([] if group is None else ["--group", group]))
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"jieyue-cloud: {said}\n")


def test_a_tree_that_was_changed_meanwhile_is_looked_at_again(engine: sa.Engine) -> None:
    """Nothing else is entered than what somebody agreed to."""
    enter(engine, [], [])
    stated = [organisation("p", "province")]
    with engine.connect() as connection:
        planned = plan_tree(connection, stated).changes
    enter_tree(engine, stated, planned, "wang", 1)
    with pytest.raises(EntryRefused, match="the tree was changed meanwhile; nothing was entered"):
        enter_tree(engine, [organisation("q", "province")], planned, "li", 2)
    with engine.connect() as connection:
        assert set(queries.tree(connection).by_id) == {"p"}
        assert list(connection.execute(sa.select(tables.audit.c.by)).scalars()) == ["wang"]


def test_a_database_that_takes_nothing_any_more_is_one_line(data: Path) -> None:
    """Whatever a command was about: what the database said, without the statement."""
    said = sqlite3.OperationalError("database is locked")
    with pytest.raises(OSError, match=r"registry\.db: .*database is locked$"), database(Settings(data=data)):
        raise sa.exc.OperationalError("UPDATE site SET name = 'x'", {}, said)
