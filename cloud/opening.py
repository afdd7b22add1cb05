"""Opening what the settings name: the site's files, the relational database, and the site that was entered into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import ArgumentError, DatabaseError

from cloud.organisations import queries as organisations
from cloud.platform.database import open_database, schema_fault
from cloud.settings import Settings
from cloud.sites.entered import all_entered, document, entered
from contract.site import Site, load_site
from contract.sitefolder import shipped_site, shipped_sites
from contract.yamlfile import ConfigError

log = structlog.get_logger()
_NOTHING = "the database holds no site yet: jieyue-cloud site apply FOLDER"


def folder_of(name: str, asked_by: str) -> Path:
    """The folder of a site's files.

    Args:
        name: A path with a `/` in it or of a folder that exists, or the name of a shipped site.
        asked_by: The setting or argument, for the message.

    Raises:
        ConfigError: There is no such folder.
    """
    folder = Path(name)
    if "/" not in name and name in shipped_sites():
        folder = shipped_site(name)
    if not name or not folder.is_dir():
        raise ConfigError(f"{asked_by}: expected a folder, or one of the shipped sites ({', '.join(shipped_sites())}), got {name!r}")
    return folder


def site_in(folder: Path) -> Site:
    """The site of a folder.

    Raises:
        ConfigError: With file, line, field and what was expected.
    """
    return load_site(folder)


def site_of(settings: Settings) -> Site:
    """The site whose files the settings name.

    Raises:
        ConfigError: With file, line, field and what was expected.
    """
    return site_in(folder_of(settings.site, "JIEYUE_SITE"))


@contextmanager
def reached(settings: Settings) -> Iterator[sa.Engine]:
    """The relational database whatever its schema, with its faults in words while it is opened.

    Raises:
        ConfigError: The address of the database is of no form that is known.
        OSError: The database cannot be opened.
    """
    try:
        yield open_database(settings.database_url())
    except (ArgumentError, ModuleNotFoundError):  # the message may hold a password
        raise ConfigError("JIEYUE_DATABASE: expected sqlite:///path or postgresql+psycopg://user:password@host/name") from None
    except DatabaseError as error:
        raise OSError(f"the database cannot be opened: {str(error.orig).splitlines()[0]}") from error


def opened_database(settings: Settings) -> sa.Engine:
    """The relational database, of the schema that this version needs. Nothing is written.

    Raises:
        ConfigError: The address of the database is of no form that is known, or its schema is another.
        OSError: The database cannot be opened.
    """
    with reached(settings) as engine:
        fault = schema_fault(engine)
    if fault is not None:
        engine.dispose()
        raise ConfigError(f"the database cannot be used: {fault}")
    return engine


def chosen_group(engine: sa.Engine, given: str | None = None) -> str:
    """The district that somebody works with: the one that is given, or the only one there is.

    Args:
        engine: Of the registry.
        given: Its code; None where nobody said one.

    Raises:
        ConfigError: None was entered, not this one, or several and nobody says which.
    """
    with engine.connect() as connection:
        known = sorted(organisations.groups(connection))
    if not known:
        raise ConfigError(_NOTHING)
    if given is None and len(known) > 1:
        raise ConfigError(f"--group: expected one of {', '.join(known)}, which were entered, got none")
    if given is not None and given not in known:
        raise ConfigError(f"--group: expected {'one of ' * (len(known) > 1)}{', '.join(known)}, got {given!r}")
    return given or known[0]


def entered_site(engine: sa.Engine, group: str | None = None) -> Site:
    """The site that was entered for a district, or the only one there is.

    Raises:
        ConfigError: As `chosen_group`, or this version cannot read it.
    """
    chosen = chosen_group(engine, group)
    with engine.connect() as connection:
        found = entered(connection, chosen)
    if found is None:
        raise ConfigError(_NOTHING)
    return found.site


def entered_sites(engine: sa.Engine) -> dict[str, Site]:
    """The site of each district that was entered, by group.

    Raises:
        ConfigError: There is none, or this version cannot read one of them.
    """
    with engine.connect() as connection:
        found = all_entered(connection)
    if not found:
        raise ConfigError(_NOTHING)
    return {group: one.site for group, one in found.items()}


def differing(settings: Settings, sites: Mapping[str, Site]) -> frozenset[str]:
    """The groups of which the files that the settings name say something else than what was entered; none where they name none.

    Files that cannot be read may be of any of them.

    Args:
        settings: They name the folder of one site.
        sites: As they were entered, by group.

    Raises:
        ConfigError: The files describe a district that was not entered.
    """
    if not settings.site:
        return frozenset()
    try:
        named = site_of(settings)
    except ConfigError as error:
        log.warning("the site's files cannot be read; what was entered holds", reason=str(error).splitlines()[0])
        return frozenset(sites)
    if named.group not in sites:
        known = f"one of the groups {', '.join(sites)}, which were" if len(sites) > 1 else f"the group {', '.join(sites)}, which was"
        raise ConfigError(f"JIEYUE_SITE: expected a site of {known} entered, got {named.group}")
    return frozenset() if document(named) == document(sites[named.group]) else frozenset({named.group})
