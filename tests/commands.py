"""Runs commands of the product: real processes that print and end, without the seconds in which each would import the same."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_ONE_AT_A_TIME = threading.Lock()


@cache
def _forking() -> subprocess.Popen[str]:
    program = [sys.executable, "-P", "-W", "ignore", str(Path(__file__).with_name("forking.py"))]
    process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(process.communicate)
    return process


def run(
    module: str, *arguments: str, environment: Mapping[str, str] = os.environ, folder: Path | None = None, missing: str = ""
) -> subprocess.CompletedProcess[str]:
    """What `python -m module arguments` prints, and its exit code.

    Args:
        module: `cloud`, `edge`, `simulators` or a module of theirs.
        arguments: Of the command line.
        environment: All that it has; by default ours.
        folder: Where it runs; by default where we do.
        missing: A package that is not installed where it runs.
    """
    with tempfile.TemporaryDirectory() as made, _ONE_AT_A_TIME:
        out, err = Path(made, "out"), Path(made, "err")
        for path in (out, err):
            path.touch()
        request = {"module": module, "arguments": arguments, "environment": dict(environment), "folder": str(folder or Path.cwd())}
        request["missing"] = missing
        server = _forking()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(request | {"out": str(out), "err": str(err)}) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        said, complained = (path.read_text(encoding="utf-8") for path in (out, err))
        return subprocess.CompletedProcess([module, *arguments], code, said, complained)
