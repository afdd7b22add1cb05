from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

import pytest

import cloud
from cloud.alerts.conditions import record
from cloud.api.problems import Thing
from cloud.definitions import definitions
from cloud.ingest.broker_log import Reason
from cloud.ledger import findings
from cloud.texts import LANGUAGES, catalogue, in_words
from contract.coded import Message, loads, read

NAMES = {"m1": "总表"}
SOURCES = sorted(Path(cloud.__path__[0]).rglob("*.py"))
MADE: dict[str, Iterable[str]] = {
    "event.{event.kind}": [f"event.{kind}" for kind in get_args(record.Kind)],
    "finding.{worst.kind}": [f"finding.{kind}" for kind in findings.KINDS],
    "denominator.{definition.per}": [f"denominator.{one.per}" for one in definitions() if one.per_name],
    "target.{indicator.id}": [f"target.{one.id}" for one in definitions()],
    "command.{kind}": [f"command.{kind}" for kind in ("no_line", "no_answer", "device_refused")],
    "thing.{what}": [f"thing.{what}" for what in get_args(Thing)],
    "{_TEXTS}{told.reason}": [f"broker.{reason}" for reason in Reason],
}
"""Codes that are put together, with all that stands behind them."""
NOTHING = Message("reason.nothing_known", meter="m1", month="2026-02")
FAULTS: list[tuple[Message, str, str]] = [
    (NOTHING, "m1: nothing known for 2026-02", "总表：2026-02 无数据"),  # noqa: RUF001 (as Chinese is written)
    (Message("reason.baseline", why=NOTHING), "baseline: m1: nothing known for 2026-02", "上年同期：总表：2026-02 无数据"),  # noqa: RUF001
    (
        Message("reason.year_over", why=Message("reason.silent", meter="m1", since="2026-09-19T16:00:00.000Z")),
        "the year is over: m1: nothing counted since 2026-09-20 00:00",
        "全年已结束，数据不全：总表：2026-09-20 00:00 起无计量数据",  # noqa: RUF001 (as Chinese is written)
    ),
    (
        Message("reason.by_month_only", last=2025, year=2026),
        "2025 is known by the month only, and no month of 2026 is complete",
        "2025 年只有按月数据，而 2026 年尚无完整的一月",  # noqa: RUF001 (as Chinese is written)
    ),
    (
        Message("reason.estimated", this=6.0, last=12.3),
        "estimated: 6.0 % of this year, 12.3 % of last year",
        "含估算：本年 6.0 %，上年同期 12.3 %",  # noqa: RUF001 (as Chinese is written)
    ),
    (Message("reason.off_receipt", off=-122), "measured -122 s off its receipt", "测量时间与接收时间相差 -122 秒"),
    (Message("reason.runs_off", off=31), "runs +31 s off", "时钟偏差 +31 秒"),
    (Message("reason.not_finite", value="nan"), "nan is not a finite number", "nan 不是有限的数值"),
    (Message("reason.own_name", name="'time'"), "'time' is a name of the store's own", "'time' 是存储自用的名称"),
    (Message("reason.reported_by", node="m1"), "reported by m1", "由 总表 报告"),
    (Message("reason.of_tomorrow", node="m1", most=3), "reason.of_tomorrow most=3 node=m1", "reason.of_tomorrow most=3 node=总表"),
    (Message("reason.runs_off", off="far"), "reason.runs_off off=far", "reason.runs_off off=far"),
    (Message("reason.runs_off"), "reason.runs_off", "reason.runs_off"),
    (Message("text", text="something that nobody foresaw"), "something that nobody foresaw", "something that nobody foresaw"),
]


@pytest.mark.parametrize(("message", "english", "chinese"), FAULTS, ids=lambda given: given.code if isinstance(given, Message) else "")
def test_a_message_is_said_in_both_languages(message: Message, english: str, chinese: str) -> None:
    """Numbers and times are written by the catalogue, ids become names where there are any, and a message may hold another."""
    assert in_words(message, "en") == english
    assert in_words(message, "zh", NAMES) == chinese


def test_a_command_takes_the_id_and_not_the_name() -> None:
    """What a person is told to run must work: elsewhere in the same text an id is shown by its name."""
    why, day = Message("reason.reported_by", node="m1"), "2026-03-01T00:00:00.000Z"
    said = Message("reason.refused_again", number=3, first=day, last=day, why=why, node="m1", begin=day, end=day, point="power", at=0)
    told = in_words(said, "zh", NAMES)
    assert "jieyue-cloud resend m1 --from" in told
    assert "由 总表 报告" in told


def test_a_message_comes_back_from_its_json() -> None:
    """Nested or not; equal messages are one in a set, and their text is the same in whatever order they were filled."""
    whole = Message("reason.baseline", why=NOTHING)
    assert loads(whole.dumps()) == whole
    assert whole.form() == {
        "code": "reason.baseline",
        "params": {"why": {"code": "reason.nothing_known", "params": {"meter": "m1", "month": "2026-02"}}},
    }
    turned = Message("reason.nothing_known", month="2026-02", meter="m1")
    assert ({turned, NOTHING}, turned.dumps()) == ({NOTHING}, NOTHING.dumps())
    assert Message("reason.no_meter_then", year=2025) != Message("reason.no_meter_then", year=2026)


@pytest.mark.parametrize(
    "text", ["", "measured -122 s off its receipt", "5", "[]", '{"reason": "x", "span": {}}', '{"code": "x", "params": 5}']
)
def test_what_is_no_message_is_a_text(text: str) -> None:
    """An earlier version may have written it while the database was brought to the newest schema: nobody fails for it."""
    assert read(text) == Message("text", text=text)
    with pytest.raises(ValueError, match=r"[Ee]xpect"):
        loads(text)


def test_both_languages_are_filled_with_the_same() -> None:
    """A text wants the same parameters in Chinese and in English."""
    for key, both in catalogue().items():
        assert wanted(both["zh"]) == wanted(both["en"]), key


def wanted(text: str) -> set[str]:
    return set(re.findall(r"{(\w+)", text))


def messages() -> Iterator[tuple[str, ast.Call]]:
    """Every place of the service that makes a message."""
    for source in SOURCES:
        tree = ast.parse(source.read_text(encoding="utf-8"))
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.names[0].name == "Message"}
        name = "Message" if "contract.coded" in modules else "coded.Message"
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
        yield from ((f"{source.name}:{call.lineno}", call) for call in calls if ast.unparse(call.func) == name)


def test_every_message_that_code_makes_is_in_the_catalogue() -> None:
    """By a code that stands in the code, with all that its text is filled with."""
    made = list(messages())
    assert len(made) >= 15
    for place, call in made:
        given = {keyword.arg for keyword in call.keywords}
        for code in codes(call.args[0]):
            for language in LANGUAGES:
                assert wanted(catalogue()[code][language]) <= given, (place, code)


OTHERS_WORDS = {"faults.py", "problems.py", "refusals.py", "results.py"}
"""Who passes on what pydantic, the web framework, the time-series store or a gateway says, which no catalogue can know."""


def test_the_product_has_no_sentence_of_its_own_outside_the_catalogue() -> None:
    """The code of what is nothing but a text stands only where the words are another's."""
    bare = {place.partition(":")[0] for place, call in messages() if ast.unparse(call.args[0]) in {"'text'", "TEXT", "coded.TEXT"}}
    assert bare == OTHERS_WORDS


def codes(made: ast.expr) -> Iterable[str]:
    """A code as it stands there, one of two, or all that one is put together to; the code of a message that is copied is none."""
    if isinstance(made, ast.IfExp):
        return [*codes(made.body), *codes(made.orelse)]
    if isinstance(made, ast.Attribute) and made.attr == "code":
        return []
    if ast.unparse(made) == "coded.TEXT":
        return ["text"]
    return [str(made.value)] if isinstance(made, ast.Constant) else MADE[ast.unparse(made)[2:-1]]


def test_nothing_reads_a_text_of_the_catalogue_back() -> None:
    """No module of the service that knows the catalogue makes patterns; what was stored as sentences was turned once, by a migration."""
    for source in SOURCES:
        text = source.read_text(encoding="utf-8")
        assert not ("catalogue" in text and re.search(r"^import re$|^from re import", text, re.MULTILINE)), source.name
