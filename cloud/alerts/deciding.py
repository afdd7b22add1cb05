"""What a round decides, from what is known now and what is kept: pure, so that no database waits for a rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from cloud.alerts import machine, opening
from cloud.alerts.machine import OPEN, QUIET, Event, Phase, Reason, State
from cloud.alerts.observe import Memory, Observation
from cloud.alerts.repository.standing import Kept
from cloud.alerts.ruleset import Rule
from cloud.alerts.view import View

_NO_MEMORY: Memory = {}
_NOTHING_MOVED: Mapping[str, str | None] = MappingProxyType({})
Standing = Mapping[tuple[str, str], Kept]
"""What is kept by rule and subject."""


class Change(NamedTuple):
    """A step to keep: what a rule says of a subject now. A tuple, since each round makes thousands.

    Attributes:
        rule: Its id.
        subject: Of the observation.
        kept: The state to keep, with what the condition remembers.
        event: What happened; most steps bring nothing about.
        reason: Why.
        opened: The row of the alert that it opens, where it fired.
    """

    rule: str
    subject: str
    kept: Kept
    event: Event | None
    reason: Reason
    opened: Mapping[str, Any] | None = None


def by_rule(kept: Standing) -> defaultdict[str, dict[str, Kept]]:
    """What is kept of each rule, by subject."""
    found: defaultdict[str, dict[str, Kept]] = defaultdict(dict)
    for (rule, subject), one in kept.items():
        found[rule][subject] = one
    return found


def of_rule(rule: Rule, view: View, mine: Mapping[str, Kept]) -> Iterator[Change]:
    """The steps of a rule, of which `mine` is kept: of each subject that a step may change, or of which it keeps something."""
    exempt = view.site.operation.exempt(rule.id)
    seen: set[str] = set(exempt)
    for observation in rule.known.observe(rule, rule.numbers, view, {subject: found.memory for subject, found in mine.items()}):
        if observation.subject in seen:
            continue
        seen.add(observation.subject)
        found = mine.get(observation.subject)
        if not _stays(found, observation):
            yield _stepped(rule, view, found, observation)
    for subject, found in mine.items():
        if subject in exempt or (subject not in seen and not rule.known.sparse):
            yield from _dropped(rule.id, subject, found, view.now)
        elif subject not in seen and found.state.phase not in QUIET:
            yield _stepped(rule, view, found, Observation(subject, -abs(rule.hysteresis) - 1))


def _stays(found: Kept | None, observation: Observation) -> bool:
    """Whether a subject was normal and is, or is open and still beyond, so that a step would change nothing that is kept.

    There are thousands of these in each round.
    """
    excess, memory = observation.excess, observation.memory
    if memory is not None and memory != (_NO_MEMORY if found is None else found.memory):
        return False
    if found is None or found.state.phase in QUIET:
        return excess is None or excess <= 0
    return excess is not None and excess > 0 and found.state.phase in OPEN and found.state.clear_since is None


def _stepped(rule: Rule, view: View, found: Kept | None, observation: Observation) -> Change:
    before = found or Kept(State(), None, _NO_MEMORY)
    state, event, reason = machine.step(before.state, observation.excess, rule.timing, view.now)
    memory = before.memory if observation.memory is None else observation.memory
    if event is Event.FIRED:
        row = opening.opened(view, rule, observation, state)
        return Change(rule.id, observation.subject, Kept(state, row["id"], memory), event, reason, row)
    return Change(rule.id, observation.subject, Kept(state, before.alert, memory, before.inhibited_by), event, reason)


def _dropped(rule: str, subject: str, found: Kept, now: int) -> Iterator[Change]:
    if found.state.phase in OPEN or found.state.phase is Phase.PENDING:
        state, event, reason = machine.drop(found.state, now)
        yield Change(rule, subject, replace(found, state=state, memory=_NO_MEMORY), event, reason)


def of_no_rule(rules: Mapping[str, Rule], kept: Standing, now: int) -> list[Change]:
    """The end of what stands open of rules that are gone."""
    gone = [(rule, subject, found) for (rule, subject), found in kept.items() if rule not in rules]
    dropped = partial(_dropped, now=now)
    return [change for rule, subject, found in gone for change in dropped(rule, subject, found)]


def after(before: Standing, steps: Iterable[Change], by: Mapping[str, str | None] = _NOTHING_MOVED) -> dict[tuple[str, str], Kept]:
    """What is kept once some steps are, as it will be read again.

    Args:
        before: What is kept now.
        steps: What changes.
        by: The open alerts of which changes what inhibits them, each with the alert that does then.
    """
    found = dict(before)
    for step in steps:
        one = step.kept
        found[step.rule, step.subject] = one if one.state.phase in OPEN else Kept(one.state, None, one.memory)
    if by:
        for key, one in found.items():
            if one.alert is not None and one.alert in by:
                found[key] = Kept(one.state, one.alert, one.memory, by[one.alert])
    return found
