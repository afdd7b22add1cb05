"""Logging in and out: guesses are slowed down, other sites cannot send the form, and every session can be ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi import HTTPException

from cloud.accounts import tokens
from cloud.accounts.model import Role
from cloud.api import brake
from cloud.api.app import create_app
from cloud.api.brake import MOST, MOST_OF_ADDRESS, WINDOW_S, Brake, client
from cloud.api.context import Context
from cloud.settings import Settings
from tests.cloud.api.listening import listening

if TYPE_CHECKING:
    from tests.cloud.api.conftest import Served

PROBLEM = "application/problem+json"


class Hand:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Its time, in seconds."""
        return self.now


@pytest.mark.parametrize("path", ["/login", "/wall?token=jy_wrong"])
async def test_an_address_that_guesses_waits(path: str, served: Served) -> None:
    """After ten wrong tokens, in the form or in the wall's address, even a right one is 429 with `Retry-After`, and is counted."""
    method = "POST" if path == "/login" else "GET"
    braked = brake.LOGINS.labels("braked")._value.get()
    answers = [await served.http.request(method, path) for _ in range(MOST_OF_ADDRESS)]
    assert {answer.status_code for answer in answers} == {401}
    refused = await served.http.post("/login", data={"token": served.tokens[Role.VIEWER]})
    assert (refused.status_code, refused.headers["content-type"]) == (429, PROBLEM)
    assert 0 < int(refused.headers["retry-after"]) <= WINDOW_S + 1
    assert brake.LOGINS.labels("braked")._value.get() == braked + 1
    assert (await served.get("/api/v1/devices")).status_code == 200  # who is logged in goes on


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer jy_wrong"}, {"Cookie": "jieyue_session=jy_wrong"}], ids=["header", "cookie"])
async def test_a_wrong_token_of_a_request_brakes_nobody(headers: dict[str, str], served: Served) -> None:
    """As security.md says: each is 401, none counts as a login, and people at the same address log in and read on."""
    before = {result: brake.LOGINS.labels(result)._value.get() for result in ("wrong", "braked")}
    for _ in range(2 * MOST_OF_ADDRESS):
        assert (await served.http.get("/api/v1/devices", headers=headers)).status_code == 401
    assert {result: brake.LOGINS.labels(result)._value.get() for result in before} == before
    assert (await served.get("/api/v1/devices")).status_code == 200
    assert (await served.http.post("/login", data={"token": served.tokens[Role.VIEWER]})).status_code == 303


async def test_right_tokens_are_no_guesses(served: Served) -> None:
    """A screen that is opened again and again, and people who log in, are never braked."""
    for _ in range(MOST_OF_ADDRESS + 1):
        assert (await served.http.post("/login", data={"token": served.tokens[Role.VIEWER]})).status_code == 303
        assert (await served.http.get("/wall", params={"token": served.tokens[Role.WALL]})).status_code == 303


def test_all_addresses_together_are_braked_and_forgotten() -> None:
    """Many addresses with a guess each reach the limit for all; after the window all begin anew, and nothing is kept."""
    clock = Hand()
    found = Brake(clock)
    for number in range(MOST):
        found.attempt(f"10.0.{number // 250}.{number % 250}")
    with pytest.raises(HTTPException) as caught:
        found.attempt("10.9.9.9")
    assert (caught.value.status_code, caught.value.headers) == (429, {"Retry-After": str(int(WINDOW_S) + 1)})
    clock.now = WINDOW_S
    found.attempt("10.9.9.9")
    assert len(found._tries) == 1


def test_attempts_at_once_are_counted_before_they_are_looked_at() -> None:
    """Whoever sends the eleventh while ten are still looked up waits."""
    found = Brake(Hand())
    for _ in range(MOST_OF_ADDRESS):
        found.attempt("10.0.0.1")
    with pytest.raises(HTTPException):
        found.attempt("10.0.0.1")
    found.ended("10.0.0.1", right=True)
    found.attempt("10.0.0.1")


@pytest.mark.parametrize(
    ("address", "stands_for"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
    ],
)
def test_a_subscriber_is_one_client(address: str, stands_for: str) -> None:
    """The 2^64 addresses of an IPv6 network are not 2^64 clients."""
    assert client(address) == stands_for


@pytest.mark.parametrize("path", ["/login", "/logout"])
@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True),
        ({"Origin": "http://jieyue.test"}, True),
        ({"Origin": "https://jieyue.test"}, True),  # a proxy ends TLS
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://gate.example"}, True),  # the browser knows better than a proxy's Host
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "http://jieyue.test.evil.example"}, False),
        ({"Origin": "http://jieyue.test:8081"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://jieyue.test"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
    ],
)
async def test_another_site_sends_no_form(path: str, headers: dict[str, str], ours: bool, served: Served) -> None:  # noqa: FBT001 (a table)
    """A form of another site is 403 and starts or ends nothing; our own pages and programs are heard."""
    sent = headers | (served.bearer(Role.VIEWER) if path == "/logout" else {})
    answer = await served.http.post(path, data={"token": served.tokens[Role.VIEWER]}, headers=sent)
    assert answer.status_code == (303 if ours else 403)
    assert ("set-cookie" in answer.headers) is ours
    assert ours or answer.headers["content-type"] == PROBLEM


async def test_a_wall_logs_out(served: Served) -> None:
    """Its page has the form, which ends the session and the cookie; afterwards the wall is closed."""
    await served.http.get("/wall", params={"token": served.tokens[Role.WALL]})
    assert '<form method="post" action="/logout">' in (await served.http.get("/wall")).text
    answer = await served.http.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert 'jieyue_session=""' in answer.headers["set-cookie"]
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert (await served.http.get("/wall")).status_code == 401


@asynccontextmanager
async def trusting(context: Context, proxies: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that trusts some proxies."""
    server = listening(create_app(context), access_log=False, server_header=False, forwarded_allow_ips=proxies)
    async with server as (_, port), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        yield http


@pytest.mark.parametrize(("trusted", "secure"), [("127.0.0.1,::1", True), ("127.0.0.0/8", True), ("10.0.0.0/8", False), ("", False)])
async def test_only_a_trusted_proxy_says_that_there_was_tls(context: Context, trusted: str, secure: bool) -> None:  # noqa: FBT001 (a table)
    """Behind it the cookie is `Secure` and the brake sees the client's address; what others say of both is not believed."""
    text = tokens.issue(context.engine, "x", Role.VIEWER, by="test", at=1)
    own = replace(context, logins=Brake())
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
    async with trusting(own, Settings(trusted_proxies=trusted).trusted_proxies) as http:
        answer = await http.post("/login", data={"token": text}, headers=forwarded)
        await http.post("/login", data={"token": "jy_wrong"}, headers=forwarded)
    assert ("Secure" in answer.headers["set-cookie"].split("; ")) is secure
    assert "server" not in answer.headers
    assert +own.logins._tries == {"192.0.2.7" if secure else "127.0.0.1": 1}


@pytest.mark.parametrize("wrong", ["*", "proxy", "10.0.0.0/33", "10.0.0.1 10.0.0.2"])
def test_everybody_is_no_proxy(wrong: str) -> None:
    """A setting that believes everybody, or names no address, ends the start."""
    with pytest.raises(ValueError, match="expected addresses or networks"):
        Settings(trusted_proxies=wrong)
