"""Why a broker cannot be reached or kept, in words for whoever stands before the machine: what, where, and what to look at.

Nothing is opened here: all is known from the errors themselves and from what they came from.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from contract.yamlfile import ConfigError

_NOT_YET, _EXPIRED = 9, 10
"""Verification codes of OpenSSL (x509_vfy.h): a certificate's days have not begun, or are over."""
_SILENT_TLS = "; a port that wants a certificate of the client says no more when it has none, or one that is not believed"
_SHORT = 60.0
"""Seconds; a session that the broker ends sooner did not live."""
_SUSPICIOUS = 3
"""Such sessions in a row after which somebody else is suspected of using the same client id."""


def why(error: BaseException, host: str, port: int, *, tls: bool = False, taken: bool = False) -> str:
    """The reason of a failure to reach or to keep a broker.

    Args:
        error: What was raised; what it was raised from counts more than its own words.
        host: Of the broker.
        port: Of the broker.
        tls: Whether the connection was made with TLS.
        taken: Whether the broker had accepted us before.
    """
    where = f"{host}:{port}"
    if isinstance(error, ConfigError):
        return str(error)  # a file of ours; it says which
    if (answer := getattr(error, "rc", None)) is not None and not taken:  # the MQTT client's own error for a broker that says no
        return f"{where} refuses us: {answer}"
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate(cause, where)
        if not taken and (isinstance(cause, ssl.SSLError) or (tls and isinstance(cause, ConnectionResetError))):
            return f"{where} ends the connection when TLS begins; a port without TLS needs no CA file"
        if isinstance(cause, OSError | UnicodeError):
            hint = _SILENT_TLS if tls else "; a port with TLS needs a CA file"
            return _machine(cause, host, where) + hint * (isinstance(cause, TimeoutError) and not taken)
    return f"{where}: {error}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from; the MQTT client puts its own words before the machine's."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _machine(error: OSError | UnicodeError, host: str, where: str) -> str:
    if isinstance(error, UnicodeError):  # a name that no resolver can be asked for
        return f"unknown host {host}"
    if error.errno is not None and error.errno < 0:  # those of getaddrinfo are negative
        return f"unknown host {host}"
    if isinstance(error, ConnectionRefusedError):
        return f"{where} refuses the connection: nothing listens there"
    if isinstance(error, TimeoutError):
        return f"no answer from {where}"
    place = error.filename if isinstance(error.filename, str) else where
    return f"{place}: {error.strerror or error}"


def _certificate(error: ssl.SSLCertVerificationError, where: str) -> str:
    if error.verify_code in {_NOT_YET, _EXPIRED}:
        when = "not valid yet" if error.verify_code == _NOT_YET else "no longer valid"
        return f"the certificate of {where} is {when} by this machine's clock"
    return f"the certificate of {where} is not believed: {error.verify_message}"


class Takeovers:
    """Notices sessions that the broker ends again and again: MQTT 3.1.1 closes without a reason when a client id is used twice."""

    def __init__(self, client_id: str) -> None:
        self._client_id = client_id
        self._short = 0

    def ended(self, seconds: float, *, accepted: bool) -> str:
        """One more session is over after so many seconds; returns what to say beside the reason, empty most of the time.

        `accepted` means that the broker had taken us and then closed.
        """
        self._short = self._short + 1 if accepted and seconds < _SHORT else 0
        if self._short < _SUSPICIOUS:
            return ""
        return (
            f"; the broker takes {self._client_id} and closes again and again: a second process with this id or with its user, or "
            "something that its rights forbid"
        )
