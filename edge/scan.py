"""Which addresses of a bus answer, and what they are: what a technician wants to know who wires a gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from contract.point import POINTS
from contract.profile import Profile, load_profile, profile_names
from contract.reading import Row
from contract.site import Bus, Device
from contract.units import Unit
from protocols.base import DriverError, NoAnswerError, NoLineError, PollingDriver, ScanningDriver

_ATTEMPTS = 2
"""How often a configured device is asked before it is called silent: the line may have been busy with a late answer."""
_MOST_GUESSES = 3
_SHOWN = 4
"""Values in a line of text."""
Address = int | str


@dataclass(frozen=True, slots=True)
class Found:
    """What a scan knows about one address.

    Attributes:
        address: Such as a Modbus unit id.
        answers: Whether anybody answered, be it with an exception.
        device: The device that the site has there.
        profile: Of that device.
        values: Good values of the device, or of the best guess; in the points' units.
        bad: Why the other points are bad.
        reason: Why nothing at all could be read.
        looks_like: Profiles whose every point reads plausibly, of an address that the site does not have; best first.
    """

    address: Address
    answers: bool
    device: str | None = None
    profile: str | None = None
    values: dict[str, float] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    looks_like: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan knows about one bus.

    Attributes:
        bus: The bus.
        called: What its addresses are called, one and several.
        found: By address, in the order in which they were asked.
        reason: Why it could not be scanned.
        askable: Whether anything can be asked there at all.
    """

    bus: Bus
    called: tuple[str, str] = ("device", "devices")
    found: list[Found] = field(default_factory=list)
    reason: str = ""
    askable: bool = True

    @property
    def complete(self) -> bool:
        """Whether the bus was reached and every configured device that was asked gave a value."""
        return not self.reason and all(f.values for f in self.found if f.device)


def planned(bus: Bus, devices: Sequence[Device], driver: PollingDriver[Any], asked: Sequence[Address] | None) -> list[Address]:
    """Which addresses to ask: the numbers that were named, else those that a driver knows and those of the site.

    A driver that cannot look for strangers asks the devices of the site.
    """
    known = [address for d in devices if (address := d.address(bus).meaning) is not None]
    if not isinstance(driver, ScanningDriver):
        return known
    usual = driver.addresses()
    if asked and all(isinstance(address, int) for address in usual):
        return list(asked)
    return sorted({*usual, *known}, key=lambda address: (isinstance(address, str), address))


async def scan(
    bus: Bus, devices: Sequence[Device], driver: PollingDriver[Any], addresses: Sequence[Address], within: float, asked: Callable[[], None]
) -> Scanned:
    """Ask one address after the other.

    Args:
        bus: The bus.
        devices: What the site has on it.
        driver: Of the bus; one request is in flight.
        addresses: Which to ask.
        within: Seconds that an address may take of which the site knows nothing; a configured device has its profile's time.
        asked: Told of each address that was asked.
    """
    placed = {d.address(bus).meaning: d for d in devices}
    called = driver.called if isinstance(driver, ScanningDriver) else ("device", "devices")
    found: list[Found] = []
    try:
        for address in addresses:
            device = placed.get(address)
            if device is not None:
                found.append(await _configured(driver, device, address))
            elif isinstance(driver, ScanningDriver):
                found.append(await _unknown(driver, bus, address, within))
            asked()
    except NoLineError as error:
        return Scanned(bus, called, found, str(error))
    return Scanned(bus, called, found)


async def _configured(driver: PollingDriver[Any], device: Device, address: Address) -> Found:
    reason = ""
    for _ in range(_ATTEMPTS):
        try:
            row = await driver.read(device)
        except NoLineError:
            raise
        except NoAnswerError as error:
            reason = str(error)
        except DriverError as error:
            return Found(address, answers=True, device=device.id, profile=device.profile, reason=str(error))
        else:
            return Found(address, answers=True, device=device.id, profile=device.profile, values=row.values, bad=row.bad)
    return Found(address, answers=False, device=device.id, profile=device.profile, reason=reason)


async def _unknown(driver: ScanningDriver[Any], bus: Bus, address: Address, within: float) -> Found:
    if not await driver.answers(address, within):
        return Found(address, answers=False)
    fitting: list[tuple[str, Row]] = []
    for name in profile_names():
        if load_profile(name).protocol != bus.protocol:
            continue
        candidate = driver.stranger(address, name)
        try:
            row = await driver.read(candidate)
        except NoLineError:
            raise
        except DriverError:
            continue
        if _believable(candidate.model, row):
            fitting.append((name, row))
    fitting.sort(key=lambda pair: -len(pair[1].values))
    values = fitting[0][1].values if fitting else {}
    return Found(address, answers=True, values=values, looks_like=[name for name, _ in fitting[:_MOST_GUESSES]])


def _believable(model: Profile, row: Row) -> bool:
    """Whether a device of this model could say this: every point plausible, every state a known one, and not all zero."""
    states = (
        (row.values[point], mapped.values) for point, mapped in model.points.items() if mapped.values is not None and point in row.values
    )
    return not row.bad and any(row.values.values()) and all(value in names for value, names in states)


def lines(scanned: Scanned) -> Iterator[str]:
    """A bus for a person to read."""
    bus = scanned.bus
    yield f"{bus.id} ({bus.about()})"
    for found in scanned.found:
        if found.device or found.answers:
            yield f"  {scanned.called[0]} {found.address}: {_about(found)}"
    if scanned.reason:
        yield f"  {scanned.reason}"
        return
    configured = [f for f in scanned.found if f.device]
    answering, strangers = sum(f.answers for f in configured), sum(f.answers for f in scanned.found if not f.device)
    asked = f"asked {len(scanned.found)} {scanned.called[1]}"
    yield f"  {asked}: {answering} of {len(configured)} configured devices answer, {strangers} others answer"


def _about(found: Found) -> str:
    if found.device is None:
        guess = f"looks like {' or '.join(found.looks_like)}{_sample(found.values)}" if found.looks_like else "fits no known profile"
        return f"answers, not in the site; {guess}"
    model = load_profile(found.profile or "")
    configured = f"configured as {found.device} ({model.model})"
    if not found.answers:
        return f"silent, but {configured}: {found.reason}"
    if found.reason:
        return f"answers, {configured}, but no point can be read: {found.reason}"
    wrong = "".join(f"; {point}: {why}" for point, why in list(found.bad.items())[:_SHOWN])
    return f"answers, {configured}, {len(found.values)} of {len(model.points)} points good{_sample(found.values)}{wrong}"


def _sample(values: dict[str, float]) -> str:
    shown = [f"{point} {value:.10g}{_unit(point)}" for point, value in list(values.items())[:_SHOWN]]
    return f": {', '.join(shown)}" if shown else ""


def _unit(point: str) -> str:
    unit = POINTS[point].unit
    return "" if unit is Unit.NONE else f" {unit.value}"


def as_json(scanned: Scanned) -> dict[str, object]:
    """A bus for a program to read; silent ids that the site does not have are left out."""
    return {
        "bus": scanned.bus.id,
        "protocol": scanned.bus.protocol,
        "reason": scanned.reason or None,
        "asked": len(scanned.found),
        "units": [
            {
                "unit": f.address,
                "answers": f.answers,
                "device": f.device,
                "profile": f.profile,
                "values": f.values,
                "bad": f.bad,
                "reason": f.reason or None,
                "looks_like": f.looks_like,
            }
            for f in scanned.found
            if f.device or f.answers
        ],
    }
