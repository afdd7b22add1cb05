"""The row of a new alert, whose texts say what was seen when it fired."""

from __future__ import annotations

import secrets
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from cloud.alerts.machine import Phase, State
from cloud.alerts.observe import Observation
from cloud.alerts.ruleset import Rule, Severity
from cloud.alerts.view import View
from cloud.texts import catalogue

_FIRING = Phase.FIRING.value
_SEVERITIES = {severity: severity.value for severity in Severity}
"""As the database has them; a storm opens thousands, and to ask an enumeration takes long."""


def opened(view: View, rule: Rule, seen: Observation, state: State) -> dict[str, Any]:
    """The row of a new alert; its texts say what was seen when it fired."""
    zh, en = _said(view, rule, seen)
    return {
        "id": secrets.token_hex(16),
        "grp": view.site.group,
        "rule": rule.id,
        "severity": _SEVERITIES[rule.severity],
        "state": _FIRING,
        "subject": seen.subject,
        "subject_name": _both(zh["name"], en["name"]),
        "title": _both(rule.title.zh.format_map(zh), rule.title.en.format_map(en)),
        "detail": _both(rule.detail.zh.format_map(zh), rule.detail.en.format_map(en)),
        "value": seen.value,
        "limit_value": seen.limit,
        "unit": str(rule.unit),
        "since": view.now if state.since is None else state.since,
        "fired_at": view.now,
    }


def _both(zh: str, en: str) -> str:
    """A text in both languages as it is kept: JSON, put together from its strings, since a storm writes thousands."""
    return f'{{"zh": {encode_basestring(zh)}, "en": {encode_basestring(en)}}}'


def _said(view: View, rule: Rule, seen: Observation) -> tuple[dict[str, str], dict[str, str]]:
    """The words for a rule's texts in Chinese and English; texts of one language and numbers are the same in both."""
    name, none = view.name_of(seen.subject), catalogue()["none"]
    zh, en = {"unit": str(rule.unit), "name": name["zh"]}, {"unit": str(rule.unit), "name": name["en"]}
    for key, number in (("value", seen.value), ("limit", seen.limit)):
        zh[key], en[key] = (none["zh"], none["en"]) if number is None else (_number(number), _number(number))
    for key, word in seen.words.items():
        if isinstance(word, str):
            zh[key] = en[key] = word
        elif isinstance(word, float | int):
            zh[key] = en[key] = _number(word)
        else:
            zh[key], en[key] = word["zh"], word["en"]
    return zh, en


@lru_cache(maxsize=4096)
def _number(number: float) -> str:
    return f"{round(number, 3):g}" if abs(number) < 1e6 else f"{number:.0f}"  # noqa: PLR2004 (%g would round)
