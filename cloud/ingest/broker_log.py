"""What mosquitto says in its log about clients that it refused, and about users whose password several clients use.

The texts are those of mosquitto 2.0 and 2.1 (src/handle_connect.c, src/loop.c, src/net.c there). Everything in a line that is not
mosquitto's own comes from strangers: a line is taken as a whole, so that no client id can pass for another line.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import StrEnum

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
_AT = r"(?: \[(?P<address>\S+):\d+\])?"
_NEW = re.compile(_TIME + r"New connection from (?P<address>\S+):(?P<port>\d+) on port \d+\.")
_ENTERED = re.compile(_TIME + r"New client connected from (?P<address>\S+):(?P<port>\d+) as (?P<id>.*) \(p\d+, c\d, k\d+(?:, u'.*')?\)\.")
_TAKEN = re.compile(_TIME + rf"Client (?P<id>.*?){_AT} already connected, closing old connection\.")
_LEFT = re.compile(_TIME + rf"Client (?P<id>.*?){_AT} (?:closed its connection\.|has exceeded timeout, disconnecting\.)")
# of 2.0, which tells no address: what looks like one is part of the client's id; and of 2.1
_NO_ENTRY = re.compile(_TIME + r"Client (?P<id>.*)(?P<address>) disconnected, not authorised\.")
_NO_ENTRY_THERE = re.compile(_TIME + r"Client (?P<id>.*) \[(?P<address>\S+):\d+\] disconnected: not authorised\.")
_NO_MQTT = re.compile(_TIME + rf"Client (?P<id>.*?){_AT} disconnected(?: due to|:) (?:[Pp]rotocol error|[Mm]alformed packet)\.")
_NO_TLS = re.compile(_TIME + r"Client connection from (?P<address>\S+) failed: .*\.")
_NO_CERTIFICATE = re.compile(_TIME + r"OpenSSL Error\[\d+\]: .*")
_NO_ROOM = re.compile(_TIME + r"Client connection from (?P<address>\S+) denied: max_connections exceeded\.")
_NOBODY = "<unknown>"


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
        if found := _NEW.fullmatch(line):
            self._opened(f"{found['address']}:{found['port']}", now)
        elif found := _ENTERED.fullmatch(line):
            self._open.pop(f"{found['address']}:{found['port']}", None)
            taking, self._taking = self._taking, False
            return self._contested(found["id"], found["address"], now) if taking else None
        elif _TAKEN.fullmatch(line):
            self._taking = True  # the next line says by whom
        elif _NO_CERTIFICATE.fullmatch(line):
            self._tls = True  # the next line says that it is over
        elif found := _NO_TLS.fullmatch(line):
            return self._refused(Reason.CERTIFICATE, found["address"], _NOBODY, now)
        elif found := _NO_ROOM.fullmatch(line):
            return self._refused(Reason.FULL, found["address"], _NOBODY, now)
        elif found := _NO_ENTRY.fullmatch(line) or _NO_ENTRY_THERE.fullmatch(line):
            return self._refused(Reason.NOT_AUTHORISED, found["address"], found["id"], now)
        elif found := _NO_MQTT.fullmatch(line):
            tls, self._tls = self._tls, False
            return self._refused(Reason.CERTIFICATE if tls else Reason.PROTOCOL, found["address"], found["id"], now)
        elif (found := _LEFT.fullmatch(line)) and found["id"] == _NOBODY:
            self._closed(found["address"], now)
        return None

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
