"""One round: look at everything at `now`, decide on what is kept, and write decisions, inhibitions and messages in one transaction.

No transaction waits for a rule. What a rule decided is written in a savepoint, so that what is wrong with one undoes nothing of the others.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import NamedTuple

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError

from cloud.alerts.channels import Channel
from cloud.alerts.deciding import Change, Standing, after, by_rule, of_no_rule, of_rule
from cloud.alerts.inhibit import inhibited
from cloud.alerts.machine import OPEN, Event
from cloud.alerts.repository import notifications, standing
from cloud.alerts.ruleset import Rule
from cloud.alerts.view import View, load
from cloud.platform.database import writing
from cloud.telemetry.base import StoreDown
from contract.site import Site

log = structlog.get_logger()
LOG_EVERY = 60.0
"""Seconds between two log lines about one rule that fails."""
_ATTEMPTS = 3
_CHANGED = "what is kept changed while it was decided, each time"


class Snapshot(NamedTuple):
    """What was kept when a round decided, and its revision, which was asked first, so that it is never newer than what it stands for."""

    revision: int
    kept: Standing


@dataclass
class Evaluator:
    """Evaluates the rules of a site; it remembers when it looked at each rule last, which failed, and what is kept.

    Attributes:
        engine: The database.
        site: Whose devices are looked at.
        rules: By id.
        channels: Who is told.
        site_differs: Whether the site's files say something else than what was entered.
        failed: How often each rule failed.
        known: What was kept when it looked last; it holds as long as the revision is the same.
    """

    engine: sa.Engine
    site: Site
    rules: Mapping[str, Rule]
    channels: Sequence[Channel] = ()
    site_differs: Callable[[], bool] = bool
    failed: Counter[str] = field(default_factory=Counter)
    known: Snapshot | None = None
    _looked: dict[str, int] = field(default_factory=dict)
    _logged: dict[str, float] = field(default_factory=dict)

    def round(self, now: int) -> list[Change]:
        """Look once.

        What is decided holds for what was kept when it was decided; where somebody changed that meanwhile, it is decided anew.

        Returns:
            What fired or was resolved; a rule that fails is logged, and the others go on.

        Raises:
            sqlalchemy.exc.OperationalError: The database cannot be asked; nothing was decided then.
        """
        due = [rule for rule in self.rules.values() if self._due(rule, now)]
        points = frozenset[str]().union(*(rule.reads for rule in due))
        for _ in range(_ATTEMPTS):
            known, self.known = self.known, None  # whoever fails on the way reads it again
            view = replace(load(self.engine, self.site, now, points), site_differs=self.site_differs())
            before = self._snapshot(known)
            mine = by_rule(before.kept)
            decided: dict[str, list[Change]] = {}
            for rule in due:
                with self._blamed(rule.id):
                    decided[rule.id] = [step for step in of_rule(rule, view, mine[rule.id]) if _counts(step, before.kept)]
            events = self._write(view, decided, list(of_no_rule(self.rules, before.kept, now)), before)
            if events is not None:
                self.known = self.known or before
                self._looked.update({rule.id: now for rule in due})
                return events
        log.warning("alerts wait", reason=_CHANGED)
        return []

    def _due(self, rule: Rule, now: int) -> bool:
        """Whether a rule is to be looked at; a last look that lies ahead of now was by a time that was taken back."""
        looked = self._looked.get(rule.id)
        return looked is None or not 0 <= now - looked < rule.every

    def _snapshot(self, known: Snapshot | None) -> Snapshot:
        """What is kept now; read only where somebody else changed it, since in a storm that is thousands of rows."""
        with self.engine.connect() as connection:
            revision = standing.revision(connection, self.site.group)
            if known is not None and known.revision == revision:
                return known
            return Snapshot(revision, standing.kept(connection, self.site.group))

    def _inhibitions(self, view: View, kept: Standing) -> dict[str, str | None]:
        """The open alerts of which changes what inhibits them, each with the alert that does now."""
        open_ = {key: found for key, found in kept.items() if found.state.phase in OPEN}
        alerts = {found.alert: found for found in open_.values() if found.alert is not None}
        by = inhibited(self.rules, view, {key: found.alert for key, found in open_.items() if found.alert is not None})
        return {alert: by.get(alert) for alert, found in alerts.items() if by.get(alert) != found.inhibited_by}

    @contextmanager
    def _blamed(self, rule: str, connection: sa.Connection | None = None) -> Iterator[None]:
        """What goes wrong inside is a rule's fault and counted: nothing is decided of it then, and it is looked at again when it is due.

        This is the outermost loop of a rule: what is wrong with it may be anything, and must not stop the others. A database
        that is gone is no rule's fault and ends the round.
        """
        try:
            yield
        except (OperationalError, StoreDown):
            raise
        except Exception as error:
            if connection is not None and connection.invalidated:
                raise
            self._count(rule, error)

    def _write(self, view: View, decided: Mapping[str, list[Change]], ended: list[Change], before: Snapshot) -> list[Change] | None:
        """Keep steps by rule, those that end what no rule watches any more, and what follows from them, in one transaction.

        Returns:
            What fired or was resolved; None where what is kept is no longer what it was when it was decided.
        """
        planned = [*ended, *chain.from_iterable(decided.values())]
        moved = self._inhibitions(view, after(before.kept, planned))
        if not planned and not moved:
            return []
        with writing(self.engine).begin() as connection:
            standing.lock(connection)
            if standing.revision(connection, self.site.group) != before.revision:
                return None
            changes = self._keep_all(connection, view.now, decided, ended, moved)
            fresh = {_alert(change) for change in changes if change.event is Event.FIRED}
            late = {alert: by for alert, by in moved.items() if alert not in fresh}
            if len(changes) < len(planned):  # a rule failed, and there are none of its alerts
                late = moved = dict.fromkeys(fresh & moved.keys()) | self._inhibitions(view, after(before.kept, changes))
            standing.inhibit(connection, self.site.group, late, fresh, view.now)
            events = [change for change in changes if change.event is not None]
            if events or moved:
                notifications.enqueue(connection, self.site.group, self.channels, view.now)
            known = Snapshot(standing.revision(connection, self.site.group), after(before.kept, changes, moved))
        self.known = known
        return events

    def _keep_all(
        self, connection: sa.Connection, now: int, decided: Mapping[str, list[Change]], ended: list[Change], by: Mapping[str, str | None]
    ) -> list[Change]:
        """Keep the steps, new alerts with what inhibits each; those of a rule that fails are not kept.

        Returns:
            What was kept.
        """
        self._keep(connection, ended, by, now)
        changes = list(ended)
        for rule, steps in decided.items():
            with self._blamed(rule, connection):
                with connection.begin_nested():
                    self._keep(connection, steps, by, now)
                changes += steps
        return changes

    def _count(self, rule: str, error: Exception) -> None:
        """One more failure of a rule; logged once a minute."""
        self.failed[rule] += 1
        at = time.monotonic()
        if at - self._logged.get(rule, -LOG_EVERY) >= LOG_EVERY:
            self._logged[rule] = at
            log.error("a rule failed", rule=rule, count=self.failed[rule], exc_info=error)

    def _keep(self, connection: sa.Connection, steps: Sequence[Change], by: Mapping[str, str | None], now: int) -> None:
        """Write some steps down, and into the alerts and their history what they brought about."""
        standing.fire(connection, [{**step.opened, "inhibited_by": by.get(step.opened["id"])} for step in steps if step.opened], now)
        standing.resolve(connection, [(_alert(step), step.reason) for step in steps if step.event is Event.RESOLVED], now)
        standing.keep(connection, self.site.group, {(step.rule, step.subject): step.kept for step in steps})


def _counts(step: Change, kept: Standing) -> bool:
    """Whether there is anything of a step to write."""
    return step.event is not None or standing.differs(step.kept, kept.get((step.rule, step.subject)))


def _alert(step: Change) -> str:
    if step.kept.alert is None:
        raise ValueError(f"{step.rule} {step.subject}: {step.event} without an alert")
    return step.kept.alert
