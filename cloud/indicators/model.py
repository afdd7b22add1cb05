"""What `/api/v1/targets` answers, with the names of the stable interface; the only place where figures become floats."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["ahead", "at_risk", "missed", "met", "no_baseline", "no_figure"]
Grain = Literal["hour", "day", "month"]
IndicatorId = Literal["energy_per_capita", "energy_per_area", "water_per_capita"]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Baseline(_Answer):
    """Last year's value over the same span; times RFC 3339 in UTC, `end` exclusive."""

    value: float | None
    start: str | None
    end: str | None
    grain: Grain | None


class BaselineYear(_Answer):
    """Last year's value over the whole year."""

    value: float | None


class Actual(_Answer):
    """This year's value from 1 January, never annualised."""

    value: float | None
    start: str | None
    end: str | None


class Forecast(_Answer):
    """Where the year is going, against the whole baseline year."""

    value: float | None
    low: float | None
    high: float | None
    change: float | None


class Allowance(_Answer):
    """What may still be used until 31 December, kgce or m3; negative when overdrawn."""

    value: float | None
    unit: str


class Indicator(_Answer):
    """One target and how it stands; what cannot be given is null, and `reason` says why."""

    id: IndicatorId
    unit: str
    target_change: float
    baseline: Baseline
    baseline_year: BaselineYear
    actual: Actual
    change: float | None
    forecast: Forecast
    status: Status
    reason: str | None
    allowance: Allowance
    provenance: dict[str, float]
    provisional: bool = False
    """What follows may still decide an hour of one of its sides otherwise."""
    findings: int = 0
    """Open questions of the ledger that one of its sides rests on."""


class Targets(_Answer):
    """The targets of a year for a scope."""

    year: int
    scope: str
    as_of: str
    indicators: list[Indicator]
