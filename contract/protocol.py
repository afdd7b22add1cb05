"""Which protocols there are, and the model that each has for its part of a file; none is known here by name.

A protocol is a package, found by entry point. Its `model` says what may stand in the files, and imports nothing but pydantic and
`contract`:

- `Bus`, `Device`, `Profile` and `Point`, derived from `contract.site.Bus`, `contract.site.Device`, `contract.profile.Profile` and
  `contract.profile.PointMap`, with the fields that only this protocol has; `Profile.points` holds its `Point`s;
- what their methods say of a site as a whole: where a bus ends, by which address a device is found, which settings do not fit.

Files stay flat: a bus and a profile name their protocol, and a device is of the protocol of its bus.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

from pydantic import ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import to_jsonable_python

from contract.fault import Fault, absent, located
from contract.yamlfile import Strict

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.fields import FieldInfo
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

GROUP = "jieyue.protocols"
"""Of entry points; each names a protocol as sites write it, and its package."""


@cache
def packages() -> Mapping[str, str]:
    """The package of each installed protocol, by the name that sites use.

    Raises:
        ValueError: Two packages claim one name, or there is none.
    """
    found: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP)):
        if found.setdefault(point.name, point.value) != point.value:
            raise ValueError(f"the protocol {point.name!r} is claimed twice, by {found[point.name]} and {point.value}")
    if not found:
        raise ValueError("no protocol is installed: the installation is older than its code; install it anew")
    return found


class Spoken(Strict):
    """A part of a file whose fields depend on the protocol; each protocol has a model of its own for it."""

    model_config = ConfigDict(defer_build=True)  # what no file asks for is never built; most of a start's time went there

    part: ClassVar[str]
    """What the model of this part is called in each protocol's `model`."""

    @classmethod
    def elsewhere(cls, field: str, given: object, protocol: str) -> tuple[str, object]:
        """What is said of a field of ours where another protocol speaks, and what is shown as given; no text where it is passed over.

        A field with its default value is always passed over.
        """
        del field
        return f"expected none on {protocol}: there is no such thing", given

    @model_validator(mode="wrap")
    @classmethod
    def _spoken(cls, given: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401 (YAML is anything)
        """The part as the model of its protocol."""
        if isinstance(given, OfBus):
            model = _model(given.protocol, cls.part)
            return validate(_passed(cls, given.fields)) if model is None else cast("Self", model.model_validate(given.fields))
        if not isinstance(given, dict):
            return validate(given)
        if protocol_of(cls) is not None:
            return _checked(cls, given, validate)
        if "protocol" not in cls.model_fields:
            return validate(given)
        if "protocol" not in given:
            raise absent("protocol", given)
        model = _model(given["protocol"], cls.part)
        if model is None:
            raise located([Fault(("protocol",), f"Input should be {_one_of(packages())}", given["protocol"])])
        return cast("Self", model.model_validate(given))

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Of a part that all protocols have: any of theirs. Of one of a protocol: with the fields of others that are passed over."""
        if protocol_of(cls) is not None:
            return _lenient(cls, handler(core_schema), handler)
        every = list(models(cls))
        for model in every:
            model.model_rebuild()
        return {
            "anyOf": [_lenient(model, handler(model.__pydantic_core_schema__), handler) for model in every],
            "description": cls.__doc__ or "",
        }


class OfBus:
    """The fields of a device, with the protocol of its bus; None where nobody knows it."""

    __slots__ = ("fields", "protocol")

    def __init__(self, fields: dict[str, Any], protocol: object) -> None:
        self.fields, self.protocol = fields, protocol

    def __repr__(self) -> str:
        """As the file has it, for whoever is told of a fault."""
        return repr(self.fields)


def _model(protocol: object, part: str) -> type[Spoken] | None:
    """The model of a protocol for a part; None for a protocol that is not installed, or is no name."""
    return _installed(protocol, part) if isinstance(protocol, str) and protocol in packages() else None


def _installed(protocol: str, part: str) -> type[Spoken]:
    """The model of an installed protocol.

    Raises:
        ValueError: It cannot be loaded.
    """
    found = _loaded(protocol, part)
    if isinstance(found, str):
        raise ValueError(found)
    return found


@cache
def _loaded(protocol: str, part: str) -> type[Spoken] | str:
    """The model of an installed protocol, or why it cannot be loaded."""
    try:
        return cast("type[Spoken]", getattr(importlib.import_module(f"{packages()[protocol]}.model"), part))
    except (ImportError, AttributeError) as error:
        return f"the protocol {protocol} cannot be loaded: {error}"


@cache
def protocol_of(cls: type[Spoken]) -> str | None:
    """The protocol whose model a class is, or is derived from; None for one that all have."""
    for base in cls.__mro__:
        for name, package in packages().items():
            if base.__module__ == package or base.__module__.startswith(f"{package}."):
                return name
    return None


@cache
def _names(cls: type[Spoken]) -> Mapping[str, FieldInfo]:
    """Fields by their names as files write them."""
    return {info.alias or name: info for name, info in cls.model_fields.items()}


S = TypeVar("S", bound=Spoken)


def models(common: type[S]) -> Iterator[type[S]]:
    """The model of each protocol for a part, from the one that all have; who asks for one that cannot be loaded is told so."""
    yield from (cast("type[S]", model) for name in packages() if not isinstance(model := _loaded(name, common.part), str))


def _checked(cls: type[S], given: dict[str, Any], validate: ModelWrapValidatorHandler[S]) -> S:
    """A part of one protocol, without the fields that only others have: a file may keep what is no use to the protocol that is spoken.

    Raises:
        ValidationError: It must not, since somebody would think that it took effect; or anything else is wrong.
    """
    strange = given.keys() - _names(cls).keys()
    if not strange:
        return validate(given)
    theirs = {field: said for field in given if field in strange and (said := _said(cls, field, given[field]))}
    faults = [Fault((field,), *said[0]) for field, said in theirs.items() if all(text for text, _ in said)]
    try:
        made = validate({field: value for field, value in given.items() if field not in theirs})
    except ValidationError as error:
        if faults:
            raise located(faults, beside=error) from error
        raise
    if faults:
        raise located(faults)
    return made


def _passed(cls: type[Spoken], given: dict[str, Any]) -> dict[str, Any]:
    """The fields of which no protocol is the only owner; nobody knows which one is spoken."""
    return {field: value for field, value in given.items() if field in _names(cls) or not _said(cls, field, value)}


def _said(cls: type[Spoken], field: str, given: object) -> list[tuple[str, object]]:
    """What each protocol that has a field says of it where another speaks."""
    owners = [model for model in models(cls) if field in _names(model)]
    usual = [given == _names(model)[field].get_default(call_default_factory=True) for model in owners]
    speaks = protocol_of(cls) or ""
    return [("", given) if same else model.elsewhere(field, given, speaks) for model, same in zip(owners, usual, strict=True)]


def _lenient(cls: type[Spoken], schema: JsonSchemaValue, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    """The schema of a part that lets pass what the loader passes over."""
    handler.resolve_ref_schema(schema).setdefault("properties", {}).update(_passed_over(cls))
    return schema


def _passed_over(cls: type[Spoken]) -> dict[str, JsonSchemaValue]:
    """What a file may say of the fields that only other protocols have: anything, where it is passed over, else the default value."""
    found: dict[str, JsonSchemaValue] = {}
    for owner in models(cls):
        for field, info in _names(owner).items():
            if field in _names(cls):
                continue
            if not all(text for text, _ in _said(cls, field, _NO_VALUE)):
                found[field] = {}
            elif field not in found and not info.is_required():
                found[field] = {"const": to_jsonable_python(info.get_default(call_default_factory=True))}
    return found


_NO_VALUE = object()
"""Stands in for what a file may say; no field has it as its default."""


def _one_of(names: Mapping[str, str]) -> str:
    quoted = [repr(name) for name in names]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}" if len(quoted) > 1 else "".join(quoted)
