from __future__ import annotations

import json
import re
from string import Template
from typing import TYPE_CHECKING

import pytest

from cloud.accounts.model import Role
from cloud.api.routes import pages
from cloud.texts import catalogue
from cloud.web import vendoring

if TYPE_CHECKING:
    from tests.cloud.api.conftest import Served

HTML = {"Accept": "text/html,*/*"}
SCRIPTS = (
    "page.js", "page-report.js", "district.js", "texts.js", "wall.js", "wall-dom.js", "wall-figures.js", "wall-plant.js", "wall-map.js",
)  # fmt: skip
WEB = pages.HERE


async def test_a_login_starts_a_session(served: Served) -> None:
    """A valid token in the form sets a cookie that scripts and other sites cannot use, and leads to the overview."""
    answer = await served.http.post("/login", data={"token": f" {served.tokens[Role.VIEWER]} "})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"jieyue_session={served.tokens[Role.VIEWER]};")
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert (await served.http.get("/")).status_code == 200
    assert (await served.http.get("/api/v1/devices")).status_code == 200


@pytest.mark.parametrize(("role", "seconds"), [(Role.WALL, 366 * 86_400), (Role.ADMIN, 43_200)])
async def test_a_token_in_the_walls_address_becomes_a_cookie(role: Role, seconds: int, served: Served) -> None:
    """The page is then opened without it; a screen keeps the cookie, a person's token ends with the shift."""
    answer = await served.http.get("/wall", params={"token": served.tokens[role], "lang": "en"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/wall?lang=en")
    cookie = answer.headers["set-cookie"].split("; ")
    assert cookie[0] == f"jieyue_session={served.tokens[role]}"
    assert {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={seconds}"} <= set(cookie)
    page = await served.http.get(answer.headers["location"])
    assert (page.status_code, '<html lang="en">' in page.text) == (200, True)
    assert served.tokens[role] not in page.text


async def test_the_walls_address_opens_nothing_else(served: Served) -> None:
    """A token in the address of another page counts for nothing; a wrong one is 401 without a cookie, whoever sends it."""
    assert (await served.http.get("/", params={"token": served.tokens[Role.ADMIN]})).status_code == 401
    answer = await served.http.get(
        "/wall", params={"token": "jy_no"}, headers=HTML | {"Cookie": f"jieyue_session={served.tokens[Role.WALL]}"}
    )
    assert answer.status_code == 401
    assert "jieyue_session" not in answer.headers.get("set-cookie", "")


async def test_a_screen_that_logs_in_sees_the_wall(served: Served) -> None:
    """The overview would refuse it."""
    answer = await served.http.post("/login", data={"token": served.tokens[Role.WALL]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/wall")


def test_vendored_files_are_what_was_published() -> None:
    """Every file has the digest that stands beside it and in the page, and its licence lies with it."""
    (folder,) = (WEB / "vendor").iterdir()
    about = json.loads((folder / "vendor.json").read_text(encoding="utf-8"))
    assert (about["name"], about["version"], about["licence"]) == (vendoring.NAME, vendoring.VERSION, "Apache-2.0")
    assert about["tarball"] == vendoring.TARBALL
    assert set(about["files"]) == {path.name for path in folder.iterdir()} - {"vendor.json"} == {"echarts.min.js", "LICENSE", "NOTICE"}
    for name, expected in about["files"].items():
        assert vendoring.digest("sha384", (folder / name).read_bytes()) == expected, name
    assert f'integrity="{about["files"]["echarts.min.js"]}"' in (WEB / "wall.html").read_text(encoding="utf-8")


async def test_over_tls_the_cookie_stays_there(served: Served) -> None:
    """A session that began over TLS is never sent without."""
    answer = await served.http.post("https://jieyue.test/login", data={"token": served.tokens[Role.VIEWER]})
    assert "Secure" in answer.headers["set-cookie"].split("; ")


@pytest.mark.parametrize(
    "body", [b"", b"token=", b"token=jy_wrong", b"token=%ff%fe", b"\xff\xfe", b"token=%3Cscript%3Ealert(1)%3C/script%3E"]
)
async def test_a_wrong_token_starts_nothing(body: bytes, served: Served) -> None:
    """The form comes back with 401 and a sentence, without what was typed, and without a cookie."""
    answer = await served.http.post("/login?lang=en", content=body)
    assert answer.status_code == 401
    assert "This token is not valid, or was revoked." in answer.text
    assert "<script" not in answer.text
    assert "jieyue_session" not in answer.headers.get("set-cookie", "")


async def test_a_form_has_its_size(served: Served) -> None:
    """Nobody without a token may send more than a form."""
    answer = await served.http.post("/login", content=b"token=" + b"x" * 5000)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


async def test_a_logout_ends_the_session(served: Served) -> None:
    """After it the browser has no cookie left."""
    await served.http.post("/login", data={"token": served.tokens[Role.VIEWER]})
    answer = await served.http.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert (await served.http.get("/")).status_code == 401


async def test_a_browser_without_a_session_sees_the_form(served: Served) -> None:
    """A person who opens the overview is asked for a token, still with 401."""
    answer = await served.http.get("/", headers=HTML)
    assert answer.status_code == 401
    assert '<form method="post" action="/login">' in answer.text


@pytest.mark.parametrize(
    ("said", "accepted", "lang", "heading"),
    [
        ("en", "zh-CN", "en", "Targets of the year"),
        ("zh", "en-GB", "zh-CN", "年度节能目标"),
        ("", "en-GB,en;q=0.9", "en", "Targets of the year"),
        ("", "fr", "zh-CN", "年度节能目标"),
        ('"><script>alert(1)</script>', "fr", "zh-CN", "年度节能目标"),
    ],
)
async def test_the_page_speaks_both_languages(said: str, accepted: str, lang: str, heading: str, served: Served) -> None:
    """The address decides, then the browser; Chinese is the default."""
    headers = served.bearer(Role.VIEWER) | {"Accept-Language": accepted}
    answer = await served.http.get("/", params={"lang": said} if said else {}, headers=headers)
    assert f'<html lang="{lang}">' in answer.text
    assert heading in answer.text
    assert "alert(1)" not in answer.text


async def test_the_switch_is_remembered(served: Served) -> None:
    """Once chosen, the language stays."""
    await served.http.get("/login?lang=en")
    assert '<html lang="en">' in (await served.http.get("/login")).text


@pytest.mark.parametrize("path", ["/", "/login", "/wall"])
async def test_the_policy_allows_nothing_from_elsewhere(path: str, served: Served) -> None:
    """Scripts come from this service only, and none stands in the page; styles in the page carry this answer's nonce."""
    answer = await served.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    nonces = set(re.findall(r'<style nonce="([^"]+)"', answer.text))
    assert all(f"'nonce-{nonce}'" in policy for nonce in nonces)
    assert not re.search(r"<script(?![^>]*\ssrc=)", answer.text)
    assert not re.search(r"\son\w+=", answer.text)
    assert not re.search(r"""(src|href|action)=["'](https?:)?//""", answer.text)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_sets_text_and_never_markup(name: str) -> None:
    """No name of a device can become markup: the script has no way to write any, and asks no other host."""
    script = (WEB / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    for way in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function(", "http://", "https://"):
        assert way not in script, way


def test_every_text_is_there_in_both_languages() -> None:
    """The catalogue has both languages for each key, and every key that the pages and the script name."""
    found = catalogue()
    assert all(set(both) == {"zh", "en"} and all(both.values()) for both in found.values())
    script = "".join((WEB / name).read_text(encoding="utf-8") for name in SCRIPTS)
    asked = set(re.findall(r'"(wall[._][a-z_.]+)"', script)) | set(re.findall(r'say\("([^"]+)"', script))
    own = {"lang", "other", "nonce", "message", "style", "districts", "of_district", "and_district"}
    for name in ("index.html", "login.html", "wall.html"):
        asked |= set(Template((WEB / name).read_text(encoding="utf-8")).get_identifiers()) - own
    assert asked - set(found) == set()
    assert len(asked) >= 20


@pytest.mark.parametrize("name", [*SCRIPTS, "style.css", "wall.css"])
async def test_the_files_of_the_page(name: str, served: Served) -> None:
    """The page's files come as what they are."""
    answer = await served.get(f"/web/{name}")
    assert answer.status_code == 200
    assert answer.content == (WEB / name).read_bytes()


@pytest.mark.parametrize("name", ["pages.py", "index.html", "..%2Fapi%2Fauth.py", "%2e%2e%2fpages.py", "x"])
async def test_no_other_file_is_given(name: str, served: Served) -> None:
    """Sources and everything outside of the folder stay inside."""
    assert (await served.get(f"/web/{name}")).status_code == 404


async def test_the_texts_and_decimals_of_the_page(served: Served) -> None:
    """The whole catalogue, what the files of indicators add to it included, and how exactly each indicator is shown in which place."""
    assert (await served.get("/web/messages.json")).json() == catalogue()
    assert catalogue()["indicator.energy_per_area"] == {"zh": "单位建筑面积能耗", "en": "Energy per floor area"}
    assert (await served.get("/web/indicators.json")).json() == {
        "energy_per_capita": {"page": 2, "wall": 2, "report": 2},
        "energy_per_area": {"page": 2, "wall": 3, "report": 3},
        "water_per_capita": {"page": 2, "wall": 2, "report": 3},
    }
