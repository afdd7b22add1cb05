"""A worksheet that is filled from the top: titles, column heads, rows of figures with formats, formulas with their values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cloud.reports.printed import NONE

Figure = Decimal | float | None
Cell = object
"""A text, a (value, style), a `Formula`, or None for what cannot be given."""
_FONT = "Microsoft YaHei"
_A4 = 9
_NUMBERS = {
    "n0": "#,##0",
    "n1": "#,##0.0",
    "n2": "#,##0.00",
    "n3": "#,##0.000",
    "n4": "#,##0.0000",
    "n5": "#,##0.00000",
    "n6": "0.000000",
    "s1": '+#,##0.0;"\u2212"#,##0.0;0.0',
    "p1": '0.0%;"\u2212"0.0%',
    "p2": '+0.00%;"\u2212"0.00%;0.00%',
}


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula with the value that it has, for readers that do not calculate."""

    text: str
    value: float
    style: str


class Styles:
    """The formats of one workbook."""

    def __init__(self, book: Any) -> None:  # noqa: ANN401 (XlsxWriter is untyped)
        plain = {"font_name": _FONT, "font_size": 10, "valign": "top"}
        self._book, self._plain, self._made = book, plain, dict[tuple[str, bool], Any]()
        self._looks: dict[str, dict[str, Any]] = {
            "title": {"font_size": 16, "bold": True},
            "heading": {"font_size": 12, "bold": True, "font_color": "#174B85"},
            "columns": {"bold": True, "text_wrap": True, "top": 1, "bottom": 1, "bg_color": "#F1F4F8"},
            "quiet": {"font_color": "#5A6472"},
            "warn": {"font_color": "#8A5A00"},
            "absent": {"align": "right", "font_color": "#5A6472"},
            "text": {},
        }
        self._looks |= {name: {"num_format": code} for name, code in _NUMBERS.items()}

    def __getitem__(self, key: tuple[str, bool]) -> Any:  # noqa: ANN401 (the same)
        """The format of a style, in strong type or not; made once."""
        if key not in self._made:
            strong = {"bold": True, "top": 1, "bg_color": "#F1F4F8"} if key[1] else {}
            self._made[key] = self._book.add_format(self._plain | self._looks[key[0]] | strong)
        return self._made[key]


class Sheet:
    """One worksheet; `next` is the number of the row that comes next, as formulas count it."""

    def __init__(self, sheet: Any, styles: Styles, foot: str) -> None:  # noqa: ANN401 (the same)
        self._sheet, self._styles, self.next = sheet, styles, 1
        sheet.set_paper(_A4)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
        sheet.hide_gridlines(2)
        sheet.set_footer(f"&L{foot.replace('&', '&&')}&R&P / &N")

    def widths(self, *characters: int) -> None:
        """Widths of the columns from the first on."""
        for index, width in enumerate(characters):
            self._sheet.set_column(index, index, width, self._styles["text", False])

    def title(self, text: str) -> None:
        """The name of the whole."""
        self._write(0, (text, "title"), strong=False)
        self.next += 2

    def heading(self, text: str) -> None:
        """The name of what follows, with air before it."""
        self.next += 1 if self.next > 1 else 0
        self._write(0, (text, "heading"), strong=False)
        self.next += 1

    def columns(self, names: Iterable[str]) -> None:
        """Heads of columns."""
        for index, name in enumerate(names):
            self._write(index, (name, "columns"), strong=False)
        self.next += 1

    def row(self, cells: Iterable[Cell], *, strong: bool = False) -> None:
        """One row; what is None is written as what cannot be given, never as 0."""
        for index, cell in enumerate(cells):
            self._write(index, cell, strong=strong)
        self.next += 1

    def formula(self, text: str, value: Figure, style: str) -> Formula | None:
        """A formula with its value; None where there is no value."""
        return None if value is None else Formula(text, float(value), style)

    def quotient(self, this: str, last: str, change: Figure) -> Formula | None:
        """The change from one cell to another."""
        return self.formula(f"={this}/{last}-1", change, "p2")

    def _write(self, column: int, cell: Cell, *, strong: bool) -> None:
        row = self.next - 1
        value, style = cell if isinstance(cell, tuple) else (cell, "text")
        if value is None:
            self._sheet.write_string(row, column, NONE, self._styles["absent", strong])
        elif isinstance(value, Formula):
            self._sheet.write_formula(row, column, value.text, self._styles[value.style, strong], value.value)
        elif isinstance(value, str):
            self._sheet.write_string(row, column, value, self._styles[style, strong])
        else:
            self._sheet.write_number(row, column, float(value), self._styles[style, strong])
