"""Reports: what can be had, and one as a file, at once or when it is done."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Response

from cloud.accounts.model import Principal
from cloud.api import reports
from cloud.api.auth import who
from cloud.api.context import Here
from cloud.api.params import Id, Scope, Year
from cloud.api.problems import unprocessable
from cloud.api.schemas import ReportJob, ReportKind
from cloud.reports.base import MEDIA_TYPES, Asked, Format, Made
from cloud.reports.made import file_name
from cloud.reports.period import MONTHS, QUARTERS, Period
from cloud.reports.queue import Job
from cloud.texts import Language
from contract.coded import Message

router = APIRouter(prefix="/api/v1/reports")
_FILES: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK: {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()}}
}
Caller = Annotated[Principal, Depends(who)]


def _wanted(
    here: Here,
    year: Year,
    quarter: Annotated[int | None, Query(ge=1, le=QUARTERS)] = None,
    month: Annotated[int | None, Query(ge=1, le=MONTHS)] = None,
    scope: Scope = "district",
    lang: Language = "zh",
    kind: Annotated[Format, Query(alias="format")] = "pdf",
) -> Asked:
    if quarter is not None and month is not None:
        raise unprocessable(Message("problem.quarter_or_month"))
    return Asked(here.group, Period(year, quarter, month), scope, lang, kind)


Wanted = Annotated[Asked, Depends(_wanted)]


@router.get("")
async def every_report(here: Here) -> list[ReportKind]:
    """Reports that can be had, each with those that are made now and those that were made last."""
    return await to_thread.run_sync(reports.every_report, here)


@router.get("/{report}", response_class=Response, responses=_FILES)
async def one_report(here: Here, caller: Caller, report: Id, asked: Wanted) -> Response:
    """A report of a year, or of a quarter or a month of it, as a file.

    After two minutes the answer is 503, and the report goes on: whoever asks again waits for the same one. With POST nobody waits.
    """
    job = reports.ask(here, report, asked)
    await job.ended.wait()
    return _file(here, job, await to_thread.run_sync(reports.handed_over, here, job, caller.name))


@router.post("/{report}", status_code=HTTPStatus.ACCEPTED)
async def ask(here: Here, report: Id, asked: Wanted, response: Response) -> ReportJob:
    """Have a report made; the answer says where its state is, and the state where the file is."""
    job = reports.ask(here, report, asked)
    response.headers["Location"] = reports.path_of(here, job)
    return reports.shown(here, job)


@router.get("/jobs/{job}")
async def state(here: Here, job: Id) -> ReportJob:
    """Where a report stands: at which place it waits, what is being done, where its file is, or why there is none."""
    return reports.shown(here, reports.find(here, job))


@router.get("/jobs/{job}/file", response_class=Response, responses=_FILES)
async def file(here: Here, caller: Caller, job: Id) -> Response:
    """The file of a report that is done; the last few are kept."""
    found = reports.find(here, job)
    return _file(here, found, await to_thread.run_sync(reports.handed_over, here, found, caller.name))


def _file(here: Here, job: Job, made: Made) -> Response:
    name = file_name(job.report, job.asked, several=bool(here.others))
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(made.content, media_type=MEDIA_TYPES[job.asked.format], headers=headers)
