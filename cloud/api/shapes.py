"""What routes answer: the stable interface, field by field. Times are RFC 3339 in UTC, figures are JSON numbers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Health(_Shape):
    """`status` is "ok", or what the service waits for."""

    status: str
    now: str
    year: int


class Latest(_Shape):
    """The newest reading of a point by time of measurement."""

    device: str
    point: str
    value: float | None
    unit: str
    quality: str
    at: str
    received_at: str
