"""Sites entered into an empty registry, and what their plans say."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from cloud.sites.entering import By, Plan, enter_site
from contract.site import Site


def seed(engine: sa.Engine, site: Site, day: str = "2026-11-28", now: int = 0) -> Plan:
    """Enter a site as it is from a day on."""
    return enter_site(engine, site, By("wang", now, date.fromisoformat(day)))


def said(plan: Plan) -> list[str]:
    """What a plan tells before it is done."""
    return [str(change) for change in plan.changes]
