"""The three targets of a year, with all that a clerk submits beside them each quarter."""

from __future__ import annotations

import sqlalchemy as sa

from cloud.reports.base import Asked, Made, Report, Tell
from cloud.reports.targets.gather import gather


def make(engine: sa.Engine, asked: Asked, now: int, tell: Tell) -> Made:
    """The targets report of a period for a scope.

    Raises:
        UnknownScopeError: There is no such scope.
        ReportError: Nothing is known of the period, or what it is made with is missing.
    """
    tell("figures")
    facts = gather(engine, asked.group, asked.period, asked.scope, now)
    if asked.format == "pdf":
        from cloud.reports.targets.paper import paper  # noqa: PLC0415 (the service runs without what it needs)

        return Made(paper(facts, asked.language, tell), facts.as_of)
    from cloud.reports.targets.workbook import workbook  # noqa: PLC0415 (the same)

    tell("sheets")
    return Made(workbook(facts, asked.language), facts.as_of)


REPORT = Report("report.targets.title", make)
