"""Event streams: one reader for all, changes and not lists, and no more places than there are."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.exc import OperationalError

from cloud.accounts import tokens
from cloud.accounts.model import Principal, Role
from cloud.alerts import service
from cloud.alerts.repository import standing
from cloud.api import alerts, events, streams
from cloud.api.app import create_app
from cloud.api.context import Context
from cloud.api.latest import latest_told
from cloud.api.streams import Places, Reader
from cloud.devices.model import Told
from cloud.platform.database import writing
from contract.clock import parse_time
from tests.cloud import tables

if TYPE_CHECKING:
    from tests.cloud.api.conftest import Counted, Served

VIEWER, OTHER = Principal(1, "one", Role.VIEWER), Principal(2, "two", Role.VIEWER)
NOW = parse_time("2026-03-11T02:00:00Z")
NEVER = 1e6
"""Seconds between two looks; the tests look themselves."""


def told(text: bytes) -> list[tuple[str, Any]]:
    """Name and data of each event of some bytes."""
    found = []
    for part in text.decode().strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in part.split("\n") if not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def reader(context: Context) -> Reader:
    """Of readings and alerts, while every token holds."""
    return Reader(lambda: events.Readings(context), NEVER, set)


async def opened(stream: AsyncIterator[bytes]) -> list[tuple[str, Any]]:
    """What a stream begins with."""
    assert await anext(stream) == b"retry: 1000\n\n"
    return told(await anext(stream))


def change(context: Context, value: float, later: int = 0) -> None:
    """A new reading of the switch, received so many ms later."""
    with writing(context.engine).begin() as connection:
        of = tables.latest.update().where(tables.latest.c.device == "ac")
        connection.execute(of.values(value=value, at=NOW, received_at=NOW + 100 + later))


def storm(context: Context, number: int) -> None:
    """So many devices fall silent at once."""
    row = {"grp": context.group, "rule": "device_silent", "severity": "warning", "state": "firing", "unit": "1", "since": 1, "fired_at": 2}
    row |= dict.fromkeys(("subject_name", "title", "detail"), json.dumps({"zh": "设备无数据", "en": "Device is silent"}))
    with writing(context.engine).begin() as connection:
        connection.execute(tables.alert.insert(), [row | {"id": f"s{n:05}", "subject": f"d{n}"} for n in range(number)])
        standing.note(connection, [(f"s{n:05}", "fired", "lasted") for n in range(number)], 2)


async def test_all_streams_share_one_reader_and_its_bytes(context: Context, counted: Counted) -> None:
    """Ten pages cost the questions of one; a change reaches each as the very same bytes."""
    topic = reader(context)
    pages = [topic.listen(VIEWER) for _ in range(10)]
    assert [[name for name, _ in await opened(page)] for page in pages] == [["readings", "alerts", "alert_counts"]] * 10
    with counted(context.engine) as statements:
        change(context, 25.0)
        await topic.turn()
    assert len([text for text in statements if text.startswith("SELECT")]) == 2  # readings, and the number of the last change of an alert
    got = [await anext(page) for page in pages]
    assert told(got[0])[0][0] == "readings"
    assert all(part is got[0] for part in got)
    for page in pages:
        await page.aclose()


async def test_a_storm_of_alerts_is_a_bounded_change(context: Context) -> None:
    """Of 5000 new alerts a page gets the worst few, their order and how many there are; then only what changed."""
    feed = events.AlertFeed(context)
    feed.look()
    before = told(feed.whole())
    storm(context, 5000)
    text = feed.look()
    assert len(text) < 40_000
    (name, said), (counted_as, counts) = told(text)
    assert (name, counted_as, len(said["alerts"])) == ("alert_changes", "alert_counts", events.SHOWN)
    assert said["order"] == [item["id"] for item in said["alerts"]]
    assert counts == {"open": 5002, "firing": 5001, "inhibited": 0}
    assert [item["id"] for item in before[0][1]] == ["a1", "a2", "a3"]
    assert feed.look() == b""
    assert service.acknowledge(context.engine, context.group, said["order"][0], "seen", "wang", 5)
    ((name, again), (_, counts)) = told(feed.look())
    assert [item["state"] for item in again["alerts"]] == ["acknowledged"]
    assert (again["before"], counts["firing"], "order" in again) == (said["version"], 5000, False)


async def test_a_change_goes_on_from_the_state_that_the_page_has(context: Context) -> None:
    """The number of each state comes as the event's id, and the next change names it, also for a page that joins between two looks."""
    feed = events.AlertFeed(context)
    feed.look()
    for number in range(3):
        begun = feed.whole().split(b"\n")[0]
        storm_of_one = f"t{number}"
        with writing(context.engine).begin() as connection:
            connection.execute(tables.alert.update().where(tables.alert.c.id == "a1").values(note=storm_of_one))
            standing.note(connection, [("a1", "told", "duty")], 3)
        ((_, said),) = told(feed.look())
        assert begun == b"id: %d" % said["before"]
        assert said["alerts"][0]["note"] == storm_of_one


def test_what_was_received_long_ago_is_not_read_again(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of the last seconds are looked for again, since they may become visible late; afterwards a look of a quiet site reads none."""
    at, read = [0.0], []

    def rows(context: Context, *, received_from: int | None) -> list[Told]:
        found = latest_told(context, received_from=received_from)
        read.append(len(found))
        return found

    monkeypatch.setattr("cloud.api.events.latest_told", rows)
    monkeypatch.setattr("cloud.api.events.time", SimpleNamespace(monotonic=lambda: at[0]))
    feed = events.Readings(context)
    for at[0] in (0.0, 1.0, 9.0, 10.0, 11.0):
        feed.look()
    assert read == [7, 1, 1, 1, 0]
    change(context, 23.0)
    assert told(feed.look())[0][1][0]["value"] == 23.0


def test_readings_are_told_when_the_time_moves_back(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cloud was an hour ahead: times of receipt are corrected and go on from there, and a page hears of them within a minute."""
    at = [0.0]
    monkeypatch.setattr("cloud.api.events.time", SimpleNamespace(monotonic=lambda: at[0]))
    feed = events.Readings(context)
    for at[0] in range(30):
        change(context, 20.0 + at[0], 1000 * round(at[0]))
        feed.look()
    told_after: list[float] = []
    for at[0] in range(30, 120):
        change(context, 20.0 + at[0], 1000 * round(at[0]) - 3_600_000)
        told_after += [at[0] - 30] if feed.look() else []
    assert told_after[0] <= events.ALL_EVERY
    assert told_after == list(range(int(told_after[0]), 90))


def test_what_no_page_shows_is_told_to_none(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row whose last good time alone is another is not sent: once a minute all would go to every page."""
    at = [0.0]
    monkeypatch.setattr("cloud.api.events.time", SimpleNamespace(monotonic=lambda: at[0]))
    feed = events.Readings(context)
    change(context, 20.0)
    feed.look()
    with writing(context.engine).begin() as connection:
        connection.execute(tables.latest.update().values(good_at=tables.latest.c.good_at + 1))
    at[0] = events.ALL_EVERY + 1
    assert feed.look() == b""


async def test_a_slow_page_is_dropped_and_the_others_go_on(context: Context) -> None:
    """When more waits than may, its stream ends and what waited is forgotten; who reads gets all."""
    topic = reader(context)
    slow, quick = topic.listen(VIEWER), topic.listen(VIEWER)
    for page in (slow, quick):
        await opened(page)
    dropped = streams.DROPPED._value.get()
    for number in range(streams.WAITING + 1):
        change(context, float(number))
        await topic.turn()
        assert told(await anext(quick))[0][1][0]["value"] == number
    assert streams.DROPPED._value.get() == dropped + 1
    assert [part async for part in slow] == []
    await quick.aclose()


async def test_a_token_that_is_revoked_ends_its_streams_alone(context: Context) -> None:
    """One question asks for all tokens; the others go on."""
    holds = {1, 2}
    topic = Reader(lambda: events.Readings(context), NEVER, lambda _ids: holds)
    mine, theirs = topic.listen(VIEWER), topic.listen(OTHER)
    await opened(mine)
    await opened(theirs)
    holds.remove(1)
    await topic.turn()
    assert [part async for part in mine] == []
    assert await anext(theirs) == b": nothing changed\n\n"
    await theirs.aclose()


def test_only_tokens_that_stand_hold(context: Context) -> None:
    """Of two tokens one is revoked; an id that was never issued holds nothing."""
    for name in ("kept", "gone"):
        tokens.issue(context.engine, name, Role.VIEWER, by="test", at=1)
    assert tokens.revoke(context.engine, "gone", by="test", at=2) == 1
    assert tokens.holding(context.engine, [1, 2, 3]) == {1}


async def test_nothing_is_read_when_nobody_listens(context: Context, counted: Counted) -> None:
    """With the last stream the task and what it kept are gone, and the next one begins with all there is."""
    topic = reader(context)
    page = topic.listen(VIEWER)
    await opened(page)
    await page.aclose()
    with counted(context.engine) as statements:
        await topic.turn()
    assert statements == []
    change(context, 21.0)
    page = topic.listen(VIEWER)
    assert {item["value"] for item in (await opened(page))[0][1] if item["device"] == "ac"} == {21.0}
    await page.aclose()


@pytest.mark.parametrize(
    ("most", "of_one", "status"), [(2, 20, 503), (200, 2, 429)], ids=["all places are taken", "the token's places are taken"]
)
async def test_one_stream_too_many_is_refused(most: int, of_one: int, status: int, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a problem with the time after which to ask again, counted; a place that is given back can be taken."""
    monkeypatch.setattr(streams, "MOST_OF_ONE", of_one)
    app = create_app(replace(served.context, streams=most))
    app.state.topics = events.Topics(app.state.context, app.state.walls, period=NEVER)
    refused = streams.REFUSED._value.get()
    open_ = [asyncio.create_task(_asked(app, served.tokens[Role.VIEWER])) for _ in range(2)]
    places: Places = app.state.topics.places
    async with asyncio.timeout(20):
        while places.taken.total() < 2:  # noqa: ASYNC110 (a count of places has no event)
            await asyncio.sleep(0)
        answered, headers = await _asked(app, served.tokens[Role.VIEWER])
    assert (answered, headers[b"retry-after"], headers[b"content-type"]) == (status, b"10", b"application/problem+json")
    assert streams.REFUSED._value.get() == refused + 1
    assert streams.OPEN._value.get() >= 2
    for task in open_:
        task.cancel()
    await asyncio.gather(*open_, return_exceptions=True)
    assert places.taken.total() == 0
    assert (await served.get("/metrics")).text.count("jieyue_event_streams_refused_total") >= 1


async def _asked(app: Any, token: str) -> tuple[int, dict[bytes, bytes]]:  # noqa: ANN401 (an ASGI application)
    """Status and headers of a stream; one that is open goes on until it is cancelled."""
    begun: list[dict[str, Any]] = []
    parts = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not parts:
            await asyncio.Event().wait()
        return parts.pop()

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            begun.append(message)

    scope = {"type": "http", "method": "GET", "path": "/api/v1/events", "raw_path": b"/api/v1/events", "query_string": b"", "root_path": ""}
    scope |= {
        "headers": [(b"authorization", f"Bearer {token}".encode())],
        "scheme": "http",
        "server": ("jieyue.test", 80),
        "http_version": "1.1",
    }
    await app(scope, receive, send)
    return begun[0]["status"], dict(begun[0]["headers"])


async def test_a_stream_that_begins_while_the_database_is_away_ends(context: Context) -> None:
    """It says when to come back and nothing else, keeps no place among the listeners, and the next one gets all."""
    away = [True]

    def feed() -> events.Readings:
        if away:
            raise OperationalError("SELECT", {}, Exception("gone"))
        return events.Readings(context)

    topic = Reader(feed, NEVER, set)
    assert [part async for part in topic.listen(VIEWER)] == [b"retry: 1000\n\n"]
    away.clear()
    page = topic.listen(VIEWER)
    assert [name for name, _ in await opened(page)] == ["readings", "alerts", "alert_counts"]
    await page.aclose()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_page_that_opens_while_the_last_one_closes_is_told(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reloaded page joined while its old stream left, which took the feed away: nothing was said to it for ever."""
    asked, free = threading.Event(), threading.Event()
    whole = events.Readings.whole

    def slow(self: events.Readings) -> bytes:
        asked.set()
        free.wait(20)
        return whole(self)

    topic = reader(context)
    first = topic.listen(VIEWER)
    await opened(first)
    monkeypatch.setattr(events.Readings, "whole", slow)
    second = topic.listen(VIEWER)
    assert await anext(second) == b"retry: 1000\n\n"
    joining = asyncio.ensure_future(anext(second))
    await asyncio.to_thread(asked.wait, 20)
    await first.aclose()
    free.set()
    await joining
    change(context, 27.5)
    await topic.turn()
    assert told(await anext(second))[0][0] == "readings"
    await second.aclose()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_look_that_fails_half_way_loses_no_change(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before the failure is told by the next look."""
    feed = events.Readings(context)
    feed.look()
    feed.whole()
    change(context, 28.5)
    storm(context, 1)
    with monkeypatch.context() as broken:
        broken.setattr(alerts, "counts", failing)
        with pytest.raises(OperationalError):
            feed.look()
    assert {name for name, _ in told(feed.look())} >= {"readings", "alert_changes"}
    assert b"28.5" in feed.whole()


def failing(_context: Context) -> dict[str, int]:
    raise OperationalError("SELECT", {}, Exception("gone"))
