"""The table of limits in docs/operating.md: each line has the number that the code has, and a test that goes beyond it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cloud import storing
from cloud.api import alerts, availability, brake, connections, limits, params, readings, slots, streams
from cloud.ingest import batch, broker_record, commit, intake, node_cache, refused
from cloud.ingest import queue as ingest_queue
from cloud.reports import queue as report_queue
from cloud.settings import Settings
from cloud.telemetry import sqlite
from edge.outbox import marking, outbox, retention

TESTS = Path(__file__).parents[1]
TEXT = (TESTS.parent / "docs" / "operating.md").read_text(encoding="utf-8")
SECTION = TEXT.split("\n## Limits\n", 1)[1].split("\n## ", 1)[0]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in SECTION.splitlines() if line.startswith("| ")][1:]
SET = {f"JIEYUE_{name.upper()}": field.default for name, field in Settings.model_fields.items()}
NUMBERS = {
    "bytes of a request's address and headers": connections.HEAD_BYTES,
    "headers of a request": connections.HEADERS,
    "requests of a connection that wait for the answer to an earlier one": connections.PIPELINED,
    "seconds until a request is whole": connections.REQUEST_SECONDS,
    "bytes of a request's body": limits.MOST_BYTES,
    "seconds until an answer begins": availability.LONGEST,
    "bytes of a whole request, with what frames it": connections.REQUEST_BYTES,
    "seconds within which the rest of an answer is read, or 64 KiB of it": connections.UNREAD_SECONDS,
    "large questions at once": slots.MOST,
    "large questions at once of a token": slots.MOST_OF_CALLER,
    "event streams of a token": streams.MOST_OF_ONE,
    "events that wait for a slow page": streams.WAITING,
    "alerts of an answer": alerts.MOST,
    "readings of an answer": readings.MOST_SAMPLES,
    "hours of an answer": params.MOST_HOURS,
    "wrong tokens in the login form or the wall's address, of an address within a minute": brake.MOST_OF_ADDRESS,
    "wrong tokens in the login form or the wall's address, of all addresses within a minute": brake.MOST,
    "bytes of a report's file": report_queue.MOST_BYTES,
    "seconds for which an `ingest` of its own may say nothing": storing.LIMIT,
    "bytes of what waits to be stored": intake.MAX_QUEUE_BYTES,
    "nodes whose messages wait in a share of their own": ingest_queue.MOST_LANES,
    "bytes of a message of a gateway": batch.MAX_PAYLOAD_BYTES,
    "bytes of a batch's compressed messages, decompressed": ingest_queue.MAX_UNPACKED_BYTES,
    "points of a device": node_cache.MAX_POINTS,
    "metrics of a birth": node_cache.MAX_METRICS,
    "metrics of all births of a node": node_cache.MAX_NODE_METRICS,
    "rejected readings of a device within 24 hours, each on record": refused.MOST_OF_DEVICE,
    "rejected readings of all devices of a node within 24 hours, each on record": refused.MOST_OF_NODE,
    "deaths of a node's devices within 24 hours, each an event": commit.MOST_DEATHS,
    "ms of receipt in which the deaths of a device are one event": batch.MINUTE,
    "devices that a node's births make known": node_cache.MAX_FOREIGN_DEVICES,
    "nodes that no site names": node_cache.MAX_FOREIGN_NODES,
    "addresses of a day that the broker refused, each on record": broker_record.MOST,
    "ranges of acknowledgements that a gateway remembers until its disk takes them": marking.MOST_UNMARKED,
    "rows that stay of which a gateway knows while it thins others": retention.MOST_FIRSTS,
    "seconds until a gateway's disk that does not answer counts as one that hangs": outbox.PATIENCE,
    "connections that read the embedded telemetry": sqlite.MOST_READERS,
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_limit_is_as_the_table_says(row: list[str]) -> None:
    """Its default is the code's own, and its test is there."""
    name, default, setting, beyond, counted, test = row
    expected = SET[setting.strip("`")] if setting else NUMBERS[name]
    assert float(default) == float(str(expected))
    assert beyond
    assert counted
    path, _, wanted = test.strip("`").partition("::")
    assert re.search(rf"^(async )?def {wanted}\(", (TESTS / path).read_text(encoding="utf-8"), re.MULTILINE), test


def test_every_limit_stands_in_the_table() -> None:
    """A number of the code that this file knows is told."""
    assert set(NUMBERS) == {name for name, _, setting, *_ in ROWS if not setting}
