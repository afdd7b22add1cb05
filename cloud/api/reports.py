"""Reports that can be had, that are made and that were made, with what they raise as problems."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

from cloud.api.context import Context
from cloud.api.problems import ProblemError, not_found
from cloud.api.schemas import ReportJob, ReportKind, ReportMade, Said
from cloud.reports import base, made
from cloud.reports.base import Asked, Made
from cloud.reports.queue import Job, QueueFullError
from cloud.reports.worker import Fault
from cloud.texts import LANGUAGES, catalogue, in_words
from contract.coded import Message

_AGAIN = 30
"""Seconds after which to ask again where the queue is full: about two reports."""
_SOON = 1
"""The same for a report that is under way."""
_STATUS: dict[Fault, HTTPStatus] = {
    "scope": HTTPStatus.NOT_FOUND,
    "missing": HTTPStatus.NOT_FOUND,
    "not_installed": HTTPStatus.NOT_IMPLEMENTED,
    "library": HTTPStatus.SERVICE_UNAVAILABLE,
    "too_long": HTTPStatus.SERVICE_UNAVAILABLE,
    "failed": HTTPStatus.INTERNAL_SERVER_ERROR,
}


def every_report(context: Context) -> list[ReportKind]:
    """All reports by name."""
    on_record = made.listed(context.engine, context.group)
    return [
        ReportKind(
            id=name,
            title=dict(catalogue()[report.title]),
            path=f"/api/v1/reports/{name}",
            languages=list(LANGUAGES),
            formats=list(base.FORMATS),
            made=[ReportMade(**{k: v for k, v in row.items() if k != "report"}) for row in on_record if row["report"] == name],
            jobs=[shown(context, job) for job in context.reports.jobs(name) if job.asked.group == context.group],
        )
        for name, report in base.reports().items()
    ]


def ask(context: Context, name: str, asked: Asked) -> Job:
    """The job that makes a report.

    Raises:
        HTTPException: 404, no such report; 503, too many wait.
    """
    try:
        return context.reports.ask(context.engine, name, asked, context.clock.now_ms)
    except made.UnknownReportError:
        raise not_found("report", name) from None
    except QueueFullError as error:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, error.message, {"Retry-After": str(_AGAIN)}) from error


def find(context: Context, name: str) -> Job:
    """A job of the district by its id.

    Raises:
        HTTPException: 404, there is none, or it ended long ago.
    """
    job = context.reports.find(name)
    if job is None or job.asked.group != context.group:
        raise not_found("job", name)
    return job


def shown(context: Context, job: Job) -> ReportJob:
    """A job as the interface says it."""
    period = job.asked.period
    return ReportJob(
        id=job.id,
        report=job.report,
        year=period.year,
        quarter=period.quarter,
        month=period.month,
        scope=job.asked.scope,
        lang=job.asked.language,
        format=job.asked.format,
        state=job.state,
        place=context.reports.place(job),
        step=job.step,
        path=path_of(context, job, "/file") if job.made else None,
        code=job.fault,
        detail=None if job.why is None else in_words(job.why, "en"),
        why=None if job.why is None else Said(code=job.why.code, params=job.why.form()["params"]),
    )


def path_of(context: Context, job: Job, part: str = "") -> str:
    """Where a job's state is, or a part of it; where the cloud serves several districts, with the group."""
    return f"/api/v1/reports/jobs/{job.id}{part}" + (f"?{urlencode({'group': context.group})}" if context.others else "")


def handed_over(context: Context, job: Job, by: str) -> Made:
    """The file of a job that is done, put on record as given to somebody.

    Raises:
        HTTPException: 404, no such scope, or nothing known of the period; 409, it is not done yet; 500, 501 or 503, it could not
            be made.
    """
    if job.fault is not None:
        if job.fault == "scope":
            raise not_found("scope", job.asked.scope)
        raise ProblemError(_STATUS[job.fault], job.why or Message("problem.failed"))
    if job.made is None:
        raise ProblemError(HTTPStatus.CONFLICT, Message("problem.not_done", state=job.state), {"Retry-After": str(_SOON)})
    made.record(context.engine, job.report, job.asked, job.made, by, context.clock.now_ms())
    return job.made
