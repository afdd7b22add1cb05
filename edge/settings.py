"""The gateway's configuration file: a wrong one ends the start with file, line, field and what was expected."""

from __future__ import annotations

import errno
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from os.path import realpath
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from contract import secret, yamlfile
from contract.certificates import authority, show
from contract.fault import Fault
from contract.host import Host
from contract.protocol import models
from contract.site import Bus, Site, load_site
from contract.sitefolder import shipped_site, shipped_sites, site_documents
from contract.topics import HostId
from contract.wiring import place_of, shared
from contract.yamlfile import Strict, nearest

B = TypeVar("B", bound=Bus)
_REFUSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.ENXIO, errno.ENODEV})
"""What a disk says that is full, broken, read-only or gone, or whose rights were lost; none of it is the file's fault."""


class Broker(Strict):
    """Where the MQTT broker is and who we are there."""

    host: Host = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    user: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    """Given: TLS, and the broker's certificate must come from this authority."""
    cert_file: Path | None = None
    """The gateway's own certificate, for a broker that lets nobody in without one; the user is then the name in it."""
    key_file: Path | None = None
    """The key of `cert_file`."""

    @model_validator(mode="after")
    def _certificate_is_whole(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("expected both cert_file and key_file, or neither")
        if self.cert_file is not None and self.ca_file is None:
            raise ValueError("expected a ca_file beside cert_file: a certificate is shown over TLS only")
        return self

    def password(self) -> str | None:
        """The password, read from its file.

        Raises:
            ConfigError: The file cannot be read.
        """
        return secret.configured(self.password_file)

    def tls(self) -> ssl.SSLContext | None:
        """What holds the broker's certificate against `ca_file` and shows our own, if there is one; None without `ca_file`.

        Raises:
            ConfigError: A file cannot be read, or holds something else.
        """
        context = authority(self.ca_file)
        if context is not None:
            self.show_to(context)
        return context

    def show_to(self, context: ssl.SSLContext) -> None:
        """Have a context show the gateway's own certificate, if there is one.

        Raises:
            ConfigError: A file cannot be read, or holds something else.
        """
        if self.cert_file is not None and self.key_file is not None:
            show(context, self.cert_file, self.key_file)


def _folder(given: object) -> object:
    """An empty text would be the working folder, and only a shell knows whose home `~` is."""
    if isinstance(given, str) and not given.strip():
        raise ValueError("expected a folder")
    if isinstance(given, str) and given.startswith("~"):
        raise ValueError("expected the whole path of a folder; ~ is not expanded")
    return given


class BusAddress(Strict):
    """Where a bus really is, when it is not where the site file says, and who the gateway is there.

    What else may stand here, such as a host, a port or a serial port, is said by the bus's protocol (`Bus.local`).
    """

    model_config = ConfigDict(extra="allow")

    user: str | None = None
    password_file: Path | None = None

    @property
    def stated(self) -> dict[str, object]:
        """What stands there for the bus's protocol."""
        return {name: value for name, value in (self.model_extra or {}).items() if value is not None}


class Settings(Strict):
    """One gateway."""

    gateway: str
    site: str
    """A folder, or the name of a shipped site."""
    data: Annotated[Path, BeforeValidator(_folder)]
    """Folder of the outbox; made at the first start."""
    broker: Broker = Broker()
    host_id: HostId = "jieyue"
    """The primary host application whose STATE is awaited."""
    acknowledge: Literal["store", "none"] = "store"
    """`none` for a host that does not know Store/Ack: a row counts as stored when it is published."""
    clock: Literal["trusted", "synchronised"] = "synchronised"
    retain_days: Annotated[float, Field(gt=0)] = 30
    max_bytes: Annotated[int, Field(ge=10_000_000)] = 8_000_000_000
    backlog_rows_per_second: Annotated[float, Field(gt=0)] = 500
    buses: dict[str, BusAddress] = {}

    @property
    def outbox(self) -> Path:
        """The file of the outbox."""
        return self.data / "outbox.db"


def load_settings(path: Path) -> tuple[Settings, Site]:
    """The settings and their site, checked against each other; files that they name are read by `check_files`.

    Raises:
        ConfigError: With file, line, field and what was expected.
    """
    settings = yamlfile.load(Settings, path)
    document = yamlfile.Document(path)
    folder = path.parent / settings.site if "/" in settings.site else shipped_site(settings.site)
    if not folder.is_dir():
        expected = f"expected a folder, or one of the shipped sites ({', '.join(shipped_sites())})"
        hint = f"; the folder beside this file is ./{settings.site}" if (path.parent / settings.site).is_dir() else ""
        raise yamlfile.ConfigError(document.fault(["site"], f"{expected}, got {settings.site!r}{hint}"))
    site = load_site(folder)
    if settings.gateway not in {g.id for g in site.gateways}:
        known = ", ".join(g.id for g in site.gateways)
        raise yamlfile.ConfigError(document.fault(["gateway"], f"expected one of {known}, got {settings.gateway!r}"))
    for name in settings.buses:
        if name not in site.bus_by_id:
            hint = nearest(name, site.bus_by_id)
            raise yamlfile.ConfigError(document.fault(["buses", name], f"the site {site.id} has no such bus{hint}"))
    misplaced = list(_address_faults(settings, site))
    if misplaced:
        lines = [document.fault(place, yamlfile.worded(text, given, document.written(place, given))) for place, text, given in misplaced]
        raise yamlfile.ConfigError("\n".join(lines))
    faults = list(_line_faults(settings, site))
    if faults:
        documents = site_documents(folder)
        where = [
            (document, ("buses", bus.id)) if bus.id in settings.buses else (documents["buses"], _in_site(site, bus)) for bus, _ in faults
        ]
        raise yamlfile.ConfigError("\n".join(doc.fault(place, text) for (doc, place), (_, text) in zip(where, faults, strict=True)))
    return settings, site


def _in_site(site: Site, bus: Bus) -> tuple[str, int, str]:
    """The field of the site's file that says where a bus ends."""
    return "buses", [b.id for b in site.buses].index(bus.id), place_of(bus)


def _address_faults(settings: Settings, site: Site) -> Iterator[Fault]:
    """Fields that a bus of its protocol has not, or not so."""
    known = {field for bus in models(Bus) for field in bus.local}
    for name, given in settings.buses.items():
        bus = site.bus_by_id[name]
        for field in sorted(given.stated.keys() - known):
            yield Fault(("buses", name, field), "Extra inputs are not permitted", given.stated[field])
        try:
            located(bus, settings)
        except ValidationError as error:
            for fault in error.errors():
                yield Fault(("buses", name, *fault["loc"]), fault["msg"], fault["input"])


def _line_faults(settings: Settings, site: Site) -> Iterator[tuple[Bus, str]]:
    """What is wrong with the lines of this gateway once its own file has said where they are."""
    buses = [located(bus, settings) for bus in site.buses if bus.gateway == settings.gateway]
    for bus in buses:
        if missing := bus.unplaced():
            yield bus, missing
    for bus, other in shared(buses, realpath):
        yield bus, f"expected an end of its own for {bus.id}; {bus.end()} is the end of {other.id} too"


def check_files(settings: Settings, path: Path, *, disk: bool = True) -> None:
    """Read each file with a secret or a certificate that the settings name, and see whether the outbox may be written; nothing is made.

    Args:
        settings: Of the gateway.
        path: Their file.
        disk: Whether a disk that refuses now is a fault, as for somebody who sets a gateway up. One that runs waits for it.

    Raises:
        ConfigError: With a line for each that cannot be used.
    """
    document = yamlfile.Document(path)
    named: list[tuple[tuple[str, ...], Callable[[], object]]] = [
        (("data",), partial(_check_outbox, settings.outbox, disk=disk)),
        (("broker", "password_file"), settings.broker.password),
        (("broker", "ca_file"), partial(authority, settings.broker.ca_file)),
        (("broker", "cert_file"), partial(settings.broker.show_to, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))),
        *((("buses", name, "password_file"), partial(secret.configured, bus.password_file)) for name, bus in settings.buses.items()),
    ]
    faults = []
    for where, read in named:
        try:
            read()
        except yamlfile.ConfigError as error:
            faults.append(document.fault(where, str(error)))
    if faults:
        raise yamlfile.ConfigError("\n".join(faults))


def _check_outbox(file: Path, *, disk: bool) -> None:
    """See whether the outbox may be written, or made where there is none yet.

    Raises:
        ConfigError: Why not.
    """
    try:
        _try_outbox(file)
    except OSError as error:
        if disk or error.errno not in _REFUSING:
            raise yamlfile.ConfigError(f"{error.filename}: {error.strerror}") from error


def _try_outbox(file: Path) -> None:
    """The same, with an error for what the disk refuses.

    Raises:
        OSError: Of the disk, with the file or folder.
        ConfigError: Something else stands there.
    """
    folder = next(place for place in file.absolute().parents if os.path.lexists(place))
    if not folder.is_dir():
        raise yamlfile.ConfigError(f"expected a folder; {folder} is none")
    if not file.exists():
        try:
            tempfile.TemporaryFile(dir=folder).close()  # without a name where the file system knows that, else gone at once
        except OSError as error:
            raise OSError(error.errno, error.strerror, f"nothing can be made in {folder}") from error
    elif not file.is_file():
        raise yamlfile.ConfigError(f"{file}: expected a file; move away what stands there")
    elif not (os.access(folder, os.W_OK | os.X_OK) and os.access(file, os.R_OK | os.W_OK)):
        raise PermissionError(errno.EACCES, "cannot be written by this user, or on this file system", str(file))


def located(bus: B, settings: Settings) -> B:
    """The bus with the address that this gateway's configuration gives it; a field that it has not is passed over.

    Raises:
        ValidationError: A field cannot be so.
    """
    given = settings.buses.get(bus.id)
    stated = {} if given is None else {name: value for name, value in given.stated.items() if name in bus.local}
    if not stated:
        return bus
    checked = type(bus).model_validate(bus.model_dump() | stated)
    return bus.model_copy(update={name: getattr(checked, name) for name in stated})


def credentials(bus: Bus, settings: Settings) -> tuple[str, str | None]:
    """User and password of the gateway on a bus, as its configuration says.

    Raises:
        ConfigError: The password file cannot be read.
    """
    given = settings.buses.get(bus.id)
    return ("", None) if given is None else (given.user or "", secret.configured(given.password_file))


def shared_users(settings: Settings, site: Site) -> Iterator[tuple[str, str]]:
    """MQTT buses that use the broker's user of the uplink or of a bus before them, each with that user.

    A broker that takes the user's name for the client id (firmware_configs/gateway/broker.conf) lets in one of them at a time.
    """
    taken = {(settings.broker.host, settings.broker.user)}
    for bus in site.buses:
        given = settings.buses.get(bus.id)
        if bus.gateway != settings.gateway or bus.broker is None or given is None or not given.user:
            continue
        connection = (located(bus, settings).broker or "", given.user)
        if connection in taken:
            yield bus.id, given.user
        taken.add(connection)
