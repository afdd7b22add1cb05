"""The process that makes one report and ends: `python -m cloud.reports.worker`, started by `cloud.reports.queue`.

An order comes on stdin as JSON, so no password stands on a command line. News go out on stdout, one line of JSON each: the step
that begins, then either the fault or the size of the file, and behind that the file itself.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from dataclasses import dataclass
from typing import BinaryIO, Literal

import sqlalchemy as sa
from pydantic import TypeAdapter

from cloud.indicators.scopes import UnknownScopeError
from cloud.logs import set_up
from cloud.platform.database import open_database
from cloud.reports.alone import alone
from cloud.reports.base import Asked, LibraryError, Made, MissingError, NotInstalledError, ReportError
from cloud.reports.made import make

Fault = Literal["scope", "missing", "not_installed", "library", "failed", "too_long"]
"""Why there is no report; the last two are found by whoever waits for this process."""
_FAULTS: tuple[tuple[type[Exception], Fault], ...] = (
    (UnknownScopeError, "scope"),
    (MissingError, "missing"),
    (NotInstalledError, "not_installed"),
    (LibraryError, "library"),
)
_MIB = 1 << 20
_NICE = 10
"""A report leaves the processor to ingest and the interface."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the process is to make.

    Attributes:
        database: Address of registry and ledger, with its password.
        report: Its name.
        asked: Of what, and how.
        now: ms since 1970 in UTC.
        seconds: After so many it ends itself, even when nobody waits for it any more.
        memory_mb: MiB of memory that it may take.
    """

    database: str
    report: str
    asked: Asked
    now: int
    seconds: int
    memory_mb: int


@dataclass(frozen=True, slots=True)
class News:
    """What the process says: a step, or a fault with its message as JSON, or the file that follows."""

    step: str | None = None
    fault: Fault | None = None
    why: str = ""
    as_of: int = 0
    size: int | None = None


ORDER, NEWS = TypeAdapter(Order), TypeAdapter(News)


def main() -> None:
    """Make the report that stdin orders."""
    out = _alone()
    set_up()
    order = ORDER.validate_json(sys.stdin.buffer.read())
    os.nice(_NICE)
    signal.alarm(order.seconds)
    resource.setrlimit(resource.RLIMIT_DATA, (order.memory_mb * _MIB, resource.RLIM_INFINITY))
    try:
        made = _made(order, out)
    except (UnknownScopeError, ReportError) as error:
        _tell(out, News(fault=_fault(error), why=error.message.dumps()))
        return
    _tell(out, News(as_of=made.as_of, size=len(made.content)))
    out.write(made.content)
    out.flush()


def _alone() -> BinaryIO:
    """The way for news; what C libraries print is neither news nor a line of the log, so it goes nowhere."""
    out, sys.stderr = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return out


def _fault(error: Exception) -> Fault:
    return next((name for kind, name in _FAULTS if isinstance(error, kind)), "failed")


def _made(order: Order, out: BinaryIO) -> Made:
    engine: sa.Engine = open_database(order.database)
    alone(engine, order.asked.format)
    try:
        return make(engine, order.report, order.asked, order.now, lambda step: _tell(out, News(step=step)))
    finally:
        engine.dispose()


def _tell(out: BinaryIO, news: News) -> None:
    out.write(NEWS.dump_json(news) + b"\n")
    out.flush()


if __name__ == "__main__":
    main()
