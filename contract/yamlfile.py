"""YAML into checked models, with errors that name file, line and field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


class ConfigError(ValueError):
    """A configuration that cannot be used; one line a fault: file, line, field and what was expected."""


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a key stands once and dates stay text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 (PyYAML's signature)
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Document:
    """One parsed YAML file that can say on which line a field stands."""

    def __init__(self, path: Path) -> None:
        """Read and parse `path`.

        Raises:
            ConfigError: The file is missing or is no YAML mapping.
        """
        self.path = path
        try:
            text = path.read_text(encoding="utf-8")
            loader = _Loader(text)
            self._root = loader.get_single_node()
            self.data: Any = loader.construct_document(self._root) if self._root else None
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: cannot be read: not UTF-8 at byte {error.start}") from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise ConfigError(f"{path}:{line}: {error.problem or 'not YAML'}") from error
        except yaml.YAMLError as error:
            raise ConfigError(f"{path}: not YAML: {error}") from error
        if not isinstance(self.data, dict):
            raise ConfigError(f"{path}:1: expected a mapping of fields")

    def line(self, where: Iterable[str | int]) -> int:
        """The line of the deepest part of `where` that the file has."""
        node = self._root
        line = 1
        for part in where:
            found = _child(node, part)
            if found is None:
                break
            line, node = found
        return line

    def fault(self, where: Iterable[str | int], message: str) -> str:
        """One line for a person: file, line, field, message."""
        parts = list(where)
        return f"{self.path}:{self.line(parts)}: {'.'.join(map(str, parts)) or 'file'}: {message}"


def _child(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None


def load(model: type[M], path: Path) -> M:
    """The file as `model`.

    Raises:
        ConfigError: With a line for each fault.
    """
    document = Document(path)
    return validate(model, document.data, {"": document})


def validate(model: type[M], data: Any, documents: Mapping[str, Document]) -> M:  # noqa: ANN401 (YAML is anything)
    """`data` as `model`; a fault is located in the document that holds its first field (key "" = any).

    Raises:
        ConfigError: With a line for each fault.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = []
        for fault in error.errors():
            where = [p for p in fault["loc"] if not (isinstance(p, str) and p.startswith("function-"))]
            first = str(where[0]) if where else ""
            document = documents.get(first) or documents.get("") or next(iter(documents.values()))
            lines.append(document.fault(where, _words(fault["msg"], fault.get("input"))))
        raise ConfigError("\n".join(lines)) from error


def _words(message: str, given: object) -> str:
    text = message.removeprefix("Value error, ")
    shown = repr(given)
    return f"{text}, got {shown}" if len(shown) <= 60 and "got" not in text else text  # noqa: PLR2004 (fits a line)
