"""How every part logs: one JSON line an event on stderr, UTC times."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Hashable
from functools import partial
from types import TracebackType

import structlog

from contract.clock import Clock, iso

log = structlog.get_logger()
LOG_EVERY = 60.0
"""Seconds between two log lines that say the same."""


def set_up(level: int = logging.INFO, in_words: tuple[str, ...] = ()) -> None:
    """Structured logs on stderr; the level may be raised for a quiet program.

    A traceback is for an error that nobody foresaw. `in_words` names libraries, by the begin of their loggers' names, that also log
    errors of the world with one, such as a connection that broke: those get a `reason` in its place.

    What libraries say by Python's own logging or as a warning becomes such a line too, with the library as its `source`, and so
    does an error that nobody caught, wherever it was raised: each line that the process writes is one JSON object.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    lines = structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[*shared, lines],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = _Lines(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_source, partial(_reason, in_words), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, lines],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable


class _Lines(logging.StreamHandler):  # type: ignore[type-arg] # generic for checkers only in 3.11
    """Says in its own form that a line could not be written, instead of printing a traceback."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        log.warning("a line of a library cannot be written", source=record.name, line=str(record.msg))


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The last line of a process; a person's Ctrl-C is no fault."""
    if not issubclass(kind, KeyboardInterrupt):
        log.critical("the process ended by an error that nobody caught; report it", exc_info=(kind, error, trace))


def _uncaught_in_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_type is not SystemExit:
        log.error("a thread ended by an error that nobody caught; report it", exc_info=found.exc_value)


def _unraisable(found: sys.UnraisableHookArgs) -> None:
    """Of a destructor, where nobody can catch it."""
    log.error("an error where nobody can catch one; report it", place=repr(found.object), exc_info=found.exc_value)


def warn_of_trial(clock: Clock) -> None:
    """Say once, at the start, that a program does not live by the machine's clock, since nobody may have meant it."""
    if clock.trial:
        log.warning("the clock is a trial's (JIEYUE_NOW, JIEYUE_SPEED)", now=iso(clock.now_ms()), speed=clock.speed)


class Seldom:
    """Which news to log: the same not again within so many seconds."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._logged: dict[Hashable, float] = {}

    def news(self, what: Hashable) -> bool:
        """Whether it was not logged lately; from now on it was."""
        now = time.monotonic()
        if now - self._logged.get(what, -self._every) < self._every:
            return False
        self._logged[what] = now
        return True


def _source(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Which library speaks."""
    event["source"] = event["_record"].name
    return event


def _reason(in_words: tuple[str, ...], _logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """One line instead of a traceback, of the libraries that want it."""
    if event["_record"].name.startswith(in_words) and (raised := event.pop("exc_info", None)):
        kind, error, _ = raised
        event["reason"] = f"{kind.__name__}: {error}".splitlines()[0]
    return event
