"""Brings a library of the pages into the repository: `python -m cloud.web.vendoring`, run by a developer and never by a build.

npm packs the published tarball; its digest must be the one that stands here, and only the files that are used are kept.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).with_name("vendor")
NAME, VERSION, LICENCE = "echarts", "6.1.0", "Apache-2.0"
TARBALL = "sha512-q0yaFPggC9FUdsWH4blavRWFmxdrIodbkoKNAjJudAI6CA9gNPxHtV2RcZNEepZVlk4yvBYkOkbk6HIVpIyHZA=="
"""`dist.integrity` as the registry publishes it."""
FILES = ("dist/echarts.min.js", "LICENSE", "NOTICE")


def digest(algorithm: str, content: bytes) -> str:
    """A digest as an `integrity` attribute writes it."""
    return f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"


def main() -> int:
    """Fetch, check, unpack; 1 if the tarball is not the one that was expected."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", f"{NAME}@{VERSION}", "--silent"], cwd=folder, check=True)  # noqa: S603, S607 (a developer's npm)
        tarball = next(Path(folder).glob("*.tgz"))
        if digest("sha512", tarball.read_bytes()) != TARBALL:
            sys.stderr.write(f"{tarball.name}: expected {TARBALL}\n")
            return 1
        target = VENDOR / f"{NAME}-{VERSION}"
        target.mkdir(parents=True, exist_ok=True)
        with tarfile.open(tarball) as packed:
            for name in FILES:
                member = packed.extractfile(f"package/{name}")
                assert member is not None, name  # noqa: S101 (the digest holds, so the file is there)
                (target / Path(name).name).write_bytes(member.read())
    files = {Path(name).name: digest("sha384", (target / Path(name).name).read_bytes()) for name in FILES}
    about = {"name": NAME, "version": VERSION, "licence": LICENCE, "tarball": TARBALL, "files": files}
    (target / "vendor.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
