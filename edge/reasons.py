"""Why a broker cannot be reached or kept, in words for whoever stands before the gateway: what, where, and what to look at."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode

_NOT_YET, _EXPIRED = 9, 10
"""Verification codes of OpenSSL (x509_vfy.h): a certificate's days have not begun, or are over."""
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
    if not isinstance(error, aiomqtt.MqttError | OSError):
        return str(error)  # a file of ours; it says which
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate(cause, where)
        if not taken and (isinstance(cause, ssl.SSLError) or (tls and isinstance(cause, ConnectionResetError))):
            return f"{where} ends the connection when TLS begins; a port without TLS needs no ca_file"
        if isinstance(cause, MqttConnectError):
            said = cause.rc if isinstance(cause.rc, ReasonCode) else cause
            return f"{where} refuses us: {said}"
        if isinstance(cause, OSError):
            hint = isinstance(cause, TimeoutError) and not (tls or taken)
            return _machine(cause, host, where) + "; a port with TLS needs ca_file" * hint
    return f"{where}: {error}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from; the MQTT client puts its own words before the machine's."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _machine(error: OSError, host: str, where: str) -> str:
    if isinstance(error, socket.gaierror):
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
            f"; the broker took {self._client_id} and closed {self._short} times in a row: a second gateway or process with this id, "
            "or something that its rights forbid"
        )
