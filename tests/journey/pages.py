"""Pages in a real browser: opened, waited for and looked over."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
AUDIT = Path(__file__).with_name("audit.js").read_text(encoding="utf-8")
AT_ANOTHER_HOUR = f"""([said, least]) => {{
  for (const text of document.querySelectorAll(".group .when > span:last-child")) text.textContent = said;
  return ({AUDIT})(least);
}}"""
"""The audit of what the elevators say at other times of the day."""
LEAST = 20
"""Px of the smallest text on a wall."""
SIZES = [(1920, 1080), (2000, 1000)]
GIVEN_UP = "net::ERR_ABORTED"
"""What a browser says of a stream that was open when its page was loaded anew."""


@contextmanager
def opened(
    browser: Browser,
    address: str,
    size: tuple[int, int] = SIZES[0],
    faults: list[str] | None = None,
    snapshot: dict[str, Any] | None = None,
) -> Iterator[Page]:
    """A page in a browser window of its own; all that goes wrong in it is added to the faults; a snapshot is all that it is told."""
    found = [] if faults is None else faults
    with browser.new_context(viewport={"width": size[0], "height": size[1]}) as window:
        page = window.new_page()
        page.on(
            "console", lambda message: found.append(f"{message.type}: {message.text}") if message.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda error: found.append(f"page: {error}"))
        page.on("requestfailed", lambda request: found.append(f"request: {request.url}") if request.failure != GIVEN_UP else None)
        page.on(
            "response", lambda answer: found.append(f"{answer.status}: {answer.url}") if answer.status >= HTTPStatus.BAD_REQUEST else None
        )
        if snapshot is not None:
            told = f"event: snapshot\ndata: {json.dumps(snapshot)}\n\n"
            page.route("**/api/v1/events*", lambda route: route.fulfill(content_type="text/event-stream", body=told))
        page.goto(address, wait_until="commit")
        yield page


def until(page: Page, condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for something in a page; the browser's own way to wait evaluates text, which the page's policy forbids."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s"
        page.wait_for_timeout(50)


def drawn(page: Page, times: int = 1) -> None:
    """Wait until the wall was drawn so often; an open stream never idles."""
    until(page, lambda: int(page.get_attribute("#stage", "data-draws") or 0) >= times)


def at(port: int, token: str, lang: str = "zh") -> str:
    return f"http://127.0.0.1:{port}/wall?token={token}&lang={lang}"
