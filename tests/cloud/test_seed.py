from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from cloud.ledger.counted import check_meters
from cloud.registry import tables
from cloud.registry.database import writing
from cloud.registry.seed import SITE_FILE, seed
from contract.site import Site, load_site, shipped_site
from contract.yamlfile import ConfigError


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site(shipped_site("lizhou"))


@pytest.fixture
def engine(database: sa.Engine) -> sa.Engine:
    return database


def rows(engine: sa.Engine, table: sa.Table) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings()]


SEEDED = (tables.site, tables.compound, tables.unit, tables.denominator, tables.device, tables.meter, tables.meter_unit)


def test_the_registry_has_what_the_site_says(engine: sa.Engine, site: Site) -> None:
    """Every compound, unit, device and meter of the shipped site is entered, with what the profile and bus add."""
    seed(engine, site)
    assert len(rows(engine, tables.compound)) == len(site.compounds)
    assert {u["id"]: json.loads(u["name"])["zh"] for u in rows(engine, tables.unit)} == {u.id: u.name.zh for u in site.units}
    devices = {device["id"]: device for device in rows(engine, tables.device)}
    assert set(devices) == set(site.device_by_id)
    for device in site.devices:
        found = devices[device.id]
        assert found["class"] == device.model.device_class
        assert found["gateway"] == site.bus_by_id[device.bus].gateway
        assert found["interval"] == device.poll_interval
    meters = {meter["id"]: meter for meter in rows(engine, tables.meter)}
    assert {m.id: (m.energy, m.main, m.parent) for m in site.meters} == {
        i: (m["energy"], m["main"], m["parent"]) for i, m in meters.items()
    }
    assert {(r["meter"], r["unit"]) for r in rows(engine, tables.meter_unit)} == {(m.id, u) for m in site.meters for u in m.units}


def test_the_modulus_is_the_sites_or_the_profiles(engine: sa.Engine, site: Site) -> None:
    """A meter with transformers has its own modulus, a gas meter the one of its model, fuel none."""
    seed(engine, site)
    modulus = {meter["id"]: meter["modulus"] for meter in rows(engine, tables.meter)}
    own = next(meter for meter in site.meters if meter.modulus)
    assert modulus[own.id] == own.modulus
    gas = next(meter for meter in site.meters if meter.energy == "natural_gas" and meter.device)
    assert modulus[gas.id] == site.device_by_id[gas.device or ""].model.points["volume"].modulus
    assert modulus[next(meter.id for meter in site.meters if meter.device is None)] is None


def test_denominators_hold_since_2020(engine: sa.Engine, site: Site) -> None:
    """Each unit has the site's headcount and area, said to come from the site's file."""
    seed(engine, site)
    found = {(row["unit"], row["kind"]): row for row in rows(engine, tables.denominator)}
    assert len(found) == 2 * len(site.units)
    for unit in site.units:
        assert found[unit.id, "headcount"]["value"] == unit.headcount
        assert found[unit.id, "area"]["value"] == pytest.approx(unit.area, abs=1e-4)
        assert (found[unit.id, "area"]["valid_from"], found[unit.id, "area"]["approved_by"]) == ("2020-01-01", SITE_FILE)


def test_seeding_again_changes_nothing(engine: sa.Engine, site: Site) -> None:
    """The second start finds what the first one entered."""
    seed(engine, site)
    before = [rows(engine, table) for table in SEEDED]
    seed(engine, site)
    assert [rows(engine, table) for table in SEEDED] == before


def test_a_changed_file_takes_effect_but_not_over_people(engine: sa.Engine, site: Site) -> None:
    """Names and served units follow the file; a headcount that a person changed or added stays."""
    seed(engine, site)
    unit = site.units[0].id
    added = {"unit": unit, "kind": "headcount", "valid_from": "2026-01-01", "value": 77, "approved_by": "wang"}
    with writing(engine).begin() as connection:
        table = tables.denominator
        connection.execute(sa.update(table).where(table.c.unit == unit, table.c.kind == "area").values(value=12.5, approved_by="wang"))
        connection.execute(sa.insert(table), [added])
    data = site.model_dump(mode="json")
    data["units"][0]["name"] = {"zh": "新名", "en": "new name"}
    data["units"][0]["headcount"] = 999
    shared = next(meter for meter in data["meters"] if unit in meter["units"] and len(meter["units"]) > 1)
    shared["units"].remove(unit)
    changed = Site.model_validate(data)
    seed(engine, changed)
    assert json.loads(next(u["name"] for u in rows(engine, tables.unit) if u["id"] == unit))["en"] == "new name"
    assert not [r for r in rows(engine, tables.meter_unit) if (r["meter"], r["unit"]) == (shared["id"], unit)]
    values = {(r["kind"], r["valid_from"]): r["value"] for r in rows(engine, tables.denominator) if r["unit"] == unit}
    expected = {("area", "2020-01-01"): 12.5, ("headcount", "2020-01-01"): site.units[0].headcount, ("headcount", "2026-01-01"): 77.0}
    assert values == expected


def test_a_meter_that_could_never_be_counted_is_refused(site: Site) -> None:
    """A point whose unit its energy is not counted in ends the start, with the meter and the units that would do."""
    check_meters(site)
    data = site.model_dump(mode="json")
    number = next(i for i, meter in enumerate(data["meters"]) if meter["energy"] == "electricity")
    data["meters"][number]["energy"] = "coal"
    with pytest.raises(ConfigError, match=r"meters: c1-e-main: point: coal is not counted in 'kWh'; expected one of g, kg, t"):
        check_meters(Site.model_validate(data))


def test_fuel_of_cars_is_main_without_saying_so(engine: sa.Engine, site: Site) -> None:
    """Cars' fuel is in totals; a meter of a single car below it is not, or it would count twice."""
    data = site.model_dump(mode="json")
    fuel = next(meter for meter in data["meters"] if meter["vehicle_fuel"])
    fuel["main"] = False
    data["meters"].append(fuel | {"id": "one-car", "parent": fuel["id"]})
    seed(engine, Site.model_validate(data))
    main = {meter["id"]: meter["main"] for meter in rows(engine, tables.meter)}
    assert (main[fuel["id"]], main["one-car"]) == (True, False)
