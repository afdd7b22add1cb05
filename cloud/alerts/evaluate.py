"""One round: look at everything at `now`, step each rule and subject, and keep decisions, inhibitions and messages in one transaction.

Each rule stands in a savepoint of it, so that what is wrong with one undoes nothing of the others.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError

from cloud.alerts import machine, opening
from cloud.alerts.channels import Channel
from cloud.alerts.inhibit import inhibited
from cloud.alerts.machine import OPEN, QUIET, Event, Phase, Reason, State
from cloud.alerts.observe import Memory, Observation
from cloud.alerts.repository import notifications, standing
from cloud.alerts.repository.standing import Kept
from cloud.alerts.ruleset import Rule
from cloud.alerts.view import View, load
from cloud.platform.database import writing
from cloud.telemetry.base import StoreDown
from contract.site import Site

log = structlog.get_logger()
LOG_EVERY = 60.0
"""Seconds between two log lines about one rule that fails."""
_NO_MEMORY: Memory = {}
Standing = Mapping[tuple[str, str], Kept]
"""What is kept by rule and subject."""


@dataclass(frozen=True, slots=True)
class Change:
    """A step to keep: what a rule says of a subject now.

    Attributes:
        rule: Its id.
        subject: Of the observation.
        kept: The state to keep, with what the condition remembers.
        event: What happened; most steps bring nothing about.
        reason: Why.
        observation: What was seen; None where nobody watches any more.
    """

    rule: str
    subject: str
    kept: Kept
    event: Event | None
    reason: Reason
    observation: Observation | None


@dataclass
class Evaluator:
    """Evaluates the rules of a site; it remembers only when it looked at each rule last, and which failed.

    Attributes:
        engine: The database.
        site: Whose devices are looked at.
        rules: By id.
        channels: Who is told.
        site_differs: Whether the site's files say something else than what was entered.
        failed: How often each rule failed.
    """

    engine: sa.Engine
    site: Site
    rules: Mapping[str, Rule]
    channels: Sequence[Channel] = ()
    site_differs: Callable[[], bool] = bool
    failed: Counter[str] = field(default_factory=Counter)
    _looked: dict[str, int] = field(default_factory=dict)
    _logged: dict[str, float] = field(default_factory=dict)

    def round(self, now: int) -> list[Change]:
        """Look once.

        Returns:
            What fired or was resolved; a rule that fails is logged, and the others go on.

        Raises:
            sqlalchemy.exc.OperationalError: The database cannot be asked; nothing was decided then.
        """
        due = [rule for rule in self.rules.values() if self._due(rule, now)]
        points = frozenset[str]().union(*(rule.reads for rule in due))
        view = replace(load(self.engine, self.site, now, points), site_differs=self.site_differs())
        with writing(self.engine).begin() as connection:
            kept = standing.kept(connection, self.site.group)
            mine = _by_rule(kept)
            changes = [change for rule in due for change in self._judge(connection, rule, view, mine[rule.id], kept)]
            changes += self._keep(connection, view, _of_no_rule(self.rules, kept, now), kept)
            events = [change for change in changes if change.event is not None]
            moved = self._inhibit(connection, view, kept, changes)
            if events or moved:
                notifications.tell(connection, self.site.group, self.channels, now)
        self._looked.update({rule.id: now for rule in due})
        return events

    def _due(self, rule: Rule, now: int) -> bool:
        """Whether a rule is to be looked at; a last look that lies ahead of now was by a time that was taken back."""
        looked = self._looked.get(rule.id)
        return looked is None or not 0 <= now - looked < rule.every

    def _inhibit(self, connection: sa.Connection, view: View, kept: Standing, changes: Sequence[Change]) -> bool:
        """Keep which open alert inhibits which; returns whether that changed."""
        open_ = {key: found for key, found in kept.items() if found.state.phase in OPEN} | {(c.rule, c.subject): c.kept for c in changes}
        alerts = {found.alert: found for found in open_.values() if found.alert is not None and found.state.phase in OPEN}
        by = inhibited(self.rules, view, {key: found.alert for key, found in open_.items() if found.alert in alerts})
        changed = {alert: by.get(alert) for alert, found in alerts.items() if by.get(alert) != found.inhibited_by}
        fresh = {_alert(change) for change in changes if change.event is Event.FIRED}
        standing.inhibit(connection, changed, fresh, view.now)
        return bool(changed)

    def _judge(self, connection: sa.Connection, rule: Rule, view: View, mine: Mapping[str, Kept], kept: Standing) -> list[Change]:
        """The steps of a rule, of which `mine` is kept. If it fails, nothing is decided, and it is looked at again when it is due.

        This is the outermost loop of a rule: what is wrong with it may be anything, and must not stop the others. A database
        that is gone is no rule's fault and ends the round.
        """
        try:
            with connection.begin_nested():
                return self._keep(connection, view, list(_of_rule(rule, view, mine)), kept)
        except (OperationalError, StoreDown):
            raise
        except Exception as error:
            if connection.invalidated:
                raise
            self._count(rule.id, error)
            return []

    def _count(self, rule: str, error: Exception) -> None:
        """One more failure of a rule; logged once a minute."""
        self.failed[rule] += 1
        at = time.monotonic()
        if at - self._logged.get(rule, -LOG_EVERY) >= LOG_EVERY:
            self._logged[rule] = at
            log.error("a rule failed", rule=rule, count=self.failed[rule], exc_info=error)

    def _keep(self, connection: sa.Connection, view: View, changes: list[Change], kept: Standing) -> list[Change]:
        """Write some steps down, and into the alerts and their history what they brought about; returns the steps."""
        opened = []
        for change in changes:
            if change.event is Event.FIRED and change.observation is not None:
                opened.append(opening.opened(view, self.rules[change.rule], change.observation, change.kept.state))
                change.kept.alert = opened[-1]["id"]
        standing.fire(connection, opened, view.now)
        over = [(_alert(change), change.reason) for change in changes if change.event is Event.RESOLVED]
        standing.resolve(connection, over, view.now)
        standing.keep(connection, self.site.group, {(c.rule, c.subject): c.kept for c in changes}, kept)
        return changes


def _alert(change: Change) -> str:
    if change.kept.alert is None:
        raise ValueError(f"{change.rule} {change.subject}: {change.event} without an alert")
    return change.kept.alert


def _by_rule(kept: Standing) -> defaultdict[str, dict[str, Kept]]:
    found: defaultdict[str, dict[str, Kept]] = defaultdict(dict)
    for (rule, subject), one in kept.items():
        found[rule][subject] = one
    return found


def _of_rule(rule: Rule, view: View, mine: Mapping[str, Kept]) -> Iterator[Change]:
    """Each subject of a rule that a step may change or keep, stepped."""
    exempt = view.site.operation.exempt(rule.id)
    seen: set[str] = set(exempt)
    for observation in rule.known.observe(rule, rule.numbers, view, {subject: found.memory for subject, found in mine.items()}):
        if observation.subject in seen:
            continue
        seen.add(observation.subject)
        found = mine.get(observation.subject)
        if not _stays_quiet(found, observation):
            yield _stepped(rule, view, found, observation)
    for subject, found in mine.items():
        if subject in exempt or (subject not in seen and not rule.known.sparse):
            yield from _dropped(rule.id, subject, found, view.now)
        elif subject not in seen:
            yield _stepped(rule, view, found, Observation(subject, -abs(rule.hysteresis) - 1))


def _stays_quiet(found: Kept | None, observation: Observation) -> bool:
    """Whether a subject was normal and is, so that a step would change nothing that is kept: thousands are in each round."""
    quiet = found is None or found.state.phase in QUIET
    memory = observation.memory
    return (
        quiet
        and (observation.excess is None or observation.excess <= 0)
        and (memory is None or memory == (_NO_MEMORY if found is None else found.memory))
    )


def _stepped(rule: Rule, view: View, found: Kept | None, observation: Observation) -> Change:
    before = found or Kept(State(), None, _NO_MEMORY)
    state, event, reason = machine.step(before.state, observation.excess, rule.timing, view.now)
    memory = before.memory if observation.memory is None else observation.memory
    fired = event is Event.FIRED
    stepped = Kept(state, None if fired else before.alert, memory, None if fired else before.inhibited_by)
    return Change(rule.id, observation.subject, stepped, event, reason, observation)


def _dropped(rule: str, subject: str, found: Kept, now: int) -> Iterator[Change]:
    if found.state.phase in OPEN or found.state.phase is Phase.PENDING:
        state, event, reason = machine.drop(found.state, now)
        yield Change(rule, subject, replace(found, state=state, memory=_NO_MEMORY), event, reason, None)


def _of_no_rule(rules: Mapping[str, Rule], kept: Standing, now: int) -> list[Change]:
    """What stands open of rules that are gone."""
    gone = [(rule, subject, found) for (rule, subject), found in kept.items() if rule not in rules]
    dropped = partial(_dropped, now=now)
    return [change for rule, subject, found in gone for change in dropped(rule, subject, found)]
