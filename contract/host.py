"""A host as a file may name it."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator

_NAME = re.compile(r"[\w-]+(\.[\w-]+)*\.?")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII | re.IGNORECASE)
_LONGEST = 253
"""Signs of a name as it is asked for (RFC 1035)."""


def _plain(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not _NAME.fullmatch(text):
            raise ValueError("expected a name or an address, without scheme, port and brackets") from None
        _check_labels(text)
    return text


def _check_labels(name: str) -> None:
    """Refuse a name that no resolver takes: asked for one, Python raises an error of text, not of a connection."""
    if not unicodedata.is_normalized("NFKC", name):
        raise ValueError("expected a name or an address in ordinary signs, not in full-width ones")
    labels = [_asked_for(label) for label in name.removesuffix(".").split(".")]
    if all(label.isdecimal() for label in labels):
        raise ValueError("expected an IPv4 address of four numbers from 0 to 255, without zeros in front")
    if not all(map(_LABEL.fullmatch, labels)) or sum(len(label) + 1 for label in labels) > _LONGEST + 1:
        raise ValueError(f"expected parts of 1 to 63 signs between the dots, {_LONGEST} together, none with - at an end")


def _asked_for(label: str) -> str:
    """A part of a name as a resolver is asked for it (RFC 3490); empty for one that cannot be."""
    try:
        return label.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


Host = Annotated[str, AfterValidator(_plain)]
"""A name, an IPv4 or an IPv6 address; the port has a field of its own."""
