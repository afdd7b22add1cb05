"""Tells that nothing is stored, and that it is again, past the stores: no rule can be judged, and no message kept, without them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from pydantic import BaseModel, ValidationError

from cloud.alerts.channels import Channel
from cloud.alerts.direct import Direct
from cloud.texts import catalogue, in_words, say
from contract.rights import secret_file

log = structlog.get_logger()
AFTER = 60.0
"""Seconds for which nothing was stored before somebody is told: a store that is started again is no alert."""
LOOK_EVERY = 5.0


class _Kept(BaseModel):
    """What the file says: who was told, and what kept the service from storing then."""

    why: str = ""
    told: list[str] = []


@dataclass
class NothingStored:
    """Watches whether anything is stored, and tells each channel once when not, and once when it is again.

    Whom it told stands in a file, since what was wrong may be mended by a restart. Without the file it does the same but for that.

    Attributes:
        channels: Who is told.
        down: What keeps the service from storing, a word of `/healthz`; None while it stores.
        site: Name of the site, by language.
        file: Where it is kept who was told; of this process alone.
    """

    channels: Sequence[Channel]
    down: Callable[[], str | None]
    site: dict[str, str]
    file: Path | None = None
    _since: float | None = None
    _why: str = ""
    _told: set[str] = field(default_factory=set)
    _kept: _Kept = field(default_factory=_Kept)
    """What the file says, as far as is known."""
    _failed: bool = False
    _direct: Direct = field(default_factory=Direct)

    async def run(self) -> None:
        """Watch until cancelled."""
        await asyncio.to_thread(self.recall)
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
            self._told &= {channel.name for channel in self.channels}
            await self._tell(self._told, "again", self._told.discard)
        elif why != "starting":
            self._since, self._why = now if self._since is None else self._since, why
            if now - self._since >= AFTER:
                await self._tell({channel.name for channel in self.channels} - self._told, "down", self._told.add)
        await asyncio.to_thread(self._keep)

    def recall(self) -> None:
        """Know whom the process before this one told; a file that says nothing usable says that it told nobody."""
        if self.file is None:
            return
        try:
            kept = _Kept.model_validate_json(self.file.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValidationError) as error:
            log.warning("it is not known who was told that nothing is stored", file=str(self.file), reason=str(error).splitlines()[0])
            return
        self._kept = kept
        if f"store.{kept.why}" in catalogue():
            self._why, self._told = kept.why, set(kept.told)

    def _keep(self) -> None:
        """Write down who was told, where that changed; it is tried again at the next look."""
        kept = _Kept(why=self._why, told=sorted(self._told)) if self._told else _Kept()
        if self.file is None or kept == self._kept:
            return
        try:
            secret_file(self.file, kept.model_dump_json())
        except OSError as error:
            if not self._failed:
                log.warning("it is not kept who was told that nothing is stored", file=str(self.file), reason=error.strerror)
            self._failed = True
        else:
            self._kept, self._failed = kept, False

    async def _tell(self, names: set[str], what: str, done: Callable[[str], None]) -> None:
        """All of them at once: one that hangs must not keep the others waiting."""

        async def tell(channel: Channel) -> None:
            site, store = self.site[channel.language], say(f"store.{self._why}", channel.language)
            title = say(f"nothing_stored.{what}.title", channel.language, site=site)
            text = say(f"nothing_stored.{what}.text", channel.language, store=store)
            why_not = await asyncio.to_thread(self._direct.send, channel, title, text)
            if why_not is None:
                done(channel.name)
            else:
                log.warning("nobody told that nothing is stored", channel=channel.name, reason=in_words(why_not, "en"))

        await asyncio.gather(*(tell(channel) for channel in self.channels if channel.name in names))
