"""The MQTT client of every part: aiomqtt's, which leaves nothing behind when its connection breaks, and takes many messages at once."""

from __future__ import annotations

import logging
import socket
import ssl
from types import TracebackType

import aiomqtt
from paho.mqtt import client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from protocols.read_ahead import ReadAhead

PATIENT = 60
"""Keep-alive (s) of a program that other work may hold up for long."""


class _Messages(aiomqtt.client.MessagesIterator):
    """Those that wait are taken without a task."""

    async def __anext__(self) -> aiomqtt.Message:
        if len(self):
            return self._client._queue.get_nowait()  # noqa: SLF001 (as aiomqtt's own iterator does)
        return await super().__anext__()


class MqttClient(aiomqtt.Client):
    """aiomqtt's client with mends that it does not offer in public.

    It asks the event loop to watch a socket in the loop's next round. If the connection breaks in between, that number belongs to nothing,
    which is a traceback, or to another connection, whose traffic would then stand still. Here the socket is looked at once more first.

    uvloop gives up its watch of a socket that failed, and refuses to watch it anew; such a connection is over.

    The error of a connection that broke while nobody waited for it is taken, or the event loop would log it as a traceback later.

    A message is read from the kernel in three or four calls, and makes a task of its own. Here each read takes what is there, up to a
    bound, and a task is made where nothing waits.

    `reached` says whether a broker was reached: only then was a CONNECT sent. `refusal` is why the broker did not take the last message at
    QoS 1 that it refused (MQTT 5, section 3.4.2.1), until somebody empties it: aiomqtt takes such a message for one that was published.
    """

    reached = False
    refusal = ""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        user: str | None = None,
        password: str | None = None,
        client_id: str | None = None,
        tls: ssl.SSLContext | None = None,
        will: aiomqtt.Will | None = None,
        keeps_session: bool = False,
        most_waiting: int = 0,
        log: logging.Logger | None = None,
        keep_alive: int = 15,
        timeout: float = 10,
        version: aiomqtt.ProtocolVersion = aiomqtt.ProtocolVersion.V311,
    ) -> None:
        """How every part speaks to its broker.

        Args:
            host: Of the broker.
            port: Of the broker.
            user: Who we are there; empty or None where nobody asks.
            password: Of the user.
            client_id: Which session is ours.
            tls: What the broker's certificate is held against; None for a connection in the clear.
            will: What the broker says for us when the connection breaks.
            keeps_session: The broker keeps what comes for us while we are away.
            most_waiting: Messages that may wait here, the others are lost; 0 for no bound.
            log: Where the client says what it does.
            keep_alive: Seconds; a broker that hears nothing for one and a half times that ends the connection.
            timeout: Seconds for the broker's answer to anything.
            version: Of MQTT; shared subscriptions need 5.
        """
        five = version is aiomqtt.ProtocolVersion.V5
        super().__init__(
            host,
            port,
            username=user or None,
            password=password,
            identifier=client_id,
            tls_context=tls,
            will=will,
            protocol=version,
            clean_session=None if five else not keeps_session,
            clean_start=not keeps_session if five else mqtt.MQTT_CLEAN_START_FIRST_ONLY,
            max_queued_incoming_messages=most_waiting,
            logger=log,
            keepalive=keep_alive,
            timeout=timeout,
        )

    @property
    def messages(self) -> _Messages:
        """What the broker sends, as it comes."""
        return _Messages(self)

    def _on_publish(self, client: mqtt.Client, userdata: object, mid: int, reason_code: ReasonCode, properties: Properties) -> None:
        if reason_code.is_failure:
            self.refusal = str(reason_code)
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_socket_open(self, client: mqtt.Client, userdata: object, sock: socket.socket) -> None:
        self.reached = True
        client._sock = ReadAhead(sock)  # noqa: SLF001 (paho makes its socket itself)
        super()._on_socket_open(client, userdata, sock)

    def _on_socket_register_write(self, client: mqtt.Client, userdata: object, sock: socket.socket) -> None:  # noqa: ARG002 (paho's signature)
        self._loop.call_soon_threadsafe(self._watch, client, sock)

    def _on_socket_unregister_write(self, client: mqtt.Client, userdata: object, sock: socket.socket) -> None:
        if sock.fileno() >= 0:  # closed already, it has no number by which it could be watched
            super()._on_socket_unregister_write(client, userdata, sock)

    def _watch(self, client: mqtt.Client, sock: socket.socket) -> None:
        if client.socket() is not sock:
            return
        try:
            self._loop.add_writer(sock.fileno(), self._write, client)
        except RuntimeError as error:
            self._loop.remove_reader(sock.fileno())  # what is left of it stands in the way of the number's next owner
            self._end(error)

    def _write(self, client: mqtt.Client) -> None:
        try:
            client.loop_write()
        except (OSError, ValueError) as error:  # a socket that breaks while it is written to
            self._end(error)

    def _end(self, error: Exception) -> None:
        if not self._disconnected.done():
            self._disconnected.set_exception(error)
            self._disconnected.exception()  # taken: who waits for it sees it all the same

    async def __aexit__(self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        """Leave the broker."""
        try:
            await super().__aexit__(exc_type, exc, tb)
        finally:
            if self._disconnected.done() and not self._disconnected.cancelled():
                self._disconnected.exception()
