"""A PostgreSQL server of its own in a folder, for tests; it trusts whoever comes from this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from simulators.stack.broker import free_port

_USER = "postgres"


def find_postgres() -> Path | None:
    """The folder of the server's programs: on PATH, or where Debian puts them, the newest version."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    programs: Path
    folder: Path
    port: int

    def url(self, database: str) -> str:
        """For SQLAlchemy."""
        return f"postgresql+psycopg://{_USER}@127.0.0.1:{self.port}/{database}"

    def stop(self) -> None:
        """Stop it and remove its folder."""
        _run(self.programs / "pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self.folder)


def start_postgres(programs: Path) -> Postgres:
    """Make a server and start it; as root, which it refuses, it runs as the user postgres in a folder that is theirs.

    Raises:
        subprocess.CalledProcessError: It does not start; its output has been printed.
    """
    folder = Path(tempfile.mkdtemp(prefix="jieyue-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, _USER, _USER)
    port, data = free_port(), str(folder / "data")
    _run(programs / "initdb", "-D", data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off -c max_connections=50"
    _run(programs / "pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    return Postgres(programs, folder, port)


def _run(program: Path, *arguments: str) -> None:
    user = _USER if os.geteuid() == 0 else None
    subprocess.run(  # noqa: S603 (the server's own programs)
        [program, *arguments], check=True, user=user, cwd="/", stdout=subprocess.DEVNULL
    )
