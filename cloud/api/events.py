"""What event streams say: the newest readings and the alerts, or what the wall shows, as they change."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request
from pydantic import TypeAdapter

from cloud.accounts import tokens
from cloud.alerts import service
from cloud.api import alerts
from cloud.api.context import Context
from cloud.api.latest import latest_told, shape
from cloud.api.schemas import Alert, Latest
from cloud.api.streams import Places, Reader
from cloud.api.wall.changes import State, changes
from cloud.api.wall.snapshot import Wall, Walls
from cloud.devices.model import Told

PERIOD = 1.0
"""Seconds between two looks at readings and alerts."""
SHOWN = 40
"""Alerts of a stream, the worst first; the counts say how many there are, `/api/v1/alerts` gives them all in pages."""
_OVERLAP = 10.0
"""Seconds for which what was received is looked for again: a transaction may become visible after a later one."""
ALL_EVERY = 60.0
"""Seconds between two looks at all there is: times of receipt are corrected when the cloud's time moves, and may go on from before."""
_LIST = TypeAdapter(list[Latest])
_ALERTS = TypeAdapter(list[Alert])


def event(name: str, data: bytes, number: int | None = None) -> bytes:
    """One event; its number comes back as `lastEventId`."""
    line = b"" if number is None else b"id: %d\n" % number
    return line + b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"


class AlertFeed:
    """`alerts`, the worst first, and `alert_counts`; then `alert_changes`: what is new or another among them, and their order.

    A change names the number of the state that it goes on from; a page that has another asks for the whole.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._version = -1
        self._shown: dict[str, Alert] = {}
        self._counts: dict[str, int] = {}

    def look(self) -> bytes:
        """What changed since the last look."""
        version = service.version(self._context.engine)
        if version == self._version:
            return b""
        before, shown, counts = self._version, self._shown, self._counts
        found, counted = alerts.worst(self._context, SHOWN), alerts.counts(self._context)  # both, before anything is taken for told
        self._shown, self._counts, self._version = {alert.id: alert for alert in found}, counted, version
        changed = [alert for alert in self._shown.values() if shown.get(alert.id) != alert]
        said: dict[str, Any] = {"version": version, "before": before, "alerts": _ALERTS.dump_python(changed)}
        if list(shown) != list(self._shown):
            said["order"] = list(self._shown)
        told = event("alert_changes", orjson.dumps(said), version)
        return told if counts == self._counts else told + self._counted()

    def whole(self) -> bytes:
        """All that is shown."""
        return event("alerts", _ALERTS.dump_json(list(self._shown.values())), self._version) + self._counted()

    def _counted(self) -> bytes:
        return event("alert_counts", orjson.dumps(self._counts))


class Readings:
    """All newest readings first, then those that changed; beside them the alerts."""

    def __init__(self, context: Context) -> None:
        self._context, self._alerts = context, AlertFeed(context)
        self._newest: dict[tuple[str, str], Told] = {}
        self._received: deque[tuple[float, int]] = deque()
        self._since: int | None = None
        self._all_at = float("-inf")
        self._whole = b""

    def look(self) -> bytes:
        """What changed since the last look."""
        now = time.monotonic()
        every = self._since is None or now - self._all_at >= ALL_EVERY
        found = latest_told(self._context, received_from=None if every else self._since)
        told = self._alerts.look()  # whatever fails, fails before anything is taken for told
        changed = [row for row in found if self._newest.get((row.device, row.point)) != row]
        self._newest.update({(row.device, row.point): row for row in changed})
        self._seen(changed, now, every=every)
        if not changed:
            return told
        self._whole = b""
        return self._written(changed) + told

    def _seen(self, changed: Sequence[Told], now: float, *, every: bool) -> None:
        """What was received before the newest change of a look that is long enough ago need not be looked for again.

        Args:
            changed: In a look; what did not change may be dated ahead of now.
            now: When it began, seconds of a clock that never jumps.
            every: Whether it was at all there is: what changed says then from when on to look.
        """
        newest = max((row.received_at for row in changed), default=0)
        if every:
            self._all_at = now
        if every and changed:
            self._received.clear()
            self._since = newest - round(_OVERLAP * 1000)
        if self._since is None:
            return
        self._received.append((now, newest))
        while self._received[0][0] <= now - _OVERLAP:
            self._since = max(self._since, self._received.popleft()[1] + 1)

    def whole(self) -> bytes:
        """All newest readings, written once for however many ask before the next change, and the alerts."""
        if not self._whole:
            self._whole = self._written(list(self._newest.values()))
        return self._whole + self._alerts.whole()

    def _written(self, rows: Sequence[Told]) -> bytes:
        return event("readings", _LIST.dump_json([shape(row) for row in rows]))


class Watching:
    """`snapshot` with all that the wall shows, then `change` with the sections, and of lists the things, that changed.

    A `snapshot` comes again when things were added or taken away.
    """

    def __init__(self, wall: Wall) -> None:
        self._wall = wall
        self._state: State | None = None

    def look(self) -> bytes:
        """What changed since the last look."""
        before, self._state = self._state, self._wall.snapshot().model_dump()
        changed = None if before is None else changes(before, self._state)
        return self.whole() if changed is None else event("change", orjson.dumps(changed))

    def whole(self) -> bytes:
        """The snapshot of the last look."""
        return event("snapshot", orjson.dumps(self._state))


class Topics:
    """The readers of an application, for each district, and the places of their streams."""

    def __init__(self, context: Context, walls: Walls, period: float = PERIOD) -> None:
        """Nothing is read yet."""
        self.places = Places(context.streams)
        self._walls, self._period = walls, period
        self._valid = partial(tokens.holding, context.engine)
        self._readings: dict[str, Reader] = {}
        self._watching: dict[str, Reader] = {}

    def readings(self, here: Context) -> Reader:
        """Of the readings of a district."""
        if here.group not in self._readings:
            self._readings[here.group] = Reader(lambda: Readings(here), self._period, self._valid)
        return self._readings[here.group]

    def wall(self, here: Context) -> Reader:
        """Of its wall."""
        if here.group not in self._watching:
            wall = self._walls.of(here)
            self._watching[here.group] = Reader(lambda: Watching(wall), wall.period, self._valid)
        return self._watching[here.group]


def _of(request: Request) -> Topics:
    """Made when they are asked for first, by the one loop that answers."""
    state = request.app.state
    if not hasattr(state, "topics"):
        state.topics = Topics(state.context, state.walls)
    topics: Topics = state.topics
    return topics


TheTopics = Annotated[Topics, Depends(_of)]
"""A route's parameter that holds the application's topics."""
