"""From HTML to PDF with the shipped fonts. Only this file and `drawing.py` know the libraries, and load them when a report is made."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from cloud.reports.base import EXTRA, LibraryError, NotInstalledError
from cloud.reports.fonts import BOLD, FAMILY, REGULAR
from contract.coded import Message

FONT_FACES = "\n".join(
    f'@font-face {{font-family: "{FAMILY}"; font-weight: {weight}; src: url("{path.as_uri()}")}}'
    for weight, path in ((400, REGULAR), (700, BOLD))
)
FONT_STACK = f'"{FAMILY}", "Noto Sans CJK SC", sans-serif'
"""The shipped font, then, for rare hanzi, what the machine has."""
DRAWING = ("matplotlib.figure", "matplotlib.backends.backend_svg", "matplotlib.ticker", "matplotlib.font_manager")
"""What curves are drawn with."""
_PACKAGES = {
    "libgobject": "libglib2.0-0",
    "libpango": "libpango-1.0-0",
    "libpangoft2": "libpangoft2-1.0-0",
    "libharfbuzz": "libharfbuzz0b",
    "libfontconfig": "libfontconfig1",
}
"""Debian's package of each library that WeasyPrint loads."""


def library(name: str) -> ModuleType:
    """A Python package of the extra.

    Raises:
        NotInstalledError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NotInstalledError(Message("report.fault.package", package=error.name or name, extra=EXTRA)) from error


def load_libraries() -> None:
    """Load what a PDF is made with while something else is waited for; what is missing is told when it is used."""
    with contextlib.suppress(NotInstalledError, LibraryError):
        _weasyprint()
        for name in DRAWING:
            library(name)


def _weasyprint() -> ModuleType:
    with contextlib.redirect_stdout(io.StringIO()):  # it prints a page of advice when a library is missing
        try:
            return library("weasyprint")
        except OSError as error:
            found = re.search("|".join(f"{name}(?![a-z0-9])" for name in _PACKAGES), str(error))
            name = found.group() if found else "libpango"
            raise LibraryError(Message("report.fault.library", library=name, package=_PACKAGES[name])) from error


def html(folder: Path, template: str, values: Mapping[str, object]) -> str:
    """A page from a template of a report's folder; every value in it is escaped, and a name without value is an error.

    Raises:
        NotInstalledError: Jinja2 is not installed.
    """
    jinja2 = library("jinja2")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text: str = environment.get_template(template).render(values)
    return text


def pdf(page: str, identifier: bytes) -> bytes:
    """A page as PDF, its fonts embedded; the same page gives the same bytes.

    Args:
        page: Whole HTML; it loads nothing but the fonts.
        identifier: Of the file, which must not be left to chance.

    Raises:
        NotInstalledError: WeasyPrint is not installed.
        LibraryError: A system library is missing.
    """
    weasyprint = _weasyprint()
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols=("file", "data"))  # nothing from a network
    content: bytes = weasyprint.HTML(string=page, url_fetcher=fetcher).write_pdf(pdf_identifier=identifier)
    return content
