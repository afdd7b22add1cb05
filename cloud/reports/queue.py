"""Reports for the interface, each made by a process of its own, so that none takes its threads, its memory or its life.

The queue belongs to one event loop. A report that is asked for again while it waits or is made is made once.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import prometheus_client
import sqlalchemy as sa
import structlog

from cloud.reports.base import Asked, Made, ReportError
from cloud.reports.made import known
from cloud.reports.worker import NEWS, ORDER, Fault, News, Order
from contract import coded
from contract.coded import Message

log = structlog.get_logger()
WAITING = prometheus_client.Gauge("jieyue_reports_waiting", "Reports that wait for their turn.")
ENDED = prometheus_client.Counter("jieyue_reports", "Reports that were made or not, by how it ended.", ["result"])
MOST_BYTES = 32 << 20
"""Of a file; a workbook of 1 000 meters has less than 1 MiB."""
_LATER = 5
"""Seconds after its limit by which a process has ended itself."""
_COMMAND = (sys.executable, "-m", "cloud.reports.worker")
State = Literal["waiting", "making", "done", "failed"]


class QueueFullError(ReportError):
    """So many reports wait that this one cannot; the message says how many."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What reports may take.

    Attributes:
        workers: Processes at a time.
        waiting: Reports that may wait for one.
        seconds: Of one report.
        memory_mb: MiB of one process.
        kept: Reports that are kept after their end, for whoever fetches them.
    """

    workers: int = 1
    waiting: int = 8
    seconds: int = 300
    memory_mb: int = 2048
    kept: int = 8


@dataclass(eq=False)
class Job:
    """A report that somebody waits for.

    Attributes:
        id: Cannot be guessed.
        report: Its name.
        asked: Of what, and how.
        state: Where it stands.
        step: What is being done, while it is made.
        made: The file, when it is done.
        fault: Why there is none, when it failed.
        why: The same in more detail, to be told.
        ended: Set when it is done or failed.
    """

    report: str
    asked: Asked
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: State = "waiting"
    step: str | None = None
    made: Made | None = None
    fault: Fault | None = None
    why: Message | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class ReportQueue:
    """Reports that wait, are made and were made lately."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[Job] = deque()
        self._workers: set[asyncio.Task[None] | None] = set()

    def ask(self, engine: sa.Engine, report: str, asked: Asked, now: Callable[[], int]) -> Job:
        """The job of a report: the one that is under way, else a new one at the end of the queue.

        Args:
            engine: Of registry and ledger.
            report: Its name.
            asked: Of what, and how.
            now: Says the moment (ms) that it is of when its turn comes.

        Raises:
            UnknownReportError: There is no such report.
            QueueFullError: Too many wait.
        """
        known(report)
        for job in self._jobs.values():
            if (job.report, job.asked) == (report, asked) and not job.ended.is_set():
                return job
        if len(self._workers) >= self.limits.workers and len(self._waiting) >= self.limits.waiting:
            raise QueueFullError(Message("report.fault.queue_full", number=len(self._waiting)))
        job = Job(report, asked)
        self._jobs[job.id] = job
        self._waiting.append(job)
        WAITING.set(len(self._waiting))
        if len(self._workers) < self.limits.workers:
            self._workers.add(asyncio.create_task(self._work(engine, now), name="reports"))
        return job

    def find(self, name: str) -> Job | None:
        """The job of an id; None if there is none, or it ended long ago."""
        return self._jobs.get(name)

    def jobs(self, report: str) -> list[Job]:
        """All jobs of a report, those that ended lately included, the oldest first."""
        return [job for job in self._jobs.values() if job.report == report]

    def place(self, job: Job) -> int | None:
        """How many reports come first, this one counted; None once its turn came."""
        return self._waiting.index(job) + 1 if job in self._waiting else None

    async def _work(self, engine: sa.Engine, now: Callable[[], int]) -> None:
        try:
            while self._waiting:
                job = self._waiting.popleft()
                WAITING.set(len(self._waiting))
                job.state = "making"
                try:
                    await self._make(job, engine, now())
                except Exception:  # the task's outermost loop: want of threads or memory costs this report, not those that wait
                    log.exception("a report's process failed", report=job.report)
                finally:
                    self._end(job)
        finally:
            self._workers -= {asyncio.current_task()}  # at once: who asks next must find that nobody works

    async def _make(self, job: Job, engine: sa.Engine, now: int) -> None:
        limits = self.limits
        address = engine.url.render_as_string(hide_password=False)
        order = Order(address, job.report, job.asked, now, limits.seconds + _LATER, limits.memory_mb)
        try:
            async with asyncio.timeout(limits.seconds):
                await _made(job, order)
        except TimeoutError:
            job.fault, job.why = "too_long", Message("report.fault.too_long", seconds=limits.seconds)
        except (OSError, ValueError) as error:  # no process, or one that talks nonsense
            log.warning("a report's process failed", report=job.report, reason=str(error))

    def _end(self, job: Job) -> None:
        if job.made is None and job.fault is None:
            job.fault, job.why = "failed", Message("report.fault.no_answer")
        job.state, job.step = ("failed", None) if job.made is None else ("done", None)
        job.ended.set()
        ENDED.labels(job.fault or "done").inc()
        for old in [one.id for one in self._jobs.values() if one.ended.is_set()][: -self.limits.kept]:
            del self._jobs[old]


async def _made(job: Job, order: Order) -> None:
    """Follow a process to its end, which comes at the latest with this task's."""
    process = await asyncio.create_subprocess_exec(*_COMMAND, stdin=PIPE, stdout=PIPE)
    try:
        await _followed(job, process, ORDER.dump_json(order))
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if job.made is None and job.fault is None:
        log.warning("a report's process failed", report=job.report, exit_code=process.returncode)


async def _followed(job: Job, process: Process, order: bytes) -> None:
    if process.stdin is None or process.stdout is None:
        return  # both are pipes
    process.stdin.write(order)
    process.stdin.close()
    while line := await process.stdout.readline():
        news = NEWS.validate_json(line)
        job.step = news.step or job.step
        job.fault, job.why = news.fault, coded.loads(news.why) if news.why else None
        if news.size is not None and news.size <= MOST_BYTES:
            job.made = await _file(process.stdout, news)


async def _file(stream: asyncio.StreamReader, news: News) -> Made | None:
    """The file that follows; None where the process ended first."""
    try:
        return Made(await stream.readexactly(news.size or 0), news.as_of)
    except asyncio.IncompleteReadError:
        return None
