"""The time-series store in InfluxDB, through the only pair of endpoints that 1.x, 2.x and 3.x all answer: /write and /query.

One statement per query and no `SHOW`: 3.x takes neither several statements nor all of `SHOW`. How readings become fields is
told in `cloud.telemetry.line_protocol`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock
from typing import Any, Literal
from urllib.parse import quote

import httpx
import orjson
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
from cloud.telemetry.line_protocol import LineBuilder, figure_lines
from cloud.telemetry.refusals import LONGEST_REASON, Answer, reason_of, sift
from contract.logs import Seldom
from contract.reading import Quality, Reading

log = structlog.get_logger()
_READINGS_PER_REQUEST = 20_000
_FIGURES_PER_REQUEST = 5_000
_LONGEST_GET = 6_000
"""Encoded length of a query that still fits into a URL everywhere; 3.x documents GET only, so GET is the rule."""
_NEWEST_ROWS = 8
"""Rows in which the newest value of nearly every field stands; the others are asked for one by one."""
_REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
_NO_RIGHT = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_NO_DATABASE = "database not found"
"""What 1.x says where there is none of that name, with 404 to a write and with 200 to a query."""
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
"""Seconds. A year of one series may take some to read; a host that is not there should be known soon."""
_SOON = httpx.Timeout(5.0)
"""Of what is asked to see whether the server is back: who waits longer for one that was away finds out late."""


@dataclass(frozen=True, slots=True)
class InfluxAddress:
    """Where the database is, and how to enter.

    Attributes:
        url: Scheme, host and port.
        database: Name of the database; in 2.x of a bucket that is mapped to it.
        user: Ignored where `password` is a token.
        password: Password, or the API token of 2.x and 3.x; never shown.
        auth: `basic` (every version), or `token` for the header that only 2.x and 3.x know.
    """

    url: str
    database: str
    user: str = ""
    password: str = field(default="", repr=False)
    auth: Literal["basic", "token"] = "basic"


class InfluxTelemetry:
    """The store in one InfluxDB database; nothing is asked of the server before the first call."""

    def __init__(self, address: InfluxAddress) -> None:
        self._address = address
        self.breaker = Breaker()
        token = {"Authorization": f"Token {address.password}"} if address.auth == "token" else {}
        basic = httpx.BasicAuth(address.user, address.password) if address.auth == "basic" and address.user else None
        self._http = httpx.Client(base_url=address.url, auth=basic, headers=token, timeout=_TIMEOUT)
        self._lines = LineBuilder()
        self._lock = Lock()
        self._seldom = Seldom(60.0)
        self._prepared = False
        self._keeps_all = False

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
        why = self._post(text) if text else ""
        if not why:
            return
        told = {(line.group, line.device_class, line.reading.device, line.reading.point, line.reading.at) for line, _ in faulty}
        left = [line for line in single(batch) if (*line[:2], line.reading.device, line.reading.point, line.reading.at) not in told]
        refused += sift(left, Answer(why, _number_of(text)), self._send)

    def _send(self, batch: Sequence[Stored]) -> Answer:
        """Write readings of which none is faulty in itself."""
        text, _ = self._lines.build(batch)
        return Answer(self._post(text), _number_of(text))

    def write_figures(self, measurement: str, rows: Iterable[Figures]) -> None:
        """See `Telemetry.write_figures`."""
        lines = figure_lines(measurement, rows)
        requests = ("\n".join(lines[start : start + _FIGURES_PER_REQUEST]) for start in range(0, len(lines), _FIGURES_PER_REQUEST))
        refused = [why for request in requests if (why := self._post(request))]
        if refused:
            raise FiguresError(f"{measurement}: {refused[0][:LONGEST_REASON]}")

    def forget_figures(self, measurement: str, tags: Mapping[str, str], start: int, end: int) -> bool:
        """See `Telemetry.forget_figures`. 3.x documents no DELETE in InfluxQL."""
        self._prepare()
        if self._keeps_all:
            return False
        these = " AND ".join(f"{_name(name)} = {_text(value)}" for name, value in tags.items())
        statement = f"DELETE FROM {_name(measurement)} WHERE {these} AND {_range(start, end)}"  # noqa: S608 - names are quoted
        self._query(statement, changes=True)
        return True

    def latest(self, group: str, device_class: str, device: str) -> dict[str, Reading]:
        """See `Telemetry.latest`."""
        source = f"FROM {_name(device_class)} WHERE {_device(group, device)}"
        # The index answers this without reading the series; it tells which fields this device has, but not their times.
        there = {column.removeprefix("last_") for row in self._query(f"SELECT last(*) {source}") for column in row if column != "time"}
        newest: dict[str, Sample] = {}
        for row in self._query(f"SELECT * {source} ORDER BY time DESC LIMIT {_NEWEST_ROWS}") if there else []:
            at = row["time"]
            for name, value in row.items():
                if name in there:
                    newest.setdefault(name, (at, value))
        for name in there - newest.keys():
            for row in self._query(f"SELECT last({_name(name)}) AS value {source}"):
                newest[name] = (row["time"], row["value"])
        points = set(map(_point, newest))
        return {point: _newest(device, point, newest) for point in points}

    def series(
        self, group: str, device_class: str, device: str, point: str, start: int, end: int, most: int | None = None
    ) -> list[Reading]:
        """See `Telemetry.series`."""
        columns = f"{_name(point)} AS good, {_name(point + QUALITY_SUFFIX)} AS quality, {_name(point + DOUBTFUL_SUFFIX)} AS doubtful"
        source = f"FROM {_name(device_class)} WHERE {_device(group, device)}"
        limit = "" if most is None else f" LIMIT {most}"
        rows = self._query(f"SELECT {columns} {source} AND {_range(start, end)}{limit}")
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
            rows = self._query(
                f"SELECT {Aggregate(aggregate)}({_name(point)}) AS value FROM {_name(device_class)} "  # noqa: S608 - names are quoted
                f"WHERE {_device(group, device)} AND {within} GROUP BY time({run.width}ms, {run.first % run.width}ms) fill(none)"
            )
            found += [(row["time"], float(row["value"])) for row in rows]
        return found

    def counter_samples(self, group: str, device_class: str, device: str, point: str, start: int, end: int) -> list[Sample]:
        """See `Telemetry.counter_samples`."""
        select = f"SELECT {_name(point)} AS value FROM {_name(device_class)} WHERE {_device(group, device)} AND "  # noqa: S608 - quoted
        before = self._query(f"{select}time < {_time(start)} ORDER BY time DESC LIMIT 1")
        within = self._query(select + _range(start, end))
        after = self._query(f"{select}time >= {_time(end)} ORDER BY time LIMIT 1")
        return [(row["time"], float(row["value"])) for row in (*before, *within, *after)]

    def doubtful_samples(self, group: str, device_class: str, device: str, point: str, start: int, end: int) -> list[Sample]:
        """See `Telemetry.doubtful_samples`."""
        quality, value = _name(point + QUALITY_SUFFIX), _name(point + DOUBTFUL_SUFFIX)
        source = f"FROM {_name(device_class)} WHERE {_device(group, device)} AND {_range(start, end)}"
        rows = self._query(f"SELECT {value} AS value {source} AND {quality} = {int(Quality.SUSPECT)}")
        return [(row["time"], float(row["value"])) for row in rows if "value" in row]

    def oldest(self, group: str, device_class: str, device: str, start: int, end: int) -> int | None:
        """See `Telemetry.oldest`."""
        source = f"FROM {_name(device_class)} WHERE {_device(group, device)} AND {_range(start, end)}"
        rows = self._query(f"SELECT * {source} ORDER BY time LIMIT 1")
        return int(rows[0]["time"]) if rows else None

    def count(self, group: str, device_class: str, device: str, point: str) -> int:
        """See `Telemetry.count`."""
        source = f"FROM {_name(device_class)} WHERE {_device(group, device)}"
        good = sum(int(row["value"]) for row in self._query(f"SELECT count({_name(point)}) AS value {source}"))
        quality = _name(point + QUALITY_SUFFIX)
        marked = self._query(f"SELECT {quality} AS quality, {_name(point)} AS good {source} AND {quality} >= 0")
        return good + sum("good" not in row for row in marked)

    def forget(self, group: str, device_class: str, device: str, times: Mapping[str, Collection[int]]) -> int:
        """See `Telemetry.forget`. A field cannot be deleted, so a line goes when all its readings may; neighbours in one statement."""
        named = [at for of_point in times.values() for at in of_point]
        if not named:
            return 0
        source = f"FROM {_name(device_class)} WHERE {_device(group, device)}"
        runs: list[tuple[int, int]] = []
        gone, ended = 0, True
        for row in self._query(f"SELECT * {source} AND {_range(min(named), max(named) + 1)}"):
            at = row["time"]
            points = {_point(name) for name in row if name not in {"time", "group", "device"}}
            if any(at not in times.get(point, ()) for point in points):
                ended = True
                continue
            runs = [*runs, (at, at)] if ended else [*runs[:-1], (runs[-1][0], at)]
            gone, ended = gone + len(points), False
        for first, last in runs:
            self._query(f"DELETE {source} AND {_range(first, last + 1)}", changes=True)
        return gone

    def ping(self) -> None:
        """See `Telemetry.ping`."""
        self._ask("GET", "/ping", patience=_SOON)

    def try_write(self, at: int) -> None:
        """See `Telemetry.try_write`."""
        if why := self._post("\n".join(figure_lines(CHECK, [check_figure(at)])), patience=_SOON):
            raise StoreDown(f"{self._address.url}: {why[:LONGEST_REASON]}")

    def close(self) -> None:
        """See `Telemetry.close`."""
        self._http.close()

    def _post(self, text: str, *, patience: httpx.Timeout = _TIMEOUT) -> str:
        """Write lines; why they are refused, or empty."""
        self._prepare(patience)
        answer = self._ask("POST", "/write", {"db": self._address.database, "precision": "ms"}, content=text.encode(), patience=patience)
        return reason_of(answer.text) or f"HTTP {answer.status_code}" if answer.is_error else ""

    def _query(self, statement: str, *, changes: bool = False) -> list[dict[str, Any]]:
        """The rows of a statement's only series, without absent values; GET is refused where a statement changes something."""
        self.breaker.check()
        self._prepare()
        parameters = {"db": self._address.database, "epoch": "ms"}
        if len(quote(statement)) <= _LONGEST_GET and not changes:
            answer = self._ask("GET", "/query", {**parameters, "q": statement})
        else:
            answer = self._ask("POST", "/query", parameters, data={"q": statement})
        try:
            content = orjson.loads(answer.content)
            result = content["results"][0] if answer.is_success else content
            if "error" in result:
                self._missed(str(result["error"]))
                raise StoreDown(f"{self._address.url}: {result['error']}: {statement[:200]}")
            tables = result.get("series", [])
            return [_row(table["columns"], values) for table in tables for values in table["values"]]
        except (orjson.JSONDecodeError, KeyError, IndexError, TypeError) as error:
            raise StoreDown(f"{self._address.url}: this is no answer of InfluxDB: {answer.text[:200]}") from error

    def _ask(
        self,
        method: str,
        path: str,
        parameters: dict[str, str] | None = None,
        *,
        content: bytes | None = None,
        data: dict[str, str] | None = None,
        patience: httpx.Timeout = _TIMEOUT,
    ) -> httpx.Response:
        """An answer that is either a success or a refusal of the very content.

        Raises:
            StoreDown: No answer, or one about the server, its database or the right to enter.
        """
        try:
            answer = self._http.request(method, path, params=parameters, content=content, data=data, timeout=patience)
        except httpx.HTTPError as error:
            raise StoreDown(f"{self._address.url}: {error or type(error).__name__}") from error
        if answer.is_success or answer.status_code in _REFUSED:
            return answer
        self._missed(answer.text)
        raise StoreDown(f"{self._address.url}: HTTP {answer.status_code} {answer.text.strip()[:200]}")

    def _missed(self, said: str) -> None:
        """Where the server says that the database is not there, the next call makes it again, if it may."""
        if _NO_DATABASE in said:
            self._prepared = False
            if self._seldom.news(_NO_DATABASE):
                log.warning("the time-series database is not there", database=self._address.database)

    def _prepare(self, patience: httpx.Timeout = _TIMEOUT) -> None:
        """Make the database where that is a client's business: in 1.x. Elsewhere the operator makes a bucket.

        It is asked for until it was made: a server without room makes none, and has room later.
        """
        if self._prepared:
            return
        if not self._lock.acquire(timeout=patience.read or -1):
            raise StoreDown(f"{self._address.url}: it does not answer")
        try:
            if self._prepared:
                return
            version = self._ask("GET", "/ping", patience=patience).headers.get("X-Influxdb-Version", "")
            self._keeps_all = re.match(r"v?3\.", version) is not None
            if re.match(r"v?1\.", version):
                self._make(patience)
            self._prepared = True
        finally:
            self._lock.release()

    def _make(self, patience: httpx.Timeout) -> None:
        """Make the database of 1.x, which leaves one that is there as it is."""
        statement = {"q": f"CREATE DATABASE {_name(self._address.database)}"}
        try:
            answer = self._http.post("/query", data=statement, timeout=patience)
        except httpx.HTTPError as error:
            raise StoreDown(f"{self._address.url}: {error or type(error).__name__}") from error
        # A user without the right is no fault if the database is there; if not, the next call says so. A success may hold an error.
        if answer.status_code in _NO_RIGHT or (answer.is_success and '"error"' not in answer.text):
            return
        raise StoreDown(f"{self._address.url}: the database cannot be made: HTTP {answer.status_code} {reason_of(answer.text)[:200]}")


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


def _row(columns: list[str], values: list[Any]) -> dict[str, Any]:
    return {column: value for column, value in zip(columns, values, strict=True) if value is not None}


def _maybe(value: float | None) -> float | None:
    return None if value is None else float(value)  # JSON has no difference between 1 and 1.0


def _name(name: str) -> str:
    """An identifier of InfluxQL."""
    return '"' + _plain(name).replace('"', r"\"") + '"'


def _text(text: str) -> str:
    """A string of InfluxQL."""
    return "'" + _plain(text).replace("'", r"\'") + "'"


def _plain(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _device(group: str, device: str) -> str:
    return f'"group" = {_text(group)} AND "device" = {_text(device)}'


def _range(start: int, end: int) -> str:
    return f"time >= {_time(start)} AND time < {_time(end)}"


def _time(at: int) -> str:
    return f"{max(-MAX_MS, min(at, MAX_MS))}ms"
