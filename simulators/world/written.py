"""What was written to the world: one JSON line each, replayed at the next start."""

from __future__ import annotations

import bisect
import json
from pathlib import Path


class Written:
    """The file of writes and their history by device and point."""

    def __init__(self, path: Path | None = None) -> None:
        """Replay `path`; without one, writes are kept in memory only.

        Raises:
            ValueError: A line other than a torn last one is no write.
        """
        self._path = path
        self._history: dict[tuple[str, str], list[tuple[int, float]]] = {}
        if path is not None and path.exists():
            self._replay(path)

    def _replay(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        lines = text.split("\n")
        for number, line in enumerate(lines[:-1], start=1):
            try:
                row = json.loads(line)
                self._keep(str(row["device"]), str(row["point"]), float(row["value"]), int(row["at"]))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f'{path}:{number}: expected {{"at", "device", "point", "value"}}, got {line[:80]!r}') from error
        if lines[-1]:
            # the process died inside a write that nobody was answered for
            path.write_text(text[: len(text) - len(lines[-1])], encoding="utf-8")

    def _keep(self, device: str, point: str, value: float, at_ms: int) -> None:
        bisect.insort(self._history.setdefault((device, point), []), (at_ms, value), key=lambda pair: pair[0])

    def add(self, device: str, point: str, value: float, at_ms: int) -> None:
        """Keep a write; it is in the file when this returns."""
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"at": at_ms, "device": device, "point": point, "value": value}) + "\n")
        self._keep(device, point, value, at_ms)

    def last(self, device: str, point: str, at_ms: int) -> tuple[int, float] | None:
        """(when, value) of the last write not after `at_ms`."""
        history = self._history.get((device, point))
        if not history:
            return None
        where = bisect.bisect_right(history, at_ms, key=lambda pair: pair[0])
        return history[where - 1] if where else None
