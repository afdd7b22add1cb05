"""Whatever is wrong with a file, a setting or an argument: one line that says where and what was expected, and exit code 2."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.timekeeping import HOW, kernel_synchronised

NAME = {"zh": "试验", "en": "Trial"}
SITE = """\
id: s
name: {zh: 试验, en: Trial}
group: "510802"
latitude: 32.4
longitude: 105.8
compounds: [{id: c, name: {zh: 院, en: Yard}, buildings: []}]
units: [{id: u, name: {zh: 局, en: Bureau}, compound: c, headcount: 5, area: 90}]
gateways: [{id: gw}]
buses:
  - {id: line, gateway: gw, protocol: modbus, port: 1}
  - {id: pub, gateway: gw, protocol: mqtt}
devices:
  - {id: em, name: {zh: 表, en: Meter}, profile: electricity/chint-dtsu666, bus: line, unit_id: 1}
  - {id: pm, name: {zh: 表, en: Meter}, profile: electricity/jieyue-mqtt-meter, bus: pub, topic: meters/1}
meters:
  - {id: m, name: {zh: 表, en: Meter}, energy: electricity, device: em, point: energy_import, main: true, units: [u]}
  - {id: oil, name: {zh: 油, en: Oil}, energy: diesel, main: true, units: [u]}
"""
GATEWAY: dict[str, Any] = {"gateway": "gw", "site": "./site", "data": "edge"}


class Place:
    """A folder with a right site and a right gateway, which a test spoils."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "site").mkdir()
        self.site()
        self.gateway()

    def site(self, before: str = "", after: str = "") -> None:
        """Write the site, with one text replaced."""
        assert before in SITE
        (self.folder / "site" / "site.yaml").write_text(SITE.replace(before, after, 1) if before else SITE, encoding="utf-8")

    def gateway(self, **fields: object) -> None:
        """Write the gateway's configuration, with fields replaced or added."""
        (self.folder / "gw.yaml").write_text(yaml.safe_dump(GATEWAY | fields, sort_keys=False), encoding="utf-8")

    def run(self, program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A real command, in the folder; fails if it says anything but lines of its own, or a traceback."""
        variables = {k: v for k, v in os.environ.items() if not k.startswith("JIEYUE_")}
        variables |= {"JIEYUE_DATA": "cloud", "JIEYUE_SITE": "./site"} | environment
        done = subprocess.run(
            [sys.executable, "-m", program, *arguments],
            cwd=self.folder,
            env=variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        names = {"edge": "jieyue-edge", "cloud": "jieyue-cloud", "simulators": "jieyue-sim", "simulators.stack.demo": "demo"}
        assert "Traceback" not in done.stderr
        assert all(line.startswith(names[program]) for line in done.stderr.splitlines()), done.stderr
        return done


@pytest.fixture
def place(tmp_path: Path, entered: Callable[..., Path]) -> Place:
    """Everything right, and the site entered."""
    made = Place(tmp_path)
    entered(tmp_path / "cloud", tmp_path / "site")
    return made


def refused(done: subprocess.CompletedProcess[str], said: str, code: int = 2) -> None:
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert said in done.stderr


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
    ("units: [u]", "units: [v]", "meters.0.units.0: expected the id of a unit, got 'v'"),
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


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["serve"], {"JIEYUE_PORT": "abc"}, "JIEYUE_PORT: Input should be a valid integer"),
        (["serve"], {"JIEYUE_PORT": "70000"}, "JIEYUE_PORT: Input should be less than or equal to 65535, got '70000'"),
        (["serve"], {"JIEYUE_TELEMETRY": "bogus"}, "JIEYUE_TELEMETRY: telemetry URL must be sqlite:///path or influx+http"),
        (["ingest"], {"JIEYUE_TELEMETRY": "influx+http://host"}, "JIEYUE_TELEMETRY: telemetry URL needs a host and a database"),
        (["migrate"], {"JIEYUE_DATABASE": "bogus"}, "JIEYUE_DATABASE: expected sqlite:///path or postgresql+psycopg://"),
        (["migrate"], {"JIEYUE_DATABASE": "oracle9://x/y"}, "JIEYUE_DATABASE: expected sqlite:///path or postgresql+psycopg://"),
        (
            ["broker", "x"],
            {"JIEYUE_SITE": "nowhere"},
            "JIEYUE_SITE: expected a folder, or one of the shipped sites (lizhou), got 'nowhere'",
        ),
        (["broker", "x"], {"JIEYUE_SITE": ""}, "JIEYUE_SITE: expected a folder, or one of the shipped sites (lizhou), got ''"),
        (["site", "apply", "nowhere"], {}, "FOLDER: expected a folder, or one of the shipped sites (lizhou), got 'nowhere'"),
        (["site", "plan", "site", "--from", "1.3.2026"], {}, "argument --from: expected a day such as 2026-03-01, got '1.3.2026'"),
        (["serve"], {"JIEYUE_MQTT_PASSWORD_FILE": "none"}, "JIEYUE_MQTT_PASSWORD_FILE: none cannot be read: No such file or directory"),
        (["serve"], {"JIEYUE_MQTT_CA_FILE": "none"}, "JIEYUE_MQTT_CA_FILE: none: cannot be read: No such file or directory"),
        (["import", "none.csv"], {}, "none.csv: cannot be read: "),
        (["token"], {}, "the following arguments are required: NAME"),
        (["token", "x", "--role", "king"], {}, "argument --role: invalid Role value: 'king'"),
        (["frobnicate"], {}, "argument COMMAND: invalid choice: 'frobnicate'"),
        ([], {}, "the following arguments are required: COMMAND"),
    ],
)
def test_wrong_settings_and_arguments_of_the_cloud(arguments: list[str], environment: dict[str, str], said: str, place: Place) -> None:
    """`jieyue-cloud` names the variable or the argument, and never shows what may hold a password."""
    refused(place.run("cloud", *arguments, **environment), said)


@pytest.mark.parametrize(
    ("command", "variable", "value", "said"),
    [
        ("serve", "JIEYUE_DATABASE", "postgresql+psycopg://u:secret@127.0.0.1:1/x", "the database cannot be opened: "),
        ("serve", "JIEYUE_DATABASE", "sqlite:///site/site.yaml", "the database cannot be opened: file is not a database"),
        ("serve", "JIEYUE_TELEMETRY", "sqlite:///site", "the time-series store cannot be opened: "),
        ("migrate", "JIEYUE_DATA", "gw.yaml", "File exists: 'gw.yaml'"),
    ],
)
def test_a_store_that_cannot_be_opened_is_no_bad_input(command: str, variable: str, value: str, said: str, place: Place) -> None:
    """The machine refuses: one line, no password in it, and exit code 1."""
    done = place.run("cloud", command, **{variable: value})
    refused(done, said, code=1)
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("meter,month\n", "fuel.csv:1: header: expected the columns meter, month, amount, got meter, month"),
        ("meter,month,amount\noil,2026-01,5\nnone,2026-01,5\n", "fuel.csv:3: meter: no meter 'none'"),
        ("meter,month,amount\noil,01/2026,5\n", "fuel.csv:2: month: expected YYYY-MM such as 2026-03, got '01/2026'"),
        ("meter,month,amount\noil,2026-01,five\n", "fuel.csv:2: amount: expected a number, got 'five'"),
        ("meter,month,amount\noil,2026-01,-5\n", "fuel.csv:2: amount: expected a number of at least 0, got -5"),
        ("meter,month,amount\noil,2026-01,5,6\n", "fuel.csv:2: amount: expected 3 fields, got 4"),
        ('meter,month,amount\noil,2026-01,"5\n', "fuel.csv:2: line: not CSV"),
    ],
)
def test_a_wrong_line_of_an_import(lines: str, said: str, place: Place) -> None:
    """File, line and column; nothing is entered."""
    (place.folder / "fuel.csv").write_text(lines, encoding="utf-8")
    refused(place.run("cloud", "import", "fuel.csv", JIEYUE_NOW="2026-03-11"), said)


def test_all_wrong_lines_of_an_import_are_told_at_once(place: Place) -> None:
    """A line of the answer for each, so that a file is not mended one start at a time."""
    (place.folder / "fuel.csv").write_text("meter,month,amount\nnone,2026-01,5\noil,2026-01,x\n", encoding="utf-8")
    done = place.run("cloud", "import", "fuel.csv", JIEYUE_NOW="2026-03-11")
    assert done.returncode == 2
    assert [line.split(": ")[1:3] for line in done.stderr.splitlines()] == [["fuel.csv:2", "meter"], ["fuel.csv:3", "amount"]]


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["check"], "the following arguments are required: --config", 2),
        (["dance", "--config", "gw.yaml"], "argument COMMAND: invalid choice: 'dance'", 2),
        (["read", "--config", "gw.yaml"], "the following arguments are required: DEVICE", 2),
        (["read", "--config", "gw.yaml", "nobody"], "the site s has no device 'nobody'", 2),
        (["read", "--config", "gw.yaml", "pm"], "pm: devices on mqtt speak by themselves and cannot be asked", 2),
        (["read", "--config", "gw.yaml", "em"], "em: no connection", 1),
        (["scan", "--config", "gw.yaml", "--bus", "x"], "--bus: expected one of line, pub, got 'x'", 2),
    ],
)
def test_wrong_arguments_of_the_edge(arguments: list[str], said: str, code: int, place: Place) -> None:
    """`jieyue-edge` names what is wrong; a device that does not answer is exit code 1."""
    refused(place.run("edge", *arguments), said, code)


@pytest.fixture
def busy() -> Iterator[int]:
    """A port that somebody else has."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["device", "--profile", "electricity/none", "--port", "0"], "none.yaml: cannot be read: No such file or directory"),
        (["device", "--profile", "electricity/jieyue-mqtt-meter", "--port", "0"], "only modbus devices can be served alone"),
        (["device", "--profile", "x/y", "--port", "-1"], "argument --port: expected a port from 0 (a free one) to 65535, got '-1'"),
        (["device", "--profile", "x/y", "--port", "0", "--unit", "300"], "argument --unit: expected a unit id from 1 to 247, got '300'"),
        (["device", "--profile", "x/y", "--port", "0", "--framing", "ascii"], "argument --framing: invalid choice: 'ascii'"),
        (["site", "--site", "nowhere", "--data", "sim"], "nowhere: no such folder; expected a site with *.yaml files"),
        (["site", "--site", "site", "--data", "sim", "--gateway", "x"], "the site s has no gateway 'x'"),
        (["site", "--site", "site", "--data", "sim", "--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["site", "--site", "site", "--data", "sim", "--jt808", "host"], "argument --jt808: expected HOST:PORT, got 'host'"),
        (["history", "--site", "site", "--mqtt", "host:x", "--passwords", "p"], "argument --mqtt: expected a port from 0"),
        (["faults", "--data", "sim", "list"], "--data: sim: nothing was played from there"),
        (["faults", "list"], "the following arguments are required: --data"),
        (["faults", "--data", "sim", "break"], "argument ACTION: invalid choice: 'break'"),
    ],
)
def test_wrong_arguments_of_the_simulators(arguments: list[str], said: str, place: Place) -> None:
    """`jieyue-sim` names what is wrong."""
    refused(place.run("simulators", *arguments), said)


@pytest.mark.parametrize("name", ["written.jsonl", "faults.jsonl"])
def test_a_damaged_memory_of_the_simulated_site(name: str, place: Place) -> None:
    """What was written to the world is not forgotten silently."""
    (place.folder / "sim").mkdir()
    (place.folder / "sim" / name).write_text('{"at": 5}\n', encoding="utf-8")
    refused(place.run("simulators", "site", "--site", "site", "--data", "sim"), f'sim/{name}:1: expected {{"at", "device", ')


@pytest.mark.parametrize(
    ("bind", "said"),
    [("127.0.0.1", "Address already in use"), ("192.0.2.1", "Cannot assign requested address"), ("none.invalid", "unknown host")],
)
def test_an_interface_that_cannot_listen(place: Place, busy: int, bind: str, said: str) -> None:
    """The machine refuses in one line that names the settings; exit code 1."""
    done = place.run("cloud", "serve", JIEYUE_PORT=str(busy), JIEYUE_BIND=bind)
    refused(done, f"cannot listen on {bind}:{busy} (JIEYUE_BIND, JIEYUE_PORT): {said}", code=1)


def test_a_port_that_is_taken_is_no_bad_input(place: Place, busy: int) -> None:
    """The machine refuses: exit code 1."""
    done = place.run("simulators", "device", "--profile", "electricity/chint-dtsu666", "--port", str(busy))
    refused(done, f"cannot open 127.0.0.1:{busy}", code=1)


def test_a_missing_password_file_of_the_simulators(place: Place) -> None:
    """A folder of passwords that does not hold what is needed: the file is named."""
    arguments = ["site", "--site", "site", "--data", "sim", "--mqtt", "127.0.0.1:1", "--mqtt-passwords", "none"]
    refused(place.run("simulators", *arguments), "No such file or directory: 'none/devices-pub'", code=1)


@pytest.mark.parametrize(
    ("environment", "said", "code"),
    [
        ({"JIEYUE_PORT": "abc"}, "demo: JIEYUE_PORT: expected a port from 0 (a free one) to 65535, got 'abc'", 2),
        ({"JIEYUE_NOW": "never"}, "demo: JIEYUE_NOW: expected a date", 2),
        ({"JIEYUE_SPEED": "0"}, "demo: JIEYUE_SPEED: expected a number above 0, got 0", 2),
        ({"JIEYUE_DATA": "gw.yaml"}, "File exists: 'gw.yaml'", 1),
    ],
)
def test_wrong_settings_of_the_demo(environment: dict[str, str], said: str, code: int, place: Place) -> None:
    """Nothing is started with a wrong setting."""
    refused(place.run("simulators.stack.demo", **environment), said, code)
