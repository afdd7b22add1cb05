"""The time-series store in InfluxDB, through the only pair of endpoints that 1.x, 2.x and 3.x all answer: /write and /query.

No `SHOW`, of which 3.x does not take all. How readings become fields is
told in `cloud.telemetry.line_protocol`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import structlog

from cloud.telemetry.base import (
    CHECK,
    DOUBTFUL_SUFFIX,
    MAX_MS,
    QUALITY_SUFFIX,
    Aggregate,
    Breaker,
    Figures,
    FiguresError,
    Line,
    Polled,
    Refused,
    Sample,
    Stored,
    StoreDown,
    check_figure,
    equal_runs,
    single,
)
from cloud.telemetry.influx_address import InfluxAddress
from cloud.telemetry.influx_server import SOON, InfluxServer
from cloud.telemetry.influxql import identifier, literal
from cloud.telemetry.line_protocol import LineBuilder, figure_lines
from cloud.telemetry.refusals import LONGEST_REASON, Answer, sift
from contract.reading import Quality, Reading

log = structlog.get_logger()
_READINGS_PER_REQUEST = 20_000
_FIGURES_PER_REQUEST = 5_000
_NEWEST_ROWS = 8
"""Rows in which the newest value of nearly every field stands; the others are asked for one by one."""


class InfluxTelemetry:
    """The store in one InfluxDB database; nothing is asked of the server before the first call."""

    def __init__(self, address: InfluxAddress) -> None:
        self.breaker = Breaker()
        self._server = InfluxServer(address, self.breaker)
        self._lines = LineBuilder()

    def write(self, batch: Sequence[Line]) -> list[Refused]:
        """See `Telemetry.write`."""
        refused: list[Refused] = []
        part: list[Line] = []
        size = 0
        for line in batch:
            part.append(line)
            size += len(line.values) if isinstance(line, Polled) else 1
            if size >= _READINGS_PER_REQUEST:
                self._write(part, refused)
                part, size = [], 0
        if part:
            self._write(part, refused)
        return refused

    def _write(self, batch: Sequence[Line], refused: list[Refused]) -> None:
        """Write, and let stand alone what is refused: `cloud.telemetry.refusals` says how servers refuse.

        It is looked for among readings, not lines, so a device's other points are not lost with one refused field.
        """
        text, faulty = self._lines.build(batch)
        refused += faulty
        why = self._server.post(text) if text else ""
        if not why:
            return
        told = {(line.group, line.device_class, line.reading.device, line.reading.point, line.reading.at) for line, _ in faulty}
        left = [line for line in single(batch) if (*line[:2], line.reading.device, line.reading.point, line.reading.at) not in told]
        refused += sift(left, Answer(why, _number_of(text)), self._send)

    def _send(self, batch: Sequence[Stored]) -> Answer:
        """Write readings of which none is faulty in itself."""
        text, _ = self._lines.build(batch)
        return Answer(self._server.post(text), _number_of(text))

    def write_figures(self, measurement: str, rows: Iterable[Figures]) -> None:
        """See `Telemetry.write_figures`."""
        lines = figure_lines(measurement, rows)
        requests = ("\n".join(lines[start : start + _FIGURES_PER_REQUEST]) for start in range(0, len(lines), _FIGURES_PER_REQUEST))
        refused = [why for request in requests if (why := self._server.post(request))]
        if refused:
            raise FiguresError(f"{measurement}: {refused[0][:LONGEST_REASON]}")

    def forget_figures(self, measurement: str, tags: Mapping[str, str], start: int, end: int) -> bool:
        """See `Telemetry.forget_figures`. 3.x documents no DELETE in InfluxQL."""
        if self._server.keeps_all():
            return False
        these = " AND ".join(f"{identifier(name)} = {literal(value)}" for name, value in tags.items())
        statement = f"DELETE FROM {identifier(measurement)} WHERE {these} AND {_range(start, end)}"  # noqa: S608 - names are quoted
        self._server.query(statement, changes=True)
        return True

    def latest(self, group: str, device_class: str, device: str) -> dict[str, Reading]:
        """See `Telemetry.latest`."""
        source = f"FROM {identifier(device_class)} WHERE {_device(group, device)}"
        # The index answers this without reading the series; it tells which fields this device has, but not their times.
        shown = self._server.query(f"SELECT last(*) {source}")
        there = {column.removeprefix("last_") for row in shown for column in row if column != "time"}
        newest: dict[str, Sample] = {}
        for row in self._server.query(f"SELECT * {source} ORDER BY time DESC LIMIT {_NEWEST_ROWS}") if there else []:
            at = row["time"]
            for name, value in row.items():
                if name in there:
                    newest.setdefault(name, (at, value))
        for name in there - newest.keys():
            for row in self._server.query(f"SELECT last({identifier(name)}) AS value {source}"):
                newest[name] = (row["time"], row["value"])
        points = set(map(_point, newest))
        return {point: _newest(device, point, newest) for point in points}

    def series(
        self, group: str, device_class: str, device: str, point: str, start: int, end: int, most: int | None = None
    ) -> list[Reading]:
        """See `Telemetry.series`."""
        good, quality, doubtful = (identifier(point + suffix) for suffix in ("", QUALITY_SUFFIX, DOUBTFUL_SUFFIX))
        columns = f"{good} AS good, {quality} AS quality, {doubtful} AS doubtful"
        source = f"FROM {identifier(device_class)} WHERE {_device(group, device)}"
        limit = "" if most is None else f" LIMIT {most}"
        rows = self._server.query(f"SELECT {columns} {source} AND {_range(start, end)}{limit}")
        return [
            Reading(device, point, float(row["good"]), row["time"])
            if "good" in row
            else Reading(device, point, _maybe(row.get("doubtful")), row["time"], Quality(int(row["quality"])))
            for row in rows
        ]

    def windows(
        self, group: str, device_class: str, device: str, point: str, start: int, end: int, edges: Sequence[int], aggregate: Aggregate
    ) -> list[Sample]:
        """See `Telemetry.windows`."""
        found: list[Sample] = []
        for run in equal_runs(edges):
            within = _range(max(start, run.first), min(end, run.end))
            rows = self._server.query(
                f"SELECT {Aggregate(aggregate)}({identifier(point)}) AS value FROM {identifier(device_class)} "  # noqa: S608 - names are quoted
                f"WHERE {_device(group, device)} AND {within} GROUP BY time({run.width}ms, {run.first % run.width}ms) fill(none)"
            )
            found += [(row["time"], float(row["value"])) for row in rows]
        return found

    def counter_samples(self, group: str, device_class: str, device: str, point: str, start: int, end: int) -> list[Sample]:
        """See `Telemetry.counter_samples`."""
        select = f"SELECT {identifier(point)} AS value FROM {identifier(device_class)} WHERE {_device(group, device)} AND "  # noqa: S608 - quoted
        before, within = f"time < {_time(start)} ORDER BY time DESC LIMIT 1", _range(start, end)
        after = f"time >= {_time(end)} ORDER BY time LIMIT 1"
        found = self._server.queries([select + condition for condition in (before, within, after)])
        return [(row["time"], float(row["value"])) for rows in found for row in rows]

    def doubtful_samples(self, group: str, device_class: str, device: str, point: str, start: int, end: int) -> list[Sample]:
        """See `Telemetry.doubtful_samples`."""
        quality, value = identifier(point + QUALITY_SUFFIX), identifier(point + DOUBTFUL_SUFFIX)
        source = f"FROM {identifier(device_class)} WHERE {_device(group, device)} AND {_range(start, end)}"
        rows = self._server.query(f"SELECT {value} AS value {source} AND {quality} = {int(Quality.SUSPECT)}")
        return [(row["time"], float(row["value"])) for row in rows if "value" in row]

    def oldest(self, group: str, device_class: str, device: str, start: int, end: int) -> int | None:
        """See `Telemetry.oldest`."""
        source = f"FROM {identifier(device_class)} WHERE {_device(group, device)} AND {_range(start, end)}"
        rows = self._server.query(f"SELECT * {source} ORDER BY time LIMIT 1")
        return int(rows[0]["time"]) if rows else None

    def count(self, group: str, device_class: str, device: str, point: str) -> int:
        """See `Telemetry.count`."""
        source = f"FROM {identifier(device_class)} WHERE {_device(group, device)}"
        good = sum(int(row["value"]) for row in self._server.query(f"SELECT count({identifier(point)}) AS value {source}"))
        quality = identifier(point + QUALITY_SUFFIX)
        marked = self._server.query(f"SELECT {quality} AS quality, {identifier(point)} AS good {source} AND {quality} >= 0")
        return good + sum("good" not in row for row in marked)

    def forget(self, group: str, device_class: str, device: str, times: Mapping[str, Collection[int]]) -> int:
        """See `Telemetry.forget`. A field cannot be deleted, so a line goes when all its readings may; neighbours in one statement."""
        named = [at for of_point in times.values() for at in of_point]
        if not named:
            return 0
        source = f"FROM {identifier(device_class)} WHERE {_device(group, device)}"
        runs: list[tuple[int, int]] = []
        gone, ended = 0, True
        for row in self._server.query(f"SELECT * {source} AND {_range(min(named), max(named) + 1)}"):
            at = row["time"]
            points = {_point(name) for name in row if name not in {"time", "group", "device"}}
            if any(at not in times.get(point, ()) for point in points):
                ended = True
                continue
            runs = [*runs, (at, at)] if ended else [*runs[:-1], (runs[-1][0], at)]
            gone, ended = gone + len(points), False
        for first, last in runs:
            self._server.query(f"DELETE {source} AND {_range(first, last + 1)}", changes=True)
        return gone

    def ping(self) -> None:
        """See `Telemetry.ping`."""
        self._server.ping()

    def try_write(self, at: int) -> None:
        """See `Telemetry.try_write`."""
        if why := self._server.post("\n".join(figure_lines(CHECK, [check_figure(at)])), patience=SOON):
            raise StoreDown(f"{self._server.url}: {why[:LONGEST_REASON]}")

    def close(self) -> None:
        """See `Telemetry.close`."""
        self._server.close()


def _number_of(text: str) -> int:
    """How many lines a request has."""
    return text.count("\n") + 1


def _newest(device: str, point: str, newest: dict[str, Sample]) -> Reading:
    """Of a point's newest good and newest not good reading the newer one; at the same time the good one."""
    good = newest.get(point)
    quality = newest.get(point + QUALITY_SUFFIX)
    if good and (not quality or good[0] >= quality[0]):
        return Reading(device, point, float(good[1]), good[0])
    at, number = quality or newest[point + DOUBTFUL_SUFFIX]
    doubtful_at, value = newest.get(point + DOUBTFUL_SUFFIX, (at, None))
    return Reading(device, point, _maybe(value) if doubtful_at == at else None, at, Quality(int(number)))


def _point(field_name: str) -> str:
    """The point that a field is about."""
    return field_name.removesuffix(DOUBTFUL_SUFFIX).removesuffix(QUALITY_SUFFIX)


def _maybe(value: float | None) -> float | None:
    return None if value is None else float(value)  # JSON has no difference between 1 and 1.0


def _device(group: str, device: str) -> str:
    return f'"group" = {literal(group)} AND "device" = {literal(device)}'


def _range(start: int, end: int) -> str:
    return f"time >= {_time(start)} AND time < {_time(end)}"


def _time(at: int) -> str:
    return f"{max(-MAX_MS, min(at, MAX_MS))}ms"
