"""Both time-series stores, opened once for all tests, and both relational databases, made anew for each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from cloud.registry.database import migrate, open_database
from cloud.telemetry.base import Telemetry
from cloud.telemetry.open import open_telemetry
from simulators.stack.postgres import Postgres


@pytest.fixture(scope="session", params=["sqlite", "influx"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telemetry]:
    """Each backend in turn."""
    if request.param == "sqlite":
        opened = open_telemetry(f"sqlite:///{tmp_path_factory.mktemp('store') / 'telemetry.sqlite'}")
    else:
        opened = open_telemetry(request.getfixturevalue("influxd").url())
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry of the newest schema to copy: that is faster than to migrate each."""
    path = tmp_path_factory.mktemp("template") / "registry.db"
    _migrated(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    """The same in PostgreSQL: name of a database to make others from."""
    _administer(postgres, "CREATE DATABASE newest")
    _migrated(postgres.url("newest")).dispose()
    return "newest"


def _migrated(url: str) -> sa.Engine:
    engine = open_database(url)
    migrate(engine)
    return engine


def _administer(server: Postgres, statement: str) -> None:
    with sa.create_engine(server.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect() as connection:
        connection.exec_driver_sql(statement)


@pytest.fixture
def open_registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], sa.Engine]]:
    """Makes an empty registry of the newest schema in the database of a name: sqlite or postgresql."""
    engines: list[sa.Engine] = []

    def made(kind: str) -> sa.Engine:
        if kind == "sqlite":
            url = f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_template'), tmp_path / 'registry.db')}"
        else:
            server: Postgres = request.getfixturevalue("postgres")
            name = f"t{uuid4().hex}"
            _administer(server, f"CREATE DATABASE {name} TEMPLATE {request.getfixturevalue('postgres_template')}")
            url = server.url(name)
        engines.append(open_database(url))
        return engines[-1]

    yield made
    for engine in engines:
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, open_registry: Callable[[str], sa.Engine]) -> sa.Engine:
    """An empty registry, in each database in turn."""
    return open_registry(request.param)
