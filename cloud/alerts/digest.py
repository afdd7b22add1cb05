"""What a message says: one alert as it is, or of many how many of which kind, the first few by name, and where the rest stands."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from cloud.alerts.machine import Event
from cloud.alerts.ruleset import Severity
from cloud.texts import Language, say

NAMED = 3
"""Subjects of a rule that a digest names."""
Lines = Sequence[sa.Row[Any]]
Districts = Mapping[str, Mapping[Language, str]]
"""The name of each district by its code; none where there is one only."""


def written(lines: Lines, language: Language, districts: Districts) -> tuple[str, str]:
    """Title and body of a message that tells of these lines of the outbox; it names districts where there are several."""
    return _alone(lines[0], language, districts) if len(lines) == 1 else _many(lines, language, districts)


def _title(line: sa.Row[Any], language: Language, districts: Districts) -> str:
    """An alert's title, behind its district where there are several."""
    title: str = json.loads(line.title)[language]
    place = districts.get(line.grp)
    return title if place is None else say("digest.of_district", language, district=place[language], title=title)


def _alone(line: sa.Row[Any], language: Language, districts: Districts) -> tuple[str, str]:
    title = f"[{say(f'severity.{line.severity}', language)}] {_title(line, language, districts)}"
    if line.event == Event.RESOLVED:
        title += f" · {say('told.resolved', language)}"
    return title, json.loads(line.detail)[language]


def _many(lines: Lines, language: Language, districts: Districts) -> tuple[str, str]:
    """A line for each rule and district, the worst first; an alert that fired and is over by now counts as over."""
    over = {line.alert for line in lines if line.event == Event.RESOLVED}
    last = [line for line in lines if line.event == Event.RESOLVED or line.alert not in over]
    kinds: defaultdict[tuple[int, bool, str, str], list[sa.Row[Any]]] = defaultdict(list)
    for line in last:
        kinds[-Severity(line.severity).rank, line.event == Event.RESOLVED, line.rule, line.grp].append(line)
    worst = max((Severity(line.severity) for line in last), key=lambda severity: severity.rank)
    title = say(
        "digest.title",
        language,
        severity=say(f"severity.{worst}", language),
        number=len(last),
        fired=len(last) - len(over),
        resolved=len(over),
    )
    return title, "\n".join([*(_kind(kinds[key], language, districts) for key in sorted(kinds)), say("digest.where", language)])


def _kind(lines: Lines, language: Language, districts: Districts) -> str:
    first = lines[0]
    names = say("list.between", language).join(json.loads(line.subject_name)[language] for line in lines[:NAMED])
    said = say("digest.more", language, names=names) if len(lines) > NAMED else names
    severity = say(f"severity.{first.severity}", language)
    what = say(f"digest.{first.event}", language, title=_title(first, language, districts))
    return say("digest.kind", language, severity=severity, what=what, number=len(lines), names=said)
