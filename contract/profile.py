"""A device model: what every protocol's profile has, and the loader of firmware_configs/profiles."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from contract import units, yamlfile
from contract.fault import Fault, located
from contract.flag import Flag
from contract.point import POINTS, Kind
from contract.protocol import Spoken, packages
from contract.register import Exact, RegisterType
from contract.units import Unit
from contract.yamlfile import Strict as _Strict

FIRMWARE_CONFIGS = Path(__file__).resolve().parent.parent / "firmware_configs"
"""Beside contract/ in a checkout and in the installed wheel alike."""
_OWN = "JIEYUE_PROFILES"


Interval = Annotated[float, Field(ge=0.001, le=86_400)]
"""Seconds between two requests, at most a day; readings are dated to the millisecond."""


class Limits(_Strict):
    """Smallest and largest value that may be written, in the point's unit."""

    min: float
    max: float

    @model_validator(mode="after")
    def _runs_upward(self) -> Self:
        if self.min > self.max:
            raise located([Fault(("max",), f"expected a number of at least min ({self.min:g})", self.max)])
        return self


Misfit = tuple[str, str, object]
"""Something that cannot be: the field, what was expected, what stands there."""


class PointMap(Spoken):
    """How the raw value of a point becomes a reading; where it stands in a device is said in its protocol's own terms."""

    part = "Point"
    written: ClassVar[bool] = False
    """Whether devices write their numbers as decimals, so that `type` says nothing of their steps."""

    type: RegisterType = RegisterType.UINT16
    scale: Exact = Decimal(1)
    unit: Unit = Unit.NONE
    kind: Kind | None = None
    ratio: Literal["ct", "pt", "ct_pt"] | None = None
    """The device gives the secondary side: multiply with these settings of the site."""
    values: dict[int, str] | None = None
    """Names of a state's raw numbers, such as {0: cool, 1: heat}."""
    flag: Flag | None = None
    """The device does not say this point: it is a bit of another one, 1 where that is set."""
    invalid: list[int | float] = []
    """Raw values that mean "no value", such as 32767 for a broken sensor, or -999.9 in a float."""
    limits: Limits | None = None
    writable: bool = False
    counter: Literal["rising", "net"] = "rising"
    """`net`: it also runs backwards (what is fed in is taken off), so no main meter counts by it."""
    modulus: Annotated[float, Field(gt=0)] | None = None
    """A counter rolls over to 0 here; in the point's unit. With a ratio it depends on the site and stands at the site's meter."""

    @property
    def smallest_step(self) -> float:
        """By how much its raw number rises at least, where it is made of whole numbers."""
        return 1.0

    def allows(self, value: float) -> bool:
        """Whether a value may be written."""
        inside = self.limits is None or self.limits.min <= value <= self.limits.max
        return self.writable and inside and (self.values is None or value in self.values)

    def misfits(self) -> Iterator[Misfit]:
        """What its protocol cannot read or write."""
        yield from ()


DEVICE_CLASSES = ("electricity", "water", "gas", "heat", "hvac", "fresh_air", "meeting_room", "elevator", "vehicle")
"""Classes of devices: the store keeps a class together, and rules, pages and dashboards ask for one by name."""


def _known_class(name: str) -> str:
    if name not in DEVICE_CLASSES:
        raise ValueError(f"expected one of {', '.join(DEVICE_CLASSES)}, got {name!r}{yamlfile.nearest(name, DEVICE_CLASSES)}")
    return name


class Profile(Spoken):
    """All that is known of one device model."""

    part = "Profile"
    dates_itself: ClassVar[bool] = False
    """Whether devices may say by themselves when they measured."""

    maker: str
    model: str
    device_class: Annotated[str, AfterValidator(_known_class), Field(alias="class")]
    protocol: str
    sources: list[str] = Field(min_length=1)
    notes: str = ""
    interval: Interval = 15.0
    """Seconds between two polls unless the site says otherwise."""
    timeout: Annotated[float, Field(gt=0, le=3600)] = 1.0
    """Seconds, at most an hour; above the slowest answer of the device."""
    arrives: Literal["live", "batch"] = "live"
    """`batch`: a device that hands over what it measured long ago as a rule, so its lateness says nothing of its clock."""
    points: Mapping[str, PointMap] = Field(min_length=1)

    @cached_property
    def flags(self) -> Mapping[str, Flag]:
        """Each point that is a bit of another one."""
        return {name: mapped.flag for name, mapped in self.points.items() if mapped.flag is not None}

    @model_validator(mode="after")
    def _points_are_known(self) -> Self:
        faults = [
            Fault(("points", name, field) if field else ("points", name), text, given)
            for name, mapped in self.points.items()
            for field, text, given in _faults(name, mapped)
        ]
        faults += [*self._flag_faults(), *self.misfits()]
        if faults:
            raise located(faults)
        return self

    def _flag_faults(self) -> Iterator[Fault]:
        for name, flag in self.flags.items():
            if flag.of not in self.points or flag.of in self.flags:
                yield Fault(("points", name, "flag", "of"), "expected a point of this profile that is no bit of another", flag.of)
            if self.points[name].writable:
                yield Fault(("points", name, "writable"), "expected a point without flag: a write would change the other bits", None)

    def misfits(self) -> Iterator[Fault]:
        """What its protocol cannot read, or not tell apart."""
        yield from ()


def _kind_faults(mapped: PointMap, kind: Kind) -> Iterator[Misfit]:
    if mapped.kind not in {None, kind}:
        yield "kind", f"expected {kind}", str(mapped.kind)
    if mapped.counter == "net" and kind is not Kind.COUNTER:
        yield "counter", "expected a counter; this point is none", mapped.counter


def _faults(name: str, mapped: PointMap) -> Iterator[Misfit]:
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
    yield from mapped.misfits()
    if mapped.writable and mapped.limits is None and mapped.values is None:
        yield "writable", "expected limits or values, since the point can be written", None
    if mapped.modulus is not None and mapped.ratio is not None:
        yield "modulus", "expected it at the site's meter, since it depends on the ratio", mapped.modulus


def overlaps(points: Mapping[str, PointMap], field: str, places: Mapping[str, Iterable[tuple[object, ...]]]) -> Iterator[Fault]:
    """Points that stand where another one stands.

    Args:
        points: Of a profile.
        field: Of a point, which says where it stands.
        places: What each point takes; a point without any stands nowhere.
    """
    taken: dict[tuple[object, ...], str] = {}
    for name, mapped in points.items():
        others = {taken.setdefault(place, name) for place in places[name]} - {name}
        if others:
            text = f"expected a place that no other point has; {min(others)} stands there"
            yield Fault(("points", name, field), text, getattr(mapped, field))


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
    """The raw value that a device must hold to show `value`; rounded where it holds whole numbers."""
    numerator, divisor = decimal_scale(mapped, point, ct, pt)
    scaled = value * divisor / numerator
    return scaled if mapped.written or mapped.type.floating else float(math.floor(scaled + 0.5))


def profiles_root() -> Path:
    """The folder of the shipped profiles."""
    return FIRMWARE_CONFIGS / "profiles"


def own_profiles() -> str:
    """The folder of a site's own profiles, as the environment names it; empty for none."""
    return os.environ.get(_OWN, "")


def profile_folders() -> list[Path]:
    """Where profiles are looked for: first in a site's own folder, which `JIEYUE_PROFILES` names, then among the shipped ones."""
    return _folders(own_profiles())


def _folders(own: str) -> list[Path]:
    return [Path(own), profiles_root()] if own else [profiles_root()]


def load_profile(name: str, own: str | None = None) -> Profile:
    """A profile by its path below profiles/ without .yaml, such as `hvac/beca-bac-002aln`; a file is read once.

    Args:
        name: Of the profile.
        own: Folder of a site's own profiles, which precede the shipped ones; empty for none. None: what `JIEYUE_PROFILES` names.

    Raises:
        ConfigError: No such file, or a fault in it.
        ValueError: No protocol is installed, or two of one name.
    """
    return _read(name, own_profiles() if own is None else own)


@lru_cache(maxsize=256)
def _read(name: str, own: str) -> Profile:
    packages()
    paths = [folder / f"{name}.yaml" for folder in _folders(own)]
    found = next((path for path in paths if path.exists()), None)
    if found is None:
        hint = yamlfile.nearest(name, profile_names(own))
        hint += "" if len(paths) > 1 else f"; {_OWN} names a folder with models of your own"
        raise yamlfile.ConfigError(f"{paths[0]}: cannot be read: No such file or directory{hint}")
    return yamlfile.load(Profile, found)


def profile_names(own: str | None = None) -> list[str]:
    """Every profile, a site's own ones included; `own` as for `load_profile`."""
    folders = profile_folders() if own is None else _folders(own)
    return sorted({str(p.relative_to(root).with_suffix("")) for root in folders for p in root.glob("*/*.yaml")})
