"""A disk that can be filled, taken away and brought back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest


class SmallDisk:
    """A file system of 16 MiB of its own, which can be filled, taken away and brought back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "other"

    def mount(self) -> None:
        """As a card that is put in; it is empty then."""
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(self.folder)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")

    def unmount(self) -> None:
        """As a card that is pulled out: who has files of it open keeps them."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def remount(self, how: str) -> None:
        """`ro` or `rw`."""
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.folder)], check=True)

    def fill(self) -> None:
        """Another program takes all the room that there is."""
        with self._ballast.open("ab", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(bytes(4096))

    def free(self) -> None:
        """It gives the room back."""
        self._ballast.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Only root may mount one."""
    if os.geteuid() != 0:
        pytest.skip("a file system is mounted as root")
    (tmp_path / "disk").mkdir()
    disk = SmallDisk(tmp_path / "disk")
    disk.mount()
    yield disk
    subprocess.run(["umount", "--lazy", str(disk.folder)], check=False)
