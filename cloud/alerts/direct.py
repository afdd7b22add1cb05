"""Tell a channel something at once and without the database, for what must be told when the database cannot be asked."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field

from cloud.alerts.channels import Channel
from cloud.alerts.sender import attempt
from contract.coded import Message

TOO_OFTEN = Message("told.too_often")


@dataclass
class Direct:
    """Tells channels directly. Its brake is each channel's own, beside that of the messages that wait in the database.

    Nothing is kept: what was not sent is the caller's to say again, and what it says of a state must still hold then.
    """

    _full_at: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, channel: Channel, title: str, text: str) -> Message | None:
        """Send one message; blocks until the receiver has it or cannot be reached.

        Args:
            channel: Whom to tell.
            title: One line, in the channel's language.
            text: The rest, plain text.

        Returns:
            None if the receiver has it, else why not, without a secret.
        """
        now = time.monotonic_ns() // 1_000_000
        with self._lock:
            full_at = self._full_at.get(channel.name, 0)
            if channel.brake.spare(full_at, now) < 1:
                return TOO_OFTEN
            self._full_at[channel.name] = channel.brake.spent(full_at, now)
        return attempt(channel, f"{uuid.uuid4().hex}.direct.{channel.name}", title, text)
