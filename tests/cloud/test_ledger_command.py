"""`jieyue-cloud ledger status`: how far the ledger has counted what came in, at the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud.ledger import book, progress
from cloud.platform.database import open_database, writing
from contract.clock import iso, parse_time
from tests import commands
from tests.cloud import tables
from tests.cloud.district import GROUP

BEGIN, HOUR = parse_time("2026-02-01T00:00:00+08:00"), 3_600_000
WAITING = {"c1-e-main": range(3, 10), "c2-e-main": range(5), "gone": range(2)}


def touch(data: Path) -> None:
    """Hours of two meters of the site, and of one that it has no more; one counted hour of two provenances may still change."""
    rows = [{"grp": GROUP, "meter": meter, "hour": BEGIN + n * HOUR, "generation": 1} for meter, hours in WAITING.items() for n in hours]
    counted = {"grp": GROUP, "meter": "c1-e-main", "hour": BEGIN, "amount": 5, "provisional": True}
    engine = open_database(f"sqlite:///{data / 'registry.db'}")
    with writing(engine).begin() as connection:
        connection.execute(sa.insert(tables.touched), rows)
        connection.execute(sa.insert(tables.ledger_hour), [counted | {"provenance": one} for one in ("measured", "estimated")])
    engine.dispose()


def status(data: Path, *arguments: str) -> str:
    done = commands.run("cloud", "ledger", "status", *arguments, environment=os.environ | {"JIEYUE_DATA": str(data)})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_nothing_waits(data: Path) -> None:
    """There is no oldest hour, no rate and no estimate then: what is not known is absent, not 0."""
    assert status(data) == "no hour waits\n0 counted hours are provisional\n"
    said = json.loads(status(data, "--json"))
    nothing: dict[str, object] = {"oldest": None, "hours_per_second": None, "seconds_left": None, "energies": [], "most": []}
    assert said == {"waiting": 0, "meters": 0, "provisional": 0} | nothing


def test_what_waits_is_told_by_meter_and_energy_and_stays(data: Path) -> None:
    """The meter with the most hours comes first, a meter that is gone has no energy; asking changes nothing."""
    touch(data)
    said = json.loads(status(data, "--json"))
    assert (said["waiting"], said["meters"], said["oldest"], said["provisional"]) == (14, 3, iso(BEGIN), 1)
    assert (said["hours_per_second"], said["seconds_left"]) == (0.0, None)
    assert said["energies"] == [
        {"energy": None, "waiting": 2, "provisional": 0},
        {"energy": "electricity", "waiting": 12, "provisional": 1},
    ]
    assert said["most"] == [
        {"meter": "c1-e-main", "group": GROUP, "energy": "electricity", "waiting": 7, "oldest": iso(BEGIN + 3 * HOUR)},
        {"meter": "c2-e-main", "group": GROUP, "energy": "electricity", "waiting": 5, "oldest": iso(BEGIN)},
        {"meter": "gone", "group": GROUP, "energy": None, "waiting": 2, "oldest": iso(BEGIN)},
    ]
    assert status(data).splitlines()[:4] == [
        f"14 hours of 3 meters wait, the oldest {iso(BEGIN)}",
        "0 hours a second; the list does not become shorter",
        "1 counted hours are provisional",
        "of no known meter: 2 wait, 0 provisional",
    ]


def test_the_rate_is_what_left_the_list_between_two_looks(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 14 hours that wait 4 go within the look: the rest takes ten quarters of its time."""
    touch(data)
    engine = open_database(f"sqlite:///{data / 'registry.db'}")

    class Settling:
        """A time in which the settler works while somebody sleeps."""

        now = 100.0

        def monotonic(self) -> float:
            return self.now

        def sleep(self, seconds: float) -> None:
            self.now += seconds
            with writing(engine).begin() as connection:
                connection.execute(sa.delete(tables.touched).where(tables.touched.c.hour >= BEGIN + 6 * HOUR))

    monkeypatch.setattr(progress, "time", Settling())
    found = progress.progress(engine)
    assert found.rate == pytest.approx(4 / progress.LOOKED)
    assert found.waiting == 14
    assert book.backlog(engine) == 10
    assert found.seconds_left == pytest.approx(14 * progress.LOOKED / 4)
    engine.dispose()
