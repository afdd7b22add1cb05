"""YAML into checked models, with errors that name file, line and field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

M = TypeVar("M", bound=BaseModel)
OWN_WORDS = "Value error, "
"""What pydantic puts before the words of our own checks."""
_STRANGERS = {"extra_forbidden", "invalid_key"}
_SHOWN = 60
"""Characters of a wrong value that still fit into a line."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_OF_ALIASES = 10
"""How many times as much as stands in a file its aliases may make of it."""
_MOST_NODES = 10_000
"""Parts of a file that are no matter however they were made."""
_READ_DIFFERENTLY = re.compile("[\t?!\ufeff]|[|>][-+0-9]*#")
"""Tabs, tags, question marks in flow mappings, marks of byte order and comments behind a block's sign: libyaml lets more of them pass."""
_QUOTED = re.compile(r"""(['"]).*\1""", re.DOTALL)


class ConfigError(ValueError):
    """A configuration that cannot be used; one line a fault: file, line, field and what was expected."""


class Strict(BaseModel):
    """A part of a file: unknown fields, infinite numbers and yes or no in place of a number are refused; nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, ignored_types=(cached_property,))

    @field_validator("*", mode="before")
    @classmethod
    def _yes_is_no_number(cls, given: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 (YAML is anything)
        """Pydantic takes true for 1, and YAML takes `on` and `yes` for true."""
        if _holds_a_bool(given) and not _takes_a_bool(cls.model_fields[info.field_name or ""].annotation):
            raise ValueError("expected a number or a text, not yes or no")
        return given


def _holds_a_bool(given: object) -> bool:
    parts = given.values() if isinstance(given, dict) else given if isinstance(given, list) else ()
    return isinstance(given, bool) or any(map(_holds_a_bool, parts))


def _takes_a_bool(annotation: object) -> bool:
    """Whether a type allows yes or no; models inside it judge their own fields."""
    if hasattr(annotation, "__metadata__"):  # what stands beside the type in Annotated is no type
        annotation = get_args(annotation)[0]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel | bool):
        return True
    return isinstance(annotation, bool) or annotation in (Any, object) or any(map(_takes_a_bool, get_args(annotation)))


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint such as `; nearest are power_a, power_b`, for a name that is not among the `known` ones; empty if none is like it."""
    import difflib  # noqa: PLC0415 (only a file with a fault needs it, and every program reads files)

    found = difflib.get_close_matches(name, sorted(known))
    return f"; nearest {'are' if len(found) > 1 else 'is'} {', '.join(found)}" if found else ""


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a key stands once and dates stay text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 (PyYAML's signature)
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_RESOLVERS = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.yaml_implicit_resolvers = _RESOLVERS


def _quickly(text: str) -> yaml.Node | None:
    """The document's node by libyaml, which takes a third of the time and refuses what is nested more than 1000 deep."""
    loader = yaml.CSafeLoader(text)
    loader.yaml_implicit_resolvers = _RESOLVERS
    root: yaml.Node | None = loader.get_single_node()
    return root


def _composed(text: str, loader: _Loader) -> yaml.Node | None:
    """The document's node; the same on every machine, with libyaml or without.

    What libyaml refuses is read again by Python, whose words a person sees, and so is what the two read differently.
    """
    if yaml.__with_libyaml__ and not _READ_DIFFERENTLY.search(text):
        with suppress(yaml.YAMLError):
            return _quickly(text)
    root: yaml.Node | None = loader.get_single_node()
    return root


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
            self._root: yaml.Node | None = _composed(text, loader)
            misread = [self._unread(where, message) for where, message in self._wrong()]
            self.data: Any = None if misread or not self._root else loader.construct_document(self._root)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: cannot be read: not UTF-8 at byte {error.start}") from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            problem = error.problem or "not YAML"
            raise ConfigError(f"{path}:{line}: {_QUOTED.sub('…', problem) if secret else problem}") from error
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            sign = f"U+{ord(text[error.position]):04X}"
            raise ConfigError(f"{path}:{line}: expected a text without control characters, got {sign}") from error
        except (yaml.YAMLError, ValueError) as error:  # a tag such as !!int before a text is a ValueError
            raise ConfigError(f"{path}: not YAML" + f": {error}" * (not secret)) from error
        except (LookupError, TypeError, AttributeError, RecursionError) as error:  # what PyYAML stumbles over
            raise ConfigError(
                f"{path}: not YAML: a tag that does not fit what it stands before, or brackets in brackets without end"
            ) from error
        if misread:
            raise ConfigError("\n".join(misread))
        if not isinstance(self.data, dict):
            raise ConfigError(f"{path}:1: expected a mapping of fields")

    def line(self, where: Iterable[str | int]) -> int:
        """The line of the deepest part of `where` that the file has."""
        return self._find(where)[0]

    def written(self, where: Iterable[str | int], given: object) -> str:
        """How `given` is written where it stands, if YAML takes it for something else than text; else empty."""
        node = self._find(where)[1]
        if isinstance(node, yaml.ScalarNode) and not node.style and isinstance(given, bool | int | float):
            return str(node.value)
        return ""

    def _find(self, where: Iterable[str | int]) -> tuple[int, yaml.Node | None]:
        """Line and node of the deepest part of `where` that the file has."""
        node, line = self._root, 1
        for part in where:
            found = _child(node, part)
            if found is None:
                break
            line, node = found
        return line, node

    def fault(self, where: Iterable[str | int], message: str) -> str:
        """One line for a person: file, line, field, message."""
        parts = list(where)
        return f"{self.path}:{self.line(parts)}: {_named(parts)}: {message}"

    def _wrong(self) -> list[tuple[Where, str]]:
        return list(_misread(self._root, (), {})) or list(_swelling(self._root))

    def _unread(self, where: Where, message: str) -> str:
        return self.unshown(where, "expected a plain name or number", stranger=False) if self.secret else self.fault(where, message)

    def unshown(self, where: Sequence[str | int], message: str, *, stranger: bool) -> str:
        """The same for a file with secrets: neither what stands there nor the name of a field that is a `stranger` is shown."""
        place = [*where[:-1], "?"] if stranger else where
        text = message.removeprefix(OWN_WORDS)
        return f"{self.path}:{self.line(where)}: {_named(place)}: {text}"


def _named(place: Sequence[str | int]) -> str:
    """A field for a person, in signs that every terminal takes."""
    return ".".join(map(str, place)).encode("utf-8", "backslashreplace").decode() or "file"


_TAG = "tag:yaml.org,2002:"
_OCTAL = re.compile(r"[-+]?0[0-7_]*[0-7]")
_NUMBERS = {f"{_TAG}int", f"{_TAG}float"}
_READ_AS = {f"{_TAG}bool": "yes or no", f"{_TAG}null": "nothing"}


Where = tuple[str | int, ...]
"""A field: keys and list positions from the top of the file."""


def _misread(node: yaml.Node | None, where: Where, over: dict[int, bool]) -> Iterator[tuple[Where, str]]:
    """(field, what is wrong) of numbers and names that YAML 1.1 takes for something else than a person does.

    `over` says of each node that was met whether all of it was looked at; an alias may name a node twice, and its own surroundings.
    """
    if id(node) in over:
        if not over[id(node)]:
            yield where, "expected no alias of what it stands in"
        return
    over[id(node)] = False
    yield from _misread_parts(node, where, over)
    over[id(node)] = True


def _misread_parts(node: yaml.Node | None, where: Where, over: dict[int, bool]) -> Iterator[tuple[Where, str]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if not isinstance(key, yaml.ScalarNode) or key.tag in _READ_AS:
                read = f'; YAML reads {name} as {_READ_AS[key.tag]}, write "{name}" in quotes' if key.tag in _READ_AS else ""
                yield (*where, name), f"expected a name before the colon{read}"
            yield from _halved(key, (*where, name))
            yield from _misread(value, (*where, name), over)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _misread(value, (*where, number), over)
    elif isinstance(node, yaml.ScalarNode) and node.tag in _NUMBERS:
        yield from ((where, message) for message in _odd(node.value))
    elif node is not None:
        yield from _halved(node, where)


def _halved(node: yaml.Node, where: Where) -> Iterator[tuple[Where, str]]:
    """Texts with half of a character, as which YAML reads an escape of such a half."""
    found = _SURROGATE.search(node.value) if isinstance(node, yaml.ScalarNode) else None
    if found:
        yield where, f"expected whole characters; \\u{ord(found[0]):04X} is half of one"


def _swelling(root: yaml.Node | None) -> Iterator[tuple[Where, str]]:
    """The field that swells most, in a file whose aliases make far more of it than stands there; no alias holds itself."""
    sizes: dict[int, int] = {}
    size = 0 if root is None else _size(root, sizes)
    if isinstance(root, yaml.MappingNode) and size > max(_MOST_OF_ALIASES * len(sizes), _MOST_NODES):
        key, _ = max(root.value, key=lambda pair: sizes[id(pair[1])])
        yield (key.value,), f"expected aliases that make at most {_MOST_OF_ALIASES} times as much of the file as stands there"


def _size(node: yaml.Node, sizes: dict[int, int]) -> int:
    """Of how many parts it is made once each alias is what it stands for."""
    if id(node) not in sizes:
        parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        sizes[id(node)] = 1 + (0 if isinstance(node, yaml.ScalarNode) else sum(_size(part, sizes) for part in parts))
    return sizes[id(node)]


def _odd(number: str) -> Iterator[str]:
    """What is wrong with a number that YAML 1.1 reads to a base that nobody thinks of."""
    if ":" in number:
        yield f'expected a number, or "{number}" in quotes for a text; YAML reads {number} to the base 60'
    elif _OCTAL.fullmatch(number):
        digits = number.replace("_", "")
        yield f'expected {int(digits)}, or "{number}" in quotes for a text; YAML reads {number} as octal, {int(digits, 8)}'


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
                given = fault.get("input")
                lines.append(document.fault(where, worded(fault["msg"], given, document.written(where, given))))
        raise ConfigError("\n".join(lines)) from error


def worded(message: str, given: object, written: str = "") -> str:
    """What was expected, and what stands there as far as it is short; `written`: as which text, where YAML took it for something else."""
    text = message.removeprefix(OWN_WORDS)
    shown = repr(given)
    if len(shown) <= _SHOWN and "got" not in text:
        text += f", got {shown}"
    if written and (isinstance(given, bool) or "string" in message):
        text += f"; YAML reads {written} as {'yes or no' if isinstance(given, bool) else 'a number'}, a text stands in quotes"
    return text
