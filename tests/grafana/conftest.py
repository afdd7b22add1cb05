"""The first site's past and present on a real influxd, through the real codec, ingest, ledger and indicators."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud.indicators.figures import publish
from cloud.ingest.batch import Message
from cloud.ingest.commit import store
from cloud.ingest.decode import decode
from cloud.ingest.node_cache import Known
from cloud.ledger import book, entries
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.telemetry.base import Telemetry
from cloud.telemetry.open import open_telemetry
from contract import sparkplug
from contract.clock import Clock, parse_time
from contract.reading import Row
from contract.site import Site
from contract.sitefolder import shipped_site
from contract.topics import Topic
from edge import certificates, health
from edge.outbox.outbox import Outbox
from simulators.history import meters_of, packed, span, write_fuel
from simulators.stack.influxd import Influxd
from simulators.world.site_world import SiteWorld
from tests.cloud import unsynced
from tests.cloud.district import GROUP

sys.path.append(str(Path(__file__).parents[2]))
"""The dashboards' generator is not in the wheel, it runs from a checkout; last, so that all else comes from what is tested."""
NOW = parse_time("2026-02-10T14:35:00+08:00")
DATABASE = "grafana"
_LIVE_FROM = NOW - 2 * HOUR_MS
_EVERY = 5 * 60_000
_BATCH = 500
_LIMIT = 1_000_000
_DAYS = 3
"""How many days the indicators were written back, as a service that runs does."""


@dataclass(frozen=True)
class Filled:
    """Stores that the first site filled until `now`."""

    influxd: Influxd
    engine: sa.Engine
    site: Site
    now: int = NOW
    database: str = DATABASE


@pytest.fixture(scope="session")
def filled(influxd: Influxd, lizhou: Site, _entered: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """A year and a month of all counters, two hours of all points of all devices, and what the cloud makes of them."""
    folder = tmp_path_factory.mktemp("grafana")
    engine = unsynced.registry(Path(shutil.copy(_entered(shipped_site("lizhou")), folder / "registry.db")))
    telemetry = open_telemetry(influxd.url(DATABASE))
    world = SiteWorld(lizhou)
    _take(_messages(lizhou, world, folder), engine, telemetry)
    write_fuel(lizhou, world, NOW, folder / "fuel.csv")
    entries.import_csv(engine, GROUP, folder / "fuel.csv", "test", NOW)
    while book.settle(engine, telemetry, _LIMIT):
        pass
    for day in range(_DAYS):
        publish(engine, telemetry, NOW - day * DAY_MS)
    yield Filled(influxd, engine, lizhou)
    telemetry.close()
    engine.dispose()


def _take(messages: Iterator[Message], engine: sa.Engine, telemetry: Telemetry) -> None:
    known, waiting = Known(engine), list(messages)
    for start in range(0, len(waiting), _BATCH):
        batch = decode(waiting[start : start + _BATCH], known)
        assert not batch.dropped
        store(batch, engine, telemetry)


def _messages(site: Site, world: SiteWorld, folder: Path) -> Iterator[Message]:
    """What the gateways say: births, the counters' past, and the last hours of every point."""
    for gateway in site.gateways:
        devices = site.gateway_devices(gateway.id)
        outbox = Outbox(folder / f"{gateway.id}.db")
        own = Row(gateway.id, NOW - _EVERY, health.row(gateway.id, outbox, health.Faults(), Clock()).values)
        outbox.close()
        yield _message(site, "NBIRTH", gateway.id, "", sparkplug.birth(certificates.node(0, gateway.id, 0, None, {}), at=NOW, seq=0))
        for device in devices:
            born = sparkplug.birth(certificates.device(device, None, {}), at=NOW, seq=0)
            yield _message(site, "DBIRTH", gateway.id, device.id, born)
        yield _data(site, "NDATA", gateway.id, "", [own])
        for device, meter in meters_of(site, gateway.id):
            for _, body in packed(world, device, meter, *span(NOW)):
                yield _message(site, "DDATA", gateway.id, device.id, sparkplug.data(body, sent_at=NOW, seq=0))
        for device in devices:
            polls = [_poll(world, device.id, at) for at in range(_LIVE_FROM, NOW, _EVERY)]
            yield _data(site, "DDATA", gateway.id, device.id, polls)


def _poll(world: SiteWorld, device: str, at: int) -> Row:
    return Row(device, at, {point: value for point, value in world.values(device, at).items() if value is not None})


def _data(site: Site, kind: str, gateway: str, device: str, rows: list[Row]) -> Message:
    body = sparkplug.encode_rows(rows, historical=True)
    return _message(site, kind, gateway, device, sparkplug.data(body, sent_at=NOW, seq=0))


def _message(site: Site, kind: str, gateway: str, device: str, payload: bytes) -> Message:
    return Message(str(Topic(site.group, kind, gateway, device)), payload, NOW)
