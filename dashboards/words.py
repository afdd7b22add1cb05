"""What people read on a dashboard, in one language, from the product's catalogue and the site's own names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from contract.indicator import Definition, load_definitions, texts
from contract.operation import Text
from contract.profile import load_profile
from contract.site import Device, Site
from contract.yamlfile import ConfigError

Language = Literal["zh", "en"]
Json = dict[str, Any]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
_CLOUD = Path(__file__).parents[1] / "cloud"
_CATALOGUE = _CLOUD / "web" / "messages.json"
INDICATORS = _CLOUD / "indicators" / "defined"
"""The folder of the shipped indicators."""


@dataclass(frozen=True)
class Words:
    """Texts of one language for one site."""

    site: Site
    language: Language
    indicators: Sequence[Definition] = field(default_factory=lambda: load_definitions(INDICATORS))
    """In the order in which they are shown; the shipped ones where nobody says which."""

    @cached_property
    def _texts(self) -> Mapping[str, Mapping[str, str]]:
        found: dict[str, dict[str, str]] = json.loads(_CATALOGUE.read_text(encoding="utf-8"))
        return found | texts(self.indicators)

    def __call__(self, key: str) -> str:
        """A text of the catalogue: one of the dashboards' own (`grafana.KEY`) before one of the pages.

        Raises:
            KeyError: The catalogue has neither.
        """
        own = self._texts.get(f"grafana.{key}")
        return (self._texts[key] if own is None else own)[self.language]

    def name(self, text: Text) -> str:
        """A name of the site."""
        return text.zh if self.language == "zh" else text.en

    def uid(self, board: str) -> str:
        """A dashboard's address: Chinese is the first language, so it has the short one."""
        return f"jieyue-{board}" if self.language == "zh" else f"jieyue-{board}-{self.language}"

    def devices(self, device_class: str) -> list[Device]:
        """The site's devices of a class."""
        return [d for d in self.site.devices if d.model.device_class == device_class]

    def device_names(self, device_class: str) -> dict[str, str]:
        """Names by device id; a zone's name for its switch, a plate for a car."""
        zones = {zone.device: self.name(zone.name) for zone in self.site.zones}
        return {d.id: d.vehicle.plate if d.vehicle else zones.get(d.id, self.name(d.name)) for d in self.devices(device_class)}

    def meter_names(self, energy: str = "", *, main: bool | None = None) -> dict[str, str]:
        """Names by meter id, of one energy or all, of main meters, sub-meters or both."""
        found = [m for m in self.site.meters if energy in {"", m.energy} and main in {None, m.main}]
        return {m.id: self.name(m.name) for m in found}

    def indicator_names(self) -> dict[str, str]:
        """Names by indicator id."""
        return {one.id: self.name(one.name) for one in self.indicators}

    def gateways(self) -> dict[str, str]:
        """Names by gateway id; a gateway is known by its id alone."""
        return {g.id: g.id for g in self.site.gateways}

    def states(self, device_class: str, point: str) -> dict[int, str]:
        """The words of a state, by number, from all profiles of the class that the site uses, as `meanings` has them.

        Raises:
            ConfigError: The catalogue lacks a word (`grafana.state.WORD`, or `grafana.state.POINT.WORD` where it means another thing).
        """
        return {number: self._state(point, word) for number, word in self.meanings(device_class, point).items()}

    def meanings(self, device_class: str, point: str) -> dict[int, str]:
        """The name that profiles give each number of a state; a number that means different things to different models has none.

        A site without such devices, or whose models do not have the point, has none: its panels are empty.
        """
        profiles = [load_profile(path) for path in sorted({d.profile for d in self.devices(device_class)})]
        mapped = [profile.points[point] for profile in profiles if point in profile.points]
        found = {(number, word) for m in mapped for number, word in (m.values or {}).items()}
        told = Counter(number for number, _ in found)
        return {number: word for number, word in sorted(found) if told[number] == 1}

    def _state(self, point: str, word: str) -> str:
        own = f"state.{point}.{word}"
        try:
            return self(own if f"grafana.{own}" in self._texts else f"state.{word}")
        except KeyError:
            missing = f"expected a text grafana.state.{word}, as a profile of the site calls a state of {point}, got none"
            raise ConfigError(f"{_CATALOGUE}: {missing}") from None
