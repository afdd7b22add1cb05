"""Channels to receivers, as their settings file gives them, and what is sent to one."""

from __future__ import annotations

import json
from pathlib import Path

import sqlalchemy as sa

from cloud.alerts import sender
from cloud.alerts.channels import Channel, load_channels


def several(folder: Path, name: str, url: str, **more: object) -> list[Channel]:
    """The channels that one entry of the settings gives."""
    (folder / f"{name}-url").write_text(url + "\n", encoding="utf-8")
    settings = {"channels": [{"name": name, "url_file": f"{name}-url", "min_severity": "info"} | more]}
    file = folder / f"{name}.yaml"
    file.write_text(json.dumps(settings), encoding="utf-8")
    return load_channels(file)


def channel(folder: Path, name: str, url: str, **more: object) -> Channel:
    """The one that an entry gives."""
    (found,) = several(folder, name, url, **more)
    return found


def deliver(engine: sa.Engine, to: Channel, now: int) -> int:
    """Send all that may be sent; how many tries that were."""
    number = 0
    while sender.send_one(engine, to, now):
        number += 1
    return number
