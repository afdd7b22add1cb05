"""What every report is: a folder here whose package has a `REPORT`; what is asked of one, what it makes, and why it may not."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import sqlalchemy as sa

import cloud.reports
from cloud.reports.period import Period
from cloud.texts import CodedError, Language

Format = Literal["pdf", "xlsx"]
FORMATS: tuple[Format, ...] = ("pdf", "xlsx")
MEDIA_TYPES: dict[Format, str] = {"pdf": "application/pdf", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
Step = Literal["figures", "charts", "pages", "sheets"]
"""What is being done for a report; `report.step.…` of the catalogue says it in words."""
Tell = Callable[[Step], None]
"""Is told the step that begins."""
EXTRA = "reports"
"""The extra of the distribution that has what reports are made with."""


class ReportError(CodedError):
    """A report cannot be made, and why."""


class MissingError(ReportError):
    """There is nothing to report; the message says what is missing."""


class NotInstalledError(ReportError):
    """A Python package is missing that reports are made with; the message names the extra to install."""


class LibraryError(ReportError):
    """A library of the system is missing; the message names Debian's package."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which report somebody wants; of which district, by its code."""

    group: str
    period: Period
    scope: str
    language: Language
    format: Format


@dataclass(frozen=True, slots=True)
class Made:
    """A report as bytes; the same facts give the same bytes.

    Attributes:
        content: A whole file.
        as_of: End (ms) of the last day that it knows.
    """

    content: bytes
    as_of: int


@dataclass(frozen=True, slots=True)
class Report:
    """One report.

    Attributes:
        title: Key of its title in the catalogue.
        make: Makes it from the database at a moment (ms), and says each step. Raises ReportError, and UnknownScopeError.
    """

    title: str
    make: Callable[[sa.Engine, Asked, int, Tell], Made]


@lru_cache(maxsize=1)
def reports() -> dict[str, Report]:
    """All reports by name, which is that of their folder."""
    packages = [found.name for found in pkgutil.iter_modules(cloud.reports.__path__) if found.ispkg]
    modules = {name: importlib.import_module(f"cloud.reports.{name}") for name in packages}
    return {name: module.REPORT for name, module in sorted(modules.items()) if hasattr(module, "REPORT")}
