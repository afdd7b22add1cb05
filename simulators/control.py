"""Faults for a running site: its data folder says what devices it has and what time it is there, and takes what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from contract.clock import Clock, iso
from contract.site import Site
from simulators.faults import CATALOGUE, FILE, Faults, Span
from simulators.files import replace_file

_STAGE = "stage.json"


def remember(data: Path, site: Site, clock: Clock) -> None:
    """Say what is played from a data folder, for whoever wants to disturb it."""
    buses = {b.id: b.protocol for b in site.buses}
    devices = {d.id: {"class": d.model.device_class, "protocol": buses[d.bus]} for d in site.devices}
    replace_file(data / _STAGE, json.dumps({"clock": asdict(clock), "devices": devices}) + "\n")


class Controls:
    """The faults of everything that is played from a folder: that of a site, or that of the demo with a site for each gateway."""

    def __init__(self, data: Path) -> None:
        """Find what is played.

        Raises:
            ValueError: Nothing was ever played from there.
        """
        self._stages = {
            p.parent: json.loads(p.read_text(encoding="utf-8")) for p in [data / _STAGE, *data.glob(f"simulators/*/{_STAGE}")] if p.exists()
        }
        if not self._stages:
            raise ValueError(f"--data: {data}: nothing was played from there; expected the --data of jieyue-sim site, or that of the demo")

    def set(self, device: str, fault: str, value: float | None) -> float:
        """A fault comes; returns its value.

        Raises:
            ValueError: No such device or fault, or they do not go together.
        """
        folder = self._folder(device)
        if fault not in CATALOGUE:
            raise ValueError(f"fault: expected one of {', '.join(CATALOGUE)}, got {fault!r}")
        what = self._stages[folder]["devices"][device]
        checked = CATALOGUE[fault].check(device, what["class"], what["protocol"], value)
        Faults(folder / FILE).set(device, fault, checked, self._now(folder))
        return checked

    def clear(self, device: str, fault: str | None) -> list[str]:
        """A fault of a device goes, or all; returns which were there.

        Raises:
            ValueError: No such device or fault.
        """
        folder = self._folder(device)
        if fault is not None and fault not in CATALOGUE:
            raise ValueError(f"fault: expected one of {', '.join(CATALOGUE)}, got {fault!r}")
        return Faults(folder / FILE).clear(device, fault, self._now(folder))

    def lines(self) -> Iterator[str]:
        """What is wrong now, and what could be."""
        active = [
            (device, span) for folder in self._stages for device, spans in Faults(folder / FILE).all_active().items() for span in spans
        ]
        yield "faults now:" if active else "faults now: none"
        for device, span in active:
            yield f"  {device}: {_about(span)}, since {iso(span.start)}"
        yield "faults there are:"
        for fault in CATALOGUE.values():
            which = ", ".join(sorted(fault.classes or fault.protocols)) or "any device"
            default = f"; VALUE is {fault.default:g} if not given" if fault.default else ""
            yield f"  {fault.name} ({which}): {fault.about}{default}"

    def _folder(self, device: str) -> Path:
        for folder, stage in self._stages.items():
            if device in stage["devices"]:
                return folder
        known = sorted(name for stage in self._stages.values() for name in stage["devices"])
        raise ValueError(f"device: expected one of {', '.join(known)}; got {device!r}")

    def _now(self, folder: Path) -> int:
        return Clock(**self._stages[folder]["clock"]).now_ms()


def _about(span: Span) -> str:
    return f"{span.fault} {span.value:g}" if span.value else span.fault
