"""Whether a token does what it is for: a reading of no device is written, read with each token, and taken away again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from cloud.telemetry.base import Stored, StoreDown
from cloud.telemetry.influx import InfluxTelemetry
from cloud.telemetry.influx_address import InfluxAddress
from cloud.texts import in_words
from contract.reading import Reading

_GROUP, _CLASS, _DEVICE, _POINT = "jieyue", "jieyue_setup", "probe", "value"
_NOT_READ = "what was written is not found"


@dataclass(frozen=True, slots=True)
class Probe:
    """A reading at a time of its own.

    Attributes:
        url: Scheme, host and port of the server.
        database: That `/write?db=` and `/query?db=` name.
        at: Time of the reading, ms since 1970 in UTC.
    """

    url: str
    database: str
    at: int

    def written(self, token: str) -> str:
        """Write and read it with a token, as the cloud does; why that failed, or empty."""
        with self._opened(token) as store:
            try:
                refused = store.write([Stored(_GROUP, _CLASS, Reading(_DEVICE, _POINT, 1.0, self.at))])
            except StoreDown as error:
                return f"it cannot write: {error}"
            return f"it cannot write: {in_words(refused[0].reason, 'en')}" if refused else self._read(store)

    def read(self, token: str) -> str:
        """Read it with a token, as Grafana does; why that failed, or empty."""
        with self._opened(token) as store:
            return self._read(store)

    def taken_away(self, token: str) -> str:
        """Delete it with a token that may write; why that failed, or empty."""
        with self._opened(token) as store:
            try:
                store.forget_figures(_CLASS, {"group": _GROUP, "device": _DEVICE}, self.at, self.at + 1)
            except StoreDown as error:
                return f"it cannot delete: {error}"
        return ""

    def _read(self, store: InfluxTelemetry) -> str:
        try:
            found = store.series(_GROUP, _CLASS, _DEVICE, _POINT, self.at, self.at + 1)
        except StoreDown as error:
            return f"it cannot read: {error}"
        return "" if [reading.value for reading in found] == [1.0] else f"it cannot read: {_NOT_READ}"

    @contextmanager
    def _opened(self, token: str) -> Iterator[InfluxTelemetry]:
        with closing(InfluxTelemetry(InfluxAddress(self.url, self.database, password=token, auth="token"))) as store:
            yield store
