"""Alerts of two districts with the same ids: each is judged by its own site and readings."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import sqlalchemy as sa

from cloud.alerts.digest import Districts, written
from cloud.alerts.evaluate import Evaluator
from cloud.alerts.ruleset import load_rules
from cloud.alerts.service import acknowledge
from cloud.opening import entered_sites
from cloud.platform.database import writing
from cloud.sites.entering import By, enter_site
from contract.coded import Message
from contract.site import Site, load_site
from contract.sitefolder import shipped_site
from tests.cloud import tables
from tests.cloud.district import GROUP

SECOND, NOW = "510811", 1_790_000_000_000
CAR = "car-em-01"


def test_the_first_district_stays_the_first(database: sa.Engine) -> None:
    """One with a lower code that is entered later does not take its place: a screen on the wall goes on to show what it showed."""
    site = load_site(shipped_site("lizhou"))
    for group in (SECOND, GROUP):
        enter_site(database, Site.model_validate(site.model_dump(mode="json") | {"group": group}), By("test", 0, date(2020, 1, 1)))
    assert list(entered_sites(database)) == [SECOND, GROUP]


def test_an_alert_is_of_one_district(database: sa.Engine) -> None:
    """The emergency button of a car of the second: nobody of the first is told, and only the second can say that it is looked after."""
    sites = [load_site(shipped_site("lizhou"))]
    sites.append(Site.model_validate(sites[0].model_dump(mode="json") | {"group": SECOND}))
    for site in sites:
        enter_site(database, site, By("test", 0, date(2020, 1, 1)))
    rules = {name: rule for name, rule in load_rules().items() if name == "vehicle_sos"}
    first, second = (Evaluator(database, site, rules) for site in sites)
    with writing(database).begin() as connection:
        row = {
            "kind": "vehicle_sos",
            "grp": SECOND,
            "subject": CAR,
            "at": NOW,
            "noted_at": NOW,
            "detail": Message("reason.emergency").dumps(),
        }
        connection.execute(sa.insert(tables.event), [row])
    fired = [evaluator.round(NOW + 1000) for evaluator in (first, second)]
    assert [[change.subject for change in changes] for changes in fired] == [[], [CAR]]
    with database.connect() as connection:
        (kept,) = connection.execute(sa.select(tables.alert.c.id, tables.alert.c.grp)).all()
    assert kept.grp == SECOND
    assert not acknowledge(database, GROUP, kept.id, "seen", "li", NOW + 2000)
    assert acknowledge(database, SECOND, kept.id, "seen", "li", NOW + 2000)
    assert replace(first, rules=rules).round(NOW + 3000) == []


def _line(group: str, title: str, event: str = "fired") -> sa.Row[Any]:
    texts = {"zh": title, "en": title}
    values = {
        "grp": group,
        "alert": f"{group}{title}",
        "event": event,
        "rule": "meter_stuck",
        "severity": "warning",
        "title": json.dumps(texts),
    }
    return cast("sa.Row[Any]", SimpleNamespace(**values, detail=json.dumps(texts), subject_name=json.dumps(texts)))


def test_a_message_names_the_district_where_there_are_several() -> None:
    """Equal names in two districts are two lines of a digest, and one alert alone says whose it is; with one district nothing is added."""
    names: Districts = {GROUP: {"zh": "利州", "en": "Lizhou"}, SECOND: {"zh": "昭化", "en": "Zhaohua"}}
    lines = [_line(GROUP, "Main meter"), _line(SECOND, "Main meter")]

    assert written(lines[1:], "en", names)[0] == "[Warning] Zhaohua: Main meter"
    assert written(lines[1:], "zh", names)[0].endswith("昭化：Main meter")  # noqa: RUF001 (Chinese)
    assert written(lines[1:], "en", {})[0] == "[Warning] Main meter"
    body = written(lines, "en", names)[1].splitlines()
    assert [("Lizhou: Main meter" in line, "Zhaohua: Main meter" in line) for line in body[:2]] == [(True, False), (False, True)]
    assert len(written(lines[:1] * 2, "en", {})[1].splitlines()) == len(body) - 1
