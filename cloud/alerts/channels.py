"""Who is told: channels from a settings file, and one message through apprise.

A message's key travels with it (`Idempotency-Key` of a webhook, `Message-ID` of a mail), so that a receiver can tell a
repetition after a crash. Chat services (DingTalk, WeCom, Feishu) have no place for it: there a crash between sending and
noting may show a message twice.
"""

from __future__ import annotations

import logging
import os
import re
from email import message_from_string
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import quote

from apprise import Apprise, NotifyBase, NotifyFormat
from apprise.plugins.email.base import NotifyEmail
from apprise.plugins.email.smtp import AppriseSMTPController
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from cloud.alerts.brake import Brake
from cloud.alerts.markup import for_mail, plain
from cloud.alerts.observe import Duration
from cloud.alerts.ruleset import Severity
from cloud.texts import in_words
from contract import yamlfile
from contract.coded import Message
from contract.fault import Fault, located
from contract.secret import SecretError, read_secret

KEY_HEADER = "Idempotency-Key"
_DOMAIN = "jieyue.invalid"
"""Of Message-IDs: reserved by RFC 2606, so no real host's ids are taken."""
_OF = "/"
"""Between a channel's name, which has none, and the recipient of a mail to several."""
_ADDRESS = re.compile(r":(/|.*@)")
"""What an address has and neither a path nor a variable's name."""
logging.getLogger("apprise").disabled = True  # its lines may hold addresses with tokens; what is worth saying is said here


class UndeliveredError(Exception):
    """The receiver refused a message or cannot be reached.

    Attributes:
        why: What is known of it, without a secret.
    """

    def __init__(self, why: Message) -> None:
        super().__init__(in_words(why, "en"))
        self.why = why


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
    addressed = [_with_address(channel, document, number) for number, channel in enumerate(found.channels)]
    return [one for channel in addressed for one in _one_each(channel)]


def chosen(channel: Channel, name: str) -> bool:
    """Whether a name of the settings file, or of one recipient, means this channel."""
    return name in {channel.name, channel.name.partition(_OF)[0]}


def _one_each(channel: Channel) -> list[Channel]:
    plugin = _plugin(channel.url.get_secret_value())
    recipients = _recipients(plugin) if type(plugin) is NotifyEmail else []
    return (
        [channel]
        if len(recipients) <= 1
        else [channel.model_copy(update={"name": f"{channel.name}{_OF}{recipient}"}) for recipient in recipients]
    )


def _recipients(mail: NotifyEmail) -> list[str]:
    """Everybody who gets a mail; one who is named twice gets it once."""
    found: dict[str, str] = {}
    for address in (*(str(address) for _, address in mail.targets), *sorted(mail.cc), *sorted(mail.bcc)):
        found.setdefault(address.lower(), address)
    return list(found.values())


def _with_address(channel: Channel, document: yamlfile.Document, number: int) -> Channel:
    def refuse(field: str, message: str) -> yamlfile.ConfigError:
        return yamlfile.ConfigError(document.fault(["channels", number, field], message))

    if channel.url_file is not None:
        field = "url_file"
        file = document.path.parent / channel.url_file
        try:
            text = read_secret(file)
        except OSError as error:
            raise refuse(field, f"{file} cannot be read: {error.strerror}") from error
        except SecretError as error:
            raise refuse(field, f"{file} cannot be read: {error}") from error
    else:
        field = "url_env"
        text = os.environ.get(channel.url_env or "", "").strip()
        if not text:
            raise refuse(field, "expected the name of a variable that is set")
    if _plugin(text) is None:
        raise refuse(field, "expected an address that apprise knows, such as mailtos://… or jsons://… (what stands there is not shown)")
    return channel.model_copy(update={"url": SecretStr(text)})


def _plugin(url: str) -> NotifyBase | None:
    """A fresh sender of an address; None if apprise does not understand it."""
    return Apprise.instantiate(url)


def send(channel: Channel, key: str, title: str, body: str) -> None:
    """Send one message of plain text; returns when the receiver has it.

    Raises:
        UndeliveredError: It has not, as far as is known.
    """
    plugin = _plugin(channel.url.get_secret_value())
    if plugin is None:
        raise UndeliveredError(Message("told.not_understood"))
    if type(plugin) is NotifyEmail:
        done = _mail(plugin, channel.name.partition(_OF)[2] or _recipients(plugin)[0], key, title, body)
    else:
        if isinstance(headers := getattr(plugin, "headers", None), dict):
            headers[KEY_HEADER] = key
        title, body = plain(plugin, title, body)
        done = bool(plugin.notify(body=body, title=title, body_format=NotifyFormat.TEXT))
    if not done:
        raise UndeliveredError(Message("told.unreachable"))


def _mail(mail: NotifyEmail, recipient: str, key: str, title: str, body: str) -> bool:
    """Send to one recipient, with our Message-ID in the place of apprise's own, which would be another at each try.

    Raises:
        UndeliveredError: The server cannot be reached, or refused.
    """
    content, notify_format = for_mail(mail, body)
    (message,) = mail.prepare_emails(
        subject=title,
        body=content,
        notify_format=notify_format,
        from_addr=mail.from_addr,
        to=[(False, recipient)],
        reply_to=mail.reply_to,
        smtp_host=mail.smtp_host,
        headers=dict(mail.headers),
        names=mail.names,
        tzinfo=mail.tzinfo,
    )
    server = AppriseSMTPController(
        host=mail.smtp_host,
        port=int(mail.port or 0),
        secure_mode=str(mail.secure_mode),
        user=mail.user,
        password=mail.password,
        verify_certificate=mail.verify_certificate,
        socket_connect_timeout=int(mail.socket_connect_timeout),
    )
    try:
        with server:
            return bool(server.sendmail(str(mail.from_addr[1]), message.to_addrs, _identified(str(message.body), key)))
    except OSError as error:  # smtplib's errors are such
        raise UndeliveredError(Message("told.mail_server", error=type(error).__name__)) from None


def _identified(text: str, key: str) -> str:
    message = message_from_string(text)
    del message["Message-ID"]
    message["Message-ID"] = f"<{quote(key, safe='')}@{_DOMAIN}>"  # a key that ends with an address has an @ of its own
    return message.as_string()
