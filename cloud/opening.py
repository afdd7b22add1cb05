"""Opening what the settings name: the site's files and the relational database."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DatabaseError

from cloud.indicators.figures import seed_factors
from cloud.ledger.counted import check_meters
from cloud.registry.database import migrate, open_database
from cloud.registry.seed import seed
from cloud.settings import Settings
from contract.site import Site, load_site, shipped_site, shipped_sites
from contract.yamlfile import ConfigError


def site_of(settings: Settings) -> Site:
    """The site that the settings name.

    Raises:
        ConfigError: With file, line, field and what was expected.
    """
    folder = Path(settings.site) if "/" in settings.site else shipped_site(settings.site)
    if not folder.is_dir():
        raise ConfigError(
            f"JIEYUE_SITE: expected a folder, or one of the shipped sites ({', '.join(shipped_sites())}), got {settings.site!r}"
        )
    site = load_site(folder)
    check_meters(site)
    return site


def prepared_database(settings: Settings, site: Site) -> sa.Engine:
    """The relational database, migrated and seeded from the site.

    Raises:
        ConfigError: The address of the database is of no form that is known.
        OSError: The database cannot be opened.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    try:
        engine = open_database(settings.database_url())
        migrate(engine)
    except (ArgumentError, ModuleNotFoundError):  # the message may hold a password
        raise ConfigError("JIEYUE_DATABASE: expected sqlite:///path or postgresql+psycopg://user:password@host/name") from None
    except DatabaseError as error:
        raise OSError(f"the database cannot be opened: {str(error.orig).splitlines()[0]}") from error
    seed(engine, site)
    seed_factors(engine)
    return engine
