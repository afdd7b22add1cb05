"""The Dockerfile: small images of one part each, pinned, without root, without secrets, watched."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def test_our_images_run_as_a_user_without_rights(ours: dict[str, dict[str, Any]]) -> None:
    """By number, so that a host can tell, and the same in all of them, since deploy/prepare gives files to it."""
    assert {image["user"] for image in ours.values()} == {"10001:10001"}
    assert "ours=10001" in (ROOT / "deploy/prepare").read_text(encoding="utf-8")


def test_bases_are_pinned_and_small(ours: dict[str, dict[str, Any]], images: dict[str, dict[str, Any]]) -> None:
    """One slim base with a version; tools that build stay in their own stages."""
    assert {image["base"] for image in images.values()} == {"python:3.13-slim-bookworm"}
    for image in ours.values():
        assert not [line for line in image["lines"] if "pip " in line or re.match("ADD|COPY [^-]", line)]


def test_packages_leave_nothing_behind(images: dict[str, dict[str, Any]]) -> None:
    """Without recommended packages, lists removed in the same layer."""
    lines = [line for image in images.values() for line in image["lines"] if "apt-get" in line]
    assert lines
    assert all("--no-install-recommends" in line and line.endswith("rm -rf /var/lib/apt/lists/*") for line in lines)


def test_no_secret_is_built_in(images: dict[str, dict[str, Any]]) -> None:
    """No variable of an image is named like one, and what the build sees is only what makes the wheel."""
    assert not [n for image in images.values() for n in image["environment"] if re.search("PASSWORD|TOKEN|KEY", n)]
    sent = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sent[0] == "*"
    assert {line[1:] for line in sent if line.startswith("!")} == {*packages, "dashboards", "LICENSE", "README.md", "pyproject.toml"}


def test_each_image_has_the_extras_of_its_part_only(images: dict[str, dict[str, Any]]) -> None:
    """A gateway gets no cloud, and no image the demo."""
    installed = {name: re.findall(r"\[([\w,]+)\]\"", " ".join(i["lines"])) for name, i in images.items() if name.startswith("built-")}
    assert installed == {"built-cloud": ["cloud,grafana,influx,reports"], "built-edge": ["edge"], "built-simulators": ["simulators"]}
    for name in ("cloud", "edge", "simulators"):
        assert f"COPY --from=built-{name} /opt/jieyue /opt/jieyue" in images[name]["lines"]
        assert images[name]["entrypoint"] == [{"simulators": "jieyue-sim"}.get(name, f"jieyue-{name}")]


def test_urllib3_stays_what_other_packages_expect(images: dict[str, dict[str, Any]]) -> None:
    """Where grafana-client's urllib3-future is installed, in the image and by make, it is told not to write itself over urllib3."""
    wanted = {"URLLIB3_NO_OVERRIDE": "1", "PIP_NO_BINARY": "urllib3-future"}
    assert wanted.items() <= images["built-cloud"]["environment"].items()
    made = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(f"\nexport {name} := {value}\n" in made for name, value in wanted.items())
