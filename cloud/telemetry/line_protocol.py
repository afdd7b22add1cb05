"""Readings and figures as InfluxDB's line protocol.

Measurement = device class, tags = group and device, fields = points, always float. A device's readings of one time become
one line. A good reading is `<point>=value`; one that is not good is `<point>__q=quality` and, if it has a value,
`<point>__raw=value`.

InfluxDB merges the fields of lines with the same tags and time, and cannot delete a field by writing. That is why a value
that is not good has a name of its own: `<point>` at a time means that a good reading was stored, whatever `__q` stands
beside it, so good beats not good in any order without `__q=192` on every good reading (twice the fields); and every
aggregate over `<point>`, here or in a dashboard, is one of good readings only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from operator import add

import orjson

from cloud.telemetry.base import (
    DOUBTFUL_SUFFIX,
    MAX_MS,
    QUALITY_SUFFIX,
    Figures,
    FiguresError,
    Line,
    Polled,
    Refused,
    Stored,
    figures_fault,
    series_fault,
    single,
    value_fault,
)
from contract.reading import Quality, Reading

_TAG = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})
_MEASUREMENT = str.maketrans({",": r"\,", " ": r"\ "})


class LineBuilder:
    """Builds lines, and remembers the escaped form of each name: a reading costs little more than its number then."""

    def __init__(self) -> None:
        self._prefixes: dict[tuple[str, str, str], str] = {}
        self._names: dict[str, str] = {}

    def build(self, batch: Sequence[Line]) -> tuple[str, list[Refused]]:
        """The batch as text, without what no store would take.

        Of several readings of one series and time the last one counts, as if they were written one after the other.
        """
        rows: dict[tuple[str, int], dict[str, float]] = {}
        refused: list[Refused] = []
        names = self._names
        for line in batch:
            if isinstance(line, Polled) and (prefix := self._prefixes.get(line[:3])) and self._known(line):
                fields = {names[point]: value for point, value in line.values.items()}
                row = rows.setdefault((prefix, line.at), fields)
                if row is not fields:
                    row.update(fields)
                continue
            for stored in single((line,)):
                self._take(stored, rows, refused)
        return "\n".join([_line(prefix, row, at) for (prefix, at), row in rows.items() if row]), refused

    def _known(self, line: Polled) -> bool:
        """Whether names, time and values can be stored for certain; a sum that overflows only sends them the longer way."""
        return self._names.keys() >= line.values.keys() and -MAX_MS <= line.at <= MAX_MS and isfinite(sum(line.values.values()))

    def _take(self, stored: Stored, rows: dict[tuple[str, int], dict[str, float]], refused: list[Refused]) -> None:
        group, device_class, reading = stored
        fault = value_fault(reading) or series_fault(group, device_class, reading.device, reading.point)
        if fault:
            refused.append(Refused(stored, fault))
            return
        self._learn(stored)
        self._put(rows.setdefault((self._prefixes[group, device_class, reading.device], reading.at), {}), reading)

    def _learn(self, stored: Stored) -> None:
        group, device_class, reading = stored
        key = (group, device_class, reading.device)
        if key not in self._prefixes:
            tags = f"device={reading.device.translate(_TAG)},group={group.translate(_TAG)}"
            self._prefixes[key] = f"{device_class.translate(_MEASUREMENT)},{tags} "
        self._names[reading.point] = _field(reading.point)

    @staticmethod
    def _put(fields: dict[str, float], reading: Reading) -> None:
        if reading.quality is Quality.GOOD and reading.value is not None:
            fields[_field(reading.point)] = float(reading.value)
            return
        fields[_field(reading.point + QUALITY_SUFFIX)] = float(reading.quality)
        if reading.value is not None:
            fields[_field(reading.point + DOUBTFUL_SUFFIX)] = float(reading.value)


def figure_lines(measurement: str, rows: Iterable[Figures]) -> list[str]:
    """One line for each row.

    Raises:
        FiguresError: A number is not finite, or a name cannot be stored.
    """
    lines = []
    for row in rows:
        if fault := figures_fault(measurement, row):
            raise FiguresError(fault)
        tags = "".join(f",{name.translate(_TAG)}={row.tags[name].translate(_TAG)}" for name in sorted(row.tags) if row.tags[name])
        fields = {_field(name): float(value) for name, value in row.fields.items()}
        lines.append(_line(f"{measurement.translate(_MEASUREMENT)}{tags} ", fields, row.at))
    return lines


def _field(name: str) -> str:
    return name.translate(_TAG) + "="


def _line(prefix: str, fields: dict[str, float], at: int) -> str:
    # orjson writes the shortest text that reads back as the same float, as repr does, for a whole row at once.
    numbers = orjson.dumps(list(fields.values())).decode()[1:-1].split(",")
    return f"{prefix}{','.join(map(add, fields, numbers))} {at}"
