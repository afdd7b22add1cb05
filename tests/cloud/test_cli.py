"""The commands of `jieyue-cloud` that end by themselves."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud.accounts import tokens
from cloud.platform.database import open_database, writing
from contract import sparkplug
from contract.clock import parse_time
from tests.cloud import tables
from tests.cloud.folder import LATER, rows, run

EXCHANGE = ["exchange", "c1-e-main", "--at", "2026-02-01T10:00:00+08:00", "--last", "5000.5", "--first", "1", "--reason", "new"]


def test_a_token_is_issued_kept_as_a_digest_and_withdrawn(data: Path) -> None:
    """What is printed is kept nowhere; after `revoke` it is worth nothing, and there is nothing more to revoke."""
    text = run(data, "token", "wall", "--role", "viewer").stdout.strip()
    assert text.startswith(tokens.PREFIX)
    assert text.encode() not in (data / "registry.db").read_bytes()
    engine = open_database(f"sqlite:///{data / 'registry.db'}")
    assert tokens.find(engine, text) is not None
    done = run(data, "revoke", "wall")
    assert (done.returncode, done.stdout) == (0, "1 revoked\n")
    assert tokens.find(engine, text) is None
    engine.dispose()
    again = run(data, "revoke", "wall")
    assert (again.returncode, again.stderr) == (2, "jieyue-cloud: no valid token of 'wall'\n")


def test_targets_are_printed_as_the_interface_says_them(data: Path) -> None:
    """Valid JSON of the year that the clock has, and of no other scope than asked for."""
    done = run(data, "targets", "--scope", "compound:c1", "--json")
    answer = json.loads(done.stdout)
    assert (answer["year"], answer["scope"], answer["as_of"]) == (2026, "compound:c1", "2026-02-28T16:00:00.000Z")
    assert {item["status"] for item in answer["indicators"]} == {"no_figure"}


def test_an_exchange_and_a_profile_are_recorded(data: Path) -> None:
    """Both end with 0 and stand in the database, in base units and with who recorded them."""
    weights = data / "week.txt"
    weights.write_text(", ".join(["3"] * 168), encoding="utf-8")
    assert run(data, *EXCHANGE, "--by", "wang").returncode == 0
    assert run(data, "profile", "c1-e-main", str(weights), "--from", LATER).returncode == 0
    (exchange,), (profile,) = rows(data, tables.exchange), rows(data, tables.spread_profile)
    assert [exchange[name] for name in ("meter", "old_last", "new_first", "recorded_by")] == ["c1-e-main", 5_000_500, 1000, "wang"]
    assert json.loads(str(profile["weights"])) == [3] * 168


def foreign(data: Path) -> None:
    """A node of another group with one device, as ingest would have entered them."""
    run(data, "migrate")
    engine = open_database(f"sqlite:///{data / 'registry.db'}")
    of = {"grp": "g2", "id": "pump", "class": "foreign", "name": "{}", "gateway": "fn"}
    at = parse_time(LATER)
    with writing(engine).begin() as connection:
        connection.execute(sa.insert(tables.device), [of, of | {"id": "fn", "class": "gateway"}])
        connection.execute(sa.insert(tables.node).values(grp="g2", id="fn", online=True, changed_at=at))
        connection.execute(sa.insert(tables.birth).values(grp="g2", node="fn", device="pump", at=at, metrics='{"speed": [2, 4]}'))
    engine.dispose()


def test_a_foreign_node_is_listed_asked_and_commanded(data: Path) -> None:
    """It stands in the list with its group; question and command are queued for the service, with who, why and an audit row."""
    foreign(data)
    line = "g2/fn: foreign node, online since 2026-03-01T02:00:00.000Z, 1 devices, in a group that no site has\n"
    assert run(data, "nodes").stdout == line
    (node,) = json.loads(run(data, "nodes", "--json").stdout)
    assert (node["devices"], node["known_group"], node["stores"]) == (["pump"], False, False)
    asked = run(data, "rebirth", "fn", "--group", "g2", "--reason", "who", "--by", "li")
    given = run(data, "command", "pump", "speed", "-3", "--group", "g2", "--reason", "slower", "--expires", "90")
    kept = {str(row["id"]): row for row in rows(data, tables.command)}
    first, second = kept[asked.stdout.strip()], kept[given.stdout.strip()]
    assert [first[of] for of in ("grp", "device", "point", "why", "by", "state")] == ["g2", "fn", sparkplug.REBIRTH, "who", "li", "queued"]
    assert [second[of] for of in ("device", "point", "value", "by")] == ["pump", "speed", -3.0, "command line"]
    assert second["expires_at"] == parse_time(LATER) + 90_000
    assert [row["action"] for row in rows(data, tables.audit)] == ["site", "command", "command"]


def test_a_foreign_node_is_forgotten(data: Path) -> None:
    """By its group; it is said what went and what stays, and it is in the audit; of a gateway of the site nothing goes."""
    foreign(data)
    done = run(data, "nodes", "--forget", "fn", "--group", "g2", "--by", "li")
    assert done.stdout == (
        "forgot of g2/fn: 1 nodes, 2 devices, 0 points, 1 births\n"
        "readings stay in the time-series store; a service that runs knows what was forgotten until it is restarted\n"
    )
    assert run(data, "nodes").stdout == ""
    assert [(row["action"], row["by"]) for row in rows(data, tables.audit)][1:] == [("forget", "li")]
    before = rows(data, tables.device)
    assert "speaks for no device ''" in run(data, "nodes", "--forget", "gw-c1/").stderr
    refused = run(data, "nodes", "--forget", "gw-c1")
    assert (refused.returncode, refused.stderr) == (
        2,
        "jieyue-cloud: the site knows all that gw-c1 is and told; there is nothing to forget\n",
    )
    assert rows(data, tables.device) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rebirth", "none", "--reason", "x"], "no node 'none' in the group 510802; jieyue-cloud nodes lists them"),
        (["rebirth", "none", "--reason", " "], "--reason: expected a reason"),
        (["command", "none", "speed", "1", "--reason", "x"], "no device 'none' in the group 510802"),
        (["command", "c3-ac-01", "nope", "1", "--reason", "x"], "point: 'nope' of c3-ac-01 cannot be written; expected one of"),
        (["command", "c3-ac-01", "setpoint", "1_0", "--reason", "x"], "VALUE: expected a number such as 1234.5, got '1_0'"),
        (["command", "c3-ac-01", "setpoint", "22", "--reason", "x", "--expires", "0"], "--expires: expected seconds"),
        (["targets", "--scope", "unit:none"], "no scope 'unit:none'"),
        ([*EXCHANGE[:3], "yesterday", *EXCHANGE[4:]], "--at: expected a time as RFC 3339"),
        (["exchange", "none", *EXCHANGE[2:]], "meter: no meter 'none'"),
        ([*EXCHANGE[:5], "\uff11", *EXCHANGE[6:]], "--last: expected a number such as 1234.5, got '\uff11'"),
        ([*EXCHANGE[:5], "1_0", *EXCHANGE[6:]], "--last: expected a number such as 1234.5, got '1_0'"),
        ([*EXCHANGE[:7], "4.5e3", *EXCHANGE[8:]], "--first: expected a number such as 1234.5, got '4.5e3'"),
        ([*EXCHANGE[:7], "9" * 400, *EXCHANGE[8:]], "--first: expected a number of at most 40 characters, got 400"),
        (["load-shape", "c1-e-main", "nowhere.txt", "--from", LATER], "nowhere.txt: cannot be read: No such file or directory\n"),
        (["load-shape", "c1-e-main", os.devnull, "--from", LATER], "expected 168 weights"),
    ],
)
def test_a_wrong_command_ends_with_one_line(data: Path, arguments: list[str], said: str) -> None:
    """Exit code 2 and one line that says what was expected."""
    done = run(data, *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"3 3\n3 1_0\n", "week.txt:2: weight: expected a whole number of at most 9 digits, got '1_0'"),
        ("3 \uff11\uff12".encode(), "week.txt:1: weight: expected a whole number of at most 9 digits, got '\uff11\uff12'"),
        ("3 3".encode("utf-16"), "week.txt: cannot be read: expected UTF-8, got another encoding at byte 0"),
    ],
)
def test_a_wrong_file_of_weights_is_refused(data: Path, content: bytes, said: str) -> None:
    """One line with the file, the line and what was expected; nothing is recorded."""
    file = data / "week.txt"
    file.write_bytes(content)
    done = run(data, "load-shape", "c1-e-main", str(file), "--from", LATER)
    assert (done.returncode, done.stderr) == (2, f"jieyue-cloud: {data}/{said}\n")
    assert rows(data, tables.spread_profile) == []


OFFSET = ["clock", "offset", "c1-e-main", "--from", "2026-02-01T08:00:00Z", "--to", "2026-02-02T08:00:00Z"]


def test_a_clock_s_offset_is_recorded_and_says_what_follows(data: Path) -> None:
    """Eight hours ahead for a day: the row, an audit entry, and the hours before and after wait for the ledger."""
    done = run(data, *OFFSET, "--seconds", "28800", "--reason", "zone")
    dated = "2026-02-01T08:00:00.000Z to 2026-02-02T08:00:00.000Z was measured 2026-02-01T00:00:00.000Z to 2026-02-02T00:00:00.000Z"
    assert (done.returncode, done.stdout) == (0, f"c1-e-main: what it dated {dated}; 32 hours are counted anew\n")
    (row,) = rows(data, tables.clock_offset)
    assert (row["source"], row["offset_from_ms"], row["offset_to_ms"], row["by"], row["why"], row["whole"]) == (
        "c1-e-main", 28_800_000, 28_800_000, "command line", "zone", False,
    )  # fmt: skip
    assert "clock_offset" in [entry["action"] for entry in rows(data, tables.audit)]
    listed = "510802 c1-e-main: 2026-02-01T08:00:00.000Z to 2026-02-02T07:59:59.999Z: +28800 s, closed, command line (zone)\n"
    assert run(data, "clock", "list").stdout == listed
    (shown,) = json.loads(run(data, "clock", "list", "--json").stdout)
    assert (shown["source"], shown["seconds"], shown["state"]) == ("c1-e-main", 28800.0, "closed")
    assert len(rows(data, tables.touched)) == 32


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (["--seconds", "1_0"], "argument --seconds: expected a number such as 1234.5, got '1_0'"),
        (["--seconds", "nan"], "argument --seconds: expected a number such as 1234.5, got 'nan'"),
        (["--seconds", "3162240001"], "argument --seconds: expected seconds from -3162240000 to 3162240000, got '3162240001'"),
        (["--seconds", "9", "--group", "1"], "source: expected a device or gateway of 1, got 'c1-e-main'"),
        (
            ["--seconds", "9", "--to", "2026-01-01T00:00:00Z"],
            "to: expected a time after 2026-02-01T08:00:00.000Z, got 2026-01-01T00:00:00.000Z",
        ),
        (["--seconds", "-9000000"], "a clock that is ahead has an offset above 0"),
    ],
)
def test_an_offset_that_cannot_be_is_refused(data: Path, changed: list[str], said: str) -> None:
    """Exit code 2 and one line with what was expected; nothing is recorded."""
    done = run(data, *OFFSET, *changed)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
