"""Reports that can be had and that were made, with what they raise as problems."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import HTTPException

from cloud.api.context import Context
from cloud.api.problems import not_found
from cloud.api.shapes import ReportKind, ReportMade
from cloud.indicators.scopes import UnknownScopeError
from cloud.reports import base, made
from cloud.reports.base import Asked
from cloud.texts import LANGUAGES, catalogue


def every_report(context: Context) -> list[ReportKind]:
    """All reports by name."""
    on_record = made.listed(context.engine)
    return [
        ReportKind(
            id=name,
            title=dict(catalogue()[report.title]),
            path=f"/api/v1/reports/{name}",
            languages=list(LANGUAGES),
            formats=list(base.FORMATS),
            made=[ReportMade(**{k: v for k, v in row.items() if k != "report"}) for row in on_record if row["report"] == name],
        )
        for name, report in base.reports().items()
    ]


def one_report(context: Context, name: str, asked: Asked, by: str) -> bytes:
    """A report as a file, put on record.

    Raises:
        HTTPException: 404, no such report or scope, or nothing known of the period; 501 or 503, what it is made with is missing.
    """
    now = context.clock.now_ms()
    try:
        found = made.make(context.engine, name, asked, now)
    except made.UnknownReportError:
        raise not_found("report", name) from None
    except UnknownScopeError:
        raise not_found("scope", asked.scope) from None
    except base.MissingError as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from error
    except base.NotInstalledError as error:
        raise HTTPException(HTTPStatus.NOT_IMPLEMENTED, str(error)) from error
    except base.LibraryError as error:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
    made.record(context.engine, name, asked, found, by, now)
    return found.content
