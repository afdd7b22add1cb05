"""The register map of a device model: schema and loader of firmware_configs/profiles."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from contract import units, yamlfile
from contract.point import POINTS, Kind
from contract.units import Unit

FIRMWARE_CONFIGS = Path(__file__).resolve().parent.parent / "firmware_configs"
"""Beside contract/ in a checkout and in the installed wheel alike."""


class Table(StrEnum):
    """The four Modbus tables and the function codes that read them: 03, 04, 01, 02."""

    HOLDING = "holding"
    INPUT = "input"
    COIL = "coil"
    DISCRETE = "discrete"


class RegisterType(StrEnum):
    """How registers become a number."""

    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BOOL = "bool"

    @property
    def registers(self) -> int:
        """How many registers (or bits, for bool) one value takes."""
        return {"16": 1, "32": 2, "64": 4}.get(self.value[-2:], 1)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Strict):
    """Smallest and largest value that may be written, in the point's unit."""

    min: float
    max: float


class PointMap(_Strict):
    """Where one point of a device stands and how its raw value becomes a reading."""

    table: Table = Table.HOLDING
    address: Annotated[int, Field(ge=0, le=0xFFFF)] | None = None
    type: RegisterType = RegisterType.UINT16
    order: Literal["ABCD", "CDAB", "BADC", "DCBA"] = "ABCD"
    mask: Annotated[int, Field(ge=1, le=0xFFFF)] | None = None
    """Only these bits of a 16-bit register, shifted down."""
    scale: Decimal = Decimal(1)
    unit: Unit = Unit.NONE
    kind: Kind | None = None
    ratio: Literal["ct", "pt", "ct_pt"] | None = None
    """The device gives the secondary side: multiply with these settings of the site."""
    values: dict[int, str] | None = None
    """Names of a state's raw numbers, such as {0: cool, 1: heat}."""
    invalid: list[int] = []
    """Raw values that mean "no value", such as 32767 for a broken sensor."""
    limits: Limits | None = None
    writable: bool = False
    write_function: Literal[5, 6, 16] = 6
    modulus: float | None = None
    """A counter rolls over to 0 here; in the point's unit. With a ratio it depends on the site and stands at the site's meter."""
    path: str | None = None
    """For JSON devices: where the value stands, as keys joined by dots."""


class MessageTime(_Strict):
    """Where a message that a device sends by itself says when it measured."""

    path: str
    format: Literal["rfc3339", "epoch", "YYMMDDhhmmss"]
    """`epoch`: seconds or milliseconds since 1970, told apart by their size; YYMMDDhhmmss is in GMT+8."""


class Profile(_Strict):
    """All that is known of one device model."""

    maker: str
    model: str
    device_class: Annotated[str, Field(alias="class")]
    protocol: str
    sources: list[str] = Field(min_length=1)
    notes: str = ""
    interval: Annotated[float, Field(gt=0)] = 15.0
    """Seconds between two polls unless the site says otherwise."""
    serial: dict[str, int | str] = {}
    max_registers: Annotated[int, Field(ge=1, le=125)] = 120
    """The longest read the device answers."""
    max_hole: Annotated[int, Field(ge=0, le=120)] = 8
    """Unwanted registers that may be read to merge two reads into one."""
    timeout: Annotated[float, Field(gt=0)] = 1.0
    """Seconds; above the slowest answer of the device."""
    time: MessageTime | None = None
    """For JSON devices: absent, a message is as old as its receipt."""
    points: dict[str, PointMap] = Field(min_length=1)

    @model_validator(mode="after")
    def _points_are_known(self) -> Self:
        faults = [
            Fault(("points", name, field) if field else ("points", name), text, given)
            for name, mapped in self.points.items()
            for field, text, given in _faults(self.protocol, name, mapped)
        ]
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


def _faults(protocol: str, name: str, mapped: PointMap) -> Iterator[tuple[str, str, object]]:
    """(field of the point, what was expected, what stands there)."""
    known = POINTS.get(name)
    if known is None:
        yield "", "no such point; expected a name of contract/point.py", name
        return
    try:
        units.factor(mapped.unit, known.unit)
    except ValueError:
        yield "unit", f"expected {known.unit} or a unit of the same quantity", mapped.unit.value
    if mapped.kind not in {None, known.kind}:
        yield "kind", f"expected {known.kind}", str(mapped.kind)
    if not mapped.scale:
        yield "scale", "expected a number other than 0", float(mapped.scale)
    if protocol == "modbus":
        yield from _register_faults(mapped)
    if protocol == "mqtt" and not mapped.path:
        yield "path", "expected a path into the JSON object", mapped.path
    if mapped.writable and mapped.limits is None and mapped.values is None:
        yield "writable", "expected limits or values, since the point can be written", None
    if mapped.writable and mapped.table in {Table.INPUT, Table.DISCRETE}:
        yield "table", "expected holding or coil, since the point can be written", mapped.table.value
    if mapped.modulus is not None and mapped.ratio is not None:
        yield "modulus", "expected it at the site's meter, since it depends on the ratio", mapped.modulus


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
    if mapped.writable and mapped.mask is not None:
        yield "writable", "expected a point without mask: a write would clear the other bits of its register", None
    if mapped.writable and bits != (mapped.write_function == 5):  # noqa: PLR2004 (function code 05, write single coil)
        yield "write_function", "expected 5 for a coil and 6 or 16 for registers", mapped.write_function
    if mapped.writable and mapped.write_function == 6 and mapped.type.registers > 1:  # noqa: PLR2004 (function code 06)
        yield "write_function", "expected 16, since the point has more than one register", mapped.write_function


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
    return scaled if mapped.type in {RegisterType.FLOAT32, RegisterType.FLOAT64} else float(math.floor(scaled + 0.5))


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
    return yamlfile.load(Profile, next((path for path in paths if path.exists()), paths[-1]))


def profile_names() -> list[str]:
    """Every profile, a site's own ones included."""
    return sorted({str(p.relative_to(root).with_suffix("")) for root in profile_folders() for p in root.glob("*/*.yaml")})
