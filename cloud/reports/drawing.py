"""Curves for paper, as SVG with all text drawn as paths, so a page needs no font for them.

Matplotlib's settings are global: one process makes one report at a time.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cloud.reports.fonts import FAMILY, REGULAR
from cloud.reports.pages import DRAWING, library

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

THIS, LAST, GRID, INK = "#1d5fa6", "#a9b3c1", "#dde2e9", "#3b4554"
Values = Sequence[float | None]
_CM = 1 / 2.54
_SETTINGS = {
    "axes.unicode_minus": False,
    "font.family": FAMILY,
    "font.size": 7,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "path",
    "svg.hashsalt": "jieyue",
}


def bars(labels: Sequence[str], this: Values, last: Values, partial: int | None, size: tuple[float, float]) -> str:
    """Two bars an interval: last year pale, this year dark, one that is not over hatched.

    Args:
        labels: Below the bars.
        this: Of this year; None draws nothing.
        last: Of last year, the same.
        partial: Index of the interval that is not over.
        size: Width and height in cm.

    Returns:
        The address (`data:`) of an image.

    Raises:
        NotInstalledError: Matplotlib is not installed.
    """

    def draw(axes: Axes) -> None:
        places = range(len(labels))
        axes.bar([x - 0.21 for x in places], _drawn(last), width=0.4, color=LAST)
        found = axes.bar([x + 0.21 for x in places], _drawn(this), width=0.4, color=THIS)
        if partial is not None:
            found[partial].set(facecolor="white", edgecolor=THIS, hatch="//////", linewidth=0.6)
        axes.set_xticks(list(places), labels)
        axes.set_ylim(bottom=0)

    return _image(draw, size)


def lines(labels: Sequence[str], every: int, this: Values, last: Values, size: tuple[float, float]) -> str:
    """Two lines: last year pale and dashed, this year dark; a line has a hole where a value is None.

    Args:
        labels: One an interval, of which each `every`-th is written.
        every: Intervals from one label to the next.
        this: Of this year.
        last: Of last year.
        size: Width and height in cm.

    Returns:
        The address (`data:`) of an image.

    Raises:
        NotInstalledError: Matplotlib is not installed.
    """

    def draw(axes: Axes) -> None:
        places = range(len(labels))
        axes.plot(places, _holed(last), color=LAST, linewidth=1.2, linestyle=(0, (4, 2)))
        axes.plot(places, _holed(this), color=THIS, linewidth=1.2, marker="." if len(labels) == 1 else None)
        axes.set_xticks(list(places)[::every], labels[::every])
        axes.set_xlim(-0.5, max(len(labels) - 0.5, 0.5))
        axes.set_ylim(bottom=0)

    return _image(draw, size)


def _drawn(values: Values) -> list[float]:
    return [value or 0.0 for value in values]  # a bar of no height is no bar


def _holed(values: Values) -> list[float]:
    return [float("nan") if value is None else value for value in values]


def _image(draw: Callable[[Axes], None], size: tuple[float, float]) -> str:
    matplotlib = library("matplotlib")
    figures, svg, ticker, font_manager = map(library, DRAWING)
    fonts = font_manager.fontManager
    if FAMILY not in fonts.get_font_names():
        fonts.addfont(REGULAR)
    with matplotlib.rc_context(_SETTINGS):
        figure: Figure = figures.Figure(figsize=(size[0] * _CM, size[1] * _CM), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        _dress(axes, ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))
        target = io.BytesIO()
        svg.FigureCanvasSVG(figure).print_svg(target, metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(target.getvalue()).decode("ascii")


def _dress(axes: Axes, numbers: object) -> None:
    """Plain axes: pale lines behind, no frame."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(INK)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=INK)
    axes.locator_params(axis="y", nbins=5)
    axes.yaxis.set_major_formatter(numbers)  # type: ignore[arg-type]
