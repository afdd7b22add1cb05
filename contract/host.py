"""A host as a file may name it."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator

_NAME = re.compile(r"[\w-]+(\.[\w-]+)*\.?")


def _plain(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not _NAME.fullmatch(text):
            raise ValueError("expected a name or an address, without scheme, port and brackets") from None
    return text


Host = Annotated[str, AfterValidator(_plain)]
"""A name, an IPv4 or an IPv6 address; the port has a field of its own."""
