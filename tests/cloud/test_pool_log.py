"""What SQLAlchemy's pool says of a connection that broke while it was used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BROKEN = """
import sys
import sqlalchemy as sa
from cloud.logs import set_up
from cloud.platform.database import open_database

set_up()
engine = open_database(sys.argv[1])
connection = engine.connect()

def breaks(*_):
    raise OSError("connection socket closed\\nin the middle of a pipeline")

sa.event.listen(engine, "reset", breaks)
connection.close()
"""


def test_a_connection_that_cannot_be_reset_is_told_in_one_line(tmp_path: Path) -> None:
    """Killed in a pipeline of PostgreSQL it filled the log with six tracebacks; who used it says what is wrong anyway."""
    done = subprocess.run([sys.executable, "-c", BROKEN, f"sqlite:///{tmp_path}/a.db"], capture_output=True, text=True, check=True)
    (line,) = map(json.loads, done.stderr.splitlines())
    assert line["source"].startswith("sqlalchemy.pool")
    assert (line["level"], line["reason"]) == ("error", "OSError: connection socket closed")
    assert "exception" not in line
