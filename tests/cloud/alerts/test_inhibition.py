"""Inhibition: what lies below the subject of an alert is explained by it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloud.alerts.inhibit import inhibited
from cloud.alerts.repository import standing
from cloud.alerts.ruleset import SHIPPED, Rule, load_rules
from cloud.alerts.view import View
from cloud.ledger.model import Meter
from contract.clock import parse_time
from contract.site import load_site
from contract.sitefolder import shipped_site
from contract.yamlfile import ConfigError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from tests.cloud.alerts.conftest import House

MINUTE = 60_000
SITE = load_site(shipped_site("lizhou"))
VIEW = View(0, SITE, meters={"m": Meter("m", {}, "electricity", "c1-e-main", "energy_import", main=True)})
RULES = load_rules()


def rules(**inhibits: list[str]) -> dict[str, Rule]:
    """Rules by id that inhibit others."""
    return {name: RULES["device_silent"].model_copy(update={"id": name, "inhibits": of}) for name, of in inhibits.items()}


@pytest.mark.parametrize(
    ("source", "target", "explained"),
    [
        ("lizhou", "c1-e-main", True),
        ("gw-c1", "c1-e-main", True),
        ("gw-c1", "c1-power", True),
        ("c1-power", "c1-e-main", True),
        ("gw-c1", "m", True),
        ("gw-c2", "c1-e-main", False),
        ("c1-water", "c1-e-main", False),
        ("c1-e-main", "gw-c1", False),
        ("c1-e-a-light", "c1-e-main", False),
    ],
)
def test_an_alert_explains_what_lies_below_it(source: str, target: str, explained: bool) -> None:  # noqa: FBT001
    """The site all, a gateway its buses, devices and their meters, a bus its devices; nothing beside it or above."""
    found = inhibited(rules(up=["down"], down=[]), VIEW, {("up", source): "a", ("down", target): "b"})
    assert found == ({"b": "a"} if explained else {})


def test_of_several_the_one_farthest_up_is_named() -> None:
    """A bus that its gateway explains explains nothing on its own."""
    open_ = {("gateway", "gw-c1"): "g", ("bus", "c1-power"): "b", ("device", "c1-e-main"): "d", ("other", "c1-e-main"): "o"}
    found = inhibited(rules(gateway=["bus", "device"], bus=["device"], device=[], other=[]), VIEW, open_)
    assert found == {"b": "g", "d": "g"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("device_silent", "inhibits: [devise_silent]"), "device_silent.yaml: inhibits.0: expected the id of a rule, got 'devise_silent'"),
        (("device_silent", "inhibits: [bus_silent]"), ": inhibits: expected no circle, got "),
    ],
)
def test_a_wrong_inhibition_is_refused(change: tuple[str, str], said: str, tmp_path: Path) -> None:
    """A rule that is none, and rules that explain each other, of which nobody would ever be told."""
    for name in ("device_silent", "bus_silent"):
        text = (SHIPPED / f"{name}.yaml").read_text(encoding="utf-8")
        (tmp_path / f"{name}.yaml").write_text(text + (f"{change[1]}\n" if name == change[0] else ""), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_rules(tmp_path)
    assert said in str(refused.value)


def test_a_silent_bus_is_one_alert_and_its_devices_are_shown_as_explained(house: House) -> None:
    """Its devices' alerts exist, each with the bus's; when the bus speaks again all are resolved."""
    devices = ("c1-e-main", "c1-e-a-light", "c1-e-a-hvac")
    house.use(*devices)
    house.evaluator.rules = {name: RULES[name] for name in ("bus_silent", "device_silent")}
    house.now = parse_time("2026-07-21T10:00:00+08:00")
    house.run(house.now + 3 * MINUTE)
    for device in devices:
        house.set(device, "silent")
    house.run(house.now + 10 * MINUTE)
    (bus,) = [alert.id for alert in house.alerts() if alert.rule == "bus_silent"]
    assert {alert.subject: alert.inhibited_by for alert in house.alerts() if alert.rule == "device_silent"} == dict.fromkeys(devices, bus)
    for device in devices:
        house.clear(device, "silent")
    house.run(house.now + 10 * MINUTE)
    assert {alert.state for alert in house.alerts()} == {"resolved"}


def test_a_gateway_explains_a_device_that_was_silent_before_it(house: House) -> None:
    """The device's alert stays open and is explained while the gateway is away; afterwards it stands alone again."""
    house.use("c1-e-main", "c1-w-main")
    house.evaluator.rules = {name: RULES[name] for name in ("gateway_offline", "device_silent")}
    house.now = parse_time("2026-07-21T10:00:00+08:00")
    house.run(house.now + 3 * MINUTE)
    house.set("c1-e-main", "silent")
    house.run(house.now + 10 * MINUTE)
    house.silent.add("gw-c1")
    house.run(house.now + 8 * MINUTE)
    device, gateway = house.alerts()
    assert (device.rule, device.inhibited_by, gateway.rule) == ("device_silent", gateway.id, "gateway_offline")
    house.silent.discard("gw-c1")
    house.run(house.now + 6 * MINUTE)
    device, gateway = house.alerts()
    assert (device.state, device.inhibited_by, gateway.state) == ("firing", None, "resolved")


def test_what_was_not_kept_inhibits_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the bus's alert cannot be written, its devices' alerts, which fire in the same round, stand alone; later it inhibits them."""
    devices = ("c1-e-main", "c1-e-a-light", "c1-e-a-hvac")
    house.use(*devices)
    new = load_rules()  # of which nobody asked the timing yet, which is kept once it was asked
    house.evaluator.rules = {name: new[name].model_copy(update={"fire_after": 0}) for name in ("bus_silent", "device_silent")}
    house.now = parse_time("2026-07-21T10:00:00+08:00")
    house.run(house.now + 3 * MINUTE)
    for device in devices:
        house.set(device, "silent")
    real = standing.fire

    def refused(connection: sa.Connection, alerts: list[dict[str, Any]], now: int) -> None:
        real(connection, [alert | ({"title": None} if alert["rule"] == "bus_silent" else {}) for alert in alerts], now)

    with monkeypatch.context() as patched:
        patched.setattr(standing, "fire", refused)
        house.run(house.now + 10 * MINUTE)
    assert {(alert.rule, alert.subject, alert.inhibited_by) for alert in house.alerts()} == {
        ("device_silent", one, None) for one in devices
    }
    assert house.evaluator.failed["bus_silent"] > 0
    house.run(house.now + MINUTE)
    (bus,) = [alert.id for alert in house.alerts() if alert.rule == "bus_silent"]
    assert {alert.inhibited_by for alert in house.alerts() if alert.rule == "device_silent"} == {bus}
