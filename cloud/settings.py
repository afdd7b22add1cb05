"""Settings of the cloud service, from the environment; secrets come from files."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contract import secret
from contract.certificates import authority
from contract.clock import Clock, kept_time
from contract.host import Host
from contract.topics import HostId
from contract.yamlfile import OWN_WORDS, ConfigError

_PART = "cloud"
"""The cloud's folder in that of a demo."""


def networks(text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """The addresses and networks of a list with commas.

    Raises:
        ValueError: A part is neither.
    """
    return tuple(ipaddress.ip_network(part.strip()) for part in filter(None, text.split(",")))


def _proxies(text: str) -> str:
    """Refuse what names no addresses; `*` would believe everybody."""
    try:
        networks(text)
    except ValueError:
        raise ValueError("expected addresses or networks such as 127.0.0.1,172.16.0.0/12") from None
    return text


class Settings(BaseSettings):
    """Each field is the variable `JIEYUE_<FIELD>`; a wrong one ends the start."""

    model_config = SettingsConfigDict(env_prefix="JIEYUE_", frozen=True)

    data: Path = Path("var/cloud")
    """Folder of the embedded stores."""
    site: str = ""
    """A folder, or the name of a shipped site: what its files say is compared with what was entered, never entered."""
    database: str = ""
    """SQLAlchemy address of the relational database; SQLite in `data` by default."""
    database_password_file: Path | None = None
    """Holds the password that `database` leaves out."""
    telemetry: str = ""
    """Address of the time-series store; SQLite in `data` by default."""
    telemetry_password_file: Path | None = None
    """Holds the password, or the token, that `telemetry` leaves out."""
    mqtt_host: Host = "127.0.0.1"
    mqtt_port: Annotated[int, Field(ge=1, le=65535)] = 1883
    mqtt_user: str = ""
    mqtt_password_file: Path | None = None
    mqtt_ca_file: Path | None = None
    mqtt_watch_user: str = ""
    """Who reads the broker's log, so that refused clients raise an alert; nobody does without one."""
    mqtt_watch_password_file: Path | None = None
    host_id: HostId = "jieyue"
    """Sparkplug host application id."""
    reorder: Annotated[float, Field(ge=0, le=600)] = 2.0
    """Seconds that a message missing from a foreign node's sequence may take before its births are asked for."""
    answer: Annotated[float, Field(ge=0, le=600)] = 10.0
    """Seconds that those births may take before what waits for them is taken by older ones, or counted as lost."""
    silence: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    """Seconds that a foreign node may say nothing before it is asked for its births; one that does not answer is offline."""
    keep_counters_days: Annotated[int, Field(ge=0, le=36_500)] = 90
    """Days until a counter's samples are thinned to 15 minutes; 0: never."""
    keep_gauges_days: Annotated[int, Field(ge=0, le=36_500)] = 400
    """Days until a gauge's readings go; 0: never."""
    bind: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    connections: Annotated[int, Field(ge=10, le=100_000)] = 1_000
    """To the interface at once; as many again of the process's descriptors stay for its own work."""
    connections_per_client: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Of one address."""
    trusted_proxies: Annotated[str, AfterValidator(_proxies)] = "127.0.0.1,::1"
    """Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; nobody's where it is empty."""
    report_workers: Annotated[int, Field(ge=1, le=8)] = 1
    """Processes that make reports at a time."""
    report_queue: Annotated[int, Field(ge=0, le=1000)] = 8
    """Reports that may wait for one."""
    report_seconds: Annotated[int, Field(ge=1, le=3600)] = 300
    """Time after which a report is stopped."""
    report_memory_mb: Annotated[int, Field(ge=256, le=65_536)] = 2048
    """MiB that a report may take."""
    streams: Annotated[int, Field(ge=1, le=10_000)] = 200
    """Event streams that may be open at once, of all pages and walls."""
    indicators: Path | None = None
    """Folder of the indicators and their targets; the shipped ones by default."""
    rules: Path | None = None
    """Folder of the alert rules; the shipped ones by default."""
    channels: Path | None = None
    """Settings file of who is told of alerts; nobody without one."""
    hold: Path | None = None
    """While this file exists the service says that it is not ready."""

    def database_url(self) -> str:
        """Where the relational database is, with its password.

        Raises:
            ConfigError: The password's file cannot be read.
        """
        if not self.database:
            return f"sqlite:///{self.data / 'registry.db'}"
        return _with_password(self.database, _secret("JIEYUE_DATABASE_PASSWORD_FILE", self.database_password_file))

    def telemetry_url(self) -> str:
        """Where the time-series store is, with its password.

        Raises:
            ConfigError: The password's file cannot be read.
        """
        if not self.telemetry:
            return f"sqlite:///{self.data / 'telemetry.db'}"
        return _with_password(self.telemetry, _secret("JIEYUE_TELEMETRY_PASSWORD_FILE", self.telemetry_password_file))

    def mqtt_password(self) -> str | None:
        """The broker password, read from its file.

        Raises:
            ConfigError: The file cannot be read.
        """
        return _secret("JIEYUE_MQTT_PASSWORD_FILE", self.mqtt_password_file)

    def mqtt_watch_password(self) -> str | None:
        """The password of who reads the broker's log, read from its file.

        Raises:
            ConfigError: The file cannot be read.
        """
        return _secret("JIEYUE_MQTT_WATCH_PASSWORD_FILE", self.mqtt_watch_password_file)

    def mqtt_tls(self) -> ssl.SSLContext | None:
        """What holds the broker's certificate against the authority's; None without one.

        Raises:
            ConfigError: The file cannot be read, or holds no certificate.
        """
        try:
            return authority(self.mqtt_ca_file)
        except ConfigError as error:
            raise ConfigError(f"JIEYUE_MQTT_CA_FILE: {error}") from error


def _secret(variable: str, path: Path | None) -> str | None:
    """The one line of a password file."""
    try:
        return secret.configured(path)
    except ConfigError as error:
        raise ConfigError(f"{variable}: {error}") from error


def _with_password(address: str, password: str | None) -> str:
    """The address with a password behind its user; without a user one is made up, since a token needs none but its place does."""
    if password is None:
        return address
    scheme, _, rest = address.partition("://")
    before, at, after = rest.partition("@")
    user, place = (before, after) if at else ("token", rest)
    return f"{scheme}://{user.partition(':')[0]}:{quote(password, safe='')}@{place}"


def load_settings() -> Settings:
    """The settings that the environment gives; the data folder of a demo stands for the cloud's folder in it.

    Raises:
        ConfigError: A variable has a value that cannot be used; one line each.
    """
    try:
        found = Settings()
    except ValidationError as error:
        lines = [f"JIEYUE_{str(f['loc'][0]).upper()}: {f['msg'].removeprefix(OWN_WORDS)}, got {f['input']!r}" for f in error.errors()]
        raise ConfigError("\n".join(lines)) from error
    return found.model_copy(update={"data": found.data / _PART}) if _is_demo(found.data) else found


def command_clock(settings: Settings, clock: Clock) -> Clock:
    """The clock of a command that reads figures: the environment's; without one, that of the demo whose data is read.

    A demo keeps its time in its folder, so what is asked of a stopped one is answered as it would have answered itself.

    Raises:
        ValueError: The file that keeps it holds something else.
    """
    left = settings.data.parent / "clock"
    if clock.trial or settings.data.name != _PART or not left.is_file():
        return clock
    return Clock(kept_time(left), speed=0.0)


def _is_demo(folder: Path) -> bool:
    """Whether a folder is that of a whole demo, where each part has a folder of its own."""
    return (folder / _PART / "registry.db").exists() and not (folder / "registry.db").exists()
