from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from cloud.platform.database import writing
from cloud.sites.dated import SITE_FILE
from cloud.sites.entered import EntryRefused, entered
from contract.site import Site
from tests.cloud import tables
from tests.cloud.district import GROUP
from tests.cloud.entering import said, seed


def rows(engine: sa.Engine, table: sa.Table) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings()]


SEEDED = (tables.site, tables.compound, tables.unit, tables.denominator, tables.device, tables.meter, tables.meter_unit)


def test_the_registry_has_what_the_site_says(engine: sa.Engine, lizhou: Site) -> None:
    """Every compound, unit, device and meter of the shipped site is entered, with what the profile and bus add."""
    seed(engine, lizhou)
    assert len(rows(engine, tables.compound)) == len(lizhou.compounds)
    assert {u["id"]: json.loads(u["name"])["zh"] for u in rows(engine, tables.unit)} == {u.id: u.name.zh for u in lizhou.units}
    devices = {device["id"]: device for device in rows(engine, tables.device)}
    assert set(devices) == set(lizhou.device_by_id)
    for device in lizhou.devices:
        found = devices[device.id]
        assert found["class"] == device.model.device_class
        assert found["gateway"] == lizhou.bus_by_id[device.bus].gateway
        assert found["interval"] == device.poll_interval
    meters = {meter["id"]: meter for meter in rows(engine, tables.meter)}
    assert {m.id: (m.energy, m.main, m.parent) for m in lizhou.meters} == {
        i: (m["energy"], m["main"], m["parent"]) for i, m in meters.items()
    }
    assert {(r["meter"], r["unit"]) for r in rows(engine, tables.meter_unit)} == {(m.id, u) for m in lizhou.meters for u in m.units}


def test_the_modulus_is_the_sites_or_the_profiles(engine: sa.Engine, lizhou: Site) -> None:
    """A meter with transformers has its own modulus, a gas meter the one of its model, fuel none."""
    seed(engine, lizhou)
    modulus = {meter["id"]: meter["modulus"] for meter in rows(engine, tables.meter)}
    own = next(meter for meter in lizhou.meters if meter.modulus)
    assert modulus[own.id] == own.modulus
    gas = next(meter for meter in lizhou.meters if meter.energy == "natural_gas" and meter.device)
    assert modulus[gas.id] == lizhou.device_by_id[gas.device or ""].model.points["volume"].modulus
    assert modulus[next(meter.id for meter in lizhou.meters if meter.device is None)] is None


def test_denominators_hold_since_2020(engine: sa.Engine, lizhou: Site) -> None:
    """Each unit has the site's headcount and area, said to come from the site's file."""
    seed(engine, lizhou)
    found = {(row["unit"], row["kind"]): row for row in rows(engine, tables.denominator)}
    assert len(found) == 2 * len(lizhou.units)
    for unit in lizhou.units:
        assert found[unit.id, "headcount"]["value"] == unit.headcount
        assert found[unit.id, "area"]["value"] == pytest.approx(unit.area, abs=1e-4)
        assert (found[unit.id, "area"]["valid_from"], found[unit.id, "area"]["approved_by"]) == ("2020-01-01", SITE_FILE)


def test_seeding_again_changes_nothing(engine: sa.Engine, lizhou: Site) -> None:
    """The second start finds what the first one entered."""
    seed(engine, lizhou)
    before = [rows(engine, table) for table in SEEDED]
    seed(engine, lizhou)
    assert [rows(engine, table) for table in SEEDED] == before


def test_a_changed_file_takes_effect_but_not_over_people(engine: sa.Engine, lizhou: Site) -> None:
    """Names and served units follow the file; an area that a person approved stays, a new headcount holds from its day on."""
    seed(engine, lizhou)
    unit = lizhou.units[0].id
    with writing(engine).begin() as connection:
        table = tables.denominator
        connection.execute(sa.update(table).where(table.c.unit == unit, table.c.kind == "area").values(value=12.5, approved_by="wang"))
    data = lizhou.model_dump(mode="json")
    data["units"][0]["name"] = {"zh": "新名", "en": "new name"}
    data["units"][0] |= {"headcount": 999, "area": 1.0}
    shared = next(meter for meter in data["meters"] if unit in meter["units"] and len(meter["units"]) > 1)
    shared["units"].remove(unit)
    seed(engine, Site.model_validate(data))
    assert json.loads(next(u["name"] for u in rows(engine, tables.unit) if u["id"] == unit))["en"] == "new name"
    assert not [r for r in rows(engine, tables.meter_unit) if (r["meter"], r["unit"]) == (shared["id"], unit)]
    assert series(engine, unit) == {
        ("area", "2020-01-01"): 12.5,
        ("headcount", "2020-01-01"): lizhou.units[0].headcount,
        ("headcount", "2026-11-28"): 999.0,
    }


def test_fuel_of_cars_is_main_without_saying_so(engine: sa.Engine, lizhou: Site) -> None:
    """Cars' fuel is in totals; a meter of a single car below it is not, or it would count twice."""
    data = lizhou.model_dump(mode="json")
    fuel = next(meter for meter in data["meters"] if meter["vehicle_fuel"])
    fuel["main"] = False
    data["meters"].append(fuel | {"id": "one-car", "parent": fuel["id"]})
    seed(engine, Site.model_validate(data))
    main = {meter["id"]: meter["main"] for meter in rows(engine, tables.meter)}
    assert (main[fuel["id"]], main["one-car"]) == (True, False)


TEXT = {"zh": "名", "en": "Name"}


def series(engine: sa.Engine, unit: str) -> dict[tuple[str, str], float]:
    return {(r["kind"], r["valid_from"]): r["value"] for r in rows(engine, tables.denominator) if r["unit"] == unit}


def test_a_new_headcount_is_told_and_holds_from_its_day_on(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """80 -> 95 in the file (H3): a dated row; nothing before the day changes, and entered again nothing changes at all."""
    seed(engine, small())
    grown = small(units={"u1": {"headcount": 95}})
    assert said(seed(engine, grown, "2026-03-01")) == ["changed unit u1: headcount 80 -> 95 from 2026-03-01"]
    assert said(seed(engine, grown, "2026-05-01")) == []
    found = {at: value for (kind, at), value in series(engine, "u1").items() if kind == "headcount"}
    assert found == {"2020-01-01": 80, "2026-03-01": 95}


def test_a_dated_series_of_the_file_is_entered_as_it_stands(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """`changes` hold from their own days whatever the day of entry; one that is taken out again is taken out."""
    seed(engine, small())
    changes = [{"since": "2025-07-01", "headcount": 90}, {"since": "2026-07-01", "headcount": 95, "area": 3200}]
    seed(engine, small(units={"u1": {"changes": changes}}), "2026-11-01")
    assert series(engine, "u1") == {
        ("area", "2020-01-01"): 3000,
        ("area", "2026-07-01"): 3200,
        ("headcount", "2020-01-01"): 80,
        ("headcount", "2025-07-01"): 90,
        ("headcount", "2026-07-01"): 95,
    }
    again = seed(engine, small(units={"u1": {"changes": changes[1:]}}), "2026-11-02")
    assert said(again) == ["changed unit u1: headcount 90 -> 80 from 2025-07-01 until 2026-07-01"]


def test_a_day_before_one_that_has_a_value_is_refused(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """`--from` would be without effect today; said with the day that is expected."""
    seed(engine, small())
    seed(engine, small(units={"u1": {"headcount": 95}}), "2026-03-01")
    with pytest.raises(
        EntryRefused, match=r"^--from: u1: headcount: expected a day from 2026-03-01 on, since when 95 holds, got 2026-02-01$"
    ):
        seed(engine, small(units={"u1": {"headcount": 99}}), "2026-02-01")


def test_a_new_unit_was_nobody_before_its_day(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """A unit that is added in January (H4) has nobody and no area before, so last year's denominator stays."""
    seed(engine, small())
    new = {"name": TEXT, "compound": "c", "headcount": 50, "area": 500}
    seed(engine, small(units={"u3": new, "u4": new | {"since": "2025-06-01"}}), "2026-01-05")
    expected = {("headcount", "2020-01-01"): 0, ("headcount", "2026-01-05"): 50, ("area", "2020-01-01"): 0, ("area", "2026-01-05"): 500}
    assert series(engine, "u3") == expected
    assert series(engine, "u4") == {(kind, at.replace("2026-01-05", "2025-06-01")): value for (kind, at), value in expected.items()}


def test_a_unit_that_is_gone_is_retired_with_its_history(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """Its people end on the day, its part of the shared meter stays; when it comes back it has people again."""
    seed(engine, small())
    gone = small(units={"u2": None}, meters={"m1": {"units": ["u1"]}})
    assert said(seed(engine, gone, "2026-06-01"))[:1] == ["retired unit u2"]
    assert {u["id"]: u["retired_on"] for u in rows(engine, tables.unit)} == {"u1": None, "u2": "2026-06-01"}
    assert {(at, value) for (kind, at), value in series(engine, "u2").items() if kind == "area"} == {
        ("2020-01-01", 1000),
        ("2026-06-01", 0),
    }
    assert {r["unit"] for r in rows(engine, tables.meter_unit) if r["meter"] == "m1"} == {"u1", "u2"}
    seed(engine, small(), "2026-07-01")
    assert {u["id"]: u["retired_on"] for u in rows(engine, tables.unit)} == {"u1": None, "u2": None}
    assert series(engine, "u2")["headcount", "2026-07-01"] == 20


def filled(engine: sa.Engine) -> None:
    """Something of each kind that is kept of u1 and m1."""
    hour = {"grp": GROUP, "meter": "m1", "hour": 3_600_000, "provenance": "measured", "amount": 7}
    event = {"grp": "510802", "at": 5, "detail": "x"}
    with writing(engine).begin() as connection:
        connection.execute(sa.insert(tables.ledger_hour), [hour, hour | {"hour": 7_200_000, "amount": 8}])
        connection.execute(sa.insert(tables.touched), [{"grp": GROUP, "meter": "m1", "hour": 3_600_000, "generation": 4}])
        entry = {"grp": GROUP, "meter": "oil", "month": "2026-01", "amount": 5, "entered_by": "li", "entered_at": 1}
        connection.execute(sa.insert(tables.entry), [entry])
        exchange = {
            "grp": GROUP,
            "meter": "m1",
            "at": 9,
            "old_last": 1,
            "new_first": 2,
            "reason": "r",
            "recorded_by": "li",
            "recorded_at": 10,
        }
        connection.execute(sa.insert(tables.exchange), [exchange])
        connection.execute(sa.insert(tables.event), [event | {"kind": kind, "subject": "m1"} for kind in ("counter_reset", "clock_fault")])


def test_a_rename_takes_the_history_along(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """`was` (H2): people are counted once, and hours, entries, exchanges and events follow the meter; no twin is left behind."""
    seed(engine, small())
    filled(engine)
    renamed = small(
        units={"u1": None, "n1": {"name": TEXT, "compound": "c", "headcount": 80, "area": 3000, "was": "u1"}},
        meters={"m1": {"id": "main", "was": "m1", "units": ["n1", "u2"]}, "oil": {"id": "diesel", "was": "oil", "units": ["n1"]}},
    )
    assert said(seed(engine, renamed, "2026-03-01")) == [
        "renamed unit n1: was u1",
        "renamed meter main: was m1",
        "renamed meter diesel: was oil",
        'changed unit n1: name {"zh": "一局", "en": "One"} -> {"zh": "名", "en": "Name"}',
    ]
    assert [u["id"] for u in rows(engine, tables.unit)] == ["n1", "u2"]
    assert sum(r["value"] for r in rows(engine, tables.denominator) if r["kind"] == "headcount") == 100
    assert [m["id"] for m in rows(engine, tables.meter)] == ["diesel", "main"]
    assert {(r["meter"], r["amount"]) for r in rows(engine, tables.ledger_hour)} == {("main", 7), ("main", 8)}
    assert [r["meter"] for table in (tables.touched, tables.exchange) for r in rows(engine, table)] == ["main", "main"]
    assert [(r["meter"], r["month"]) for r in rows(engine, tables.entry)] == [("diesel", "2026-01")]
    assert {(r["kind"], r["subject"]) for r in rows(engine, tables.event)} == {("counter_reset", "main"), ("clock_fault", "m1")}
    assert said(seed(engine, renamed, "2026-03-02")) == []


def test_a_twin_of_an_earlier_version_is_taken_back(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """Where both ids were entered already, `was` brings them together: the new one's own hours and people precede."""
    both = small(meters={"main": {"name": TEXT, "energy": "electricity", "main": True, "units": ["u1"]}})
    seed(engine, both)
    filled(engine)
    with writing(engine).begin() as connection:
        own = {"grp": GROUP, "meter": "main", "hour": 7_200_000, "provenance": "distributed", "amount": 80}
        connection.execute(sa.insert(tables.ledger_hour), [own])
    seed(engine, small(meters={"m1": {"id": "main", "was": "m1"}}))
    assert {(r["meter"], r["hour"], r["amount"]) for r in rows(engine, tables.ledger_hour)} == {
        ("main", 3_600_000, 7),
        ("main", 7_200_000, 80),
    }
    assert [m["id"] for m in rows(engine, tables.meter)] == ["main", "oil"]


def test_a_likely_rename_is_suspected(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """Without `was` a unit of the same people and a meter of the same counter are named, with what to write."""
    seed(engine, small())
    unit = {"name": TEXT, "compound": "c", "headcount": 80, "area": 3000}
    plan = seed(engine, small(units={"u1": None, "n1": unit}, meters={"m1": {"id": "main", "units": ["n1"]}, "oil": {"units": ["n1"]}}))
    assert plan.doubts == [
        "unit u1 goes and n1 comes: if it was renamed, write `was: u1` at n1",
        "meter m1 goes and main comes: if it was renamed, write `was: m1` at main",
    ]
    assert {m["id"]: m["retired_on"] for m in rows(engine, tables.meter)} == {"m1": "2026-11-28", "main": None, "oil": None}


def test_a_ratio_that_changes_is_recorded_by_itself(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """CT 40 -> 60: a dated row with new / old for the meter that counts it, and its hour is counted anew; once only."""
    seed(engine, small())
    moved = small(devices={"em": {"ct": 60}})
    assert said(seed(engine, moved, now=7_200_001)) == [
        "changed device em: ct 40.0 -> 60.0",
        "recorded ratio of meter m1: a step of the register was worth 0.4, now 0.6 (times 1.5)",
    ]
    assert said(seed(engine, moved, now=9_000_000)) == []
    (row,) = rows(engine, tables.ratio_change)
    assert {k: row[k] for k in ("grp", "meter", "at", "factor", "recorded_by")} == {
        "grp": "510802", "meter": "m1", "at": 7_200_001, "factor": "1.5", "recorded_by": "wang",
    }  # fmt: skip
    assert [(t["meter"], t["hour"]) for t in rows(engine, tables.touched)] == [("m1", 7_200_000)]


def test_a_strangers_device_of_the_same_id_hides_no_ratio(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """A node of another group that speaks for an `em` of its own: the site's one still has its model, and its ratio is recorded."""
    stranger = {"grp": "z", "id": "em", "class": "foreign", "name": "{}", "gateway": "n"}
    seed(engine, small())
    with writing(engine).begin() as connection:
        connection.execute(sa.insert(tables.device), [stranger])
    seed(engine, small(devices={"em": {"ct": 60}}), now=7_200_001)
    assert [(row["meter"], row["factor"]) for row in rows(engine, tables.ratio_change)] == [("m1", "1.5")]


def test_limits_that_change_touch_what_was_counted_by_them(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """CT 40 -> 60 changes what the branch can draw and the smallest step: counted and judged hours are touched, entered ones not."""
    seed(engine, small())
    hour, more = {"grp": GROUP, "meter": "m1", "provenance": "measured", "amount": 7}, small(devices={"em": {"ct": 60}})
    judged = {"grp": "510802", "meter": "m1", "kind": "frozen", "since": 18_000_001, "at": 18_000_002, "until": 21_600_000}
    with writing(engine).begin() as connection:
        connection.execute(sa.insert(tables.ledger_hour), [hour | {"hour": n * 3_600_000} for n in (2, 3)])
        connection.execute(sa.insert(tables.ledger_hour), [hour | {"hour": 3_600_000, "provenance": "manual"}])
        connection.execute(sa.insert(tables.judgement), [judged | dict.fromkeys(("before", "after", "amount", "stake"), 0)])
    limits = "most in an hour 165.6 kWh -> 248.4 kWh, smallest step 0.4 kWh -> 0.6 kWh"
    assert said(seed(engine, more, now=7_200_001))[2:] == [f"recounted meter m1: {limits}; its figures from 1970-01-01 on are counted anew"]
    assert [(t["meter"], t["hour"] // 3_600_000, t["generation"]) for t in rows(engine, tables.touched)] == [
        ("m1", 2, 2), ("m1", 3, 1), ("m1", 5, 1), ("m1", 6, 1),
    ]  # fmt: skip
    assert said(seed(engine, more, now=9_000_000)) == []
    assert max(t["generation"] for t in rows(engine, tables.touched)) == 2


def test_another_device_behind_a_meter_is_not_counted_anew(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """What the old device counted stays, since the new one's series says nothing about it: only the hour of the entry is touched."""
    other = {"name": TEXT, "profile": "electricity/chint-dtsu666", "bus": "b", "unit_id": 2}
    seed(engine, small(devices={"em2": other}))
    filled(engine)
    before = rows(engine, tables.touched)
    plan = said(seed(engine, small(devices={"em2": other}, meters={"m1": {"device": "em2", "max_rate": 5}}), now=9_000_000))
    told = "electricity/em/energy_import until now, then electricity/em2/energy_import; its figures until now stay, and another counter is"
    assert [line for line in plan if line.startswith("rec")] == [f"recorded counter of meter m1: {told} an exchange to record"]
    (row,) = rows(engine, tables.earlier_counter)
    assert (row["device"], row["until"], row["max_rate"]) == ("em", 9_000_000, None)
    entered = {"grp": GROUP, "meter": "m1", "hour": 7_200_000, "generation": 1}
    assert [one for one in rows(engine, tables.touched) if one not in before] == [entered]


def test_another_device_behind_a_meter_is_no_ratio(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """A meter that another model counts was exchanged, which somebody records; no factor is made up."""
    seed(engine, small())
    seed(engine, small(devices={"em": {"profile": "electricity/chint-dtsu666", "ct": 1}}))
    assert rows(engine, tables.ratio_change) == []


def test_another_district_stands_beside_the_first(engine: sa.Engine, small: Callable[..., Site]) -> None:
    """With the same ids everywhere; nothing of the first changes, then or when the other one is entered again with less."""
    seed(engine, small())
    before = {table.name: rows(engine, table) for table in SEEDED}
    other = small(meters={"m1": {"max_rate": 7.0}}).model_dump(mode="json") | {"group": "510811"}
    assert seed(engine, Site.model_validate(other)).first
    less = small(units={"u2": None}, meters={"m1": {"units": ["u1"]}, "oil": None}).model_dump(mode="json") | {"group": "510811"}
    seed(engine, Site.model_validate(less))
    for table in SEEDED:
        assert [row for row in rows(engine, table) if row["grp"] == GROUP] == before[table.name], table.name
    assert {m["id"]: m["retired_on"] is None for m in rows(engine, tables.meter) if m["grp"] == "510811"} == {"m1": True, "oil": False}
    assert {s["grp"]: s["published_as"] for s in rows(engine, tables.site)} == {GROUP: "", "510811": "510811"}


def test_what_was_entered_is_kept_whole_and_on_record(engine: sa.Engine, lizhou: Site) -> None:
    """The service finds the site as the files said it, and the audit who entered what; a registry of an earlier version gets it too."""
    seed(engine, lizhou, now=5)
    with engine.connect() as connection:
        found = entered(connection, GROUP)
    assert found is not None
    assert (found.site, found.at) == (Site.model_validate(lizhou.model_dump(mode="json")), 5)
    with writing(engine).begin() as connection:
        connection.execute(sa.delete(tables.entered_site))
    assert said(seed(engine, lizhou, now=6)) == []
    assert [(a["by"], a["action"], json.loads(a["detail"])["site"]) for a in rows(engine, tables.audit)] == [("wang", "site", "lizhou")] * 2
    assert len(rows(engine, tables.entered_site)) == 1
