"""Commands to a terminal on a real socket: a parameter is set and read back, and nothing else counts as done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from contract.clock import Clock
from contract.profile import load_profile
from protocols.base import DriverError, NoAnswerError
from protocols.jt808.codec.bodies import Heartbeat, decode_body, encode_body, message
from protocols.jt808.codec.fields import BodyError
from protocols.jt808.codec.frame import Frame, decode, encode
from protocols.jt808.codec.parameters import Parameter, Parameters, QueryParameters, SetParameters
from protocols.jt808.codec.session_bodies import BAD_MESSAGE, OK, UNSUPPORTED, PlatformResponse, TerminalResponse
from protocols.jt808.device.kept import Kept
from tests.protocols.jt808.conftest import CAR
from tests.waiting import until

if TYPE_CHECKING:
    from tests.protocols.jt808.conftest import Client, Platform, Start

POINT, ID = "report_interval", 0x0029
SET, QUERY = 0x8103, 0x8104
Obey = Callable[["Client", Frame], Awaitable[None]]


def held(seconds: int) -> tuple[Parameter, ...]:
    """What a terminal has: the interval, beside another parameter."""
    return (Parameter(0x0001, (60).to_bytes(4, "big")), Parameter(ID, seconds.to_bytes(4, "big")))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal has half a second for each answer."""
    model = load_profile(CAR.profile).model_copy(update={"timeout": 0.5})
    monkeypatch.setattr("contract.site.load_profile", lambda _: model)


class Obedient:
    """A terminal that obeys, and notes what it was told."""

    def __init__(self, client: Client) -> None:
        self.client, self.seconds, self.told = client, 10, list[int]()

    async def run(self) -> None:
        """Answer until the link ends."""
        while True:
            frame = await self.client.frame()
            await self.take(frame)

    async def take(self, frame: Frame) -> None:
        """Do what one message asks for."""
        body = decode_body(frame)
        if isinstance(body, SetParameters):
            self.told.append(frame.msg_id)
            self.seconds = int.from_bytes(body.parameters[0].data, "big")
            self.client.send(TerminalResponse(frame.seq, SET, 0))
        elif isinstance(body, QueryParameters):
            self.told.append(frame.msg_id)
            self.client.send(Parameters(frame.seq, held(self.seconds)))


async def obeying(platform: Platform, terminal: Obedient, value: float) -> float | str:
    """What a command led to, while a terminal answers."""
    answering = asyncio.create_task(terminal.run())
    try:
        return await platform.listener.write(CAR, POINT, value)
    except DriverError as error:
        return str(error)
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)


async def called(platform: Platform, kind: type[Obedient] = Obedient) -> Obedient:
    client = await platform.call()
    await client.open()
    return kind(client)


async def test_a_parameter_is_set_and_read_back(start: Start) -> None:
    """0x8103, then 0x8104; what 0x0104 says is given back."""
    async with start() as platform:
        terminal = await called(platform)
        assert await obeying(platform, terminal, 30.0) == 30.0
        assert (terminal.told, terminal.seconds) == ([SET, QUERY], 30)


async def test_a_long_answer_comes_in_packages(start: Start) -> None:
    """A terminal that has many parameters needs more than one frame for them."""

    class Talkative(Obedient):
        async def take(self, frame: Frame) -> None:
            if frame.msg_id != QUERY:
                await super().take(frame)
                return
            many = tuple(Parameter(0xF000 + n, bytes(20)) for n in range(100))
            for one in self.client.packages(Parameters(frame.seq, many + held(self.seconds))):
                self.client.writer.write(encode(one))

    async with start() as platform:
        assert await obeying(platform, await called(platform, Talkative), 45.0) == 45.0


async def test_another_value_is_what_the_terminal_says(start: Start) -> None:
    """It rounds to what it can; the gateway tells what it holds and does not call it done."""

    class Stubborn(Obedient):
        async def take(self, frame: Frame) -> None:
            await super().take(frame)
            self.seconds = 60

    async with start() as platform:
        assert await obeying(platform, await called(platform, Stubborn), 30.0) == 60.0


@pytest.mark.parametrize(("result", "why"), [(1, "failed"), (2, "the message is wrong"), (3, "not supported"), (77, "result 77")])
async def test_a_refusal_is_told_with_its_result(result: int, why: str, start: Start) -> None:
    """0x0001 other than 0: nothing is asked any more."""

    class Refusing(Obedient):
        async def take(self, frame: Frame) -> None:
            self.told.append(frame.msg_id)
            self.client.send(TerminalResponse(frame.seq, frame.msg_id, result))

    async with start() as platform:
        terminal = await called(platform, Refusing)
        assert await obeying(platform, terminal, 30.0) == f"the terminal refused it: {why}"
        assert terminal.told == [SET]


async def test_a_terminal_that_cannot_be_asked_has_been_written_to(start: Start) -> None:
    """Who reads the reason must know that the car may report otherwise from now on."""

    class Silent(Obedient):
        async def take(self, frame: Frame) -> None:
            if frame.msg_id != QUERY:
                await super().take(frame)

    class Unable(Obedient):
        async def take(self, frame: Frame) -> None:
            if frame.msg_id == QUERY:
                self.client.send(TerminalResponse(frame.seq, QUERY, 3))
            else:
                await super().take(frame)

    class Forgetful(Obedient):
        async def take(self, frame: Frame) -> None:
            if frame.msg_id == QUERY:
                self.client.send(Parameters(frame.seq, held(1)[:1]))
            else:
                await super().take(frame)

    async with start() as platform:
        for kind, why in ((Silent, "does not answer"), (Unable, "refused the question: not supported"), (Forgetful, "does not name the")):
            said = await obeying(platform, await called(platform, kind), 30.0)
            assert str(said).startswith("written, but not read back: the terminal ")
            assert why in str(said)


@pytest.mark.parametrize("data", [b"", b"\x1e", bytes(3), bytes(16), b"\xff" * 200], ids=len)
async def test_a_parameter_of_another_length_is_no_value(data: bytes, start: Start) -> None:
    """Nothing of what the profile says of four bytes can be read from fewer or more of them: neither 0 nor 3.4e38."""

    class Odd(Obedient):
        async def take(self, frame: Frame) -> None:
            if frame.msg_id != QUERY:
                await super().take(frame)
                return
            self.client.send(Parameters(frame.seq, (Parameter(ID, data),)))

    async with start() as platform:
        said = await obeying(platform, await called(platform, Odd), 30.0)
    assert said == f"written, but not read back: report_interval: expected 4 bytes of the parameter, the terminal sent {len(data)}"


async def test_a_terminal_that_does_not_answer_fails_in_its_time(start: Start) -> None:
    """It is there, and says nothing; the next command begins anew."""
    async with start() as platform:
        terminal = await called(platform)
        with pytest.raises(NoAnswerError, match=r"^the terminal does not answer$"):
            await platform.listener.write(CAR, POINT, 30.0)
        assert await obeying(platform, terminal, 20.0) == 20.0


async def test_a_car_that_is_not_connected_fails_at_once(start: Start) -> None:
    """Neither before it called, nor after it left, nor before it authenticated."""
    async with start() as platform:
        client = await platform.call()
        with pytest.raises(NoAnswerError, match=r"^the terminal is not connected$"):
            await platform.listener.write(CAR, POINT, 30.0)
        await client.open()
        platform.cut(client)
        await until(lambda: len(platform.listener.connections) == 0)
        with pytest.raises(NoAnswerError, match=r"^the terminal is not connected$"):
            await platform.listener.write(CAR, POINT, 30.0)


async def test_a_terminal_that_hangs_up_meanwhile_is_told(start: Start) -> None:
    """Nobody waits for an answer that cannot come."""
    async with start() as platform:
        client = await platform.call()
        await client.open()
        writing = asyncio.create_task(platform.listener.write(CAR, POINT, 30.0))
        assert (await client.frame()).msg_id == SET
        platform.cut(client)
        with pytest.raises(NoAnswerError, match=r"^the terminal hung up$"):
            await writing


async def test_answers_to_something_else_are_none(start: Start) -> None:
    """Another serial number, another message's answer, one that comes twice: each is left, and the right one counts."""

    class Confused(Obedient):
        async def take(self, frame: Frame) -> None:
            if frame.msg_id == SET:
                self.client.send(TerminalResponse(frame.seq + 1, SET, 1))
                self.client.send(TerminalResponse(frame.seq, 0x8201, 1))
                await super().take(frame)
                self.client.send(TerminalResponse(frame.seq, SET, 1))
            elif frame.msg_id == QUERY:
                self.client.send(TerminalResponse(frame.seq, QUERY, 0))
                self.client.send(Parameters(frame.seq - 1, held(99)))
                await super().take(frame)
                self.client.send(Parameters(frame.seq, held(98)))

    async with start() as platform:
        terminal = await called(platform, Confused)
        assert await obeying(platform, terminal, 30.0) == 30.0
        assert await obeying(platform, terminal, 31.0) == 31.0
        assert platform.counted == []


async def test_an_answer_that_is_cut_off_ends_nothing(start: Start) -> None:
    """It is counted, and the link stays."""
    async with start() as platform:
        terminal = await called(platform)
        client = terminal.client
        _, raw = encode_body(Parameters(0, held(1)), 2019)
        frame = replace(message(Heartbeat(), client.phone, 50, 2019), msg_id=0x0104, body=raw[:-1])
        assert await client.ask_package(frame) == PlatformResponse(50, 0x0104, 2)
        client.writer.write(encode(replace(frame, msg_id=0x0001, body=b"\x00")))
        assert await obeying(platform, terminal, 30.0) == 30.0
        assert platform.counted == ["car-1: message that does not hold what it should"]


@pytest.mark.parametrize(
    ("point", "value", "why"),
    [
        (POINT, 30.5, "report_interval: 30.5 lies between two steps of the parameter"),
        (POINT, 5e9, "report_interval: 5e+09 does not fit 4 bytes"),
        (POINT, -1.0, "report_interval: -1 does not fit 4 bytes"),
        ("speed", 30.0, "the profile says no parameter by which speed could be set"),
    ],
)
async def test_what_cannot_be_set_is_not_sent(point: str, value: float, why: str, start: Start) -> None:
    """The terminal hears nothing of it."""
    async with start() as platform:
        terminal = await called(platform)
        with pytest.raises(DriverError) as told:
            await platform.listener.write(CAR, point, value)
        assert str(told.value) == why
        assert await terminal.client.ask(Heartbeat()) == PlatformResponse(2, 0x0002, 0)


def test_a_simulated_terminal_sets_no_parameter_of_another_length() -> None:
    """It answers as a real one does, and keeps what it had."""

    class World:
        def __init__(self) -> None:
            self.held: dict[str, float | None] = {POINT: 10.0}

        def values(self, _device: str, _at: int) -> dict[str, float | None]:
            return self.held

        def write(self, _device: str, point: str, value: float, _at: int) -> None:
            self.held[point] = value

    world = World()
    kept = Kept(CAR, world, Clock())
    assert [kept.take((Parameter(ID, data),)) for data in (b"", bytes([30]), b"\xff" * 200)] == [BAD_MESSAGE] * 3
    assert (world.held, kept.take((Parameter(0xF000, b""),))) == ({POINT: 10.0}, UNSUPPORTED)
    assert (kept.take(held(30)[1:]), world.held, kept.told()) == (OK, {POINT: 30.0}, held(30)[1:])


def test_parameters_stand_on_the_wire_as_the_standard_has_them() -> None:
    """Count, then id, length and value of each (JT/T 808-2019, clauses 8.9 and 8.12); what is cut off is none."""
    for body in (SetParameters(held(10)), Parameters(7, held(10)), QueryParameters()):
        msg_id, raw = encode_body(body, 2019)
        assert decode_body(decode(encode(Frame(msg_id, "1", 0, 2019, raw)))) == body
    assert encode_body(SetParameters((Parameter(ID, b"\x00\x00\x00\x0a"),)), 2013) == (SET, bytes.fromhex("0100000029040000000a"))
    with pytest.raises(BodyError):
        decode_body(Frame(SET, "1", 0, 2019, bytes.fromhex("0200000029040000000a")))
