"""A terminal's phone: the header's identity, which is packed decimal by the text and holds letters in practice (clause 4.4.3)."""

from __future__ import annotations

PHONE_PATTERN = r"^[0-9A-Fa-f]{0,20}$"
"""Hexadecimal digits, since terminals put serial numbers and IMEIs there; the edition 2019 has 20 of them, earlier ones 12."""


def identity(phone: str) -> str:
    """A phone without the zeros that pad it, in small letters: terminals and site files pad and write differently."""
    return phone.lower().lstrip("0")
