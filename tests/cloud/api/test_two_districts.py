"""Two districts in one cloud: nothing of one is ever told to who asks about the other, on any route, also one that is added."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import sqlalchemy as sa
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route

from cloud.api.app import create_app
from tests.cloud import tables
from tests.cloud.api.districts import ADMIN, MARKS, SECOND, Cloud, opened
from tests.cloud.district import GROUP

DISTRICTS = [GROUP, SECOND]
OF_CLOUD = {
    "/healthz", "/livez", "/login", "/logout", "/web/{name}", "/web/messages.json", "/web/indicators.json", "/openapi.json",
    "/api/v1/factors",
}  # fmt: skip
"""About no district; they say the same to everybody, and a group changes nothing."""
WITHOUT_GROUP = {"/", "/wall", "/api/v1/nodes", "/api/v1/organisations", "/metrics"}
"""Answer a token of every district without a group: pages go to the first, nodes, numbers and the tree are of all."""
PATH = {
    "device": "e1", "vehicle": "car", "alert": "a1-{group}", "command": "command-{group}", "job": "job-{group}", "report": "targets",
    "node": "gw-1", "name": "page.js",
}  # fmt: skip
"""What each parameter of a path stands for."""
QUERY = {
    "start": "2026-03-09T16:00:00Z", "end": "2026-03-11T16:00:00Z", "meter": "m1", "device": "e1", "point": "power", "every": "hour",
    "year": "2026",
}  # fmt: skip
"""What each parameter that a route must be given stands for."""
MORE: dict[str, list[dict[str, str]]] = {
    "/api/v1/events": [{}, {"topic": "wall"}],
    "/api/v1/reports/{report}": [{"month": "2", "format": "xlsx"}],
    "/api/v1/targets": [{}, {"scope": "unit:u1"}, {"scope": "compound:c1"}, {"scope": "organisation:d-{group}"}],
    "/api/v1/denominators": [{"scope": "unit:u1"}, {"scope": "organisation:i-{group}"}],
    "/api/v1/readings/latest": [{}, {"device": "e1"}],
    "/api/v1/alerts": [{}, {"state": "firing"}],
}
BODIES: dict[str, Any] = {
    "/api/v1/devices/{device}/commands": {"point": "setpoint", "value": 24, "reason": "warm", "expires": "2026-03-11T02:10:00Z"},
    "/api/v1/nodes/{node}/rebirth": {"reason": "look"},
    "/api/v1/findings/explain": {"meter": "m1", "start": "2026-03-01T00:00:00Z", "kind": "jump", "note": "so it is"},
    "/api/v1/alerts/{alert}/acknowledge": {"note": "on my way"},
}
DEVICES = {"/api/v1/devices/{device}/commands": "ac"}


class Walked(NamedTuple):
    """A question to a route."""

    method: str
    route: str
    path: str
    query: dict[str, str]


def walk(cloud: Cloud, group: str) -> Iterator[Walked]:
    """Every route of the application, those that only read first; a parameter that nobody knows fails."""
    found = list(_routes(create_app(cloud.context).routes))
    asked = [(method, route) for route in found for method in sorted(route.methods or ()) if method != "HEAD"]
    for method, route in sorted(asked, key=lambda one: (one[0] != "GET", one[1].path)):
        needed = [one.name for one in route.dependant.query_params if one.field_info.is_required()] if isinstance(route, APIRoute) else []
        names = {name: PATH[name].format(group=group) for name in route.param_convertors}
        names |= {"device": DEVICES[route.path]} if route.path in DEVICES else {}
        for more in MORE.get(route.path, [{}]):
            query = {name: QUERY[name] for name in needed} | {name: value.format(group=group) for name, value in more.items()}
            yield Walked(method, route.path, route.path.format(**names), query)


def _routes(of: Sequence[BaseRoute]) -> Iterator[Route]:
    """With those of the routers that were included."""
    for route in of:
        if isinstance(route, Route):
            yield route
        else:
            yield from _routes(route.original_router.routes)  # type: ignore[attr-defined]


@pytest.fixture
def cloud_of(open_registry: Callable[..., sa.Engine], sqlite_template: Path, tmp_path: Path) -> Iterator[Callable[..., Cloud]]:
    """Makes a cloud with some districts."""
    made: list[Cloud] = []

    def of(*groups: str) -> Cloud:
        engine = open_registry("sqlite", str(sqlite_template))
        made.append(opened(engine, tmp_path / f"{'-'.join(groups)}.db", list(groups)))
        return made[-1]

    yield of
    for cloud in made:
        cloud.context.telemetry.close()


@pytest.mark.parametrize("group", DISTRICTS)
async def test_a_district_is_answered_as_if_it_were_alone(cloud_of: Callable[..., Cloud], group: str) -> None:
    """Byte for byte what a cloud with this district alone says, by the district's own token and by one of every district."""
    both, alone = cloud_of(*DISTRICTS), cloud_of(group)
    other = next(one for one in DISTRICTS if one != group)
    asked = 0
    for method, route, path, query in walk(both, group):
        if route == "/metrics":
            assert (await both.ask(group, method, path, query)).status == 403
            continue
        whose = group if route == "/api/v1/organisations" else ADMIN  # to whom what stands above the district is shown
        wanted = await alone.ask(whose, method, path, query, BODIES.get(route))
        assert wanted.status != 404, path
        answer = await both.ask(group, method, path, query, BODIES.get(route))
        assert answer == wanted, path
        if route != "/openapi.json":
            assert not any(mark.encode() in answer.body for mark in MARKS[other]), path
        asked += 1
    assert asked >= 40
    with both.context.engine.connect() as connection:
        written = connection.execute(sa.select(tables.command.c.grp).where(tables.command.c.created_at > 1)).scalars().all()
        assert set(written) == {group}
        seen = connection.execute(sa.select(tables.alert.c.grp).where(tables.alert.c.note == "on my way")).scalars().all()
        assert seen == [group]


@pytest.mark.parametrize("group", DISTRICTS)
async def test_another_group_is_refused_as_one_that_is_not_there(cloud_of: Callable[..., Cloud], group: str) -> None:
    """Each route answers a district's token about the other group as about one that nobody has; nothing is written."""
    both = cloud_of(*DISTRICTS)
    other = next(one for one in DISTRICTS if one != group)
    for method, route, path, query in walk(both, group):
        answer = await both.ask(group, method, path, query | {"group": other}, BODIES.get(route))
        nobody = await both.ask(group, method, path, query | {"group": "000000"}, BODIES.get(route))
        if route in OF_CLOUD:
            assert answer == nobody, path
            continue
        assert answer.status in {403, 404}, path
        assert answer.body.replace(other.encode(), b"000000") == nobody.body, path
        assert not any(mark.encode() in answer.body.replace(other.encode(), b"") for mark in MARKS[other]), path
    with both.context.engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).where(tables.command.c.created_at > 1)).scalar_one() == 0
        assert connection.execute(sa.select(sa.func.count()).where(tables.alert.c.note == "on my way")).scalar_one() == 0


@pytest.mark.parametrize("group", DISTRICTS)
async def test_an_id_of_the_other_district_is_none(cloud_of: Callable[..., Cloud], group: str) -> None:
    """Alerts, commands and jobs have ids that are unique in the cloud: those of the other are not found, whatever is asked of them."""
    both = cloud_of(*DISTRICTS)
    other = next(one for one in DISTRICTS if one != group)
    foreign = [one for one in walk(both, other) if other in one.path]
    assert {one.route for one in foreign} == {
        "/api/v1/alerts/{alert}/acknowledge", "/api/v1/commands/{command}", "/api/v1/reports/jobs/{job}", "/api/v1/reports/jobs/{job}/file",
    }  # fmt: skip
    for method, route, path, query in foreign:
        assert (await both.ask(group, method, path, query, BODIES.get(route))).status == 404, path
    listed = await both.ask(group, "GET", "/api/v1/alerts", {"after": f"a1-{other}"})
    assert listed == await both.ask(group, "GET", "/api/v1/alerts", {"after": "nobody"})


async def test_a_token_of_every_district_says_which(cloud_of: Callable[..., Cloud]) -> None:
    """Without a group 400 names those that there are; with one the answer is that district's; a group that nobody has is 404."""
    both = cloud_of(*DISTRICTS)
    for method, route, path, query in walk(both, SECOND):
        if route in OF_CLOUD:
            continue
        answer = await both.ask(ADMIN, method, path, query, BODIES.get(route))
        if route in WITHOUT_GROUP or "organisation:" in query.get("scope", ""):
            assert answer.status in {200, 303}, path
            continue
        assert (answer.status, b'"code":"problem.group"' in answer.body, b"510802, 510811" in answer.body) == (400, True, True), path
        nobody = await both.ask(ADMIN, method, path, query | {"group": "000000"}, BODIES.get(route))
        assert nobody.status == 404, path
        mine = await both.ask(ADMIN, method, path, query | {"group": SECOND}, BODIES.get(route))
        assert not any(mark.encode() in mine.body for mark in MARKS[GROUP]), path
        own = await both.ask(SECOND, method, path, query, BODIES.get(route))
        if method == "GET":
            assert mine.body.replace(b"?group=510811", b"") == own.body, path


ACROSS = ["organisation:city", f"organisation:d-{GROUP}", f"organisation:i-{GROUP}"]
"""What a token of the second district must not be told of."""


@pytest.mark.parametrize("scope", ACROSS)
@pytest.mark.parametrize("route", ["/api/v1/targets", "/api/v1/denominators"])
async def test_no_roll_up_tells_of_another_district(cloud_of: Callable[..., Cloud], route: str, scope: str) -> None:
    """To a token of one district, or one that asks within it, what is above it or in another is as one that nobody has; others see it."""
    both = cloud_of(*DISTRICTS)
    query = {"scope": scope} | ({} if route.endswith("targets") else {name: QUERY[name] for name in ("start", "end")})
    for whose, more in ((SECOND, {}), (SECOND, {"group": SECOND}), (ADMIN, {"group": SECOND})):
        answer = await both.ask(whose, "GET", route, query | more)
        nobody = await both.ask(whose, "GET", route, query | more | {"scope": "organisation:nobody"})
        assert (answer.status, answer.body.replace(scope.encode(), b"organisation:nobody")) == (404, nobody.body)
    told = await both.ask(ADMIN, "GET", route, query)
    assert told.status == 200
    assert json.loads(told.body) != json.loads((await both.ask(ADMIN, "GET", route, query | {"scope": f"organisation:d-{SECOND}"})).body)


async def test_a_city_is_the_sum_of_its_districts_to_who_may_see_both(cloud_of: Callable[..., Cloud]) -> None:
    """Water and people of both: the second used three times as much."""
    both = cloud_of(*DISTRICTS)

    async def told(route: str, of: str, query: dict[str, str]) -> Any:  # noqa: ANN401 (JSON)
        return json.loads((await both.ask(ADMIN, "GET", f"/api/v1/{route}", query | {"scope": f"organisation:{of}"})).body)

    asked = ("city", f"d-{GROUP}", f"d-{SECOND}")
    found = [(await told("targets", of, {}))["indicators"][2] for of in asked]
    assert [one["energies"][0]["actual"]["value"] for one in found] == [228.8, 57.2, 171.6]
    city, first, second = (one["actual"]["value"] for one in found)
    span = {name: found[0]["actual"][name] for name in ("start", "end")}
    heads = [(await told("denominators", of, span))["headcount"] for of in asked]
    assert heads[0] == pytest.approx(heads[1] + heads[2], rel=1e-12)
    assert city == pytest.approx((first * heads[1] + second * heads[2]) / heads[0], rel=1e-12)


async def test_the_tree_is_whole_to_who_may_see_all(cloud_of: Callable[..., Cloud]) -> None:
    """The city with both districts; a district's token, and one that asks within a district, gets that district alone."""
    both = cloud_of(*DISTRICTS)
    (city,) = json.loads((await both.ask(ADMIN, "GET", "/api/v1/organisations", {})).body)
    second = city["below"][1]
    assert (city["id"], [one["scope"] for one in city["below"]]) == ("city", [f"organisation:d-{one}" for one in DISTRICTS])
    for whose, query in ((SECOND, {}), (SECOND, {"group": SECOND}), (ADMIN, {"group": SECOND})):
        assert json.loads((await both.ask(whose, "GET", "/api/v1/organisations", query)).body) == [second]
    assert [(one["scope"], one["group"]) for one in second["below"]] == [(f"organisation:i-{SECOND}", SECOND), ("unit:u2", SECOND)]


async def test_pages_let_a_person_choose(cloud_of: Callable[..., Cloud]) -> None:
    """A page without a group goes to the first; it offers all districts by name to who may see them, and none to a district's token."""
    both = cloud_of(*DISTRICTS)
    for path in ("/", "/wall"):
        assert await both.ask(ADMIN, "GET", path, {"lang": "en"}) == (moved := await both.ask(ADMIN, "GET", path, {"lang": "en"}))
        assert (moved.status, moved.location) == (303, f"http://jieyue.test{path}?lang=en&group={GROUP}")
        page = (await both.ask(ADMIN, "GET", path, {"group": SECOND, "lang": "en"})).body.decode()
        assert f'<option value="{SECOND}" selected>Second site ({SECOND})</option>' in page
        assert f'<option value="{GROUP}">Small site ({GROUP})</option>' in page
        assert '<select name="group">' not in (await both.ask(SECOND, "GET", path, {})).body.decode()
        assert (await both.ask(ADMIN, "GET", path, {"group": "000000"})).status == 404
    opened_wall = await both.ask(ADMIN, "GET", "/wall", {"token": both.issued[SECOND], "group": SECOND})
    assert (opened_wall.status, opened_wall.location) == (303, f"/wall?group={SECOND}")


async def test_no_question_leaves_the_group_out(cloud_of: Callable[..., Cloud]) -> None:
    """Whatever a route asks of a table that has the group in its key, the statement names the group."""
    both = cloud_of(*DISTRICTS)
    of_district = [table.name for table in tables.metadata.sorted_tables if "grp" in table.primary_key.columns]
    sent: list[str] = []
    sa.event.listen(both.context.engine, "before_cursor_execute", lambda *sending: sent.append(sending[2]))
    for method, route, path, query in walk(both, SECOND):
        await both.ask(SECOND, method, path, query, BODIES.get(route))
    asked = [text for text in sent if any(re.search(rf"\b(FROM|JOIN|INTO|UPDATE) {name}\b", text) for name in of_district)]
    assert len(asked) > 50
    assert [text for text in asked if "grp" not in text] == []


async def test_a_file_is_called_by_its_district_where_there_are_several(cloud_of: Callable[..., Cloud]) -> None:
    """Who may ask about both keeps both files in one folder; who sees one district finds the name that it always had."""
    both = cloud_of(*DISTRICTS)
    for whose, name in ((ADMIN, f"targets-{SECOND}-2026-02-district-zh.xlsx"), (SECOND, "targets-2026-02-district-zh.xlsx")):
        headers = {"Authorization": f"Bearer {both.issued[whose]}"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=both.app), base_url="http://jieyue.test", headers=headers) as http:
            answer = await http.get(f"/api/v1/reports/jobs/job-{SECOND}/file", params={"group": SECOND})
        assert (answer.status_code, answer.headers["content-disposition"]) == (200, f'attachment; filename="{name}"')
