"""The gateway's configuration file: a wrong one ends the start with file, line, field and what was expected."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from contract import yamlfile
from contract.jt808.limits import TerminalLimits
from contract.site import Bus, Site, load_site, shipped_site, shipped_sites


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Broker(_Strict):
    """Where the MQTT broker is and who we are there."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    user: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    """Given: TLS, and the broker's certificate must come from this authority."""

    def password(self) -> str | None:
        """The password, read from its file.

        Raises:
            ConfigError: The file cannot be read.
        """
        return _secret(self.password_file)


def _secret(path: Path | None) -> str | None:
    """The one line of a password file.

    Raises:
        ConfigError: The file cannot be read.
    """
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise yamlfile.ConfigError(f"{path}: cannot be read: {error.strerror}") from error


class BusAddress(_Strict):
    """Where a bus really is, when it is not where the site file says."""

    host: str | None = None
    port: int | None = None
    framing: Literal["tcp", "rtu_over_tcp", "rtu"] | None = None
    serial_port: str | None = None
    user: str | None = None
    password_file: Path | None = None
    terminals: TerminalLimits | None = None


class Settings(_Strict):
    """One gateway."""

    gateway: str
    site: str
    """A folder, or the name of a shipped site."""
    data: Path
    broker: Broker = Broker()
    host_id: str = "jieyue"
    """The primary host application whose STATE is awaited."""
    acknowledge: Literal["store", "none"] = "store"
    """`none` for a host that does not know Store/Ack: a row counts as stored when it is published."""
    clock: Literal["trusted", "synchronised"] = "synchronised"
    retain_days: Annotated[float, Field(gt=0)] = 30
    max_bytes: Annotated[int, Field(ge=10_000_000)] = 8_000_000_000
    backlog_rows_per_second: Annotated[float, Field(gt=0)] = 500
    buses: dict[str, BusAddress] = {}


def load_settings(path: Path) -> tuple[Settings, Site]:
    """The settings and their site, checked against each other.

    Raises:
        ConfigError: With file, line, field and what was expected.
    """
    settings = yamlfile.load(Settings, path)
    document = yamlfile.Document(path)
    folder = path.parent / settings.site if "/" in settings.site else shipped_site(settings.site)
    if not folder.is_dir():
        expected = f"expected a folder, or one of the shipped sites ({', '.join(shipped_sites())})"
        raise yamlfile.ConfigError(document.fault(["site"], f"{expected}, got {settings.site!r}"))
    site = load_site(folder)
    if settings.gateway not in {g.id for g in site.gateways}:
        known = ", ".join(g.id for g in site.gateways)
        raise yamlfile.ConfigError(document.fault(["gateway"], f"expected one of {known}, got {settings.gateway!r}"))
    for name in settings.buses:
        if name not in site.bus_by_id:
            raise yamlfile.ConfigError(document.fault(["buses", name], f"the site {site.id} has no such bus"))
    return settings, site


def located(bus: Bus, settings: Settings) -> Bus:
    """The bus with the address that this gateway's configuration gives it."""
    given = settings.buses.get(bus.id)
    if given is None:
        return bus
    said = {name: getattr(given, name) for name in type(given).model_fields if name in type(bus).model_fields}
    return bus.model_copy(update={name: value for name, value in said.items() if value is not None})


def credentials(bus: Bus, settings: Settings) -> tuple[str, str | None]:
    """User and password of the gateway on a bus, as its configuration says.

    Raises:
        ConfigError: The password file cannot be read.
    """
    given = settings.buses.get(bus.id)
    return ("", None) if given is None else (given.user or "", _secret(given.password_file))
