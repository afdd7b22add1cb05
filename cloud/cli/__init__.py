"""The commands of `jieyue-cloud`, one file each, found by being here.

A file has `add_parser`, which adds its command and names, by `shared.add`, the function that runs it. `shared` has what they
have in common.
"""

from __future__ import annotations


def command_of(file: str) -> str:
    """The command of a file's name: `load_shape` has `load-shape`, `import_` has `import`, which no Python file can be called."""
    return file.rstrip("_").replace("_", "-")
