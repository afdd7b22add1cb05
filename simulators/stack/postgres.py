"""A PostgreSQL server of its own in a folder, for tests; it trusts whoever comes from this machine."""

from __future__ import annotations

import os
import shutil
import signal
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
        self.halt()
        shutil.rmtree(self.folder)

    def halt(self) -> None:
        """Stop it as a power cut would."""
        _run(self.programs / "pg_ctl", "-D", self.data, "-m", "immediate", "stop")

    def start(self) -> None:
        """Start it on its data, at first or after `halt`."""
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories= -c fsync=off -c max_connections=50"
        _run(self.programs / "pg_ctl", "-D", self.data, "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def pause(self) -> None:
        """Answer nothing, and keep all connections, as on a disk that hangs."""
        for pid in self._processes():
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        for pid in self._processes():
            os.kill(pid, signal.SIGCONT)

    def _processes(self) -> list[int]:
        """The server and its children, it first: one that is stopped makes no more of them."""
        first = (Path(self.data) / "postmaster.pid").read_text(encoding="utf-8").split()[0]
        children = Path(f"/proc/{first}/task/{first}/children").read_text(encoding="utf-8")
        return [int(first), *map(int, children.split())]

    @property
    def data(self) -> str:
        """The folder of its files."""
        return str(self.folder / "data")


def start_postgres(programs: Path) -> Postgres:
    """Make a server and start it; as root, which it refuses, it runs as the user postgres in a folder that is theirs.

    Raises:
        subprocess.CalledProcessError: It does not start; its output has been printed.
    """
    folder = Path(tempfile.mkdtemp(prefix="jieyue-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, _USER, _USER)
    server = Postgres(programs, folder, free_port())
    _run(programs / "initdb", "-D", server.data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    server.start()
    return server


def _run(program: Path, *arguments: str) -> None:
    user = _USER if os.geteuid() == 0 else None
    subprocess.run(  # noqa: S603 (the server's own programs)
        [program, *arguments], check=True, user=user, cwd="/", stdout=subprocess.DEVNULL
    )
