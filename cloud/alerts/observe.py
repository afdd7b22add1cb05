"""What conditions are given and what they answer; a condition registers itself by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict

from contract.units import Unit

if TYPE_CHECKING:
    from cloud.alerts.ruleset import Rule
    from cloud.alerts.view import View

Word = str | float | Mapping[str, str]
"""A text for both languages, a number, or a text in each language by `zh` and `en`."""
Memory = dict[str, Any]
"""What a condition keeps of a subject between two looks; JSON."""
_UNITS = {"s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONGEST = 366 * _UNITS["d"]


def _duration(given: object) -> int:
    text = str(given)
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    if not number.isdigit() or text[len(number) :] not in _UNITS:
        raise ValueError("expected a duration such as 30s, 15min, 2h or 1d")
    found = int(number) * _UNITS[text[len(number) :]]
    if found > _LONGEST:
        raise ValueError("expected a duration of at most 366d")
    return found


Duration = Annotated[int, BeforeValidator(_duration)]
"""ms, written as a number with s, min, h or d; at most 366d."""


class Parameters(BaseModel):
    """Numbers that a rule gives to its condition; each condition has its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a rule must say so that its condition can judge anything; what else it says would hold for nothing.

    Attributes:
        classes: It looks at the devices of the rule's classes.
        points: The rule's point is one of these; without any, the condition looks at no point that a rule names.
        beside: A class has a profile with all points of one of these.
        unit: Of its values, where there is no point that has one.
    """

    classes: bool = False
    points: frozenset[str] = frozenset()
    beside: tuple[frozenset[str], ...] = ()
    unit: str = Unit.NONE


class Observation(NamedTuple):
    """What a condition says of one subject. A tuple, since each round makes thousands.

    Attributes:
        subject: Device, gateway, meter or scope.
        excess: Above 0 the limit is passed, by so much; None where nothing good is known.
        value: What was measured, in the rule's unit.
        limit: What it is held against.
        annotations: For the rule's texts.
        memory: What to keep until the next look; None keeps what there is.
    """

    subject: str
    excess: float | None
    value: float | None = None
    limit: float | None = None
    annotations: Mapping[str, Word] = MappingProxyType({})
    memory: Memory | None = None


Observe = Callable[["Rule", Any, "View", Mapping[str, Memory]], Iterator[Observation]]


@dataclass(frozen=True, slots=True)
class Condition:
    """A registered function.

    Attributes:
        name: As rules call it.
        observe: The function; it sees the rule, its numbers, what is known now, and what it kept by subject.
        given: The model of its numbers.
        annotations: Names that its observations bring for a rule's texts.
        needs: What a rule must say for it.
        reads: The points whose newest readings it looks at, beside the rule's own; no others are read for it.
        sparse: It speaks only of subjects with something to say; the others are normal. Otherwise a subject that it does
            not speak of is no longer watched.
    """

    name: str
    observe: Observe
    given: type[Parameters]
    annotations: frozenset[str]
    needs: Needs
    reads: frozenset[str]
    sparse: bool


_NOTHING = Needs()
CONDITIONS: dict[str, Condition] = {}
"""By name; `cloud.alerts.conditions` fills it."""


def condition(
    name: str,
    given: type[Parameters] = Parameters,
    *,
    annotations: tuple[str, ...] = (),
    needs: Needs = _NOTHING,
    reads: Iterable[str] = (),
    sparse: bool = False,
) -> Callable[[Observe], Observe]:
    """Register a function as a condition.

    Raises:
        ValueError: The name is taken.
    """

    def register(observe: Observe) -> Observe:
        if name in CONDITIONS:
            raise ValueError(f"condition {name!r} is claimed by {CONDITIONS[name].observe.__module__} and {observe.__module__}")
        CONDITIONS[name] = Condition(name, observe, given, frozenset(annotations), needs, frozenset(reads), sparse)
        return observe

    return register
