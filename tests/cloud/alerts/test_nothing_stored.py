"""Who is told that nothing is stored, without a store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

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


@pytest.mark.parametrize("while_down", [True, False])
async def test_who_was_told_hears_the_end_though_the_service_was_restarted(tmp_path: Path, webhook: Hook, *, while_down: bool) -> None:
    """A token made anew wants a restart: nobody hears the beginning twice, and everybody who heard it hears the end, once."""
    state: list[str | None] = ["telemetry"]
    told, file = channels(tmp_path, webhook), tmp_path / "new" / "told.json"
    before = NothingStored(told, lambda: state[0], SITE, file)
    await before.look(0.0)
    await before.look(AFTER)
    assert len(webhook.got) == 2
    after = NothingStored(told, lambda: state[0], SITE, file)
    after.recall()
    state[0] = "starting"
    await after.look(0.0)
    if while_down:
        state[0] = "database"
        await after.look(1.0)
        await after.look(1.0 + AFTER)
    assert len(webhook.got) == 2
    state[0] = None
    await after.look(100.0)
    await after.look(105.0)
    assert {body["title"] for _, body in webhook.got[2:]} == titles("again")
    assert len(webhook.got) == 4
    last = NothingStored(told, lambda: state[0], SITE, file)
    last.recall()
    await last.look(0.0)
    assert len(webhook.got) == 4


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"told": 7}', b'{"why": "no such store", "told": ["zh"]}'])
async def test_a_file_of_no_use_is_no_fault(tmp_path: Path, webhook: Hook, content: bytes) -> None:
    """What it says cannot be trusted, so nobody counts as told; what is told from then on is kept."""
    (tmp_path / "told.json").write_bytes(content)
    state: list[str | None] = [None]
    watch = NothingStored(channels(tmp_path, webhook), lambda: state[0], SITE, tmp_path / "told.json")
    watch.recall()
    await watch.look(0.0)
    assert webhook.got == []
    state[0] = "ingest"
    await watch.look(1.0)
    await watch.look(1.0 + AFTER)
    assert json.loads((tmp_path / "told.json").read_bytes()) == {"why": "ingest", "told": ["en", "zh"]}


async def test_a_folder_that_takes_no_file_keeps_nobody_from_being_told(
    tmp_path: Path, webhook: Hook, capsys: pytest.CaptureFixture[str]
) -> None:
    """The beginning and the end are told all the same, the fault is logged once, and a disk that has room again takes it."""
    (tmp_path / "taken").write_bytes(b"")
    state: list[str | None] = ["ingest"]
    watch = NothingStored(channels(tmp_path, webhook), lambda: state[0], SITE, tmp_path / "taken" / "told.json")
    watch.recall()
    for now in (0.0, AFTER, AFTER + 5):
        await watch.look(now)
    assert capsys.readouterr().out.count("it is not kept who was told") == 1
    (tmp_path / "taken").unlink()
    await watch.look(AFTER + 10)
    assert json.loads((tmp_path / "taken" / "told.json").read_bytes())["told"] == ["en", "zh"]
    state[0] = None
    await watch.look(AFTER + 15)
    assert len(webhook.got) == 4


async def test_a_channel_that_is_gone_is_not_remembered(tmp_path: Path, webhook: Hook) -> None:
    """It was told, and was taken out of the settings before the restart."""
    (zh, en), file = channels(tmp_path, webhook), tmp_path / "told.json"
    file.write_text('{"why": "telemetry", "told": ["en", "zh"]}', encoding="utf-8")
    watch = NothingStored([zh], lambda: None, SITE, file)
    watch.recall()
    await watch.look(0.0)
    assert [body["title"] for _, body in webhook.got] == [say("nothing_stored.again.title", "zh", site=SITE["zh"])]
    assert en.name not in file.read_text(encoding="utf-8")
