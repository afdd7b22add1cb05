from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloud.texts import in_words
from contract.coded import of_form

if TYPE_CHECKING:
    from tests.cloud.api.conftest import Served

PROBLEM = "application/problem+json"
SPAN = {"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"}
POWER = {"device": "e1", "point": "power"} | SPAN
WRONG: list[tuple[str, dict[str, str], str]] = [
    ("readings", {"device": "e1", "point": "power"}, "start: Field required"),
    ("readings", POWER | {"start": "2026-03-01"}, "start: expected a time as RFC 3339"),
    ("readings", POWER | {"start": "2026-03-01T00:00:00"}, "start: expected a time as RFC 3339"),
    ("readings", POWER | {"start": "2026-02-30T00:00:00Z"}, "start: expected a time as RFC 3339"),
    ("readings", POWER | {"start": "2026-03-01T00:00:00 08:00"}, "a + in an address is written %2B"),
    ("readings", POWER | {"start": "1772323200000"}, "start: expected a time as RFC 3339"),
    ("readings", POWER | {"start": "٢٠٢٦-03-01T00:00:00Z"}, "start: expected a time as RFC 3339"),
    ("readings", POWER | {"start": "0001-01-01T00:00:00+14:00"}, "start: expected a time"),
    ("readings", POWER | {"end": "9999-12-31T23:59:59Z"}, "end: expected a time from 2000-01-01T00:00:00.000Z"),
    ("readings", POWER | {"end": SPAN["start"]}, "end: expected a time after start"),
    ("readings", POWER | {"every": "week"}, "every: Input should be 'hour', 'day', 'month', 'quarter' or 'year'"),
    ("readings", POWER | {"every": "day", "aggregate": "sum"}, "aggregate: Input should be 'mean', 'min', 'max' or 'last'"),
    ("readings", POWER | {"aggregate": "mean"}, "aggregate: expected every=hour|day|month|quarter|year beside it"),
    ("readings", POWER | {"point": "powr"}, "point: no point 'powr'"),
    ("units", {"on": "2026-3-1"}, "on: expected a day such as 2026-03-01"),
    ("units", {"on": "2026-02-29"}, "on: expected a day such as 2026-03-01"),
    ("factors", {"on": "yesterday"}, "on: expected a day"),
    ("denominators", SPAN | {"scope": "compound"}, "scope: expected district, compound:ID, unit:ID or organisation:ID"),
    ("denominators", SPAN | {"scope": "unit:a b"}, "scope: expected district"),
    ("denominators", {"scope": "district"}, "start: Field required; end: Field required"),
    ("targets", {"year": "26"}, "year: Input should be greater than or equal to 2000"),
    ("targets", {"year": "2100"}, "year: Input should be less than or equal to 2099"),
    ("targets", {"year": "this"}, "year: Input should be a valid integer"),
    ("targets", {"scope": "everything"}, "scope: expected district"),
    ("targets", {"scope": "organisation:"}, "scope: expected district, compound:ID, unit:ID or organisation:ID"),
    ("reports/targets", {"year": "2026", "scope": "organisation:city"}, "scope: expected district, compound:ID or unit:ID"),
    ("consumption", SPAN | {"meter": "m1"}, "every: Field required"),
    ("consumption", SPAN | {"meter": "m1", "every": "minute"}, "every: Input should be"),
    ("vehicles/car/trips", {"day": "2026-13-01"}, "day: expected a day"),
]
MISSING: list[tuple[str, dict[str, str], str]] = [
    ("devices/nope", {}, "no device 'nope'"),
    ("readings", POWER | {"device": "nope"}, "no device 'nope'"),
    ("readings/latest", {"device": "nope"}, "no device 'nope'"),
    ("consumption", SPAN | {"meter": "nope", "every": "day"}, "no meter 'nope'"),
    ("denominators", SPAN | {"scope": "unit:nope"}, "no scope 'unit:nope'"),
    ("denominators", SPAN | {"scope": "compound:nope"}, "no scope 'compound:nope'"),
    ("factors", {"set": "mine"}, "no factor set 'mine'"),
    ("targets", {"scope": "unit:nope"}, "no scope 'unit:nope'"),
    ("targets", {"scope": "organisation:nope"}, "no scope 'organisation:nope'"),
    ("denominators", SPAN | {"scope": "organisation:nope"}, "no scope 'organisation:nope'"),
    ("vehicles/ac/trips", {}, "no vehicle 'ac'"),
    ("commands/nope", {}, "no command 'nope'"),
    ("nope", {}, "Not Found"),
]


@pytest.mark.parametrize(("path", "params", "said"), WRONG)
async def test_a_wrong_parameter_is_refused_with_what_was_expected(path: str, params: dict[str, str], said: str, served: Served) -> None:
    """Nothing is guessed: 422 as a problem that says which parameter and what it should have been."""
    answer = await served.get(f"/api/v1/{path}", params)
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert said in answer.json()["detail"]
    assert answer.json()["status"] == 422
    message = of_form(answer.json())
    assert in_words(message, "en") == answer.json()["detail"]
    assert '"code": "text"' not in message.dumps(), "it can be said in Chinese"


@pytest.mark.parametrize(("path", "params", "said"), MISSING)
async def test_what_does_not_exist_is_named(path: str, params: dict[str, str], said: str, served: Served) -> None:
    """404 as a problem that says what there is not, rather than an empty list."""
    answer = await served.get(f"/api/v1/{path}", params)
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)
    assert answer.json()["detail"] == in_words(of_form(answer.json()), "en") == said


async def test_a_problem_can_be_said_in_chinese(served: Served) -> None:
    """By the code and the parameters beside the English text."""
    missing = (await served.get("/api/v1/consumption", SPAN | {"meter": "nope", "every": "day"})).json()
    assert (missing["code"], missing["params"]["name"]) == ("problem.none", "'nope'")
    assert in_words(of_form(missing), "zh") == "没有计量点 'nope'"


async def test_all_faults_of_a_request_are_said_in_chinese(served: Served) -> None:
    """Each by its kind: what is missing, too small, or no time."""
    answer = (await served.get("/api/v1/consumption", {"start": "now", "end": "2027-01-01T00:00:00Z", "meter": "m1"})).json()
    said = "参数无效：start：应为带时区的 RFC 3339 时间，如 2026-03-01T00:00:00Z（地址中的 + 写作 %2B）；every：缺少此项"  # noqa: RUF001
    assert in_words(of_form(answer), "zh") == said


async def test_a_thousand_faults_are_told_as_one_message(served: Served) -> None:
    """However many there are, the message can be read again and said."""
    body = {f"x{number}": 1 for number in range(1000)}
    answer = (await served.post("/api/v1/devices/ac/commands", body)).json()
    assert len(answer["errors"]) == 1004
    assert in_words(of_form(answer), "en") == answer["detail"]


async def test_a_method_that_a_route_has_not_is_a_problem_too(served: Served) -> None:
    """405 comes in the same form."""
    answer = await served.post("/api/v1/devices", {})
    assert (answer.status_code, answer.headers["content-type"]) == (405, PROBLEM)
    assert answer.headers["allow"] == "GET"


async def test_a_problem_does_not_repeat_what_was_sent(served: Served) -> None:
    """What somebody put into a parameter does not come back."""
    answer = await served.get("/api/v1/units", {"on": "<script>alert(1)</script>"})
    assert "<script>" not in answer.text
    assert answer.json()["errors"] == [{"in": "query", "name": "on", "detail": "expected a day such as 2026-03-01"}]
