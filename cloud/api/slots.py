"""How many large questions are worked on at once, so that whoever asks many leaves room for ingest and for others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated

import prometheus_client
from fastapi import Depends, Request

from cloud.api.auth import who
from cloud.api.problems import ProblemError
from contract.coded import Message

MOST = 8
"""Series, consumption and targets that are worked on at once."""
MOST_OF_CALLER = 4
"""By one token."""
WAIT = 5.0
"""Seconds that a question may wait for its turn."""
REFUSED = prometheus_client.Counter(
    "jieyue_http_questions_refused", "Large questions that found no room, by status of the answer.", ["status"]
)


class Slots:
    """Room for so many questions at once; one that finds none waits for a while."""

    def __init__(self, most: int = MOST, most_of_caller: int = MOST_OF_CALLER, wait: float = WAIT) -> None:
        self._most, self._most_of_caller, self._wait = most, most_of_caller, wait
        self._asked: Counter[int] = Counter()
        self._given_back = asyncio.Condition()

    @asynccontextmanager
    async def taken(self, caller: int) -> AsyncIterator[None]:
        """Hold room for a question of the token with this id.

        Raises:
            HTTPException: There was no room in time: 429 for the caller, 503 for anybody.
        """
        async with self._given_back:
            try:
                async with asyncio.timeout(self._wait):
                    await self._given_back.wait_for(lambda: not self._full(caller))
            except TimeoutError:
                refusal = self._full(caller) or _busy()
                REFUSED.labels(str(refusal.status_code)).inc()
                raise refusal from None
            self._asked[caller] += 1
        try:
            yield
        finally:
            self._asked[caller] -= 1
            self._asked += Counter()  # forget who asks nothing
            async with self._given_back:
                self._given_back.notify_all()

    def _full(self, caller: int) -> ProblemError | None:
        if self._asked[caller] >= self._most_of_caller:
            return _refused(HTTPStatus.TOO_MANY_REQUESTS, Message("problem.questions_of_caller", most=self._most_of_caller))
        return _busy() if self._asked.total() >= self._most else None


def _busy() -> ProblemError:
    return _refused(HTTPStatus.SERVICE_UNAVAILABLE, Message("problem.questions"))


def _refused(status: HTTPStatus, message: Message) -> ProblemError:
    return ProblemError(status, message, headers={"Retry-After": "5"})


async def _large(request: Request) -> AsyncIterator[None]:
    slots: Slots = request.app.state.slots
    async with slots.taken(who(request).id):
        yield


Large = Annotated[None, Depends(_large)]
"""A route's parameter that holds room for a large question until it is answered."""
