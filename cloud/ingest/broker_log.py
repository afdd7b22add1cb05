"""What mosquitto says in its log about clients that it refused, and about users whose password several clients use.

The texts are those of mosquitto 2.0 and 2.1 (src/handle_connect.c, src/loop.c, src/net.c there). Everything in a line that is not
mosquitto's own comes from strangers: a line is taken as a whole, so that no client id can pass for another line.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

from cloud.texts import printable

_LONGEST = 64
"""Signs of a name that are kept."""
_MOST_OPEN, _OPEN_FOR = 1000, 60.0
"""Connections that have not said yet who they are: how many are remembered, and for how many seconds."""
_MOST_USERS = 1000
_AGAIN, _WITHIN = 3, 600.0
"""So many take-overs in so many seconds are two clients; one is a client that comes back before the broker missed it."""
_MOST_NAMED = 3
"""Addresses that are named where one of them was refused."""
UNKNOWN = ""
"""In the place of an address that mosquitto does not tell."""


class Reason(StrEnum):
    """Why a client was refused."""

    NOT_AUTHORISED = "not_authorised"
    CERTIFICATE = "certificate"
    PROTOCOL = "protocol"
    FULL = "full"
    CONTESTED = "contested"
    """Nobody was refused: clients with one user throw each other off again and again."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something that mosquitto tells.

    Attributes:
        reason: Why.
        who: The address that was refused, several where it may be one of them; for `CONTESTED` the user.
        detail: The client id that was refused, as far as it is told; for `CONTESTED` the newest address.
    """

    reason: Reason
    who: str
    detail: str = ""


_TIME = r"(?:[0-9T:+. -]{1,40}: )?"
_HOST, _PORT = r"(?P<address>[^\s\]]{1,64})", r"(?P<port>[0-9]{1,9})"
# Nothing repeats without a bound, and what a stranger chooses the length of is found from its ends, so a line costs what it is long.
_NEW = re.compile(_TIME + rf"New connection from {_HOST}:{_PORT} on port [0-9]{{1,9}}\.")
_ENTERED = re.compile(_TIME + rf"New client connected from {_HOST}:{_PORT} as ")
_HOW = re.compile(r" \(p[0-9]{1,9}, c[0-9], k[0-9]{1,9}")
"""How a client entered, behind its id; its user follows, which is its own to choose."""
_NO_TLS = re.compile(_TIME + rf"Client connection from {_HOST} failed: ")
_NO_CERTIFICATE = re.compile(_TIME + r"OpenSSL Error\[[0-9]{1,9}\]: ")
_NO_ROOM = re.compile(_TIME + rf"Client connection from {_HOST} denied: max_connections exceeded\.")
_CLIENT = re.compile(_TIME + "Client ")
_AT = re.compile(rf" \[{_HOST}:{_PORT}\]")
_End = Literal["taken", "left", "no entry", "no entry there", "no MQTT"]
_NO_MQTT = [
    f"{why} {what}." for why in (" due to", ":") for what in ("protocol error", "Protocol error", "malformed packet", "Malformed packet")
]
_ENDS: dict[str, _End] = {
    " already connected, closing old connection.": "taken",
    " closed its connection.": "left",
    " has exceeded timeout, disconnecting.": "left",
    # of 2.0, which tells no address: what looks like one is part of the client's id; and of 2.1
    " disconnected, not authorised.": "no entry",
    " disconnected: not authorised.": "no entry there",
    **dict.fromkeys((f" disconnected{why}" for why in _NO_MQTT), "no MQTT"),
}
"""What stands behind a client's id and, in some, its address."""
_NOBODY = "<unknown>"


class _Client(NamedTuple):
    """A line about a client: its id, its address if it is told, and what happened to it."""

    id: str
    address: str | None
    end: _End


def _client(line: str) -> _Client | None:
    """What a line says of a client; None where it is another line, whatever an id in it says."""
    begin = _CLIENT.match(line)
    text = next((text for text in _ENDS if line.endswith(text)), "") if begin else ""
    if begin is None or not text or begin.end() > len(line) - len(text):
        return None
    name, end = line[begin.end() : -len(text)], _ENDS[text]
    last = name.rfind(" ")
    at = _AT.fullmatch(name, last) if last >= 0 and end != "no entry" else None
    if at is not None:
        return _Client(name[:last], at["address"], end)
    return None if end == "no entry there" else _Client(name, None, end)


def _entered_as(text: str) -> str | None:
    """The id in `ID (p2, c1, k60, u'USER').`; None if the text is not of that form. The last place that fits is where the id ends."""
    place = len(text)
    while (place := text.rfind(" (p", 0, place)) >= 0:
        if found := _HOW.match(text, place):
            end = found.end()
            user = text.startswith(", u'", end) and text.endswith("').") and end + len(", u'').") <= len(text)
            if user or (text.endswith(").") and end + len(").") == len(text)):
                return text[:place]
    return None


class BrokerLog:
    """Understands one line after the other; what it remembers is bounded, whatever comes."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, float] = OrderedDict()
        """`ADDRESS:PORT` of connections that have not said who they are, and when they came."""
        self._taken: OrderedDict[str, deque[float]] = OrderedDict()
        """When each user was taken over lately."""
        self._taking = self._tls = False

    def heard(self, line: str, now: float) -> Attempt | None:
        """What a line tells; None where nobody was refused. `now` in seconds of any clock that only goes forward."""
        if "\n" in line:
            return None
        if (client := _client(line)) is not None:
            return self._of_client(client, now)
        if found := _NEW.fullmatch(line):
            self._opened(f"{found['address']}:{found['port']}", now)
        elif found := _ENTERED.match(line):
            return self._entered(found, line, now)
        elif _NO_CERTIFICATE.match(line):
            self._tls = True  # the next line says that it is over
        elif (found := _NO_TLS.match(line)) and line.endswith("."):
            return self._refused(Reason.CERTIFICATE, found["address"], _NOBODY, now)
        elif found := _NO_ROOM.fullmatch(line):
            return self._refused(Reason.FULL, found["address"], _NOBODY, now)
        return None

    def _of_client(self, client: _Client, now: float) -> Attempt | None:
        if client.end == "taken":
            self._taking = True  # the next line says by whom
        elif client.end == "no MQTT":
            tls, self._tls = self._tls, False
            return self._refused(Reason.CERTIFICATE if tls else Reason.PROTOCOL, client.address, client.id, now)
        elif client.end != "left":
            return self._refused(Reason.NOT_AUTHORISED, client.address, client.id, now)
        elif client.id == _NOBODY:
            self._closed(client.address, now)
        return None

    def _entered(self, found: re.Match[str], line: str, now: float) -> Attempt | None:
        name = _entered_as(line[found.end() :])
        if name is None:
            return None
        self._open.pop(f"{found['address']}:{found['port']}", None)
        taking, self._taking = self._taking, False
        return self._contested(name, found["address"], now) if taking else None

    def _opened(self, connection: str, now: float) -> None:
        self._open[connection] = now
        while len(self._open) > _MOST_OPEN or now - next(iter(self._open.values())) > _OPEN_FOR:
            self._open.popitem(last=False)

    def _closed(self, address: str | None, now: float) -> str:
        """A connection that never said who it is is over; returns its address, several where it may be one of them."""
        waiting = [connection for connection, since in self._open.items() if now - since <= _OPEN_FOR]
        hosts = list(dict.fromkeys(connection.rpartition(":")[0] for connection in waiting))
        if not address and len(hosts) != 1:
            return ", ".join(hosts) if len(hosts) <= _MOST_NAMED else UNKNOWN
        host = address or hosts[0]
        ended = next((connection for connection in waiting if connection.rpartition(":")[0] == host), None)
        if ended is not None:
            del self._open[ended]
        return host

    def _refused(self, reason: Reason, address: str | None, client_id: str, now: float) -> Attempt:
        who = self._closed(address, now)
        return Attempt(reason, printable(who, 2 * _LONGEST), "" if client_id == _NOBODY else printable(client_id, _LONGEST))

    def _contested(self, user: str, address: str, now: float) -> Attempt | None:
        times = self._taken.setdefault(user, deque(maxlen=_AGAIN))
        self._taken.move_to_end(user)
        times.append(now)
        if len(self._taken) > _MOST_USERS:
            self._taken.popitem(last=False)
        if len(times) < _AGAIN or now - times[0] > _WITHIN:
            return None
        return Attempt(Reason.CONTESTED, printable(user, _LONGEST), printable(address, _LONGEST))
