from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from cloud.ingest.batch import Message, decode
from cloud.ingest.commit import store
from cloud.ingest.known import Known
from cloud.registry import tables
from cloud.telemetry.base import MAX_MS
from contract.sparkplug_b_pb2 import Payload

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

NOW = 1_773_194_400_000


def message(kind: str, at: int, **values: float) -> Message:
    payload = Payload(timestamp=min(at, 2**64 - 1), seq=0)
    for name, value in values.items():
        payload.metrics.add(name=name, datatype=10, double_value=value, timestamp=at)
    return Message(f"spBv1.0/510802/{kind}", payload.SerializeToString(), NOW)


BIRTHS = [message("NBIRTH/gw", NOW), message("DBIRTH/gw/power", NOW, energy_import=5.0)]


@pytest.mark.parametrize("at", [MAX_MS + 1, 2**63 - 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("kind", ["DDATA/gw/power", "DBIRTH/gw/power", "DDEATH/gw/power"])
def test_a_time_that_no_store_holds_stops_nothing(books: Books, kind: str, at: int) -> None:
    """A message dated beyond what databases hold is counted and left out; those before and after it are stored."""
    late = Message("spBv1.0/510802/DDATA/gw/power", _metric_dated(at), NOW)
    batch = decode(
        [*BIRTHS, message(kind, at, energy_import=9.0), late, message("DDATA/gw/power", NOW, energy_import=6.0)], Known(books.engine)
    )
    store(batch, books.engine, books.telemetry)
    assert books.rows(sa.select(tables.latest.c.point, tables.latest.c.at, tables.latest.c.value)) == [("energy_import", NOW, 6.0)]
    assert batch.dropped == {"a time that no store holds": 2}


def _metric_dated(at: int) -> bytes:
    """A payload of now with one metric of another time."""
    payload = Payload(timestamp=NOW, seq=0)
    payload.metrics.add(name="energy_import", datatype=10, double_value=7.0, timestamp=at)
    return payload.SerializeToString()
