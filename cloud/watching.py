"""Whether the site's files still say what was entered, and whether this process still knows it; looked at once a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
import structlog

from cloud.opening import differing, folder_of
from cloud.platform import database
from cloud.settings import Settings
from cloud.sites.entered import all_entered
from contract.site import Site
from contract.yamlfile import ConfigError

log = structlog.get_logger()
LOOK_EVERY = 60.0
"""Seconds between two looks."""


@dataclass
class SiteWatch:
    """The files of `JIEYUE_SITE` beside the sites that were entered.

    Attributes:
        settings: They name the files; where they name none, nothing can differ.
        engine: Holds what was entered.
        sites: What was entered when this process started, by group.
        differs: The groups of which the files say something else than what was entered last.
    """

    settings: Settings
    engine: sa.Engine
    sites: Mapping[str, Site]
    differs: frozenset[str] = frozenset()
    _seen: object = field(default=None, repr=False)

    def look(self) -> None:
        """Compare, if the files or what was entered changed since the last look; what is new is logged.

        Raises:
            ConfigError: The files describe a district that was not entered.
        """
        with self.engine.connect() as connection:
            found = all_entered(connection)
        if not found:
            return
        sites = {group: one.site for group, one in found.items()}
        seen = ({group: one.at for group, one in found.items()}, self._files())
        if seen == self._seen:
            return
        if self._seen is not None and sites != self.sites:
            log.warning("another site was entered; restart to work with all of it")
        self._seen, self.differs = seen, differing(self.settings, sites)
        if self.differs:
            log.warning(
                "the site's files differ from what was entered, which holds; see: jieyue-cloud site plan FOLDER", files=self.settings.site
            )

    def _files(self) -> tuple[tuple[Path, int], ...]:
        """Each file of the folder and when it was written last."""
        try:
            folder = folder_of(self.settings.site, "JIEYUE_SITE")
            return tuple((path, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.yaml")))
        except (ConfigError, OSError):
            return ()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await asyncio.to_thread(self.look)
            except (*database.REFUSED, ValueError) as error:
                log.warning("the site's files are not compared", reason=str(error).splitlines()[0])
