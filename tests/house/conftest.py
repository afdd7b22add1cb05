from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house.places import Place


@pytest.fixture
def place(tmp_path: Path, entered: Callable[..., Path]) -> Place:
    """Everything right, and the site entered."""
    made = Place(tmp_path)
    entered(tmp_path / "cloud", tmp_path / "site")
    return made
