"""docker-compose.yml and Dockerfile as data, and what deploy/prepare makes for them. No Docker engine is needed."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.broker import Mosquitto, certificates, shipped

ROOT = Path(__file__).resolve().parents[2]


def stages(text: str) -> dict[str, dict[str, Any]]:
    """The stages of a Dockerfile by name, each with what it takes over from the stage it builds on."""
    found: dict[str, dict[str, Any]] = {}
    image: dict[str, Any] = {}
    for line in re.sub(r"\\\n", " ", "\n".join(row for row in text.splitlines() if not row.startswith("#"))).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            new: dict[str, Any] = {"base": base, "user": "", "environment": {}, "lines": []}
            image = found[name] = deepcopy(found.get(base, new))
        image["lines"].append(line.strip())
        if word == "USER":
            image["user"] = rest
        elif word == "ENV":
            image["environment"] |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        elif word == "HEALTHCHECK":
            image["healthcheck"] = json.loads(rest.partition(" CMD ")[2])
        elif word in {"ENTRYPOINT", "CMD"}:
            image[word.lower()] = json.loads(rest)
    return found


@pytest.fixture(scope="session")
def variables() -> dict[str, str]:
    """What .env.example sets."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.fixture(scope="session")
def compose(variables: dict[str, str]) -> dict[str, Any]:
    """docker-compose.yml with its variables filled in."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{(\w+)[^}]*\}", lambda m: variables[m[1]], text))
    return found


@pytest.fixture(scope="session")
def images() -> dict[str, dict[str, Any]]:
    """The stages of the Dockerfile."""
    return stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def ours(compose: dict[str, Any], images: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Our own services, each with its image."""
    return {name: images[s["build"]["target"]] for name, s in compose["services"].items() if "build" in s}


def run_prepare(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(["deploy/prepare", *names], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="session")
def prepare() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs deploy/prepare in a folder, with names of the broker."""
    return run_prepare


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what compose reads from the repository, after `deploy/prepare 127.0.0.1`."""
    if os.geteuid() != 0:
        reason = "deploy/prepare gives files to the users of the containers, which only root may do"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("prepared")
    for name in ("docker-compose.yml", ".env.example"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("deploy", "firmware_configs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("secrets"))
    done = run_prepare(folder, "127.0.0.1")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def _files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "broker"
    command, environment = [sys.executable, "-m", "cloud", "broker", str(folder)], os.environ | {"JIEYUE_SITE": "lizhou"}
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0
    done = certificates(folder, "localhost", "127.0.0.1")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def files(_files: Path, tmp_path: Path) -> Path:
    """passwd, acl, passwords/ of the shipped site, and a certificate for localhost; a copy of its own."""
    return Path(shutil.copytree(_files, tmp_path / "broker"))


@pytest.fixture
def broker(files: Path, mosquitto: None) -> Iterator[Mosquitto]:
    """broker.conf as it ships, but for its port and its place."""
    _ = mosquitto
    server = Mosquitto(files, shipped("broker.conf"))
    yield server
    server.stop()
