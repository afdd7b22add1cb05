"""What the ledger does for others: touched hours are counted anew, and consumption is read from what stands there.

One settler works at a time (any number of readers and of ingest workers beside it): a touched hour leaves the list only
if its generation is the one that was read before the samples were, so what comes in meanwhile is counted the next time.

An entered month counts instead of the counter: of one meter and hour, only one source is ever in the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import sqlalchemy as sa

from cloud.ledger import periods
from cloud.ledger.base_units import energy_of, to_factor_unit
from cloud.ledger.counters import Provenance, shares
from cloud.ledger.model import MeterKey
from cloud.ledger.periods import Every
from cloud.ledger.queries import hours, meters
from cloud.ledger.queries.consumption import by_period
from cloud.ledger.repository import waiting
from cloud.ledger.rounds import round_of_turns
from cloud.telemetry.base import Telemetry
from contract.clock import iso


class UnknownMeterError(LookupError):
    """The registry has no such meter."""


class Consumption(TypedDict):
    """What one meter used in one period; `value` in the factor's unit, `provenance` as shares from 0 to 1.

    `provisional`: what follows may still decide one of its hours otherwise.
    """

    start: str
    value: float
    unit: str
    provenance: dict[str, float]
    provisional: bool


def backlog(engine: sa.Engine) -> int:
    """Number of touched hours that wait to be counted."""
    with engine.connect() as connection:
        return waiting.number(connection)


def settle(engine: sa.Engine, telemetry: Telemetry, limit: int) -> int:
    """Count touched hours anew, in rounds of which each gives every meter a turn, and write them back.

    The figures of a transaction are written before it: a crash between the two repeats both.

    Args:
        engine: Of the registry and ledger.
        telemetry: Samples come from it, figures go to it.
        limit: Most touched hours to take.

    Returns:
        How many were taken; fewer than `limit` means that nothing else waits.

    Raises:
        StoreDown: The time-series store cannot be asked; what was written until then stays done.
        sqlalchemy.exc.OperationalError: The database cannot be asked; the same.
    """
    taken, more = 0, True
    while more and taken < limit:
        more = False
        for done in round_of_turns(engine, telemetry, limit - taken):
            taken += done.hours
            more |= done.more
    return taken


def consumption(engine: sa.Engine, meter: MeterKey, start: int, end: int, every: Every) -> list[Consumption]:
    """What a meter used in [start, end), by period; a period of which nothing is known is absent.

    Periods are cut in Asia/Shanghai. One that begins before `start` or ends after `end` holds only its hours within.

    Args:
        engine: Of the ledger.
        meter: Which meter.
        start: ms since 1970 in UTC.
        end: ms, exclusive.
        every: Length of a period.

    Raises:
        UnknownMeterError: There is no such meter.
    """
    with engine.connect() as connection:
        known = meters.one(connection, meter)
        if known is None:
            raise UnknownMeterError(f"no meter {meter.id!r}")
        amounts = by_period(connection, meter.group, [meter.id], start, end, every).get(meter.id, {})
        undecided = {periods.floor(hour, every) for hour in hours.provisional(connection, meter, start, end)}
    unit = energy_of(known.energy).factor_unit
    return [_period(at, by_provenance, known.energy, unit, provisional=at in undecided) for at, by_provenance in amounts.items()]


def _period(at: int, amounts: Mapping[Provenance, int], energy: str, unit: str, *, provisional: bool) -> Consumption:
    value = float(to_factor_unit(sum(amounts.values()), energy))
    return {"start": iso(at), "value": value, "unit": unit, "provenance": shares(amounts), "provisional": provisional}
