"""Sites as files: what each begins with, and a site of which a test changes some text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from contract.site import Site, load_site

HEAD = """\
id: s
name: {zh: 试验, en: Trial}
group: "510802"
latitude: 32.4
longitude: 105.8
"""
"""Five lines, by which tests count the line of a fault."""


def whole(rest: str) -> str:
    """The text of a site whose name and place nobody asks about, from what follows them."""
    return HEAD + rest


def fields(**more: object) -> dict[str, Any]:
    """The same as fields: a site with a gateway `gw` and no house, and with more."""
    named: dict[str, Any] = yaml.safe_load(HEAD)
    return named | {"compounds": [], "units": [], "gateways": [{"id": "gw"}]} | more


def changed(text: str, *changes: tuple[str, str]) -> str:
    """A text with parts of it replaced; each must stand there once, or a change elsewhere would let a test pass that changes nothing."""
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


def load(folder: Path, text: str, *changes: tuple[str, str]) -> Site:
    """A site of one file, read as every program reads it."""
    (folder / "site.yaml").write_text(changed(text, *changes), encoding="utf-8")
    return load_site(folder)
