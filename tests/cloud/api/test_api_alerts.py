from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from cloud.accounts.model import Role
from cloud.alerts.channels import Channel
from cloud.alerts.ruleset import Severity
from cloud.api.alerts import alerts, counts, worst
from cloud.api.context import Context
from cloud.platform.database import writing
from tests.cloud import tables

if TYPE_CHECKING:
    from tests.cloud.api.conftest import Served


async def test_an_operator_acknowledges_with_a_note(served: Served, golden: dict[str, Any]) -> None:
    """The answer is the alert, who did it is kept and audited, and done again by another the first one stays."""
    answer = await served.post("/api/v1/alerts/a1/acknowledge", {"note": " calling them "})
    assert (answer.status_code, answer.json()) == (200, golden["alert-acknowledged"])
    again = await served.post("/api/v1/alerts/a1/acknowledge", {"note": "me too"}, Role.ADMIN)
    assert again.json() == golden["alert-acknowledged"]
    with served.context.engine.connect() as connection:
        query = sa.select(tables.audit.c.by, tables.audit.c.detail).where(tables.audit.c.action == "alert.acknowledge")
        assert [tuple(row) for row in connection.execute(query)] == [("the operator", "a1: calling them")]


@pytest.mark.parametrize(
    ("alert", "body", "status"),
    [
        ("a3", {"note": "late"}, 409),
        ("none", {"note": "x"}, 404),
        ("a1", {"note": "x" * 501}, 422),
        ("a1", {"note": "no\x00database takes it"}, 422),
        ("a1", {"why": "x"}, 422),
    ],
)
async def test_what_cannot_be_acknowledged(alert: str, body: object, status: int, served: Served) -> None:
    """An alert that is over, one that never was, and a note that is none are refused as problems; nothing changes."""
    before = (await served.get("/api/v1/alerts")).json()
    answer = await served.post(f"/api/v1/alerts/{alert}/acknowledge", body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (await served.get("/api/v1/alerts")).json() == before


async def test_a_state_that_is_none_is_refused(served: Served) -> None:
    """A slip in the state is not answered with an empty list."""
    assert (await served.get("/api/v1/alerts", {"state": "open"})).status_code == 422
    old = (await served.get("/api/v1/alerts", {"state": "resolved"})).json()
    assert [item["id"] for item in old] == ["a3", "a4"]


@pytest.mark.parametrize(
    ("wants", "nobody"),
    [
        ([], {"a1": False, "a2": True, "a3": True}),
        ([Severity.WARNING, Severity.CRITICAL], {"a1": False, "a2": True, "a3": False}),
        ([Severity.CRITICAL, Severity.INFO], {"a1": False, "a2": True, "a3": True}),
    ],
)
def test_nobody_was_told_of_what_somebody_wants(wants: list[Severity], nobody: dict[str, bool], context: Context) -> None:
    """It is said while a message waits, where a channel wants what it has no message of, and where there is no channel at all."""
    channels = [Channel(name=severity.value, url_env="X", min_severity=severity) for severity in wants]
    found = alerts(replace(context, channels=channels))
    assert {item.id: item.nobody_told for item in found} == nobody


async def test_a_long_list_comes_in_pages(served: Served) -> None:
    """Each page names the next one in its header; together they are the whole list, once, in its order."""
    whole = [item["id"] for item in (await served.get("/api/v1/alerts")).json()]
    found, path = [], "/api/v1/alerts?limit=1"
    while path:
        answer = await served.get(path)
        found += [item["id"] for item in answer.json()]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert found == whole == ["a1", "a2", "a3"]
    assert (await served.get("/api/v1/alerts", {"limit": "1001"})).status_code == 422


async def test_devices_come_in_pages_too(served: Served) -> None:
    """By id, from the one after the last of the page before; without a limit all come at once."""
    whole = (await served.get("/api/v1/devices")).json()
    pages = [(await served.get("/api/v1/devices", {"limit": "2", "after": after})).json() for after in ("ac", "e1")]
    assert [item["id"] for item in whole] == ["ac", "car", "e1", "e2", "gw-1"]
    assert pages == [whole[1:3], whole[3:5]]


def test_who_inhibits_an_alert_is_said_and_that_nobody_was_told_is_not(context: Context) -> None:
    """It stands after the others, whatever its severity, and is counted."""
    with writing(context.engine).begin() as connection:
        connection.execute(tables.alert.update().where(tables.alert.c.id == "a1").values(inhibited_by="a2", severity="critical"))
        connection.execute(tables.notification.delete().where(tables.notification.c.alert == "a1"))
    found = worst(context, 5)
    assert [(item.id, item.nobody_told) for item in found] == [("a2", True), ("a1", False), ("a3", True)]
    assert found[1].inhibited_by is not None
    assert found[1].inhibited_by.model_dump() == {
        "id": "a2",
        "rule": "hvac_setpoint",
        "subject": "ac-a2",
        "title": {"zh": "超限", "en": "Beyond"},
    }
    assert counts(context) == {"open": 2, "firing": 0, "inhibited": 1}


async def test_prometheus_counts_open_alerts(served: Served) -> None:
    """By rule and severity; an alert that is over is not counted."""
    assert 'jieyue_alerts_open{rule="hvac_setpoint",severity="info"} 2.0' in (await served.get("/metrics")).text.splitlines()
    with writing(served.context.engine).begin() as connection:
        connection.execute(tables.alert.update().values(state="resolved"))
    assert "jieyue_alerts_open{" not in (await served.get("/metrics")).text
