"""Reports: what can be had, and one as a file."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Query, Response

from cloud.api import reports
from cloud.api.auth import who
from cloud.api.context import Here
from cloud.api.params import Id, Scope, Year
from cloud.api.problems import unprocessable
from cloud.api.shapes import ReportKind
from cloud.registry.tokens import Principal
from cloud.reports.base import MEDIA_TYPES, Asked, Format
from cloud.reports.made import file_name
from cloud.reports.period import MONTHS, QUARTERS, Period
from cloud.texts import Language

router = APIRouter(prefix="/api/v1/reports")
_ONE_AT_A_TIME = CapacityLimiter(1)
"""A report takes seconds of a processor and a few hundred MB; those who wait hold no thread."""
_FILES: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK: {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()}}
}
Caller = Annotated[Principal, Depends(who)]


@router.get("")
def every_report(here: Here) -> list[ReportKind]:
    """Reports that can be had, each with those that were made last."""
    return reports.every_report(here)


@router.get("/{report}", response_class=Response, responses=_FILES)
async def one_report(
    here: Here,
    caller: Caller,
    report: Id,
    year: Year,
    quarter: Annotated[int | None, Query(ge=1, le=QUARTERS)] = None,
    month: Annotated[int | None, Query(ge=1, le=MONTHS)] = None,
    scope: Scope = "district",
    lang: Language = "zh",
    kind: Annotated[Format, Query(alias="format")] = "pdf",
) -> Response:
    """A report of a year, or of a quarter or a month of it, as a file."""
    if quarter is not None and month is not None:
        raise unprocessable("month: expected a quarter or a month, not both")
    asked = Asked(Period(year, quarter, month), scope, lang, kind)
    content = await to_thread.run_sync(reports.one_report, here, report, asked, caller.name, limiter=_ONE_AT_A_TIME)
    headers = {"Content-Disposition": f'attachment; filename="{file_name(report, asked)}"'}
    return Response(content, media_type=MEDIA_TYPES[kind], headers=headers)
