"""Every error as RFC 9457 problem details; never a stack trace, never what the caller sent.

`detail` is English. Beside it stand `code` and `params`, by which the catalogue says it in any language; the code `text` has no other
words than `detail`.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal

import structlog
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from cloud.api import faults
from cloud.texts import in_words
from contract.coded import Message

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
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "code": _TEXT,
        "params": {"type": "object"},
        "errors": _FAULTS,
    },
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
        self, status: int, message: Message, *, errors: list[dict[str, str]] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(body(status, message) | ({"errors": errors} if errors else {}), status_code=status, headers=headers)


class ProblemError(HTTPException):
    """An error to be raised, which is answered as a problem."""

    def __init__(self, status: int, message: Message, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, in_words(message, "en"), headers)
        self.message = message


def body(status: int, message: Message) -> dict[str, Any]:
    """What a problem is as JSON."""
    said = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": in_words(message, "en")}
    return said | message.form()


_OF_THE_FRAMEWORK: dict[int, Message] = {
    HTTPStatus.NOT_FOUND: Message("problem.no_such_page"),
    HTTPStatus.METHOD_NOT_ALLOWED: Message("problem.no_such_method"),
}


def problem_of(error: StarletteHTTPException) -> Problem:
    """An error that was raised, as an answer; of the framework's own, those without a code have a text only."""
    message = error.message if isinstance(error, ProblemError) else _OF_THE_FRAMEWORK.get(error.status_code)
    message = message or Message("text", text=error.detail)
    return Problem(error.status_code, message, headers=error.headers)


Thing = Literal["alert", "command", "device", "factor set", "file", "group", "job", "meter", "node", "report", "scope", "vehicle"]
"""What may not be there."""


def not_found(what: Thing, name: str) -> ProblemError:
    """The error for something that does not exist, to be raised."""
    return ProblemError(HTTPStatus.NOT_FOUND, Message("problem.none", what=Message(f"thing.{what}"), name=repr(name)))


def unprocessable(message: Message) -> ProblemError:
    """The error for a request that is understood and cannot be done, to be raised."""
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, message)


def install(app: FastAPI) -> None:
    """Answer every error of the application as a problem."""

    @app.exception_handler(StarletteHTTPException)
    def http(_request: Request, error: StarletteHTTPException) -> Problem:
        return problem_of(error)

    @app.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: RequestValidationError) -> Problem:
        found = error.errors()
        errors = [dict(zip(("in", "name"), faults.place(fault), strict=True)) | {"detail": faults.sentence(fault)} for fault in found]
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, Message("problem.invalid", faults=faults.message(found)), errors=errors)

    @app.exception_handler(Exception)
    def unforeseen(request: Request, error: Exception) -> Problem:
        log.error("a request failed", method=request.method, path=request.url.path, exc_info=error)
        return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, Message("problem.failed"), headers=HEADERS)  # outside of the guard
