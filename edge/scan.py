"""Which unit ids of a bus answer, and what they are: what a technician wants to know who wires a gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from contract.operation import Text
from contract.point import POINTS
from contract.profile import load_profile, profile_names
from contract.reading import Row
from contract.site import Bus
from contract.units import Unit
from protocols.base import DriverError, NoAnswerError, NoLineError, ScanningDriver
from protocols.modbus.model import Device, Point, Profile

_ATTEMPTS = 2
"""How often a configured device is asked before it is called silent: the line may have been busy with a late answer."""
_MOST_GUESSES = 3
_SHOWN = 4
"""Values in a line of text."""


_ANYTHING = Profile.model_validate(
    {"maker": "", "model": "", "class": "electricity", "protocol": "modbus", "sources": [""], "points": {"status": Point(address=0)}}
)


class _Stranger(Device):
    """A unit id of which nothing is known but how long it may take to answer."""

    within: float

    @property
    def model(self) -> Profile:
        return _ANYTHING.model_copy(update={"timeout": self.within})


@dataclass(frozen=True, slots=True)
class Found:
    """What a scan knows about one unit id.

    Attributes:
        unit: Modbus unit id.
        answers: Whether anybody answered, be it with an exception.
        device: The device that the site has there.
        profile: Of that device.
        values: Good values of the device, or of the best guess; in the points' units.
        bad: Why the other points are bad.
        reason: Why nothing at all could be read.
        looks_like: Profiles whose every point reads plausibly, of a unit id that the site does not have; best first.
    """

    unit: int
    answers: bool
    device: str | None = None
    profile: str | None = None
    values: dict[str, float] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    looks_like: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan knows about one bus; `reason` says why it could not be scanned."""

    bus: Bus
    found: list[Found] = field(default_factory=list)
    reason: str = ""

    @property
    def complete(self) -> bool:
        """Whether the bus was reached and every configured device that was asked gave a value."""
        return not self.reason and all(f.values for f in self.found if f.device)


async def scan(
    bus: Bus, devices: Sequence[Device], driver: ScanningDriver[Device], units: Sequence[int], within: float, asked: Callable[[int], None]
) -> Scanned:
    """Ask one unit id after the other.

    Args:
        bus: The bus.
        devices: What the site has on it.
        driver: Of the bus; one request is in flight.
        units: Which ids to ask.
        within: Seconds that an id may take of which the site knows nothing; a configured device has its profile's time.
        asked: Told of each id that was asked.
    """
    placed = {d.unit_id: d for d in devices}
    found: list[Found] = []
    try:
        for unit in units:
            device = placed.get(unit)
            found.append(await (_configured(driver, device) if device else _unknown(driver, bus, unit, within)))
            asked(unit)
    except NoLineError as error:
        return Scanned(bus, found, str(error))
    return Scanned(bus, found)


async def _configured(driver: ScanningDriver[Device], device: Device) -> Found:
    unit, reason = device.unit_id or 0, ""
    for _ in range(_ATTEMPTS):
        try:
            row = await driver.read(device)
        except NoLineError:
            raise
        except NoAnswerError as error:
            reason = str(error)
        except DriverError as error:
            return Found(unit, answers=True, device=device.id, profile=device.profile, reason=str(error))
        else:
            return Found(unit, answers=True, device=device.id, profile=device.profile, values=row.values, bad=row.bad)
    return Found(unit, answers=False, device=device.id, profile=device.profile, reason=reason)


async def _unknown(driver: ScanningDriver[Device], bus: Bus, unit: int, within: float) -> Found:
    stranger = _Stranger(id=f"unit-{unit}", name=_NAMELESS, profile="", bus=bus.id, unit_id=unit, within=within)
    if not await driver.answers(stranger):
        return Found(unit, answers=False)
    fitting: list[tuple[str, Row]] = []
    for name in _modbus_profiles():
        candidate = Device(id=f"unit-{unit}.{name.replace('/', '.')}"[:64], name=_NAMELESS, profile=name, bus=bus.id, unit_id=unit)
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
    return Found(unit, answers=True, values=values, looks_like=[name for name, _ in fitting[:_MOST_GUESSES]])


_NAMELESS = Text(zh="未配置", en="not in the site")


def _modbus_profiles() -> list[str]:
    return [name for name in profile_names() if load_profile(name).protocol == "modbus"]


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
            yield f"  unit {found.unit}: {_about(found)}"
    if scanned.reason:
        yield f"  {scanned.reason}"
        return
    configured = [f for f in scanned.found if f.device]
    answering, strangers = sum(f.answers for f in configured), sum(f.answers for f in scanned.found if not f.device)
    yield f"  asked {len(scanned.found)} unit ids: {answering} of {len(configured)} configured devices answer, {strangers} others answer"


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
                "unit": f.unit,
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
