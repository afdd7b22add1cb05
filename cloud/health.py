"""Whether the stores can be asked and written, kept as a state: whoever wants to know is answered at once, whatever hangs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from cloud.platform import database, rights
from cloud.telemetry.base import StoreDown, Telemetry
from contract.clock import Clock

log = structlog.get_logger()
LOOK_EVERY = 1.0
"""Seconds between two looks at what is known of the stores."""
FRESH = 3.0
"""Seconds for which an outcome stands, of ingest's own write as well, before a store is tried again."""
PATIENCE = 5.0
"""Seconds that a write may take before the store counts as one that cannot be written."""
SILENT = 1.0
"""Seconds after which a store that was asked counts as one that does not answer, for whoever waits for it."""
STUCK = 15.0
"""Seconds that one batch of ingest may wait to be stored; before, a store may just be busy."""
_NO_RIGHT = "InsufficientPrivilege"
"""In what the database says where a right is missing, whatever its language."""


class Trial:
    """A question to a store, asked in a thread of its own and never twice at once: a store that hangs holds one thread and no more."""

    def __init__(self, name: str, question: Callable[[], None], ended: Callable[[], None]) -> None:
        """`question` returns, or raises what is wrong; `ended` is called after each outcome of it."""
        self._name, self._question, self._told = name, question, ended
        self._began: float | None = None
        self._ended: asyncio.Event | None = None
        self.fault = ""
        """Why the last one failed; empty if it did not."""
        self.worked_at: float | None = None
        """When one worked last, by the monotonic clock."""

    def begin(self) -> None:
        """Ask, unless it is still being asked; called from the event loop."""
        if self._began is not None:
            return
        self._began, self._ended = time.monotonic(), asyncio.Event()
        loop = asyncio.get_running_loop()
        try:
            threading.Thread(target=self._ask, args=(loop,), name=self._name, daemon=True).start()
        except RuntimeError as error:  # no thread is to be had
            self._end(first_line(error))

    def _ask(self, loop: asyncio.AbstractEventLoop) -> None:
        fault = ""
        try:
            self._question()
        except Exception as error:  # noqa: BLE001 (the outermost of this thread: whatever a store raises, the trial has ended)
            fault = first_line(error) or type(error).__name__
        with contextlib.suppress(RuntimeError):  # the program ended meanwhile
            loop.call_soon_threadsafe(self._end, fault)

    def _end(self, fault: str) -> None:
        self._began = None
        if self._ended is not None:
            self._ended.set()
        self.note(fault)
        self._told()

    def note(self, fault: str = "") -> None:
        """Take an outcome for one of its own: somebody did what it asks."""
        self.fault = fault
        if not fault:
            self.worked_at = time.monotonic()

    def fresh(self) -> bool:
        """Whether it worked so lately that there is nothing to ask."""
        return not self.fault and self.worked_at is not None and time.monotonic() - self.worked_at < FRESH

    def wrong(self, patience: float) -> str:
        """What is wrong: the last fault, or that there is no answer within `patience` seconds; empty if nothing is."""
        if self._began is not None and time.monotonic() - self._began > patience:
            return "it does not answer"
        return self.fault

    async def worked(self, within: float) -> bool:
        """Ask now; whether it worked within so many seconds."""
        asked = time.monotonic()
        self.begin()
        ended = self._ended
        if ended is None:
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await ended.wait()
        return self.worked_at is not None and self.worked_at >= asked


@dataclass(frozen=True, slots=True)
class Store:
    """What is known of one store.

    Attributes:
        name: As `/healthz` says it.
        answers: Whether it can be read.
        writes: Whether it can be written.
    """

    name: str
    answers: Trial
    writes: Trial


class Health:
    """Watches the stores of one process; tries a store when nobody wrote to it lately."""

    def __init__(self, engine: sa.Engine, telemetry: Telemetry, clock: Clock) -> None:
        self._breaker, own = telemetry.breaker, database.open_database(engine.url, pooled=False)
        self.telemetry = Store(
            "telemetry",
            Trial("telemetry-ask", telemetry.ping, self._judge),
            Trial("telemetry-write", lambda: telemetry.try_write(clock.now_ms()), self._judge),
        )
        self.database = Store(
            "database",
            Trial("database-ask", lambda: database.ask(own), self._judge),
            Trial("database-write", lambda: database.try_write(own, clock.now_ms()), self._judge),
        )
        self._rights = Trial("database-rights", lambda: rights.check(own), self._judge)
        self._storing_since: float | None = None
        self._refusal = ("", "")
        """Who did not take the batch that waits, and why."""
        self.stored()
        self._said = "", ""
        """What was logged last: what keeps the service from storing, and which rights are missing."""

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self._look()
            await asyncio.sleep(LOOK_EVERY)

    def _look(self) -> None:
        for store in (self.telemetry, self.database):
            if not store.writes.fresh() or self._refusal[0] == store.name:
                store.writes.begin()
            if store.writes.wrong(SILENT) or store.answers.wrong(SILENT):
                store.answers.begin()
        if self._forbidden():
            self._rights.begin()
        self._judge()

    def _judge(self) -> None:
        """Open or close the breaker; log what became wrong, and that it is well again, once each."""
        self._breaker.open = self.telemetry.answers.wrong(SILENT)
        wrong = self.down() or "", self.missing()
        if wrong != self._said:
            (what, _), (before, _) = wrong, self._said
            if what and what != "starting":
                log.warning("nothing is stored", what=what, reason=self._reason(what))
            elif before and before != "starting":
                log.info("stored again", what=before)
            self._said = wrong

    def _reason(self, name: str) -> str:
        found = {store.name: store.writes.wrong(PATIENCE) for store in (self.telemetry, self.database)}
        return self.missing() or found.get(name) or self._refusal[1]

    def _forbidden(self) -> bool:
        """Whether the database refused for want of a right what ingest or a trial wrote last."""
        return any(_NO_RIGHT in fault for fault in (self.database.writes.fault, self._refusal[1]))

    def missing(self) -> str:
        """Which rights are missing in the database, where that keeps the service from storing; empty if none is, or nobody knows yet."""
        return self._rights.fault if self._forbidden() else ""

    def down(self) -> str | None:
        """What keeps the service from storing: `telemetry`, `database`, `ingest`, or `starting` before all was tried; None if nothing."""
        for store in (self.telemetry, self.database):
            if store.writes.wrong(PATIENCE):
                return store.name
            if store.writes.worked_at is None:
                return "starting"
        waits = self._storing_since is not None and (time.monotonic() - self._storing_since > STUCK or self.missing())
        if waits:
            return self._refusal[0]
        return None

    def silent(self) -> str | None:
        """The store without which no request can be answered, if it is known not to answer; it is asked again every second."""
        return self.database.name if self.database.answers.wrong(SILENT) else None

    async def silent_now(self, within: float, *, telemetry: bool) -> str | None:
        """Ask the database now, and the time-series store if it is wanted; the name of one without an answer within so many seconds."""
        stores = (self.database, self.telemetry) if telemetry else (self.database,)
        answers = await asyncio.gather(*(store.answers.worked(within) for store in stores))
        return next((store.name for store, worked in zip(stores, answers, strict=True) if not worked), None)

    def storing(self) -> None:
        """Ingest begins to store a batch, or tries again to: it waits since the first time."""
        if self._storing_since is None:
            self._storing_since = time.monotonic()

    def refused(self, error: Exception) -> None:
        """A store did not take the batch; ingest tries again."""
        store = self.telemetry if isinstance(error, StoreDown) else self.database
        self._refusal = store.name, first_line(error)

    def stored(self, *stores: Store) -> None:
        """Ingest has done with its batch; these stores were written, so that they need no trial."""
        self._storing_since, self._refusal = None, ("ingest", f"a batch waits for more than {STUCK:.0f} s")
        for store in stores:
            store.writes.note()


def first_line(error: Exception) -> str:
    """What an error says, without the statement and the parameters that some add."""
    return (str(error).splitlines() or [type(error).__name__])[0]
