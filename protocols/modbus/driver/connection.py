"""An open line, TCP or serial: bytes out, bytes in, and since when it is quiet."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import termios
import time
from typing import cast

import serial

from protocols.base import NoLineError
from protocols.modbus.model import Bus
from protocols.patience import Patience

_KEPT = 1024
"""Bytes that are kept of a line that says what nobody asked for; the longest frame has 260."""


class Connection(asyncio.Protocol):
    """What came and was not taken yet, in `received`; whether the line is `lost`; `quiet_since`, monotonic, in seconds."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.lost = False
        self.quiet_since = time.monotonic()
        self._transport: asyncio.Transport | None = None
        self._patience = Patience()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The line is open."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one, without saying so

    def data_received(self, data: bytes) -> None:
        """Something came."""
        self.quiet_since = time.monotonic()
        self.received += data
        if len(self.received) > 2 * _KEPT:
            del self.received[:-_KEPT]
        self._patience.wake()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (why makes no difference)
        """The other side closed, or the line broke."""
        self.lost = True
        self._patience.wake()

    def send(self, data: bytes) -> None:
        """Put bytes on the line."""
        if self._transport is not None and not self.lost:
            self._transport.write(data)
        self.quiet_since = time.monotonic()

    async def more(self, until: float) -> bool:
        """Wait for more bytes or the loss of the line; False when neither came until then (monotonic, in seconds)."""
        if self.lost:
            return True
        return await self._patience.until(until)

    def close(self) -> None:
        """Let go of the line."""
        self.lost = True
        self._patience.close()
        if self._transport is not None:
            self._transport.abort()


class SerialConnection(Connection):
    """A serial port; nobody else may open it meanwhile."""

    def __init__(self, port: serial.Serial) -> None:
        super().__init__()
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(port.fileno(), self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._port.fileno(), 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.data_received(data)
        else:
            self._broken()

    def send(self, data: bytes) -> None:
        """Put bytes on the line; a port that does not take a whole frame is as good as gone."""
        try:
            whole = os.write(self._port.fileno(), data) == len(data) if not self.lost else False
        except OSError:
            whole = False
        self.quiet_since = time.monotonic()
        if not whole:
            self._broken()

    def close(self) -> None:
        """Let go of the port."""
        self.lost = True
        self._patience.close()
        if self._port.is_open:
            self._loop.remove_reader(self._port.fileno())
            with contextlib.suppress(OSError):  # of an adapter that was pulled out
                self._port.close()

    def _broken(self) -> None:
        self.close()


async def opened(bus: Bus, within: float) -> Connection:
    """The line of a bus.

    Raises:
        NoLineError: It cannot be opened; the message says where it is and why not.
    """
    return _serial(bus) if bus.framing == "rtu" else await _tcp(bus, within)


async def _tcp(bus: Bus, within: float) -> Connection:
    where = f"no connection to {bus.host}:{bus.port}"
    try:
        async with asyncio.timeout(within):
            _, connection = await asyncio.get_running_loop().create_connection(Connection, bus.host, bus.port)
    except TimeoutError as error:
        raise NoLineError(f"{where}: no answer in {within:g} s") from error
    except ConnectionRefusedError as error:
        raise NoLineError(f"{where}: refused, nothing listens there") from error
    except (socket.gaierror, UnicodeError) as error:  # a name with a part that no resolver can be asked for is the second
        raise NoLineError(f"{where}: unknown host") from error
    except OSError as error:
        raise NoLineError(f"{where}: {error.strerror or error}") from error
    return connection


def _serial(bus: Bus) -> Connection:
    where = f"no connection to {bus.serial_port}"
    try:
        # without a time-out a read that gives nothing is a port that is gone
        port = serial.Serial(bus.serial_port, baudrate=bus.baud, parity=bus.parity, stopbits=bus.stop_bits, exclusive=True)
    except (OSError, ValueError, termios.error) as error:  # pyserial's own error is an OSError; an adapter pulled out meanwhile is neither
        number = error.args[0] if isinstance(error, termios.error) else getattr(error, "errno", None)
        if number == errno.EAGAIN:
            raise NoLineError(f"{where}: another program has it open") from error
        if number == errno.EACCES:
            raise NoLineError(f"{where}: permission denied; its group may open it (dialout, on Debian)") from error
        raise NoLineError(f"{where}: {os.strerror(number) if number else error}") from error
    return SerialConnection(port)
