"""The line itself: devices that fall silent, gateways that are gone, and what gateways had to give up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from cloud.alerts.observe import Duration, Memory, Needs, Observation, Parameters, Word, condition
from cloud.texts import LANGUAGES, in_both, say
from contract.coded import Message
from contract.point import POINTS
from contract.states import runs

if TYPE_CHECKING:
    from cloud.alerts.ruleset import Rule
    from cloud.alerts.view import View
    from cloud.devices.model import Device

_MINUTE = 60_000
_SHOWN = 5
"""Nodes or devices that an alert names; there may be a thousand."""


@condition("silent", needs=Needs(classes=True))
def silent(rule: Rule, _given: Parameters, view: View, memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """No good reading for longer than the interface's online rule allows; not judged where another rule knows why.

    That is while the gateway is gone, or a clock is wrong or not known. A device that never gave one is silent since it was first
    looked at. What is remembered of a time that was taken back happened now at the latest, here and in other conditions.
    """
    for device in view.of_class(rule.classes):
        if view.gateway_down(device.gateway) or view.clock_fault(device):
            yield Observation(device.id, None)
            continue
        silence, kept = view.silence(device.id), {}
        if silence is None:
            kept = {"since": min(memory.get(device.id, {}).get("since", view.now), view.now)}
            silence = view.now - kept["since"]
        allowed = device.life.longest_silence
        over = 1.0 if kept else (silence - allowed) / _MINUTE
        yield Observation(device.id, over, round(silence / _MINUTE, 1), round(allowed / _MINUTE, 2), memory=kept)


class Several(Parameters):
    """From how many silent devices, and which part of all on a bus, the bus is at fault."""

    devices: Annotated[int, Field(ge=2)]
    share: Annotated[float, Field(gt=0, le=1)]


@condition("bus_silent", Several, annotations=("gateway", "devices"), needs=Needs(classes=True))
def bus_silent(rule: Rule, given: Several, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """Several devices of one bus say nothing: one line, one fault. Not judged where `silent` is not, nor a bus that has fewer devices."""
    by_bus: defaultdict[str, list[Device]] = defaultdict(list)
    for device in view.of_class(rule.classes):
        if device.id in view.site.device_by_id and not view.clock_fault(device):
            by_bus[view.site.device_by_id[device.id].bus].append(device)
    for bus, devices in by_bus.items():
        if len(devices) < given.devices:
            continue
        gateway = view.site.bus_by_id[bus].gateway
        lost = [device for device in devices if _says_nothing(device, view)]
        least = max(given.devices, ceil(given.share * len(devices)))
        excess = None if view.gateway_down(gateway) else len(lost) - least + 1.0
        annotations = _of_bus(bus, gateway, lost) if excess is not None and excess > 0 else {}
        yield Observation(bus, excess, float(len(lost)), float(len(devices)), annotations)


def _of_bus(bus: str, gateway: str, lost: Sequence[Device]) -> dict[str, Word]:
    """For the texts of an alert; only where there may be one, as there may be thousands of buses."""
    return {"name": in_both(Message("bus.name", bus=bus)), "gateway": gateway, "devices": _named(lost)}


def _says_nothing(device: Device, view: View) -> bool:
    silence = view.silence(device.id)
    return silence is None or silence > device.life.longest_silence


def _named(devices: Sequence[Device]) -> Word:
    """The names of the first few."""
    more = " …" if len(devices) > _SHOWN else ""
    return {of: say("list.between", of).join(device.name[of] for device in devices[:_SHOWN]) + more for of in LANGUAGES}


class VehicleSilence(Parameters):
    """How long a terminal may be silent: with the engine last seen running, and parked."""

    moving: Duration
    parked: Duration


@condition("vehicle_silent", VehicleSilence, needs=Needs(classes=True), reads=("ignition",))
def vehicle_silent(rule: Rule, given: VehicleSilence, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """A terminal that says nothing; one that was never heard is not connected yet, which is no fault."""
    for device in view.of_class(rule.classes):
        silence = view.silence(device.id)
        if silence is None or view.gateway_down(device.gateway) or view.clock_fault(device):
            yield Observation(device.id, None)
            continue
        ignition = view.last(device, "ignition")
        running = runs(device.profile, "ignition", ignition.value if ignition else None)
        limit = given.moving if running else given.parked
        yield Observation(device.id, (silence - limit) / _MINUTE, round(silence / _MINUTE, 1), limit / _MINUTE)


@condition("gateway_offline")
def gateway_offline(_rule: Rule, _given: Parameters, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """A gateway whose session is over, or that told nothing of itself for a while though its session stands."""
    for gateway in view.nodes:
        silence = view.silence(gateway)
        minutes = None if silence is None else round(silence / _MINUTE, 1)
        yield Observation(gateway, 1.0 if view.gateway_down(gateway) else -1.0, minutes)


@condition("clock_waits")
def clock_waits(_rule: Rule, _given: Parameters, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """A gateway that does not know the time: it reads on, and its rows wait for their date."""
    for gateway in view.nodes:
        rows = view.undated(gateway)
        yield Observation(gateway, None if rows is None else rows or -1.0, rows, 0.0)


@condition("unknown_group", annotations=("nodes",), sparse=True)
def unknown_group(_rule: Rule, _given: Parameters, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """A group that no site has and of which nodes are online: a foreign node whose group was mistyped is not to vanish silently."""
    for group, nodes in view.strangers.items():
        shown = ", ".join(nodes[:_SHOWN]) + (" …" if len(nodes) > _SHOWN else "")
        yield Observation(group, 1.0, float(len(nodes)), annotations={"nodes": shown})


class Within(Parameters):
    """How long what happened counts as happening."""

    within: Annotated[Duration, Field(gt=0)]


@condition("counter_rose", Within, needs=Needs(classes=True, points=frozenset(POINTS)))
def counter_rose(rule: Rule, given: Within, view: View, memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """A counter of bad things rose; one that fell belongs to a new outbox and begins anew."""
    for device in view.of_class(rule.classes):
        found, kept = view.good(device, rule.point or ""), memory.get(device.id, {})
        if found is None:
            yield Observation(device.id, None)
            continue
        before, by = kept.get("value"), kept.get("by", 0.0)
        rose_at = None if kept.get("rose_at") is None else min(kept["rose_at"], view.now)
        if before is not None and found.value > before:
            still = rose_at is not None and view.now - rose_at <= given.within
            rose_at, by = view.now, (by if still else 0.0) + found.value - before
        recent = rose_at is not None and view.now - rose_at <= given.within
        now_kept = {"value": found.value, "rose_at": rose_at, "by": by}
        yield Observation(device.id, 1.0 if recent else -1.0, by if recent else 0.0, 0.0, memory=now_kept)


@condition("above_zero", needs=Needs(classes=True, points=frozenset(POINTS)))
def above_zero(rule: Rule, _given: Parameters, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """A number of bad things, or the state of being so, that should be 0."""
    for device in view.of_class(rule.classes):
        found = view.good(device, rule.point or "")
        yield Observation(device.id, None if found is None else found.value or -1.0, None if found is None else found.value, 0.0)
