"""Open the time-series store that a URL names."""

from __future__ import annotations

from pathlib import Path

from cloud.telemetry.base import Telemetry
from cloud.telemetry.sqlite import SqliteTelemetry


def open_telemetry(url: str) -> Telemetry:
    """The store that `url` names; `sqlite:///var/x.sqlite` is a relative path, `sqlite:////var/x.sqlite` an absolute one.

    Raises:
        ValueError: The URL is of no form that is known.
        StoreDown: The file cannot be opened.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return SqliteTelemetry(Path(rest[1:]))
    raise ValueError("telemetry URL must be sqlite:///path")
