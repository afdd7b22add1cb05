"""Messages of every shape, mapped by data: what the simulator writes by a profile, the driver reads by it, for the right device."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from contract.clock import Clock, iso
from contract.rights import acl, rights
from contract.site import Site, load_site
from protocols.mqtt.codec.audience import Audience
from protocols.mqtt.codec.payloads import Heard, heard
from protocols.mqtt.device import said
from protocols.mqtt.model import Device
from tests.models import each, one
from tests.sites import whole

NOW = Clock().now_ms()
SECOND = NOW // 1000 * 1000
MODEL = "maker: M\nmodel: X\nclass: electricity\nprotocol: mqtt\nsources: [a book]\n"
POINTS = """\
points:
  power: {path: p.total, type: float64, unit: kW}
  energy_import: {path: "energy\\\\.import", type: float64, unit: kWh, kind: counter}
  voltage_a: {path: "d.#(m=Ua).v", type: float64, unit: V}
"""
SITE = whole("""\
compounds: []
units: []
gateways: [{id: g}]
buses: [{id: pub, gateway: g, protocol: mqtt}]
devices:
""")
VALUES: dict[str, float | None] = {"power": 1500.0, "energy_import": 1234.5, "voltage_a": 229.9}
Loader = Callable[..., Site]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loader:
    """A site whose devices have a profile of their own each; each device stands on a line from 11 on."""
    folders = (tmp_path / f"profiles-{number}" for number in count())

    def made(devices: list[str], **profiles: str) -> Site:
        folder = next(folders)
        monkeypatch.setenv("JIEYUE_PROFILES", str(folder))
        for name, text in profiles.items():
            path = folder / "electricity" / f"{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(MODEL + text, encoding="utf-8")
        lines = [f"  - {{id: d{n}, name: {{zh: 表, en: Meter}}, bus: pub, {device}}}\n" for n, device in enumerate(devices)]
        (tmp_path / "site.yaml").write_text(SITE + "".join(lines), encoding="utf-8")
        return load_site(tmp_path)

    return made


def hear(site: Site, topic: str, document: Any, **more: bool) -> Heard:  # noqa: ANN401 (any JSON)
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return heard(Audience(each(Device, site.devices)).of(topic), raw, NOW, **more)


ONE = "profile: electricity/m, topic: meters, key: "
NAMED = [ONE + "A17", ONE + "B2"]
SHAPES: dict[str, tuple[str, list[str]]] = {
    "an object that names its meter": ("identity: sn\ntime: {path: ts, format: epoch}\n", [ONE + "A17", ONE + '"18"']),
    "an array": ("records: '*'\nidentity: sn\ntime: {path: ts, format: rfc3339}\n", NAMED),
    "a list in an envelope with the time outside": (
        "records: body.list.*\nidentity: id.sn\ntime: {path: $.t, format: epoch}\n",
        NAMED,
    ),
    "an object by name": ("records: $.*\nidentity: '*'\ntime: {path: ts, format: epoch}\n", NAMED),
    "an array by place": ("records: m.*\nidentity: '*'\ntime: {path: ts, format: epoch}\n", [ONE + '"0"', ONE + '"3"']),
    "lists in lists": ("records: gw.*.meters.*\nidentity: sn\ntime: {path: $.t, format: epoch}\n", NAMED),
    "one record below a key": ("records: body\nidentity: $.head.sn\ntime: {path: at, format: YYMMDDhhmmss}\n", NAMED),
    "a wildcard": (
        "identity: sn\ntime: {path: t, format: epoch}\n",
        [f"profile: electricity/m, topic: meters/+/SENSOR, key: {key}" for key in ("A17", "B2")],
    ),
    "a local time": (
        "time: {path: t, format: rfc3339, zone: Asia/Shanghai}\n",
        [f"profile: electricity/m, topic: meters/{number}" for number in (1, 2)],
    ),
}


@pytest.mark.parametrize(("form", "devices"), SHAPES.values(), ids=SHAPES)
def test_what_the_simulator_writes_is_read_back_for_the_right_device(load: Loader, form: str, devices: list[str]) -> None:
    """Values and time come back, and no other device hears them."""
    site = load(devices, m=form + POINTS)
    for device in each(Device, site.devices):
        made = said(device, VALUES, SECOND)
        for topic, raw in made.message:
            found = hear(site, topic, raw)
            assert found.faults == []
            assert [(row.device, row.at, row.values, row.bad) for row in found.rows] == [(device.id, SECOND, VALUES, {})]
        assert made.values == VALUES


def test_each_value_below_its_own_topic_as_a_bare_number(load: Loader) -> None:
    """One device, a topic a point, no JSON object anywhere; also as a text, with a unit's blank, or as nothing that can be read."""
    points = "points:\n  power: {path: $, subtopic: power, type: float64, unit: W}\n"
    points += "  energy_import: {path: $, subtopic: energy/total, unit: kWh, kind: counter}\n"
    points += "  'on': {path: $, subtopic: relay, values: {0: 'OFF', 1: 'ON'}}\n"
    site = load(["profile: electricity/m, topic: home/em"], m=points)
    assert Audience(each(Device, site.devices)).filters == ["home/em/power", "home/em/energy/total", "home/em/relay"]
    for topic, raw, values, bad in (
        ("home/em/power", b"23.5", {"power": 23.5}, {}),
        ("home/em/power", b" 23.5\n\x00", {"power": 23.5}, {}),
        ("home/em/energy/total", b'"1234.5"', {"energy_import": 1234.5}, {}),
        ("home/em/relay", b"ON", {"on": 1.0}, {}),
        ("home/em/power", b"nan", {}, {"power": "not a number: 'nan'"}),
        ("home/em/power", b'{"a": 1}', {}, {"power": "not a number: {'a': 1}"}),
    ):
        (row,) = hear(site, topic, raw).rows
        assert (row.device, row.at, row.values, row.bad) == ("d0", NOW, values, bad)
    assert hear(site, "home/em/power", b"23.5", retained=True).rows == []
    made = said(one(Device, site.devices[0]), {"power": 23.5, "on": 1.0}, NOW)
    assert made.message == (("home/em/power", b"23.5"), ("home/em/relay", b"1.0"))


def test_one_bad_record_takes_no_other_with_it(load: Loader) -> None:
    """Strangers, records without a time and records that say nothing are told; the others are stored, each for its device."""
    form = "records: '*'\nidentity: sn\ntime: {path: t, format: epoch}\n"
    site = load(["profile: electricity/m, topic: meters, key: A17", "profile: electricity/m, topic: meters, key: B2"], m=form + POINTS)
    records = [{"sn": "X9", "t": SECOND}, 7, None, {"sn": "A17", "p": {"total": 1}}, {"sn": "B2", "t": SECOND}]
    records += [{"sn": "A17", "t": SECOND - 1000 * n, "p": {"total": n}} for n in (2, 1)]
    found = hear(site, "meters", records)
    assert [(row.device, row.at, row.values) for row in found.rows] == [
        ("d0", SECOND - 2000, {"power": 2000.0}),
        ("d0", SECOND - 1000, {"power": 1000.0}),
    ]
    assert [(who, what) for who, what, _ in found.faults] == [
        ("'X9'", "record of no known device"),
        ("None", "record of no known device"),
        ("d0", "no time that can be read"),
        ("d1", "none of the profile's points is in it"),
    ]


def test_lines_of_one_message_go_each_to_its_device(load: Loader) -> None:
    """A collector's JSON lines are documents of their own; the one that was cut off is told of the message, since it names nobody."""
    site = load(NAMED, m="identity: sn\ntime: {path: t, format: epoch}\n" + POINTS)
    lines = [json.dumps({"sn": sn, "t": SECOND, "p": {"total": n}}) for sn, n in (("A17", 1), ("B2", 2), ("X9", 3))]
    found = hear(site, "meters", "\n".join([lines[0], lines[1][:25], *lines[1:]]).encode())
    assert [(row.device, row.at, row.values) for row in found.rows] == [
        ("d0", SECOND, {"power": 1000.0}),
        ("d1", SECOND, {"power": 2000.0}),
    ]
    assert found.faults == [
        ("'X9'", "record of no known device", ""),
        ("message", "a part that is no JSON", repr(lines[1][:25])),
    ]


def test_two_models_may_share_a_topic(load: Loader) -> None:
    """Each record goes to its device, by that device's own profile, and is no stranger's."""
    other = "identity: sn\npoints:\n  frequency: {path: f, unit: Hz}\n"
    site = load(
        ["profile: electricity/m, topic: meters, key: A17", "profile: electricity/o, topic: meters, key: B2"],
        m="identity: sn\n" + POINTS,
        o=other,
    )
    assert [(r.device, r.values) for r in hear(site, "meters", {"sn": "A17", "p": {"total": 2}}).rows] == [("d0", {"power": 2000.0})]
    found = hear(site, "meters", {"sn": "B2", "f": 50})
    assert ([(r.device, r.values) for r in found.rows], found.faults) == ([("d1", {"frequency": 50.0})], [])


@pytest.mark.parametrize(
    ("time", "at"),
    [
        ('{path: t, format: rfc3339, zone: "+08:00"}', "2026-11-01T02:00:00Z"),
        ("{path: t, format: rfc3339, zone: Asia/Shanghai}", "2026-11-01T02:00:00Z"),
        ("{path: t, format: rfc3339, zone: Z}", "2026-11-01T10:00:00Z"),
    ],
)
def test_a_time_without_a_zone_is_in_the_profile_s(load: Loader, time: str, at: str) -> None:
    """Tasmota and many gateways write local time; one with a zone keeps its own."""
    site = load(["profile: electricity/m, topic: a"], m=f"time: {time}\n" + POINTS)
    for text in ("2026-11-01T10:00:00", "2026-11-01 10:00:00"):
        assert [iso(row.at)[:19] for row in hear(site, "a", {"t": text, "p": {"total": 1}}).rows] == [at[:19]]
    own = hear(site, "a", {"t": "2026-11-01T10:00:00+01:00", "p": {"total": 1}}).rows
    assert [iso(row.at)[:19] for row in own] == ["2026-11-01T09:00:00"]


@pytest.mark.parametrize(
    "written", ["2026-11-29T05:00:00", "2026-11-29 05:00", "20261129T0500", "2026-11-28t21:00:00z", "2026-11-28T23:00+0200"]
)
def test_a_day_and_a_time_of_day_are_read(load: Loader, written: str) -> None:
    """T or a space between them, in small letters as well, with colons or none."""
    site = load(["profile: electricity/m, topic: a"], m="time: {path: t, format: rfc3339, zone: Asia/Shanghai}\n" + POINTS)
    assert [iso(row.at) for row in hear(site, "a", {"t": written, "p": {"total": 1}}).rows] == ["2026-11-28T21:00:00.000Z"]


@pytest.mark.parametrize("written", ["2026-11-29+08:00", "2026-11-29-05:00", "20261129+0800", "2026-W48-7+08:00", "2026-11-29x0800"])
def test_the_offset_of_a_day_is_no_time_of_day(load: Loader, written: str) -> None:
    """A day with its zone says not when the meter measured; 08:00 would be a time that it never named."""
    site = load(["profile: electricity/m, topic: a"], m="time: {path: t, format: rfc3339, zone: Asia/Shanghai}\n" + POINTS)
    found = hear(site, "a", {"t": written, "p": {"total": 1}})
    assert (found.rows, found.faults) == ([], [("d0", "no time that can be read", "at t")])


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("records: a..b\n", "expected"),
        ("identity: sn.*\n", "expected no *, which only records may have, got 'sn.*'"),
        ("identity: '*'\n", "expected records with a *, whose key or place it would be"),
        ("time: {path: 't.', format: epoch}\n", "expected a dot and a key after 't'"),
        ("time: {path: t, format: epoch, zone: Z}\n", "expected none: seconds since 1970 have no zone"),
        ("time: {path: t, format: rfc3339, zone: Peking}\n", "expected Z, an offset such as +08:00, or a name such as Asia/Shanghai"),
        *[
            (
                f"time: {{path: t, format: rfc3339, zone: '{zone}'}}\n",
                "expected Z, an offset such as +08:00, or a name such as Asia/Shanghai",
            )
            for zone in ("+08:60", "+15:00", "+99:00", "localtime", "posixrules", "Factory", "")
        ],
        ("time: {path: t, format: rfc3339, zone: '+8'}\n", "expected Z, an offset such as +08:00, or a name such as Asia/Shanghai"),
    ],
)
def test_a_form_that_matches_nothing_is_refused_at_load(load: Loader, form: str, said: str) -> None:
    """With the profile's file and line 6, and what was expected."""
    with pytest.raises(ValueError, match=r"electricity/m\.yaml:6: ") as refused:
        load(["profile: electricity/m, topic: a"], m=form + POINTS)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("devices", "form", "said"),
    [
        (["topic: meters/+/SENSOR"], "", "devices.0.topic: expected a topic without + and #, which would take every meter's message"),
        (["topic: meters/#"], "", "devices.0.topic: expected a topic without + and #"),
        (["topic: meters/a+/x, key: A"], "identity: sn\n", "devices.0.topic: expected + as a whole level, and # as the last one"),
        (["topic: meters/#/x, key: A"], "identity: sn\n", "devices.0.topic: expected + as a whole level, and # as the last one"),
        (["topic: meters"], "identity: sn\n", "devices.0.key: expected what stands at 'sn' in this device's messages"),
        (["topic: meters, key: A"], "", "devices.0.key: expected none, since its profile names no identity"),
        (["topic: meters", "topic: meters"], "", "devices.1.topic: expected a topic that no other device of pub has; d0 takes it"),
        (
            ["topic: m, key: A", "topic: m, key: A"],
            "identity: sn\n",
            "devices.1.key: expected a key that no other device of pub has; d0 takes it",
        ),
        (["topic: m/+, key: A", "topic: m/1, key: A"], "identity: sn\n", "devices.1.key: expected a key that no other device of pub has"),
        (["topic: m/1, key: A", "topic: m/#, key: A"], "identity: sn\n", "devices.1.key: expected a key that no other device of pub has"),
        *[
            ([f'topic: "line/3{sign}"'], "", "devices.0.topic: expected a topic without line breaks, tabs and other control characters")
            for sign in ("\\t", "\\n", "\\0", "\\x7f", "\\x85", "\\uFDD0", "\\uFFFF", "\\U0001FFFE", "/+/\\t")
        ],
        (["topic: '', key: A"], "identity: sn\n", "devices.0.topic: expected a topic, since pub speaks mqtt"),
    ],
)
def test_a_topic_that_cannot_tell_meters_apart_is_refused_at_load(load: Loader, devices: list[str], form: str, said: str) -> None:
    """It was accepted and never matched, or one meter's message would have been another's: file, line, field and what was expected."""
    with pytest.raises(ValueError, match=rf"site\.yaml:1{len(devices)}: ") as refused:
        load([f"profile: electricity/m, {device}" for device in devices], m=form + POINTS)
    assert said in str(refused.value)


def test_a_subtopic_that_mqtt_does_not_carry_is_refused_at_load(load: Loader) -> None:
    """One such topic in a subscription ends the session of the whole bus; ordinary text of any language is none."""
    points = 'points: {energy_import: {path: $, subtopic: "%s", unit: kWh, kind: counter}}\n'
    with pytest.raises(ValueError, match=r"m\.yaml:6: points\.energy_import\.subtopic: expected levels below the device's topic, without"):
        load(["profile: electricity/m, topic: a"], m=points % "total\\t")
    site = load(["profile: electricity/m, topic: 一楼/电 表"], m=points % "总 \U0001f50c")
    assert Audience(each(Device, site.devices)).filters == ["一楼/电 表/总 \U0001f50c"]


def test_the_same_key_at_topics_that_never_meet_is_two_meters(load: Loader) -> None:
    """Meters of two concentrators may both be number 1."""
    devices = ["profile: electricity/m, topic: a/+/x, key: '1'", "profile: electricity/m, topic: b/+/x, key: '1'"]
    site = load(devices, m="identity: sn\n" + POINTS)
    assert [row.device for row in hear(site, "b/7/x", {"sn": 1, "p": {"total": 1}}).rows] == ["d1"]
    assert "topic read a/+/x\n" in acl(rights(site, "jieyue"))


def test_a_register_is_no_message(load: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Modbus profile has neither records nor subtopics."""
    monkeypatch.setattr(f"{__name__}.MODEL", MODEL.replace("mqtt", "modbus"))
    with pytest.raises(ValueError, match="expected none, since only devices of mqtt send messages"):
        load(["profile: electricity/m, unit_id: 1"], m="records: a\npoints:\n  power: {address: 1, unit: W}\n")


def test_the_documents_examples_are_read_as_they_say(load: Loader) -> None:
    """Profile, devices and message of docs/json-devices.md, as they stand there."""
    page = (Path(__file__).parents[3] / "docs" / "json-devices.md").read_text(encoding="utf-8")
    profile, devices, below = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    said = re.search(r"# (\{.*\})", profile)
    assert said is not None
    text = "".join(line + "\n" for line in profile.splitlines() if not line.startswith(("maker", "model", "class", "protocol", "sources")))
    site = load([f"profile: electricity/m, topic: collector/1, key: {key}" for key in ("A17", "B02")], m=text)
    for device in each(Device, site.devices):
        assert f"topic: {device.topic}, key: {device.key}}}" in devices
    found = hear(site, "collector/1", said[1].replace(", …", "").encode())
    assert [(r.device, r.at, r.values) for r in found.rows] == [("d0", 1_790_000_000_000, {"energy_import": 1234.5})]
    home = load(["profile: electricity/m, topic: home/em"], m=below)
    assert Audience(each(Device, home.devices)).filters == ["home/em/power", "home/em/energy/total"]
    assert [r.values for r in hear(home, "home/em/power", b"23.5").rows] == [{"power": 23.5}]
