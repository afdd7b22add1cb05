"""Where a database of InfluxDB is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class InfluxAddress:
    """Where the database is, and how to enter.

    Attributes:
        url: Scheme, host and port.
        database: Name of the database; in 2.x of a bucket that is mapped to it.
        user: Ignored where `password` is a token.
        password: Password, or the API token of 2.x and 3.x; never shown.
        auth: `basic` (every version), or `token` for the header that only 2.x and 3.x know.
    """

    url: str
    database: str
    user: str = ""
    password: str = field(default="", repr=False)
    auth: Literal["basic", "token"] = "basic"
