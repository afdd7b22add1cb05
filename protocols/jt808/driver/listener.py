"""The TCP listener: connections, their limits, and the order of commit and answer."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence

import structlog

from protocols.base import BusContext, NoAnswerError, RateLimiter
from protocols.jt808.codec.frame import Splitter
from protocols.jt808.codec.reassembly import Incomplete, Reassembler
from protocols.jt808.driver import commands
from protocols.jt808.driver.codes import Codes
from protocols.jt808.driver.connections import Connection, Connections
from protocols.jt808.driver.session import Known, Outcome, Session, ticks
from protocols.jt808.model import Bus, Device
from protocols.jt808.model.phone import identity

log = structlog.get_logger()

ANSWER = 30.0
"""Seconds that answers may wait for a terminal that does not read them."""
SHORTEST = 5.0
"""Real seconds below which a sped-up clock must not press the limits."""
SHORTEST_ANSWER = 0.5
"""Real seconds that a terminal has for the answer to a command, however fast the clock runs."""
READ = 4096
"""Bytes taken at once; no more is read from a connection until these are committed and answered."""
RETRY = 5.0
"""Seconds until the port is tried again."""
TIDY_EVERY = 1.0
"""Seconds between two looks at the long messages that wait for packages."""


class Listener:
    """Terminals of one bus; each message is answered after its rows are committed, and not at all if they cannot be."""

    def __init__(self, line: BusContext[Bus, Device]) -> None:
        """Learn the allow-list from the site; nothing listens yet."""
        self._line = line
        self._limits = limits = line.bus.terminals
        devices = {identity(d.phone): d for d in line.devices}
        each = min(limits.long_message_bytes_per_terminal, limits.long_message_bytes)
        long = Reassembler(int(limits.long_message_seconds * 1000), limits.long_message_bytes, each, self._abandoned)
        self._known = Known(devices, Codes(line.folder), line.clock, RateLimiter(line.count), long)
        self.connections = Connections(limits, len(devices))
        self._links: dict[str, Connection] = {}
        """The newest connection of each vehicle."""
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
                except (OSError, UnicodeError) as error:
                    self._known.report("listener", "port not to be had")
                    log.warning("cannot listen", bus=bus.id, host=bus.host, port=bus.port, reason=str(error))
                    await asyncio.sleep(RETRY)
                    continue
                self.port = server.sockets[0].getsockname()[1]
                log.info("listening", bus=bus.id, host=bus.host, port=self.port, terminals=len(self._known.devices))
                self.listening.set()
                try:
                    await self._expire()
                finally:
                    # Not serve_forever, which from Python 3.12 on waits for connections that this group ends only afterwards.
                    server.close()

    async def write(self, device: Device, point: str, value: float) -> float:
        """Set a parameter of a terminal, and return what it says afterwards.

        Raises:
            DriverError: It is not connected, refuses, or does not answer; the message says whether it was written.
        """
        link = self._links.get(device.id)
        if link is None or link.writer.transport.is_closing():
            raise NoAnswerError("the terminal is not connected")
        within = max(self._line.clock.real_seconds(device.model.timeout), SHORTEST_ANSWER)
        return await commands.write(link, device, point, value, within)

    async def _expire(self) -> None:
        """Ask for the packages that long messages lack, and give up those that stay incomplete, until cancelled."""
        long = self._known.long
        while True:
            await asyncio.sleep(TIDY_EVERY)
            for who in long.senders():
                link = self._links.get(self._known.devices[who].id)
                if link is not None and not link.writer.transport.is_closing():
                    link.writer.write(b"".join(link.session.asks(who)))
            long.expire(ticks())

    def _abandoned(self, message: Incomplete) -> None:
        device = self._known.devices[identity(message.phone)].id
        self._known.report(f"{device}, message 0x{message.msg_id:04X}", "long message given up, packages missing")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its first byte to its last."""
        peer = str((writer.get_extra_info("peername") or ("unknown",))[0])
        mine = Connection(peer, writer, Session(self._known, peer), asyncio.get_running_loop().time())
        leaves = self.connections.enter(mine)
        if leaves is not None:
            self._known.report(leaves.peer, "too many connections")
            leaves.writer.transport.abort()
        if leaves is mine:
            return
        ended = False
        try:
            await self._talk(reader, mine)
            ended = True
        except (OSError, TimeoutError) as error:
            if mine.session.device is not None:  # strangers come and go without end
                log.info("terminal gone", device=mine.session.device.id, reason=str(error) or "silent")
        except Exception:  # the outermost loop of this task: one terminal must not end the others
            self._known.report(peer, "fault of the listener")
            log.exception("connection given up", peer=peer)
        finally:
            mine.session.replies.close()
            self.connections.leave(mine)
            for name in [name for name, each in self._links.items() if each is mine]:
                del self._links[name]
            (writer.close if ended else writer.transport.abort)()

    async def _talk(self, reader: asyncio.StreamReader, mine: Connection) -> None:
        splitter, session = Splitter(), mine.session
        while True:
            left = self._real(self._limits.silence_seconds)
            if session.device is None:
                left = mine.opened + self._real(self._limits.opening_seconds) - asyncio.get_running_loop().time()
            async with asyncio.timeout(left):
                data = await reader.read(READ)
            if not data:
                return
            before = session.device
            outcomes = [session.take(found) for found in splitter.feed(data)]
            if session.device is not before:
                self._replace(mine)
            await self._answer(mine.writer, await self._committed(outcomes))

    async def _answer(self, writer: asyncio.StreamWriter, answers: Sequence[bytes]) -> None:
        """Send what may be said.

        Raises:
            ConnectionError: The terminal hung up meanwhile, as it may; what it sent is stored.
            TimeoutError: It does not read.
        """
        if writer.transport.is_closing():
            raise ConnectionResetError("hung up")
        writer.write(b"".join(answers))
        async with asyncio.timeout(self._real(ANSWER)):
            await writer.drain()

    def _real(self, seconds: float) -> float:
        return max(self._line.clock.real_seconds(seconds), SHORTEST)

    def _replace(self, mine: Connection) -> None:
        """A terminal that calls again has lost its old link, whatever that looks like from here."""
        device = mine.session.device
        if device is None:
            return
        old = self._links.get(device.id)
        self._links[device.id] = mine
        if old is not None and old is not mine:
            log.info("terminal called again", device=device.id)
            old.writer.transport.abort()

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
