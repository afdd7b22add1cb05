"""Whatever is wrong with a site's or a gateway's file: one line that says where and what was expected, and exit code 2."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from contract.timeservice import kernel_synchronised
from edge.timekeeping import HOW, HOW_AFTER_TRIAL
from tests.house.places import Place, refused


def test_what_is_right_is_accepted(place: Place) -> None:
    """The files that the other tests spoil are right as they stand."""
    done = place.run("edge", "check", "--config", "gw.yaml")
    said = [] if kernel_synchronised() else [WAITS]
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (0, ["gw: 2 devices, 30 points, no fault found", *said], "")


WAITS = f"gw: this machine's clock is not synchronised, so rows would wait for it: {HOW}"


def test_check_says_that_rows_would_wait_for_the_clock(place: Place) -> None:
    """Unless the kernel's clock is kept, or somebody decided to trust it; the line says how to get one."""
    place.gateway(clock="trusted")
    assert "clock" not in place.run("edge", "check", "--config", "gw.yaml").stdout
    place.gateway()
    said = place.run("edge", "check", "--config", "gw.yaml").stdout.splitlines()[1:]
    assert said == ([] if kernel_synchronised() else [WAITS])
    assert "timedatectl set-ntp true" in WAITS
    assert "`clock: trusted`" in WAITS


CONFIGURATIONS: list[tuple[dict[str, Any], str]] = [
    ({"gateway": "x"}, "gw.yaml:1: gateway: expected one of gw, got 'x'"),
    ({"site": "nowhere"}, "gw.yaml:2: site: expected a folder, or one of the shipped sites (lizhou), got 'nowhere'"),
    ({"site": "./nowhere"}, "gw.yaml:2: site: expected a folder, or one of the shipped sites (lizhou), got './nowhere'"),
    ({"colour": "red"}, "gw.yaml:4: colour: Extra inputs are not permitted, got 'red'"),
    ({"retain_days": 0}, "gw.yaml:4: retain_days: Input should be greater than 0, got 0"),
    ({"broker": {"port": "abc"}}, "gw.yaml:5: broker.port: Input should be a valid integer"),
    ({"broker": {"password_file": "none"}}, "gw.yaml:5: broker.password_file: none: cannot be read: No such file or directory"),
    ({"buses": {"x": {"port": 5}}}, "gw.yaml:5: buses.x: the site s has no such bus"),
    (
        {"buses": {"line": {"framing": "ascii"}}},
        "gw.yaml:6: buses.line.framing: Input should be 'tcp', 'rtu_over_tcp' or 'rtu', got 'ascii'",
    ),
    ({"buses": {"pub": {"password_file": "none"}}}, "gw.yaml:6: buses.pub.password_file: none: cannot be read: No such file or directory"),
    ({"broker": {"ca_file": "none"}}, "gw.yaml:5: broker.ca_file: none: cannot be read: No such file or directory"),
    ({"broker": {"ca_file": "gw.yaml"}}, "gw.yaml:5: broker.ca_file: gw.yaml: expected certificates in PEM form"),
    ({"broker": {"cert_file": "c"}}, "gw.yaml:4: broker: expected both cert_file and key_file, or neither"),
    (
        {"broker": {"cert_file": "c", "key_file": "k"}},
        "gw.yaml:4: broker: expected a ca_file beside cert_file: a certificate is shown over TLS only",
    ),
    ({"buses": {"line": {"port": 70000}}}, "gw.yaml:6: buses.line.port: Input should be less than or equal to 65535, got 70000"),
    ({"buses": {"lin": {"port": 5}}}, "gw.yaml:5: buses.lin: the site s has no such bus; nearest is line"),
    (
        {"site": "site"},
        "gw.yaml:2: site: expected a folder, or one of the shipped sites (lizhou), got 'site'; the folder beside this file is ./site",
    ),
    ({"buses": {"line": {"framing": "rtu"}}}, "gw.yaml:5: buses.line: expected a serial_port, since the framing of line is rtu"),
    ({"retain_days": True}, "gw.yaml:4: retain_days: expected a number or a text, not yes or no, got True"),
    (
        {"broker": {"host": "tcp://broker"}},
        "gw.yaml:5: broker.host: expected a name or an address, without scheme, port and brackets, got 'tcp://broker'",
    ),
    *[
        ({"host_id": host}, f"gw.yaml:4: host_id: expected an id of 1 to 200 signs without + / # and control characters, got {host!r}")
        for host in ("a+b", "a/b", "#", "", "a\tb")
    ],
    (
        {"broker": {"host": "a" * 64}},
        "gw.yaml:5: broker.host: expected parts of 1 to 63 signs between the dots, 253 together, none with - at an end",
    ),
    (
        {"buses": {"line": {"host": "10.0.0.1:502"}}},
        "gw.yaml:6: buses.line.host: expected a name or an address, without scheme, port and brackets, got '10.0.0.1:502'",
    ),
]


@pytest.mark.parametrize(("fields", "said"), CONFIGURATIONS)
def test_a_wrong_gateway_configuration(fields: dict[str, Any], said: str, place: Place) -> None:
    """`jieyue-edge` names file, line and field."""
    place.gateway(**fields)
    refused(place.run("edge", "check", "--config", "gw.yaml"), said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "gw.yaml: cannot be read: No such file or directory"),
        (b"gateway: [gw\nsite: x\n", "gw.yaml:2: "),
        (b"gateway: gw\ngateway: gw\n", "gw.yaml:2: the key 'gateway' stands twice"),
        (b"- a list\n", "gw.yaml:1: expected a mapping of fields"),
        (b"", "gw.yaml:1: expected a mapping of fields"),
        (b"gateway: \xff\xfe\n", "gw.yaml: cannot be read: not UTF-8 at byte 9"),
        (b"site: ./site\ndata: x\n", "gw.yaml:1: gateway: Field required"),
    ],
)
def test_a_file_that_is_no_configuration(content: bytes | None, said: str, place: Place) -> None:
    """Missing, unreadable, not YAML or not a mapping."""
    path = place.folder / "gw.yaml"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    refused(place.run("edge", "check", "--config", "gw.yaml"), said)


@pytest.mark.parametrize("command", ["check", "run"])
def test_files_that_are_named_are_read_before_the_start(command: str, place: Place) -> None:
    """All that are missing are told at once."""
    place.gateway(broker={"ca_file": "no-ca", "password_file": "no-password"})
    done = place.run("edge", command, "--config", "gw.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert [line.split(": ")[2:4] for line in done.stderr.splitlines()] == [
        ["broker.password_file", "no-password"],
        ["broker.ca_file", "no-ca"],
    ]


@pytest.mark.parametrize("key", ["other.key", "none", "gw.yaml", "locked.key"])
def test_a_certificate_that_cannot_be_shown(key: str, place: Place) -> None:
    """Its key is another one's, missing, none at all, or under a password, which nobody is asked for."""
    for name, cipher in (("own", ()), ("other", ()), ("locked", ("-aes256", "-passout", "pass:x"))):
        folder = str(place.folder / name)
        certificate = [
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=gw",
            "-keyout",
            f"{folder}.key",
            "-out",
            f"{folder}.crt",
        ]
        subprocess.run(["openssl", *certificate], check=True, capture_output=True)
        if cipher:
            subprocess.run(["openssl", "rsa", "-in", f"{folder}.key", *cipher, "-out", f"{folder}.key"], check=True, capture_output=True)
    place.gateway(broker={"ca_file": "own.crt", "cert_file": "own.crt", "key_file": key})
    pair = "own.crt, {}: expected a certificate and its key in PEM form, the key without a password"
    said = "none: cannot be read: No such file or directory" if key == "none" else pair.format(key)
    refused(place.run("edge", "check", "--config", "gw.yaml"), f"gw.yaml:6: broker.cert_file: {said}")
    place.gateway(broker={"ca_file": "own.crt", "cert_file": "own.crt", "key_file": "own.key"}, clock="trusted")
    assert place.run("edge", "check", "--config", "gw.yaml").returncode == 0


@pytest.mark.parametrize(
    ("broker", "bus", "told"),
    [
        ({"user": "gw"}, {"user": "gw"}, True),
        ({"user": "gw"}, {"user": "gw-pub"}, False),
        ({"user": "gw", "host": "elsewhere"}, {"user": "gw"}, False),
        ({}, {}, False),
    ],
)
def test_connections_that_share_a_user_are_named(broker: dict[str, str], bus: dict[str, str], told: bool, place: Place) -> None:  # noqa: FBT001
    """At one broker; the configuration is right all the same, since a broker of before lets both in."""
    place.gateway(broker=broker, buses={"pub": bus}, clock="trusted")
    done = place.run("edge", "check", "--config", "gw.yaml")
    assert done.returncode == 0
    assert ("pub: another connection of this gateway is gw too; a broker that binds client ids" in done.stdout) is told


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "expected a folder, got ''"),
        ("~/x", "expected the whole path of a folder; ~ is not expanded, got '~/x'"),
        ("/proc/x", "nothing can be made in /proc: No such file or directory"),
        ("gw.yaml", "expected a folder; {folder}/gw.yaml is none"),
        ("gw.yaml/x", "expected a folder; {folder}/gw.yaml is none"),
        ("taken", "taken/outbox.db: expected a file; move away what stands there"),
    ],
)
def test_a_folder_that_can_hold_no_outbox(command: str, data: str, said: str, place: Place) -> None:
    """`check` says it as `run` does, with file, line and field, and neither leaves anything behind."""
    (place.folder / "taken" / "outbox.db").mkdir(parents=True)
    place.gateway(data=data)
    before = sorted(place.folder.rglob("*"))
    refused(place.run("edge", command, "--config", "gw.yaml"), f"gw.yaml:3: data: {said.format(folder=place.folder)}\n")
    assert sorted(place.folder.rglob("*")) == before


@pytest.mark.parametrize(("content", "got"), [("", "none"), ("\n", "none"), ("secret\nold\n", "2")])
def test_a_password_file_that_holds_no_single_line(content: str, got: str, place: Place) -> None:
    """The gateway, each of its buses and the cloud say which file it is, and show nothing of it."""
    (place.folder / "pw").write_text(content, encoding="utf-8")
    said = f"cannot be read: expected one line, got {got}\n"
    place.gateway(broker={"password_file": "pw"})
    refused(place.run("edge", "check", "--config", "gw.yaml"), f"gw.yaml:5: broker.password_file: pw: {said}")
    place.gateway(buses={"pub": {"password_file": "pw"}})
    refused(place.run("edge", "check", "--config", "gw.yaml"), f"gw.yaml:6: buses.pub.password_file: pw: {said}")
    refused(place.run("cloud", "ingest", JIEYUE_MQTT_PASSWORD_FILE="pw"), f"JIEYUE_MQTT_PASSWORD_FILE: pw: {said}")  # noqa: S106 (the name of a file)


SECOND = "  - {id: pub, gateway: gw, protocol: mqtt}\n  - {id: next, gateway: gw, protocol: modbus}\n"


@pytest.mark.parametrize(
    ("after", "buses", "said"),
    [
        ("port: 1, framing: rtu", {}, "site.yaml:10: buses.0.serial_port: expected a serial_port, since the framing of line is rtu"),
        ("port: 502", {}, "site.yaml:12: buses.2.port: expected an end of its own for next; 127.0.0.1:502 is the end of line too"),
        (
            "port: 1",
            {"next": {"port": 1}},
            "gw.yaml:5: buses.next: expected an end of its own for next; 127.0.0.1:1 is the end of line too",
        ),
        (
            "framing: rtu, serial_port: one",
            {"next": {"framing": "rtu", "serial_port": "two"}},
            "gw.yaml:5: buses.next: expected an end of its own for next; two is the end of line too",
        ),
    ],
)
def test_a_line_that_two_buses_would_ask(after: str, buses: dict[str, Any], said: str, place: Place) -> None:
    """What counts is where the lines are once the gateway's own file has said so; a link to a serial port is that port."""
    (place.folder / "one").touch()
    (place.folder / "two").symlink_to("one")
    path = place.folder / "site" / "site.yaml"
    path.write_text(path.read_text("utf-8").replace("port: 1}", f"{after}}}", 1).replace(SECOND.splitlines()[0] + "\n", SECOND), "utf-8")
    place.gateway(buses=buses)
    refused(place.run("edge", "check", "--config", "gw.yaml"), said)


def test_settings_of_a_line_that_differ_from_a_profile_are_told(place: Place) -> None:
    """Whoever stated them may have set the device to them; `check` says it and finds no fault."""
    place.site("port: 1}", "framing: rtu, serial_port: x, baud: 4800}")
    done = place.run("edge", "check", "--config", "gw.yaml")
    assert (done.returncode, done.stdout.splitlines()[:2]) == (
        0,
        [
            "gw: 2 devices, 30 points, no fault found",
            "line: baud is 4800, not 9600, as the profile of em says; right if the devices are set to it",
        ],
    )


SITES = [
    (
        "unit_id: 1",
        "unit_id: 011",
        'site.yaml:13: devices.0.unit_id: expected 11, or "011" in quotes for a text; YAML reads 011 as octal, 9',
    ),
    ("unit_id: 1", "unit_id: on", "devices.0.unit_id: expected a number or a text, not yes or no, got True"),
    ("id: pm", "id: em", "devices.1.id: stands twice; expected an id that no other device has, got 'em'"),
    ("bus: line, unit_id", "bus: nowhere, unit_id", "devices.0.bus: expected the id of a bus, got 'nowhere'"),
    ("point: energy_import", "point: energy_imprt", "expected a point of em, got 'energy_imprt'; nearest are energy_import, energy_export"),
    ("electricity/chint-dtsu666", "electricity/none", "devices.0.profile: expected a profile that loads"),
    ("point: energy_import", "point: volume", "meters.0.point: expected a point of em, got 'volume'"),
    ("import, main: true, units: [u]", "import, main: true, units: [v]", "meters.0.units.0: expected the id of a unit, got 'v'"),
    ("latitude: 32.4", "latitude: north", "latitude: Input should be a valid number"),
    ("gateways: [{id: gw}]", "gateways: [{id: gw}", "site.yaml:9: "),
]


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("edge", ["check", "--config", "gw.yaml"]),
        ("edge", ["run", "--config", "gw.yaml"]),
        ("cloud", ["site", "plan", "./site"]),
        ("cloud", ["broker", "broker"]),
        ("simulators", ["site", "--site", "site", "--data", "sim"]),
    ],
)
def test_each_program_refuses_a_wrong_site(program: str, arguments: list[str], place: Place) -> None:
    """The same line for the same fault, whoever reads the site."""
    before, after, said = SITES[3]
    place.site(before, after)
    refused(place.run(program, *arguments), f"site.yaml:13: {said}")


def test_the_edge_refuses_what_its_lines_cannot_be(place: Place) -> None:
    """A baud rate of 0 passed the check and ended in a division by it."""
    place.site("port: 1", "framing: rtu, serial_port: /dev/ttyUSB0, baud: 0, parity: N, stop_bits: 1")
    refused(place.run("edge", "check", "--config", "gw.yaml"), "site.yaml:10: buses.0.baud: Input should be greater than 0, got 0")


def test_check_says_that_the_clock_is_a_trials(place: Place) -> None:
    """Rows would wait, whatever the kernel says of its clock; where the clock is trusted, which date they would get."""
    arguments = ["check", "--config", "gw.yaml"]
    trial = "gw: the clock is a trial's (JIEYUE_NOW, JIEYUE_SPEED)"
    said = place.run("edge", *arguments, JIEYUE_NOW="2027-03-01").stdout.splitlines()[1:]
    assert said == [f"{trial}, so rows would wait for the machine's: {HOW_AFTER_TRIAL}"]
    place.gateway(clock="trusted")
    (line,) = place.run("edge", *arguments, JIEYUE_NOW="2027-03-01").stdout.splitlines()[1:]
    assert line.startswith(f"{trial} and trusted, so rows would be dated 2027-03-01T00:")


@pytest.mark.parametrize(("before", "after", "said"), SITES)
def test_a_wrong_site(before: str, after: str, said: str, place: Place) -> None:
    """Double ids, unknown buses, profiles, points and units, and what is no YAML."""
    place.site(before, after)
    refused(place.run("simulators", "site", "--site", "site", "--data", "sim"), said)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("JIEYUE_NOW", "never", "JIEYUE_NOW: expected a date such as 2026-03-01 or 2026-03-01T08:00:00Z, got 'never'"),
        ("JIEYUE_SPEED", "0", "JIEYUE_SPEED: expected a number above 0, got 0"),
        ("JIEYUE_SPEED", "nan", "JIEYUE_SPEED: expected a number above 0, got nan"),
        ("JIEYUE_SPEED", "fast", "JIEYUE_SPEED: expected a number, got 'fast'"),
    ],
)
@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("edge", ["check", "--config", "gw.yaml"]),
        ("cloud", ["migrate"]),
        ("simulators", ["device", "--profile", "electricity/chint-dtsu666", "--port", "0"]),
    ],
)
def test_a_wrong_clock(program: str, arguments: list[str], variable: str, value: str, said: str, place: Place) -> None:
    """All parts of a trial take the same clock, and none starts with a wrong one."""
    refused(place.run(program, *arguments, **{variable: value}), said)
