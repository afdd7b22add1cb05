"""How much a request may bring: whoever has a token must not be able to fill the memory either."""

from __future__ import annotations

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.api.problems import ProblemError
from contract import coded

MOST_BYTES = 65_536
"""Of a request's body; an order to a device has a few hundred."""


class Limited:
    """Stops reading a body that grows beyond the limit; the error is raised where a route reads it, so it is answered as a problem.

    The limit of the framework itself answers in plain text.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""
        size = 0

        async def receiving() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > MOST_BYTES:
                raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, coded.Message("problem.body", most=MOST_BYTES))
            return message

        await self._app(scope, receiving, send)
