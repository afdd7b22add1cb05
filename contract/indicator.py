"""An indicator and its yearly target, as its file says it: what is summed, what that is divided by, and what people call it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contract import yamlfile
from contract.fault import Fault, located
from contract.institution import OWN_KINDS, Kind
from contract.operation import Text
from contract.yamlfile import Strict

MOST = 6
"""Indicators of a folder: each has its place on the wall all the time, and six can be read from afar."""
Amount = Literal["kgce", "kgCO2", "m3"]
"""What is summed: standard coal of all energies, CO2 of all energies, or water."""
Texts = dict[str, dict[str, str]]
"""Texts by their key in the catalogue, then by language (`zh`, `en`)."""
_LONGEST = 100
"""Characters of a text: more fits no line of the wall, a table or a message."""
_SHARED = {"unit": ("unit_name", "unit_short"), "per": ("per_name", "per_title")}
"""Texts about something that several indicators may have in common: one of the files says them."""


class Digits(Strict):
    """Decimals with which values are shown: on the overview and on terminals, on the wall, and in reports."""

    page: Annotated[int, Field(ge=0, le=6)]
    wall: Annotated[int, Field(ge=0, le=6)]
    report: Annotated[int, Field(ge=0, le=6)]


class Definition(Strict):
    """One indicator. A value is what the main meters of a scope used, divided by the scope's denominator over the same days."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,62}$")]
    """Its name in the interface."""
    order: Annotated[int, Field(ge=0, le=9999)]
    """Indicators are shown by this number, the smallest first."""
    name: Text
    of_year: Text
    """How a sentence calls it with its year; `{year}` stands for the year."""
    formula: Text
    """How it is computed, for the notes of the report."""
    sums: Amount
    vehicle_fuel: bool = True
    """Whether fuel of cars counts."""
    per: Kind
    """The denominator: `headcount`, `area` (m2), or a kind that the site's institutions have under `denominators`."""
    per_name: Text | None = None
    """What a sentence calls a kind of the site's own."""
    per_title: Text | None = None
    """How a table heads it, with its unit."""
    unit: Annotated[str, Field(pattern=r"^[A-Za-z0-9/]{1,24}$")]
    """Of its values, such as kgce/person."""
    unit_name: Text | None = None
    unit_short: Text | None = None
    """On the wall."""
    target_change: Annotated[Decimal, Field(gt=-1, lt=1)] | None = None
    """Against the same span of last year: -0.025 asks for 2.5 % less. None: there is no target, and no status."""
    digits: Digits
    basis: Annotated[str, Field(min_length=1)]
    """Where the definition and its target come from: a standard with its clause, or our own reasoning."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        faults = [*_unfitting(self), *_unsayable(self)]
        if faults:
            raise located(faults)
        return self


def _unfitting(one: Definition) -> Iterator[Fault]:
    if not one.unit.startswith(f"{one.sums}/"):
        yield Fault(("unit",), f"expected {one.sums}/ and what it is divided by, since {one.sums} are summed", one.unit)
    if one.sums == "m3" and not one.vehicle_fuel:
        yield Fault(("vehicle_fuel",), "expected none: water holds no fuel", one.vehicle_fuel)
    for field in _SHARED["per"] if one.per in OWN_KINDS else ():
        if getattr(one, field) is not None:
            yield Fault((field,), f"expected none: the catalogue names {one.per}", getattr(one, field).zh)


def _unsayable(one: Definition) -> Iterator[Fault]:
    """Texts that are empty, too long, or hold braces where nothing is filled in."""
    for field in ("name", "of_year", "formula", *_SHARED["unit"], *_SHARED["per"]):
        text: Text | None = getattr(one, field)
        for language, said in () if text is None else (("zh", text.zh), ("en", text.en)):
            words = {"{year}"} if field == "of_year" else set()
            if not said.strip() or len(said) > _LONGEST:
                yield Fault((field, language), f"expected 1 to {_LONGEST} characters", said)
            elif _braces(said) != words:
                yield Fault((field, language), f"expected {' and '.join(words) or 'no words'} in braces", said)


def _braces(text: str) -> set[str]:
    """What stands in braces, as it is written; `?` for braces that do not fit together."""
    try:
        parts = [(name, spec or conversion) for _, name, spec, conversion in Formatter().parse(text) if name is not None]
    except ValueError:
        return {"?"}
    return {"?" if more else f"{{{name}}}" for name, more in parts} | ({"?"} if "{{" in text or "}}" in text else set())


def load_definitions(folder: Path) -> tuple[Definition, ...]:
    """The indicators of a folder, a YAML file each, in the order in which they are shown.

    Raises:
        ConfigError: With file, line, field and what was expected, a line for each fault of each file.
    """
    if not folder.is_dir():
        raise yamlfile.ConfigError(f"{folder}: no such folder; expected one with *.yaml files, an indicator each")
    found: list[Definition] = []
    faults: list[str] = []
    paths = sorted(folder.glob("*.yaml"))
    for path in paths:
        try:
            one = yamlfile.load(Definition, path)
        except yamlfile.ConfigError as error:
            faults.append(str(error))
            continue
        if one.id != path.stem:
            faults.append(yamlfile.Document(path).fault(["id"], f"expected {path.stem!r}, the name of the file, got {one.id!r}"))
        found.append(one)
    if not 1 <= len(paths) <= MOST:
        faults.append(f"{folder}: expected 1 to {MOST} *.yaml files, an indicator each, got {len(paths)}")
    faults += () if faults else _disagreeing(folder, found)
    if faults:
        raise yamlfile.ConfigError("\n".join(faults))
    return tuple(sorted(found, key=lambda one: (one.order, one.id)))


def _disagreeing(folder: Path, found: Sequence[Definition]) -> Iterator[str]:
    """Units and denominators that no file names, or that two files name otherwise."""
    for key, field in ((key, field) for key, fields in _SHARED.items() for field in fields):
        first: dict[str, Definition] = {}
        for one in found:
            if getattr(one, field) is not None:
                first.setdefault(getattr(one, key), one)
        for one in found:
            about = getattr(one, key)
            expected = _unlike(one, first.get(about), field, about)
            if expected and about not in OWN_KINDS:
                yield yamlfile.Document(folder / f"{one.id}.yaml").fault([field], expected)


def _unlike(one: Definition, first: Definition | None, field: str, about: str) -> str:
    """What was expected of a text that may be shared; empty where it is right."""
    if first is None:
        return f"expected a text in both languages, since no file names {about}"
    same = getattr(one, field) in (None, getattr(first, field))
    return "" if same else f"expected the texts of {first.id}.yaml, or none, since both are about {about}"


def texts(definitions: Iterable[Definition]) -> Texts:
    """What the files of indicators add to the catalogue; `cloud/texts.py` and the dashboards' words have it."""
    found: dict[str, Text | None] = {}
    for one in definitions:
        said = {
            f"indicator.{one.id}": one.name,
            f"target.{one.id}": one.of_year,
            f"unit.{one.unit}": one.unit_name,
            f"wall.unit.{one.unit}": one.unit_short,
            f"denominator.{one.per}": one.per_name,
            f"report.of.{one.per}": one.per_title,
        }
        found |= {key: text for key, text in said.items() if text is not None}
    return {key: text.model_dump() for key, text in found.items() if text is not None}
