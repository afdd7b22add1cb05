"""What a meter's files say of its counter: how finely it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud.sites.capacity import resolution
from tests import sites

PROFILE = """\
maker: Own
model: split
class: water
protocol: modbus
sources: ["A meter with whole m3 in one place and litres in another."]
points:
  volume: {table: holding, address: 0, MAPPED, unit: m3, kind: counter}
"""
SITE = """\
compounds: []
units: []
gateways: [{id: gw}]
buses: [{id: line, gateway: gw, protocol: modbus, framing: tcp, host: 127.0.0.1, port: 1502}]
devices: [{id: w, name: {zh: 水表, en: Water}, profile: water/split, bus: line, unit_id: 1}]
meters: [{id: w, name: {zh: 水表, en: Water}, energy: water, device: w, point: volume}]
"""


@pytest.mark.parametrize(
    ("mapped", "step"),
    [
        ("type: uint32", (1.0, False)),
        ("type: uint32, scale: 0.01", (0.01, False)),
        ("type: uint32, fraction: {address: 2, scale: 0.001}", (0.001, False)),
        ("type: uint32, scale: 10, fraction: {address: 2, scale: 0.01}", (0.1, False)),
        ("type: float32", (None, True)),
        ("type: float64", (None, False)),
    ],
)
def test_a_counter_steps_by_its_last_digit(
    mapped: str, step: tuple[float | None, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a counter in two places that is the fraction's: a fall of half a cubic metre is no noise of a meter that shows litres."""
    (tmp_path / "profiles" / "water").mkdir(parents=True)
    (tmp_path / "profiles" / "water" / "split.yaml").write_text(PROFILE.replace("MAPPED", mapped), encoding="utf-8")
    (tmp_path / "site").mkdir()
    monkeypatch.setenv("JIEYUE_PROFILES", str(tmp_path / "profiles"))
    site = sites.load(tmp_path / "site", sites.whole(SITE))
    assert resolution(site, site.meters[0]) == step
