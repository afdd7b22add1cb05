"""A finding as interfaces give it: times as texts, amounts in the factor's unit."""

from __future__ import annotations

from typing import TypedDict

from cloud.ledger.base_units import energy_of, to_factor_unit
from cloud.ledger.findings import Finding
from contract.clock import iso


class FindingRecord(TypedDict):
    """One question of the ledger; `amount`, `counted`, `before` and `after` in `unit`, `end` exclusive."""

    meter: str
    kind: str
    start: str
    end: str
    amount: float
    counted: float
    before: float | None
    after: float | None
    unit: str
    state: str
    note: str | None
    by: str | None
    at: str | None


def record_of(finding: Finding) -> FindingRecord:
    """The finding, to be printed or sent."""

    def shown(amount: int) -> float:
        return float(to_factor_unit(amount, finding.energy))

    return {
        "meter": finding.meter,
        "kind": finding.kind,
        "start": iso(finding.start),
        "end": iso(finding.end),
        "amount": shown(finding.amount),
        "counted": shown(finding.counted),
        "before": None if finding.before is None else shown(finding.before),
        "after": None if finding.after is None else shown(finding.after),
        "unit": energy_of(finding.energy).factor_unit,
        "state": finding.state,
        "note": finding.note,
        "by": finding.by,
        "at": None if finding.at is None else iso(finding.at),
    }
