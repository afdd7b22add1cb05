"""Who is told that nothing is stored, without a store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cloud.alerts.channels import Channel, load_channels
from cloud.alerts.nothing_stored import AFTER, NothingStored
from cloud.texts import LANGUAGES, say

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cloud.alerts.conftest import Hook

SITE = {"zh": "利州区", "en": "Lizhou"}


def channels(tmp_path: Path, hook: Hook) -> list[Channel]:
    """One in each language, as their settings file gives them."""
    (tmp_path / "url").write_text(hook.url, encoding="utf-8")
    entries = [{"name": language, "url_file": "url", "language": language} for language in ("zh", "en")]
    (tmp_path / "channels.yaml").write_text(json.dumps({"channels": entries}), encoding="utf-8")
    return list(load_channels(tmp_path / "channels.yaml"))


def titles(what: str) -> set[str]:
    """In both languages."""
    return {say(f"nothing_stored.{what}.title", language, site=SITE[language]) for language in LANGUAGES}


async def test_each_channel_is_told_once_and_once_that_it_is_over(tmp_path: Path, webhook: Hook) -> None:
    """After a minute, in its language, however often anybody looks; a store that was only started again is no alert."""
    state: list[str | None] = ["telemetry"]
    watch = NothingStored(channels(tmp_path, webhook), lambda: state[0], SITE)
    await watch.look(0.0)
    await watch.look(AFTER - 1)
    state[0] = None
    await watch.look(AFTER)
    assert webhook.got == []
    state[0] = "database"
    for now in (100.0, 100.0 + AFTER, 101.0 + AFTER, 500.0):
        await watch.look(now)
    assert {body["title"] for _, body in webhook.got} == titles("down")
    assert len(webhook.got) == 2
    said = " ".join(body["message"] for _, body in webhook.got)
    assert "关系数据库无法写入" in said
    assert "The database cannot be written" in said
    state[0] = None
    await watch.look(600.0)
    await watch.look(601.0)
    assert {body["title"] for _, body in webhook.got[2:]} == titles("again")
    assert len(webhook.got) == 4


async def test_a_channel_that_cannot_be_reached_is_tried_again(tmp_path: Path, webhook: Hook) -> None:
    """What nobody heard is said at the next look, and the end only to whoever heard the beginning."""
    (zh, _) = channels(tmp_path, webhook)
    state: list[str | None] = ["ingest"]
    watch = NothingStored([zh], lambda: state[0], SITE)
    webhook.status = 500
    await watch.look(0.0)
    await watch.look(AFTER)
    assert len(webhook.got) == 1
    webhook.status = 200
    await watch.look(AFTER + 5)
    assert len(webhook.got) == 2
    state[0] = None
    await watch.look(AFTER + 10)
    await watch.look(AFTER + 15)
    assert len(webhook.got) == 3
    assert webhook.got[2][1]["title"] in titles("again")


async def test_a_service_that_starts_tells_nobody(tmp_path: Path, webhook: Hook) -> None:
    """Before all stores were tried nothing is known."""
    watch = NothingStored(channels(tmp_path, webhook), lambda: "starting", SITE)
    await watch.look(0.0)
    await watch.look(AFTER * 2)
    assert webhook.got == []
