"""A node of another group is neither lost nor hidden: stored, listed, shown by its group, asked and commanded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cloud.accounts import tokens
from cloud.accounts.model import Role
from cloud.api.app import create_app
from cloud.api.context import Context
from contract.clock import iso
from contract.site import load_site
from contract.sitefolder import shipped_site
from contract.sparkplug import DataType
from simulators.foreign_node import metric

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Cloud

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
GROUP, OTHER = "510802", "5108O2"
"""The second has a letter O: somebody mistyped the district."""


async def test_a_node_of_a_foreign_group_is_stored_and_shown(cloud: Cloud) -> None:
    """Out of HTTP by its group as it went in; the site's own lists stay the site's; its births are asked for in its group."""
    site = load_site(shipped_site("lizhou"))
    app = create_app(Context(cloud.engine, cloud.telemetry, cloud.clock, GROUP, lambda: None, site))
    token = tokens.issue(cloud.engine, "li", Role.OPERATOR, by="test", at=1)
    http = httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://jieyue.test", headers={"Authorization": f"Bearer {token}"}
    )

    async def get(path: str, **params: str) -> Any:  # noqa: ANN401 (JSON)
        answer = await http.get(f"/api/v1{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async with cloud.running(), cloud.edge("pump-node", OTHER) as edge, http:
        at = cloud.clock.now_ms()
        await edge.say("NBIRTH", metric("bdSeq", 0), at=at)
        await edge.say("DBIRTH", metric("speed", 900, alias=1, kind=DataType.INT32, at=at), device="pump-1", at=at)
        await edge.say("DDATA", metric(value=950, alias=1, kind=DataType.INT32, at=at + 1), device="pump-1", at=at + 1)
        await cloud.until(lambda: cloud.latest("pump-1") == {"speed": 950.0})
        (node,) = await get("/nodes")
        assert (node["group"], node["id"], node["online"], node["known_group"]) == (OTHER, "pump-node", True, False)
        assert node["devices"] == ["pump-1"]
        assert await get("/devices") == []
        shown = {device["id"]: (device["class"], device["gateway"], device["online"]) for device in await get("/devices", group=OTHER)}
        assert shown["pump-1"] == ("foreign", "pump-node", True)
        span = {"start": iso(at), "end": iso(at + 1000)}
        series = await get("/readings", group=OTHER, device="pump-1", point="speed", **span)
        assert [(row["at"], row["value"]) for row in series] == [(iso(at), 900.0), (iso(at + 1), 950.0)]
        asked = await http.post("/api/v1/nodes/pump-node/rebirth", params={"group": OTHER}, json={"reason": "who is there"})
        assert asked.status_code == 202
        await edge.until(edge.rebirths)  # by a topic of its own group: no other is subscribed to
