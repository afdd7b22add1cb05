"""Making a report, whoever asks; what was given to somebody is on record, with who, when and the digest of the file."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cloud.accounts.repository import audited, done
from cloud.platform.database import writing
from cloud.reports.base import Asked, Made, Report, ReportError, Tell, reports
from contract.clock import iso
from contract.coded import Message

ACTION = "report"
"""Of the audit's rows about reports."""
MOST_LISTED = 100


class UnknownReportError(LookupError):
    """There is no such report; the message lists those that are."""


class OutputError(ReportError):
    """The file cannot be written; what stood there before still does."""


def make(engine: sa.Engine, name: str, asked: Asked, now: int, tell: Tell = lambda _step: None) -> Made:
    """Make a report.

    Args:
        engine: Of registry and ledger.
        name: Which report.
        asked: Of what, and how.
        now: ms since 1970 in UTC.
        tell: Is told each step.

    Raises:
        UnknownReportError: There is no such report.
        UnknownScopeError: There is no such compound or unit.
        ReportError: It cannot be made, and why.
    """
    return known(name).make(engine, asked, now, tell)


def known(name: str) -> Report:
    """The report of a name.

    Raises:
        UnknownReportError: There is none.
    """
    if name not in reports():
        raise UnknownReportError(f"no report {name!r}; expected one of {', '.join(reports())}")
    return reports()[name]


def record(engine: sa.Engine, name: str, asked: Asked, made: Made, by: str, now: int) -> None:
    """Put on record that somebody was given a report."""
    with writing(engine).begin() as connection:
        audited(connection, ACTION, _detail(name, asked, made), by, now, group=asked.group)


def _detail(name: str, asked: Asked, made: Made) -> dict[str, Any]:
    period = asked.period
    what = {"report": name, "year": period.year, "quarter": period.quarter, "month": period.month, "scope": asked.scope}
    digest = hashlib.sha256(made.content).hexdigest()
    return what | {"lang": asked.language, "format": asked.format, "as_of": iso(made.as_of), "bytes": len(made.content), "sha256": digest}


def listed(engine: sa.Engine, group: str) -> list[dict[str, Any]]:
    """The reports of a district made last, the newest first: what was asked, `as_of`, the file's size and digest, who and when."""
    with engine.connect() as connection:
        found = done(connection, ACTION, limit=MOST_LISTED, group=group)
        return [json.loads(one.detail) | {"made_at": iso(one.at), "made_by": one.by} for one in found]


def file_name(name: str, asked: Asked, *, several: bool) -> str:
    """What a report is called as a file; with its district, where its reader sees `several`."""
    district = f"-{asked.group}" if several else ""
    return f"{name}{district}-{asked.period.code()}-{asked.scope.replace(':', '-')}-{asked.language}.{asked.format}"


def write(content: bytes, target: Path) -> None:
    """Write a file whole or not at all: it is complete beside its place before it takes it.

    Raises:
        OutputError: It cannot be written.
    """
    if target.exists() and not target.is_file():
        raise OutputError(Message("report.fault.no_file", path=str(target)))
    beside: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            beside = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o666 & ~_umask())
        beside.replace(target)
    except OSError as error:
        if beside is not None:
            beside.unlink(missing_ok=True)
        raise OutputError(Message("report.fault.not_written", path=str(target), why=str(error.strerror))) from error


def _umask() -> int:
    found = os.umask(0o077)
    os.umask(found)
    return found
