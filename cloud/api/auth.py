"""The guard before all routes: a valid token for everything that is not listed as open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.accounts import tokens
from cloud.accounts.model import Permission, Principal
from cloud.api.context import Context
from cloud.api.problems import HEADERS, Problem, ProblemError, problem_of
from cloud.platform import database
from contract import coded

COOKIE = "jieyue_session"
STATES = frozenset({"/healthz", "/livez"})
"""What says how the service is, of a state that is kept."""
OPEN = STATES | {"/login"}
"""All that is answered without a token; a new route is guarded unless somebody adds it here."""
WALL = "/wall"
"""The page that may be opened with a token in its address, since nobody types one in before a wall."""
PAGES = frozenset({"/", WALL})
"""Where a person without a session is shown the login form, with the same 401."""
LOGOUT = "/logout"
WATCHED = frozenset({WALL, LOGOUT, "/api/v1/wall", "/api/v1/events"})
"""With the files of pages, all that a token for a wall may ask."""
FILES = "/web/"
LoginPage = Callable[[Request], ASGIApp]


class Guard:
    """Lets a request through only with a token, in the header or in the session's cookie; sets headers that every answer has."""

    def __init__(self, app: ASGIApp, context: Context, login_page: LoginPage | None = None) -> None:
        self._app, self._context, self._login_page = app, context, login_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, or hand the request on with its principal in `request.state`."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        guarded = _with_headers(send)
        if scope["type"] == "http" and scope["path"] in OPEN:
            await self._app(scope, receive, guarded)
            return
        try:
            principal = await self._principal(connection)
        except HTTPException as error:
            await problem_of(error)(scope, receive, guarded)
            return
        if principal is None:
            await self._refuse(scope, receive, guarded)
            return
        if not principal.may(_needed(scope["path"])):
            await Problem(HTTPStatus.FORBIDDEN, coded.Message("problem.wall_only", role=str(principal.role)))(scope, receive, guarded)
            return
        connection.state.principal = principal
        await self._app(scope, receive, guarded)

    async def _principal(self, connection: HTTPConnection) -> Principal | None:
        """Who asks; None without a valid token. A token in the wall's address is a login, with the brake of one.

        Raises:
            HTTPException: 429, too many such tokens were wrong.
        """
        if connection.url.path == WALL and connection.query_params.get("token"):
            return await logged_in(self._context, connection, given_token(connection))
        given = given_token(connection)
        return await run_in_threadpool(tokens.find, self._context.engine, given) if given else None

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: ASGIApp = Problem(HTTPStatus.UNAUTHORIZED, coded.Message("problem.token"), headers={"WWW-Authenticate": "Bearer"})
        if self._login_page and scope["type"] == "http" and scope["path"] in PAGES:
            request = Request(scope)
            if "text/html" in request.headers.get("accept", ""):
                answer = self._login_page(request)
        await answer(scope, receive, send)


async def logged_in(context: Context, connection: HTTPConnection, token: str) -> Principal | None:
    """Who logs in with a token; None if it is wrong.

    Raises:
        HTTPException: 429, too many were wrong.
    """
    address = connection.client.host if connection.client else ""
    context.logins.attempt(address)
    try:
        found = await run_in_threadpool(tokens.find, context.engine, token)
    except database.DOWN:
        context.logins.ended(address, right=True)  # nobody knows whether it was wrong
        raise
    context.logins.ended(address, right=found is not None)
    return found


def given_token(connection: HTTPConnection) -> str:
    """The token of a request: of the wall's address, else of the header, else of the cookie. Empty if there is none."""
    if connection.url.path == WALL and (text := connection.query_params.get("token")):
        return text
    header = connection.headers.get("authorization")
    if header is None:
        return connection.cookies.get(COOKIE, "")
    scheme, _, text = header.partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


def _needed(path: str) -> Permission:
    """What a caller must be allowed to do, at least."""
    return Permission.WATCH if path in WATCHED or path.startswith(FILES) else Permission.READ


def _with_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def who(request: Request) -> Principal:
    """Whose request this is."""
    principal: Principal = request.state.principal
    return principal


def require(principal: Principal, permission: Permission) -> None:
    """Go on only with a permission.

    Raises:
        HTTPException: 403, the caller does not have it.
    """
    if not principal.may(permission):
        said = coded.Message("problem.may_not", role=str(principal.role), permission=str(permission))
        raise ProblemError(HTTPStatus.FORBIDDEN, said)


def allows(permission: Permission) -> Callable[[Request], Principal]:
    """A dependency that answers 403 unless the caller has a permission."""

    def check(request: Request) -> Principal:
        principal = who(request)
        require(principal, permission)
        return principal

    return check


Commander = Annotated[Principal, Depends(allows(Permission.COMMAND))]
Acknowledger = Annotated[Principal, Depends(allows(Permission.ACKNOWLEDGE))]
Reader = Annotated[Principal, Depends(allows(Permission.READ))]
Watcher = Annotated[Principal, Depends(allows(Permission.WATCH))]
