"""Open the time-series store that a URL names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from cloud.telemetry.base import Telemetry
from cloud.telemetry.influx_address import InfluxAddress
from cloud.telemetry.sqlite import SqliteTelemetry

_FORMS = "sqlite:///path or influx+http://user:password@host:port/database?auth=basic|token"


def open_telemetry(url: str) -> Telemetry:
    """The store that `url` names.

    - `sqlite:///var/x.sqlite` is a relative path, `sqlite:////var/x.sqlite` an absolute one.
    - `influx+http://user:password@host:port/database?auth=basic|token`, or `influx+https`. User and password may be left out,
      and are percent-encoded where they hold `@`, `:`, `/`, `?` or `#`. With `auth=token` the password is the token.

    Raises:
        ValueError: The URL is of no form that is known. The message holds no part of the URL, which may hold a password.
        StoreDown: The file cannot be opened. An InfluxDB server is not asked yet.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return SqliteTelemetry(Path(rest[1:]))
    if scheme in {"influx+http", "influx+https"}:
        from cloud.telemetry.influx import InfluxTelemetry  # noqa: PLC0415 (its HTTP client is loaded where it is the store)

        return InfluxTelemetry(_influx(url.removeprefix("influx+")))
    raise ValueError(f"telemetry URL must be {_FORMS}")


def _influx(url: str) -> InfluxAddress:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # The original message quotes what it took for the port: of a password with an unencoded `/`, a part.
        raise ValueError(f"telemetry URL must be {_FORMS}, special characters of the password percent-encoded") from None
    database = unquote(parts.path.strip("/"))
    auth = parse_qs(parts.query).get("auth", ["basic"])[-1]
    if not parts.hostname or not database:
        raise ValueError(f"telemetry URL needs a host and a database: {_FORMS}")
    if auth not in {"basic", "token"}:
        raise ValueError("telemetry URL: auth must be basic or token")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return InfluxAddress(
        url=f"{parts.scheme}://{host}" + (f":{port}" if port else ""),
        database=database,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        auth="token" if auth == "token" else "basic",
    )
