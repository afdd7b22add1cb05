"""Plain text as a service is to show it: no name of a device is a link, bold, a tag or a call to everybody.

Apprise turns text into a service's HTML or Markdown where it is told that it is text (`body_format`); what it leaves as it is, a chat
service may still read: `@all`, `<at user_id="all">` (Feishu), `<!channel>` (Slack), and marks in a title. Those characters are replaced by
their full-width forms, which look alike and mean nothing.
"""

from __future__ import annotations

import html

from apprise import NotifyBase, NotifyFormat
from apprise.plugins.custom_form import NotifyForm
from apprise.plugins.custom_json import NotifyJSON
from apprise.plugins.custom_xml import NotifyXML
from apprise.plugins.email.base import NotifyEmail

_EXACT = (NotifyEmail, NotifyJSON, NotifyXML, NotifyForm)
"""Programs read these, and a mail program calls nobody: they get what stands there."""
_CALLS = str.maketrans("@<>", "＠＜＞")  # noqa: RUF001 (full-width on purpose)
_MARKS = str.maketrans("[]*_`#", "［］＊＿｀＃")  # noqa: RUF001 (full-width on purpose)


def plain(plugin: NotifyBase, title: str, body: str) -> tuple[str, str]:
    """Title and body to hand to `plugin.notify` as text."""
    if isinstance(plugin, _EXACT):
        return title, body
    title, body = title.translate(_CALLS), body.translate(_CALLS)
    if plugin.resolve_format(NotifyFormat.TEXT) == NotifyFormat.MARKDOWN:
        title = title.translate(_MARKS)  # which apprise escapes only where it becomes part of the body
    return title, body


def for_mail(mail: NotifyEmail, body: str) -> tuple[str, NotifyFormat]:
    """A body as the mail's address asks for it, HTML by default, and which format that is."""
    wanted = mail.resolve_format(None)
    return html.escape(body).replace("\n", "<br/>") if wanted == NotifyFormat.HTML else body, wanted
