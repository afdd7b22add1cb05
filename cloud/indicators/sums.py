"""Sums of the ledger over the spans that a year's figures are made of, from months that are read once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import sqlalchemy as sa

from cloud.indicators.spans import Span
from cloud.ledger import periods
from cloud.ledger.counters import Provenance
from cloud.ledger.findings import Finding, listed
from cloud.ledger.queries.consumption import Total, totals

Amounts = Mapping[Provenance, int]


@dataclass
class Sums:
    """What meters of a district used over spans.

    The indicators of a year share most of their spans, and longer spans are made of the same months. So a span is cut where
    months begin, and each piece is read once. The hours of many meters cost seconds to read; to add months costs nothing.

    Attributes:
        connection: To the ledger.
        group: The district's code.
        meters: That are asked for.
        now: ms since 1970 in UTC.
    """

    connection: sa.Connection
    group: str
    meters: Sequence[str]
    now: int
    _pieces: dict[Span, Mapping[str, Total]] = field(default_factory=dict)
    _over: dict[Span, Mapping[str, Amounts]] = field(default_factory=dict)

    def over(self, span: Span) -> Mapping[str, Amounts]:
        """Base units by meter and provenance; a meter without any hour in the span is absent."""
        if span not in self._over:
            self._over[span] = _added(self._cut(span))
        return self._over[span]

    def provisional(self, span: Span) -> frozenset[str]:
        """The meters of which an hour of a span may still be decided otherwise."""
        return frozenset(meter for piece in self._cut(span) for meter, total in piece.items() if total.provisional)

    @cached_property
    def findings(self) -> list[Finding]:
        """The open questions about these meters."""
        return [one for one in listed(self.connection, self.group, self.now, self.meters) if one.state == "open"]

    def _cut(self, span: Span) -> list[Mapping[str, Total]]:
        inner = [edge for edge in periods.edges(span.start, span.end, "month") if span.start < edge < span.end]
        pieces = [Span(start, end) for start, end in pairwise([span.start, *inner, span.end])]
        if missing := [piece for piece in pieces if piece not in self._pieces]:
            read = totals(self.connection, self.group, self.meters, [(piece.start, piece.end) for piece in missing])
            self._pieces.update(zip(missing, read, strict=True))
        return [self._pieces[piece] for piece in pieces]


def _added(pieces: Sequence[Mapping[str, Total]]) -> Mapping[str, Amounts]:
    """What each meter used in all pieces, by provenance."""
    if len(pieces) == 1:
        return {meter: total.amounts for meter, total in pieces[0].items()}
    found: defaultdict[str, defaultdict[Provenance, int]] = defaultdict(lambda: defaultdict(int))
    for piece in pieces:
        for meter, total in piece.items():
            for provenance, amount in total.amounts.items():
                found[meter][provenance] += amount
    return {meter: dict(amounts) for meter, amounts in found.items()}
