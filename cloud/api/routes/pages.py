"""The pages and the session: a form takes a token and puts it into a cookie that no script can read."""

from __future__ import annotations

import html
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from string import Template
from types import MappingProxyType
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response

from cloud.accounts.model import Principal, Role
from cloud.api.auth import COOKIE, LOGOUT, WALL, logged_in, who
from cloud.api.context import Cloud, Context
from cloud.api.problems import ProblemError, not_found
from cloud.definitions import definitions
from cloud.texts import Language, catalogue
from contract.coded import Message
from contract.site import Site

HERE = Path(__file__).parents[2] / "web"
"""Where their files stand."""
LANGUAGE_COOKIE = "jieyue_lang"
SESSION_SECONDS = 12 * 3600
"""A shift; a token that is revoked ends its session at once."""
_FORM_BYTES = 4096
_OWN_SITE = frozenset({"same-origin", "none"})
"""What Sec-Fetch-Site says of our own pages, and of an address that a person typed."""
_YEAR_SECONDS = 366 * 24 * 3600
_TYPES = {".js": "text/javascript", ".css": "text/css"}
_ECHARTS = "echarts-6.1.0.min.js"
_OWN = (
    "page.js",
    "page-report.js",
    "district.js",
    "texts.js",
    "style.css",
    "wall.js",
    "wall-dom.js",
    "wall-figures.js",
    "wall-plant.js",
    "wall-map.js",
    "wall.css",
)
_FILES = {name: HERE / name for name in _OWN} | {_ECHARTS: HERE / "vendor" / "echarts-6.1.0" / "echarts.min.js"}
_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
"""For a file whose name holds its version."""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'{nonce}; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_TAGS: dict[Language, str] = {"zh": "zh-CN", "en": "en"}
router = APIRouter(include_in_schema=False)


def language(request: Request) -> Language:
    """As the address says, else as chosen before, else as the browser asks for; Chinese where nothing is said."""
    for said in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if said in {"zh", "zh-CN"}:
            return "zh"
        if said == "en":
            return "en"
    return "en" if request.headers.get("accept-language", "").lower().startswith("en") else "zh"


def _page(
    request: Request, name: str, status: int = HTTPStatus.OK, message: str = "", parts: Mapping[str, str] = MappingProxyType({})
) -> HTMLResponse:
    """A page of this folder; every text in it is escaped, and `parts` are HTML already."""
    lang = language(request)
    nonce = secrets.token_urlsafe(16)
    texts = {key: html.escape(both[lang]) for key, both in catalogue().items() if "." not in key}
    texts |= {"lang": _TAGS[lang], "other": "zh" if lang == "en" else "en", "nonce": nonce, "message": message and texts[message], **parts}
    texts["style"] = (HERE / "style.css").read_text(encoding="utf-8")
    body = Template((HERE / name).read_text(encoding="utf-8")).substitute(texts)
    answer = HTMLResponse(body, status)
    answer.headers["Content-Security-Policy"] = _POLICY.format(nonce=f" 'nonce-{nonce}'")
    if request.query_params.get("lang"):
        answer.set_cookie(LANGUAGE_COOKIE, lang, max_age=_YEAR_SECONDS, httponly=True, samesite="strict")
    return answer


def login_needed(request: Request) -> HTMLResponse:
    """The login form in the place of a page that needs a session."""
    return _page(request, "login.html", HTTPStatus.UNAUTHORIZED)


@router.get("/login")
def login_form(request: Request) -> HTMLResponse:
    """The form for a token."""
    return _page(request, "login.html")


def _own_form(request: Request) -> None:
    """Go on only with a form of our own pages: the browser says where it came from (Fetch Metadata, else RFC 6454).

    A program that says neither is no browser, so nobody can be led into it.

    Raises:
        HTTPException: 403, another site sent it.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = site in _OWN_SITE if site is not None else origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not own:
        raise ProblemError(HTTPStatus.FORBIDDEN, Message("problem.own_form"))


OwnForm = Depends(_own_form)


@router.post("/login", dependencies=[OwnForm])
async def login(here: Cloud, request: Request) -> Response:
    """Start a session with a valid token."""
    given = await _token(request)
    found = await logged_in(here, request, given)
    if found is None:
        return _page(request, "login.html", HTTPStatus.UNAUTHORIZED, "wrong_token")
    return _session(request, WALL if found.role is Role.WALL else "/", given, found)


def _session(request: Request, where: str, token: str, principal: Principal) -> RedirectResponse:
    """A cookie with a token, and the way to a page; a screen on a wall keeps it until the token is revoked."""
    answer = RedirectResponse(where, HTTPStatus.SEE_OTHER)
    seconds = _YEAR_SECONDS if principal.role is Role.WALL else SESSION_SECONDS
    answer.set_cookie(COOKIE, token, max_age=seconds, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer


async def _token(request: Request) -> str:
    """The token in a form; the body is read no further than a form can reach."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _FORM_BYTES:
            raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Message("problem.form", most=_FORM_BYTES))
    return parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0].strip()


@router.post(LOGOUT, dependencies=[OwnForm])
def logout(request: Request) -> RedirectResponse:
    """End the session of this browser, that of a wall too."""
    answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer


@router.get("/")
def overview(here: Cloud, request: Request) -> Response:
    """Devices and targets of a district, live."""
    return _of_district(here, request, "index.html")


@router.get(WALL)
def wall(here: Cloud, request: Request) -> Response:
    """The wall; a token in its address becomes a cookie at once, so that it stands in no history and no picture of the screen."""
    token = request.query_params.get("token")
    if not token:
        return _of_district(here, request, "wall.html")
    said = {name: request.query_params[name] for name in ("lang", "group") if request.query_params.get(name)}
    if "lang" in said:
        said["lang"] = language(request)
    return _session(request, f"{WALL}?{urlencode(said)}" if said else WALL, token, who(request))


def _of_district(context: Context, request: Request, name: str) -> Response:
    """A page about the district that its address names, or that the token is for; where neither says one, the way to the first.

    Raises:
        HTTPException: 404, there is no such district, or the token is for another.
    """
    own, asked = who(request).group, request.query_params.get("group")
    seen = {group: site for group, site in context.districts.items() if own in {None, group}}
    if asked is not None and asked not in seen:
        raise not_found("group", asked)
    if asked is None and len(seen) > 1:
        return RedirectResponse(request.url.include_query_params(group=next(iter(seen))), HTTPStatus.SEE_OTHER)
    if len(seen) < 2:  # noqa: PLR2004 (a choice)
        return _page(request, name, parts=dict.fromkeys(("districts", "of_district", "and_district"), ""))
    query = html.escape(urlencode({"group": asked}))
    return _page(
        request, name, parts={"districts": _choice(request, seen, asked), "of_district": f"?{query}", "and_district": f"&amp;{query}"}
    )


def _choice(request: Request, seen: Mapping[str, Site], asked: str | None) -> str:
    """The form by which a person goes to another district."""
    lang, texts = language(request), catalogue()
    options = "".join(
        f'<option value="{html.escape(group)}"{" selected" if group == asked else ""}>{html.escape(name)}</option>'
        for group, name in ((group, f"{getattr(site.name, lang)} ({group})") for group, site in sorted(seen.items()))
    )
    label, show = (html.escape(texts[key][lang]) for key in ("district", "show_district"))
    return (
        f'<form class="district" method="get"><label>{label} <select name="group">{options}</select></label> <button>{show}</button></form>'
    )


@router.get("/web/messages.json")
def texts() -> JSONResponse:
    """The whole catalogue."""
    return JSONResponse(catalogue())


@router.get("/web/indicators.json")
def indicators() -> JSONResponse:
    """With how many decimals each indicator is shown, by its id."""
    return JSONResponse({one.id: one.digits.model_dump() for one in definitions()})


@router.get("/web/{name}")
def file(name: str) -> FileResponse:
    """A script or a style; nothing else of this folder."""
    if name not in _FILES:
        raise not_found("file", name)
    kept = _FOREVER if name == _ECHARTS else None
    return FileResponse(_FILES[name], media_type=_TYPES[_FILES[name].suffix], headers=kept)
