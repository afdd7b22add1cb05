"""The application is held to its own description by generated requests, right ones and wrong ones."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import content_type_conformance, not_a_server_error, response_schema_conformance, status_code_conformance
from schemathesis.core.result import Ok
from starlette.testclient import TestClient

from cloud.accounts import tokens
from cloud.accounts.model import Role
from cloud.api.app import create_app
from cloud.reports import queue
from cloud.reports.queue import Limits, ReportQueue

if TYPE_CHECKING:
    from cloud.api.context import Context

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
KNOWN: dict[str, str | int] = {"device": "e1", "vehicle": "car", "point": "power", "meter": "m1", "scope": "unit:u1", "set": "national"}
KNOWN |= {
    "report": "targets",
    "node": "gw-1",
    "group": "510802",
    "year": 2026,
    "alert": "a1",
    "format": "xlsx",
    "start": "2026-03-01T00:00:00Z",
    "end": "2026-04-01T00:00:00Z",
}
"""What the small site has: a generated id is nearly always unknown, so each request is also made with these."""
UNREACHED = {
    "GET /api/v1/commands/{command}",
    "POST /api/v1/devices/{device}/commands",
    "POST /api/v1/findings/explain",
    "POST /api/v1/nodes/{node}/rebirth",
    "GET /api/v1/reports/jobs/{job}",
    "GET /api/v1/reports/jobs/{job}/file",
}
"""Answered with 202, 204 or 404, or refused: there are no commands and findings yet, no generated order fits the point, and no
generated id is that of a report."""
REPORT = """print('{"as_of": 0, "size": 2}'); print("PK", end="")"""


@pytest.fixture
def http(context: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The application over the small site, asked by an administrator; reports are made by a process that takes no time."""
    text = tokens.issue(context.engine, "the fuzzer", Role.ADMIN, by="test", at=1)
    monkeypatch.setattr(queue, "_COMMAND", (sys.executable, "-S", "-E", "-c", REPORT))
    context = replace(context, reports=ReportQueue(Limits(waiting=1000)))
    with TestClient(create_app(context), headers={"Authorization": f"Bearer {text}"}, raise_server_exceptions=False) as client:
        yield client


def asked(http: TestClient, case: Case[Any]) -> int:
    """Send a case and hold the answer to the description; the status.

    Past the generator's own client, which does not bear a library beside it that takes the name of urllib3.
    """
    wanted = case.as_transport_kwargs(base_url="http://testserver")
    assert not wanted.pop("cookies", None)  # the description has none
    if isinstance(wanted.get("data"), str | bytes):
        wanted["content"] = wanted.pop("data")
    answer = http.request(**wanted)
    case.validate_response(answer, checks=CHECKS)
    return int(answer.status_code)


@pytest.mark.parametrize(("mode", "least"), [(GenerationMode.POSITIVE, 16), (GenerationMode.NEGATIVE, 8)], ids=["right", "wrong"])
def test_no_request_finds_an_answer_that_is_not_described(mode: GenerationMode, least: int, http: TestClient) -> None:
    """Whatever is asked, no route fails, and status, content type and body are those of the description."""
    answers: defaultdict[str, set[int]] = defaultdict(set)
    described = schemathesis.openapi.from_dict(http.get("/openapi.json").json())
    for result in described.exclude(path="/api/v1/events").get_all_operations():  # streams are tested elsewhere
        assert isinstance(result, Ok)
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and not (operation.query or operation.body):
            continue  # nothing in it can be wrong

        @settings(max_examples=20, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(operation.as_strategy(generation_mode=mode))
        def holds(case: Case[Any]) -> None:
            answers[case.operation.label].add(asked(http, case))
            for part in (case.query, case.path_parameters):
                part.update({name: KNOWN[name] for name in part if name in KNOWN})
            answers[case.operation.label].add(asked(http, case))

        holds()
    assert len(answers) >= least
    assert 401 not in set().union(*answers.values())
    wanted = {200, 202} if mode is GenerationMode.POSITIVE else {422}
    assert {label for label, found in answers.items() if not wanted & found} <= UNREACHED
