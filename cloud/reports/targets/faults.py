"""What was wrong with the data of a span: silent meters, gaps, resets and other events, refused readings, wrong clocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

import sqlalchemy as sa

from cloud.devices.queries import events
from cloud.devices.queries.events import Event
from cloud.indicators.spans import CountedMeter, Span
from cloud.ledger import periods
from cloud.ledger.counters import Provenance
from cloud.ledger.queries.hours import hours_of
from cloud.reports.targets.facts import Fault, Name
from contract.coded import read

Subjects = Mapping[str, CountedMeter | None]
"""Ids of meters, with how far they are counted, and of devices and gateways."""
_GAPS = {Provenance.DISTRIBUTED: "gap", Provenance.ESTIMATED: "estimated"}


def faults_of(connection: sa.Connection, group: str, span: Span, subjects: Subjects, names: Mapping[str, Name]) -> list[Fault]:
    """The faults of a span in a district, by kind and subject, then by time."""
    of = {subject: names.get(subject, {"zh": subject, "en": subject}) for subject in subjects}
    found = [*_silent(span, subjects, of), *_gaps(connection, group, span, of)]
    found += [*_events(connection, group, span, of), *_rejected(connection, group, span, of)]
    return sorted(found, key=lambda fault: (fault.kind, fault.subject, fault.start or 0))


def _silent(span: Span, subjects: Subjects, names: Mapping[str, Name]) -> Iterator[Fault]:
    """Meters whose device has not told the whole span; by hand entered meters are never silent."""
    for subject, meter in subjects.items():
        if meter is None or meter.metered_until is None or meter.told(span.end) >= span.end:
            continue
        begun = max(meter.metered_until, span.start)
        yield Fault("silent", subject, names[subject], meter.metered_until, span.end, (span.end - begun) // periods.HOUR_MS)


def _gaps(connection: sa.Connection, group: str, span: Span, names: Mapping[str, Name]) -> Iterator[Fault]:
    """Hours whose figures were not measured, joined to gaps."""
    found = hours_of(connection, group, list(names), list(_GAPS), span.start, span.end)
    for (meter, provenance), rows in groupby(found, key=lambda hour: (hour.meter, hour.provenance)):
        hours = [hour.hour for hour in rows]
        runs = groupby(enumerate(hours), key=lambda item: item[1] - item[0] * periods.HOUR_MS)
        for _, run in runs:
            of_run = [hour for _, hour in run]
            yield Fault(_GAPS[provenance], meter, names[meter], of_run[0], of_run[-1] + periods.HOUR_MS, len(of_run))


def _events(connection: sa.Connection, group: str, span: Span, names: Mapping[str, Name]) -> Iterator[Fault]:
    """Events of a kind and subject on one day are one line, with the newest detail."""

    def day(item: Event) -> tuple[str, str, int]:
        return item.kind, item.subject, periods.floor(item.at, "day")

    for (kind, subject, _), found in groupby(events.within(connection, group, names, span.start, span.end), key=day):
        of_day = list(found)
        yield Fault(kind, subject, names[subject], of_day[0].at, of_day[-1].at, len(of_day), read(of_day[-1].detail))


def _rejected(connection: sa.Connection, group: str, span: Span, names: Mapping[str, Name]) -> Iterator[Fault]:
    """Readings that the time-series store refused, by device and reason."""
    for device, reason, first, last, number in events.rejected_within(connection, group, names, span.start, span.end):
        yield Fault("rejected", device, names[device], first, last, number, reason)
