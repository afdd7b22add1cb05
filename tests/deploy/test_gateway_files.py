"""What makes a Pi a gateway: the unit, the names of adapters, the script that installs, the file for its first start."""

from __future__ import annotations

import configparser
import os
import re
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

from contract.profile import FIRMWARE_CONFIGS
from tests.conftest import installed

ROOT = Path(__file__).resolve().parents[2]
GATEWAY = FIRMWARE_CONFIGS / "gateway"
UNIT = GATEWAY / "jieyue-edge.service"
OURS = ("contract", "protocols", "edge", "cloud", "simulators", "firmware_configs", "dashboards")
REQUIRED = ("gateway.yaml", "password", "ca.crt", "site")


def unit() -> configparser.RawConfigParser:
    """The unit; of a key that is given several times the last value."""
    found = configparser.RawConfigParser(strict=False)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string(UNIT.read_text(encoding="utf-8"))
    return found


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, once the program is where this environment has it."""
    installed("systemd-analyze", "systemd")
    program = Path(sys.executable).parent / "jieyue-edge"
    here = tmp_path / UNIT.name
    here.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/jieyue/bin/jieyue-edge", str(program)), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(here)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_unit_has_few_rights_and_is_watched() -> None:
    """No root, no capability, its own folder only; started anew when it stands still, but not when its configuration is wrong."""
    service = unit()["Service"]
    assert [service[k] for k in ("Type", "User", "CapabilityBoundingSet", "NoNewPrivileges")] == ["notify", "jieyue", "", "yes"]
    assert [service[k] for k in ("ProtectSystem", "StateDirectory", "DevicePolicy")] == ["strict", "jieyue", "closed"]
    assert int(service["WatchdogSec"]) == 60
    assert (service["Restart"], service["RestartPreventExitStatus"]) == ("always", "2")


def test_the_unit_lets_the_gateway_ask_for_the_clock() -> None:
    """adjtimex(2) must answer, or everything read waits for its date for ever; the boot's id must be readable too."""
    service = unit()["Service"]
    assert "@clock" in service["SystemCallFilter"].split()
    assert not {"ProtectClock", "ProcSubset"} & set(service)


def test_adapters_get_names_that_stay() -> None:
    """Each rule is of keys and operators that udev(7) knows, every jump has its label, and every name lies in /dev/rs485."""
    rules = [
        line for line in (GATEWAY / "99-jieyue-rs485.rules").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")
    ]
    part = re.compile(r'(ACTION|SUBSYSTEMS?|DRIVER|ATTRS?\{\w+\}|SYMLINK|GOTO|LABEL)(==|!=|\+=|=)"([^"]+)"')
    jumps: set[str] = set()
    labels: set[str] = set()
    names: list[str] = []
    for rule in rules:
        parts = [part.fullmatch(p) for p in rule.split(", ")]
        assert all(parts), rule
        for found in (p for p in parts if p):
            if found[1] in {"GOTO", "LABEL"}:
                (jumps if found[1] == "GOTO" else labels).add(found[3])
            if found[1] == "SYMLINK":
                names.append(found[3])
    assert jumps <= labels
    assert names
    assert all(name.startswith("rs485/") for name in names)


def test_the_first_start_runs_the_installer_and_leaves_no_secret() -> None:
    """cloud-init's file is YAML under its first line, has no password of its own, and takes the gateway's off the card's open part."""
    text = (GATEWAY / "user-data").read_text(encoding="utf-8")
    assert text.startswith("#cloud-config\n")
    found = yaml.safe_load(text)
    assert set(found) <= {"hostname", "timezone", "package_update", "packages", "ssh_pwauth", "users", "write_files", "runcmd"}
    assert "python3-venv" in found["packages"]
    assert found["runcmd"] == [
        ["sh", "/boot/firmware/jieyue/install-gateway", "/boot/firmware/jieyue"],
        ["sh", "-c", "rm -f /boot/firmware/jieyue/password* /boot/firmware/jieyue/client.key"],
    ]
    assert (found["ssh_pwauth"], [u["lock_passwd"] for u in found["users"]]) == (False, [True])


@pytest.mark.timeout(240)
def dependencies(folder: Path) -> Path:
    """What our packages need, as this environment has it, without our own: that is what the installer brings."""
    folder.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(("jieyue-", *OURS)):
            (folder / entry.name).symlink_to(entry)
    return folder


def test_the_installer_makes_a_gateway(tmp_path: Path) -> None:
    """From a wheel and four files into an empty root: the program checks its configuration there, and its password is not for everybody."""
    installed("systemd-sysusers", "systemd")
    if os.geteuid() != 0:
        pytest.skip("an installer runs as root")
    folder, root = tmp_path / "card", tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    folder.mkdir()
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], check=True, timeout=180
    )
    subprocess.run(["cp", "-r", str(FIRMWARE_CONFIGS / "sites/lizhou"), str(folder / "site")], check=True)
    (folder / "gateway.yaml").write_text(
        "gateway: gw-c1\nsite: ./site\ndata: /var/lib/jieyue\nbroker: {password_file: /etc/jieyue/password}\n"
    )
    (folder / "password").write_text("secret\n")
    (folder / "ca.crt").write_text("an authority\n")
    for name in ("password-c1-mqtt", "client.crt", "client.key"):
        (folder / name).write_text("where there are such\n")
    subprocess.run([sys.executable, "-m", "venv", str(root / "opt/jieyue")], check=True, timeout=120)
    packages = next((root / "opt/jieyue/lib").glob("python3*/site-packages"))
    (packages / "dependencies.pth").write_text(f"{dependencies(tmp_path / 'dependencies')}\n")
    command = ["sh", str(GATEWAY / "install-gateway"), str(folder), str(root)]
    again = None
    for _ in range(2):
        again = subprocess.run(command, env=os.environ | {"PIP_NO_DEPS": "1"}, capture_output=True, text=True, timeout=200, check=False)
        assert again.returncode == 0, again.stderr
    etc = root / "etc"
    assert (etc / "systemd/system/jieyue-edge.service").read_bytes() == UNIT.read_bytes()
    assert (etc / "udev/rules.d/99-jieyue-rs485.rules").is_file()
    user = next(line for line in (etc / "passwd").read_text().splitlines() if line.startswith("jieyue:")).split(":")
    assert user[-1].endswith("nologin")
    kept = {p.name: (p.stat().st_gid, stat.S_IMODE(p.stat().st_mode)) for p in (etc / "jieyue").iterdir()}
    names = {*REQUIRED, "password-c1-mqtt", "client.crt", "client.key"}
    assert kept == {name: (int(user[3]), 0o750 if name == "site" else 0o640) for name in names}
    assert (packages / "firmware_configs/gateway/install-gateway").is_file()


@pytest.mark.parametrize("lacking", REQUIRED)
def test_the_installer_names_what_is_missing(tmp_path: Path, lacking: str) -> None:
    """Exit code 2 and one line, before anything is written."""
    for name in REQUIRED:
        if name != lacking:
            (tmp_path / name).touch()
    root = tmp_path / "root"
    done = subprocess.run(["sh", str(GATEWAY / "install-gateway"), str(tmp_path), str(root)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"install-gateway: {tmp_path / lacking} is missing\n")
    assert not root.exists()
