"""The gateway's side: asks each word, sets one, and hears what stations say by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from contract.operation import Text
from contract.profile import engineering
from contract.reading import Row
from protocols.base import BusContext, DriverError, NoAnswerError, NoLineError

from .model import Bus, Device


class Driver:
    """One server; it reads, writes, listens and scans."""

    called = ("station", "stations")

    def __init__(self, line: BusContext[Bus, Device]) -> None:
        self._line = line

    async def read(self, device: Device) -> Row:
        """Every word of a station."""
        values = {}
        for name, mapped in device.model.points.items():
            values[name] = engineering(await self._asked(device.station, mapped.word), mapped, name)
        return Row(device.id, self._line.clock.now_ms(), values, {})

    async def write(self, device: Device, point: str, value: float) -> float:
        """Set a word; the server says what it is then."""
        return await self._asked(device.station, f"{device.model.points[point].word}={value:g}")

    async def close(self) -> None:
        """Each question has a connection of its own."""

    def addresses(self) -> Sequence[int]:
        """All stations that there can be."""
        return range(1, 4)

    def stranger(self, address: int | str, profile: str) -> Device:
        """A station as a device of a model."""
        return Device(id=f"station-{address}", name=Text(zh="站", en="Station"), profile=profile, bus="b", station=int(address))

    async def answers(self, address: int | str, within: float) -> bool:
        """Whether a station knows itself."""
        try:
            async with asyncio.timeout(within):
                await self._asked(int(address), "here")
        except (NoAnswerError, TimeoutError) as error:
            if isinstance(error, NoLineError):
                raise
            return False
        return True

    async def run(self) -> None:
        """Hear the stations' alarms, one a line: the station and 0 or 1."""
        by_station = {device.station: device for device in self._line.devices}
        reader, writer = await asyncio.open_connection(self._line.bus.host, self._line.bus.port)
        writer.write(f"{self._line.bus.greeting} listen\n".encode())
        while line := await reader.readline():
            station, alarm = line.split()
            device = by_station[int(station)]
            await self._line.commit([Row(device.id, self._line.clock.now_ms(), {"fault": float(alarm)})])

    async def _asked(self, station: int | None, word: str) -> float:
        try:
            reader, writer = await asyncio.open_connection(self._line.bus.host, self._line.bus.port)
        except OSError as error:
            raise NoLineError(f"no connection to {self._line.bus.end()}") from error
        try:
            writer.write(f"{self._line.bus.greeting} {station} {word}\n".encode())
            answer = (await reader.readline()).decode().strip()
        finally:
            writer.close()
        if not answer:
            raise NoAnswerError("it said nothing")
        if answer == "?":
            raise DriverError(f"it does not know {word!r}")
        return float(answer)
