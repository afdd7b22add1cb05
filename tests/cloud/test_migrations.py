"""Upgrades of a database that holds data."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from cloud.ledger.model import Learnt
from cloud.ledger.repository import records
from cloud.platform.database import MIGRATIONS, revisions, schema_fault, writing
from cloud.platform.migrating import migrate
from cloud.texts import in_words
from contract.coded import Message, Param
from tests.cloud import tables
from tests.cloud.district import key

HOUR = 3_600_000
BEGIN = 1_790_000_000_000 // HOUR * HOUR
JUDGED: dict[str, object] = {"grp": "510802", "source": "em", "by": "judged", "state": "closed", "recorded_at": 1}
JUDGED |= {"whole": False, "good": "{}", "why": ""}


@pytest.fixture
def at_0009(bare_database: sa.Engine) -> sa.Engine:
    """A database of each kind with the schema 0009."""
    migrate(bare_database, "0009")
    return bare_database


def insert(engine: sa.Engine, name: str, *rows: dict[str, object]) -> None:
    """Rows of a table as the database has it."""
    table = sa.Table(name, sa.MetaData(), autoload_with=engine)
    with writing(engine).begin() as connection:
        connection.execute(sa.insert(table), list(rows))


def rows(engine: sa.Engine, *columns: sa.ColumnElement[object]) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(*columns))]


def test_the_names_of_the_scripts_say_what_alembic_reads_in_them() -> None:
    """The service knows schemas by the scripts' names and does not import Alembic for it; the newest is the one head."""
    scripts = ScriptDirectory(MIGRATIONS)
    assert [script.revision for script in scripts.walk_revisions()] == revisions()[::-1]
    assert scripts.get_heads() == [revisions()[-1]]


def test_hours_with_several_ratios_are_counted_anew_once(at_0009: sa.Engine) -> None:
    """Two ratios of one meter within an hour that is touched already, and one of another meter: each hour is touched once more."""
    ratio: dict[str, object] = {"grp": "510802", "factor": "2", "reason": "", "recorded_by": "wang", "recorded_at": 1}
    times = (("em", BEGIN + 1), ("em", BEGIN + 1_200_000), ("other", BEGIN + HOUR))
    insert(at_0009, "ratio_change", *({"meter": meter, "at": at} | ratio for meter, at in times))
    insert(at_0009, "touched", {"meter": "em", "hour": BEGIN, "generation": 4})
    migrate(at_0009)
    touched = tables.touched.c
    assert rows(at_0009, touched.meter, touched.hour, touched.generation) == [("em", BEGIN, 5), ("other", BEGIN + HOUR, 1)]
    assert rows(at_0009, tables.ratio_change.c.at, tables.ratio_change.c.placed_at) == [(at, None) for _, at in times]
    assert schema_fault(at_0009) is None


def test_what_is_known_of_clocks_stays_and_a_second_power_cut_finds_room(at_0009: sa.Engine) -> None:
    """A judged row learns when it truly began, a recorded one has 0; after the upgrade the same time may be judged twice."""
    span: dict[str, object] = {"valid_from": BEGIN, "valid_to": BEGIN + HOUR, "offset_from_ms": HOUR, "offset_to_ms": HOUR}
    insert(at_0009, "clock_offset", JUDGED | span, JUDGED | span | {"by": "wang"})
    numbers: dict[str, object] = dict.fromkeys(("since", "at", "until", "before", "after", "amount", "stake"), 1)
    insert(at_0009, "judgement", {"grp": "510802", "meter": "em", "kind": "jump"} | numbers)
    migrate(at_0009)
    insert(at_0009, "clock_offset", JUDGED | span | {"began_at": BEGIN + HOUR})
    offset = tables.clock_offset.c
    assert rows(at_0009, offset.by, offset.began_at, offset.valid_to) == [
        ("judged", BEGIN - HOUR, BEGIN + HOUR), ("judged", BEGIN + HOUR, BEGIN + HOUR), ("wang", 0, BEGIN + HOUR),
    ]  # fmt: skip
    with pytest.raises(sa.exc.IntegrityError):
        insert(at_0009, "clock_offset", JUDGED | span | {"began_at": BEGIN + HOUR})
    assert rows(at_0009, tables.judgement.c.resume) == [(None,)]


def test_what_was_learnt_before_load_shapes_stays_and_gives_none(at_0009: sa.Engine) -> None:
    """A row of before keeps its rate and step and has no weights; the next one may have them."""
    row: dict[str, object] = {"grp": "510802", "meter": "em", "valid_from": BEGIN, "rate": 3000, "step": 10}
    insert(at_0009, "learnt", row)
    migrate(at_0009)
    insert(at_0009, "learnt", row | {"valid_from": BEGIN + HOUR, "weights": "[1, 2]"})
    learnt = tables.learnt.c
    assert rows(at_0009, learnt.valid_from, learnt.rate, learnt.step, learnt.weights) == [
        (BEGIN, 3000, 10, None), (BEGIN + HOUR, 3000, 10, "[1, 2]"),
    ]  # fmt: skip
    with at_0009.connect() as connection:
        assert records.load(connection, [key("em")])[key("em")].learnt[0] == Learnt(BEGIN, 3000, 10, None)
    assert schema_fault(at_0009) is None


def test_hours_of_the_ledger_stay_when_their_table_is_written_anew(at_0009: sa.Engine) -> None:
    """Every column of every hour is as before; on SQLite the table has no row ids any more."""
    hours: list[dict[str, object]] = [
        {"meter": meter, "hour": BEGIN + n * HOUR, "provenance": kind, "amount": n, "provisional": n % 2 == 0, "level_at": at, "level": at}
        for n, (meter, kind, at) in enumerate([("em", "measured", BEGIN), ("em", "estimated", None), ("wm", "manual", None)])
    ]
    insert(at_0009, "ledger_hour", *hours)
    migrate(at_0009)
    with at_0009.connect() as connection:
        found = [dict(row) for row in connection.execute(sa.select(tables.ledger_hour).order_by(tables.ledger_hour.c.hour)).mappings()]
        assert found == [{"grp": ""} | hour for hour in hours]  # nothing says whose the meters were
        if connection.dialect.name == "sqlite":
            made = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'ledger_hour'").scalar_one()
            assert made.rstrip().endswith("WITHOUT ROWID")
    assert schema_fault(at_0009) is None


def test_a_tree_of_organisations_finds_room_beside_what_is_there(bare_database: sa.Engine) -> None:
    """The site of before stays; the tree is empty, takes organisations of a district that was not entered, and none below nobody."""
    migrate(bare_database, "0020")
    insert(bare_database, "site", {"grp": "510802", "id": "s", "name": "{}", "published_as": ""})
    migrate(bare_database)
    assert rows(bare_database, tables.site.c.grp, tables.site.c.name) == [("510802", "{}")]
    assert rows(bare_database, tables.organisation.c.id) == []
    city: dict[str, object] = {"id": "c", "parent": None, "kind": "city", "name": "{}", "grp": None, "unit": None}
    insert(bare_database, "organisation", city, city | {"id": "d", "parent": "c", "kind": "district", "grp": "510811"})
    with pytest.raises(sa.exc.IntegrityError):
        insert(bare_database, "organisation", city | {"id": "e", "parent": "nobody"})
    assert schema_fault(bare_database) is None


def test_rules_that_stand_somewhere_get_a_revision(bare_database: sa.Engine) -> None:
    """One for each district that has any, so that a time that is taken back is counted from the first day."""
    migrate(bare_database, "0020")
    stands: dict[str, object] = {"rule": "r", "phase": "pending", "memory": "{}"}
    insert(
        bare_database, "alert_state", *(stands | {"grp": group, "subject": name} for group, name in (("a", "1"), ("a", "2"), ("b", "1")))
    )
    migrate(bare_database)
    assert rows(bare_database, tables.alert_revision.c.grp, tables.alert_revision.c.number) == [("a", 1), ("b", 1)]


REFUSED = "readings that are not on record were refused 4 times, measured from 2026-11-01T00:00:00.000Z to 2026-11-01T00:05:00.000Z "
SPAN: dict[str, Any] = {"number": 4, "first": 1_793_491_200_000, "last": 1_793_491_500_000, "point": "power", "at": 1_793_491_500_000}
OF_SPAN: dict[str, Param] = {name: SPAN[name] for name in ("number", "point", "at")} | {
    "first": "2026-11-01T00:00:00.000Z", "last": "2026-11-01T00:05:00.000Z", "why": Message("reason.own_name", name="'time'"),
}  # fmt: skip
RESEND = {"node": "gw", "begin": "2026-11-01T00:00:00.000Z", "end": "2026-11-01T00:05:00.001Z"}
COUNTED: dict[str, Param] = {"since": "2026-11-01T00:00:00.000Z", "before": 900, "after": 3, "counted": 3, "unit": "Wh"}
UNSURE = "measured +7200 s off its receipt; no time service keeps the cloud's clock, so that may be the one that is off"
EVENTS: list[tuple[str, Message]] = [
    (json.dumps(COUNTED), Message("reason.counter", **COUNTED)),
    (
        json.dumps({"reason": "electricity: 1e+17 kWh does not fit the ledger (int64 of Wh)"}),
        Message("reason.no_fit", energy="electricity", value=1e17, unit="kWh", base="Wh"),
    ),
    ("runs -31 s off", Message("reason.runs_off", off=-31)),
    ("measured +130 s off its receipt", Message("reason.off_receipt", off=130)),
    (UNSURE, Message("reason.off_receipt_unsure", off=7200)),
    ("reported by gw", Message("reason.reported_by", node="gw")),
    ("gw has more than 1000 points for it; 3 were left out", Message("reason.too_many_points", node="gw", most=1000, number=3)),
    ("gw speaks for a device of other; record a handover to allow it", Message("reason.handover", node="gw", gateway="other")),
    ("JT/T 808 alarm bit 0", Message("reason.emergency")),
    (
        json.dumps({
            "reason": f"{REFUSED}('time' is a name of the store's own); once that is mended: "
            "jieyue-cloud resend gw --from 2026-11-01T00:00:00.000Z --to 2026-11-01T00:05:00.001Z",
            "span": SPAN,
        }),
        Message("reason.refused_again", **OF_SPAN, **RESEND),
    ),
    (
        json.dumps({"reason": f"{REFUSED}('time' is a name of the store's own); nobody keeps them", "span": SPAN}),
        Message("reason.refused_gone", **OF_SPAN),
    ),
    (
        json.dumps({"reason": "not_authorised", "detail": "陌生人", "number": 12}),
        Message("broker.not_authorised", detail="陌生人", number=12),
    ),
    ("what nobody foresaw", Message("text", text="what nobody foresaw")),
    ('{"other": 1}', Message("text", text='{"other": 1}')),
    ("", Message("text", text="")),
]  # fmt: skip
REASONS: list[tuple[str, Message]] = [
    ("good, but without a value", Message("reason.no_value")),
    ("nan is not a finite number", Message("reason.not_finite", value="nan")),
    ("time 99999999999999999 ms is outside what can be stored", Message("reason.not_a_time", at=99_999_999_999_999_999)),
    ("'a__q' is a name of the store's own", Message("reason.own_name", name="'a__q'")),
    ("'#a' would read as a comment", Message("reason.comment", name="'#a'")),
    ("a name is empty", Message("reason.empty_name")),
    ("'xx'… is longer than 200 characters", Message("reason.long_name", name="'xx'…", most=200)),
    (
        r"'a\\b' holds a backslash, a line break or another unprintable character",
        Message("reason.unprintable", name=r"'a\\b'"),
    ),
    ("partial write: field type conflict dropped=1", Message("text", text="partial write: field type conflict dropped=1")),
]  # fmt: skip
UNTOLD: list[tuple[str | None, Message | None]] = [
    ("the receiver cannot be reached or refused it", Message("told.unreachable")),
    ("its address is not understood", Message("told.not_understood")),
    (
        "the mail server cannot be reached or refused it (ConnectionRefusedError)",
        Message("told.mail_server", error="ConnectionRefusedError"),
    ),
    ("a fault of the sender (RuntimeError)", Message("told.sender", error="RuntimeError")),
    (None, None),
]


def test_sentences_become_messages_that_say_the_same(bare_database: sa.Engine) -> None:
    """Each kind of event and refusal of before; the English text stays to the letter, and one that is not known is a text."""
    migrate(bare_database, "0018")
    insert(bare_database, "event", *(
        {"kind": "k", "grp": "g", "subject": "s", "at": at, "detail": said} for at, (said, _) in enumerate(EVENTS)
    ))  # fmt: skip
    refused = {"grp": "g", "class": "c", "device": "d", "point": "p", "quality": 192, "received_at": 1}
    insert(bare_database, "rejected_reading", *(refused | {"at": at, "reason": said} for at, (said, _) in enumerate(REASONS)))
    texts = dict.fromkeys(("id", "grp", "rule", "severity", "state", "subject", "subject_name", "title", "detail", "unit"), "a")
    insert(bare_database, "alert", texts | {"since": 1, "fired_at": 1})
    message = {"alert": "a", "event": "fired", "channel": "c", "state": "failed", "made_at": 1, "tries": 1}
    insert(bare_database, "notification", *(message | {"key": str(n), "reason": said} for n, (said, _) in enumerate(UNTOLD)))
    migrate(bare_database)
    event, rejected, told = tables.event.c, tables.rejected_reading.c, tables.notification.c
    assert [text for _, text in rows(bare_database, event.at, event.detail)] == [message.dumps() for _, message in EVENTS]
    assert [text for _, text in rows(bare_database, rejected.at, rejected.reason)] == [message.dumps() for _, message in REASONS]
    assert [text for _, text in rows(bare_database, told.id, told.reason)] == [one and one.dumps() for _, one in UNTOLD]
    for text, one in [*EVENTS, *REASONS, *UNTOLD]:
        if one and text and not text.startswith("{"):
            assert in_words(one, "en") == text
    assert schema_fault(bare_database) is None
