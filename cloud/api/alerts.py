"""Alerts as the interface gives them."""

from __future__ import annotations

from typing import Any

from cloud.api.context import Context


def alerts(_context: Context, _state: str | None = None) -> list[dict[str, Any]]:
    """Alerts, of a state if one is given, newest first; no rule raises any yet."""
    return []
