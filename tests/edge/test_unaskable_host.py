"""A host's name that no resolver can be asked for is no connection of whoever asks; nothing else ends by it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from contract.clock import Clock
from contract.reading import Row
from contract.sparkplug import MetricValue
from edge.outbox.outbox import Outbox
from edge.settings import Settings
from edge.uplink import Told, Uplink
from protocols.base import BusContext, NoLineError
from protocols.modbus import model as modbus
from protocols.modbus.driver.connection import opened
from protocols.mqtt.driver import Driver as Mqtt
from protocols.mqtt.model import Bus

HOST = "a" * 64 + ".local"
BUS = Bus(id="pub", gateway="gw", protocol="mqtt").model_copy(update={"host": HOST, "port": 1883})
LINE = modbus.Bus(id="line", gateway="gw", protocol="modbus").model_copy(update={"host": HOST, "port": 1883})


async def _nothing(rows: Sequence[Row]) -> None:
    assert not rows


def _never(error: sqlite3.Error) -> None:
    raise error


async def _no_order(device: str, metrics: Mapping[str, MetricValue]) -> None:
    assert (device, metrics) == ("", {})


async def _warned(running: asyncio.Task[None], event: str) -> str:
    """The reason of the first warning; whoever gave it is still running."""
    with capture_logs() as logs:
        async with asyncio.timeout(10):
            while not (found := [line for line in logs if line["event"] == event]):
                assert not running.done(), running.exception()
                await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return str(found[0]["reason"])


async def test_a_modbus_line_says_that_it_has_no_connection() -> None:
    """The poller takes it as it takes a server that is not there."""
    with pytest.raises(NoLineError, match=f"^no connection to {HOST}:1883: unknown host$"):
        await opened(LINE, 1.0)


async def test_an_mqtt_bus_and_the_uplink_go_on_trying(tmp_path: Path) -> None:
    """Each says the host, is counted and waits; an error that is none of a connection ended the whole gateway."""
    counted: list[str] = []
    bus = asyncio.create_task(Mqtt(BusContext(BUS, [], Clock(), _nothing, counted.append)).run())
    assert await _warned(bus, "bus lost") == f"unknown host {HOST}"
    assert counted == ["broker: no session"]
    settings = Settings(gateway="gw", site="s", data=tmp_path)
    settings = settings.model_copy(update={"broker": settings.broker.model_copy(update={"host": HOST})})
    outbox = Outbox(tmp_path / "outbox.db")
    uplink = asyncio.create_task(Uplink(settings, "510802", [], outbox, Clock(), Told(_no_order, _never)).run())
    assert await _warned(uplink, "uplink lost") == f"unknown host {HOST}"
    outbox.close()
