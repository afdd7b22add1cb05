"""Makes the shipped fonts from Debian's fonts-noto-cjk; a developer runs it, no build does: `python -m cloud.reports.fonts.subset`.

They hold what GB 2312 has (levels 1 and 2: 6763 hanzi, and its signs) and Latin with the signs of figures. Rarer hanzi, as
in a person's name, come from the machine's own fonts. Hints and layout features that print does not need are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection, TTFont

from cloud.reports.fonts import BOLD, FAMILY, REGULAR

SOURCE = Path("/usr/share/fonts/opentype/noto")
_FACES = ((SOURCE / "NotoSansCJK-Regular.ttc", REGULAR), (SOURCE / "NotoSansCJK-Bold.ttc", BOLD))
_ORIGINAL = "Noto Sans CJK SC"
_LATIN = ((0x20, 0x7F), (0xA0, 0x180), (0x2010, 0x2040), (0x2070, 0x20A0), (0x2190, 0x21A0), (0x2200, 0x2270), (0x25A0, 0x25D0))
"""ASCII, Latin with accents, dashes and quotes, raised and lowered figures, arrows, signs of arithmetic, shapes."""
_ROWS, _CELLS = range(0xA1, 0xF8), range(0xA1, 0xFF)
_FAMILY_NAMES, _FULL_NAMES = (1, 16), (3, 4, 6)


def characters() -> set[int]:
    """The code points that the fonts hold."""
    return set(_gb2312()) | {code for first, end in _LATIN for code in range(first, end)}


def _gb2312() -> Iterator[int]:
    for row in _ROWS:
        for cell in _CELLS:
            text = bytes((row, cell)).decode("gb2312", errors="ignore")
            if text:
                yield ord(text)


def make(source: Path, target: Path) -> None:
    """Write the part of a font collection that is shipped."""
    collection = TTCollection(source)
    font = next(face for face in collection.fonts if face["name"].getDebugName(1) == _ORIGINAL)
    options = Options()
    options.hinting = False
    options.layout_features = ["kern"]
    options.name_IDs = ["*"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=characters())
    subsetter.subset(font)
    _rename(font, target.stem)
    font.recalcTimestamp = False  # the same bytes each time
    font.save(target)


def _rename(font: TTFont, postscript: str) -> None:
    """Give the part a name of its own, as the licence asks of what was changed; whose work it is stays."""
    for record in font["name"].names:
        if record.nameID in _FAMILY_NAMES:
            record.string = FAMILY
        elif record.nameID in _FULL_NAMES:
            record.string = postscript
    font["CFF "].cff.fontNames = [postscript]


if __name__ == "__main__":
    for origin, shipped in _FACES:
        make(origin, shipped)
        sys.stdout.write(f"{shipped.name}: {shipped.stat().st_size} bytes\n")
