"""Whatever is wrong with a setting or an argument: one line that says where and what was expected, and exit code 2."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.house.places import Place, refused


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
        (["serve"], {"JIEYUE_MQTT_PASSWORD_FILE": "none"}, "JIEYUE_MQTT_PASSWORD_FILE: none: cannot be read: No such file or directory"),
        (["serve"], {"JIEYUE_MQTT_CA_FILE": "none"}, "JIEYUE_MQTT_CA_FILE: none: cannot be read: No such file or directory"),
        (["serve", "--role", "ingest", "--role", "leader"], {}, "--role: expected ingest or leader, got both; the leader stores what no"),
        (["import", "none.csv"], {}, "none.csv: cannot be read: No such file or directory\n"),
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
        ("meter,month,amount\noil,2026-01,five\n", "fuel.csv:2: amount: expected a number such as 1234.5, got 'five'"),
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
        (["outbox", "--config", "gw.yaml"], "outbox.db: there is no outbox", 2),
        (["outbox", "--config", "gw.yaml", "--date", "b1"], "argument --date: expected 2 arguments", 2),
        (["schedule", "--config", "gw.yaml", "nobody"], "DEVICE: expected a device of gw, got 'nobody'", 2),
        (["schedule", "--config", "gw.yaml", "--at", "2026-10-01"], "argument --at: expected a time as RFC 3339, such as", 2),
        (["scan", "--config", "gw.yaml", "--bus", "x"], "--bus: expected one of line, pub, got 'x'", 2),
    ],
)
def test_wrong_arguments_of_the_edge(arguments: list[str], said: str, code: int, place: Place) -> None:
    """`jieyue-edge` names what is wrong; a device that does not answer is exit code 1."""
    refused(place.run("edge", *arguments), said, code)


MQTT, AT = "electricity/jieyue-mqtt-meter", ("--mqtt", "127.0.0.1:1")


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
        (["device", "--profile", MQTT, "--port", "0"], "--mqtt: expected HOST:PORT, the broker of devices that publish"),
        (["device", "--profile", "electricity/chint-dtsu666"], "--port: expected a number, since a device of modbus is asked there"),
        (["device", "--profile", MQTT, *AT, "--unit", "3"], "unit_id: expected a field that a bus or a device of mqtt has"),
        (
            ["device", "--profile", MQTT, *AT, "--set", "topic=a/+"],
            "topic: expected a topic without + and #, which would take every meter's",
        ),
        (["device", "--profile", MQTT, *AT, "--set", "topic"], "argument --set: expected FIELD=VALUE, got 'topic'"),
        (["device", "--profile", "electricity/chint-dtsu666", "--port", "0", "--set", "unit_id=400"], "unit_id: Input should be less than"),
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
