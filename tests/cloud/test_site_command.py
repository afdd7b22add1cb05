"""`jieyue-cloud migrate` and `site`: the only commands that change a schema and enter a site."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud.platform.database import open_database, writing
from tests.cloud import tables
from tests.cloud.folder import rows, run

SITE = """\
id: own
name: {zh: 自, en: Own}
group: "510811"
latitude: 32.4
longitude: 105.8
compounds: [{id: c, name: {zh: 院, en: Yard}, buildings: []}]
units: [{id: u, name: {zh: 局, en: Bureau}, compound: c, headcount: 80, area: 900}]
gateways: [{id: gw}]
buses: []
devices: []
meters: [{id: oil, name: {zh: 油, en: Oil}, energy: diesel, main: true, units: [u]}]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A site of one unit."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "site.yaml").write_text(SITE, encoding="utf-8")
    return tmp_path / "site"


def test_no_command_makes_a_database_but_migrate_and_none_enters_a_site_but_apply(tmp_path: Path, own: Path) -> None:
    """Before them each command says in one line what lacks, and leaves no file (H1: a forgotten JIEYUE_SITE enters nothing)."""
    data = tmp_path / "cloud"
    missing = "jieyue-cloud: the database cannot be used: it has no schema yet: jieyue-cloud migrate\n"
    for command in (["token", "x"], ["serve"], ["site", "apply", str(own), "--yes"]):
        done = run(data, *command)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", missing)
    assert not data.exists()
    assert run(data, "migrate").returncode == 0
    done = run(data, "serve")
    assert (done.returncode, done.stderr) == (2, "jieyue-cloud: the database holds no site yet: jieyue-cloud site apply FOLDER\n")
    assert run(data, "token", "x").returncode == 0
    done = run(data, "targets")
    assert (done.returncode, done.stderr) == (2, "jieyue-cloud: the database holds no site yet: jieyue-cloud site apply FOLDER\n")
    assert rows(data, tables.unit) == []


def test_a_site_is_entered_after_somebody_agreed(tmp_path: Path, own: Path) -> None:
    """Without a terminal `--yes` is needed where something changes; then it is told, entered once, and nothing changes any more."""
    data = tmp_path / "cloud"
    assert run(data, "migrate").returncode == 0
    first = "the first site: own, 1 unit, 1 meter, 0 devices, 1 gateway\n"
    refused = run(data, "site", "apply", str(own))
    said = "nobody can be asked, since this is no terminal; nothing was entered: look at it and give --yes"
    assert (refused.returncode, refused.stdout, refused.stderr) == (2, first, f"jieyue-cloud: {said}\n")
    assert run(data, "site", "apply", str(own), "--yes").stdout == first + "entered\n"
    (own / "site.yaml").write_text(SITE.replace("headcount: 80", "headcount: 95"), encoding="utf-8")
    told = "changed unit u: headcount 80 -> 95 from 2026-03-01\nfigures restated: none\n"
    assert run(data, "site", "apply", str(own), "--yes", "--if-empty").stdout == ""
    assert run(data, "site", "plan", str(own)).stdout == told
    assert [r["value"] for r in rows(data, tables.denominator) if r["kind"] == "headcount"] == [80]
    assert run(data, "site", "apply", str(own), "--yes", "--by", "wang").stdout == told + "entered\n"
    again = run(data, "site", "apply", str(own))
    assert (again.returncode, again.stdout) == (0, "nothing changes\n")
    assert [r["by"] for r in rows(data, tables.audit)] == ["command line", "wang"]


def test_an_older_and_a_newer_schema_are_refused_with_what_to_do(tmp_path: Path, entered: Callable[..., Path]) -> None:
    """The older one names `migrate`, the newer one both versions; neither is touched."""
    data = entered(tmp_path)
    for version, said in (("0001", "its schema is 0001 and 0"), ("9999", "its schema is 9999, which is newer than this version")):
        engine = open_database(f"sqlite:///{data / 'registry.db'}")
        with writing(engine).begin() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = :v"), {"v": version})
        engine.dispose()
        done = run(data, "token", "x")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert said in done.stderr
        assert ("jieyue-cloud migrate" in done.stderr) == (version == "0001")
