"""Two districts with the same ids everywhere and different figures, in one cloud and each alone in its own."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from starlette.types import Message, Receive, Scope, Send

from cloud.accounts import tokens
from cloud.accounts.model import Role
from cloud.api.app import create_app
from cloud.api.context import Context
from cloud.platform.database import writing
from cloud.reports.base import Asked, Made
from cloud.reports.period import Period
from cloud.reports.queue import Job
from cloud.telemetry.base import Stored
from contract.clock import Clock
from contract.site import Site
from tests.cloud import tables, unsynced
from tests.cloud.api.conftest import NOW, ROWS, SITE, TRACE
from tests.cloud.district import GROUP

SECOND = "510811"
SITES = {GROUP: SITE, SECOND: Site.model_validate(SITE.model_dump() | {"group": SECOND, "name": {"zh": "乙站", "en": "Second site"}})}
MARKS = {GROUP: ("小站", "Small site", GROUP, "甲"), SECOND: ("乙站", "Second site", SECOND, "乙")}
"""Texts that only this district has."""
ADMIN = "admin of every district"
_RANDOM = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|nonce=\"[\w-]{22}|jobs/[\w-]{22}|(?<=\"id\":\")[\w-]{22}(?=\")")
_WHOLE = (b"event: alert_counts", b"event: snapshot")
"""The last event of what a stream begins with."""


@dataclass(frozen=True)
class Answer:
    """What a route answered; what is different each time is left out."""

    status: int
    body: bytes
    location: str = ""


@dataclass(frozen=True)
class Cloud:
    """An application with tokens: of every district under `ADMIN`, and of each under its group."""

    context: Context
    app: Callable[[Scope, Receive, Send], Any]
    issued: Mapping[str, str]

    async def ask(self, whose: str, method: str, path: str, query: Mapping[str, str], body: object = None) -> Answer:
        """Ask with a token; of a stream only what it begins with."""
        content = b"" if body is None else json.dumps(body).encode()
        headers = [(b"authorization", f"Bearer {self.issued[whose]}".encode()), (b"content-type", b"application/json")]
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode(), "root_path": "", "query_string": urlencode(query).encode(), "client": ("here", 1),
            "server": ("jieyue.test", 80), "headers": [(b"host", b"jieyue.test"), *headers],
        }  # fmt: skip
        told, got, ended = [content], list[Message](), asyncio.Event()

        async def receive() -> Message:
            if told:
                return {"type": "http.request", "body": told.pop(), "more_body": False}
            await ended.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            got.append(message)
            if any(mark in message.get("body", b"") for mark in _WHOLE) or not message.get("more_body", True):
                ended.set()

        await self.app(scope, receive, send)
        found = {name.decode(): value for name, value in got[0]["headers"]}
        whole = b"".join(message.get("body", b"") for message in got[1:])
        return Answer(got[0]["status"], _RANDOM.sub(b"*", whole), _RANDOM.sub(b"*", found.get("location", b"")).decode())


def of_district(group: str) -> Iterator[tuple[sa.Table, list[dict[str, Any]]]]:
    """The rows of the small site for a district: its own texts, and figures that are three times the first one's in the second."""
    mark, times = MARKS[group][-1], 1 if group == GROUP else 3
    for table, rows in ROWS:
        if ("grp" in table.c and table is not tables.organisation) or table is tables.notification:
            own = [row for row in rows if row.get("grp", GROUP) == GROUP]
            yield table, [_turned(table, row, group, mark, times) for row in own]
    row = {"id": f"command-{group}", "grp": group, "device": "ac", "point": "setpoint", "value": 20.0 + times, "why": mark, "by": mark}
    yield tables.command, [row | {"created_at": 1, "expires_at": 2, "state": "done", "reason": "", "read_back": 20.0 + times}]


def _turned(table: sa.Table, row: dict[str, Any], group: str, mark: str, times: int) -> dict[str, Any]:
    turned = row | ({"grp": group} if "grp" in table.c else {})
    for name in ("name", "subject_name", "title", "detail"):
        if name in turned:
            turned[name] = json.dumps({lang: f"{mark}{text}" for lang, text in json.loads(turned[name]).items()})
    for name in ("amount", "value"):
        if turned.get(name) is not None:
            turned[name] = turned[name] * times
    if table is tables.site:
        turned["name"] = json.dumps(SITES[group].name.model_dump())
    if table is tables.alert:
        turned["id"] = f"{row['id']}-{group}"
    if table is tables.notification:
        turned |= {"alert": f"{row['alert']}-{group}", "key": f"{row['key']}-{group}"}
    return turned


def _tree(groups: list[str]) -> Iterator[dict[str, Any]]:
    """A city with the districts, and an institution in each."""
    row = {"id": "city", "parent": None, "kind": "city", "name": json.dumps({"zh": "市", "en": "City"}), "grp": None, "unit": None}
    yield row
    for group in groups:
        name = json.dumps({"zh": f"{MARKS[group][-1]}区", "en": f"District {MARKS[group][-1]}"})
        below = row | {"id": f"d-{group}", "parent": "city", "kind": "district", "name": name, "grp": group}
        yield from (below, below | {"id": f"i-{group}", "parent": f"d-{group}", "kind": "institution", "unit": "u1"})


def opened(engine: sa.Engine, file: Path, groups: list[str]) -> Cloud:
    """A cloud with some of the districts, its jobs and tokens."""
    factors = [(table, rows) for table, rows in ROWS if table in {tables.factor, tables.factor_co2}]
    telemetry = unsynced.telemetry(file)
    with writing(engine).begin() as connection:
        for table, rows in [*factors, *(found for group in groups for found in of_district(group))]:
            if rows:
                connection.execute(table.insert(), rows)
        connection.execute(sa.insert(tables.organisation), list(_tree(groups)))
    for group in groups:
        times = 1 if group == GROUP else 3
        trace = [replace(one, value=None if one.value is None else one.value * times) for one in TRACE]
        assert telemetry.write([Stored(group, "electricity", reading) for reading in trace]) == []
    first, *others = groups
    clock = Clock(origin_ms=NOW, speed=0.0)
    context = Context(engine, telemetry, clock, first, lambda: None, SITES[first], others={group: SITES[group] for group in others})
    for group in groups:
        job = Job("targets", Asked(group, Period(2026, month=2), "district", "zh", "xlsx"), id=f"job-{group}")
        job.state, job.made = "done", Made(f"the file of {MARKS[group][-1]}".encode(), NOW)
        context.reports._jobs[job.id] = job
    issued = {group: tokens.issue(engine, "somebody", Role.ADMIN, by="test", at=NOW, group=group) for group in groups}
    issued[ADMIN] = tokens.issue(engine, "somebody", Role.ADMIN, by="test", at=NOW)
    return Cloud(context, create_app(context), issued)
