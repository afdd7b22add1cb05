"""One InfluxDB server as its HTTP interface of 1.x shows it, which 2.x and 3.x have as well.

An answer is a success, a refusal of the very content, or says that the store is down.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from threading import Lock
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import structlog

from cloud.telemetry.base import Breaker, StoreDown
from cloud.telemetry.influx_address import InfluxAddress
from cloud.telemetry.influxql import identifier
from cloud.telemetry.refusals import reason_of
from contract.logs import Seldom

log = structlog.get_logger()
_LONGEST_GET = 6_000
"""Encoded length of a query that still fits into a URL everywhere; 3.x documents GET only, so GET is the rule."""
_REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
_NO_RIGHT = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_NO_DATABASE = "database not found"
"""What 1.x says where there is none of that name, with 404 to a write and with 200 to a query."""
_NOT_EXECUTED = "not executed"
"""What 1.x says of a request with several statements and no database; of a single one it says the reason."""
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
"""Seconds. A year of one series may take some to read; a host that is not there should be known soon."""
SOON = httpx.Timeout(5.0)
"""Of what is asked to see whether the server is back: who waits longer for one that was away finds out late."""


class InfluxServer:
    """One database of a server; nothing is asked of it before the first call.

    Attributes:
        url: Scheme, host and port.
    """

    def __init__(self, address: InfluxAddress, breaker: Breaker) -> None:
        self._address, self._breaker = address, breaker
        self.url = address.url
        token = {"Authorization": f"Token {address.password}"} if address.auth == "token" else {}
        basic = httpx.BasicAuth(address.user, address.password) if address.auth == "basic" and address.user else None
        self._http = httpx.Client(base_url=address.url, auth=basic, headers=token, timeout=_TIMEOUT)
        self._lock = Lock()
        self._seldom = Seldom(60.0)
        self._prepared = False
        self._is_of_3 = False

    def ping(self) -> None:
        """Ask whether it answers.

        Raises:
            StoreDown: It does not.
        """
        self._ask("GET", "/ping", patience=SOON)

    def keeps_all(self) -> bool:
        """Whether it documents no way to delete, as 3.x.

        Raises:
            StoreDown: It cannot be asked.
        """
        self._prepare()
        return self._is_of_3

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def post(self, text: str, *, patience: httpx.Timeout = _TIMEOUT) -> str:
        """Write lines; why they are refused, or empty."""
        self._prepare(patience)
        answer = self._ask("POST", "/write", {"db": self._address.database, "precision": "ms"}, content=text.encode(), patience=patience)
        return reason_of(answer.text) or f"HTTP {answer.status_code}" if answer.is_error else ""

    def query(self, statement: str, *, changes: bool = False) -> list[dict[str, Any]]:
        """The rows of a statement's only series, without absent values; GET is refused where a statement changes something."""
        return self.queries([statement], changes=changes)[0]

    def queries(self, statements: Sequence[str], *, changes: bool = False) -> list[list[dict[str, Any]]]:
        """The rows of each statement, asked for in one request; 3.x takes a single statement in each."""
        self._breaker.check()
        self._prepare()
        if self._is_of_3 and len(statements) > 1:
            return [self.query(statement, changes=changes) for statement in statements]
        text, parameters = ";".join(statements), {"db": self._address.database, "epoch": "ms"}
        if len(quote(text)) <= _LONGEST_GET and not changes:
            answer = self._ask("GET", "/query", {**parameters, "q": text})
        else:
            answer = self._ask("POST", "/query", parameters, data={"q": text})
        try:
            content = orjson.loads(answer.content)
            results = content["results"] if answer.is_success else [content]
            told = next((str(result["error"]) for result in results if "error" in result), "")
            if told == _NOT_EXECUTED and len(statements) > 1:
                return [self.query(statement, changes=changes) for statement in statements]
            if told:
                self._missed(told)
                raise StoreDown(f"{self.url}: {told}: {text[:200]}")
            return [
                [_row(table["columns"], values) for table in result.get("series", []) for values in table["values"]]
                for result, _ in zip(results, statements, strict=True)
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise StoreDown(f"{self.url}: this is no answer of InfluxDB: {answer.text[:200]}") from error

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
            raise StoreDown(f"{self.url}: {error or type(error).__name__}") from error
        if answer.is_success or answer.status_code in _REFUSED:
            return answer
        self._missed(answer.text)
        raise StoreDown(f"{self.url}: HTTP {answer.status_code} {answer.text.strip()[:200]}")

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
            raise StoreDown(f"{self.url}: it does not answer")
        try:
            if self._prepared:
                return
            version = self._ask("GET", "/ping", patience=patience).headers.get("X-Influxdb-Version", "")
            self._is_of_3 = re.match(r"v?3\.", version) is not None
            if re.match(r"v?1\.", version):
                self._make(patience)
            self._prepared = True
        finally:
            self._lock.release()

    def _make(self, patience: httpx.Timeout) -> None:
        """Make the database of 1.x, which leaves one that is there as it is."""
        statement = {"q": f"CREATE DATABASE {identifier(self._address.database)}"}
        try:
            answer = self._http.post("/query", data=statement, timeout=patience)
        except httpx.HTTPError as error:
            raise StoreDown(f"{self.url}: {error or type(error).__name__}") from error
        # A user without the right is no fault if the database is there; if not, the next call says so. A success may hold an error.
        if answer.status_code in _NO_RIGHT or (answer.is_success and '"error"' not in answer.text):
            return
        raise StoreDown(f"{self.url}: the database cannot be made: HTTP {answer.status_code} {reason_of(answer.text)[:200]}")


def _row(columns: list[str], values: list[Any]) -> dict[str, Any]:
    return {column: value for column, value in zip(columns, values, strict=True) if value is not None}
