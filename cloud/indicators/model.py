"""What `/api/v1/targets` answers, with the names of the stable interface; the only place where figures become floats."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from contract.coded import Message, of_form

Status = Literal["ahead", "at_risk", "missed", "met", "no_baseline", "no_figure"]
Grain = Literal["hour", "day", "month"]


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
    """What may still be used until 31 December, kgce, kgCO2 or m3; negative when overdrawn. None where there is no target."""

    value: float | None
    unit: str


class Amount(_Answer):
    """What was used of one energy, in its unit, and converted to what the indicator sums (kgce, kgCO2, m3)."""

    value: float | None
    converted: float | None


NOTHING = Amount(value=None, converted=None)
"""Of an energy of which nothing was counted."""


class Energy(_Answer):
    """What an indicator sums of one energy, over its spans; what is `converted` adds up to what its value is divided from."""

    energy: str
    unit: str
    actual: Amount
    baseline: Amount


class Said(_Answer):
    """A message: the key of its text in the catalogue, and what the text is filled with."""

    code: str
    params: dict[str, Param]


Param: TypeAlias = str | int | float | Said


class Indicator(_Answer):
    """One indicator and how its target stands; `target_change` and `status` are null where it has no target.

    What cannot be given is null; `reason` says why in English, `code` and `params` in any language.
    """

    id: str
    unit: str
    target_change: float | None
    baseline: Baseline
    baseline_year: BaselineYear
    actual: Actual
    change: float | None
    forecast: Forecast
    status: Status | None
    reason: str | None
    code: str | None = None
    params: dict[str, Param] = {}
    allowance: Allowance
    provenance: dict[str, float]
    provisional: bool = False
    """What follows may still decide an hour of one of its sides otherwise."""
    findings: int = 0
    """Open questions of the ledger that one of its sides rests on."""
    energies: list[Energy] = []
    """What its values are made of; an energy of which neither side counted anything is not there."""

    @property
    def message(self) -> Message | None:
        """What `code` and `params` say; None without a reason."""
        return None if self.code is None else of_form(self.model_dump(include={"code", "params"}))


class Targets(_Answer):
    """The targets of a year for a scope."""

    year: int
    scope: str
    as_of: str
    indicators: list[Indicator]
