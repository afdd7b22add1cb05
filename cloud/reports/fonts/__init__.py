"""The fonts that reports embed: part of Noto Sans CJK SC, with its licence (OFL-1.1) beside it, so no machine needs a Chinese font."""

from __future__ import annotations

from pathlib import Path

FAMILY = "Jieyue Noto Sans SC"
"""A name of its own: the whole Noto Sans CJK SC may be installed too, and the same report must look the same everywhere."""
FOLDER = Path(__file__).parent
REGULAR, BOLD = FOLDER / "JieyueNotoSansSC-Regular.otf", FOLDER / "JieyueNotoSansSC-Bold.otf"
