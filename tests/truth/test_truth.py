"""Ten meters with the faults of the field, two years: figures beside what was really used. `make bench BENCH=truth` has sixty."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulators.stack.influxd import Influxd
from tests.truth import scopes, verdict
from tests.truth.story import Story, live

SEED, METERS = 1, 10
pytestmark = pytest.mark.timeout(900)  # the first test waits for two years to pass


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return live(tmp_path_factory.mktemp("truth"), SEED, METERS)


@pytest.fixture(scope="module")
def months(story: Story) -> list[verdict.Line]:
    return list(verdict.lines(story))


def test_every_month_is_as_near_to_the_truth_as_its_samples_allow(story: Story, months: list[verdict.Line]) -> None:
    """Where data exist within 0.1 % and a step of the counter, with at most a tenth of the hours unknown within 3 %.

    Nothing that was not measured says so, shares sum to 1, faults are told, nobody is asked in vain, records are taken or
    refused as they must, and all hours counted anew are the same.
    """
    assert len(months) > 20 * METERS
    assert list(verdict.faults_of(story, months)) == []


def test_no_change_looks_better_than_the_truth(story: Story) -> None:
    """With at most 1 % estimated by at most 0.1 point, else by a tenth of the estimated share.

    A closed year has a closed status, and `met` says where it rests on estimates.
    """
    changes = list(scopes.changes(story))
    assert sum(change.better is not None for change in changes) > METERS
    assert list(scopes.broken(changes)) == []


def test_the_truth_test_can_fail(story: Story, months: list[verdict.Line]) -> None:
    """Most meters had a fault that a ledger of pairs would have counted."""
    assert sum(any(not fault.innocent for fault in meter.faults) for meter in story.meters) >= METERS // 2
    assert sum(line.limit is not None for line in months) > 15 * METERS


def test_influxdb_holds_the_same_hours_as_sqlite(tmp_path: Path, influxd: Influxd) -> None:
    """The store is no part of the judgement: the same story ends in the same hours, events and findings on both."""
    kinds = ["zero_nights", "exchange_off"]
    found = [_ended(tmp_path / name, kinds, url) for name, url in (("sqlite", ""), ("influx", influxd.url("truth")))]
    assert found[0] == found[1]


def _ended(folder: Path, kinds: list[str], url: str) -> tuple[object, ...]:
    folder.mkdir()
    ended = live(folder, SEED, len(kinds), kinds, url)
    return ended.looks[-1].parts, ended.events, ended.findings
