"""A model of devices that publish JSON: where its points, its time and its identity stand in a message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from contract import profile as common
from contract.fault import Fault, Place
from contract.profile import Misfit, overlaps
from contract.register import Mask
from contract.topics import sendable
from contract.yamlfile import Strict
from protocols.jt808.model.standard import named
from protocols.mqtt import json_path
from protocols.mqtt.json_path import Each
from protocols.mqtt.model.times import MessageTime
from protocols.mqtt.model.topics import literal

_ONLY_HERE = "expected none, since only devices of mqtt send messages"


class Write(Strict):
    """The message by which a point is written; the device says by its own messages what it is afterwards."""

    subtopic: str | None = None
    """Levels below the topic at which the device takes commands."""
    path: str = "$"
    """Where the value stands in the message; `$` is a bare value."""
    form: Literal["number", "name", "truth"] = "number"
    """`name`: the name that `values` gives the number; `truth`: true or false."""
    also: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """What else stands in the message, by path; the text `$key` is the device's key."""


class Point(common.PointMap):
    """Where one point of a device stands in its messages and how its raw value becomes a reading."""

    written: ClassVar[bool] = True

    path: str | None = None
    """Where the value stands in a record, as keys joined by dots (`protocols/mqtt/json_path.py`); `$` is a bare number."""
    subtopic: str | None = None
    """For devices that publish each value below a topic of its own: the levels below the device's topic."""
    mask: Mask | None = None
    """Only these bits of a whole number, shifted down."""
    write: Write | None = None
    """How it is written, where it can be."""

    @classmethod
    def elsewhere(cls, field: str, given: object, protocol: str) -> tuple[str, object]:
        """A topic of its own and a message that writes are told; a path may stand beside a register."""
        del protocol
        return _ONLY_HERE if field in {"subtopic", "write"} else "", given

    def misfits(self) -> Iterator[Misfit]:
        """A point without a place, which one that is a bit of another needs not."""
        if not self.path and self.flag is None:
            yield "path", "expected a path into the JSON object, or $ for a bare number", self.path
        if self.write is not None:
            yield from _unwritable(self, self.write)


def _unwritable(point: Point, write: Write) -> Iterator[Misfit]:
    """Settings of a write that do not go together."""
    if not point.writable:
        yield "write", "expected none, since the point is not `writable`", write.path
    if point.mask is not None:
        yield "write", "expected a point without mask: a write would clear the other bits", write.path
    if write.form == "name" and not point.values:
        yield "write", "expected `values`, whose names are written", write.form
    if write.form == "truth" and set(point.values or ()) != {0, 1}:
        yield "write", "expected `values` for 0 and 1, which are written as false and true", write.form
    if write.path == "$" and write.also:
        yield "write", "expected a path, since the message holds more than the value", write.path


class Profile(common.Profile):
    """All that is known of one model of devices that publish."""

    dates_itself: ClassVar[bool] = True

    protocol: Literal["mqtt"]
    messages: Literal["json", "emqx_jt808"] = "json"
    """`emqx_jt808`: positions as EMQX's JT/T 808 gateway writes them, with all that the paths cannot say; `json`: by the paths."""
    time: MessageTime | None = None
    """Absent, a message is as old as its receipt."""
    records: str | None = None
    """Where a message holds its records, `*` being each of several; absent, the message is the record."""
    identity: str | None = None
    """Where a record says whose it is, for a topic of many meters; `*` is the key or place of the record itself."""
    points: Mapping[str, Point] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _with_standard_bits(cls, given: object) -> object:
        """Profiles from before `messages` say it by their maker, and those from before bits were points have the words alone."""
        if not isinstance(given, dict):
            return given
        if given.get("maker") == "EMQX":
            given = {"messages": "emqx_jt808"} | given
        return named(given) if given.get("messages") == "emqx_jt808" or _of_vehicle_with_alarms(given) else given

    @classmethod
    def elsewhere(cls, field: str, given: object, protocol: str) -> tuple[str, object]:
        """Other devices send no messages in which anything could stand."""
        del protocol
        shown = given.get("path") if field == "time" and isinstance(given, dict) else given
        return _ONLY_HERE, shown

    def misfits(self) -> Iterator[Fault]:
        """Points at one place, and paths that lead nowhere."""
        places = {
            name: [(mapped.subtopic, mapped.path, mapped.mask)] if mapped.path is not None else [] for name, mapped in self.points.items()
        }
        yield from overlaps(self.points, "path", places)
        yield from _unreadable(self)


def _of_vehicle_with_alarms(given: Mapping[str, object]) -> bool:
    """Whether a vehicle says JT/T 808's word of alarms in JSON of its own; a `status` without it may be anything."""
    points = given.get("points")
    return given.get("class") == "vehicle" and isinstance(points, dict) and "alarms" in points


def _unreadable(profile: Profile) -> Iterator[Fault]:
    """Paths that lead nowhere."""
    for place, path in _paths(profile):
        try:
            steps = json_path.parse(path).steps
        except ValueError as error:
            yield Fault(place, str(error), path)
            continue
        if Each() in steps and place != ("records",):
            yield Fault(place, "expected no *, which only records may have", path)
    if profile.identity == "*" and "*" not in (profile.records or ""):
        yield Fault(("identity",), "expected records with a *, whose key or place it would be", profile.identity)
    for name, mapped in profile.points.items():
        written: Place = ("points", name, "write", "subtopic")
        for place, levels in ((("points", name, "subtopic"), mapped.subtopic), (written, mapped.write and mapped.write.subtopic)):
            if levels is not None and not (levels and literal(levels) and sendable(levels)):
                said = "expected levels below the device's topic, without + and #, line breaks, tabs and other control characters"
                yield Fault(place, said, levels)
    if profile.time and profile.time.format == "epoch" and profile.time.zone:
        yield Fault(("time", "zone"), "expected none: seconds since 1970 have no zone", profile.time.zone)


def _paths(profile: Profile) -> Iterator[tuple[Place, str]]:
    if profile.records is not None:
        yield ("records",), profile.records
    if profile.identity not in {None, "*"}:
        yield ("identity",), profile.identity or ""
    if profile.time is not None:
        yield ("time", "path"), profile.time.path
    for name, mapped in profile.points.items():
        if mapped.path is not None:
            yield ("points", name, "path"), mapped.path
        if mapped.write is not None:
            yield ("points", name, "write", "path"), mapped.write.path
            yield from ((("points", name, "write", "also", path), path) for path in mapped.write.also)
