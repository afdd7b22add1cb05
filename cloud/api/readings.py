"""Series of one point from the time-series store."""

from __future__ import annotations

from http import HTTPStatus

from cloud.api import devices
from cloud.api.context import Context
from cloud.api.latest import latest_readings, quality_name
from cloud.api.params import MOST_HOURS, Every, check_span
from cloud.api.problems import ProblemError, unprocessable
from cloud.api.schemas import Sample
from cloud.devices.model import Device
from cloud.ledger.periods import HOUR_MS, edges
from cloud.telemetry.base import Aggregate
from contract.clock import iso
from contract.coded import Message
from contract.point import POINTS
from contract.reading import Quality

MOST_SAMPLES = 100_000
"""Readings of one answer, more than a day of one each second."""
_GOOD = quality_name(Quality.GOOD)


def series(
    context: Context, device: str, point: str, start: int, end: int, every: Every | None, aggregate: Aggregate | None
) -> list[Sample]:
    """The readings of a point, or one number an interval (the mean unless said otherwise).

    Raises:
        HTTPException: 404 for an unknown device, 413 for too many readings, 422 for parameters that make no question.
    """
    of = devices.known(context, device)
    check_span(start, end)
    _check_point(context, of, point)
    place = (context.group, of.device_class, device, point)
    if every is None:
        if aggregate is not None:
            raise unprocessable(Message("problem.aggregate"))
        found = context.telemetry.series(*place, start, end, MOST_SAMPLES + 1)
        if len(found) > MOST_SAMPLES:
            raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Message("problem.readings", most=MOST_SAMPLES))
        return [Sample(at=iso(r.at), value=r.value, quality=quality_name(r.quality)) for r in found]
    if every == "hour" and end - start > MOST_HOURS * HOUR_MS:
        raise unprocessable(Message("problem.hours", most=MOST_HOURS))
    windows = context.telemetry.windows(*place, start, end, edges(start, end, every), aggregate or Aggregate.MEAN)
    return [Sample(at=iso(at), value=value, quality=_GOOD) for at, value in windows]


def _check_point(context: Context, device: Device, point: str) -> None:
    """Refuse a name that no point has, rather than answer that it has no readings."""
    if point in POINTS or any(item.point == point for item in latest_readings(context, device.id)):
        return
    if device.profile is None:
        raise unprocessable(Message("problem.no_point_known", point=repr(point), device=device.id))
    raise unprocessable(Message("problem.no_point", point=repr(point), device=device.id, points=", ".join(device.profile.points)))
