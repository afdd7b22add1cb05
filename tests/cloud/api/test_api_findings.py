"""The ledger's questions by HTTP: anybody with a token reads them, an operator explains them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from cloud.accounts.model import Role
from cloud.platform.database import writing
from contract.clock import iso, parse_time
from tests.cloud import tables

if TYPE_CHECKING:
    from tests.cloud.api.conftest import Served

PATH, EXPLAIN = "/api/v1/findings", "/api/v1/findings/explain"
SINCE = parse_time("2026-03-09T10:00:00+08:00")
BODY: dict[str, Any] = {"meter": "m1", "start": "2026-03-09T10:00:00+08:00", "kind": "jump", "note": "a test of the feeder"}


@pytest.fixture
def asked(served: Served) -> Served:
    """Two questions about a meter, the one that m1 jumped by 6000 kWh."""
    row = {"grp": "510802", "meter": "m1", "since": SINCE, "kind": "jump", "at": SINCE + 3_600_000, "until": SINCE + 3_600_000}
    row |= {"before": 1_000_000, "after": 7_000_000, "amount": 4000, "stake": 6_000_000, "basis": None}
    later = row | {"since": SINCE + 7_200_000, "at": SINCE + 7_200_000, "until": SINCE + 7_200_000, "kind": "reset", "stake": 1}
    quiet = row | {"kind": "excursion", "stake": 0}
    with writing(served.context.engine).begin() as connection:
        connection.execute(sa.insert(tables.judgement), [row, later, quiet])
    return served


async def test_a_question_is_shown_and_explained(asked: Served) -> None:
    """It is open with what is at stake; explained it moves to the other list, with the note and who wrote it."""
    first, second = (await asked.get(PATH)).json()
    assert first == {
        "meter": "m1", "kind": "jump", "start": iso(SINCE), "end": iso(SINCE + 3_600_000), "amount": 6000.0, "counted": 4.0,
        "before": 1000.0, "after": 7000.0, "unit": "kWh", "state": "open", "note": None, "by": None, "at": None,
    }  # fmt: skip
    answer = await asked.post(EXPLAIN, BODY)
    assert (answer.status_code, answer.content) == (204, b"")
    (explained,) = (await asked.get(PATH, {"state": "explained"})).json()
    assert explained == first | {"state": "explained", "note": BODY["note"], "by": "the operator", "at": iso(asked.context.clock.now_ms())}
    assert (await asked.get(PATH, {"state": "open"})).json() == [second]


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.WALL, 403), (Role.OPERATOR, 204)])
async def test_only_an_operator_explains(asked: Served, role: Role, status: int) -> None:
    """A viewer reads what is asked; the answer is an operator's."""
    assert (await asked.post(EXPLAIN, BODY, role)).status_code == status
    assert (await asked.get(PATH, {"state": "open"})).json()[0]["kind"] == ("reset" if status == 204 else "jump")


async def test_nobody_reads_without_a_token(asked: Served) -> None:
    """Questions name meters and amounts; they are not open to everybody, nor to a screen on the wall."""
    assert (await asked.http.get(PATH)).status_code == 401
    assert (await asked.http.post(EXPLAIN, json=BODY)).status_code == 401
    assert (await asked.get(PATH, role=Role.WALL)).status_code == 403


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"kind": "fall"}, "no fall of m1 that begins then"),
        ({"kind": "excursion"}, "no excursion of m1 that begins then"),
        ({"meter": "none"}, "no jump of none that begins then"),
        ({"start": "2026-03-09T10:00:01+08:00"}, "no jump of m1 that begins then"),
        ({"start": "yesterday"}, "start: expected a time as RFC 3339"),
        ({"note": ""}, "note: "),
        ({"note": "   "}, "note: expected 1 to 500 characters"),
        ({"note": "x" * 501}, "note: "),
        ({"amount": 1}, "amount: "),
    ],
)
async def test_a_wrong_explanation_is_refused(asked: Served, changed: dict[str, Any], said: str) -> None:
    """422 with the field and what was expected; both questions stay open."""
    answer = await asked.post(EXPLAIN, BODY | changed)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert said in answer.json()["detail"]
    assert len((await asked.get(PATH, {"state": "open"})).json()) == 2


async def test_a_wrong_state_is_refused(asked: Served) -> None:
    """There are open and explained questions."""
    assert (await asked.get(PATH, {"state": "closed"})).status_code == 422
