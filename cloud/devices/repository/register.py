"""The register in SQL: devices that a site's files name are entered, and retired when they no longer do."""

from __future__ import annotations

import json
from collections.abc import Sequence

import sqlalchemy as sa

from cloud.devices.model import RegisteredDevice
from cloud.devices.tables import device
from cloud.platform.histories import enter_and_retire


def enter(connection: sa.Connection, group: str, devices: Sequence[RegisteredDevice], day: str) -> None:
    """Enter all devices of a group's site; others that its files named are retired from a day (ISO) on, those of births alone stay."""
    rows = [
        {
            "id": one.id,
            "class": one.device_class,
            "name": json.dumps(one.name, ensure_ascii=False),
            "compound": one.compound,
            "gateway": one.gateway,
            "profile": one.profile,
            "interval": one.interval,
        }
        for one in devices
    ]
    enter_and_retire(connection, device, group, rows, day, device.c.interval.is_not(None))
