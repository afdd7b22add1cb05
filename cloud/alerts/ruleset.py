"""Rules as data: one YAML file a rule, checked against points, units, device classes and conditions when it is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cached_property, lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cloud.alerts import conditions
from cloud.alerts.machine import Timing
from cloud.alerts.observe import Condition, Duration, Needs, Parameters
from contract import yamlfile
from contract.fault import Fault, located
from contract.operation import Text
from contract.point import POINTS
from contract.profile import Profile, load_profile, own_profiles, profile_names
from contract.site import Site
from contract.units import Unit

SHIPPED = Path(__file__).with_name("rules")
"""The folder of the shipped rules."""
GATEWAY = "gateway"
"""The class of gateways, which have no profile."""
_GATEWAY_POINTS = ("outbox_", "bus_")
_PLAIN_WORDS = frozenset({"name", "value", "limit", "unit"})
_PARTS = frozenset(".[")
_ALONE = "expected words alone in braces, without format, conversion, attribute or index"
"""Every word is a text when it is filled in, a number too: its format would fail then."""
_GAPS = 3


class Severity(StrEnum):
    """How much an alert matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """For comparison."""
        return list(Severity).index(self)


class Rule(BaseModel):
    """One rule."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, ignored_types=(cached_property,))

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,62}$")]
    severity: Severity
    condition: str
    classes: list[str] = []
    """Device classes that it watches; empty where the condition does not watch devices."""
    point: str | None = None
    unit: Unit | Literal["%", "kgce", "m3"] = Unit.NONE
    """Of value and limit as people read them; of the point where there is one."""
    given: dict[str, Any] = {}
    """The condition's numbers."""
    hysteresis: Annotated[float, Field(ge=0)] = 0.0
    """How far, in the unit, a value must come back behind the limit to count as normal."""
    fire_after: Duration = 0
    resolve_after: Duration = 0
    every: Duration = 0
    """Time between two looks; 0 = with every round."""
    inhibits: list[str] = []
    """Rules of whose alerts nobody is told while one of this rule is open above them (`cloud/alerts/inhibit.py`)."""
    basis: str
    """Where the rule comes from: a standard with its clause, or our own reasoning."""
    title: Text
    detail: Text

    @cached_property
    def known(self) -> Condition:
        """The registered condition."""
        return conditions.CONDITIONS[self.condition]

    @cached_property
    def numbers(self) -> Parameters:
        """`given` as the condition's model."""
        return self.known.given.model_validate(self.given)

    @cached_property
    def reads(self) -> frozenset[str]:
        """The points whose newest readings its condition looks at."""
        return self.known.reads if self.point is None else self.known.reads | {self.point}

    @cached_property
    def timing(self) -> Timing:
        """For the state machine; a rule that is looked at rarely may miss two looks."""
        return Timing(self.fire_after, self.resolve_after, self.hysteresis, max(Timing().longest_gap, _GAPS * self.every))

    @model_validator(mode="after")
    def _known_words_only(self) -> Self:
        faults = [*_unknown(self), *_texts(self)]
        if faults:
            raise located(faults)
        return self


def _profiles() -> dict[str, list[Profile]]:
    """Profiles by class, a site's own ones included; gateways have none."""
    return _by_class(own_profiles())


@lru_cache(maxsize=8)
def _by_class(own: str) -> dict[str, list[Profile]]:
    found: dict[str, list[Profile]] = {GATEWAY: []}
    for name in profile_names(own):
        profile = load_profile(name, own)
        found.setdefault(profile.device_class, []).append(profile)
    return found


def _unknown(rule: Rule) -> Iterator[Fault]:
    classes = _profiles()
    for number, name in enumerate(rule.classes):
        if name not in classes:
            yield Fault(("classes", number), f"no such device class; expected one of {', '.join(sorted(classes))}", name)
    condition = conditions.CONDITIONS.get(rule.condition)
    if condition is None:
        yield Fault(("condition",), f"no such condition; expected one of {', '.join(sorted(conditions.CONDITIONS))}", rule.condition)
        return
    known = [name for name in rule.classes if name in classes]
    yield from _classes(rule, known, condition.needs)
    yield from _point(rule, known, condition.needs)
    try:
        condition.given.model_validate(rule.given)
    except ValidationError as error:
        for fault in error.errors():
            yield Fault(("given", *fault["loc"]), fault["msg"].removeprefix("Value error, "), fault["input"])


def _classes(rule: Rule, classes: Sequence[str], needs: Needs) -> Iterator[Fault]:
    if bool(rule.classes) != needs.classes:
        expected = "at least one class of devices" if needs.classes else "none"
        judged = "judges devices of some classes" if needs.classes else "does not look at classes"
        yield Fault(("classes",), f"expected {expected}, since {rule.condition} {judged}", rule.classes)
    for name in classes if needs.beside else ():
        if not any(points <= profile.points.keys() for profile in _profiles()[name] for points in needs.beside):
            wanted = " or ".join(" and ".join(sorted(points)) for points in needs.beside)
            yield Fault(("classes", rule.classes.index(name)), f"expected a class with {wanted}, which {rule.condition} judges by", name)


def _point(rule: Rule, classes: Sequence[str], needs: Needs) -> Iterator[Fault]:
    if rule.point is not None and rule.point not in POINTS:
        yield Fault(("point",), "no such point; expected a name of contract/point.py", rule.point)
        return
    if rule.point not in needs.points if needs.points else rule.point is not None:
        some = ", ".join(sorted(needs.points)) if len(needs.points) < len(POINTS) else "a name of contract/point.py"
        expected = (
            f"{some}, which {rule.condition} looks at" if some else f"none, since {rule.condition} looks at no point that a rule names"
        )
        yield Fault(("point",), f"expected {expected}", rule.point)
        return
    unit = str(needs.unit if rule.point is None else POINTS[rule.point].unit)
    if str(rule.unit) != unit:
        yield Fault(("unit",), f"expected {unit}: nothing converts the values", str(rule.unit))
    if rule.point is None:
        return
    for name in classes:
        has = any(rule.point in profile.points for profile in _profiles()[name])
        if not has and not (name == GATEWAY and rule.point.startswith(_GATEWAY_POINTS)):
            yield Fault(("point",), f"expected a point that a profile of class {name} has", rule.point)


def _texts(rule: Rule) -> Iterator[Fault]:
    condition = conditions.CONDITIONS.get(rule.condition)
    known = _PLAIN_WORDS | (condition.annotations if condition else frozenset())
    for field, text in (("title", rule.title), ("detail", rule.detail)):
        for language, template in (("zh", text.zh), ("en", text.en)):
            try:
                parsed = [(name, spec or conversion) for _, name, spec, conversion in Formatter().parse(template) if name is not None]
            except ValueError as error:
                yield Fault((field, language), f"expected words in braces: {error}", template)
                continue
            for name, more in sorted(parsed):
                if more or not _PARTS.isdisjoint(name):
                    yield Fault((field, language), _ALONE, template)
                elif condition and name not in known:
                    yield Fault((field, language), f"no such word; expected one of {', '.join(sorted(known))}", name)


def load_rules(folder: Path = SHIPPED) -> dict[str, Rule]:
    """The rules in a folder, by id.

    Raises:
        ConfigError: With file, line, field and what was expected, a line for each fault of each file.
    """
    if not folder.is_dir():
        raise yamlfile.ConfigError(f"{folder}: no such folder; expected one with *.yaml files, a rule each")
    rules: dict[str, Rule] = {}
    faults: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            rule = yamlfile.load(Rule, path)
        except yamlfile.ConfigError as error:
            faults.append(str(error))
            continue
        if rule.id != path.stem:
            faults.append(yamlfile.Document(path).fault(["id"], f"expected {path.stem!r}, the name of the file, got {rule.id!r}"))
        rules[rule.id] = rule
    faults += [] if faults else _inhibitions(folder, rules)
    if not rules and not faults:
        faults.append(f"{folder}: no *.yaml in it; expected rules")
    if faults:
        raise yamlfile.ConfigError("\n".join(faults))
    return rules


def _inhibitions(folder: Path, rules: dict[str, Rule]) -> Iterator[str]:
    """An inhibited rule that is none would inhibit nothing; rules that inhibit each other would hide both."""
    known = rules.keys() | {path.stem for path in SHIPPED.glob("*.yaml")}
    for rule in rules.values():
        for number, name in enumerate(rule.inhibits):
            if name not in known:
                yield f"{folder / rule.id}.yaml: inhibits.{number}: expected the id of a rule, got {name!r}"
    try:
        TopologicalSorter({rule.id: rule.inhibits for rule in rules.values()}).prepare()
    except CycleError as error:
        yield f"{folder}: inhibits: expected no circle, got {' -> '.join(error.args[1])}"


def check_exemptions(site: Site, rules: dict[str, Rule]) -> None:
    """An exemption that names no rule or no subject would except nothing, silently.

    Raises:
        ConfigError: With the field and what was expected.
    """
    subjects = {d.id for d in site.devices} | {m.id for m in site.meters} | {g.id for g in site.gateways}
    for number, exemption in enumerate(site.operation.exemptions):
        where = f"site {site.id}: operation.exemptions.{number}"
        if exemption.rule not in rules:
            raise yamlfile.ConfigError(f"{where}.rule: expected the id of a rule, got {exemption.rule!r}")
        for subject in exemption.subjects:
            if subject not in subjects:
                raise yamlfile.ConfigError(f"{where}.subjects: expected the id of a device, meter or gateway, got {subject!r}")
