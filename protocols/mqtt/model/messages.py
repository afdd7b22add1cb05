"""What a profile says about messages that devices send by themselves, and what a site may listen to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

from contract.json_path import Each
from pydantic import AfterValidator, BaseModel, ConfigDict

from contract import json_path
from contract.topics import sendable

if TYPE_CHECKING:
    from contract.profile import Place, Profile

_OFFSET = re.compile(r"([+-])(0\d|1[0-4]):([0-5]\d)", re.ASCII)
_NO_ZONES = frozenset({"localtime", "posixrules", "Factory"})
"""Files beside the zones that differ from machine to machine, or say none."""
_ZONE = "expected Z, an offset such as +08:00, or a name such as Asia/Shanghai"
_CHINA = "+08:00"
_LONGEST_TOPIC = 65_535


def zone(name: str) -> tzinfo:
    """A time zone from `Z`, an offset such as +08:00, or a name such as Asia/Shanghai.

    Raises:
        ValueError: None of these.
    """
    if name == "Z":
        return UTC
    offset = _OFFSET.fullmatch(name)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3])
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    try:
        if name not in _NO_ZONES:
            return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(_ZONE) from error
    raise ValueError(_ZONE)


def _zone(name: str) -> str:
    zone(name)
    return name


class MessageTime(BaseModel):
    """Where a message that a device sends by itself says when it measured."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    """In the record; with `$.` in front in the whole message."""
    format: Literal["rfc3339", "epoch", "YYMMDDhhmmss"]
    """`epoch`: seconds or milliseconds since 1970, told apart by their size. `rfc3339` takes a space for the T as well."""
    zone: Annotated[str, AfterValidator(_zone)] | None = None
    """Of times that say none; without it such a time is not read, but for YYMMDDhhmmss, which is in GMT+8."""

    @property
    def timezone(self) -> tzinfo | None:
        """Zone of a time that says none; None where nothing is known."""
        stated = self.zone or (_CHINA if self.format == "YYMMDDhhmmss" else None)
        return None if stated is None else zone(stated)


def unreadable(profile: Profile) -> Iterator[tuple[Place, str, object]]:
    """(field, what was expected, what stands there) for paths that lead nowhere."""
    if profile.protocol != "mqtt":
        stated: list[tuple[Place, str | None]] = [(("records",), profile.records), (("identity",), profile.identity)]
        stated += [(("points", name, "subtopic"), mapped.subtopic) for name, mapped in profile.points.items()]
        stated += [(("time",), None if profile.time is None else profile.time.path)]
        yield from (
            (place, "expected none, since only devices of mqtt send messages", given) for place, given in stated if given is not None
        )
        return
    for place, path in _paths(profile):
        try:
            steps = json_path.parse(path).steps
        except ValueError as error:
            yield place, str(error), path
            continue
        if Each() in steps and place != ("records",):
            yield place, "expected no *, which only records may have", path
    if profile.identity == "*" and "*" not in (profile.records or ""):
        yield ("identity",), "expected records with a *, whose key or place it would be", profile.identity
    for name, mapped in profile.points.items():
        if mapped.subtopic is not None and not (mapped.subtopic and literal(mapped.subtopic) and sendable(mapped.subtopic)):
            said = "expected levels below the device's topic, without + and #, line breaks, tabs and other control characters"
            yield ("points", name, "subtopic"), said, mapped.subtopic
    if profile.time and profile.time.format == "epoch" and profile.time.zone:
        yield ("time", "zone"), "expected none: seconds since 1970 have no zone", profile.time.zone


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


def filters(topic: str, profile: Profile) -> list[str]:
    """What a device is subscribed to: its topic, or the topics below it that its points name."""
    return list(dict.fromkeys(heard_at(topic, mapped.subtopic) for mapped in profile.points.values()))


def heard_at(topic: str, subtopic: str | None) -> str:
    """The topic of one point of a device."""
    return topic if subtopic is None else f"{topic.rstrip('/')}/{subtopic}"


def literal(topic: str) -> bool:
    """Whether a topic is one topic, without wildcards."""
    return not set(topic) & set("+#")


def topic_fault(topic: str, profile: Profile) -> str:
    """Why a device cannot be heard at a topic; empty where it can."""
    if not sendable(topic):
        return "expected a topic without line breaks, tabs and other control characters, which MQTT does not carry"
    if literal(topic):
        return "" if len(topic.encode()) <= _LONGEST_TOPIC else f"expected at most {_LONGEST_TOPIC} bytes"
    levels = topic.split("/")
    wild = [level for level in levels if not literal(level)]
    if any(level not in {"+", "#"} for level in wild) or "#" in levels[:-1]:
        return "expected + as a whole level, and # as the last one"
    if profile.identity is None:
        return "expected a topic without + and #, which would take every meter's message for this one's: its profile names no identity"
    return ""


def overlap(one: str, other: str) -> bool:
    """Whether a message may match both of two topics."""
    ours, theirs = one.split("/"), other.split("/")
    for mine, yours in zip(ours, theirs, strict=False):
        if "#" in {mine, yours}:
            return True
        if mine != yours and "+" not in {mine, yours}:
            return False
    longer, shorter = sorted((ours, theirs), key=len, reverse=True)
    return len(longer) == len(shorter) or longer[len(shorter)] == "#"
