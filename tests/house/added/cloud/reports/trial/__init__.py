"""A report as somebody would add it: the period and the scope that were asked for."""

from __future__ import annotations

import sqlalchemy as sa

from cloud.reports.base import Asked, Made, Report, Tell


def make(_engine: sa.Engine, asked: Asked, now: int, tell: Tell) -> Made:
    """What was asked, as text."""
    tell("figures")
    return Made(f"{asked.period.code()} {asked.scope}".encode(), now)


REPORT = Report("report.trial.title", make)
