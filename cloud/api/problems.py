"""Every error as RFC 9457 problem details; never a stack trace, never what the caller sent."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

log = structlog.get_logger()
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""What every answer has; a page sets a policy of its own."""
_TEXT: dict[str, Any] = {"type": "string"}
_FAULTS: dict[str, Any] = {"type": "array", "items": {"type": "object", "additionalProperties": _TEXT}}
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {"type": _TEXT, "title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT, "errors": _FAULTS},
    "additionalProperties": False,
}
DESCRIBED: dict[int | str, dict[str, Any]] = {
    kind: {"description": said, "content": {"application/problem+json": {"schema": _SCHEMA}}}
    for kind, said in (("4XX", "The request cannot be answered, and why (RFC 9457)"), ("5XX", "The service failed (RFC 9457)"))
}
"""What the description of the interface says about errors, the same for every route."""


class Problem(JSONResponse):
    """An error as an answer."""

    media_type = "application/problem+json"

    def __init__(
        self, status: int, detail: str, *, errors: list[dict[str, str]] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        body: dict[str, object] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
        if errors:
            body["errors"] = errors
        super().__init__(body, status_code=status, headers=headers)


def not_found(what: str, name: str) -> HTTPException:
    """The error for something that does not exist, to be raised."""
    return HTTPException(HTTPStatus.NOT_FOUND, f"no {what} {name!r}")


def unprocessable(detail: str) -> HTTPException:
    """The error for a request that is understood and cannot be done, to be raised."""
    return HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def install(app: FastAPI) -> None:
    """Answer every error of the application as a problem."""

    @app.exception_handler(HTTPException)
    def http(_request: Request, error: HTTPException) -> Problem:
        return Problem(error.status_code, error.detail, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: RequestValidationError) -> Problem:
        errors = [_fault(fault["loc"], fault["msg"]) for fault in error.errors()]
        detail = "; ".join(f"{fault['name'] or fault['in']}: {fault['detail']}" for fault in errors)
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)

    @app.exception_handler(Exception)
    def unforeseen(request: Request, error: Exception) -> Problem:
        log.error("a request failed", method=request.method, path=request.url.path, exc_info=error)
        return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed; its log says why", headers=HEADERS)  # outside of the guard


def _fault(where: tuple[int | str, ...], message: str) -> dict[str, str]:
    """Where a value stands, its name and what was expected there."""
    name = ".".join(str(part) for part in where[1:])
    return {"in": str(where[0]), "name": name, "detail": message.removeprefix("Value error, ")}
