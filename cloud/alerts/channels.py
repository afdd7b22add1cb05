"""Who is told: channels from a settings file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from cloud.alerts.brake import Brake
from cloud.alerts.observe import Duration
from cloud.alerts.ruleset import Severity
from contract import yamlfile
from contract.coded import Message
from contract.fault import Fault, located
from contract.secret import SecretError, read_secret

_OF = "/"
"""Between a channel's name, which has none, and the recipient of a mail to several."""
_ADDRESS = re.compile(r":(/|.*@)")
"""What an address has and neither a path nor a variable's name."""


class Channel(BaseModel):
    """One way to tell people."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    url_file: Path | None = None
    """A file that holds apprise's address of the service and nothing else; a relative path begins at the settings file."""
    url_env: str | None = None
    """Or the environment variable that does."""
    min_severity: Severity = Severity.WARNING
    language: Literal["zh", "en"] = "zh"
    resolved: bool = True
    """Whether to tell that an alert is over, too."""
    burst: Annotated[int, Field(ge=1, le=100)] = 5
    """Messages that may be sent at once; what is more comes as one message that says how many of which kind."""
    pause: Annotated[Duration, Field(gt=0)] = 60_000
    """Ms, written as a duration: then one message each."""
    url: SecretStr = Field(default=SecretStr(""), exclude=True)

    @property
    def brake(self) -> Brake:
        """How often it may be told something."""
        return Brake(self.burst, self.pause)

    @model_validator(mode="after")
    def _address_elsewhere(self) -> Self:
        if self.url.get_secret_value() or _ADDRESS.search(f"{self.url_file} {self.url_env}"):
            raise ValueError("expected the address in what url_file or url_env name; this file is no place for secrets")
        if (self.url_file is None) == (self.url_env is None):
            raise ValueError("expected either url_file or url_env, where the address with its secret stands")
        return self

    def wants(self, severity: Severity) -> bool:
        """Whether it is told of alerts as severe as this."""
        return severity.rank >= self.min_severity.rank


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: list[Channel]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [channel.name for channel in self.channels]
        twice = [n for n, name in enumerate(names) if name in names[:n]]
        if twice:
            raise located([Fault(("channels", n, "name"), "expected a name that no other channel has", names[n]) for n in twice])
        return self


def load_channels(path: Path | None) -> list[Channel]:
    """The channels of a settings file, with their addresses; none without a file.

    A mail to several people is a channel `NAME/ADDRESS` for each, so that whom the server refuses is tried again alone.

    Raises:
        ConfigError: With file, line, field and what was expected; what may be an address is never shown.
    """
    if path is None:
        return []
    document, found = yamlfile.Document(path, secret=True), yamlfile.load(_File, path, secret=True)
    return [one for number, channel in enumerate(found.channels) for one in _one_each(channel, document, number)]


def chosen(channel: Channel, name: str) -> bool:
    """Whether a name of the settings file, or of one recipient, means this channel."""
    return name in {channel.name, channel.name.partition(_OF)[0]}


def send(channel: Channel, key: str, title: str, body: str) -> Message | None:
    """Send one message of plain text; returns when the receiver has it, or why it has not, as far as is known."""
    from cloud.alerts import delivery  # noqa: PLC0415 (as below)

    return delivery.send(channel.url.get_secret_value(), channel.name.partition(_OF)[2], key, title, body)


def _one_each(channel: Channel, document: yamlfile.Document, number: int) -> list[Channel]:
    """The channel with its address, one for each recipient where a mail has several."""
    from cloud.alerts import delivery  # noqa: PLC0415 (its libraries take a tenth of a start and 7 MiB; most processes tell nobody)

    address = _address(channel, document, number)
    recipients = delivery.recipients(address)
    if recipients is None:
        refused = "expected an address that apprise knows, such as mailtos://… or jsons://… (what stands there is not shown)"
        raise _fault(document, number, "url_env" if channel.url_file is None else "url_file", refused)
    names = [f"{channel.name}{_OF}{recipient}" for recipient in recipients] if len(recipients) > 1 else [channel.name]
    return [channel.model_copy(update={"name": name, "url": SecretStr(address)}) for name in names]


def _address(channel: Channel, document: yamlfile.Document, number: int) -> str:
    if channel.url_file is None:
        text = os.environ.get(channel.url_env or "", "").strip()
        if not text:
            raise _fault(document, number, "url_env", "expected the name of a variable that is set")
        return text
    file = document.path.parent / channel.url_file
    try:
        return read_secret(file)
    except OSError as error:
        raise _fault(document, number, "url_file", f"{file} cannot be read: {error.strerror}") from error
    except SecretError as error:
        raise _fault(document, number, "url_file", f"{file} cannot be read: {error}") from error


def _fault(document: yamlfile.Document, number: int, field: str, message: str) -> yamlfile.ConfigError:
    return yamlfile.ConfigError(document.fault(["channels", number, field], message))
