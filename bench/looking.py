"""A look at a stack again and again, beside what is done to it."""

from __future__ import annotations

import threading


class Looking(threading.Thread):
    """Runs from its begin until it is stopped; who looks does so in `run`, and waits with `ended`."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self.start()

    def stop(self) -> None:
        """End it, and wait for its last look."""
        self.ended.set()
        self.join()
