"""What rules say of what is known now, without raising anything: so that somebody sees a new rule fire before it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from cloud.alerts.observe import Observation
from cloud.alerts.ruleset import Rule
from cloud.alerts.view import View, load
from contract.site import Site


class Look(NamedTuple):
    """One look of a rule.

    Attributes:
        rule: Which.
        beyond: The subjects that are beyond the limit, with what people call them; exempt ones are not among them.
        within: How many subjects are not.
        unknown: Of how many subjects the rule can say nothing, since nothing good is known or it must look for longer.
    """

    rule: Rule
    beyond: Sequence[tuple[Observation, Mapping[str, str]]]
    within: int
    unknown: int


def look(engine: sa.Engine, site: Site, rules: Mapping[str, Rule], now: int) -> Iterator[Look]:
    """Look once with each rule, as a round of alerts does at its first look; nothing is written.

    Args:
        engine: Of the database.
        site: Whose devices are looked at.
        rules: By id.
        now: ms since 1970 in UTC.
    """
    view = load(engine, site, now, frozenset[str]().union(*(rule.reads for rule in rules.values())))
    for rule in rules.values():
        yield _looked(rule, view)


def _looked(rule: Rule, view: View) -> Look:
    exempt = view.site.operation.exempt(rule.id)
    found = [one for one in rule.known.observe(rule, rule.numbers, view, {}) if one.subject not in exempt]
    known = [one for one in found if one.excess is not None]
    beyond = [(one, view.name_of(one.subject)) for one in known if one.excess is not None and one.excess > 0]
    return Look(rule, beyond, len(known) - len(beyond), len(found) - len(known))
