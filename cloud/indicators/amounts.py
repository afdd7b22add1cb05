"""What one side of a comparison used, in what an indicator sums, and by energy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from cloud.indicators import model
from cloud.indicators.factors import Factor, factor_of, worth
from cloud.ledger.base_units import energy_of, to_factor_unit
from cloud.ledger.counters import Provenance
from contract.coded import Message
from contract.indicator import Definition

WATER = "water"
Used = Mapping[str, Mapping[Provenance, int]]
"""Base units by energy and provenance."""


def lacking(definition: Definition, used: Used, factors: Mapping[str, Factor]) -> Message | None:
    """Which energies cannot be converted to what the indicator sums; None where all can."""
    if definition.sums == "m3":
        return None
    found = sorted(energy for energy in used if energy != WATER and factor_of(energy, factors, definition.sums) is None)
    if not found:
        return None
    return Message("reason.no_factor" if definition.sums == "kgce" else "reason.no_co2_factor", energies=", ".join(found))


def amounts(definition: Definition, used: Used, factors: Mapping[str, Factor]) -> dict[Provenance, Decimal]:
    """kgce, kgCO2, or m3 of water, by provenance; water is never converted and energy never counted as water."""
    found = dict.fromkeys(Provenance, Decimal(0))
    for energy, by_provenance in _summed(definition, used):
        for provenance, amount in by_provenance.items():
            found[provenance] += _worth(definition, energy, amount, factors)
    return found


def energies(definition: Definition, actual: Used, baseline: Used, factors: Mapping[str, Factor]) -> list[model.Energy]:
    """The same by energy, each in its factor unit and in what the indicator sums; nothing of a side where one cannot be converted."""
    this, last = (_by_energy(definition, used, factors) for used in (actual, baseline))
    return [
        model.Energy(
            energy=energy,
            unit=energy_of(energy).factor_unit,
            actual=this.get(energy, model.NOTHING),
            baseline=last.get(energy, model.NOTHING),
        )
        for energy in sorted(this.keys() | last.keys())
    ]


def _summed(definition: Definition, used: Used) -> Iterator[tuple[str, Mapping[Provenance, int]]]:
    """Of what was used, the energies that an indicator sums."""
    return ((energy, by_provenance) for energy, by_provenance in used.items() if (energy == WATER) == (definition.sums == "m3"))


def _by_energy(definition: Definition, used: Used, factors: Mapping[str, Factor]) -> dict[str, model.Amount]:
    if lacking(definition, used, factors) is not None:
        return {}
    sums = {energy: sum(by_provenance.values()) for energy, by_provenance in _summed(definition, used)}
    return {
        energy: model.Amount(value=float(to_factor_unit(amount, energy)), converted=float(_worth(definition, energy, amount, factors)))
        for energy, amount in sums.items()
    }


def _worth(definition: Definition, energy: str, amount: int, factors: Mapping[str, Factor]) -> Decimal:
    return to_factor_unit(amount, energy) if definition.sums == "m3" else worth(amount, energy, factors, definition.sums)
