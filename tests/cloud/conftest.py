"""Both time-series stores, opened once for all tests, and both relational databases, made anew for each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from cloud.platform.database import open_database
from cloud.platform.migrating import migrate
from cloud.telemetry.base import Telemetry
from cloud.telemetry.open import open_telemetry
from contract.site import Site
from simulators.stack.postgres import Postgres
from tests.cloud import tables, unsynced
from tests.cloud.influx2 import Influx2, serving


@pytest.fixture(scope="session", params=["sqlite", "influx"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telemetry]:
    """Each backend in turn."""
    if request.param == "sqlite":
        opened = open_telemetry(f"sqlite:///{tmp_path_factory.mktemp('store') / 'telemetry.sqlite'}")
    else:
        opened = open_telemetry(request.getfixturevalue("influxd").url())
    yield opened
    opened.close()


@pytest.fixture
def influx2() -> Iterator[Influx2]:
    """The server that stands in for InfluxDB 2.x, with an organisation and nothing else."""
    with serving() as held:
        yield held


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


def _copied(server: Postgres, template: str) -> str:
    """Name of a new database, made from another."""
    name = f"t{uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")  # half the time of the other one
    return name


@dataclass
class _Used:
    """Databases of the newest schema that a test is done with: to empty one takes a tenth of the time that a new one takes."""

    server: Postgres
    names: list[str] = field(default_factory=list)

    def take(self, template: str) -> str:
        """An empty one; one of which somebody did not let go, or that grew, would be felt by the next test, and is left alone."""
        while self.names:
            name = self.names.pop(0)
            engine = sa.create_engine(self.server.url(name), poolclass=sa.NullPool)
            with engine.begin() as connection:
                if not any(connection.exec_driver_sql(query).scalar() for query in (_OTHERS, _GROWN)):
                    _empty(connection)
                    return name
        return _copied(self.server, template)


def _empty(connection: sa.Connection) -> None:
    connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # in any order, whatever refers to what
    for table in tables.metadata.tables.values():
        connection.execute(sa.delete(table))
    connection.exec_driver_sql(_FROM_ONE)


_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)
_GROWN = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_table_size(oid) > 1000000"
_FROM_ONE = "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace"


@pytest.fixture(scope="session")
def _used(postgres: Postgres) -> _Used:
    """What tests leave to each other."""
    return _Used(postgres)


@pytest.fixture
def open_registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., sa.Engine]]:
    """Makes a registry in the database of a name, sqlite or postgresql: an empty one of the newest schema, or a copy of another.

    The other must not be in use, and must have been made to be `kept` after its test.
    """
    engines: list[sa.Engine] = []
    lent: list[tuple[_Used, str]] = []

    def made(kind: str, origin: str | None = None, *, kept: bool = False) -> sa.Engine:
        if kind == "sqlite":
            path = tmp_path / (f"t{uuid4().hex}.db" if origin else "registry.db")
            engines.append(unsynced.registry(Path(shutil.copy(origin or request.getfixturevalue("sqlite_template"), path))))
        else:
            server: Postgres = request.getfixturevalue("postgres")
            template = origin or request.getfixturevalue("postgres_template")
            if origin or kept:
                name = _copied(server, template)
            else:
                used: _Used = request.getfixturevalue("_used")
                name = used.take(template)
                lent.append((used, name))
            engines.append(unsynced.compiled_once(open_database(server.url(name))))
        return engines[-1]

    yield made
    for engine in engines:
        engine.dispose()
    for used, name in lent:
        used.names.append(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """A database without a schema, of each kind in turn."""
    url = f"sqlite:///{tmp_path / 'bare.db'}"
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        name = f"t{uuid4().hex}"
        _administer(server, f"CREATE DATABASE {name}")
        url = server.url(name)
    engine = open_database(url)
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, open_registry: Callable[[str], sa.Engine]) -> sa.Engine:
    """An empty registry, in each database in turn."""
    return open_registry(request.param)


@pytest.fixture
def engine(database: sa.Engine) -> sa.Engine:
    """The same, by the name that most helpers have for it."""
    return database


@pytest.fixture
def data(tmp_path: Path, entered: Callable[..., Path]) -> Path:
    """A data folder in which the first site was entered, and no more."""
    return entered(tmp_path)


_TEXT = {"zh": "名", "en": "Name"}


def _small(**changes: dict[str, dict[str, Any] | None]) -> Site:
    """Two units, an electricity main that they share behind CT 40, and diesel; fields of any list's items may be replaced by id."""
    data: dict[str, Any] = {
        "id": "s",
        "name": _TEXT,
        "group": "510802",
        "latitude": 32.4,
        "longitude": 105.8,
        "compounds": [{"id": "c", "name": _TEXT, "buildings": []}],
        "units": [
            {"id": "u1", "name": {"zh": "一局", "en": "One"}, "compound": "c", "headcount": 80, "area": 3000},
            {"id": "u2", "name": {"zh": "二局", "en": "Two"}, "compound": "c", "headcount": 20, "area": 1000},
        ],
        "gateways": [{"id": "gw"}],
        "buses": [{"id": "b", "gateway": "gw", "protocol": "modbus"}],
        "devices": [{"id": "em", "name": _TEXT, "profile": "electricity/acrel-adl400", "bus": "b", "unit_id": 1, "ct": 40}],
        "meters": [
            {"id": "m1", "name": _TEXT, "energy": "electricity", "device": "em", "point": "energy_import", "main": True}
            | {"units": ["u1", "u2"], "compound": "c", "modulus": 40_000_000},
            {"id": "oil", "name": {"zh": "油", "en": "Oil"}, "energy": "diesel", "vehicle_fuel": True, "units": ["u1"]},
        ],
    }
    for kind, by_id in changes.items():
        for name, fields in by_id.items():
            found = next((item for item in data[kind] if item["id"] == name), None)
            if fields is None:
                data[kind].remove(found)
            elif found is None:
                data[kind].append({"id": name} | fields)
            else:
                found.update(fields)
    return Site.model_validate(data)


@pytest.fixture
def small() -> Callable[..., Site]:
    """Makes a small site."""
    return _small
