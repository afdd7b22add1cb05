"""Who is told of alerts under compose: the file that deploy/prepare makes, docker-compose.yml mounts and the cloud reads."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloud.alerts.channels import load_channels

ROOT = Path(__file__).resolve().parents[2]
OPERATING = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
ADDRESS = "mailtos://user:password@mail.example.cn?to=duty@example.cn"
CLOUD = 10001
"""Number of the user of our images."""


@pytest.fixture
def site(prepared: Path, tmp_path: Path) -> Path:
    """A prepared folder of its own, to be changed; all in it belongs to who made the copy until it is prepared again."""
    return Path(shutil.copytree(prepared, tmp_path / "site"))


def mounted(compose: dict[str, Any], folder: Path) -> Path:
    """The file that the cloud's variable names, where it lies outside of the container."""
    cloud = compose["services"]["cloud"]
    inside = Path(cloud["environment"]["JIEYUE_CHANNELS"])
    (source,) = [
        str(source)
        for source, _, target in (v.removesuffix(":ro").rpartition(":") for v in cloud["volumes"] if v.endswith(":ro"))
        if inside.is_relative_to(target)
    ]
    return folder.joinpath(source, inside.name)


def check(file: Path, ours: dict[str, dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    """`jieyue-cloud alerts check`, as in the cloud's container."""
    command = [str(Path(sys.executable).parent / ours["cloud"]["entrypoint"][0]), "alerts", "check"]
    environment = os.environ | {"JIEYUE_CHANNELS": str(file)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def tell_duty(file: Path) -> None:
    """Do what the file's comment says: its example in the place of `channels: []`."""
    text = file.read_text(encoding="utf-8").replace("channels: []\n", "")
    file.write_text(re.sub(r"^# (channels:|  - )", r"\1", text, flags=re.MULTILINE), encoding="utf-8")


def owned(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_uid, stat.S_IMODE(status.st_mode)


def test_nobody_is_told_at_first(compose: dict[str, Any], ours: dict[str, dict[str, Any]], prepared: Path) -> None:
    """The mounted file is there for the cloud's user alone, has no channel, and the check reads it and finds it well."""
    file = mounted(compose, prepared)
    assert owned(file) == (CLOUD, 0o400)
    assert load_channels(file) == []
    done = check(file, ours)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(" rules are fine\n")


def test_a_channel_is_set_up_as_written(compose: dict[str, Any], ours: dict[str, dict[str, Any]], site: Path) -> None:
    """The file's own example, then the commands of docs/operating.md but for Docker's: the cloud's user has both, duty is told."""
    file = mounted(compose, site)
    tell_duty(file)
    refused = check(file, ours)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert re.search(rf"{file}:\d+: channels\.0\.url_file: .*duty-url cannot be read", refused.stderr)
    (block,) = [text for text in re.findall(r"```sh\n(.*?)```", OPERATING, re.DOTALL) if "duty-url" in text]
    steps = [line for line in block.splitlines() if not line.startswith("docker ")]
    subprocess.run(["sh", "-e", "-c", "\n".join(steps)], cwd=site, timeout=60, check=True)
    assert {p.name: owned(p) for p in file.parent.iterdir()} == dict.fromkeys(("channels.yaml", "duty-url"), (CLOUD, 0o400))
    (duty,) = load_channels(file)
    assert (duty.name, duty.min_severity, duty.language, duty.url.get_secret_value()) == ("duty", "warning", "zh", ADDRESS)
    done = check(file, ours)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(" rules are fine; 1 channel: duty\n")


def test_preparing_again_keeps_channels(
    compose: dict[str, Any], site: Path, prepare: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """What people wrote stays to the byte, and a new address is given to the cloud's user."""
    file = mounted(compose, site)
    tell_duty(file)
    address = file.with_name("duty-url")
    address.write_text(ADDRESS + "\n", encoding="utf-8")
    before = file.read_bytes()
    done = prepare(site, "127.0.0.1")
    assert (done.returncode, done.stderr) == (0, "")
    assert file.read_bytes() == before
    assert address.read_text(encoding="utf-8") == ADDRESS + "\n"
    assert [owned(p) for p in (file, address)] == [(CLOUD, 0o400)] * 2


def test_what_is_mounted_holds_no_address(compose: dict[str, Any]) -> None:
    """The repository's file has no secret but an example's in a comment, and no channel that takes one from the environment."""
    lines = (ROOT / "deploy/channels.yaml").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == ["channels: []"]
    assert not [n for n in compose["services"]["cloud"]["environment"] if n.endswith("_URL")]
