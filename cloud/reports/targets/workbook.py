"""The targets report as a workbook: full figures with formats, formulas with their values, one sheet a subject."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from cloud.definitions import digits
from cloud.ledger.periods import local_date, local_time
from cloud.reports.pages import library
from cloud.reports.printed import Dates, last_day
from cloud.reports.sheet import Sheet, Styles
from cloud.reports.targets.facts import PROVENANCES, EnergyRow, Facts
from cloud.reports.targets.words import Words
from cloud.texts import Language
from contract.clock import parse_time

_NAME, _WORD, _FIGURE, _LONG = 34, 14, 15, 60
"""Widths of columns, in characters."""


def workbook(facts: Facts, language: Language) -> bytes:
    """The report as XLSX; the same facts give the same bytes.

    Raises:
        NotInstalledError: XlsxWriter is not installed.
    """
    target, words = io.BytesIO(), Words(facts, language)
    book = library("xlsxwriter").Workbook(target, {"in_memory": True})
    made: datetime = local_time(facts.as_of).replace(tzinfo=None)
    book.set_properties({"title": words.title, "author": words.name(facts.site_name), "created": made})
    styles = Styles(book)
    foot = words.say("foot", day=last_day(facts.as_of))
    for name, fill in (("summary", _summary), ("months", _months), ("meters", _meters), ("provenance", _provenance), ("faults", _faults)):
        sheet = Sheet(book.add_worksheet(words.say(f"sheet.{name}")), styles, foot)
        fill(sheet, words)
    book.close()
    return target.getvalue()


def _summary(sheet: Sheet, words: Words) -> None:
    facts = words.facts
    sheet.widths(_NAME, *[_FIGURE] * 6, _FIGURE, _LONG)
    sheet.title(words.title)
    for key, value in words.head:
        sheet.row([(key, "quiet"), value])
    _targets(sheet, words)
    _energies(sheet, words)
    sheet.heading(words.say("h.denominators"))
    sheet.columns([words.say(key) for key in ("indicator", "divided_by", "this_year", "last_year", "change")])
    for row in facts.denominators:
        at = sheet.next
        values = [words.any(f"indicator.{row.indicator}"), words.say(f"of.{row.kind}"), (row.value.this, "n1"), (row.value.last, "n1")]
        sheet.row([*values, sheet.quotient(f"C{at}", f"D{at}", row.value.change)])
    sheet.heading(words.say("h.factors"))
    carbon = ["co2_factor"] if words.carbon() else []
    sheet.columns([words.say(key) for key in ("energy", "factor", "unit", "valid_from", "source", *carbon)])
    for factor in facts.factors:
        unit = f"{words.unit('kgce')}/{words.unit(factor['unit'])}"
        about = [words.any(f"energy.{factor['energy']}"), (factor["kgce_per_unit"], "n6"), unit, factor["valid_from"], words.source(factor)]
        sheet.row([*about, *(words.carbon_of(factor) for _ in carbon)])
    sheet.heading(words.say("h.notes"))
    for number, note in enumerate(words.footnotes(), 1):
        sheet.row([f"{number}. {note}"])


def _targets(sheet: Sheet, words: Words) -> None:
    sheet.heading(words.say("h.targets", year=words.facts.period.year))
    keys = ("indicator", "unit", "baseline", "actual", "change", "target", "status", "allowance", "span")
    sheet.columns([words.say(key) for key in keys])
    for item in words.facts.targets.indicators:
        at, style = sheet.next, f"n{digits(item.id).report}"
        end = "" if item.actual.end is None else words.say("to", day=last_day(parse_time(item.actual.end)))
        figures = [(item.baseline.value, style), (item.actual.value, style), sheet.quotient(f"D{at}", f"C{at}", item.change)]
        status = words.status(item.status)
        row = [words.any(f"indicator.{item.id}"), words.unit(item.unit), *figures, (item.target_change, "p1"), status]
        sheet.row([*row, (item.allowance.value, "n1"), f"{words.unit(item.allowance.unit)} {end}"])
    for reason in words.reasons():
        sheet.row([(reason, "warn")])


def _energies(sheet: Sheet, words: Words) -> None:
    """Parts first, then their sum as a formula, then water, which is not converted."""
    facts = words.facts
    sheet.heading(words.say("h.energy", period=facts.period.text(words.language)))
    keys = ("energy", "unit", "amount_last", "amount", "change", "kgce_last", "kgce", "share", "span")
    sheet.columns([words.say(key) for key in keys])
    rows = [row for row in facts.energies if row.energy != "water"]
    first = sheet.next
    total = first + len(rows)
    for row in rows:
        _energy(sheet, words, row, total if facts.total.this else None)
    _total(sheet, words, first, total)
    for row in facts.energies:
        if row.energy == "water":
            _energy(sheet, words, row, None)
    if words.swings():
        sheet.row([(words.say("swing", what=words.say("list").join(words.swings())), "warn")])


def _energy(sheet: Sheet, words: Words, row: EnergyRow, total: int | None) -> None:
    at = sheet.next
    amounts = [(row.amount.last, "n1"), (row.amount.this, "n1"), sheet.quotient(f"D{at}", f"C{at}", row.amount.change)]
    share = sheet.formula(f"=G{at}/G{total}", row.share, "p1") if total and row.share is not None else None
    coal = [(row.coal.last, "n1"), (row.coal.this, "n1"), share]
    sheet.row([words.any(f"energy.{row.energy}"), words.unit(row.unit), *amounts, *coal, words.spans(row.spans.this, row.spans.last)])


def _total(sheet: Sheet, words: Words, first: int, total: int) -> None:
    pair = words.facts.total

    def summed(column: str, value: Decimal | None) -> object:
        return None if value is None else sheet.formula(f"=SUM({column}{first}:{column}{total - 1})", value, "n1")

    change = sheet.quotient(f"G{total}", f"F{total}", pair.change)
    share = None if pair.this is None else sheet.formula(f"=SUM(H{first}:H{total - 1})", Decimal(1), "p1")
    sheet.row([words.say("total"), "", "", "", change, summed("F", pair.last), summed("G", pair.this), share], strong=True)


def _months(sheet: Sheet, words: Words) -> None:
    """A block a curve: this year, last year and the change; a month that is not over has no change."""
    facts = words.facts
    sheet.widths(_WORD, *[_FIGURE] * 4)
    curves = [(curve, "month") for curve in facts.months] + [(curve, "day") for curve in facts.days]
    for curve, every in curves:
        sheet.heading(words.curve(curve))
        heads = [
            words.say("month" if every == "month" else "day"),
            str(facts.period.year),
            str(facts.period.year - 1),
            words.say("change"),
            "",
        ]
        sheet.columns(heads)
        style = f"n{words.digits(curve)}"
        for index, (begin, pair) in enumerate(zip(curve.starts, curve.values, strict=True)):
            at, day = sheet.next, local_date(begin)
            label = f"{day:%Y-%m}" if every == "month" else day.isoformat()
            running = index == curve.partial
            change = None if running else sheet.quotient(f"B{at}", f"C{at}", pair.change)
            sheet.row([label, (pair.this, style), (pair.last, style), change, words.say("partial") if running else ""])


def _meters(sheet: Sheet, words: Words) -> None:
    """All meters, then all units, the largest rise first."""
    sheet.widths(_NAME, 22, _WORD, _WORD, 10, *[_FIGURE] * 7, _NAME)
    sheet.heading(words.say("meters_name"))
    keys = (
        "meters_name",
        "id",
        "energy",
        "kind",
        "unit",
        "amount_last",
        "amount",
        "change",
        "kgce_last",
        "kgce",
        "difference",
        "change",
        "span",
    )
    sheet.columns([words.say(key) for key in keys])
    for row in sorted(words.facts.meters, key=lambda row: (row.coal.difference is None, -(row.coal.difference or 0), row.id)):
        at = sheet.next
        amount = [(row.amount.last, "n1"), (row.amount.this, "n1"), sheet.quotient(f"G{at}", f"F{at}", row.amount.change)]
        coal = _coal(sheet, at, row.coal.last, row.coal.this, row.coal.difference, row.coal.change)
        about = [words.name(row.name), row.id, words.any(f"energy.{row.energy}"), words.role(row), words.unit(row.unit)]
        sheet.row([*about, *amount, *coal, Dates(words.language).span(row.spans.this)])
    sheet.heading(words.say("units_name"))
    sheet.columns([words.say("units_name"), words.say("id"), *[""] * 6, *[words.say(key) for key in keys[8:]]])
    for unit in sorted(words.facts.units, key=lambda row: (row.coal.difference is None, -(row.coal.difference or 0), row.id)):
        coal = _coal(sheet, sheet.next, unit.coal.last, unit.coal.this, unit.coal.difference, unit.coal.change)
        sheet.row([words.name(unit.name), unit.id, *[""] * 6, *coal, Dates(words.language).span(unit.spans.this)])


def _coal(
    sheet: Sheet, at: int, last: Decimal | None, this: Decimal | None, more: Decimal | None, change: Decimal | None
) -> Sequence[object]:
    difference = None if more is None else sheet.formula(f"=J{at}-I{at}", more, "s1")
    return [(last, "n1"), (this, "n1"), difference, sheet.quotient(f"J{at}", f"I{at}", change)]


def _provenance(sheet: Sheet, words: Words) -> None:
    sheet.widths(_NAME, 22, _WORD, _WORD, _FIGURE, 10, *[_FIGURE] * 4)
    sheet.heading(words.say("h.provenance", period=words.facts.period.text(words.language)))
    heads = [words.say(key) for key in ("meters_name", "id", "energy", "kind", "amount", "unit", *(f"p.{name}" for name in PROVENANCES))]
    sheet.columns(heads)
    for row in words.facts.meters:
        parts = [(None if row.amount.this is None else row.shares[name], "p1") for name in PROVENANCES]
        about = [words.name(row.name), row.id, words.any(f"energy.{row.energy}"), words.role(row)]
        sheet.row([*about, (row.amount.this, "n1"), words.unit(row.unit), *parts])
    for energy, shares in words.facts.total_shares.items():
        name = words.say("total_coal") if energy == "total" else words.say("all_mains", energy=words.any(f"energy.{energy}"))
        sheet.row([name, "", "", "", "", "", *[(shares[part], "p1") for part in PROVENANCES]], strong=True)


def _faults(sheet: Sheet, words: Words) -> None:
    sheet.widths(_NAME, _NAME, 22, 18, 18, _WORD, _LONG)
    sheet.heading(words.say("h.faults", period=words.facts.period.text(words.language)))
    sheet.columns([words.say(key) for key in ("fault", "where", "id", "from", "until", "how_much", "detail")])
    dates = Dates(words.language)
    for fault in words.facts.faults:
        span = [dates.minute(fault.start), dates.minute(fault.end)]
        sheet.row([words.fault(fault), words.name(fault.name), fault.subject, *span, words.how_much(fault), words.because(fault.note)])
    if not words.facts.faults:
        sheet.row([words.say("no_faults")])
