"""What was wrong with the data of a span: silent meters, gaps, resets and other events, refused readings, wrong clocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from cloud.indicators.spans import CountedMeter, Span
from cloud.ledger import periods
from cloud.ledger.counters import Provenance
from cloud.registry import tables
from cloud.reports.targets.facts import Fault, Name
from cloud.texts import event_sentence

Subjects = Mapping[str, CountedMeter | None]
"""Ids of meters, with how far they are counted, and of devices and gateways."""
_GAPS = {Provenance.DISTRIBUTED.value: "gap", Provenance.ESTIMATED.value: "estimated"}


def faults_of(connection: sa.Connection, span: Span, subjects: Subjects, names: Mapping[str, Name]) -> list[Fault]:
    """The faults of a span, by kind and subject, then by time."""
    of = {subject: names.get(subject, {"zh": subject, "en": subject}) for subject in subjects}
    found = [*_silent(span, subjects, of), *_gaps(connection, span, of)]
    found += [*_events(connection, span, of), *_rejected(connection, span, of)]
    return sorted(found, key=lambda fault: (fault.kind, fault.subject, fault.start or 0))


def _silent(span: Span, subjects: Subjects, names: Mapping[str, Name]) -> Iterator[Fault]:
    """Meters whose device has not told the whole span; by hand entered meters are never silent."""
    for subject, meter in subjects.items():
        if meter is None or meter.metered_until is None or meter.told(span.end) >= span.end:
            continue
        begun = max(meter.metered_until, span.start)
        yield Fault("silent", subject, names[subject], meter.metered_until, span.end, (span.end - begun) // periods.HOUR_MS)


def _gaps(connection: sa.Connection, span: Span, names: Mapping[str, Name]) -> Iterator[Fault]:
    """Hours whose figures were not measured, joined to gaps."""
    row = tables.ledger_hour.c
    within = sa.and_(row.meter.in_(list(names)), row.hour >= span.start, row.hour < span.end, row.provenance.in_(list(_GAPS)))
    query = sa.select(row.meter, row.provenance, row.hour).where(within).order_by(row.meter, row.provenance, row.hour)
    for (meter, provenance), rows in groupby(connection.execute(query), key=lambda item: (item[0], item[1])):
        hours = [item[2] for item in rows]
        runs = groupby(enumerate(hours), key=lambda item: item[1] - item[0] * periods.HOUR_MS)
        for _, run in runs:
            of_run = [hour for _, hour in run]
            yield Fault(_GAPS[provenance], meter, names[meter], of_run[0], of_run[-1] + periods.HOUR_MS, len(of_run))


def _events(connection: sa.Connection, span: Span, names: Mapping[str, Name]) -> Iterator[Fault]:
    """Events of a kind and subject on one day are one line, with the newest detail."""
    row = tables.event.c
    within = sa.and_(row.subject.in_(list(names)), row.at >= span.start, row.at < span.end)
    query = sa.select(row.kind, row.subject, row.at, row.detail).where(within).order_by(row.kind, row.subject, row.at)

    def day(item: Any) -> tuple[str, str, int]:  # noqa: ANN401 (a row)
        return item.kind, item.subject, periods.floor(item.at, "day")

    for (kind, subject, _), rows in groupby(connection.execute(query), key=day):
        events = list(rows)
        yield Fault(kind, subject, names[subject], events[0].at, events[-1].at, len(events), event_sentence(events[-1].detail))


def _rejected(connection: sa.Connection, span: Span, names: Mapping[str, Name]) -> Iterator[Fault]:
    """Readings that the time-series store refused, by device and reason."""
    row = tables.rejected_reading.c
    within = sa.and_(row.device.in_(list(names)), row.at >= span.start, row.at < span.end)
    columns = (row.device, row.reason, sa.func.min(row.at), sa.func.max(row.at), sa.func.count())
    for device, reason, first, last, number in connection.execute(sa.select(*columns).where(within).group_by(row.device, row.reason)):
        yield Fault("rejected", device, names[device], first, last, number, reason)
