"""Amounts entered for a month: fuel, and bills, which count where no device did and else are compared with what it counted."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from cloud.accounts.repository import audited
from cloud.ledger import bills, periods
from cloud.ledger.base_units import ENERGIES, energy_of, to_base, to_factor_unit
from cloud.ledger.counters import month_entry
from cloud.ledger.model import MeterKey
from cloud.ledger.queries import meters
from cloud.ledger.repository import entries as repository
from cloud.ledger.repository import hours, waiting
from cloud.ledger.usual_amounts import beyond
from cloud.platform.database import writing
from cloud.textfile import read_text
from contract.decimals import decimal

_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])", re.ASCII)
_COLUMNS = ("meter", "month", "amount")


class EntryError(ValueError):
    """An entry that cannot be taken: what is wrong, and with which field."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class EntriesError(ValueError):
    """A file of entries that cannot be taken; one line a fault: file, line, field and what was expected."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What whoever enters amounts has agreed to.

    Attributes:
        replace: The entry takes the place of the hours that a device counted in the same month.
        unusual: The amount is right, though the meter never used as much.
    """

    replace: bool = False
    unusual: bool = False


_NOTHING = Agreed()


class Imported(NamedTuple):
    """How many months were entered to count, and how many bills are kept beside a counter that counted their month."""

    entered: int
    beside: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """`beside`: a bill of a month that a counter counted."""

    meter: MeterKey
    month: str
    amount: int
    beside: bool


def enter(engine: sa.Engine, meter: MeterKey, month: str, amount: Decimal | float, by: str, now: int, agreed: Agreed = _NOTHING) -> None:
    """Enter what a meter used in a month; entered again, the new amount replaces the old one.

    The amount is spread over the month's days. Its hours are marked as touched, so that the settler writes their figures
    and takes out what a device counted in the same month. Where a device counted the whole month, its figure stays, and the
    amount is kept beside it as a bill (`cloud.ledger.bills`).

    Args:
        engine: Of the ledger.
        meter: Whose.
        month: YYYY-MM, begun by `now`.
        amount: In the factor's unit (L of petrol, kg of coal, kWh); 0, or what the ledger can count.
        by: Who enters it.
        now: ms since 1970 in UTC.
        agreed: What may be replaced or is unusual.

    Raises:
        EntryError: What is wrong, and with which field.
    """
    with writing(engine).begin() as connection:
        _write(connection, _checked(connection, meter, month, Decimal(str(amount)), now, agreed), by, now)


def import_csv(engine: sa.Engine, group: str, path: Path, by: str, now: int, agreed: Agreed = _NOTHING) -> Imported:
    """Enter the months of a CSV file about meters of a district, with the columns meter, month and amount (in the factor's unit).

    Args:
        engine: Of the ledger.
        group: The district's code.
        path: UTF-8, with or without a byte order mark.
        by: Who enters them.
        now: ms since 1970 in UTC.
        agreed: What may be replaced or is unusual.

    Returns:
        How many were entered.

    Raises:
        EntriesError: One line a fault; nothing was entered.
    """
    lines = _lines(path)
    faults: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    with writing(engine).begin() as connection:
        entries = []
        for number, (meter, month, amount) in lines:
            try:
                entries.append(_checked(connection, MeterKey(group, meter), month, _decimal(amount), now, agreed))
                if (first := seen.setdefault((meter, month), number)) != number:
                    raise EntryError("month", f"{meter} {month} stands in line {first} too")  # noqa: TRY301 (one list of faults)
            except EntryError as error:
                faults.append(f"{path}:{number}: {error}")
        if faults:
            raise EntriesError("\n".join(faults))
        for entry in entries:
            _write(connection, entry, by, now)
    beside = sum(entry.beside for entry in entries)
    return Imported(len(entries) - beside, beside)


def _lines(path: Path) -> list[tuple[int, Sequence[str]]]:
    """The lines below the header with their numbers, blank ones left out; a missing field is empty text."""
    try:
        text = read_text(path)
    except ValueError as error:
        raise EntriesError(str(error)) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if sorted(header) != sorted(_COLUMNS):
            raise EntriesError(f"{path}:1: header: expected the columns {', '.join(_COLUMNS)}, got {', '.join(header) or 'nothing'}")
        found: list[tuple[int, Sequence[str]]] = []
        for row in reader:
            if len(row) > len(header):
                raise EntriesError(f"{path}:{reader.line_num}: amount: expected {len(header)} fields, got {len(row)}")
            fields = dict(zip(header, [*map(str.strip, row), "", "", ""], strict=False))
            if any(fields.values()):
                found.append((reader.line_num, [fields[name] for name in _COLUMNS]))
    except csv.Error as error:
        raise EntriesError(f"{path}:{reader.line_num}: line: not CSV: {error}") from error
    return found


def _decimal(text: str) -> Decimal:
    try:
        return decimal(text)
    except ValueError as error:
        raise EntryError("amount", str(error)) from error


def _checked(connection: sa.Connection, meter: MeterKey, month: str, amount: Decimal, now: int, agreed: Agreed) -> _Entry:
    known = meters.one(connection, meter)
    if known is None:
        raise EntryError("meter", f"no meter {meter.id!r}")
    energy = known.energy
    if energy not in ENERGIES:
        raise EntryError("meter", f"{meter} counts {energy!r}; expected one of {', '.join(ENERGIES)}")
    begin = _begin(month)
    if begin > now:
        raise EntryError("month", f"{month} has not begun")
    if not amount.is_finite() or amount < 0:
        raise EntryError("amount", f"expected a number of at least 0, got {amount}")
    try:
        base = to_base(amount, energy, energy_of(energy).factor_unit)
    except ValueError as error:
        raise EntryError("amount", str(error)) from error
    if amount and not base:
        raise EntryError("amount", f"expected 0 or at least {to_factor_unit(1, energy)} {energy_of(energy).factor_unit}, got {amount:f}")
    beside = repository.amount(connection, meter, month) is None and _is_counted(connection, meter, month, now, agreed)
    if why := beyond(connection, meter, month, base, unusual=agreed.unusual):
        raise EntryError("amount", why)
    return _Entry(meter, month, base, beside)


def _begin(month: str) -> int:
    found = _MONTH.fullmatch(month)
    if found is None:
        raise EntryError("month", f"expected YYYY-MM such as 2026-03, got {month!r}")
    return periods.month_start(int(found[1]), int(found[2]))


def _is_counted(connection: sa.Connection, meter: MeterKey, month: str, now: int, agreed: Agreed) -> bool:
    """Whether a device counted the whole of a month; one that it counted in part takes an entry only where that was agreed to.

    Raises:
        EntryError: The entry would hide what a device counted: of a month there is one source.
    """
    begin = _begin(month)
    end = periods.following(begin, "month")
    counted, last = hours.by_device(connection, meter, begin, end)
    if last is None:
        return False
    number = (end - begin) // periods.HOUR_MS
    if end > now:
        raise EntryError("month", f"a device counts {meter} in {month}, which is not over; expected an entry after it")
    guessed = hours.number_estimated(connection, meter, begin, end)
    if counted == number and not guessed:  # a bill knows better than an estimate
        return True
    if not agreed.replace:
        until = f"{periods.local_time(last + periods.HOUR_MS):%Y-%m-%d %H:%M}"
        part = f" ({guessed} of them only estimated)" if guessed else ""
        why = f"a device counted {meter} for {counted} of {number} hours of {month}{part}, the last until {until}"
        raise EntryError("month", f"{why}; to enter the whole month in their place, say so (import --replace)")
    return False


def _write(connection: sa.Connection, entry: _Entry, by: str, now: int) -> None:
    if entry.beside:
        bills.keep(connection, entry.meter, entry.month, entry.amount, by, now)
        return
    bills.drop(connection, entry.meter, entry.month)  # it counts now
    before = repository.amount(connection, entry.meter, entry.month)
    repository.put(connection, entry.meter, entry.month, entry.amount, by, now)
    parts = month_entry(entry.amount, *map(int, entry.month.split("-")))
    # What a device counted in a month it did not count as a whole goes too: of one hour there is one source.
    hours.enter(connection, entry.meter, parts)
    waiting.touch(connection, ((entry.meter, part.hour) for part in parts))
    detail = {"meter": entry.meter.id, "month": entry.month, "before": before, "after": entry.amount}
    audited(connection, "entry", detail, by, now, group=entry.meter.group)
