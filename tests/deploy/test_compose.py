"""docker-compose.yml: valid, nothing that it names is missing, nothing has more rights than it needs."""

from __future__ import annotations

import hashlib
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract import rights
from contract.site import load_site
from contract.sitefolder import shipped_site
from protocols.modbus.model import Bus

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(r"\$\{(\w+)([^}]*)\}")
_MADE_ANEW = {"passwd", "server.crt", "server.key", "revoked.crl"}
BECOMES_ITS_USER = {"influxdb"}
"""Images whose entrypoint starts as root, hands its volumes over and then runs the server as its own user."""


@pytest.mark.parametrize("file", ["docker-compose.yml", "deploy/certificates.yml", "deploy/workers.yml"])
def test_compose_follows_its_schema(file: str) -> None:
    """The schema of the Compose Specification, as check-jsonschema carries it."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(ROOT / file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "ok -- validation done\n")


def test_the_promised_services_are_there(compose: dict[str, Any]) -> None:
    """The broker, both stores, Grafana, the cloud after its steps, and a gateway for each one of the site; simulators by their profile."""
    gateways = {g.id: g.id.replace("gw-", "edge-") for g in load_site(shipped_site("lizhou")).gateways}
    found = compose["services"]
    steps = {"influx-setup", "migrate", "site"}
    assert set(found) == {"mosquitto", "influxdb", "postgres", "grafana", "cloud", "simulators", *steps, *gateways.values()}
    assert {name for name, service in found.items() if service["restart"] == "on-failure"} == steps
    after = {name: set(found[name]["depends_on"]) for name in ("cloud", "site", "migrate")}
    assert (after["site"], after["migrate"]) == ({"migrate"}, {"postgres"})
    assert after["cloud"] == {"influx-setup", "site", "mosquitto", "postgres"}
    assert {name: s["profiles"] for name, s in found.items() if "profiles" in s} == {"simulators": ["simulators"]}
    for gateway, name in gateways.items():
        assert any(v.endswith(f"/{gateway}.yaml:/etc/jieyue/gateway.yaml:ro") for v in found[name]["volumes"])


def test_each_variable_is_in_the_example_and_none_has_a_default(variables: dict[str, str]) -> None:
    """An unset one ends the start and says what to do; the example holds no variable that nothing reads, and no secret."""
    used = VARIABLE.findall("".join((ROOT / f).read_text(encoding="utf-8") for f in ("docker-compose.yml", "deploy/certificates.yml")))
    assert {name for name, _ in used} | {"COMPOSE_PROFILES"} == set(variables)
    assert {rest.partition("?")[0] for _, rest in used} == {":"}
    assert not [n for n in variables if re.search("PASSWORD|TOKEN|KEY", n)]


def test_no_secret_stands_in_the_environment(compose: dict[str, Any]) -> None:
    """Passwords and tokens are files: a variable with such a name names a file."""
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN", name):
                assert name.endswith("_FILE"), name
                assert value.startswith(("/run/secrets/", "/run/influx-tokens/")), name


def test_no_service_has_more_than_it_needs(compose: dict[str, Any], ours: dict[str, dict[str, Any]]) -> None:
    """No rights, read-only, bounded logs, restarted, watched; an image that cannot change; no root but where it gives that up."""
    for name, service in compose["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
        assert service["restart"] in {"unless-stopped", "on-failure"}, name
        assert "privileged" not in service, name
        assert not [v for v in service["volumes"] if "docker.sock" in v], name
        if name in ours:
            assert ours[name]["healthcheck"], name
            continue
        assert re.fullmatch(r"[a-z/-]+:\d+\.\d+[\w.-]*@sha256:[0-9a-f]{64}", service["image"]), name
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert name in BECOMES_ITS_USER or int(service["user"].partition(":")[0]) > 0, name
        assert ("cap_add" in service) == (name in BECOMES_ITS_USER), name


def test_only_what_people_and_gateways_use_is_open(compose: dict[str, Any]) -> None:
    """Pages and Grafana on this machine only, TLS and the terminals' port outside; the stores' network has no way out."""
    open_ports = {name: s["ports"] for name, s in compose["services"].items() if "ports" in s}
    assert open_ports == {
        "mosquitto": ["0.0.0.0:8883:8883"],
        "cloud": ["127.0.0.1:8080:8080"],
        "grafana": ["127.0.0.1:3000:3000"],
        "edge-vehicles": ["0.0.0.0:6808:6808"],
    }
    assert compose["networks"]["stores"] == {"internal": True}
    assert {n for n, s in compose["services"].items() if "stores" in s["networks"]} == {
        "influxdb", "influx-setup", "postgres", "grafana", "cloud", "migrate", "site",
    }  # fmt: skip


def test_every_volume_network_and_secret_is_declared(compose: dict[str, Any]) -> None:
    """And none is declared that nobody uses."""
    used: dict[str, set[str]] = {"volumes": set(), "networks": set(), "secrets": set()}
    for service in compose["services"].values():
        used["volumes"] |= {v.partition(":")[0] for v in service["volumes"] if not v.startswith((".", "/"))}
        used["networks"] |= set(service["networks"])
        used["secrets"] |= set(service.get("secrets", []))
        files = re.findall(r"/run/secrets/([\w-]+)", str(service.get("environment", "")) + str(service.get("command", "")))
        assert set(files) <= set(service.get("secrets", []))
    assert {key: set(compose[key]) for key in used} == used


def test_everything_mounted_is_there_and_belongs_to_who_reads_it(
    compose: dict[str, Any], ours: dict[str, dict[str, Any]], prepared: Path
) -> None:
    """In the repository, or made by deploy/prepare; secrets are readable by the container's user and by nobody else."""
    for name, service in compose["services"].items():
        user = int(str(service.get("user", ours[name]["user"] if name in ours else "1000")).partition(":")[0])
        bound = [v.rpartition(":/")[0] for v in service["volumes"] if v.startswith(".")]
        for source in bound:
            assert (prepared / source).exists() or (ROOT / source).exists(), source
        secrets = [compose["secrets"][s]["file"] for s in service.get("secrets", [])] + [b for b in bound if "secrets" in b]
        for source in secrets:
            status = (prepared / source).stat()
            assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (user, 0o700 if (prepared / source).is_dir() else 0o400), source


def test_preparing_again_keeps_what_is_there(prepared: Path) -> None:
    """Passwords, the authority and .env stay; they are random, of use to mosquitto, and nobody else may look into the folder."""

    def digests() -> dict[str, str]:
        kept = [p for p in (prepared / "deploy/secrets").rglob("*") if p.is_file() and p.name not in _MADE_ANEW]
        return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in [*kept, prepared / ".env"]}

    before = digests()
    command = ["sh", "deploy/prepare", "127.0.0.1"]
    path = f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"
    done = subprocess.run(command, cwd=prepared, env={"PATH": path}, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert digests() == before
    made = [p.read_text(encoding="utf-8").strip() for p in (prepared / "deploy/secrets/made").iterdir()]
    assert len(set(made)) == 4
    assert min(map(len, made)) >= 40
    assert stat.S_IMODE((prepared / "deploy/secrets").stat().st_mode) == 0o700
    users = {p.name for p in (prepared / "deploy/secrets/jieyue/passwords").iterdir()}
    assert users == set(rights.rights(load_site(shipped_site("lizhou")), "jieyue"))


def test_passwords_hold_no_sign_that_a_program_expands(prepared: Path) -> None:
    """Grafana takes `$NAME` in a provisioned password for a variable, shells and URLs have signs of their own: none is made."""
    made = [*(prepared / "deploy/secrets/made").iterdir(), *(prepared / "deploy/secrets/broker/passwords").iterdir()]
    assert len(made) > 4
    assert [path.name for path in made if not re.fullmatch(r"[\w-]+\n?", path.read_text(encoding="utf-8"), re.ASCII)] == []


@pytest.mark.parametrize("folder", ["deploy/edge", "deploy/edge/simulated"])
def test_the_gateways_configurations_are_of_the_site(folder: str) -> None:
    """One for each gateway, over TLS to the broker, with secrets that compose gives it; simulated buses at the simulators' ports."""
    site = load_site(shipped_site("lizhou"))
    ports = {b.id: 15001 + i for i, b in enumerate(b for b in site.buses if b.protocol == "modbus")}
    found = {p.stem: yaml.safe_load(p.read_text(encoding="utf-8")) for p in (ROOT / folder).glob("*.yaml")}
    assert set(found) == {g.id for g in site.gateways}
    for name, settings in found.items():
        secret = f"/run/secrets/mqtt-{name}"
        wanted = {"host": "mosquitto", "port": 8883, "user": name, "password_file": secret, "ca_file": "/run/secrets/authority"}
        assert (settings["gateway"], settings["broker"], settings["data"]) == (name, wanted, "/var/lib/jieyue")
        for bus, address in settings.get("buses", {}).items():
            known = site.bus_by_id[bus]
            assert known.gateway == name
            if known.protocol == "mqtt":
                assert (address["user"], address["password_file"]) == (rights.bus_user(known), f"{secret}-{bus}")
            if isinstance(known, Bus):
                assert address == {"host": "simulators", "port": ports[bus], "framing": known.framing}
        mine = {b.id for b in site.buses if b.gateway == name}
        assert folder == "deploy/edge" or set(settings["buses"]) == mine


def test_grafana_gets_what_its_provisioning_asks_for(compose: dict[str, Any]) -> None:
    """Each variable, file and folder that dashboards/grafana/provisioning names is the container's."""
    grafana = compose["services"]["grafana"]
    text = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "dashboards/grafana/provisioning").rglob("*.yaml"))
    text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    assert set(re.findall(r"\$([A-Z][A-Z_]+)", text)) == {n for n in grafana["environment"] if n.startswith("INFLUX_")}
    paths = re.findall(r"\$__file\{([^}]+)\}", text) + re.findall(r"path: ([^,}\s]+)", text)
    mounted = [v.removesuffix(":ro").rpartition(":")[2] for v in grafana["volumes"]]
    assert paths
    assert all(any(path.startswith(f"{target}/") for target in mounted) for path in paths)
