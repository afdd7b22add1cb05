from __future__ import annotations

import json
from typing import Any

import pytest

from cloud.ingest.results import parse
from cloud.texts import catalogue, in_words
from contract.coded import Message
from edge.control import reasons
from edge.control.commands import Result

SAID = "99 is outside 5 to 35"
PARAMS: dict[str, Any] = {"value": 99.0, "low": 5.0, "high": 35.0}


def answer(**more: object) -> str:
    return json.dumps({"id": "c1", "state": "refused", "read_back": None, "reason": SAID} | more)


def test_a_gateways_texts_are_those_of_the_catalogue() -> None:
    """A gateway has no catalogue: it sends English beside the code, for whoever knows no code."""
    for code, text in reasons.TEXTS.items():
        assert catalogue()[code]["en"] == text, code


def test_a_reason_comes_with_its_code() -> None:
    """From a gateway to the cloud: the same message, which is said in Chinese too."""
    why = Message("command.outside", **PARAMS)
    sent = Result("c1", "refused", reason=why).dumps()
    assert json.loads(sent) == json.loads(answer(code="command.outside", params=PARAMS))
    found = parse("510802", "ac", sent).reason
    assert found == why
    assert found is not None
    assert in_words(found, "zh") == "99 超出 5 至 35 的范围"


def test_what_is_done_or_said_by_an_older_gateway_has_no_code() -> None:
    """The answer is as it always was: a reason in words alone is kept as these."""
    assert json.loads(Result("c1", "done", 21.0).dumps()) == {"id": "c1", "state": "done", "read_back": 21.0, "reason": ""}
    told = json.dumps({"id": "c1", "state": "failed", "read_back": None, "reason": "no answer in time"})
    assert parse("510802", "ac", told).reason == Message("text", text="no answer in time")
    assert parse("510802", "ac", Result("c1", "done", 21.0).dumps()).reason is None


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"code": "command.outside"},
        {"code": "command.outside", "params": PARAMS | {"low": 6.0}},
        {"code": "command.outside", "params": {"value": 99.0}},
        {"code": "command.outside", "params": PARAMS | {"more": "a\x00b"}},
        {"code": "command.outside", "params": PARAMS | {"more": "\ud800"}},
        {"code": "command.outside", "params": PARAMS | {"more": float("nan")}},
        {"code": "command.outside", "params": PARAMS | {"more": [1]}},
        {"code": "command.outside", "params": PARAMS | {"more": {"code": "text", "params": {}}}},
        {"code": "command.outside", "params": [1]},
        {"code": "command.of_tomorrow", "params": PARAMS},
        {"code": 7, "params": {}},
    ],
    ids=str,
)
def test_a_code_that_does_not_say_the_reason_is_not_believed(more: dict[str, object]) -> None:
    """Another version's, a broken one, one with what no database takes: the text stands as it came."""
    assert parse("510802", "ac", answer(**more)).reason == Message("text", text=SAID)
