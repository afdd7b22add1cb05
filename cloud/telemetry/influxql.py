"""Names and values within a statement of InfluxQL, whatever is in them."""

from __future__ import annotations


def identifier(name: str) -> str:
    """An identifier of InfluxQL."""
    return '"' + _plain(name).replace('"', r"\"") + '"'


def literal(text: str) -> str:
    """A string of InfluxQL."""
    return "'" + _plain(text).replace("'", r"\'") + "'"


def _plain(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")
