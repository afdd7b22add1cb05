"""Tells that nothing is stored, and that it is again, past the stores: no rule can be judged, and no message kept, without them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from cloud.alerts.channels import Channel
from cloud.alerts.direct import Direct
from cloud.texts import say

log = structlog.get_logger()
AFTER = 60.0
"""Seconds for which nothing was stored before somebody is told: a store that is started again is no alert."""
LOOK_EVERY = 5.0


@dataclass
class NothingStored:
    """Watches whether anything is stored, and tells each channel once when not, and once when it is again.

    Attributes:
        channels: Who is told.
        down: What keeps the service from storing, a word of `/healthz`; None while it stores.
        site: Name of the site, by language.
    """

    channels: Sequence[Channel]
    down: Callable[[], str | None]
    site: dict[str, str]
    _since: float | None = None
    _why: str = ""
    _told: set[str] = field(default_factory=set)
    _direct: Direct = field(default_factory=Direct)

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self.look(asyncio.get_running_loop().time())

    async def look(self, now: float) -> None:
        """Tell whom nobody told yet; a channel that cannot be reached is tried again at the next look.

        Args:
            now: Seconds of a clock that never jumps.
        """
        why = self.down()
        if why is None:
            self._since = None
            await self._tell(self._told, "again", self._told.discard)
        elif why != "starting":
            self._since, self._why = now if self._since is None else self._since, why
            if now - self._since >= AFTER:
                await self._tell({channel.name for channel in self.channels} - self._told, "down", self._told.add)

    async def _tell(self, names: set[str], what: str, done: Callable[[str], None]) -> None:
        """All of them at once: one that hangs must not keep the others waiting."""

        async def tell(channel: Channel) -> None:
            site, store = self.site[channel.language], say(f"store.{self._why}", channel.language)
            title = say(f"nothing_stored.{what}.title", channel.language, site=site)
            text = say(f"nothing_stored.{what}.text", channel.language, store=store)
            why_not = await asyncio.to_thread(self._direct.tell, channel, title, text)
            if why_not is None:
                done(channel.name)
            else:
                log.warning("nobody told that nothing is stored", channel=channel.name, reason=why_not)

        await asyncio.gather(*(tell(channel) for channel in self.channels if channel.name in names))
