"""The targets report on paper."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from cloud.definitions import definitions
from cloud.ledger.periods import local_date
from cloud.reports import drawing, pages
from cloud.reports.base import Tell
from cloud.reports.printed import Dates, last_day, number, percent
from cloud.reports.targets.facts import PROVENANCES, Curve, Facts, MeterRow, Pair, UnitRow
from cloud.reports.targets.ranking import falls, rises
from cloud.reports.targets.words import Words
from cloud.texts import Language
from contract.clock import iso

MOST_FAULTS = 40
"""Lines of faults on paper; the workbook has all."""
_MONTH_SIZE, _DAY_SIZE = (8.4, 3.5), (17.2, 3.6)
_DAYS_PER_LABEL = 7
_TAGS: dict[Language, str] = {"zh": "zh-CN", "en": "en"}


def paper(facts: Facts, language: Language, tell: Tell) -> bytes:
    """The report as PDF; says each step.

    Raises:
        NotInstalledError: A package of the extra is not installed.
        LibraryError: A system library is missing.
    """
    tell("charts")
    values = _values(facts, Words(facts, language))
    tell("pages")
    page = pages.html(Path(__file__).parent, "paper.html.j2", values)
    return pages.pdf(page, hashlib.sha256(page.encode()).digest()[:16])


def _values(facts: Facts, words: Words) -> dict[str, Any]:
    """All that the template prints; it formats with these functions and computes nothing."""
    return {
        "lang": _TAGS[words.language],
        "created": iso(facts.as_of),
        "font_faces": pages.FONT_FACES,
        "font_stack": pages.FONT_STACK,
        "f": facts,
        "w": words,
        "dates": Dates(words.language),
        "number": number,
        "percent": percent,
        "last_day": last_day,
        "digits": {one.id: one.digits.report for one in definitions()},
        "provenances": PROVENANCES,
        "months": [(words.curve(curve), _months(curve, words)) for curve in facts.months],
        "days": [(words.curve(curve), _days(curve)) for curve in facts.days],
        "colours": {"this": drawing.THIS, "last": drawing.LAST},
        "lists": _lists(facts),
        "faults": facts.faults[:MOST_FAULTS],
        "more_faults": max(len(facts.faults) - MOST_FAULTS, 0),
    }


def _lists(facts: Facts) -> list[tuple[str, str, Sequence[MeterRow | UnitRow]]]:
    """What changed most; units are compared where there are several."""
    found: list[tuple[str, str, Sequence[MeterRow | UnitRow]]] = []
    found += [("meters", "rise", rises(facts.meters)), ("meters", "fall", falls(facts.meters))]
    if len(facts.units) > 1:
        found += [("units", "rise", rises(facts.units)), ("units", "fall", falls(facts.units))]
    return found


def _months(curve: Curve, words: Words) -> str:
    labels = [words.any(f"month.{local_date(at).month}.short") for at in curve.starts]
    return drawing.bars(labels, *_sides(curve.values), curve.partial, _MONTH_SIZE)


def _days(curve: Curve) -> str:
    labels = [f"{local_date(at):%m-%d}" for at in curve.starts]
    return drawing.lines(labels, _DAYS_PER_LABEL, *_sides(curve.values), _DAY_SIZE)


def _sides(values: Sequence[Pair]) -> tuple[list[float | None], list[float | None]]:
    return [_float(pair.this) for pair in values], [_float(pair.last) for pair in values]


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
