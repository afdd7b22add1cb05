"""What all command lines have in common: a fault of the input is one line and exit code 2, whoever finds it."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from contract.clock import moment
from contract.decimals import decimal

FAILED = 1
"""Exit code where the machine or a device refuses."""
BAD_INPUT = 2
"""Exit code for what the caller can mend."""
_SHARED = "shared"
"""The file of a folder of commands that is none: what the others have in common."""
_LAST_PORT = 0xFFFF
_LAST_UNIT = 247
"""MODBUS over Serial Line V1.02, 2.2: addresses of slaves are 1 to 247."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage above it."""

    def error(self, message: str) -> NoReturn:
        """End the program with exit code 2."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}\n")


Commands = argparse._SubParsersAction  # noqa: SLF001 (argparse names it nowhere else)


def command_of(file: str) -> str:
    """The command of a file's name: `load_shape` has `load-shape`, `import_` has `import`, which no Python file can be called."""
    return file.rstrip("_").replace("_", "-")


def add_commands(parser: Parser, folder: ModuleType, wanted: Sequence[str] = ()) -> None:
    """Add the commands that stand in a folder, a file each, whose `add_parser` says what its command takes.

    Args:
        parser: Of the program.
        folder: A package.
        wanted: Where a command is called so, only that one is loaded, since each brings libraries that take time.
    """
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    files = sorted(
        file.stem
        for place in folder.__path__
        for file in Path(place).glob("*.py")
        if file.stem.isidentifier() and file.stem not in {"__init__", _SHARED}
    )
    for name in [name for name in files if command_of(name) in wanted] or files:
        import_module(f"{folder.__name__}.{name}").add_parser(commands)


@contextmanager
def loading() -> Iterator[None]:
    """While modules are loaded, the collector rests: they stay until the program ends, and to look for what may go took a fifth of that."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def fail(program: str, reason: object, code: int = BAD_INPUT) -> int:
    """Say on stderr what is wrong, each line with the program's name; returns the exit code."""
    sys.stderr.writelines(f"{program}: {line}\n" for line in str(reason).splitlines())
    return code


def ended(program: str, command: Callable[[], int]) -> int:
    """Run a command and return its exit code: 2 for a wrong file, setting or argument, 1 where the machine refuses."""
    try:
        return command()
    except (ValueError, argparse.ArgumentTypeError) as error:
        return fail(program, error)
    except OSError as error:
        return fail(program, error, FAILED)


def port(text: str) -> int:
    """A TCP port.

    Raises:
        ArgumentTypeError: With what was expected.
    """
    if text.isascii() and text.isdigit() and int(text) <= _LAST_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a port from 0 (a free one) to 65535, got {text!r}")


def unit(text: str) -> int:
    """A Modbus unit id.

    Raises:
        ArgumentTypeError: With what was expected.
    """
    if text.isascii() and text.isdigit() and 1 <= int(text) <= _LAST_UNIT:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a unit id from 1 to 247, got {text!r}")


def units(text: str) -> list[int]:
    """Unit ids such as `1-40` or `1,3,7-9`, rising and each once.

    Raises:
        ArgumentTypeError: With what was expected.
    """
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        low, high = unit(first), unit(last if dash else first)
        if low > high:
            raise argparse.ArgumentTypeError(f"expected units such as 1-40 or 1,3,7-9, got {text!r}")
        found.update(range(low, high + 1))
    return sorted(found)


def number(text: str) -> float:
    """The float nearest to what is written.

    Raises:
        ArgumentTypeError: With what was expected.
    """
    try:
        return float(decimal(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def seconds(text: str) -> float:
    """A time of at least a hundredth and at most a minute.

    Raises:
        ArgumentTypeError: With what was expected.
    """
    value = number(text)
    if 0.01 <= value <= 60.0:  # noqa: PLR2004 (a hundredth of a second to a minute)
        return value
    raise argparse.ArgumentTypeError(f"expected seconds from 0.01 to 60, got {text!r}")


def at(text: str) -> int:
    """A moment in ms since 1970 in UTC.

    Raises:
        ArgumentTypeError: With what was expected.
    """
    try:
        return moment(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
