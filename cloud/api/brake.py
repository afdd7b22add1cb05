"""A brake on logins: whoever guesses tokens waits, one address soon, all together later.

A login is what comes by the form or by the wall's address. A wrong token in a header or in a session's cookie is no login: it is 401 each
time, and does not count here, so that a session that ended keeps nobody behind its address from logging in.
"""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus

import prometheus_client

from cloud.api.problems import ProblemError
from contract.coded import Message

LOGINS = prometheus_client.Counter("jieyue_logins", "Attempts to log in, by how they ended.", ["result"])
MOST_OF_ADDRESS, MOST = 10, 200
"""Wrong tokens within a window: of one address, and of all together."""
WINDOW_S = 60.0
_IPV6_NETWORK = 64
"""Bits that one subscriber's addresses have in common (RFC 6177): more of them are no more clients."""


class Brake:
    """Counts attempts within a window; one that turns out to be right is not counted.

    The limit for all also bounds how many addresses are remembered.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._since = clock, clock()
        self._tries: Counter[str] = Counter()

    def attempt(self, address: str) -> None:
        """Count an attempt before it is looked at, so that many at once are not too many.

        Raises:
            HTTPException: 429, there were too many.
        """
        now = self._clock()
        if now - self._since >= WINDOW_S:
            self._since = now
            self._tries.clear()
        if self._tries[client(address)] >= MOST_OF_ADDRESS or self._tries.total() >= MOST:
            LOGINS.labels("braked").inc()
            seconds = int(self._since + WINDOW_S - now) + 1
            said = Message("problem.wrong_tokens", seconds=seconds)
            raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, said, {"Retry-After": str(seconds)})
        self._tries[client(address)] += 1

    def ended(self, address: str, *, right: bool) -> None:
        """Say how an attempt ended."""
        LOGINS.labels("right" if right else "wrong").inc()
        if right and self._tries[client(address)]:
            self._tries[client(address)] -= 1


def client(address: str) -> str:
    """Whom an address stands for: itself, or the network of an IPv6 address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    return str(found.ipv4_mapped or ipaddress.ip_network((found, _IPV6_NETWORK), strict=False))
