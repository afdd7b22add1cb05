"""Becomes a command of the product on request: it has imported them all, and each runs in a child of its own, forked from it.

A request is a line of JSON on stdin: module, arguments, environment, folder, the files that stdout and stderr go to, and the package
that is missing, if one is. The answer is a line with the exit code.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import runpy
import signal
import sys
from importlib import import_module
from typing import Any, NoReturn

PROGRAMS = ("cloud", "edge", "simulators")
_SECONDS = 100
"""A command that takes longer is killed."""


def prepare() -> None:
    """Import what commands need; their main modules are not kept, since each run makes its own of them, as `python -m` does."""
    gc.disable()  # nothing that is imported is ever let go
    for name in PROGRAMS:
        import_module(f"{name}.__main__")
        del sys.modules[f"{name}.__main__"]
    for command in pkgutil.iter_modules(import_module("cloud.cli").__path__):
        import_module(f"cloud.cli.{command.name}")
    gc.freeze()  # a child's collector need not touch, and so copy, what is there
    gc.enable()


def become(request: dict[str, Any]) -> NoReturn:
    """Be what `python -m` would be in that folder and environment, and leave without taking all that was imported apart."""
    signal.alarm(_SECONDS)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    for number, (path, flags) in enumerate(((os.devnull, os.O_RDONLY), (request["out"], os.O_WRONLY), (request["err"], os.O_WRONLY))):
        os.dup2(os.open(path, flags), number)
    sys.argv = ["", *request["arguments"]]
    if missing := request["missing"]:
        if missing in sys.modules:
            raise RuntimeError(f"{missing} was imported before a command asked for it")
        sys.modules[missing] = None  # type: ignore[assignment] # so Python is told that there is no such module
    code = 0
    try:
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if not isinstance(end.code, int | None):
            sys.stderr.write(f"{end.code}\n")
    except BaseException:  # noqa: BLE001 (the last line of a process)
        code = 1
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Answer until stdin ends; in a child, be the command."""
    prepare()
    while line := sys.stdin.readline():
        child = os.fork()
        if not child:
            become(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
