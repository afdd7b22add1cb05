"""The TCP listener: connections, their limits, and the order of commit and answer."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import Counter

import structlog

from contract.jt808.frame import Splitter
from contract.jt808.phone import identity
from contract.site import Device
from edge.drivers.base import Line, Sparing, driver
from edge.drivers.jt808.codes import Codes
from edge.drivers.jt808.session import Known, Outcome, Session

log = structlog.get_logger()

SILENCE = 180.0
"""Seconds without a byte after which a link is dead: three heartbeats."""
OPENING = 60.0
"""Seconds a connection has to authenticate."""
ANSWER = 30.0
"""Seconds that answers may wait for a terminal that does not read them."""
SHORTEST = 5.0
"""Real seconds below which a sped-up clock must not press these limits."""
READ = 4096
"""Bytes taken at once; no more is read from a connection until these are committed and answered."""
RETRY = 5.0
"""Seconds until the port is tried again."""


@driver("jt808")
class Listener:
    """Terminals of one bus; each message is answered after its rows are committed, and not at all if they cannot be."""

    def __init__(self, line: Line) -> None:
        """Learn the allow-list from the site; nothing listens yet.

        Raises:
            OSError: The secret of the authentication codes can be neither read nor written.
        """
        self._line = line
        devices = {identity(d.phone): d for d in line.devices}
        self._known = Known(devices, Codes(line.folder), line.clock, Sparing(line.count))
        # A carrier's network shows many terminals as one address, and each may have an old connection that nobody closed.
        self.most_per_address = 2 * len(devices) + 16
        self._open: Counter[str] = Counter()
        self._writers: dict[str, asyncio.StreamWriter] = {}
        self.listening = asyncio.Event()
        self.port = 0

    async def run(self) -> None:
        """Listen until cancelled; a port that cannot be had is tried again."""
        bus = self._line.bus
        while True:
            async with asyncio.TaskGroup() as tasks:

                def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, group: asyncio.TaskGroup = tasks) -> None:
                    group.create_task(self._serve(reader, writer), name="jt808-terminal")

                try:
                    server = await asyncio.start_server(accept, bus.host, bus.port, limit=READ)
                except OSError as error:
                    self._known.report("listener", "port not to be had")
                    log.warning("cannot listen", bus=bus.id, host=bus.host, port=bus.port, reason=str(error))
                    await asyncio.sleep(RETRY)
                    continue
                self.port = server.sockets[0].getsockname()[1]
                log.info("listening", bus=bus.id, host=bus.host, port=self.port, terminals=len(self._known.devices))
                self.listening.set()
                try:
                    await asyncio.get_running_loop().create_future()
                finally:
                    # Not serve_forever, which from Python 3.12 on waits for connections that this group ends only afterwards.
                    server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its first byte to its last."""
        peer = str((writer.get_extra_info("peername") or ("unknown",))[0])
        self._open[peer] += 1
        ended = False
        try:
            if self._open[peer] > self.most_per_address:
                self._known.report(peer, "too many connections")
            else:
                await self._talk(reader, writer, Session(self._known, peer))
                ended = True
        except (OSError, TimeoutError) as error:
            log.info("terminal gone", peer=peer, reason=str(error) or "silent")
        except Exception:  # the outermost loop of this task: one terminal must not end the others
            self._known.report(peer, "fault of the listener")
            log.exception("connection given up", peer=peer)
        finally:
            self._open[peer] -= 1
            for name in [name for name, each in self._writers.items() if each is writer]:
                del self._writers[name]
            (writer.close if ended else writer.transport.abort)()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: Session) -> None:
        splitter = Splitter()
        opened = asyncio.get_running_loop().time()
        while True:
            left = self._real(SILENCE)
            if session.device is None:
                left = opened + self._real(OPENING) - asyncio.get_running_loop().time()
            async with asyncio.timeout(left):
                data = await reader.read(READ)
            if not data:
                return
            before = session.device
            outcomes = [session.take(found) for found in splitter.feed(data)]
            if session.device is not before:
                self._replace(session.device, writer)
            for answer in await self._committed(outcomes):
                writer.write(answer)
            async with asyncio.timeout(self._real(ANSWER)):
                await writer.drain()

    def _real(self, seconds: float) -> float:
        return max(self._line.clock.real_seconds(seconds), SHORTEST)

    def _replace(self, device: Device | None, writer: asyncio.StreamWriter) -> None:
        """A terminal that calls again has lost its old link, whatever that looks like from here."""
        if device is None:
            return
        old = self._writers.get(device.id)
        self._writers[device.id] = writer
        if old is not None and old is not writer:
            log.info("terminal called again", device=device.id)
            old.transport.abort()

    async def _committed(self, outcomes: list[Outcome]) -> list[bytes]:
        """The answers that may be given: all, or only those that promise nothing when the disk refused."""
        rows = [row for outcome in outcomes for row in outcome.rows]
        stored = True
        if rows:
            stored = False
            with contextlib.suppress(sqlite3.Error):
                await self._line.commit(rows)
                stored = True
        if not stored:
            self._known.report("outbox", "refused the rows")
        return [answer for outcome in outcomes if stored or not outcome.rows for answer in outcome.answers]
