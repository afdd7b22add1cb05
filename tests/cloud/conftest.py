"""Both time-series stores, opened once for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cloud.telemetry.base import Telemetry
from cloud.telemetry.open import open_telemetry


@pytest.fixture(scope="session", params=["sqlite", "influx"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telemetry]:
    """Each backend in turn."""
    if request.param == "sqlite":
        opened = open_telemetry(f"sqlite:///{tmp_path_factory.mktemp('store') / 'telemetry.sqlite'}")
    else:
        opened = open_telemetry(request.getfixturevalue("influxd").url())
    yield opened
    opened.close()
