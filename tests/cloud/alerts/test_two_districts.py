"""Alerts of two districts with the same ids: each is judged by its own site and readings."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import sqlalchemy as sa

from cloud.alerts.evaluate import Evaluator
from cloud.alerts.ruleset import load_rules
from cloud.alerts.service import acknowledge
from cloud.platform.database import writing
from cloud.sites.entering import By, enter_site
from contract.coded import Message
from contract.site import Site, load_site, shipped_site
from tests.cloud import tables
from tests.cloud.district import GROUP

SECOND, NOW = "510811", 1_790_000_000_000
CAR = "car-em-01"


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
