"""Alerts in a storm: one message of many, a rate a channel, nothing of what another alert explains, and the last word is told."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests
import sqlalchemy as sa

from cloud.alerts import channels, service
from cloud.alerts.brake import Brake
from cloud.alerts.channels import Channel
from cloud.alerts.direct import TOO_OFTEN, Direct
from cloud.alerts.machine import Reason
from cloud.alerts.repository import notifications, standing
from cloud.alerts.ruleset import Severity
from cloud.platform.database import writing
from contract.coded import Message
from tests.cloud import tables
from tests.cloud.alerts.receivers import channel, deliver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cloud.alerts.conftest import Hook, Mailbox

GROUP = "510802"
START = 1_790_000_000_000
SECOND, MINUTE, DAY = 1000, 60_000, 86_400_000
NAME = '<b>泵</b> [x](http://evil.example) *!* @all <at user_id="all"></at>'


def fire(engine: sa.Engine, to: list[Channel], ids: list[str], now: int, **more: str) -> None:
    """Alerts fire in one round."""
    row: dict[str, object] = {
        "grp": GROUP,
        "rule": "device_silent",
        "severity": "warning",
        "state": "firing",
        "unit": "1",
        "since": now,
        "fired_at": now,
    } | more
    texts = {"title": "Device is silent", "detail": "Check its power"}
    row |= {key: json.dumps({"zh": text, "en": text}) for key, text in texts.items()}
    rows = [row | {"id": name, "subject": name, "subject_name": json.dumps({"zh": name, "en": f"meter {name}"})} for name in ids]
    with writing(engine).begin() as connection:
        standing.lock(connection)
        standing.fire(connection, rows, now)
        notifications.enqueue(connection, GROUP, to, now)


def end(engine: sa.Engine, to: list[Channel], ids: list[str], now: int) -> None:
    """They are over in one round."""
    with writing(engine).begin() as connection:
        standing.lock(connection)
        standing.resolve(connection, [(name, Reason.NORMAL_LONG_ENOUGH) for name in ids], now)
        notifications.enqueue(connection, GROUP, to, now)


def explain(engine: sa.Engine, to: list[Channel], changed: dict[str, str | None], now: int) -> None:
    """Another alert begins or ends to explain them."""
    with writing(engine).begin() as connection:
        standing.lock(connection)
        standing.inhibit(connection, GROUP, changed, (), now)
        notifications.enqueue(connection, GROUP, to, now)


def test_many_alerts_are_one_message(engine: sa.Engine, tmp_path: Path, webhook: Hook) -> None:
    """It says how many of which kind, the worst first, names the first three and where the rest stands; each alert counts as told."""
    to = channel(tmp_path, "duty", webhook.url, language="en")
    fire(engine, [to], [f"d{n:03}" for n in range(500)], START)
    fire(engine, [to], ["g1"], START + 1, rule="gateway_offline", severity="critical")
    end(engine, [to], ["d007"], START + 2)
    assert deliver(engine, to, START + SECOND) == 1
    ((_, body),) = webhook.got
    assert body["title"] == "[Critical] 501 alerts: 500 fired, 1 resolved"
    assert body["message"].split("\n") == [
        "[Critical] Device is silent: 1 (meter g1)",
        "[Warning] Device is silent: 499 (meter d000, meter d001, meter d002, …)",
        "[Warning] Device is silent · resolved: 1 (meter d007)",
        "All of them stand under Alerts on the first page of the system.",
    ]
    line = tables.notification.c
    with engine.connect() as connection:
        assert connection.execute(sa.select(line.state, sa.func.count()).group_by(line.state)).all() == [("sent", 502)]


def test_few_alerts_are_told_one_by_one(engine: sa.Engine, tmp_path: Path, webhook: Hook) -> None:
    """Up to the burst each has its own message with its own key; one more makes them one message."""
    to = channel(tmp_path, "duty", webhook.url, burst=3)
    fire(engine, [to], ["a", "b", "c"], START)
    assert deliver(engine, to, START) == 3
    assert [key for key, _ in webhook.got] == ["a.fired.duty", "b.fired.duty", "c.fired.duty"]
    fire(engine, [to], ["d", "e"], START + 1)
    assert deliver(engine, to, START + MINUTE - 1) == 0
    assert deliver(engine, to, START + MINUTE) == 1
    assert webhook.got[-1][1]["title"].startswith("[警告] 2 条告警")


def test_a_storm_of_half_an_hour_is_a_message_a_minute(engine: sa.Engine, tmp_path: Path, webhook: Hook) -> None:
    """Ten alerts every ten seconds, and their ends: no more messages than the burst and one each pause, and all are told."""
    to = channel(tmp_path, "duty", webhook.url)
    number = 0
    for turn in range(90):
        now = START + turn * 10 * SECOND
        fire(engine, [to], [f"{turn}.{n}" for n in range(10)], now)
        end(engine, [to], [f"{turn - 5}.{n}" for n in range(10)] if turn >= 5 else [], now + 1)
        number += deliver(engine, to, now + 2)
    number += deliver(engine, to, START + 16 * MINUTE)
    assert number == len(webhook.got) <= 5 + 16
    with engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).where(tables.notification.c.state != "sent")).scalar() == 0


def test_what_another_alert_explains_is_told_when_it_stands_alone(engine: sa.Engine, tmp_path: Path, webhook: Hook) -> None:
    """While it is inhibited nobody is told, not of its end either; of one that still fires when its cause is over people are told then."""
    to = channel(tmp_path, "duty", webhook.url)
    fire(engine, [to], ["bus"], START, rule="bus_silent")
    fire(engine, [to], ["d1", "d2", "d3"], START + 1)
    explain(engine, [to], {"d1": "bus", "d2": "bus", "d3": "bus"}, START + 1)
    assert deliver(engine, to, START + 2) == 1
    end(engine, [to], ["d1"], START + 3)
    assert service.acknowledge(engine, GROUP, "d3", "", "wang", START + 4)
    end(engine, [to], ["bus"], START + 5)
    explain(engine, [to], {"d2": None, "d3": None}, START + 5)
    deliver(engine, to, START + 6)
    end(engine, [to], ["d2", "d3"], START + 7)
    deliver(engine, to, START + 8)
    assert [key for key, _ in webhook.got] == ["bus.fired.duty", "bus.resolved.duty", "d2.fired.duty", "d2.resolved.duty"]


def test_whoever_was_told_is_told_the_end(engine: sa.Engine, tmp_path: Path, webhook: Hook) -> None:
    """Inhibited meanwhile, a channel that wants only critical alerts by now, a receiver that was away for a week: the end is told."""
    to = channel(tmp_path, "duty", webhook.url)
    fire(engine, [to], ["a"], START)
    assert deliver(engine, to, START) == 1
    explain(engine, [to], {"a": "gw"}, START + 1)
    to = to.model_copy(update={"min_severity": Severity.CRITICAL})
    webhook.status = 503
    end(engine, [to], ["a"], START + 2)
    for day in range(8):
        assert deliver(engine, to, START + MINUTE + day * DAY) == 1
    webhook.status = 200
    assert deliver(engine, to, START + 9 * DAY) == 1
    assert webhook.got[-1][0] == "a.resolved.duty"


def test_who_was_not_told_that_it_began_is_not_told_that_it_is_over(engine: sa.Engine, tmp_path: Path, webhook: Hook) -> None:
    """A channel that was set up later hears nothing of the end of an alert that it never heard of."""
    to = channel(tmp_path, "duty", webhook.url)
    fire(engine, [], ["a"], START)
    end(engine, [to], ["a"], START + 1)
    assert deliver(engine, to, START + 2) == 0


@dataclass
class Storm:
    """A channel whose sender dies between telling and noting, and whose receiver refuses, or has what it said it refused."""

    engine: sa.Engine
    to: Channel
    chance: random.Random
    now: int = START
    heard: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    said: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    open: dict[str, str | None] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)

    def round(self, number: int) -> None:
        """Some alerts fire, some begin or cease to be explained, some are over."""
        self.now += self.chance.choice((SECOND, 10 * SECOND, MINUTE))
        new = [f"{number}-{n}" for n in range(self.chance.choice((0, 1, 2, 12)))]
        fire(self.engine, [self.to], new, self.now)
        self.open |= dict.fromkeys(new)
        self.explain({name: None if by else "cause" for name, by in self.open.items() if self.chance.random() < 0.2})
        ended = [name for name in self.open if self.chance.random() < 0.2]
        self.now += 1
        end(self.engine, [self.to], ended, self.now)
        self.over |= set(ended)
        self.open = {name: by for name, by in self.open.items() if name not in self.over}

    def explain(self, moved: dict[str, str | None]) -> None:
        """So many are explained by another from now on, or no longer."""
        self.now += 1
        explain(self.engine, [self.to], moved, self.now)
        self.open |= moved

    def send(self, *, dies: float = 0.0, refuses: float = 0.0) -> None:
        """One try; a repetition says the same as before."""
        batch = notifications.take(self.engine, self.to, self.now)
        if batch is None:
            return
        refused = self.chance.random() < refuses
        if not refused or self.chance.random() < 0.5:
            lines = [(str(line.alert), str(line.event)) for line in batch.lines]
            assert self.said.setdefault(batch.key, lines) == lines
            for name, event in lines:
                self.heard[name].append(event)
        if self.chance.random() >= dies:
            notifications.settle(self.engine, self.to, batch, Message("told.unreachable") if refused else None, self.now)

    def waits(self) -> bool:
        """Whether anything is still to be told."""
        query = sa.select(tables.notification.c.id).where(tables.notification.c.next_try.is_not(None))
        with self.engine.connect() as connection:
            return connection.execute(query).first() is not None


@pytest.mark.parametrize("seed", range(3))
def test_the_last_word_of_a_storm_is_the_final_state(seed: int, engine: sa.Engine, tmp_path: Path) -> None:
    """Whatever was told in the storm, each alert that still fires was told last to fire, and each that was told is told its end."""
    storm = Storm(engine, channel(tmp_path, "duty", "json://127.0.0.1:9/", burst=3), random.Random(seed))  # noqa: S311 (a seeded storm)
    for number in range(60):
        storm.round(number)
        for _ in range(storm.chance.choice((0, 1, 4))):
            storm.send(dies=0.3, refuses=0.3)
    storm.explain(dict.fromkeys(name for name, by in storm.open.items() if by))
    while storm.waits():
        storm.now += MINUTE
        storm.send()
    assert len(storm.over & storm.heard.keys()) > 20
    assert {storm.heard[name][-1] for name in storm.open} == {"fired"}
    assert {storm.heard[name][-1] for name in storm.over & storm.heard.keys()} == {"resolved"}


def test_what_a_service_died_over_comes_again_with_its_key(engine: sa.Engine, tmp_path: Path, webhook: Hook) -> None:
    """The same alerts in the same message, though more wait by then; these come after it."""
    to = channel(tmp_path, "duty", webhook.url, burst=2)
    fire(engine, [to], ["a", "b", "c"], START)
    first = notifications.take(engine, to, START)
    assert first is not None
    fire(engine, [to], ["d"], START + 1)
    again = notifications.take(engine, to, START + notifications.LEASE)
    assert again is not None
    assert (again.key, [line.alert for line in again.lines]) == (first.key, ["a", "b", "c"])
    notifications.settle(engine, to, again, None, START + notifications.LEASE)
    rest = notifications.take(engine, to, START + 2 * MINUTE)
    assert rest is not None
    assert rest.key == "d.fired.duty"


def test_a_brake_lets_a_burst_through_and_then_one_each_pause() -> None:
    """Whatever the pace of asking; a clock that was set back a day does not stop it."""
    brake, full_at, sent = Brake(burst=3, pause=100), 0, []
    for now in range(1000, 2000, 7):
        if brake.spare(full_at, now):
            full_at = brake.spent(full_at, now)
            sent.append(now)
    assert sent[:3] == [1000, 1007, 1014]
    assert len(sent) == 3 + 9
    assert brake.spare(full_at, full_at) == 3
    assert brake.spare(full_at, 2000 - DAY) == 3


def test_a_channel_is_told_directly_without_a_database(tmp_path: Path, webhook: Hook) -> None:
    """A message arrives with title, text and a key of its own; beyond its rate the channel is not bothered, and the caller knows why."""
    to, direct = channel(tmp_path, "duty", webhook.url, burst=2), Direct()
    assert [direct.send(to, "[严重] 数据未入库", "InfluxDB") for _ in range(3)] == [None, None, TOO_OFTEN]
    assert [(body["title"], body["message"]) for _, body in webhook.got] == [("[严重] 数据未入库", "InfluxDB")] * 2
    assert len({key for key, _ in webhook.got}) == 2
    webhook.status = 500
    assert Direct().send(to, "x", "y") == Message("told.unreachable")


def test_markup_in_a_name_is_text_in_both_parts_of_a_mail(tmp_path: Path, mails: Mailbox) -> None:
    """The HTML part is escaped, the text part says it as it is, and lines stay lines."""
    assert channels.send(channel(tmp_path, "duty", mails.url), "k", "设备无数据", f"{NAME}\n第二行") is None
    (mail,) = mails.got
    parts = {part.get_content_type(): part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()}
    html, text = (bytes(parts[kind]).decode() for kind in ("text/html", "text/plain"))
    assert "&lt;b&gt;泵&lt;/b&gt;" in html
    assert "<b>" not in html
    assert "<at " not in html
    assert "第二行" in html.split("<br")[1]
    assert NAME in text


CHATS = {
    "dingtalk": "dingtalk://abcdefghijklmno/",
    "dingtalk, markdown": "dingtalk://abcdefghijklmno/?format=markdown",
    "feishu": "feishu://abcdef012345abcdef012345abcdef01",
    "feishu, markdown": "feishu://abcdef012345abcdef012345abcdef01/?format=markdown",
    "wecom": "wecombot://abcdef01-1234-1234-1234-0123456789ab",
}


@pytest.mark.parametrize("url", CHATS.values(), ids=list(CHATS))
def test_markup_in_a_name_is_no_markup_in_a_chat(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No link, no bold, no tag and no call to everybody reaches the service; where it reads Markdown, marks are escaped."""
    sent: list[Any] = []

    def post(_url: str, data: str, **_more: object) -> requests.Response:
        sent.append(json.loads(data))
        answer = requests.Response()
        answer.status_code, answer._content = 200, b'{"code": 0, "errcode": 0}'
        return answer

    monkeypatch.setattr(requests, "post", post)
    assert channels.send(channel(tmp_path, "duty", url), "k", f"[警告] {NAME}", NAME) is None
    text = json.dumps(sent, ensure_ascii=False)
    assert "泵" in text
    for call in ("@all", "<at", "<b>"):
        assert call not in text
    if "markdown" in url:
        assert "[x](" not in text
        assert "*!*" not in text
