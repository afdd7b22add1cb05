"""The register map of a device model: schema and loader of firmware_configs/profiles."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from contract import units, yamlfile
from contract.message import MessageTime, unreadable
from contract.point import POINTS, Kind
from contract.register import LAST_ADDRESS, Address, Exact, Fraction, Mask, RegisterType, ScaleRegister, Table
from contract.units import Unit
from contract.yamlfile import Strict as _Strict

FIRMWARE_CONFIGS = Path(__file__).resolve().parent.parent / "firmware_configs"
"""Beside contract/ in a checkout and in the installed wheel alike."""


Interval = Annotated[float, Field(ge=0.001, le=86_400)]
"""Seconds between two requests, at most a day; readings are dated to the millisecond."""


class SerialSettings(_Strict):
    """How a device is set when it leaves its maker; what is absent, nobody knows."""

    baud: Annotated[int, Field(gt=0)] | None = None
    parity: Literal["N", "E", "O"] | None = None
    stop: Literal[1, 2] | None = None


class Limits(_Strict):
    """Smallest and largest value that may be written, in the point's unit."""

    min: float
    max: float

    @model_validator(mode="after")
    def _runs_upward(self) -> Self:
        if self.min > self.max:
            raise located([Fault(("max",), f"expected a number of at least min ({self.min:g})", self.max)])
        return self


class PointMap(_Strict):
    """Where one point of a device stands and how its raw value becomes a reading."""

    table: Table = Table.HOLDING
    address: Address | None = None
    type: RegisterType = RegisterType.UINT16
    order: Literal["ABCD", "CDAB", "BADC", "DCBA"] = "ABCD"
    mask: Mask | None = None
    """Only these bits of a 16-bit register, shifted down."""
    scale: Exact = Decimal(1)
    unit: Unit = Unit.NONE
    kind: Kind | None = None
    ratio: Literal["ct", "pt", "ct_pt"] | None = None
    """The device gives the secondary side: multiply with these settings of the site."""
    values: dict[int, str] | None = None
    """Names of a state's raw numbers, such as {0: cool, 1: heat}."""
    fraction: Fraction | None = None
    """What stands behind the decimal point, where it has registers of its own."""
    scale_register: ScaleRegister | None = None
    """Where the device says how large its numbers are; `scale` holds beside it."""
    invalid: list[int | float] = []
    """Raw values that mean "no value", such as 32767 for a broken sensor, or -999.9 in a float."""
    limits: Limits | None = None
    writable: bool = False
    write_function: Literal[5, 6, 16] = 6
    counter: Literal["rising", "net"] = "rising"
    """`net`: it also runs backwards (what is fed in is taken off), so no main meter counts by it."""
    modulus: Annotated[float, Field(gt=0)] | None = None
    """A counter rolls over to 0 here; in the point's unit. With a ratio it depends on the site and stands at the site's meter."""
    path: str | None = None
    """For JSON devices: where the value stands in a record, as keys joined by dots (`contract/json_path.py`); `$` is a bare number."""
    subtopic: str | None = None
    """For JSON devices that publish each value below a topic of its own: the levels below the device's topic."""

    @property
    def span(self) -> tuple[int, int]:
        """First register (or bit) and the one after the last, of all places that make the value; they are read together."""
        places = [(self.address or 0, self.type.registers)]
        places += [(other.address, other.type.registers) for other in (self.fraction, self.scale_register) if other is not None]
        return min(first for first, _ in places), max(first + size for first, size in places)


DEVICE_CLASSES = ("electricity", "water", "gas", "heat", "hvac", "fresh_air", "meeting_room", "elevator", "vehicle")
"""Classes of devices: the store keeps a class together, and rules, pages and dashboards ask for one by name."""


def _known_class(name: str) -> str:
    if name not in DEVICE_CLASSES:
        raise ValueError(f"expected one of {', '.join(DEVICE_CLASSES)}, got {name!r}{yamlfile.nearest(name, DEVICE_CLASSES)}")
    return name


class Profile(_Strict):
    """All that is known of one device model."""

    maker: str
    model: str
    device_class: Annotated[str, AfterValidator(_known_class), Field(alias="class")]
    protocol: str
    sources: list[str] = Field(min_length=1)
    notes: str = ""
    interval: Interval = 15.0
    """Seconds between two polls unless the site says otherwise."""
    serial: SerialSettings = SerialSettings()
    max_registers: Annotated[int, Field(ge=1, le=125)] = 120
    """The longest read the device answers."""
    max_hole: Annotated[int, Field(ge=0, le=120)] = 8
    """Unwanted registers that may be read to merge two reads into one."""
    timeout: Annotated[float, Field(gt=0, le=3600)] = 1.0
    """Seconds, at most an hour; above the slowest answer of the device."""
    time: MessageTime | None = None
    """For JSON devices: absent, a message is as old as its receipt."""
    arrives: Literal["live", "batch"] = "live"
    """`batch`: a device that hands over what it measured long ago as a rule, so its lateness says nothing of its clock."""
    records: str | None = None
    """For JSON devices: where a message holds its records, `*` being each of several; absent, the message is the record."""
    identity: str | None = None
    """For JSON devices: where a record says whose it is, for a topic of many meters; `*` is the key or place of the record itself."""
    points: dict[str, PointMap] = Field(min_length=1)

    @model_validator(mode="after")
    def _points_are_known(self) -> Self:
        faults = [
            Fault(("points", name, field) if field else ("points", name), text, given)
            for name, mapped in self.points.items()
            for field, text, given in _faults(self.protocol, name, mapped)
        ]
        faults += [
            Fault(("points", name, "address"), f"expected registers that one read of {self.max_registers} can hold", mapped.address)
            for name, mapped in self.points.items()
            if mapped.span[1] - mapped.span[0] > self.max_registers
        ]
        faults += [
            Fault(("points", name, field), f"expected a place that no other point has; {other} stands there", given)
            for name, field, other, given in _overlaps(self.protocol, self.points)
        ]
        faults += [Fault(*one) for one in unreadable(self)]
        if faults:
            raise located(faults)
        return self


Place = tuple[str | int, ...]
"""Where a field stands: keys and list positions from the top of the file."""


class Fault(NamedTuple):
    """Something that only the whole model shows.

    Attributes:
        place: Where it stands.
        message: What was expected.
        given: What stands there.
    """

    place: Place
    message: str
    given: object


def located(faults: Sequence[Fault]) -> ValidationError:
    """The faults, each at its own field, so that a person is sent to the right line."""
    details = [
        InitErrorDetails(type=PydanticCustomError("config", "{message}", {"message": f.message}), loc=f.place, input=f.given)
        for f in faults
    ]
    return ValidationError.from_exception_data("config", details)


def _kind_faults(mapped: PointMap, kind: Kind) -> Iterator[tuple[str, str, object]]:
    if mapped.kind not in {None, kind}:
        yield "kind", f"expected {kind}", str(mapped.kind)
    if mapped.counter == "net" and kind is not Kind.COUNTER:
        yield "counter", "expected a counter; this point is none", mapped.counter


def _faults(protocol: str, name: str, mapped: PointMap) -> Iterator[tuple[str, str, object]]:
    """(field of the point, what was expected, what stands there)."""
    known = POINTS.get(name)
    if known is None:
        yield "", f"no such point; expected a name of contract/point.py, got {name!r}{yamlfile.nearest(name, POINTS)}", name
        return
    try:
        units.factor(mapped.unit, known.unit)
    except ValueError:
        yield "unit", f"expected {known.unit} or a unit of the same quantity", mapped.unit.value
    yield from _kind_faults(mapped, known.kind)
    if not mapped.scale:
        yield "scale", "expected a number other than 0", float(mapped.scale)
    if protocol == "modbus":
        yield from _register_faults(mapped)
    if protocol == "mqtt" and not mapped.path:
        yield "path", "expected a path into the JSON object, or $ for a bare number", mapped.path
    if mapped.writable and mapped.limits is None and mapped.values is None:
        yield "writable", "expected limits or values, since the point can be written", None
    if mapped.writable and mapped.table in {Table.INPUT, Table.DISCRETE}:
        yield "table", "expected holding or coil, since the point can be written", mapped.table.value
    if mapped.modulus is not None and mapped.ratio is not None:
        yield "modulus", "expected it at the site's meter, since it depends on the ratio", mapped.modulus


def _overlaps(protocol: str, points: Mapping[str, PointMap]) -> Iterator[tuple[str, str, str, object]]:
    """(point, field, the point that stands there already, what stands in the field).

    A point may take bits of a register that another point takes whole, and other bits than a third.
    """
    field = {"modbus": "address", "mqtt": "path"}.get(protocol, "")
    taken: dict[tuple[object, ...], str] = {}
    for name, mapped in points.items():
        given = getattr(mapped, field, None)
        places = [(mapped.subtopic, given)] if field == "path" else [(mapped.table, (given or 0) + i) for i in range(mapped.type.registers)]
        others = {taken.setdefault((place, mapped.mask), name) for place in places if given is not None} - {name}
        if others:
            yield name, field, min(others), given


def _register_faults(mapped: PointMap) -> Iterator[tuple[str, str, object]]:
    """The same for what a Modbus driver could only guess at."""
    bits = mapped.table in {Table.COIL, Table.DISCRETE}
    whole = {RegisterType.UINT16, RegisterType.INT16}
    if mapped.address is None:
        yield "address", "expected an address", None
    if bits and mapped.type not in {RegisterType.BOOL, RegisterType.UINT16}:
        yield "type", "expected bool, since the table holds bits", mapped.type.value
    if not bits and mapped.type is RegisterType.BOOL:
        yield "type", "expected a number; one bit of a register is read with a mask", mapped.type.value
    if mapped.mask is not None and (bits or mapped.type not in whole):
        yield "mask", "expected none, since it takes bits of one 16-bit register", mapped.mask
    yield from _places_faults(mapped)
    yield from _combined_faults(mapped)
    if mapped.writable and mapped.mask is not None:
        yield "writable", "expected a point without mask: a write would clear the other bits of its register", None
    if mapped.writable and bits != (mapped.write_function == 5):  # noqa: PLR2004 (function code 05, write single coil)
        yield "write_function", "expected 5 for a coil and 6 or 16 for registers", mapped.write_function
    if mapped.writable and mapped.write_function == 6 and mapped.type.registers > 1:  # noqa: PLR2004 (function code 06)
        yield "write_function", "expected 16, since the point has more than one register", mapped.write_function


def _places_faults(mapped: PointMap) -> Iterator[tuple[str, str, object]]:
    """The same for places that reach beyond the last register there is."""
    places = [("address", mapped.address, mapped.type)]
    places += [
        (field, part.address, part.type)
        for field, part in (("fraction", mapped.fraction), ("scale_register", mapped.scale_register))
        if part is not None
    ]
    for field, first, kind in places:
        if first is not None and first + kind.registers - 1 > LAST_ADDRESS:
            yield field, f"expected at most {LAST_ADDRESS + 1 - kind.registers}, since {kind} takes {kind.registers} registers", first


def _combined_faults(mapped: PointMap) -> Iterator[tuple[str, str, object]]:
    """The same for a number that is made of two places."""
    both = {"fraction": mapped.fraction, "scale_register": mapped.scale_register}
    given = {field: part for field, part in both.items() if part is not None}
    for field, part in given.items():
        if mapped.table in {Table.COIL, Table.DISCRETE}:
            yield field, "expected none, since the table holds bits", mapped.table.value
        if len(given) > 1:
            yield field, "expected a fraction or a scale register, not both", part.address
        if mapped.writable:
            yield "writable", f"expected a point without {field}: one write cannot set both places", None
        if part.type is RegisterType.BOOL:
            yield field, "expected a type of whole registers", part.type.value
    if mapped.fraction is not None and (mapped.type.signed or mapped.fraction.type.signed or mapped.mask is not None):
        yield "fraction", "expected whole numbers without sign and without mask on both sides of the decimal point", mapped.type.value
    scaled = mapped.scale_register
    if scaled is not None and scaled.holds == "exponent" and scaled.type.floating:
        yield "scale_register", "expected a whole number, since the register holds an exponent", scaled.type.value
    if scaled is not None and scaled.mask is not None and scaled.type not in {RegisterType.UINT16, RegisterType.INT16}:
        yield "scale_register", "expected a 16-bit type, since the mask takes bits of one register", scaled.type.value


_RATIO_OF = {Unit.VOLT: "pt", Unit.AMPERE: "ct", Unit.WATT: "ct_pt", Unit.VAR: "ct_pt", Unit.KILOWATT_HOUR: "ct_pt"}


def plausible(mapped: PointMap, point: str, ct: float = 1.0, pt: float = 1.0) -> tuple[float, float]:
    """Smallest and largest value that is believed: behind transformers the point's own limits times their ratio.

    It makes no difference whether the device multiplies by itself or the profile's `ratio` does: what is measured is as large.
    """
    known = POINTS[point]
    ratio = max(1.0, {"ct": ct, "pt": pt, "ct_pt": ct * pt, None: 1.0}[mapped.ratio or _RATIO_OF.get(known.unit)])
    return known.plausible[0] * ratio, known.plausible[1] * ratio


def decimal_scale(mapped: PointMap, point: str, ct: float = 1.0, pt: float = 1.0) -> tuple[float, float]:
    """(numerator, divisor) that make a raw value a reading in the point's unit.

    Dividing by 10 gives the decimal a person reads; multiplying with 0.1 does not (3 * 0.1).
    """
    ratio = {"ct": ct, "pt": pt, "ct_pt": ct * pt, None: 1.0}[mapped.ratio]
    exact = mapped.scale * units.factor(mapped.unit, POINTS[point].unit) * Decimal(str(ratio))
    numerator, denominator = exact.as_integer_ratio()
    return float(numerator), float(denominator)


def engineering(raw: float, mapped: PointMap, point: str, ct: float = 1.0, pt: float = 1.0) -> float:
    """A raw value as a reading in the point's unit."""
    numerator, divisor = decimal_scale(mapped, point, ct, pt)
    return raw * numerator / divisor


def raw(value: float, mapped: PointMap, point: str, ct: float = 1.0, pt: float = 1.0) -> float:
    """The raw value that a device must hold to show `value`; rounded for integer registers."""
    numerator, divisor = decimal_scale(mapped, point, ct, pt)
    scaled = value * divisor / numerator
    return scaled if mapped.type.floating else float(math.floor(scaled + 0.5))


def profiles_root() -> Path:
    """The folder of the shipped profiles."""
    return FIRMWARE_CONFIGS / "profiles"


def profile_folders() -> list[Path]:
    """Where profiles are looked for: first in a site's own folder, which `JIEYUE_PROFILES` names, then among the shipped ones."""
    own = os.environ.get("JIEYUE_PROFILES", "")
    return [Path(own), profiles_root()] if own else [profiles_root()]


@lru_cache(maxsize=256)
def load_profile(name: str) -> Profile:
    """A profile by its path below profiles/ without .yaml, such as `hvac/beca-bac-002aln`.

    Raises:
        ConfigError: No such file, or a fault in it.
    """
    paths = [folder / f"{name}.yaml" for folder in profile_folders()]
    found = next((path for path in paths if path.exists()), None)
    if found is None:
        hint = yamlfile.nearest(name, profile_names())
        own = "" if len(paths) > 1 else "; JIEYUE_PROFILES names a folder with models of your own"
        raise yamlfile.ConfigError(f"{paths[0]}: cannot be read: No such file or directory{hint}{own}")
    return yamlfile.load(Profile, found)


def profile_names() -> list[str]:
    """Every profile, a site's own ones included."""
    return sorted({str(p.relative_to(root).with_suffix("")) for root in profile_folders() for p in root.glob("*/*.yaml")})
