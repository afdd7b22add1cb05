"""The dashboards, one a file, found by being here; `board` of each gives its panels and variables for a site in a language."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module

from dashboards.board import Board
from dashboards.words import Words


def boards() -> list[Callable[[Words], Board]]:
    """What makes each dashboard, in the order of their names."""
    return [import_module(module.name).board for module in pkgutil.iter_modules(__path__, f"{__name__}.")]
