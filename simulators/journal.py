"""What the simulated devices answered, as JSON lines: the truth that tests and checks compare the product with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from protocols.modbus.device.server import Answer

_LIMIT = 64_000_000
_BUFFER = 1 << 16


class Journal:
    """An append-only file of answers; a full one is kept once more under the name with `.1`.

    A line: `{"device", "function", "address", "count", "values", "requested", "answered", "exception"}`, times in ms since 1970.
    In the journal of devices that speak by themselves: `{"device", "at", "values", "acknowledged"}`, values by point name; each
    message stands there once when it is measured (`acknowledged` null) and once more when it is acknowledged.
    """

    def __init__(self, path: Path, *, flush_each: bool = False, limit: int = _LIMIT) -> None:
        """Append to `path`; with `flush_each` a line is on disk's way before its answer is sent.

        Raises:
            OSError: The file cannot be written.
        """
        self.path = path
        self._flush_each = flush_each
        self._limit = limit
        self._file = self._open()
        self._size = path.stat().st_size

    def _open(self) -> TextIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.path.open("a", encoding="utf-8", buffering=_BUFFER)

    def __call__(self, answer: Answer) -> None:
        """Keep one answer."""
        self._keep(
            {
                "device": answer.device,
                "function": answer.function,
                "address": answer.address,
                "count": answer.count,
                "values": answer.values,
                "requested": answer.requested_ms,
                "answered": answer.answered_ms,
                "exception": answer.exception,
            }
        )

    def said(self, device: str, at: int, values: Mapping[str, float], acknowledged: int | None) -> None:
        """Keep what a device said by itself; with `flush_each` it stands in the file before it is on the wire."""
        self._keep({"device": device, "at": at, "values": dict(values), "acknowledged": acknowledged})

    def _keep(self, fields: Mapping[str, object]) -> None:
        line = json.dumps(fields, separators=(",", ":"))
        if self._size + len(line) + 1 > self._limit:
            self._turn()
        self._file.write(line + "\n")
        self._size += len(line) + 1
        if self._flush_each:
            self._file.flush()

    def _turn(self) -> None:
        self._file.close()
        self.path.replace(self.path.with_name(self.path.name + ".1"))
        self._file, self._size = self._open(), 0

    def flush(self) -> None:
        """Hand what is buffered to the operating system."""
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
