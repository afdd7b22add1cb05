"""The row of a new alert, whose texts say what was seen when it fired."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any

from cloud.alerts.machine import Phase, State
from cloud.alerts.observe import Observation, Word
from cloud.alerts.ruleset import Rule
from cloud.alerts.view import View
from cloud.texts import LANGUAGES, Language, catalogue


def opened(view: View, rule: Rule, seen: Observation, state: State) -> dict[str, Any]:
    """The row of a new alert; its texts say what was seen when it fired."""
    name = seen.words.get("name", view.name_of(seen.subject))
    unknown: Word = {str(language): text for language, text in catalogue()["none"].items()}
    words: dict[str, Word] = {"value": unknown, "limit": unknown, "unit": str(rule.unit), **seen.words, "name": name}
    words |= {key: number for key, number in (("value", seen.value), ("limit", seen.limit)) if number is not None}
    said = _said(words)
    return {
        "id": uuid.uuid4().hex,
        "grp": view.site.group,
        "rule": rule.id,
        "severity": rule.severity.value,
        "state": Phase.FIRING.value,
        "subject": seen.subject,
        "subject_name": _both(said["zh"]["name"], said["en"]["name"]),
        "title": _both(rule.title.zh.format_map(said["zh"]), rule.title.en.format_map(said["en"])),
        "detail": _both(rule.detail.zh.format_map(said["zh"]), rule.detail.en.format_map(said["en"])),
        "value": seen.value,
        "limit_value": seen.limit,
        "unit": str(rule.unit),
        "since": view.now if state.since is None else state.since,
        "fired_at": view.now,
    }


def _both(zh: str, en: str) -> str:
    """A text in both languages as it is kept: JSON, put together from its strings, since a storm writes thousands."""
    return f'{{"zh": {encode_basestring(zh)}, "en": {encode_basestring(en)}}}'


def _said(words: Mapping[str, Word]) -> dict[Language, dict[str, str]]:
    """The words for a rule's texts in each language; numbers are the same in both."""
    told = {key: _number(word) if isinstance(word, int | float) else word for key, word in words.items()}
    return {of: {key: word if isinstance(word, str) else word[of] for key, word in told.items()} for of in LANGUAGES}


def _number(number: float) -> str:
    return f"{round(number, 3):g}" if abs(number) < 1e6 else f"{number:.0f}"  # noqa: PLR2004 (%g would round)
