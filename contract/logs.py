"""How every part logs: one JSON line an event on stderr, UTC times."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Hashable

import structlog


def set_up(level: int = logging.INFO) -> None:
    """Structured logs on stderr; the level may be raised for a quiet program.

    What libraries say by Python's own logging, from a warning on, becomes such a line too, with the library as its `source`.
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
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_source, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, lines],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


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
