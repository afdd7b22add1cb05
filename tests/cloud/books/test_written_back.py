"""What the ledger no longer has is no figure of the time-series store either, on each backend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest
import sqlalchemy as sa
import structlog

from cloud.ingest.batch import Batch
from cloud.ingest.commit import store
from cloud.ledger import book, export
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.sites.entering import By, enter_site
from cloud.telemetry.base import Figures, FiguresError, Line, Polled, Telemetry
from cloud.telemetry.open import open_telemetry
from cloud.telemetry.sqlite import SqliteTelemetry
from contract.clock import parse_time
from contract.logs import Seldom
from tests.cloud.books.test_changed_limits import site_with
from tests.cloud.district import key
from tests.cloud.test_telemetry import figures

BEGIN = parse_time("2026-03-02T00:00:00+08:00")
NOW = BEGIN + 30 * DAY_MS
LIMIT = 100_000


class Server(Protocol):
    """The running influxd of `tests/conftest.py`."""

    def url(self, database: str = ..., password: str = ...) -> str: ...  # noqa: D102


@pytest.fixture(params=["sqlite", "influx"])
def telemetry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Telemetry]:
    """An empty store of each backend."""
    url = f"sqlite:///{tmp_path / 'telemetry.db'}"
    if request.param == "influx":
        server: Server = request.getfixturevalue("influxd")
        url = server.url(f"written_{uuid4().hex}")
    with closing(open_telemetry(url)) as opened:
        yield opened


def site(engine: sa.Engine, most: float | None) -> None:
    enter_site(engine, site_with(max_rate=most), By("wang", NOW, date(2026, 4, 1)))


def read(engine: sa.Engine, telemetry: Telemetry, samples: Mapping[int, float]) -> None:
    lines: list[Line] = [Polled("510802", "electricity", "far", at, {"energy_import": value}) for at, value in samples.items()]
    store(Batch(lines=lines, touched={(key("far"), at // HOUR_MS * HOUR_MS) for at in samples}), engine, telemetry)


@pytest.mark.parametrize("jump", [20, 24])
def test_an_hour_that_the_ledger_takes_out_has_no_figure(database: sa.Engine, telemetry: Telemetry, jump: int) -> None:
    """A step that is use under 630 kWh an hour is open under 20: its hour goes, and its day is what is left of it, or goes too."""
    halves = {BEGIN + n * HOUR_MS // 2: 1000.0 + n for n in range(2 * jump + 1)}
    last = max(halves)
    site(database, None)
    read(database, telemetry, halves | {last + HOUR_MS // 2: halves[last] + 150})
    book.settle(database, telemetry, LIMIT)
    day, hours = (BEGIN, 40.0) if jump == 20 else (BEGIN + DAY_MS, 0.0)
    before = [figures(telemetry, name) for name in ("ledger_hour", "ledger_day")]
    assert before[0][-1] == (last, "far", 150.0)
    assert before[1][-1] == (day, "far", hours + 150.0)
    site(database, 20.0)
    book.settle(database, telemetry, LIMIT)
    after = [figures(telemetry, name) for name in ("ledger_hour", "ledger_day")]
    assert after[0] == before[0][:-1]
    assert after[1] == ([*before[1][:-1], (day, "far", hours)] if hours else before[1][:-1])
    site(database, None)
    book.settle(database, telemetry, LIMIT)
    assert [figures(telemetry, name) for name in ("ledger_hour", "ledger_day")] == before


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_figure_that_cannot_go_is_told(database: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger is counted all the same, and the log names the meter and the hours whose figures stay."""
    samples = {BEGIN: 1000.0, BEGIN + HOUR_MS: 1002.0, BEGIN + 3 * HOUR_MS // 2: 1152.0}
    monkeypatch.setattr(SqliteTelemetry, "forget_figures", lambda *_: False)
    with closing(SqliteTelemetry(tmp_path / "telemetry.db")) as telemetry, structlog.testing.capture_logs() as logs:
        site(database, None)
        read(database, telemetry, samples)
        book.settle(database, telemetry, LIMIT)
        site(database, 20.0)
        book.settle(database, telemetry, LIMIT)
        assert [at for at, _, _ in figures(telemetry, "ledger_hour")] == [BEGIN, BEGIN + HOUR_MS]
    assert [(log["figures"], log["meter"], log["start"], log["end"]) for log in logs] == [
        ("ledger_hour", "far", "2026-03-01T17:00:00.000Z", "2026-03-01T18:00:00.000Z")
    ]
    assert book.backlog(database) == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_figures_that_are_refused_do_not_stop_the_ledger(database: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket that forgets refuses the hours of a closed year: they are counted, days are written, and one line tells it."""
    really = SqliteTelemetry.write_figures

    def refusing(self: SqliteTelemetry, measurement: str, rows: Iterable[Figures]) -> None:
        if measurement == "ledger_hour":
            raise FiguresError("ledger_hour: points beyond retention policy dropped=2")
        really(self, measurement, rows)

    monkeypatch.setattr(SqliteTelemetry, "write_figures", refusing)
    monkeypatch.setattr(export, "_REFUSED", Seldom(60.0))
    with closing(SqliteTelemetry(tmp_path / "telemetry.db")) as telemetry, structlog.testing.capture_logs() as logs:
        site(database, None)
        for number in range(2):
            begin = BEGIN + 2 * number * HOUR_MS
            read(database, telemetry, {begin: 1000.0 + number, begin + HOUR_MS: 1001.0 + number})
            book.settle(database, telemetry, LIMIT)
        assert [name for _, name, _ in figures(telemetry, "ledger_day")] == ["far"]
        assert figures(telemetry, "ledger_hour") == []
    assert [(log["event"], log["figures"], log["reason"]) for log in logs] == [
        ("figures are refused", "ledger_hour", "ledger_hour: points beyond retention policy dropped=2")
    ]
    assert book.backlog(database) == 0
