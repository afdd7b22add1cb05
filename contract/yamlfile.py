"""YAML into checked models, with errors that name file, line and field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)
_OWN_WORDS = "Value error, "
_STRANGERS = {"extra_forbidden", "invalid_key"}
_QUOTED = re.compile(r"""(['"]).*\1""", re.DOTALL)


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

    def __init__(self, path: Path, *, secret: bool = False) -> None:
        """Read and parse `path`.

        Args:
            path: Of the file.
            secret: Show nothing that stands in the file when it is wrong.

        Raises:
            ConfigError: The file is missing or is no YAML mapping.
        """
        self.path, self.secret = path, secret
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
            problem = error.problem or "not YAML"
            raise ConfigError(f"{path}:{line}: {_QUOTED.sub('…', problem) if secret else problem}") from error
        except (yaml.YAMLError, ValueError) as error:  # a tag such as !!int before a text is a ValueError
            raise ConfigError(f"{path}: not YAML" + f": {error}" * (not secret)) from error
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

    def unshown(self, where: Sequence[str | int], message: str, *, stranger: bool) -> str:
        """The same for a file with secrets: neither what stands there nor the name of a field that is a `stranger` is shown."""
        place = [*where[:-1], "?"] if stranger else where
        text = message.removeprefix(_OWN_WORDS)
        return f"{self.path}:{self.line(where)}: {'.'.join(map(str, place)) or 'file'}: {text}"


def _child(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None


def load(model: type[M], path: Path, *, secret: bool = False) -> M:
    """The file as `model`; of a `secret` one no fault shows what stands there.

    Raises:
        ConfigError: With a line for each fault.
    """
    document = Document(path, secret=secret)
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
            if document.secret:
                lines.append(document.unshown(where, fault["msg"], stranger=fault["type"] in _STRANGERS))
            else:
                lines.append(document.fault(where, _words(fault["msg"], fault.get("input"))))
        raise ConfigError("\n".join(lines)) from error


def _words(message: str, given: object) -> str:
    text = message.removeprefix(_OWN_WORDS)
    shown = repr(given)
    return f"{text}, got {shown}" if len(shown) <= 60 and "got" not in text else text  # noqa: PLR2004 (fits a line)
