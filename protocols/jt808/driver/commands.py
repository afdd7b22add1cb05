"""Commands to a terminal: a parameter is set (0x8103), and all are asked for to read it back (0x8104)."""

from __future__ import annotations

import asyncio

from protocols.base import DriverError, NoAnswerError, NotReadBackError
from protocols.jt808.codec.parameters import Parameters, QueryParameters, SetParameters
from protocols.jt808.codec.session_bodies import TerminalResponse
from protocols.jt808.codec.settings import parameter, setting
from protocols.jt808.driver.connections import Connection
from protocols.jt808.driver.replies import Reply, refused
from protocols.jt808.model import Device


async def write(link: Connection, device: Device, point: str, value: float, within: float) -> float:
    """Set the parameter of a point, and return what the terminal says it is afterwards.

    Args:
        link: Of the terminal, which has authenticated.
        device: Whose terminal it is.
        point: Of its profile.
        value: In the point's unit.
        within: Real seconds that each answer may take.

    Raises:
        DriverError: Refused, no answer, or a value that does not fit; the message says whether it was written.
    """
    try:
        wanted = parameter(device, point, value)
    except ValueError as error:
        raise DriverError(str(error)) from error
    reply = await _asked(link, SetParameters((wanted,)), within)
    if isinstance(reply, TerminalResponse) and (why := refused(reply)):
        raise DriverError(f"the terminal refused it: {why}")
    try:
        return await _read_back(link, device, point, within)
    except DriverError as error:
        raise NotReadBackError(error) from error


async def _read_back(link: Connection, device: Device, point: str, within: float) -> float:
    reply = await _asked(link, QueryParameters(), within)
    if not isinstance(reply, Parameters):
        raise DriverError(f"the terminal refused the question: {refused(reply)}")
    try:
        found = setting(device, point, reply.parameters)
    except ValueError as error:
        raise DriverError(str(error)) from error
    if found is None:
        raise DriverError(f"the terminal does not name the parameter of {point}")
    return found


async def _asked(link: Connection, question: SetParameters | QueryParameters, within: float) -> Reply:
    frame, answer = link.session.ask(question)
    try:
        link.writer.write(frame)
        async with asyncio.timeout(within):
            return await answer
    except TimeoutError as error:
        raise NoAnswerError("the terminal does not answer") from error
    except ConnectionError as error:
        raise NoAnswerError(str(error)) from error
