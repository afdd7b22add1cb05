"""One message through apprise.

A message's key travels with it (`Idempotency-Key` of a webhook, `Message-ID` of a mail), so that a receiver can tell a
repetition after a crash. Chat services (DingTalk, WeCom, Feishu) have no place for it: there a crash between sending and
noting may show a message twice.
"""

from __future__ import annotations

import logging
from email import message_from_string
from urllib.parse import quote

from apprise import Apprise, NotifyBase, NotifyFormat
from apprise.plugins.email.base import NotifyEmail
from apprise.plugins.email.smtp import AppriseSMTPController

from cloud.alerts.markup import for_mail, plain
from contract.coded import Message

KEY_HEADER = "Idempotency-Key"
_DOMAIN = "jieyue.invalid"
"""Of Message-IDs: reserved by RFC 2606, so no real host's ids are taken."""
logging.getLogger("apprise").disabled = True  # its lines may hold addresses with tokens; what is worth saying is said here


def recipients(url: str) -> list[str] | None:
    """Everybody who gets a mail, or nobody where the address is another service's; None if apprise does not understand it."""
    plugin = _plugin(url)
    if plugin is None:
        return None
    return _recipients(plugin) if type(plugin) is NotifyEmail else []


def send(url: str, recipient: str, key: str, title: str, body: str) -> Message | None:
    """Send one message of plain text; returns when the receiver has it, or why it has not, as far as is known, without a secret.

    Args:
        url: Address of a service.
        recipient: Who gets it of several that a mail's address names; empty where it names one.
        key: Tells a repetition.
        title: Of the message.
        body: The same.
    """
    plugin = _plugin(url)
    if plugin is None:
        return Message("told.not_understood")
    if type(plugin) is NotifyEmail:
        return _mail(plugin, recipient or _recipients(plugin)[0], key, title, body)
    if isinstance(headers := getattr(plugin, "headers", None), dict):
        headers[KEY_HEADER] = key
    title, body = plain(plugin, title, body)
    return _unless(plugin.notify(body=body, title=title, body_format=NotifyFormat.TEXT))


def _plugin(url: str) -> NotifyBase | None:
    """A fresh sender of an address; None if apprise does not understand it."""
    return Apprise.instantiate(url)


def _recipients(mail: NotifyEmail) -> list[str]:
    """Everybody who gets a mail; one who is named twice gets it once."""
    found: dict[str, str] = {}
    for address in (*(str(address) for _, address in mail.targets), *sorted(mail.cc), *sorted(mail.bcc)):
        found.setdefault(address.lower(), address)
    return list(found.values())


def _unless(sent: object) -> Message | None:
    return None if sent else Message("told.unreachable")


def _mail(mail: NotifyEmail, recipient: str, key: str, title: str, body: str) -> Message | None:
    """Send to one recipient, with our Message-ID in the place of apprise's own, which would be another at each try."""
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
            return _unless(server.sendmail(str(mail.from_addr[1]), message.to_addrs, _identified(str(message.body), key)))
    except OSError as error:  # smtplib's errors are such
        return Message("told.mail_server", error=type(error).__name__)


def _identified(text: str, key: str) -> str:
    message = message_from_string(text)
    del message["Message-ID"]
    message["Message-ID"] = f"<{quote(key, safe='')}@{_DOMAIN}>"  # a key that ends with an address has an @ of its own
    return message.as_string()
